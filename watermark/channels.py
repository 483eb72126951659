"""Laguerre-Gauss channels and the lesions that they look for, on the canonical grid."""

from typing import Final

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

COUNT: Final = 5
"""Channels of an observer."""
REACH: Final = 2
"""Half a patch, in diameters of the lesion."""
_FINE: Final = 5  # samples of a lesion along a side of a grid point
_POWER: Final = 1.5


def radius(diameter: int) -> int:
    """Return how far a patch reaches from its centre, in grid points."""
    return REACH * diameter


def lesion(diameter: int) -> Doubles:
    """Return a lesion of contrast 1 in the middle of a patch.

    The "designer nodule" of Burgess et al. (2001), ``(1 - (2 r / diameter)**2) ** 1.5``, which
    resembles the profile of masses in mammograms and of nodules in chests; averaged over the
    area of each grid point.

    Parameters
    ----------
    diameter : int
        Full diameter in grid points.

    Returns
    -------
    float64, shape (2 radius + 1, 2 radius + 1)
        Contrast.
    """
    side = 2 * radius(diameter) + 1
    place = (np.arange(side * _FINE) + 0.5) / _FINE - side / 2
    square = np.square(place[:, np.newaxis]) + np.square(place)
    fine = np.maximum(1 - square * (2 / diameter) ** 2, 0) ** _POWER
    profile: Doubles = fine.reshape(side, _FINE, side, _FINE).mean(axis=(1, 3))
    return profile


def channels(diameter: int) -> Doubles:
    """Return the templates of the channels for a lesion.

    Laguerre-Gauss functions (Gallas and Barrett 2003) of orders 0 to 4,
    ``exp(-pi r^2 / a^2) L_j(2 pi r^2 / a^2)``, with the diameter as width ``a``: in white noise
    they pass 97 % and more of what a lesion has to offer. Their means are taken away, as no
    reader knows the brightness that a place ought to have.

    Parameters
    ----------
    diameter : int
        Full diameter of the lesion in grid points.

    Returns
    -------
    float64, shape (COUNT, patch rows * patch columns)
        Templates of unit norm and mean zero.
    """
    reach = radius(diameter)
    place = np.arange(-reach, reach + 1, dtype=np.float64)
    x = 2 * np.pi * (np.square(place[:, np.newaxis]) + np.square(place)) / diameter**2
    before, now = np.ones_like(x), 1 - x
    laguerre = [before, now]
    for order in range(1, COUNT - 1):
        before, now = now, ((2 * order + 1 - x) * now - order * before) / (order + 1)
        laguerre.append(now)
    waves: Doubles = (np.stack(laguerre) * np.exp(-x / 2)).reshape(COUNT, -1)
    waves -= waves.mean(axis=1, keepdims=True)
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)
    return waves
