"""Bodies of several parts (RFC 2046, 5.1), as they come: bytes in, events out. No input, no output.

Strict where readers could differ: a line that begins with the boundary is one, and says nothing
else; the last boundary must be there; so must each part's header, in a few short lines.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from provenance.errors import MalformedError

MAX_PREAMBLE = 1024  # bytes before the first boundary, and after the last
MAX_HEADER = 4096
MAX_LINE = 1024
MAX_FIELDS = 16
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*([\x20-\x7e\t]*)")


@dataclass(frozen=True, slots=True)
class PartBegins:
    """A part; its header by names in lower case."""

    header: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PartData:
    """Some more bytes of the part."""

    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnds:
    """The part is whole."""


Event = PartBegins | PartData | PartEnds


class _State(Enum):
    PREAMBLE = auto()
    AFTER_BOUNDARY = auto()
    HEADER = auto()
    BEGIN = auto()
    DATA = auto()
    CLOSING = auto()
    EPILOGUE = auto()


class Multipart:
    """A reader of one body: feed it, and finish it. Holds little more than what it was fed last."""

    def __init__(self, boundary: str, *, max_parts: int) -> None:
        """MalformedError for a boundary that RFC 2046 does not allow."""
        if not _BOUNDARY.fullmatch(boundary):
            raise MalformedError("this is no boundary (RFC 2046, 5.1.1)")
        self._mark = b"\r\n--" + boundary.encode("ascii")
        self._held = bytearray(b"\r\n")  # so that the first boundary may begin the body
        self._state = _State.PREAMBLE
        self._max_parts = max_parts
        self._parts = 0
        self._epilogue = 0

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take some bytes, and yield what they bring; MalformedError for a body of another form.

        All must be taken before more is fed.
        """
        self._held += data
        while True:
            before = self._state
            match before:
                case _State.PREAMBLE:
                    self._preamble()
                case _State.AFTER_BOUNDARY:
                    self._after_boundary()
                case _State.HEADER:
                    header = self._header()
                    if header is not None:
                        yield PartBegins(header)
                case _State.BEGIN:
                    if self._begin():
                        yield PartEnds()
                case _State.DATA:
                    yield from self._data()
                case _State.CLOSING:
                    self._closing()
                case _State.EPILOGUE:
                    self._epilogue += len(self._held)
                    self._held.clear()
                    if self._epilogue > MAX_PREAMBLE:
                        raise MalformedError("too much follows the last boundary")
            if self._state is before:
                return

    def finish(self) -> None:
        """Return only if the body was whole, and had a part."""
        closing = self._state is _State.CLOSING and not self._held.strip(b" \t")
        if not closing and self._state is not _State.EPILOGUE:
            raise MalformedError("the body ends before its last boundary")
        if self._parts == 0:
            raise MalformedError("the body has no part")

    def _preamble(self) -> None:
        at = self._held.find(self._mark)
        if (at if at >= 0 else len(self._held) - len(self._mark)) > MAX_PREAMBLE:
            raise MalformedError("the first boundary comes too late")
        if at >= 0:
            self._cut(at)

    def _cut(self, at: int) -> None:
        """Go on after the boundary that begins at ``at``."""
        del self._held[: at + len(self._mark)]
        self._state = _State.AFTER_BOUNDARY

    def _after_boundary(self) -> None:
        if len(self._held) < 2:
            return
        if self._held[:2] == b"--":
            del self._held[:2]
            self._state = _State.CLOSING
        elif self._rest_of_line():
            self._parts += 1
            if self._parts > self._max_parts:
                raise MalformedError(f"a body has at most {self._max_parts} parts")
            self._state = _State.HEADER

    def _closing(self) -> None:
        if self._rest_of_line():
            self._state = _State.EPILOGUE

    def _rest_of_line(self) -> bool:
        """Remove white space and the line break behind a boundary, once they are there."""
        end = self._held.find(b"\r\n", 0, MAX_LINE)
        rest = bytes(self._held[: end if end >= 0 else MAX_LINE])
        if len(rest) == MAX_LINE or (rest if end >= 0 else rest.removesuffix(b"\r")).strip(b" \t"):
            raise MalformedError("a line begins with the boundary, and goes on")
        if end >= 0:
            del self._held[: end + 2]
        return end >= 0

    def _header(self) -> Mapping[str, str] | None:
        if self._held[:2] == b"\r\n":
            raise MalformedError("a part has no header")
        end = self._held.find(b"\r\n\r\n", 0, MAX_HEADER)
        if end < 0:
            if len(self._held) >= MAX_HEADER:
                raise MalformedError("the header of a part is too long")
            return None
        fields: dict[str, str] = {}
        for line in bytes(self._held[:end]).split(b"\r\n"):
            found = _FIELD.fullmatch(line)
            if found is None or len(line) > MAX_LINE:
                raise MalformedError("a line in the header of a part is no field")
            name = found[1].decode("ascii").lower()
            if name in fields or len(fields) == MAX_FIELDS:
                raise MalformedError("the header of a part names a field twice, or too many")
            fields[name] = found[2].decode("ascii").strip()
        del self._held[: end + 2]
        self._state = _State.BEGIN
        return fields

    def _begin(self) -> bool:
        """Look at the line break after the header; return whether it begins a boundary."""
        if len(self._held) < len(self._mark) and self._mark.startswith(self._held):
            return False
        if self._held.startswith(self._mark):
            self._cut(0)
            return True
        del self._held[:2]
        self._state = _State.DATA
        return False

    def _data(self) -> Iterator[Event]:
        at = self._held.find(self._mark)
        # without a boundary, the beginning of one may be the end of what is there
        size = at if at >= 0 else max(0, len(self._held) - len(self._mark) + 1)
        if size:
            yield PartData(bytes(memoryview(self._held)[:size]))
            del self._held[:size]
        if at >= 0:
            yield PartEnds()
            self._cut(0)
