"""From the spool to one archive, oldest first, for as long as it takes.

An archive that has an object and whose answer was lost, or was not noted before a crash, gets it
once more: archives take a duplicate for what it is.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from provenance.errors import EvidenceError
from provenance.pacs.arrivals import Instance
from provenance.pacs.dimse.backoff import Backoff
from provenance.pacs.dimse.storage_scu import NotStoredError, StorageScu, UnreachableError
from provenance.pacs.spool.spool import Delivery, Spool

BATCH = 64
RELEASE_AFTER = timedelta(seconds=20)  # an association that carries nothing is let go

_logger = logging.getLogger(__name__)


class Sent(Protocol):
    """Hears of what the archive has got, and when nothing more waits for it."""

    def add(self, instance: Instance) -> None:
        """Hear of one object."""

    def end(self, at: datetime) -> None:
        """Hear that for now that was all."""


@dataclass
class Forwarder:
    """Delivers to one archive. ``wait`` returns when there may be more, or after the time given."""

    spool: Spool
    scu: StorageScu
    clock: Callable[[], datetime]
    wait: Callable[[timedelta], None]
    stopping: Callable[[], bool]
    sent: "Sent"
    _archive_fails: Backoff = field(default_factory=Backoff)
    _object_fails: Backoff = field(
        default_factory=lambda: Backoff(timedelta(seconds=5), timedelta(hours=1))
    )

    def run(self) -> None:
        """Deliver until it is asked to stop; the object under way is sent first."""
        busy = self.clock()
        while not self.stopping():
            due = self.spool.due(self._name, now=self.clock(), limit=BATCH)
            if due:
                busy = self.clock()
                pause = self._deliver(due)
                if pause is None:
                    continue
                self.sent.end(self.clock())
                self._pause(pause)
                continue
            self.sent.end(self.clock())
            if self.scu.is_open and self.clock() - busy > RELEASE_AFTER:
                self.scu.close()
            self.wait(timedelta(seconds=1))
        self.sent.end(self.clock())
        self.scu.close()

    @property
    def _name(self) -> str:
        return self.scu.archive.name

    def _pause(self, pause: timedelta) -> None:
        until = self.clock() + pause
        while not self.stopping() and self.clock() < until:
            self.wait(until - self.clock())

    def _deliver(self, due: list[Delivery]) -> timedelta | None:
        """Send some; return how long to leave the archive alone, if it does not answer."""
        for number, delivery in enumerate(due):
            if self.stopping():
                return None
            try:
                self.spool.require_as_released(delivery.number)
                also = [each.instance for each in due[number + 1 :]]
                self.scu.store(delivery.path, delivery.instance, also=also)
            except UnreachableError as error:
                pause = self._archive_fails.failed()
                self._tell("an archive does not answer", delivery, error, pause)
                return pause
            except (NotStoredError, EvidenceError, OSError) as error:
                pause = self._object_fails.after(delivery.attempts + 1)
                self._tell("an archive does not take an object", delivery, error, pause)
                again = self.clock() + pause
                self.spool.failed(delivery.number, self._name, why=str(error), again=again)
            else:
                self._archive_fails.succeeded()
                self.spool.delivered(delivery.number, self._name, at=self.clock())
                self.sent.add(delivery.instance)
        return None

    def _tell(self, what: str, delivery: Delivery, error: Exception, pause: timedelta) -> None:
        fields = {
            "archive": self._name,
            "object": delivery.number,
            "attempts": delivery.attempts + 1,
            "again_in_seconds": round(pause.total_seconds(), 1),
        }
        _logger.warning("%s: %s", what, error, extra={"fields": fields})
