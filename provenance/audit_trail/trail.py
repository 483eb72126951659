"""The audit trail of a service: told of a fact, it keeps the message and sends it by and by."""

import logging
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Self

from provenance.audit_trail.collector import Collector, connect
from provenance.audit_trail.fact import Fact, Outcome, Reporter, What
from provenance.audit_trail.message import audit_message
from provenance.audit_trail.queue import AuditQueue
from provenance.audit_trail.sender import Sender
from provenance.audit_trail.syslog import Origin, syslog_message

log = logging.getLogger(__name__)

CAPACITY = 256 * 1024 * 1024  # bytes of messages: some 100,000


@dataclass(frozen=True, slots=True)
class TrailState:
    """For metrics and alarms: what waits, how full the queue is, what was lost, what is wrong."""

    waiting: int
    octets: int
    capacity: int
    lost: int
    near_full: bool
    trouble: str


class AuditTrail:
    """Tells a collector what a service does. Never in its way: ``tell`` raises and waits for none.

    One process owns the file of the queue. What it holds when the process ends is sent when the
    next one opens it.
    """

    def __init__(
        self, queue: Path, *, collector: Collector, reporter: Reporter, capacity: int = CAPACITY
    ) -> None:
        """Open the queue and begin to send. UsageError for files that cannot be used."""
        collector.context()
        self._reporter = reporter
        self._origin = Origin(reporter.node.host, reporter.name, reporter.process)
        self._queue = AuditQueue(queue, capacity=capacity)
        self._lock = Lock()
        self._unkept = 0  # the file could not be written
        self._alarmed = False
        self._sender = Sender(self._queue, partial(connect, collector))

    def __enter__(self) -> Self:
        """Return it, to be closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def tell(self, fact: Fact) -> None:
        """Keep the message of a fact. Trouble is logged and counted, never raised."""
        with self._lock:
            try:
                self._tell_of_lost(fact.at)
                if not self._keep(fact):
                    self._queue.add_lost(1)
            except sqlite3.Error as error:
                self._unkept += 1
                log.error("an audit message could not be kept: %s", error)
        self._sender.wake()
        self._watch()

    def state(self) -> TrailState:
        """Return how it stands."""
        fill = self._queue.fill()
        return TrailState(
            waiting=fill.waiting,
            octets=fill.octets,
            capacity=fill.capacity,
            lost=fill.lost + self._unkept,
            near_full=fill.near_full,
            trouble=self._sender.trouble,
        )

    def close(self, seconds: float = 5.0) -> None:
        """Send what waits for at most so long, and stop. What is left is sent next time."""
        self._sender.close(seconds)
        self._queue.close()

    def _keep(self, fact: Fact) -> bool:
        return self._queue.put(
            syslog_message(
                audit_message(fact, self._reporter),
                at=fact.at,
                outcome=fact.outcome,
                origin=self._origin,
            )
        )

    def _tell_of_lost(self, at: datetime) -> None:
        """Once there is room again, let the trail itself say what is missing in it."""
        fill = self._queue.fill()
        count = fill.lost + self._unkept
        if not count or fill.near_full:
            return
        words = f"{count} audit messages before this one were not recorded: the queue was full"
        if self._keep(Fact(What.UNRECORDED, at, outcome=Outcome.MAJOR, words=words)):
            self._unkept = 0
            self._queue.add_lost(-fill.lost)

    def _watch(self) -> None:
        """Log when the queue becomes nearly full, and when that is over."""
        fill = self._queue.fill()
        if fill.near_full and not self._alarmed:
            log.error(
                "the audit queue is nearly full: %d messages wait, %d of %d bytes",
                fill.waiting, fill.octets, fill.capacity,
            )  # fmt: skip
        self._alarmed = fill.near_full
