"""The answer of verification: one word, three answers, and what they rest on.

Values only; provenance/judging/judge.py decides, provenance/findings.py holds the words.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NoReturn

from ledger import Event, ExistenceProof, Role
from provenance.correcting.correction import Subject
from provenance.deidentification.declared import Declared
from provenance.dicom.attributes import Change
from provenance.errors import NotProvenError
from provenance.findings import Code
from provenance.image_tree import Region
from provenance.judging.depth import Depth
from provenance.judging.evidence import Descent, SecondSigner
from provenance.judging.signed_by import SignedBy
from provenance.ps315.examine import DigitalSignature


class Word(StrEnum):
    """The verdict in one word (docs/verdicts.md)."""

    AUTHENTIC = "AUTHENTIC"
    CORRECTED = "CORRECTED"
    ALTERED = "ALTERED"
    UNSEALED = "UNSEALED"
    UNTRUSTED = "UNTRUSTED"
    DERIVED = "DERIVED"
    UNREADABLE = "UNREADABLE"
    NOT_CHECKED = "NOT CHECKED"
    STRIPPED = "STRIPPED"
    HEADER_CHANGED = "HEADER CHANGED"


EXIT_CODES: Mapping[Word, int] = {
    Word.AUTHENTIC: 0,
    Word.CORRECTED: 0,
    Word.ALTERED: 10,
    Word.UNSEALED: 11,
    Word.UNTRUSTED: 12,
    Word.DERIVED: 13,
    Word.UNREADABLE: 14,
    Word.NOT_CHECKED: 15,
    Word.STRIPPED: 17,
    Word.HEADER_CHANGED: 18,
}
NOTHING_MATCHED = 16
# The first of these that occurs among many objects is the exit code of the whole.
GRAVEST_FIRST = (
    Word.ALTERED,
    Word.STRIPPED,
    Word.UNREADABLE,
    Word.UNTRUSTED,
    Word.UNSEALED,
    Word.HEADER_CHANGED,
    Word.DERIVED,
    Word.NOT_CHECKED,
    Word.CORRECTED,
    Word.AUTHENTIC,
)


class Outcome(StrEnum):
    """What became of one question. Unknown is not refuted."""

    PROVEN = "proven"
    REFUTED = "refuted"
    UNKNOWN = "unknown"


class Status(StrEnum):
    """How one check went."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    WARN = "warn"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: which, how it went, its code and what was seen."""

    id: str
    status: Status
    code: Code
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of each question, and why, in words for an auditor.

    ``correctors`` says who has documented the changes: of what they are, and in which role.

    ``birth`` is the event with which the object's life began, ``descent`` what a derived copy shows
    of its parents, ``declared`` what the de-identifier of a copy answers for.
    """

    word: Word
    integrity: Outcome
    trust: Outcome
    custody: Outcome
    checks: tuple[Check, ...]
    regions: tuple[Region, ...] = ()
    changes: tuple[Change, ...] = ()
    documented: frozenset[int] = frozenset()
    correctors: frozenset[tuple[Subject, Role]] = frozenset()
    seal_id: bytes | None = None
    signer: str | None = None
    sealed_at: datetime | None = None
    log_index: int | None = None
    times: tuple[ExistenceProof, ...] = ()
    notes: tuple[str, ...] = field(default=())
    signatures: tuple[DigitalSignature, ...] = ()
    signed_by: SignedBy | None = None
    depth: Depth | None = None
    descent: Descent | None = None
    birth: Event | None = None
    declared: Declared | None = None
    second: SecondSigner | None = None

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict is not a yes or no: compare .word, or call require()")

    @property
    def exit_code(self) -> int:
        """The exit code of design and command for this word."""
        return EXIT_CODES[self.word]

    def require(self, *words: Word) -> None:
        """Raise NotProvenError unless the verdict is one of ``words`` (AUTHENTIC, if none)."""
        if self.word not in (words or (Word.AUTHENTIC,)):
            reasons = "; ".join(c.detail for c in self.checks if c.status is Status.FAIL)
            raise NotProvenError(f"{self.word}: {reasons or 'see its checks'}")


def gravest(words: frozenset[Word]) -> int:
    """Return the exit code of many verdicts; that nothing was checked is never success."""
    for word in GRAVEST_FIRST:
        if word in words:
            return EXIT_CODES[word]
    return NOTHING_MATCHED
