"""Find where a forger would work: soft tissue for a new nodule, a conspicuous spot to erase."""

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]

_MARGIN = 0.14  # share of the image on each side in which nothing is forged
_NODULE_TONE = 0.38  # grey level, black 0 and white 1, of tissue on which a nodule is plausible
_CENTRED = 0.1  # how much a spot in the middle is preferred, in grey levels
_NEIGHBOURS = 2  # cells on each side that count as surroundings
# Offsets, in cells, of the sides of a spot; the second half lies opposite the first.
_RING = ((-4, 0), (-3, 3), (0, 4), (3, 3), (4, 0), (3, -3), (0, -4), (-3, -3))


def soft_place(tones: Reals, *, radius: int) -> tuple[int, int]:
    """Return column and row of a calm, dim place for a nodule.

    Parameters
    ----------
    tones : float64, shape (rows, columns)
        The picture as shown: 0 is black, 1 is white.
    radius : int
        Of the nodule, in pixels.
    """
    cells, size = _cells(tones, radius)
    mean, spread = _surroundings(cells)
    # Where all is black or all is white there is air, a blanked border or a saturated detector.
    penalty = np.abs(mean - _NODULE_TONE) + 2.5 * spread + 2.0 * ((mean < 0.08) | (mean > 0.92))
    return _centre(penalty, size, tones.shape)


def spot(tones: Reals, *, radius: int) -> tuple[int, int]:
    """Return column and row of the spot that stands out most from calm surroundings.

    Parameters
    ----------
    tones : float64, shape (rows, columns)
        The picture as shown: 0 is black, 1 is white.
    radius : int
        Size of the spots looked for, in pixels.
    """
    cells, size = _cells(tones, radius)
    mean, _ = _surroundings(cells)
    sides = [_shifted(cells, down, right) for down, right in _RING]
    ring = np.stack(sides)
    # A spot differs from all sides alike; across an edge, opposite sides differ from each other.
    edge = np.abs(ring[: len(_RING) // 2] - ring[len(_RING) // 2 :]).max(axis=0)
    step = np.abs(_box(cells, 1) - ring.mean(axis=0))
    empty = 2.0 * ((mean < 0.08) | (mean > 0.92))
    penalty = empty + edge + 1.5 * ring.std(axis=0) - step
    return _centre(penalty + _CENTRED * _off_centre(cells.shape), size, tones.shape)


def _off_centre(shape: tuple[int, ...]) -> Reals:
    """Return the distance from the middle, 1 at the middle of each side: findings lie inside."""
    down, right = (np.linspace(-1, 1, length) for length in shape[:2])
    return np.asarray(np.hypot(down[:, None], right[None, :]))


def _shifted(cells: Reals, down: int, right: int) -> Reals:
    """Return small means around the cells that lie at an offset from each cell."""
    reach = max(abs(down), abs(right))
    padded = np.pad(_box(cells, 1), reach, mode="edge")
    rows, columns = cells.shape
    return padded[reach + down : reach + down + rows, reach + right : reach + right + columns]


def _cells(tones: Reals, radius: int) -> tuple[Reals, int]:
    """Return means over square cells of about half a radius, and the cells' side."""
    size = max(radius // 2, 1)
    rows, columns = tones.shape[0] // size, tones.shape[1] // size
    cut = tones[: rows * size, : columns * size]
    return cut.reshape(rows, size, columns, size).mean(axis=(1, 3)), size


def _surroundings(cells: Reals) -> tuple[Reals, Reals]:
    mean = _box(cells, 2 * _NEIGHBOURS)
    square = _box(cells * cells, 2 * _NEIGHBOURS)
    return mean, np.sqrt(np.maximum(square - mean * mean, 0))


def _box(values: Reals, reach: int) -> Reals:
    padded = np.pad(values, reach, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(windows.mean(axis=(2, 3)), dtype=np.float64)


def _centre(penalty: Reals, size: int, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return column and row of the middle of the cell with the least penalty, off the borders."""
    rows, columns = penalty.shape
    down, right = int(rows * _MARGIN), int(columns * _MARGIN)
    inner = penalty[down : rows - down, right : columns - right]
    row, column = np.unravel_index(int(np.argmin(inner)), inner.shape)
    y = (int(row) + down) * size + size // 2
    x = (int(column) + right) * size + size // 2
    return min(x, shape[1] - 1), min(y, shape[0] - 1)
