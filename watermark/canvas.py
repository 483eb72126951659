"""An image on the canonical grid."""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark.errors import ArgumentError
from watermark.grid import UNIT, Columns, ExactColumns, Geometry, to_grid

Floats = npt.NDArray[np.float32]

_STEP: Final = 32
_DOWN: Final = 8
_ROWS: Final = 256
_EXACT: Final = 1 << 24
_UNKNOWN: Final = 1 << 32


def to_canvas(image: npt.NDArray[Any], geometry: Geometry, *, span: int = _UNKNOWN) -> Floats:
    """Return an image on the canonical grid: area means, or interpolated if it is smaller.

    Parameters
    ----------
    image : integer or float, shape (rows, columns)
        Grey levels.
    geometry : Geometry
        Its size.
    span : int
        Between the least and the greatest grey level, at most, as far as it is known: up to 12
        bits, all sums are exact in any order, and are made faster.

    Returns
    -------
    float32, shape of ``Geometry.canvas``
        Grey levels above the first pixel's: the details of a wavelet do not see that pedestal,
        and float32 keeps more of the rest without it. Float images are brought to a span of 1.

    Raises
    ------
    ArgumentError
        A float image has levels that are not finite, or too far apart.
    """
    rows, columns = geometry.canvas
    down = to_grid(geometry.rows, rows, longer=geometry.longer)
    resampling = ExactColumns if _is_exact(image.dtype, span) else Columns
    across = resampling(to_grid(geometry.columns, columns, longer=geometry.longer), step=_STEP)
    exact = np.dtype(np.float32 if image.dtype.itemsize <= 2 else np.float64)
    pedestal, unit = float(image.flat[0]), _unit(image)
    result = np.empty((rows, columns), np.float32)
    tall = np.empty((min(_ROWS, rows), geometry.columns), np.float32)
    for block in down.blocks(_DOWN):
        part: npt.NDArray[np.floating[Any]] = image[block.inputs].astype(exact)
        if pedestal:
            np.subtract(part, pedestal, out=part)
        if unit != 1:
            np.multiply(part, unit, out=part)
        first = block.outputs.start // _ROWS * _ROWS
        place = slice(block.outputs.start - first, block.outputs.stop - first)
        np.matmul(block.matrix, part.astype(np.float32, copy=False), out=tall[place])
        if place.stop == len(tall) or block.outputs.stop == rows:
            result[first : block.outputs.stop] = across.of(tall[: place.stop])
    result *= np.float32(UNIT**-2)
    return result


def _is_exact(dtype: np.dtype[Any], span: int) -> bool:
    """Say whether float32 holds all sums of such levels, less one of them."""
    return dtype.kind != "f" and min(span, (1 << 8 * dtype.itemsize) - 1) * UNIT**2 < _EXACT


def _unit(image: npt.NDArray[Any]) -> float:
    if image.dtype.kind != "f" and image.dtype.itemsize <= 4:
        return 1.0
    span = float(image.max()) - float(image.min())
    if not math.isfinite(span):
        raise ArgumentError("an image has finite grey levels")
    return 1 / span if span > np.finfo(np.float64).tiny else 0.0
