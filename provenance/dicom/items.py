"""Cut the bytes of a sequence into items and elements (PS3.5 7.5). Pure, bounded, strict.

Sequences of defined length are left as bytes, to be cut when they are looked at; those of
undefined length have to be walked to find their end, and are returned with their items.
"""

from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple, TypeAlias

from provenance.dicom.dictionary import standard_vr
from provenance.errors import MalformedError, Unreadable, UnreadableError

MAX_DEPTH = 32
UNDEFINED = 0xFFFFFFFF
ITEMS_BEGIN = b"\xfe\xff\x00\xe0"  # in little endian
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))
_HEADERS = {True: Struct("<HHL"), False: Struct(">HHL")}
_SHORTS = {True: Struct("<H"), False: Struct(">H")}


class Encoded(NamedTuple):
    """An element as its bytes, or as its items if those had to be found to find its end."""

    tag: int
    vr: str | None
    value: "bytes | tuple[Item, ...]"
    encoding: "Encoding"


Item: TypeAlias = list[Encoded]


class Encoding(NamedTuple):
    """How elements are written."""

    implicit: bool
    little: bool


# Of which there are four: made once, not for each element.
ENCODINGS = {
    (implicit, little): Encoding(implicit, little)
    for implicit in (False, True)
    for little in (False, True)
}
UNKNOWN_ENCODING = Encoding(implicit=True, little=True)  # VR UN, PS3.5 6.2.2 note 1


def too_deep() -> UnreadableError:
    """The error for sequences that nest beyond the limit."""
    return UnreadableError(f"more than {MAX_DEPTH} nested sequences", code=Unreadable.TOO_DEEP)


def starts_as_items(value: bytes, *, little: bool = True) -> bool:
    """Whether a value of unknown VR begins with an item tag."""
    return value.startswith(ITEMS_BEGIN if little else b"\xff\xfe\xe0\x00")


def split_items(value: bytes, encoding: Encoding, *, depth: int = 0) -> tuple[Item, ...]:
    """Return the items of a sequence whose value is exactly ``value``.

    Raises
    ------
    MalformedError
        The bytes are not a whole number of well-formed items.
    UnreadableError
        Sequences nest deeper than ``MAX_DEPTH``.
    """
    cutter = _Cutter(value, encoding.little)
    items, stop = cutter.sequence(0, len(value), encoding.implicit, depth, delimited=False)
    if stop != len(value):
        raise MalformedError("bytes follow the end of a sequence")
    return items


@dataclass(frozen=True, slots=True)
class _Cutter:
    data: bytes
    little: bool

    def sequence(
        self, start: int, end: int, implicit: bool, depth: int, *, delimited: bool
    ) -> tuple[tuple[Item, ...], int]:
        """Cut items up to ``end``, or to a delimiter; return them and where they stop."""
        if depth > MAX_DEPTH:
            raise too_deep()
        items: list[Item] = []
        while start < end:
            tag, size = self._header(start, end)
            start += 8
            if tag == _SEQUENCE_END:
                return tuple(items), start
            if tag != _ITEM:
                raise MalformedError(f"no item begins at byte {start - 8} of a sequence")
            item, start = self._item(start, end, size, implicit, depth)
            items.append(item)
        if delimited:
            raise MalformedError("a sequence has no end")
        return tuple(items), start

    def _item(
        self, start: int, end: int, size: int, implicit: bool, depth: int
    ) -> tuple[Item, int]:
        stop = end if size == UNDEFINED else start + size
        if stop > end:
            raise MalformedError("an item is longer than its sequence")
        letters = self.data[start + 4 : start + 6]
        implicit = implicit or not _are_letters(letters)
        item: Item = []
        while start < stop:
            tag, length = self._header(start, stop)
            if tag == _ITEM_END:
                return item, start + 8
            element, start = self._element(start, stop, tag, length, implicit, depth)
            item.append(element)
        if size == UNDEFINED:
            raise MalformedError("an item has no end")
        return item, start

    def _element(
        self, start: int, end: int, tag: int, length: int, implicit: bool, depth: int
    ) -> tuple[Encoded, int]:
        vr: str | None = None
        letters = self.data[start + 4 : start + 6]
        start += 8
        if not implicit and _are_letters(letters):
            vr = letters.decode("ascii")
            if vr in _LONG:
                if end - start < 4:
                    raise MalformedError("an element ends within its length")
                length = int.from_bytes(
                    self.data[start : start + 4], "little" if self.little else "big"
                )
                start += 4
            else:
                (length,) = _SHORTS[self.little].unpack_from(self.data, start - 2)
        encoding = ENCODINGS[vr is None, self.little]
        if vr == "UN":
            encoding = UNKNOWN_ENCODING
        if length != UNDEFINED:
            if length > end - start:
                raise MalformedError(f"element {tag:08X} is longer than what holds it")
            stop = start + length
            return Encoded(tag, vr, self.data[start:stop], encoding), stop
        if self._holds_items(tag, vr):
            implicit = vr is None or vr == "UN"
            items, stop = self.sequence(start, end, implicit, depth + 1, delimited=True)
            return Encoded(tag, "SQ", items, encoding), stop
        stop = self._fragments(start, end)
        return Encoded(tag, vr, self.data[start : stop - 8], encoding), stop

    def _holds_items(self, tag: int, vr: str | None) -> bool:
        """Whether a value of undefined length is a sequence; else it is encapsulated data."""
        if vr is not None:
            return vr in ("SQ", "UN")
        return standard_vr(tag) in ("SQ", None)

    def _fragments(self, start: int, end: int) -> int:
        while start < end:
            tag, size = self._header(start, end)
            start += 8
            if tag == _SEQUENCE_END:
                return start
            if tag != _ITEM or size > end - start:
                break
            start += size
        raise MalformedError("encapsulated data have no end")

    def _header(self, start: int, end: int) -> tuple[int, int]:
        if end - start < 8:
            raise MalformedError("a sequence ends within an element")
        group, number, length = _HEADERS[self.little].unpack_from(self.data, start)
        return group << 16 | number, length


def _are_letters(two: bytes) -> bool:
    return len(two) == 2 and all(0x40 < byte < 0x5B for byte in two)
