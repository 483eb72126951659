"""What an audit reports: where, what kind, and in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ledger.auditing.audit_state import AuditState


class FindingCode(StrEnum):
    """Kinds of findings; the codes are stable."""

    STATEMENT_MISSING = "statement-missing"
    STATEMENT_EXTRA = "statement-extra"
    STATEMENT_MALFORMED = "statement-malformed"
    SIGNATURE = "signature"
    KEY_RANGE = "key-range"
    ROLE = "role"
    EVENT = "event"
    OBJECT_LINK = "object-link"
    ACTOR_LINK = "actor-link"
    GENESIS = "genesis"
    KEYS = "keys"
    TILE = "tile"
    HEAD = "head"
    CHECKPOINT = "checkpoint"
    HELD_CHECKPOINT = "held-checkpoint"
    INDEX = "index"
    PSEUDONYM = "pseudonym"
    ANNEX = "annex"
    ERASURE = "erasure"
    TIMESTAMP = "timestamp"
    DATABASE = "database"
    TOO_MANY = "too-many"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be; ``index`` is the entry it concerns, if it is one."""

    index: int | None
    code: FindingCode
    words: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit looked at, and what it found.

    ``start`` is the first entry it read: entries before were read by the audit it goes on from.
    ``state`` is what the next audit can go on from; None if anything was found, or not re-hashed.
    ``not_rehashed`` entries below ``minimum_index`` were pruned and in no archive that was given:
    only that their hashes lead to the root was checked.
    """

    size: int
    root: bytes
    covered: int
    findings: tuple[Finding, ...]
    start: int = 0
    state: AuditState | None = None
    minimum_index: int = 0
    not_rehashed: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing was found. Against the operator, only ``held`` checkpoints count."""
        return not self.findings


class Findings:
    """A list that stops growing before a broken log fills the memory."""

    LIMIT = 1_000

    def __init__(self) -> None:
        self._found: list[Finding] = []

    def add(self, index: int | None, code: FindingCode, words: str) -> None:
        """Note one finding."""
        if len(self._found) < self.LIMIT:
            self._found.append(Finding(index, code, words))
        elif len(self._found) == self.LIMIT:
            words = f"more than {self.LIMIT} findings; the rest is not listed"
            self._found.append(Finding(None, FindingCode.TOO_MANY, words))

    def all(self) -> tuple[Finding, ...]:
        """Return everything noted so far."""
        return tuple(self._found)
