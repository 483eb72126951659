"""What is scanned and what became of it. Values that travel between processes."""

from dataclasses import dataclass
from enum import StrEnum


class Apart(StrEnum):
    """Why an object has no verdict from its content: it is NOT CHECKED then."""

    CRASHED = "crashed the worker"
    GONE = "gone since it was listed"
    NOT_GIVEN = "the source does not give it"
    TOO_LARGE = "too large"
    FAILED = "radseal failed"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a source lists: where an object is in it, and what kept it from being read, if known."""

    uri: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """An entry with its number in the job."""

    number: int
    uri: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one object. ``codes`` are those of its findings that failed or warn."""

    number: int
    verdict: str
    exit_code: int
    sop_instance_uid: str | None = None
    seal_id: str | None = None
    codes: tuple[str, ...] = ()
    why: str | None = None
    apart: Apart | None = None
    action: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker says of some items; ``seconds`` is how long it worked."""

    outcomes: tuple[Outcome, ...]
    seconds: float
