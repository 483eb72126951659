"""Values to correct attributes to, as a person gives them: checked, and encoded for an object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydicom.charset import encode_string
from pydicom.config import RAISE
from pydicom.datadict import dictionary_VM, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag
from pydicom.valuerep import PersonName, validate_value

from provenance.correcting.correction import MAX_CHANGES, Reason, why_not
from provenance.dicom.canonical import SPECIFIC_CHARACTER_SET, CanonicalValue
from provenance.dicom.dictionary import standard_vr
from provenance.dicom.instance import Instance
from provenance.dicom.text import TEXTS, Form, read_text
from provenance.errors import UsageError

MAX_VALUE = 1024  # characters


@dataclass(frozen=True, slots=True)
class NewValue:
    """An attribute, and the text it is corrected to; empty text leaves it without a value."""

    tag: int
    keyword: str
    vr: str
    text: str

    @property
    def canonical(self) -> CanonicalValue | None:
        """The canonical value (docs/spec/header-tree.md)."""
        return read_text(self.text, self.vr)

    def element(self, instance: Instance) -> RawDataElement:
        """Return the element as ``instance`` must store it; UsageError if its characters cannot."""
        implicit, little = instance.dataset.original_encoding
        value = self._encoded(instance)
        value += (b"\0" if self.vr == "UI" else b" ") * (len(value) % 2)
        return RawDataElement(
            BaseTag(self.tag), self.vr, len(value), value, 0, bool(implicit), bool(little)
        )

    def _encoded(self, instance: Instance) -> bytes:
        if self.text.isascii():
            return self.text.encode("ascii")
        if not TEXTS[self.vr].declared or BaseTag(SPECIFIC_CHARACTER_SET) not in instance.dataset:
            raise UsageError(
                f"{self.keyword}: the object declares no character set but ASCII for this value"
            )
        found = instance.dataset.original_character_set
        charsets = [found] if isinstance(found, str) else list(found)
        if not any(_holds(charset, self.text) for charset in charsets):
            raise UsageError(f"{self.keyword}: the object's character set cannot write this value")
        if self.vr == "PN":
            return bytes(PersonName(self.text).encode(charsets))
        return bytes(encode_string(self.text, charsets))


def new_values(
    given: Mapping[str, str] | Sequence[tuple[str, str]], reason: Reason
) -> list[NewValue]:
    """Return what was given, by keyword or tag ("0010,0010"), in ascending order of the tags.

    UsageError for attributes that may not be corrected, or a value that is none of its VR.
    """
    pairs = list(given.items() if isinstance(given, Mapping) else given)
    if not 0 < len(pairs) < MAX_CHANGES:  # the object's record of them is one change more
        raise UsageError(f"{len(pairs)} attributes to correct, where 1 to {MAX_CHANGES - 1} can be")
    values: dict[int, NewValue] = {}
    for name, text in pairs:
        tag = tag_of(name)
        if tag in values:
            raise UsageError(f"{name} is given twice")
        values[tag] = _value(tag, text, reason)
    return [values[tag] for tag in sorted(values)]


def sought_values(pairs: Sequence[tuple[str, str]]) -> list[NewValue]:
    """Return values by which objects are chosen; any attribute written in characters can be named.

    UsageError for another, or one that is given twice.
    """
    values: dict[int, NewValue] = {}
    for name, text in pairs:
        tag = tag_of(name)
        keyword, vr = _named(tag), standard_vr(tag)
        if vr not in TEXTS:
            raise UsageError(
                f"{keyword}: only standard attributes written in characters are compared"
            )
        if tag in values:
            raise UsageError(f"{name} is given twice")
        values[tag] = NewValue(tag, keyword, vr, text)
    return list(values.values())


def _named(tag: int) -> str:
    return keyword_for_tag(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def tag_of(name: str) -> int:
    """Return the tag that a keyword or a tag in hex ("0010,0010") names; UsageError."""
    tag = tag_for_keyword(name)
    if tag is not None:
        return int(tag)
    digits = name.replace(",", "").strip("()")
    try:
        return int(digits, 16) if len(digits) == 8 and digits.isalnum() else int("", 16)
    except ValueError as error:
        raise UsageError(f"{name[:40]!r} is neither a DICOM keyword nor a tag") from error


def _value(tag: int, text: str, reason: Reason) -> NewValue:
    keyword, vr = _named(tag), standard_vr(tag)
    problem = why_not(tag, reason)
    if problem is not None:
        raise UsageError(f"{keyword} may not be corrected: {problem}")
    if vr is None:
        raise UsageError(f"{keyword} is no standard attribute")
    if vr not in TEXTS:
        raise UsageError(
            f"{keyword} has VR {vr}: only attributes written in characters are set here"
        )
    parts = [text] if TEXTS[vr].form is Form.PARAGRAPH else text.split("\\")
    if len(text) > MAX_VALUE or (len(parts) > 1 and dictionary_VM(tag) == "1"):
        raise UsageError(f"{keyword}: the value is too long, or there are too many of them")
    for part in parts:
        try:
            validate_value(vr, part, RAISE)
        except ValueError as error:
            raise UsageError(f"{keyword}: {error}") from error
    return NewValue(tag, keyword, vr, text)


def _holds(charset: str, text: str) -> bool:
    try:
        text.encode(charset)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
