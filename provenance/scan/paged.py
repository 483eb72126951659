"""List an archive page by page by offset, and notice when it moves meanwhile.

Each page begins with the last entry of the page before. If another one is there, something was
deleted or put before it, and entries may have slipped past: the listing begins again. Who writes
entries down must take those that come twice for one.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from provenance.errors import MalformedError, OutOfReachError
from provenance.scan.outcome import Entry
from provenance.scan.source import Page

RESTARTS = 8

Ask = Callable[[int, int], Sequence[str]]
"""Takes how many entries to pass over and how many to return at most; returns their uris."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """How many entries were listed, and the last one."""

    count: int
    last: str

    @property
    def text(self) -> str:
        """As it is written down."""
        return json.dumps([self.count, self.last])

    @classmethod
    def read(cls, text: str) -> Self:
        """Read one; MalformedError if it is none."""
        try:
            match json.loads(text):
                case [int(count), str(last)] if count > 0:
                    return cls(count, last)
        except ValueError:
            pass
        raise MalformedError("a cursor that is none")


def pages(ask: Ask, cursor: str | None, *, size: int) -> Iterator[Page]:
    """Yield pages until one is empty; OutOfReachError if the archive does not keep still."""
    here = None if cursor is None else Cursor.read(cursor)
    restarts = 0
    while True:
        if here is None:
            found = ask(0, size)
        else:
            found = ask(here.count - 1, size + 1)
            if not found or found[0] != here.last:
                restarts += 1
                if restarts > RESTARTS:
                    words = "the archive changes faster than it can be listed"
                    raise OutOfReachError(f"{words}: try again when less is deleted")
                here = None
                continue
            found = found[1:]
        if not found:
            return
        here = Cursor((0 if here is None else here.count) + len(found), found[-1])
        yield Page(tuple(map(Entry, found)), here.text)
