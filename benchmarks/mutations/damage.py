"""Damage to bytes: anywhere, or aimed at a part of the file, or at the elements it is made of."""

import struct
from collections.abc import Callable
from random import Random

from benchmarks.mutations.layout import Layout, Span

REPRESENTATIONS = [
    *(b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"OB"),
    *(b"OW", b"OF", b"PN", b"SH", b"SL", b"SQ", b"SS", b"ST", b"TM", b"UI", b"UL", b"UN", b"US"),
    *(b"UT", b"UC", b"UR", b"OD", b"OL", b"OV", b"SV", b"UV", b"ZZ", b"\0\0"),
]
LENGTHS = [0, 1, 2, 4, 0xFE, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF]
PARTS = (
    *("anywhere", "preamble", "file meta", "element heads", "header", "private"),
    *("statement", "annex", "receipt", "restore", "pixels", "tail"),
)


def damage_bytes(chance: Random, layout: Layout) -> tuple[str, str, bytes]:
    """Return part, kind, and the file after one blow at its bytes."""
    part = chance.choice(PARTS)
    start, end = _range(chance, layout, part)
    name, act = chance.choice(_ACTS)
    return part, name, layout.file(act(chance, layout.data, start, end))


def _range(chance: Random, layout: Layout, part: str) -> tuple[int, int]:
    """Return the bytes that are aimed at; anywhere, if the file has no such part."""
    spans = layout.spans
    if part == "preamble" and layout.meta:
        return 0, 132
    if part == "file meta" and layout.meta:
        return layout.meta[0].head, layout.meta[-1].next
    if part == "tail":
        return max(0, len(layout.data) - 64), len(layout.data)
    if part == "element heads":
        span = chance.choice(spans)
        return span.head, span.start
    aimed = [s for s in spans if s.part == part and s.end > s.start]
    if not aimed:
        return 0, len(layout.data)
    span = chance.choice(aimed)
    return span.start, span.end


def _flip(chance: Random, data: bytes, start: int, end: int) -> bytes:
    at = chance.randrange(start, end)
    return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]


def _set(chance: Random, data: bytes, start: int, end: int) -> bytes:
    at = chance.randrange(start, end)
    return data[:at] + bytes([data[at] ^ chance.randrange(1, 256)]) + data[at + 1 :]


def _text(chance: Random, data: bytes, start: int, end: int) -> bytes:
    """Put another letter, digit or separator: what a text may hold."""
    at = chance.randrange(start, end)
    return data[:at] + chance.choice(b"0123456789ABCRL^=\\ .-+e\0").to_bytes() + data[at + 1 :]


def _insert(chance: Random, data: bytes, start: int, end: int) -> bytes:
    at = chance.randint(start, end)
    return data[:at] + chance.randbytes(chance.choice((1, 2, 4, 8, 16))) + data[at:]


def _delete(chance: Random, data: bytes, start: int, end: int) -> bytes:
    at = chance.randrange(start, end)
    return data[:at] + data[at + chance.choice((1, 2, 4, 8, 16)) :]


def _truncate(chance: Random, data: bytes, start: int, end: int) -> bytes:
    return data[: chance.randrange(start, end)]


def _zero(chance: Random, data: bytes, start: int, end: int) -> bytes:
    at = chance.randrange(start, end)
    stop = min(end, at + chance.choice((2, 4, 16, 64)))
    return data[:at] + bytes(stop - at) + data[stop:]


def _copy(chance: Random, data: bytes, start: int, end: int) -> bytes:
    """Put bytes of elsewhere here, over what is there."""
    at, size = chance.randrange(start, end), chance.choice((2, 4, 16, 64))
    source = chance.randrange(len(data))
    piece = data[source : source + size]
    return data[:at] + piece + data[at + len(piece) :]


def _repeat(chance: Random, data: bytes, start: int, end: int) -> bytes:
    at, size = chance.randrange(start, end), chance.choice((1, 2, 8, 32))
    return data[: at + size] + data[at:]


def _swap(chance: Random, data: bytes, start: int, end: int) -> bytes:
    first, second = chance.randrange(start, end), chance.randrange(start, end)
    changed = bytearray(data)
    changed[first], changed[second] = changed[second], changed[first]
    return bytes(changed)


