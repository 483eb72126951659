"""Pictures that left DICOM behind: screenshots, retouched or turned and cut."""

from pathlib import Path

import numpy as np

from provenance.errors import UsageError
from provenance.forgeries.place import soft_place
from provenance.forgeries.tamper import tamper
from provenance.pictures.png import Picture, png_bytes

_RADIUS = 0.06  # of the pasted mass, as a share of the shorter side
_DENSITY, _GRAIN = 70, 3.0  # grey levels of 255
_TURN, _QUALITY = 5, 85


def screenshot_png(sealed: Path, path: Path) -> str:
    """Write what a screen shows of a sealed image as PNG."""
    picture = _screenshot(sealed)
    path.write_bytes(png_bytes(picture))
    return f"a screenshot of {picture.shape[1]} x {picture.shape[0]} pixels was saved as PNG"


def pasted_mass(sealed: Path, path: Path) -> str:
    """Write such a screenshot with a dense mass pasted in, grain and all."""
    picture = _screenshot(sealed)
    radius = round(_RADIUS * min(picture.shape))
    column, row = soft_place(picture / 255.0, radius=radius)
    y, x = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]]
    inside = np.hypot(y - row, x - column) < radius
    grain = np.random.default_rng(1).normal(0, _GRAIN, picture.shape)
    mass = float(picture[inside].mean()) + _DENSITY + grain
    forged = np.where(inside, np.clip(np.rint(mass), 0, 255), picture).astype(np.uint8)
    path.write_bytes(png_bytes(forged))
    return f"a mass of {2 * radius} pixels was pasted into a screenshot at x {column} y {row}"


def cut_and_turned(sealed: Path, path: Path) -> str:
    """Write such a screenshot turned, cut and compressed, as a gallery on a phone would."""
    import imagecodecs

    picture = _screenshot(sealed)
    rows, columns = picture.shape
    y, x = np.mgrid[rows // 10 : rows - rows // 10, columns // 8 : columns - columns // 8]
    angle, x_middle, y_middle = np.deg2rad(_TURN), columns / 2, rows / 2
    u = np.cos(angle) * (x - x_middle) + np.sin(angle) * (y - y_middle) + x_middle
    v = np.cos(angle) * (y - y_middle) - np.sin(angle) * (x - x_middle) + y_middle
    u, v = np.clip(u, 0, columns - 2), np.clip(v, 0, rows - 2)
    left, top = u.astype(np.intp), v.astype(np.intp)
    right, below = u - left, v - top
    grey = picture.astype(np.float64)
    upper = grey[top, left] * (1 - right) + grey[top, left + 1] * right
    lower = grey[top + 1, left] * (1 - right) + grey[top + 1, left + 1] * right
    turned = np.rint(upper * (1 - below) + lower * below).astype(np.uint8)
    path.write_bytes(bytes(imagecodecs.jpeg_encode(turned, level=_QUALITY)))
    return f"a screenshot was turned by {_TURN} degrees, cut, and saved as JPEG {_QUALITY}"


def _screenshot(sealed: Path) -> Picture:
    picture = tamper("screenshot", sealed).picture
    if picture is None or picture.ndim != 2:
        raise UsageError("only grey images are shot in this demonstration")
    return picture
