"""Which objects are marked, how strongly, and in which plane of their samples.

Quantitative images are sealed unmarked: their grey values are measurements.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import watermark
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

# Of many frames only these: projection X-ray, and slices computed from projections.
PROFILE_OF_MULTI_FRAME = {
    "MG": "mammogram",
    "XA": "radiograph",
    "RF": "radiograph",
    "DX": "radiograph",
    "CR": "radiograph",
}
MAX_FRAMES = 4096
MAX_SAMPLES = 1 << 29  # of all frames: a tomosynthesis volume of 60 slices of 8 megapixels

Samples = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class Unmarked:
    """Why an object is not marked."""

    reason: str


def choose_profile(modality: str, geometry: PixelGeometry | None) -> str | Unmarked:
    """Return the profile for an object, or why it is sealed unmarked."""
    if (impossible := cannot_carry(geometry)) is not None:
        return impossible
    if geometry is not None and geometry.frames > 1:
        return _profile_of_frames(modality, geometry)
    profile = PROFILE_OF_MODALITY.get(modality, "radiograph")
    if profile == NONE:
        return Unmarked(f"images of modality {modality} are sealed unmarked")
    return profile


def _profile_of_frames(modality: str, geometry: PixelGeometry) -> str | Unmarked:
    profile = PROFILE_OF_MULTI_FRAME.get(modality)
    if profile is None:
        return Unmarked(f"multi-frame images of modality {modality} are sealed unmarked")
    if geometry.lossy:
        return Unmarked("marked frames are stored without loss, and these are stored with loss")
    return profile


def cannot_carry(geometry: PixelGeometry | None) -> Unmarked | None:
    """Return why no mark fits this kind of object at all, or None."""
    if geometry is None:
        return Unmarked("the object has no pixels")
    if geometry.kind != "int":
        return Unmarked("floating-point samples are measurements")
    if geometry.frames > 1 and geometry.colour != "grey":
        return Unmarked("multi-frame objects in colour are sealed unmarked")
    samples = geometry.rows * geometry.columns * geometry.frames
    if geometry.frames > MAX_FRAMES or (geometry.frames > 1 and samples > MAX_SAMPLES):
        return Unmarked(
            f"{geometry.frames} frames of {geometry.rows} x {geometry.columns} are too many to mark"
        )
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


def weakness(rehearsal: watermark.Rehearsal) -> str | None:
    """Say that a mark is too weak to be read from a copy coded as JPEG 50, or None."""
    if rehearsal.read:
        return None
    return (
        f"the mark is weak: expected margin {rehearsal.coded:.2f} after JPEG of quality 50, where "
        f"1 is needed; it is {rehearsal.fresh:.2f} as sealed"
    )


def measure_change(original: Samples, marked: Samples, *, bits_stored: int) -> tuple[int, float]:
    """Return the largest change of a sample, and the PSNR in dB against the full range.

    Infinite if nothing changed. Bands of rows, so that memory stays flat.
    """
    change = ChangeSum()
    change.add(original, marked)
    return change.largest, change.psnr(bits_stored=bits_stored)


@dataclass(slots=True)
class ChangeSum:
    """What marking changed in the frames seen so far."""

    largest: int = 0
    squares: int = 0
    samples: int = 0

    def add(self, original: Samples, marked: Samples) -> None:
        """Take the next frame, before and after."""
        self.samples += original.size
        for row in range(0, original.shape[0], 256):
            change = np.subtract(
                marked[row : row + 256], original[row : row + 256], dtype=np.int32, casting="unsafe"
            ).ravel()
            self.largest = max(self.largest, int(np.abs(change).max()))
            self.squares += int(np.dot(change.astype(np.int64), change))

    def psnr(self, *, bits_stored: int) -> float:
        """Return the PSNR in dB against the full range; infinite if nothing changed."""
        if self.squares == 0:
            return math.inf
        peak = (1 << bits_stored) - 1
        return 10 * math.log10(peak * peak * self.samples / self.squares)


def read_plane(frame: Samples, colour: str) -> Samples:
    """Return the 2-D plane to look for a mark in, whatever became of the colours."""
    if frame.ndim == 2:
        return frame
    if colour == "ybr":
        return np.ascontiguousarray(frame[..., 0])
    mean: Samples = frame.sum(axis=2, dtype=np.int64) // frame.shape[2]
    return mean.astype(np.int32)
