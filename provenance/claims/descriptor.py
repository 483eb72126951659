"""A 64x64 thumbnail by which a derived copy is compared with what was sealed.

Kept in the annex, never in the log. Integer arithmetic, so that every platform makes the same
bytes. It finds a wrong image and coarse edits, not fine ones: docs/limitations.md says how coarse.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

SIDE = 64
DESCRIPTOR_SIZE = SIDE * SIDE
# Figures from copies and edits of radiographs: benchmarks/descriptor.py.
SAME_IMAGE = 0.70  # correlation after local mean and contrast are taken away
SAME_WINDOW = 0.50  # the same, over a window alone
LEAST_COMPARED = 200  # cells, a twentieth of the image: of fewer, two images may look alike
UNEXPLAINED = 12.0  # grey levels of the thumbnail beside its grey curve, mean over a window
_OUTSTANDING = 2.5  # and so many times what is usual in this picture: some processing is local
_WINDOW, _STEP = 6, 2  # cells along a side of a window, and between windows
_SHOWING = 0.5  # share of a window's cells that must show something
_GONE = 0.3  # share that lost all contrast
_NEAR = 5  # cells along a side of the neighbourhood that local mean and contrast are of
_TAIL = 1.0  # percent of the cells at either end that do not set the span: labels, borders
_FLAT = 1.5  # grey levels of the thumbnail: below this a neighbourhood says nothing

Samples = npt.NDArray[np.integer[Any]]
Reals = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """64x64 grey levels of which only some may be known: what a picture shows of an image."""

    grey: Reals
    known: Mask

    @classmethod
    def of(cls, descriptor: bytes) -> Self:
        """Return the thumbnail that `describe` wrote; all of it is known."""
        grey = np.frombuffer(descriptor, np.uint8).reshape(SIDE, SIDE).astype(np.float64)
        return cls(grey, np.ones((SIDE, SIDE), np.bool_))


@dataclass(frozen=True, slots=True)
class Resemblance:
    """How alike two thumbnails are; ``cells`` are (row, column) of those that differ.

    ``compared`` counts the cells that show something in both.
    """

    correlation: float
    cells: tuple[tuple[int, int], ...]
    compared: int = DESCRIPTOR_SIZE

    @property
    def enough(self) -> bool:
        """Whether enough was compared to tell one picture from another."""
        return self.compared >= LEAST_COMPARED

    @property
    def same_image(self) -> bool:
        """Whether the two pictures show the same thing as a whole."""
        return self.correlation >= SAME_IMAGE


def describe(frame: Samples) -> bytes:
    """Shrink one frame to 64x64 bytes.

    Parameters
    ----------
    frame : integer, shape (rows, columns) or (rows, columns, samples)
        Canonical samples; colour is averaged over its samples.

    Returns
    -------
    bytes
        4,096 grey levels, row by row: area means, the frame's darkest cell 0, its lightest 255.
    """
    rows, columns = frame.shape[:2]
    row_starts, row_counts = cell_edges(rows)
    column_starts, column_counts = cell_edges(columns)
    sums = np.empty((SIDE, SIDE), dtype=np.int64)
    for i, (start, count) in enumerate(zip(row_starts, row_counts, strict=True)):
        line = frame[start : start + count].sum(axis=0, dtype=np.int64)
        if line.ndim == 2:
            line = line.sum(axis=1)
        total = np.concatenate([[0], np.cumsum(line)])
        sums[i] = total[column_starts + column_counts] - total[column_starts]
    samples = frame.shape[2] if frame.ndim == 3 else 1
    area = np.outer(row_counts, column_counts).astype(np.int64) * samples
    means = (sums * 16) // area
    low, high = int(means.min()), int(means.max())
    if high == low:
        return bytes(DESCRIPTOR_SIZE)
    return ((means - low) * 255 // (high - low)).astype(np.uint8).tobytes()


def resemble(signed: bytes, found: bytes | Thumbnail) -> Resemblance:
    """Compare two thumbnails, whatever smooth grey curve or inversion lies between them.

    Parameters
    ----------
    signed : bytes
        The sealed image's thumbnail, from `describe`.
    found : bytes or Thumbnail
        Another image's, or what a picture shows in the frame of the sealed one.
    """
    a = Thumbnail.of(signed)
    b = _levelled(Thumbnail.of(found) if isinstance(found, bytes) else found, a.grey)
    a_local, a_texture = _normalise(a.grey, b.known)
    b_local, b_texture = _normalise(b.grey, b.known)
    both = a_texture & b_texture
    compared = int(np.count_nonzero(both))
    product, energy_a, energy_b = (
        np.where(both, v, 0.0) for v in (a_local * b_local, a_local**2, b_local**2)
    )
    scale = np.sqrt(energy_a.sum() * energy_b.sum())
    if scale == 0:
        return Resemblance(0.0, (), compared)
    correlation = float(product.sum() / scale)
    sign = -1.0 if correlation < 0 else 1.0
    local = sign * _sums(product) / np.sqrt(np.maximum(_sums(energy_a) * _sums(energy_b), 1e-12))
    unlike = (_sums(both) >= _SHOWING * _WINDOW**2) & (local < SAME_WINDOW)
    gone = _sums(a_texture & ~b_texture) >= _GONE * _WINDOW**2
    # A window of grey levels that clips takes structure away, too; but then one curve explains it.
    beside = np.abs(unexplained_levels(a.grey, b))
    differing = (unlike | gone) & _stands_out(beside, b.known)
    cells = _covered(differing) & b.known & (_box(beside) >= UNEXPLAINED / 2)
    where = tuple((int(row), int(column)) for row, column in np.argwhere(cells))
    return Resemblance(abs(correlation), where, compared)


def cell_edges(length: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where the cells along an axis of ``length`` pixels begin, and how many they hold."""
    edges = np.arange(SIDE + 1, dtype=np.int64) * length // SIDE
    starts = np.minimum(edges[:-1], length - 1)
    return starts, np.maximum(edges[1:] - starts, 1)


