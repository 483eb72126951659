"""The answer about a study: one word, what it rests on, and what became of every instance.

Values only; provenance/study/judge.py decides.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

from provenance.findings import Code
from provenance.judging.verdict import EXIT_CODES, GRAVEST_FIRST, NOTHING_MATCHED, Status, Word


class StudyWord(StrEnum):
    """The verdict on a study in one word (docs/verdicts.md), gravest first."""

    DIFFERS = "DIFFERS"
    INCOMPLETE = "INCOMPLETE"
    UNTRUSTED = "UNTRUSTED"
    NOT_CLOSED = "NOT CLOSED"
    UNPROVEN = "UNPROVEN"
    NOT_CHECKED = "NOT CHECKED"
    COMPLETE = "COMPLETE"


INCOMPLETE = 19
CANNOT_DESCRIBE = "SE303"  # SealError of a Key Object
STUDY_EXIT_CODES: Mapping[StudyWord, int] = {
    StudyWord.DIFFERS: EXIT_CODES[Word.ALTERED],
    StudyWord.INCOMPLETE: INCOMPLETE,
    StudyWord.UNTRUSTED: EXIT_CODES[Word.UNTRUSTED],
    StudyWord.NOT_CLOSED: EXIT_CODES[Word.UNSEALED],
    StudyWord.NOT_CHECKED: EXIT_CODES[Word.NOT_CHECKED],
    StudyWord.COMPLETE: 0,
}
"""UNPROVEN has that of its gravest instance."""


class State(StrEnum):
    """How one instance compares with the manifest."""

    AS_LISTED = "as listed"
    MISSING = "missing"
    EXTRA = "extra"
    REPEATED = "repeated"
    SWAPPED = "swapped"
    REPLACED = "replaced"
    ADDED_LATER = "added later"
    KEY_OBJECT = "Key Object"
    NOT_COMPARED = "not compared"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and all instances that it is about."""

    status: Status
    code: Code
    detail: str
    instances: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InstanceReport:
    """One instance: where it is, its own verdict and why, and how it compares."""

    instance_uid: str
    state: State
    path: Path | None = None
    word: Word | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClosingReport:
    """The closing that was compared with; ``logged`` is None where nothing shows that it was."""

    source: str
    signer: str
    closed_at: datetime
    study_object: bytes
    instances: int
    log_index: int | None = None
    newer_unknown: bool = False


@dataclass(frozen=True, slots=True)
class StudyVerdict:
    """What became of one study, in words for an auditor."""

    word: StudyWord
    study_uid: str
    findings: tuple[Finding, ...]
    instances: tuple[InstanceReport, ...]
    closing: ClosingReport | None = None
    worst: Word | None = None

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict is not a yes or no: compare .word")

    @property
    def exit_code(self) -> int:
        """The exit code of the word; of UNPROVEN that of the gravest instance that counts."""
        if self.word is StudyWord.UNPROVEN and self.worst is not None:
            return EXIT_CODES[self.worst] or EXIT_CODES[Word.NOT_CHECKED]
        return STUDY_EXIT_CODES.get(self.word, EXIT_CODES[Word.NOT_CHECKED])


def gravest_of(words: Iterable[Word]) -> Word | None:
    """Return the gravest of some verdicts; None of none."""
    found = frozenset(words)
    return next((word for word in GRAVEST_FIRST if word in found), None)


def overall(verdicts: Iterable[StudyVerdict], strays: Iterable[Word], *, missing: bool) -> int:
    """Return the exit code of a run: the gravest study, then what belongs to none.

    That nothing was checked, or that a named input does not exist, is never success.
    """
    order = tuple(StudyWord)
    found = sorted(verdicts, key=lambda verdict: order.index(verdict.word))
    if found and found[0].exit_code:
        return found[0].exit_code
    stray = gravest_of(strays)
    if stray is not None and EXIT_CODES[stray]:
        return EXIT_CODES[stray]
    return 0 if found and not missing else NOTHING_MATCHED
