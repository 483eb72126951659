"""Is the identity gone? Attribute by attribute, against the original. Pure functions of values."""

from collections.abc import Iterator, Mapping, Sequence

from provenance.deidentification.elements import Place
from provenance.deidentification.search import Remain
from provenance.dicom.attributes import Attribute, CanonicalValue, Group
from provenance.dicom.dictionary import standard_vr

# What names the object, and must be new in another instance (PS3.15 table E.1-1, U).
SOP_INSTANCE = 0x00080018
RENEWED = {0x00080018: "SOP Instance UID", 0x0020000D: "Study Instance UID",
           0x0020000E: "Series Instance UID"}  # fmt: skip
# Of group instance, what says which device, which moment and which frame of reference it was.
_MOMENT_AND_DEVICE = frozenset(
    {0x00080017, 0x00080022, 0x0008002A, 0x00080032, 0x00083010, 0x00181000, 0x00181002,
     0x0018100A, 0x00200052, 0x00200200}
)  # fmt: skip
# Groups of elements that speak of a patient or a visit, whatever the attribute table says.
_OF_PATIENT_AND_VISIT = frozenset({0x0010, 0x0038})
# Of other groups, what names one device or room.
_DEVICE = frozenset({0x00081010, 0x0018700A})
# Of group identity, what says that there is none.
_REMOVED = frozenset({0x00120062, 0x00120063, 0x00120064})
_IDENTITY_REMOVED, _BURNED_IN, _RECOGNIZABLE = 0x00120062, 0x00280301, 0x00280302
LEAST_MOMENT = 4  # digits of hour and minute
_OVERLAYS, _OVERLAY_DATA = 0x6000, 0x3000

Values = Mapping[int, CanonicalValue | None]


def unchanged(original: Sequence[Attribute], copy: Sequence[Attribute]) -> Iterator[Remain]:
    """Yield every attribute that says who, when or with which device, and that the copy kept."""
    now = values_of(copy)
    for attribute in original:
        tag = attribute.tag
        identifies = (
            (attribute.group is Group.IDENTITY and tag not in _REMOVED)
            or tag >> 16 in _OF_PATIENT_AND_VISIT
            or tag in _MOMENT_AND_DEVICE
            or tag in _DEVICE
        )
        told = identifies and tag not in RENEWED and attribute.value is not None
        if told and _same(tag, attribute.value, now.get(tag)):
            yield Remain(Place((), tag), "the same value")


def _same(tag: int, before: CanonicalValue | None, now: CanonicalValue | None) -> bool:
    """Whether two values say the same; of moments, to the minute is enough."""
    if before == now or standard_vr(tag) not in ("TM", "DT"):
        return before == now
    if not isinstance(before, tuple) or not isinstance(now, tuple):
        return False
    return any(_same_moment(str(a), str(b)) for a, b in zip(before, now, strict=False))


def _same_moment(one: str, other: str) -> bool:
    size = min(len(one), len(other))
    return size >= LEAST_MOMENT and one[:size] == other[:size]


def shows_text(copy: Sequence[Attribute]) -> Iterator[Remain]:
    """Yield what may show text in the picture, or says of itself that it does."""
    now = values_of(copy)
    if now.get(_BURNED_IN) == ("YES",):
        yield Remain(Place((), _BURNED_IN), "burned-in text, by its own word")
    if now.get(_RECOGNIZABLE) == ("YES",):
        yield Remain(Place((), _RECOGNIZABLE), "a recognizable face, by its own word")
    for attribute in copy:
        tag = attribute.tag
        drawn = tag >> 24 == _OVERLAYS >> 8 and tag & 0xFFFF == _OVERLAY_DATA
        if drawn and attribute.value is not None:
            yield Remain(Place((), tag), "an overlay, which may show text")


def not_renewed(original: Sequence[Attribute], copy: Sequence[Attribute]) -> tuple[str, ...]:
    """Name the UIDs that the copy lacks, or has from the original: it is no instance of its own.

    What the original lacks but its SOP Instance UID, the copy may lack as well.
    """
    before, now = values_of(original), values_of(copy)
    needed = {tag: name for tag, name in RENEWED.items() if before.get(tag) or tag == SOP_INSTANCE}
    return tuple(name for tag, name in needed.items() if now.get(tag) in (None, before.get(tag)))


def denies_removal(copy: Sequence[Attribute]) -> bool:
    """Whether the copy says of itself that the identity was not removed."""
    return values_of(copy).get(_IDENTITY_REMOVED) == ("NO",)


def values_of(attributes: Sequence[Attribute]) -> dict[int, CanonicalValue | None]:
    """Return the canonical values by tag."""
    return {each.tag: each.value for each in attributes}
