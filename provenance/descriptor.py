"""A 64x64 thumbnail by which a derived copy is compared with what was sealed.

Kept in the annex, never in the log. Integer arithmetic, so that every platform makes the same
bytes. It finds a wrong image and coarse edits, not fine ones: docs/limitations.md says how coarse.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

SIDE = 64
DESCRIPTOR_SIZE = SIDE * SIDE
# Local correlation of the thumbnails of one image, and of two: benchmarks/descriptor.py.
SAME_IMAGE = 0.70
SAME_BLOCK = 0.50
UNEXPLAINED = 10.0  # grey levels of the thumbnail, mean over a block
_WINDOW = 5
_BLOCK = 8
_FLAT = 1.5  # grey levels of the thumbnail: below this a window says nothing

Samples = npt.NDArray[np.integer[Any]]
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Resemblance:
    """How alike two thumbnails are; ``blocks`` are (row, column) of 8x8-cell blocks that differ."""

    correlation: float
    blocks: tuple[tuple[int, int], ...]

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
    row_starts, row_counts = _cells(rows)
    column_starts, column_counts = _cells(columns)
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


def resemble(signed: bytes, found: bytes) -> Resemblance:
    """Compare two thumbnails, whatever smooth grey curve or inversion lies between them."""
    a, a_texture = _normalise(signed)
    b, b_texture = _normalise(found)
    weight = (a_texture & b_texture).astype(np.float64)
    energy_a = _blocks(weight * a * a)
    energy_b = _blocks(weight * b * b)
    product = _blocks(weight * a * b)
    scale = np.sqrt(energy_a.sum() * energy_b.sum())
    if scale == 0:
        return Resemblance(0.0, ())
    correlation = float(product.sum() / scale)
    sign = -1.0 if correlation < 0 else 1.0
    enough = _blocks(weight) >= _BLOCK * _BLOCK / 2
    local = sign * product / np.sqrt(np.maximum(energy_a * energy_b, 1e-12))
    unlike = enough & (local < SAME_BLOCK)
    # A window that clips takes structure away, too; but then one grey curve explains the whole.
    unexplained = _blocks(_unexplained(signed, found)) / _BLOCK**2 >= UNEXPLAINED
    differing = np.argwhere(unlike & unexplained)
    return Resemblance(abs(correlation), tuple((int(r), int(c)) for r, c in differing))


def block_region(block: tuple[int, int], *, rows: int, columns: int) -> tuple[int, int, int, int]:
    """Return x, y, width and height, in pixels, of a block of a rows x columns image."""
    per_side = SIDE // _BLOCK
    top, bottom = block[0] * rows // per_side, (block[0] + 1) * rows // per_side
    left, right = block[1] * columns // per_side, (block[1] + 1) * columns // per_side
    return left, top, max(right - left, 1), max(bottom - top, 1)


def _cells(length: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    edges = np.arange(SIDE + 1, dtype=np.int64) * length // SIDE
    starts = np.minimum(edges[:-1], length - 1)
    return starts, np.maximum(edges[1:] - starts, 1)


def _normalise(thumbnail: bytes) -> tuple[Reals, npt.NDArray[np.bool_]]:
    """Take away local mean and local contrast; say where there was any contrast."""
    grey = np.frombuffer(thumbnail, dtype=np.uint8).reshape(SIDE, SIDE).astype(np.float64)
    mean = _box(grey)
    spread = np.sqrt(np.maximum(_box(grey * grey) - mean * mean, 0.0))
    return (grey - mean) / np.maximum(spread, _FLAT), spread > _FLAT


def _unexplained(signed: bytes, found: bytes) -> Reals:
    """How far each cell lies from the one grey curve that fits all cells best."""
    a = np.frombuffer(signed, dtype=np.uint8).astype(np.intp)
    b = np.frombuffer(found, dtype=np.uint8).astype(np.float64)
    curve = np.zeros(256)
    counts = np.bincount(a, minlength=256)
    present = counts > 0
    curve[present] = np.bincount(a, weights=b, minlength=256)[present] / counts[present]
    smooth = np.convolve(curve * counts, np.ones(9), "same")
    near = np.convolve(counts, np.ones(9), "same")
    fitted = smooth / np.maximum(near, 1)
    return np.asarray(np.abs(b - fitted[a]).reshape(SIDE, SIDE), dtype=np.float64)


def _box(values: Reals) -> Reals:
    padded = np.pad(values, _WINDOW // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (_WINDOW, _WINDOW))
    return np.asarray(windows.mean(axis=(2, 3)), dtype=np.float64)


def _blocks(values: Reals) -> Reals:
    n = SIDE // _BLOCK
    return np.asarray(values.reshape(n, _BLOCK, n, _BLOCK).sum(axis=(1, 3)), dtype=np.float64)
