"""What goes into a log and what comes back: plain values."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.annexes import MAX_ANNEX
from ledger.cose.keys import Algorithm
from ledger.errors import UsageError
from ledger.roles import Role

PSEUDONYM_SIZE = 32
MAX_PSEUDONYMS = 64


@dataclass(frozen=True, slots=True)
class Submission:
    """A statement to be logged, with what is kept beside the log for its object.

    ``annex`` replaces the annex the object has; ``pseudonyms`` are keyed hashes under which the
    object shall be found. Both are ignored if the statement is already in the log.
    """

    statement: bytes
    annex: bytes | None = field(default=None, repr=False)
    pseudonyms: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.annex is not None and len(self.annex) > MAX_ANNEX:
            raise UsageError(f"an annex of {len(self.annex)} bytes, where {MAX_ANNEX} are allowed")
        if len(self.pseudonyms) > MAX_PSEUDONYMS:
            raise UsageError(f"{len(self.pseudonyms)} pseudonyms for one statement")
        if any(len(each) != PSEUDONYM_SIZE for each in self.pseudonyms):
            raise UsageError(f"a pseudonym has {PSEUDONYM_SIZE} bytes")


@dataclass(frozen=True, slots=True)
class Entry:
    """A statement at its place in the log."""

    index: int
    statement: bytes = field(repr=False)
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class LoggedKey:
    """A key of the log: it signs entries after ``added_index`` and before ``revoked_index``."""

    kid: bytes
    algorithm: Algorithm
    role: Role
    spki: bytes
    certificate: bytes | None
    added_index: int
    revoked_index: int | None
