"""What is left of a fresh mark after the commonest fate: the 8-bit view, coded as JPEG 50.

The coder's loss is made here in numpy: blocks of 8 x 8, orthonormal cosines, the luminance table
of ITU-T T.81 Annex K.1, which libjpeg takes unscaled for quality 50. What follows in a real file
(entropy coding) loses nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark import payload as framing
from watermark import polar
from watermark.canvas import to_canvas
from watermark.detect import Allowance, read
from watermark.embed import Marked
from watermark.errors import ArgumentError
from watermark.evidence import WEIGHTS, gather, terms
from watermark.grid import Geometry
from watermark.placement import Placement
from watermark.threshold import THRESHOLD

Floats = npt.NDArray[np.float32]
Image = npt.NDArray[np.integer[Any]]
View = npt.NDArray[np.uint8]

TAIL: Final = 0.001
"""Share of the live pixels that a viewer's window clips at either end."""
BLOCK: Final = 8
TABLE: Final = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
"""Steps of the quantiser, down by vertical and across by horizontal frequency."""
_EIGHTHS: Final = np.float32(8)
_HALF: Final = np.float32(0.5)
_MIDDLE: Final = 128
_TOP: Final = 255
_STRIP_SAMPLES: Final = 1 << 16
_COUNTED: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How well a marked image will be read.

    Attributes
    ----------
    fresh : float
        The mark's score as it is now, over the detector's threshold.
    coded : float
        The same after ``jpeg_50`` of the 8-bit view, by the weighing of levels that shows most.
    read : bool
        The detector decodes the exact id from that copy.
    """

    fresh: float
    coded: float
    read: bool


def rehearse(marked: Marked, *, key: bytes) -> Rehearsal:
    """Read a fresh mark back from its 8-bit view after JPEG of quality 50.

    Parameters
    ----------
    marked : Marked
        From ``embed``, with a mark.
    key : bytes
        The 32-byte mark key.

    Raises
    ------
    ArgumentError
        The image carries no mark.
    """
    if marked.margin <= 0:
        raise ArgumentError("an image without a mark has none to read back")
    geometry = Geometry.of(marked.image.shape)
    copy = jpeg_50(view(marked.image))
    gathered = gather(terms(to_canvas(copy, geometry)), key=key)
    word = polar.encode(framing.frame(marked.payload, key=key))[np.newaxis]
    scores = [float(gathered.weighed(weights).scores(word)[0]) for weights in WEIGHTS]
    reading = read(gathered, Allowance(), key=key, placement=Placement.upright(geometry))
    return Rehearsal(
        fresh=marked.margin,
        coded=max(scores) / THRESHOLD,
        read=reading is not None and reading.payload == marked.payload,
    )


def view(image: Image) -> View:
    """Return what a viewer shows by itself: the range of the live pixels but for both tails.

    Parameters
    ----------
    image : integer, shape (rows, columns)
        Grey levels; an image of uint8 is shown as it is.

    Returns
    -------
    uint8, same shape
    """
    if image.dtype == np.uint8:
        return image.astype(np.uint8, copy=False)
    low, high = _window(image)
    scale = np.float32(_TOP / max(high - low, 1))
    shown = np.empty(image.shape, np.uint8)
    for rows in _bands(image.shape):
        part = image[rows].astype(np.float32)
        part -= np.float32(low)
        part *= scale
        shown[rows] = np.clip(np.rint(part, out=part), 0, _TOP, out=part)
    return shown


def jpeg_50(picture: View) -> View:
    """Return a picture as baseline grey JPEG of quality 50 gives it back.

    Parameters
    ----------
    picture : uint8, shape (rows, columns)

    Returns
    -------
    uint8, same shape
    """
    columns = picture.shape[1]
    cosines = _cosines()
    across = -(-columns // BLOCK)
    steps = np.tile(TABLE, (1, across))
    steps_in_eighths = _EIGHTHS * steps
    decoded = np.empty_like(picture)
    for band in _bands(picture.shape):
        part = picture[band]
        height, width = len(part), across * BLOCK
        missing = -height % BLOCK
        if missing or width != columns:  # libjpeg repeats the last row and column
            part = np.pad(part, ((0, missing), (0, width - columns)), mode="edge")
        levels = part.astype(np.float32)
        levels -= _MIDDLE
        spectrum = _both_ways(levels, cosines)
        spectrum *= _EIGHTHS
        np.rint(spectrum, out=spectrum)  # libjpeg's transform ends in whole eighths
        spectrum /= steps_in_eighths
        spectrum += np.copysign(_HALF, spectrum)
        np.trunc(spectrum, out=spectrum)
        spectrum *= steps
        back = _both_ways(spectrum, np.ascontiguousarray(cosines.T)).reshape(-1, width)
        back += _MIDDLE
        np.clip(np.rint(back, out=back), 0, _TOP, out=back)
        decoded[band] = back[:height, :columns]
    return decoded


def _both_ways(samples: Floats, matrix: Floats) -> Floats:
    """Return ``matrix @ block @ matrix.T`` of every block: float32, (block rows, 8, width)."""
    width = samples.shape[-1]
    level = samples.reshape(-1, BLOCK) @ matrix.T
    spectrum: Floats = np.matmul(matrix, level.reshape(-1, BLOCK, width))
    return spectrum


def _cosines() -> Floats:
    """Return the orthonormal cosines of T.81 A.3.3: float32, (frequency, place)."""
    place = np.arange(BLOCK)
    waves = np.cos((2 * place + 1) * place[:, np.newaxis] * (np.pi / (2 * BLOCK))) / 2
    waves[0] /= np.sqrt(2)
    cosines: Floats = waves.astype(np.float32)
    return cosines


def _window(image: Image) -> tuple[float, float]:
    """Return the levels between which all live pixels lie but for ``TAIL`` at either end."""
    low, high = int(image.min()), int(image.max())
    if high - low >= _COUNTED:
        inside = image[(image > low) & (image < high)]
        found = np.quantile(inside if inside.size else image, (TAIL, 1 - TAIL))
        return float(found[0]), float(found[1])
    counts = np.zeros(high - low + 1, np.int64)
    for rows in _bands(image.shape):
        above = image[rows].astype(np.int32)
        above -= low
        counts += np.bincount(above.ravel(), minlength=counts.size)
    if counts[1:-1].any():
        counts[[0, -1]] = 0
    upto = np.cumsum(counts)
    return _quantile(upto, TAIL) + low, _quantile(upto, 1 - TAIL) + low


def _quantile(upto: npt.NDArray[np.int64], share: float) -> float:
    """Return a quantile of levels from how many samples there are up to each, interpolated."""
    place = share * (int(upto[-1]) - 1)
    below = int(place)
    found = np.searchsorted(upto, [below, min(below + 1, int(upto[-1]) - 1)], side="right")
    return float(found[0] + (found[1] - found[0]) * (place - below))


def _bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yield row ranges from the top, whole blocks each but for the last."""
    step = max(BLOCK, _STRIP_SAMPLES // shape[1] // BLOCK * BLOCK)
    for start in range(0, shape[0], step):
        yield slice(start, min(start + step, shape[0]))
