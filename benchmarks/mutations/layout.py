"""Where the parts of a sealed file lie, so that damage can be aimed."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from provenance.dicom.instance import DEFAULT_LIMITS
from provenance.dicom.read import read_instance
from provenance.dicom.structure import Walker

DEFLATED, IMPLICIT, BIG = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
CARRIER = 0x5253


@dataclass(frozen=True, slots=True)
class Span:
    """One element: ``data[head:start]`` says what it is, ``data[start:end]`` is its value."""

    tag: int
    head: int
    start: int
    end: int
    next: int

    @property
    def part(self) -> str:
        """The part of the file it belongs to."""
        group = self.tag >> 16
        if group == CARRIER and self.tag & 0xFFFF >= 0x1000:
            return ("statement", "annex", "receipt", "restore")[(self.tag & 0xFF) - 1]
        if group & 1:
            return "carrier" if group == CARRIER else "private"
        if group == 0x7FE0:
            return "pixels"
        return "header"


@dataclass(frozen=True, slots=True)
class Layout:
    """A file that is whole: the bytes in which elements lie, and how to make a file of them."""

    before: bytes
    data: bytes
    meta: tuple[Span, ...]
    spans: tuple[Span, ...]
    deflated: bool
    implicit: bool
    little: bool

    def file(self, data: bytes) -> bytes:
        """Return the file whose elements are ``data``."""
        if not self.deflated:
            return data
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        packed = deflater.compress(data) + deflater.flush()
        return self.before + packed + bytes(len(packed) % 2)


def layout_of(data: bytes) -> Layout:
    """Find the elements of a file that is as it was written."""
    syntax = str(read_instance(data).transfer_syntax)
    meta, start = _spans(data, 132, implicit=False, little=True, meta=True)
    implicit, little = syntax == IMPLICIT, syntax != BIG
    if syntax == DEFLATED:
        inside = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[start:])
        spans, _ = _spans(inside, 0, implicit=implicit, little=little, meta=False)
        return Layout(data[:start], inside, (), tuple(spans), True, implicit, little)
    spans, _ = _spans(data, start, implicit=implicit, little=little, meta=False)
    return Layout(b"", data, tuple(meta), tuple(spans), False, implicit, little)


def _spans(
    data: bytes, start: int, *, implicit: bool, little: bool, meta: bool
) -> tuple[Iterable[Span], int]:
    walker = Walker(
        data,
        implicit=implicit,
        little=little,
        max_elements=DEFAULT_LIMITS.elements,
        max_depth=DEFAULT_LIMITS.sequence_depth,
    )
    elements, end = walker.elements(start, only=2 if meta else None)
    heads = [start]
    for element in elements:
        heads.append(element.end + (8 if element.length == 0xFFFFFFFF else 0))
    spans = [
        Span(e.tag, head, e.start, e.end, following)
        for e, head, following in zip(elements, heads, heads[1:], strict=False)
    ]
    return spans, end
