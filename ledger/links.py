"""Back links between statements, and the head of a log a signer has seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ledger.errors import UsageError

HASH_SIZE = 32


class _Place(NamedTuple):
    seq: int
    previous: bytes | None


# A tuple: an audit makes two of each entry, and compares them.
class Link(_Place):
    """Place in a chain: number from zero, and the leaf hash of the statement before it."""

    __slots__ = ()

    def __new__(cls, seq: int, previous: bytes | None) -> Link:
        """Return the link; UsageError for a number and a hash that make none."""
        if not 0 <= seq < 2**63 or (seq == 0) is not (previous is None):
            raise UsageError("a link is number 0 without a predecessor, or a later one with it")
        if previous is not None and len(previous) != HASH_SIZE:
            raise UsageError("a link names its predecessor by a leaf hash of 32 bytes")
        return super().__new__(cls, seq, previous)

    def next(self, leaf_hash: bytes) -> Link:
        """Return the link of the statement after the one at this place."""
        return Link(self.seq + 1, leaf_hash)


FIRST = Link(0, None)


@dataclass(frozen=True, slots=True)
class Head:
    """Size and root of a log, as somebody claims to have seen them."""

    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.size < 2**63 or len(self.root) != HASH_SIZE:
            raise UsageError("a head is a size and a root of 32 bytes")