_ACTS: tuple[tuple[str, Callable[[Random, bytes, int, int], bytes]], ...] = (
    ("bit flipped", _flip),
    ("byte set", _set),
    ("character set", _text),
    ("bytes inserted", _insert),
    ("bytes deleted", _delete),
    ("truncated", _truncate),
    ("bytes zeroed", _zero),
    ("bytes copied over", _copy),
    ("bytes repeated", _repeat),
    ("bytes swapped", _swap),
)


def damage_elements(chance: Random, layout: Layout) -> tuple[str, str, bytes]:
    """Return part, kind, and the file after one blow at an element as a whole."""
    spans = [*layout.meta, *layout.spans]
    span = chance.choice(spans)
    part = "file meta" if span.tag >> 16 == 2 else span.part
    name, act = chance.choice(_ELEMENT_ACTS)
    return part, name, layout.file(act(chance, layout, span))


def _duplicate(chance: Random, layout: Layout, span: Span) -> bytes:
    data = layout.data
    return data[: span.next] + data[span.head :]


def _duplicate_other_value(chance: Random, layout: Layout, span: Span) -> bytes:
    """The element again, with its first byte changed: readers take the first or the last."""
    data = layout.data
    if span.end == span.start:
        return _duplicate(chance, layout, span)
    value = bytes([data[span.start] ^ 1]) + data[span.start + 1 : span.next]
    again = data[span.head : span.start] + value
    before = data[span.head : span.next]
    both = before + again if chance.random() < 0.5 else again + before
    return data[: span.head] + both + data[span.next :]


def _remove(chance: Random, layout: Layout, span: Span) -> bytes:
    return layout.data[: span.head] + layout.data[span.next :]


def _move(chance: Random, layout: Layout, span: Span) -> bytes:
    data, other = layout.data, chance.choice(layout.spans)
    piece = data[span.head : span.next]
    if other.head >= span.next:
        return data[: span.head] + data[span.next : other.head] + piece + data[other.head :]
    if other.next <= span.head:
        return data[: other.head] + piece + data[other.head : span.head] + data[span.next :]
    return data[: span.head] + data[span.next :] + piece


def _exchange_values(chance: Random, layout: Layout, span: Span) -> bytes:
    """Swap two whole values of the same length, or the elements that follow each other."""
    data = layout.data
    size = span.end - span.start
    alike = [s for s in layout.spans if s != span and s.end - s.start == size]
    if not alike:
        return _move(chance, layout, span)
    first, second = sorted((span, chance.choice(alike)), key=lambda s: s.start)
    return (
        data[: first.start]
        + data[second.start : second.end]
        + data[first.end : second.start]
        + data[first.start : first.end]
        + data[second.end :]
    )


def _representation(chance: Random, layout: Layout, span: Span) -> bytes:
    if layout.implicit and span.tag >> 16 != 2:
        return _tag(chance, layout, span)
    at = span.head + 4
    return layout.data[:at] + chance.choice(REPRESENTATIONS) + layout.data[at + 2 :]


def _length(chance: Random, layout: Layout, span: Span) -> bytes:
    """Another length, the value stays."""
    data, head = layout.data, span.start - span.head
    order = "<" if layout.little or span.tag >> 16 == 2 else ">"
    was = span.end - span.start
    now = chance.choice([*LENGTHS, was + 1, was + 2, was - 1, was - 2, was * 2]) % 0x100000000
    short = head == 8 and not (layout.implicit and span.tag >> 16 != 2)
    if short:
        return data[: span.start - 2] + struct.pack(order + "H", now % 0x10000) + data[span.start :]
    return data[: span.start - 4] + struct.pack(order + "L", now) + data[span.start :]


def _tag(chance: Random, layout: Layout, span: Span) -> bytes:
    at = span.head + chance.randrange(4)
    changed = bytes([layout.data[at] ^ 1 << chance.randrange(8)])
    return layout.data[:at] + changed + layout.data[at + 1 :]


def _empty(chance: Random, layout: Layout, span: Span) -> bytes:
    """No value, and a length that says so."""
    data = layout.data
    size = 2 if span.start - span.head == 8 and not layout.implicit else 4
    return data[: span.start - size] + bytes(size) + data[span.next :]


_ELEMENT_ACTS: tuple[tuple[str, Callable[[Random, Layout, Span], bytes]], ...] = (
    ("element duplicated", _duplicate),
    ("element twice, with two values", _duplicate_other_value),
    ("element removed", _remove),
    ("element moved", _move),
    ("values exchanged", _exchange_values),
    ("VR changed", _representation),
    ("length changed", _length),
    ("tag changed", _tag),
    ("value emptied", _empty),
)
