"""What a gateway tells the audit trail: of transfers in counts, of alarms singly.

A door tells of each association at its end: what was received and how it was judged. What was kept
apart, refused, or proven altered it tells at once. A forwarder tells of what it has sent whenever
nothing more waits.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from provenance.audit_trail import (
    AuditTrail,
    Collector,
    Fact,
    Node,
    Outcome,
    Study,
    What,
    this_process,
)
from provenance.judging.verdict import Word
from provenance.pacs.arrivals import Instance, Kept, Sender, State
from provenance.pacs.gateway.configuration import Archive

NAME = "radseal-gateway"
_UNKNOWN = "unknown"  # an object that names no study

Tell = Callable[[Fact], None]


def door_trail(spool: Path, collector: Collector, title: str, name: str = NAME) -> AuditTrail:
    """Open the trail of the door; UsageError for files that cannot be used."""
    return AuditTrail(
        spool / "audit.sqlite", collector=collector, reporter=this_process(title, name=name)
    )


def forwarder_trail(
    spool: Path, collector: Collector, title: str, name: str, archive: str
) -> AuditTrail:
    """Open the trail of the forwarder to one archive; ``name`` is that of the server."""
    own = hashlib.sha256(archive.encode()).hexdigest()[:16]
    return AuditTrail(
        spool / f"audit-{own}.sqlite", collector=collector, reporter=this_process(title, name=name)
    )


@contextmanager
def telling(
    spool: Path, collector: Collector | None, title: str, name: str = NAME
) -> Iterator[Tell]:
    """Tell the audit trail of start and stop, and yield who tells it of the rest."""
    if collector is None:
        yield lambda _fact: None
        return
    with door_trail(spool, collector, title, name) as trail:
        trail.tell(Fact(What.STARTED, datetime.now(UTC)))
        try:
            yield trail.tell
        finally:
            trail.tell(Fact(What.STOPPED, datetime.now(UTC)))


class Received:
    """Counts what one association brings, and tells of it."""

    def __init__(self, tell: Tell) -> None:
        """``tell`` is AuditTrail.tell, or what drops the facts of a gateway without a trail."""
        self._tell = tell
        self._instances: Counter[tuple[str, str]] = Counter()
        self._words: Counter[Word] = Counter()

    def add(self, kept: Kept) -> None:
        """Hear of an object that was taken, or refused."""
        word = kept.judged.word
        self._words[word] += 1
        if kept.state is not State.REFUSED:
            self._instances[_place(kept.instance)] += 1
        alarms = {
            What.QUARANTINED: kept.state is State.QUARANTINED,
            What.ALTERED: word is Word.ALTERED,
            What.REFUSED: kept.state is State.REFUSED,
        }
        for what, holds in alarms.items():
            if holds:
                self._tell(_alarm(what, kept))

    def end(self, sender: Sender) -> None:
        """Tell of the transfer, if there was one."""
        if not self._instances:
            return
        words = ", ".join(f"{count} {word}" for word, count in sorted(self._words.items()))
        studies = studies_of(self._instances)
        self._tell(Fact(What.RECEIVED, sender.at, peer=_peer(sender), studies=studies))
        self._tell(Fact(What.VERIFIED, sender.at, studies=studies, words=words))


class SentTo:
    """Counts what an archive has got, and tells of it."""

    def __init__(self, tell: Tell, archive: Archive) -> None:
        self._tell = tell
        self._peer = Node((archive.ae_title,), archive.host)
        self._instances: Counter[tuple[str, str]] = Counter()

    def add(self, instance: Instance) -> None:
        """Hear that the archive has an object."""
        self._instances[_place(instance)] += 1

    def end(self, at: datetime) -> None:
        """Tell of what was sent since, if anything was."""
        if self._instances:
            self._tell(Fact(What.SENT, at, peer=self._peer, studies=studies_of(self._instances)))
            self._instances.clear()


def studies_of(instances: Counter[tuple[str, str]]) -> tuple[Study, ...]:
    """Return the studies of so many instances of each study and SOP class."""
    found: dict[str, dict[str, int]] = {}
    for (study, sop_class), count in instances.items():
        found.setdefault(study, {})[sop_class] = count
    return tuple(Study.of(study, counts) for study, counts in found.items())


def _alarm(what: What, kept: Kept) -> Fact:
    rule = f", by the rule {kept.judged.rule}" if kept.judged.rule else ""
    study, sop_class = _place(kept.instance)
    return Fact(
        what,
        kept.sender.at,
        peer=_peer(kept.sender),
        studies=(Study.of(study, {sop_class: 1}),),
        outcome=Outcome.SUCCESS if what is What.QUARANTINED else Outcome.SERIOUS,
        words=f"{kept.judged.word}: {kept.judged.action}{rule}",
    )


def _place(instance: Instance) -> tuple[str, str]:
    return instance.study or _UNKNOWN, instance.sop_class


def _peer(sender: Sender) -> Node:
    titles = () if sender.calling_ae is None else (sender.calling_ae,)
    return Node(titles, sender.address or "")
