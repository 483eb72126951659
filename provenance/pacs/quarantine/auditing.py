"""What the audit trail is told of quarantine: who has decided, and what."""

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from ledger import LedgerError
from provenance.audit_trail import (
    AuditTrail,
    Collector,
    Fact,
    Person,
    Study,
    What,
    this_process,
)
from provenance.errors import RadsealError, UsageError
from provenance.pacs.arrivals import Kept
from provenance.pacs.quarantine.persons import Person as Decider

NAME = "radseal-quarantine"


def decision_fact(
    *,
    released: bool,
    study: str,
    sop_class: str,
    verdict: str,
    reason: str,
    persons: Sequence[Person],
    at: datetime,
) -> Fact:
    """Return what is told of an object that was released, or rejected."""
    return Fact(
        What.RELEASED if released else What.REJECTED,
        at,
        persons=tuple(persons),
        studies=(Study.of(study or "unknown", {sop_class: 1}),),
        words=f"{verdict}: {reason}",
    )


def purge_fact(kept: Kept, reason: str, person: Person, at: datetime) -> Fact:
    """Return what is told of an object whose file goes off the disk."""
    study = Study.of(kept.instance.study or "unknown", {kept.instance.sop_class: 1})
    words = f"{kept.judged.word}, rejected before: {reason}"
    return Fact(What.PURGED, at, persons=(person,), studies=(study,), words=words)


def audit_person(kid: bytes, find: Callable[[bytes, datetime], Decider], at: datetime) -> Person:
    """Return how the audit trail names who signed with a key: by the name, if the log says it."""
    try:
        decider = find(kid, at)
    except (LedgerError, RadsealError):  # it has decided all the same
        return Person(kid.hex())
    return Person(decider.name, name=decider.words)


@contextmanager
def decision_trail(
    spool: Path, collector: Collector | None, title: str
) -> Iterator[Callable[[Fact], None]]:
    """Hold the trail of those who decide beside a server, one of them at a time.

    It is opened before anything is decided: UsageError if it cannot be. What the collector has not
    taken within five seconds of the end is sent by the next one.
    """
    if collector is None:
        yield lambda _fact: None
        return
    try:
        lock = (spool / "audit-quarantine.lock").open("a")
    except OSError as error:
        raise UsageError(f"the spool {spool} cannot be written: {error.strerror}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        reporter = this_process(title, name=NAME)
        queue = spool / "audit-quarantine.sqlite"
        with AuditTrail(queue, collector=collector, reporter=reporter) as trail:
            yield trail.tell
