"""How strongly to mark which kind of image."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from watermark.errors import ArgumentError


@dataclass(frozen=True, slots=True)
class Profile:
    """Limits of the mark for a kind of image.

    The first four are foretold, and so lie below what the finished image is to keep: 0.5, 1,
    0.001 and 50 dB for radiographs.

    Attributes
    ----------
    median, top : float
        Mark-to-noise ratio of the cells, both as root mean square: median and 99th percentile.
    dissimilarity : float
        1 - SSIM of images of more than 8 bits.
    coarse_fidelity_db : float
        Peak signal-to-noise ratio of images of at most 8 bits, over their full range.
    plenty : float
        Expected score at which the mark is not made stronger, in units of the threshold.
    least : float
        Expected score below which these limits are passed: the mark would not survive.
    rescued : float
        Expected score up to which they are passed then.
    resort : float
        Mark-to-noise ratios then at most, over ``median`` and ``top``.
    """

    median: float
    top: float
    dissimilarity: float
    coarse_fidelity_db: float
    plenty: float
    least: float
    rescued: float
    resort: float


PROFILES: Final = MappingProxyType(
    {
        "radiograph": Profile(0.485, 0.9, 0.0008, 50.2, 10.0, 2.15, 2.6, 2.0),
        "mammogram": Profile(0.485, 0.9, 0.0008, 50.2, 10.0, 2.15, 2.6, 2.0),
        "cross-section": Profile(0.4, 0.75, 0.0006, 51.0, 8.0, 2.15, 2.6, 1.5),
        "none": None,
    }
)
"""Profiles by name; "none" leaves the pixels as they are."""


def named(profile: str) -> Profile | None:
    """Return a profile; ArgumentError if there is none of this name."""
    if profile not in PROFILES:
        raise ArgumentError(f"no profile {profile!r}: there are {', '.join(PROFILES)}")
    return PROFILES[profile]
