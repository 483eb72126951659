"""Paint a disc over with its surroundings, so that the join does not show.

A membrane (the harmonic function that continues the values along the rim) gives the shades; in a
disc, Laplace's equation has a closed solution. A neighbouring disc gives the grain on top.
"""

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]

_ANGLES = 256
_WAVES = 32  # how many oscillations along the rim the membrane follows
_RIM = 4  # pixels over which the rim is averaged, so that grain does not streak inwards
_GRAIN = 4  # pixels on each side over which a mean is taken to tell grain from shade
_DIRECTIONS = 16


def fill_disc(plane: Reals, *, row: int, column: int, radius: int) -> Reals:
    """Return ``plane`` with a disc replaced by what lies around it.

    Parameters
    ----------
    plane : float64, shape (rows, columns)
        One channel.
    row, column, radius : int
        Centre and radius of the disc, in pixels.

    Returns
    -------
    float64, shape (rows, columns)
        A changed copy.
    """
    y, x, inside, feather = _disc(plane.shape, row, column, radius)
    rim = _rim(plane, row, column, radius)
    patch = _membrane(rim, y[inside] - row, x[inside] - column, radius)
    donor = _donor(plane, rim, row, column, radius)
    if donor is not None and inside.shape == (2 * radius + 1, 2 * radius + 1):
        patch += _grain(plane, *donor, radius)[inside]
    filled = plane.copy()
    share = feather[inside]
    filled[y[inside], x[inside]] += share * (patch - plane[y[inside], x[inside]])
    return filled


def copy_disc(
    plane: npt.NDArray[np.generic], *, row: int, column: int, radius: int
) -> npt.NDArray[np.generic]:
    """The same for values that cannot be averaged, such as indices: the nearest disc that fits."""
    y, x, inside, _ = _disc(plane.shape, row, column, radius)
    filled = plane.copy()
    for down, right in _offsets(radius):
        if _fits(plane.shape, row + down, column + right, radius):
            filled[y[inside], x[inside]] = plane[y[inside] + down, x[inside] + right]
            if not np.array_equal(filled, plane):
                break
    return filled


def _disc(
    shape: tuple[int, ...], row: int, column: int, radius: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.bool_], Reals]:
    top, bottom = max(row - radius, 0), min(row + radius + 1, shape[0])
    left, right = max(column - radius, 0), min(column + radius + 1, shape[1])
    y, x = np.mgrid[top:bottom, left:right]
    distance = np.hypot(y - row, x - column)
    feather = np.clip((radius + 0.5 - distance) / max(radius * 0.12, 1.0), 0, 1)
    return y, x, distance <= radius, feather


def _rim(plane: Reals, row: int, column: int, radius: int) -> Reals:
    """Return the values along the circle, averaged over a few pixels across it."""
    angle = np.arange(_ANGLES) * (2 * np.pi / _ANGLES)
    total = np.zeros(_ANGLES)
    for step in range(_RIM):
        y = np.rint(row + (radius + step) * np.sin(angle)).astype(np.intp)
        x = np.rint(column + (radius + step) * np.cos(angle)).astype(np.intp)
        total += plane[np.clip(y, 0, plane.shape[0] - 1), np.clip(x, 0, plane.shape[1] - 1)]
    return total / _RIM


def _membrane(
    rim: Reals, down: npt.NDArray[np.intp], right: npt.NDArray[np.intp], radius: int
) -> Reals:
    """Evaluate the harmonic function with these boundary values at points of the disc."""
    waves = np.fft.rfft(rim) / _ANGLES
    share = np.minimum(np.hypot(down, right) / radius, 1.0)
    angle = np.arctan2(down, right)
    value = np.full(share.shape, waves[0].real)
    for n in range(1, _WAVES + 1):
        value += 2 * share**n * (waves[n] * np.exp(1j * n * angle)).real
    return value


def _donor(plane: Reals, rim: Reals, row: int, column: int, radius: int) -> tuple[int, int] | None:
    """Return the centre of the neighbouring disc whose rim is most like this one."""
    best, least = None, np.inf
    for down, right in _offsets(radius):
        if not _fits(plane.shape, row + down, column + right, radius):
            continue
        misfit = float(np.abs(rim - _rim(plane, row + down, column + right, radius)).mean())
        if misfit < least:
            best, least = (row + down, column + right), misfit
    return best


def _grain(plane: Reals, row: int, column: int, radius: int) -> Reals:
    """Return what is left of a square around a centre when local means are taken away."""
    reach = radius + _GRAIN
    square = plane[row - reach : row + reach + 1, column - reach : column + reach + 1]
    side = 2 * _GRAIN + 1
    windows = np.lib.stride_tricks.sliding_window_view(square, (side, side))
    return np.asarray(square[_GRAIN:-_GRAIN, _GRAIN:-_GRAIN] - windows.mean(axis=(2, 3)))


def _offsets(radius: int) -> list[tuple[int, int]]:
    turns = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    return [
        (round(reach * radius * float(np.sin(t))), round(reach * radius * float(np.cos(t))))
        for reach in (2.2, 3.0)
        for t in turns
    ]


def _fits(shape: tuple[int, ...], row: int, column: int, radius: int) -> bool:
    margin = radius + _GRAIN
    return margin <= row < shape[0] - margin and margin <= column < shape[1] - margin
