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
    fidelity_db : float
        Peak signal-to-noise ratio to start from, over the image's own span of grey levels.
    coarse_fidelity_db : float
        The same for images of at most 8 bits, where a gentler mark would round to nothing.
    ceiling : float
        Greatest mark-to-noise ratio of a cell, both as root mean square.
    goal : float
        Expected score after the rehearsed attack below which the mark is made stronger,
        as far as the ceiling allows, in units of the detector's threshold.
    """

    fidelity_db: float
    coarse_fidelity_db: float
    ceiling: float
    goal: float


PROFILES: Final = MappingProxyType(
    {
        "radiograph": Profile(56.0, 50.7, 0.75, 3.0),
        "mammogram": Profile(56.0, 50.7, 0.75, 3.0),
        "cross-section": Profile(58.0, 51.5, 0.5, 2.5),
        "none": None,
    }
)
"""Profiles by name; "none" leaves the pixels as they are."""


def named(profile: str) -> Profile | None:
    """Return a profile; ArgumentError if there is none of this name."""
    if profile not in PROFILES:
        raise ArgumentError(f"no profile {profile!r}: there are {', '.join(PROFILES)}")
    return PROFILES[profile]