def unexplained_levels(signed: Reals, found: Thumbnail) -> Reals:
    """How far each known cell lies from the one grey curve that fits all of them best."""
    known = found.known
    a = signed[known].astype(np.intp)
    b = found.grey[known]
    counts = np.bincount(a, minlength=256)
    smooth = np.convolve(np.bincount(a, weights=b, minlength=256), np.ones(9), "same")
    near = np.convolve(counts, np.ones(9), "same")
    fitted = smooth / np.maximum(near, 1)
    residual = np.zeros((SIDE, SIDE))
    residual[known] = b - fitted[a]
    return residual


def _levelled(found: Thumbnail, signed: Reals) -> Thumbnail:
    """Stretch what is known to the span that the sealed thumbnail has there."""
    if not found.known.any():
        return found
    tails = (_TAIL, 100 - _TAIL)
    low, high = np.percentile(signed[found.known], tails)
    dark, light = np.percentile(found.grey[found.known], tails)
    gain = (high - low) / (light - dark) if light > dark else 0.0
    grey = (found.grey - dark) * gain + low
    return Thumbnail(np.where(found.known, grey, 0.0), found.known)


def _normalise(grey: Reals, known: Mask) -> tuple[Reals, Mask]:
    """Take away local mean and local contrast; say where there was any contrast."""
    there = known.astype(np.float64)
    count = np.maximum(_box(there), 1e-9)
    mean = _box(grey * there) / count
    spread = np.sqrt(np.maximum(_box(grey * grey * there) / count - mean * mean, 0.0))
    texture = known & (spread > _FLAT)
    return (grey - mean) / np.maximum(spread, _FLAT), texture


def _box(values: Reals) -> Reals:
    padded = np.pad(values, _NEAR // 2, mode="edge")
    near = np.lib.stride_tricks.sliding_window_view(padded, (_NEAR, _NEAR))
    return np.asarray(near.mean(axis=(2, 3)), dtype=np.float64)


def _stands_out(beside: Reals, known: Mask) -> Mask:
    """Which windows lie further beside the grey curve than it and the whole picture allow."""
    cells = _sums(known)
    mean = _sums(beside) / np.maximum(cells, 1.0)
    whole = cells == _WINDOW**2
    usual = float(np.median(mean[whole])) if whole.any() else 0.0
    return np.asarray(mean >= max(UNEXPLAINED, _OUTSTANDING * usual), dtype=np.bool_)


def _sums(values: Reals | Mask) -> Reals:
    """Sum over each window."""
    windows = np.lib.stride_tricks.sliding_window_view(values, (_WINDOW, _WINDOW))
    return np.asarray(windows[::_STEP, ::_STEP].sum(axis=(2, 3)), dtype=np.float64)


def _covered(windows: Mask) -> Mask:
    """Return the cells of the windows that are set."""
    cells = np.zeros((SIDE, SIDE), np.bool_)
    for row, column in np.argwhere(windows) * _STEP:
        cells[row : row + _WINDOW, column : column + _WINDOW] = True
    return cells
