"""Walk the encoded elements of a dataset: bounded, iterative, strict about lengths.

Pure functions of bytes. Knows nothing of files, values or pixels. pydicom accepts a value that
runs past its item, an item that never ends and any depth of nesting; a verifier may not, since
two readers would then see two objects in one file.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from pydicom.datadict import dictionary_VR
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, VR

from provenance.dicom.declared_vr import fits_standard, vr_of_standard
from provenance.dicom.private_block import GROUP
from provenance.errors import Unreadable, UnreadableError

UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END, _PADDING = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD, 0xFFFCFFFC
_NAMES = {str(vr).encode(): str(vr) for vr in VR if len(str(vr)) == 2}
_LONG = {str(vr).encode() for vr in EXPLICIT_VR_LENGTH_32}
_SEQUENCE, _UNKNOWN = b"SQ", b"UN"
_PLAIN: dict[bytes | None, str] = {
    vr: name for vr, name in _NAMES.items() if vr not in (_SEQUENCE, _UNKNOWN)
}
# Of these VRs: their names, and whether their length has four bytes.
_SHORT_WAY = {vr: (name, vr in _LONG) for vr, name in _PLAIN.items()}
_tuple = tuple.__new__  # fills a named tuple in half the time that its own constructor takes
# Zeros at the end may be none at all, items stand in sequences, and padding may hide what follows.
_ODD_GROUPS = frozenset({0x0000, 0xFFFC, 0xFFFE})
# MAC parameters, digital signatures, trailing padding
_NEVER_SIGNED = frozenset({0x4FFE0001, 0xFFFAFFFA, 0xFFFCFFFC})


class Element(NamedTuple):
    """Where one top-level element lies: ``data[start:end]`` is its value, delimiter excluded.

    ``items`` marks a value of undefined length that consists of items, whatever its VR.
    """

    tag: int
    vr: str | None
    length: int
    start: int
    end: int
    items: bool


@dataclass(frozen=True, slots=True)
class _Level:
    """An open sequence (``items``) or an open item; ``end`` is binding when ``defined``."""

    items: bool
    end: int
    defined: bool
    implicit: bool
    tags: set[int] = field(default_factory=set)


class Walker:
    """Finds the elements in one encoded dataset, and counts them against the limits.

    Parameters
    ----------
    data : bytes
        The encoded dataset, or the file that holds it.
    implicit, little : bool
        Encoding of the top level; items decide for themselves between implicit and explicit.
    max_elements, max_depth : int
        Elements on all levels together, and sequences within sequences.
    """

    def __init__(
        self, data: bytes, *, implicit: bool, little: bool, max_elements: int, max_depth: int
    ) -> None:
        order = "<" if little else ">"
        self._data = data
        self._implicit = implicit
        self._max_elements, self._max_depth = max_elements, max_depth
        self._count = 0
        self._explicit_header = Struct(order + "HH2sH").unpack_from
        self._implicit_header = Struct(order + "HHL").unpack_from
        self._group = Struct(order + "H").unpack_from
        self._length = Struct(order + "L").unpack_from

    def elements(self, position: int, *, only: int | None = None) -> tuple[list[Element], int]:
        """Return the elements from ``position`` on, of group ``only`` if given, and their end.

        What follows (FFFC,FFFC) and is no row of elements is left out, and so are zeros at the end.
        """
        found: list[Element] = []
        seen: set[int] = set()
        end = len(self._data)
        while True:
            if not self._implicit:
                position = self._plain_elements(position, found, seen, only)
            if end - position < 8:
                break
            (group,) = self._group(self._data, position)
            if only not in (None, group) or (group == 0 and self._zeros_alone(position)):
                break
            element, position = self._element(position, seen)
            found.append(element)
            if element.tag == _PADDING:
                more, position = self._after_padding(position, seen)
                return [*found, *more], position
        return found, position

    def _plain_elements(
        self, position: int, found: list[Element], seen: set[int], only: int | None
    ) -> int:
        """Take elements with a VR, and no items, for as long as there is nothing odd about them.

        Most elements are such, and this is the short way; `_element` decides about all others.
        """
        data, end = self._data, len(self._data)
        header, long_length = self._explicit_header, self._length
        begun = len(seen)
        while end - position >= 8:
            group, number, vr, length = header(data, position)
            known = _SHORT_WAY.get(vr)
            if known is None or group in _ODD_GROUPS or (only is not None and group != only):
                break
            name, is_long = known
            start = position + 8
            if is_long:
                if end - start < 4:
                    break
                (length,) = long_length(data, start)
                start += 4
            tag, stop = group << 16 | number, start + length
            if stop > end or tag in seen or not (group & 1 or fits_standard(tag, vr)):
                break
            seen.add(tag)
            found.append(_tuple(Element, (tag, name, length, start, stop, False)))
            position = stop
        self._add(len(seen) - begun)
        return position

    def _element(self, position: int, seen: set[int]) -> tuple[Element, int]:
        tag, vr, length, start = self._header(position, self._implicit, len(self._data))
        if tag >> 16 == 0xFFFE:
            raise _malformed(f"an item tag stands outside any sequence at byte {position}")
        _require_kind(tag, vr)
        self._remember(tag, seen)
        if vr in _PLAIN and (stop := start + length) <= len(self._data):
            return Element(tag, _PLAIN[vr], length, start, stop, False), stop
        stop, position = self._value(tag, vr, length, start)
        name = None if vr is None else _NAMES[vr]
        items = length == UNDEFINED and self._holds_items(tag, vr, start)
        return Element(tag, name, length, start, stop, items), position

    def _zeros_alone(self, position: int) -> bool:
        """Whether nothing but zero bytes is left: no reader sees anything in them."""
        if self._data[position : position + 8].strip(b"\0"):
            return False
        return self._data.count(0, position) == len(self._data) - position

    def _after_padding(self, position: int, seen: set[int]) -> tuple[list[Element], int]:
        """Return the elements after (FFFC,FFFC), where all that follows is such a row.

        Otherwise it is no part of the dataset: unless a reader that takes element after element
        would find in it one that has a meaning, or that was there before.
        """
        before, start = frozenset(seen), position
        found: list[Element] = []
        while len(self._data) - position >= 8 and not self._zeros_alone(position):
            group, number, _ = self._implicit_header(self._data, position)
            try:
                element, position = self._element(position, seen)
            except UnreadableError as error:
                met = {group << 16 | number, *(element.tag for element in found)}
                if error.code in (Unreadable.TOO_DEEP, Unreadable.TOO_MANY) or met & before:
                    raise
                if any(_has_meaning(tag) for tag in met):
                    raise
                return [], start
            found.append(element)
        return found, position

    def _value(self, tag: int, vr: bytes | None, length: int, start: int) -> tuple[int, int]:
        """Return where the value ends and where the next element begins."""
        end = len(self._data)
        nested = self._holds_items(tag, vr, start)
        if length == UNDEFINED:
            if nested:
                implicit = self._implicit or vr == _UNKNOWN
                after = self._sequence(start, _Level(True, end, False, implicit))
            else:
                after = self._fragments(start, end)
            return after - 8, after
        if length > end - start:
            raise UnreadableError(
                f"the file ends inside element {_name(tag)}: {end - start} of {length} bytes",
                code=Unreadable.TRUNCATED,
            )
        after = start + length
        if nested:
            implicit = self._implicit or vr == _UNKNOWN
            try:
                self._sequence(start, _Level(True, after, True, implicit))
            except UnreadableError as error:
                # only a guess for a private element: its bytes may look like items by chance
                guessed = vr != _SEQUENCE and tag >> 16 & 1
                if not guessed or error.code in (Unreadable.TOO_DEEP, Unreadable.TOO_MANY):
                    raise
        return after, after

    def _header(
        self, position: int, implicit: bool, end: int
    ) -> tuple[int, bytes | None, int, int]:
        """Return tag, VR (None if implicit), length and start of the value."""
        if not implicit:
            group, number, vr, length = self._explicit_header(self._data, position)
            if vr in _NAMES:
                start = position + 8
                if vr in _LONG:
                    if start + 4 > end:
                        raise _truncated(position)
                    (length,) = self._length(self._data, start)
                    start += 4
                return group << 16 | number, vr, length, start
            if b"AA" <= vr <= b"ZZ":
                raise _malformed(f"unknown value representation {vr!r} at byte {position}")
        # some writers switch to implicit VR inside explicit datasets; pydicom follows them too
        group, number, length = self._implicit_header(self._data, position)
        return group << 16 | number, None, length, position + 8

    def _sequence(self, position: int, outermost: _Level) -> int:
        """Check a sequence and all below it; return the position after it."""
        data, levels = self._data, [outermost]
        while levels:
            level = levels[-1]
            if level.defined and position == level.end:
                levels.pop()
                continue
            if level.end - position < 8:
                raise _truncated(position)
            if level.items:
                group, number, length = self._implicit_header(data, position)
                tag = group << 16 | number
                position += 8
                if tag == _SEQUENCE_END and not level.defined:
                    levels.pop()
                elif tag == _ITEM:
                    position = self._open_item(position, length, level, levels)
                else:
                    raise _malformed(f"{_name(tag)} stands where an item must begin")
                continue
            tag, vr, length, start = self._header(position, level.implicit, level.end)
            if tag == _ITEM_END and not level.defined:
                levels.pop()
                position = start
                continue
            if tag >> 16 == 0xFFFE:
                raise _malformed(f"{_name(tag)} stands inside an item")
            _require_kind(tag, vr)
            self._remember(tag, level.tags)
            position = self._open_value(tag, vr, length, start, levels)
        return position

    def _open_item(self, position: int, length: int, level: _Level, levels: list[_Level]) -> int:
        end = level.end if length == UNDEFINED else position + length
        if end > level.end:
            raise _malformed(f"an item at byte {position} is longer than what holds it")
        implicit = level.implicit or not _looks_explicit(self._data, position)
        levels.append(_Level(False, end, length != UNDEFINED, implicit))
        return position

    def _open_value(
        self, tag: int, vr: bytes | None, length: int, start: int, levels: list[_Level]
    ) -> int:
        level = levels[-1]
        end = level.end if length == UNDEFINED else start + length
        if end > level.end:
            raise _malformed(f"{_name(tag)} is longer than the item that holds it")
        if self._holds_items(tag, vr, start):
            if len(levels) >= 2 * self._max_depth:
                raise UnreadableError(
                    f"more than {self._max_depth} nested sequences", code=Unreadable.TOO_DEEP
                )
            implicit = level.implicit or vr == _UNKNOWN
            levels.append(_Level(True, end, length != UNDEFINED, implicit))
            return start
        return self._fragments(start, end) if length == UNDEFINED else end

    def _fragments(self, position: int, end: int) -> int:
        """Skip encapsulated fragments (PS3.5 A.4); return the position after their delimiter."""
        while end - position >= 8:
            group, number, length = self._implicit_header(self._data, position)
            tag = group << 16 | number
            position += 8
            if tag == _SEQUENCE_END:
                return position
            if tag != _ITEM:
                raise _malformed(f"{_name(tag)} stands where a fragment must begin")
            if length > end - position:
                break
            position += length
        raise UnreadableError("the file ends inside a row of fragments", code=Unreadable.TRUNCATED)

    def _holds_items(self, tag: int, vr: bytes | None, start: int) -> bool:
        """Whether pydicom would read the value as a sequence, now or when it is asked for."""
        if vr == _SEQUENCE:
            return True
        if vr is not None and vr != _UNKNOWN:
            return False
        if tag >> 16 & 1:
            (first,) = self._length(self._data, start) if start + 4 <= len(self._data) else (0,)
            return first in (0xE000FFFE, 0xFFFEE000)
        return _is_sequence(tag)

    def _add(self, elements: int) -> None:
        self._count += elements
        if self._count > self._max_elements:
            raise UnreadableError(
                f"more than {self._max_elements} elements", code=Unreadable.TOO_MANY
            )

    def _remember(self, tag: int, seen: set[int]) -> None:
        self._add(1)
        if tag in seen:
            raise UnreadableError(
                f"{_name(tag)} occurs twice: readers would differ", code=Unreadable.DUPLICATE
            )
        seen.add(tag)


@lru_cache(4096)
def _is_sequence(tag: int) -> bool:
    try:
        return dictionary_VR(tag) == "SQ"
    except KeyError:
        return False


def _has_meaning(tag: int) -> bool:
    """Whether a reader knows the tag: a standard attribute, or one of our own block's group."""
    try:
        return tag >> 16 == GROUP or dictionary_VR(tag) != ""
    except KeyError:
        return False


def _require_kind(tag: int, vr: bytes | None) -> None:
    """Refuse a VR under which the same bytes are another value: text, numbers, bulk, sequences.

    What is signed is read by the standard's VR; other programs go by the declared one.
    """
    if vr is None or vr == _UNKNOWN or tag >> 16 & 1 or tag in _NEVER_SIGNED:
        return
    if not fits_standard(tag, vr):
        raise _malformed(
            f"{_name(tag)} is declared as {vr.decode('ascii')}, the standard says "
            f"{vr_of_standard(tag)}: readers would differ"
        )


def _looks_explicit(data: bytes, position: int) -> bool:
    """Whether bytes 4 and 5 of an element are two capital letters (as pydicom decides it)."""
    return len(vr := data[position + 4 : position + 6]) == 2 and all(64 < c < 91 for c in vr)


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _malformed(reason: str) -> UnreadableError:
    return UnreadableError(reason, code=Unreadable.MALFORMED)


def _truncated(position: int) -> UnreadableError:
    return UnreadableError(
        f"the data end inside an element, byte {position}", code=Unreadable.TRUNCATED
    )
