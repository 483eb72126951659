"""Which objects are marked, how strongly, and in which plane of their samples.

Quantitative images are sealed unmarked: their grey values are measurements.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from provenance.image_tree import PixelGeometry

NONE = "none"
# (0008,0060) Modality; PS3.3 C.7.3.1.1.1. What is not named here is marked as a radiograph.
PROFILE_OF_MODALITY = {
    "MG": "mammogram",
    # Grey values are measurements, labels or doses.
    "CT": NONE,
    "MR": NONE,
    "PT": NONE,
    "NM": NONE,
    "BDUS": NONE,
    "BMD": NONE,
    "SEG": NONE,
    "RTDOSE": NONE,
    "RTIMAGE": NONE,
    "OPT": NONE,
    # Stored lossy by the device more often than not, in colour, as clips.
    "US": NONE,
    "IVUS": NONE,
    "ES": NONE,
    "SM": NONE,
    "GM": NONE,
    "OP": NONE,
}

Samples = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Unmarked:
    """Why an object is not marked."""

    reason: str


def choose_profile(modality: str, geometry: PixelGeometry | None) -> str | Unmarked:
    """Return the profile for an object, or why it is sealed unmarked."""
    if (impossible := cannot_carry(geometry)) is not None:
        return impossible
    profile = PROFILE_OF_MODALITY.get(modality, "radiograph")
    if profile == NONE:
        return Unmarked(f"images of modality {modality} are sealed unmarked")
    return profile


def cannot_carry(geometry: PixelGeometry | None) -> Unmarked | None:
    """Return why no mark fits this kind of object at all, or None."""
    if geometry is None:
        return Unmarked("the object has no pixels")
    if geometry.kind != "int":
        return Unmarked("floating-point samples are measurements")
    if geometry.frames != 1:
        return Unmarked("multi-frame objects are sealed unmarked")
    if geometry.colour not in ("grey", "ybr", "rgb"):
        return Unmarked(f"{geometry.colour} samples are not grey values")
    if not 8 <= geometry.bits_stored <= 16:
        return Unmarked(f"{geometry.bits_stored} bits stored carry no mark")
    return None


def mark_plane(frame: Samples, colour: str) -> Samples | None:
    """Return the 2-D plane that carries the mark: grey, luma, or any of three equal channels.

    None for colour that is not a grey picture.
    """
    if frame.ndim == 2:
        return frame
    if colour == "ybr":
        return np.ascontiguousarray(frame[..., 0])
    if colour == "rgb" and (frame[..., 1:] == frame[..., :1]).all():
        return np.ascontiguousarray(frame[..., 0])
    return None


def with_plane(frame: Samples, plane: Samples, colour: str) -> Samples:
    """Return a copy of ``frame`` that shows ``plane`` where `mark_plane` took it."""
    if frame.ndim == 2:
        return plane
    changed = frame.copy()
    if colour == "ybr":
        changed[..., 0] = plane
    else:
        changed[...] = plane[..., None]
    return changed


def measure_change(original: Samples, marked: Samples, *, bits_stored: int) -> tuple[int, float]:
    """Return the largest change of a sample, and the PSNR in dB against the full range.

    Infinite if nothing changed. Bands of rows, so that memory stays flat.
    """
    largest, squares = 0, 0
    for row in range(0, original.shape[0], 256):
        change = np.subtract(
            marked[row : row + 256], original[row : row + 256], dtype=np.int32, casting="unsafe"
        ).ravel()
        largest = max(largest, int(np.abs(change).max()))
        squares += int(np.dot(change.astype(np.int64), change))
    if squares == 0:
        return 0, math.inf
    peak = (1 << bits_stored) - 1
    return largest, 10 * math.log10(peak * peak * original.size / squares)


def read_plane(frame: Samples, colour: str) -> Samples:
    """Return the 2-D plane to look for a mark in, whatever became of the colours."""
    if frame.ndim == 2:
        return frame
    if colour == "ybr":
        return np.ascontiguousarray(frame[..., 0])
    mean: Samples = frame.sum(axis=2, dtype=np.int64) // frame.shape[2]
    return mean.astype(np.int32)
