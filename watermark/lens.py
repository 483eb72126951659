"""A camera's lens, which bends straight lines: Brown's first radial term about the middle."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

_MOST: Final = 0.1
"""Share of its distance by which a point is moved at most: beyond lies no picture."""
_ROUNDS: Final = 4


@dataclass(frozen=True, slots=True)
class Lens:
    """What a lens does about a point.

    Attributes
    ----------
    bend : float
        A point at a distance r lies ``bend * r**2`` of r further off without the lens.
    x, y : float
        The point, in the units of the picture.
    """

    bend: float
    x: float
    y: float

    def scaled(self, scale: float) -> "Lens":
        """Return the same where lengths are so many times as great."""
        return Lens(self.bend / scale**2, self.x * scale, self.y * scale)

    def without(self, x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
        """Return where points of the picture would lie without the lens."""
        across, down = x - self.x, y - self.y
        share = 1 + self._moved(across, down)
        return self.x + across * share, self.y + down * share

    def through(self, x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
        """Return where points lie in the picture: the other way round."""
        across, down = x - self.x, y - self.y
        moved = self._moved(across, down)
        share = np.ones_like(moved)
        for _ in range(_ROUNDS):
            share = 1 / (1 + moved * share * share)
        return self.x + across * share, self.y + down * share

    def slopes(self, points: Doubles) -> Doubles:
        """Return the derivatives of ``without`` at points (n, 2), shape (n, 2, 2)."""
        away = points - (self.x, self.y)
        moved = self._moved(away[:, 0], away[:, 1])[:, np.newaxis, np.newaxis]
        outer = away[:, :, np.newaxis] * away[:, np.newaxis, :]
        slopes: Doubles = (1 + moved) * np.eye(2) + 2 * self.bend * outer
        return slopes

    def _moved(self, across: Doubles, down: Doubles) -> Doubles:
        moved: Doubles = np.clip(self.bend * (across * across + down * down), -_MOST, _MOST)
        return moved
