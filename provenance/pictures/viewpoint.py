"""How a picture shows a sealed image, in numbers that a person understands."""

import math
from dataclasses import dataclass

import numpy as np

from provenance.pictures.registration import GRID
from watermark import Placement

_TURN = 0.05  # degrees below which nothing was turned
_WHOLE = 0.995
_LATTICE = 64  # places along either side at which it is asked whether the picture shows them


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """Turn, size and share of the sealed image that a picture shows.

    Attributes
    ----------
    degrees : float
        How far the image was turned clockwise, above -180 and up to 180.
    mirrored : bool
        Left and right are swapped (before it was turned).
    scale : float
        Pixels of the picture for one of the sealed image, along a side, in its middle.
    shown : float
        Share of the sealed image's area that lies within the picture, 0 to 1.
    """

    degrees: float
    mirrored: bool
    scale: float
    shown: float

    @classmethod
    def of(
        cls,
        placement: Placement,
        *,
        rows: int,
        columns: int,
        picture: tuple[int, int],
    ) -> "Viewpoint":
        """Describe a placement of a ``rows`` x ``columns`` image in a picture of some shape."""
        longer = max(rows, columns)
        across, down = columns / longer * GRID, rows / longer * GRID
        middle = np.array([across / 2, down / 2])
        ends = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
        right, below, left, above = placement.to_picture(middle + ends)
        x, y = (right - left) / 2, (below - above) / 2
        area = float(x[0] * y[1] - x[1] * y[0])
        mirrored = area < 0
        turned = -x if mirrored else x
        degrees = math.degrees(math.atan2(float(turned[1]), float(turned[0])))
        if degrees <= _TURN - 180:
            degrees += 360
        return cls(
            degrees=0.0 if abs(degrees) < _TURN else degrees,
            mirrored=mirrored,
            scale=math.sqrt(abs(area)) * GRID / longer,
            shown=_shown(placement, across, down, picture),
        )

    def words(self) -> str:
        """Return one phrase: what was done to the picture."""
        parts = [f"scale {self.scale:.2f}"]
        if self.mirrored:
            parts.append("mirrored left to right")
        if self.degrees:
            sense = "clockwise" if self.degrees > 0 else "anticlockwise"
            parts.append(f"turned {abs(self.degrees):.1f} degrees {sense}")
        whole = self.shown >= _WHOLE
        parts.append("all of it is shown" if whole else f"{self.shown:.0%} of it is shown")
        return ", ".join(parts)


def _shown(placement: Placement, across: float, down: float, picture: tuple[int, int]) -> float:
    steps = (np.arange(_LATTICE) + 0.5) / _LATTICE
    x, y = np.meshgrid(steps * across, steps * down)
    points = placement.to_picture(np.stack([x.ravel(), y.ravel()], axis=1))
    inside = (points >= 0) & (points <= np.array([picture[1], picture[0]]))
    return float(inside.all(axis=1).mean())
