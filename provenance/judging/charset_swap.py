"""Text that reads differently since another character set is declared, its bytes unchanged.

Who swaps (0008,0005) without converting the text changes a name without touching it. The signed
leaf tells it from an edit: read in the set of then, the bytes are what was signed. Pure functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from provenance.dicom.attributes import Change, Kind, canonical_attributes
from provenance.dicom.canonical import SPECIFIC_CHARACTER_SET
from provenance.header_tree import HeaderTree, changed_attributes

# What text is written in, PS3.3 C.12.1.1.2: the first that fits is named. None: (0008,0005) was
# not there.
CHARSETS: tuple[str | None, ...] = (
    *(f"ISO_IR {n}" for n in (100, 101, 109, 110, 144, 127, 126, 138, 148, 13, 166, 203, 192)),
    "GB18030",
    "GBK",
    "\\ISO 2022 IR 87",
    "\\ISO 2022 IR 87\\ISO 2022 IR 159",
    "ISO 2022 IR 13\\ISO 2022 IR 87",
    "\\ISO 2022 IR 149",
    "\\ISO 2022 IR 58",
    None,
)
_MOST_TEXT = 1 << 20  # bytes of the changed attributes: longer ones are not tried


@dataclass(frozen=True, slots=True)
class CharsetSwap:
    """Which attributes are as signed if read in ``was``, and what the object declares."""

    keywords: tuple[str, ...]
    was: str
    declared: str

    def words(self) -> str:
        """Say it in one line."""
        names = ", ".join(self.keywords[:6])
        if len(self.keywords) > 6:
            names += f" and {len(self.keywords) - 6} more"
        return (
            f"{names}: the bytes are as sealed, and were text in {self.was}; "
            f"{self.declared} is declared now"
        )


def find_charset_swap(
    signed: HeaderTree, dataset: Dataset, changes: Sequence[Change]
) -> CharsetSwap | None:
    """Say which changed attributes were never edited, only read in another character set."""
    held = _suspects(dataset, changes)
    if not held:
        return None
    declared = _element(dataset, SPECIFIC_CHARACTER_SET)
    names = {change.tag: change.keyword for change in changes}
    best: CharsetSwap | None = None
    for charset in CHARSETS:
        as_signed = sorted(set(held) - _still_changed(signed, dataset, held, charset))
        if as_signed and (best is None or len(as_signed) > len(best.keywords)):
            best = CharsetSwap(tuple(names[t] for t in as_signed), _name(charset), _shown(declared))
    return best


def _suspects(dataset: Dataset, changes: Sequence[Change]) -> dict[int, RawDataElement]:
    """Return changed elements, undecoded, that hold bytes which other sets read otherwise."""
    held: dict[int, RawDataElement] = {}
    for change in changes:
        element = _element(dataset, change.tag)
        if change.kind is not Kind.CHANGED or element is None:
            continue
        value = element.value or b""
        if not value.isascii() or b"\x1b" in value:
            held[change.tag] = element
    return held if sum(len(e.value or b"") for e in held.values()) <= _MOST_TEXT else {}


def _element(dataset: Dataset, tag: int) -> RawDataElement | None:
    if BaseTag(tag) not in dataset:
        return None
    element: object = dataset.get_item(BaseTag(tag), keep_deferred=True)
    return element if isinstance(element, RawDataElement) else None


def _still_changed(
    signed: HeaderTree, dataset: Dataset, held: dict[int, RawDataElement], charset: str | None
) -> set[int]:
    """Return which attributes are not as signed even if the object declared ``charset``."""
    elements = {BaseTag(tag): element for tag, element in held.items()}
    if charset is not None:
        value = charset.encode("ascii")
        tag = BaseTag(SPECIFIC_CHARACTER_SET)
        elements[tag] = RawDataElement(tag, "CS", len(value), value, 0, False, True)
    read_anew = Dataset(dict(elements))
    implicit, little = dataset.original_encoding
    read_anew.set_original_encoding(bool(implicit), little is not False, "iso8859")
    found = [a for a in canonical_attributes(read_anew) if a.tag in held]
    return {change.tag for change in changed_attributes(signed, found)}


def _name(charset: str | None) -> str:
    return "the default repertoire" if charset is None else charset


def _shown(element: RawDataElement | None) -> str:
    if element is None or not element.value:
        return _name(None)
    text = element.value[:64].decode("latin-1").strip(" \0")
    return "".join(character if character.isprintable() else "?" for character in text)
