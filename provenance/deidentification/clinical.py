"""Does the copy still say the same of the body? Attribute by attribute. Pure functions of values.

UIDs, days and times within sequences are left aside: de-identification must change them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from provenance.deidentification.identity import values_of
from provenance.dicom.attribute_table import Rule, attribute_table
from provenance.dicom.attributes import Attribute, CanonicalValue, Group, Kind, Severity
from provenance.dicom.dictionary import standard_vr

_SOP_CLASS, _MODALITY, _INSTANCE_NUMBER = 0x00080016, 0x00080060, 0x00200013
_OF_INSTANCE = frozenset({_SOP_CLASS, _MODALITY, _INSTANCE_NUMBER})
_BURNED_IN = 0x00280301
# Which other objects it was made from: UIDs, and nothing else.
_REFERENCES = frozenset({0x00081115, 0x00082112})
_GROUPS = frozenset({Group.GEOMETRY, Group.DISPLAY, Group.ACQUISITION})
_LEFT_ASIDE = frozenset({"UI", "DA", "TM", "DT"})


@dataclass(frozen=True, slots=True)
class ClinicalChange:
    """A clinical attribute that is not as in the original.

    ``fixed``: no declaration makes it good; where left and right, or a place, are others, the
    original is to be corrected first.
    """

    tag: int
    keyword: str
    kind: Kind
    fixed: bool


def clinical_changes(
    original: Sequence[Attribute], copy: Sequence[Attribute], *, redacted: bool
) -> tuple[ClinicalChange, ...]:
    """Return what the copy says otherwise; ``redacted``: text was blacked out of the pixels."""
    table = attribute_table()
    before, now = values_of(original), values_of(copy)
    found = []
    for tag in sorted({*before, *now}):
        row = table.describe(tag)
        if row.severity is not Severity.CLINICAL or tag in _REFERENCES:
            continue
        if row.group not in _GROUPS and tag not in _OF_INSTANCE:
            continue
        was, is_now = _without_uids(tag, before.get(tag)), _without_uids(tag, now.get(tag))
        if was == is_now or (was is None and row.rule is Rule.MAY_BE_ADDED):
            continue
        if tag == _BURNED_IN and redacted and is_now == ("NO",):
            continue
        kind = Kind.ADDED if was is None else Kind.REMOVED if is_now is None else Kind.CHANGED
        fixed = tag in (_SOP_CLASS, _MODALITY) or (
            row.group is Group.GEOMETRY and kind is Kind.CHANGED
        )
        found.append(ClinicalChange(tag, row.keyword, kind, fixed))
    return tuple(found)


def _without_uids(tag: int, value: CanonicalValue | None) -> CanonicalValue | None:
    """Return what remains of a value without UIDs, days and times; a SOP class is kept."""
    vr = standard_vr(tag)
    if vr in _LEFT_ASIDE and tag != _SOP_CLASS:
        return None
    if vr != "SQ" or not isinstance(value, tuple):
        return value
    return tuple(_item(item) for item in value) or None


def _item(item: CanonicalValue) -> CanonicalValue:
    if not isinstance(item, tuple):
        return item
    kept: list[CanonicalValue] = []
    for pair in item:
        match pair:
            case (int(tag), value):
                rest = _without_uids(tag, value)
                if rest is not None:
                    kept.append((tag, rest))
            case _:
                kept.append(pair)
    return tuple(kept)
