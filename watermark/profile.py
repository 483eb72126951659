"""How strongly to mark which kind of image."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from watermark.errors import ArgumentError


@dataclass(frozen=True, slots=True)
class Profile:
    """Limits of the mark for a kind of image.

    Attributes
    ----------
    ceiling : float
        Greatest mark-to-noise ratio of a cell, both as root mean square.
    dissimilarity : float
        1 - SSIM that images of more than 8 bits bear.
    coarse_fidelity_db : float
        Peak signal-to-noise ratio that images of at most 8 bits keep, over their full range.
    plenty : float
        Expected score at which the mark is not made stronger, in units of the threshold.
    least : float
        Expected score below which these limits are passed, up to the last resort.
    resort : float
        Greatest mark-to-noise ratio of a cell then.
    """

    ceiling: float
    dissimilarity: float
    coarse_fidelity_db: float
    plenty: float
    least: float
    resort: float
    median: float = 0.485
    top: float = 0.9


PROFILES: Final = MappingProxyType(
    {
        "radiograph": Profile(0.44, 0.0008, 50.1, 16.0, 3.0, 2.0),
        "mammogram": Profile(0.44, 0.0008, 50.1, 16.0, 3.0, 2.0),
        "cross-section": Profile(0.4, 0.0006, 51.0, 10.0, 3.0, 1.5),
        "none": None,
    }
)
"""Profiles by name; "none" leaves the pixels as they are."""


def named(profile: str) -> Profile | None:
    """Return a profile; ArgumentError if there is none of this name."""
    if profile not in PROFILES:
        raise ArgumentError(f"no profile {profile!r}: there are {', '.join(PROFILES)}")
    return PROFILES[profile]
