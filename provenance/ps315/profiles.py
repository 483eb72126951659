"""What the profiles of PS3.15 want signed: C.1 Base, C.2 Creator, C.3 Authorization RSA.

A file names no profile: a signature meets one if it is RSA and covers what the profile asks for.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files

from provenance.dicom.attribute_table import Group, Severity, attribute_table

_CREATION = (0x00080012, 0x00080013)  # C.2 b: Instance Creation Date and Time
# C.2 a, c; C.3 a, b: SOP Class and Instance UID, Study and Series Instance UID
_UIDS = (0x00080016, 0x00080018, 0x0020000D, 0x0020000E)
_EQUIPMENT = "general-equipment"  # C.2 d


class Profile(StrEnum):
    """A profile of PS3.15 annex C, or none of them."""

    BASE = "base"
    CREATOR = "creator"
    AUTHORIZATION = "authorization"
    UNPROFILED = "unprofiled"

    @property
    def only_rsa(self) -> bool:
        """Whether the standard defines it for RSA keys alone, as it does every one."""
        return self is not Profile.UNPROFILED


@cache
def _modules() -> Mapping[str, frozenset[int]]:
    modules: dict[str, set[int]] = {}
    for line in files(__package__).joinpath("modules.txt").read_text("ascii").splitlines():
        if line.startswith("#"):
            continue
        module, *tags = line.split(" ")
        modules.setdefault(module, set()).update(int(tag, 16) for tag in tags)
    return {module: frozenset(tags) for module, tags in modules.items()}


@cache
def _required(profile: Profile) -> frozenset[int]:
    if profile not in (Profile.CREATOR, Profile.AUTHORIZATION):
        return frozenset()
    of_creator = profile is Profile.CREATOR
    tags = set(_UIDS + (_CREATION if of_creator else ()))
    for module, attributes in _modules().items():
        if module != _EQUIPMENT or of_creator:
            tags |= attributes
    return frozenset(tags)


def _is_drawing(tag: int) -> bool:
    """Whether the tag is one of the Overlay Plane (60xx) or the retired Curve Module (50xx)."""
    return tag >> 24 in (0x50, 0x60) and not tag >> 16 & 1


def required_tags(profile: Profile, present: Iterable[int]) -> frozenset[int]:
    """Return what ``profile`` wants signed of the attributes that are ``present``.

    The UIDs are wanted whether they are present or not. That Authorization also wants what the
    person who signs could see (C.3 c) no file can tell.
    """
    required = _required(profile)
    if not required:
        return frozenset()
    return frozenset(_UIDS) | {tag for tag in present if tag in required or _is_drawing(tag)}


def tags_to_sign(profile: Profile, present: Iterable[int]) -> tuple[int, ...]:
    """Return what we sign under ``profile``: more than it asks for, and nothing private.

    Creator leaves out what hospitals correct legally (identity) and what workstations save (the
    first display), unless the profile itself wants it; the others take every standard attribute.
    Private attributes lose their VR in Implicit VR, and our own seal gets receipts later.
    """
    standard = sorted(tag for tag in present if not tag >> 16 & 1)
    if profile is not Profile.CREATOR:
        return tuple(standard)
    required = required_tags(profile, standard)
    return tuple(tag for tag in standard if tag in required or _is_lasting(tag))


def _is_lasting(tag: int) -> bool:
    row = attribute_table().describe(tag)
    return row.group is not Group.IDENTITY and row.severity is not Severity.LOW
