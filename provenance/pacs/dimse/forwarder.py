"""From the spool to one archive, oldest first, for as long as it takes.

An archive that has an object and whose answer was lost, or was not noted before a crash, gets it
once more: archives take a duplicate for what it is. What it has got is noted for many at once, as a
note costs a turn of the disk: once that many, or for so long, or when nothing more is due. What an
archive refuses for good is held.
"""

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from provenance.errors import EvidenceError
from provenance.pacs.arrivals import Instance
from provenance.pacs.dimse.backoff import Backoff
from provenance.pacs.dimse.lanes import Lanes
from provenance.pacs.dimse.refusals import MOST_TRIES, Refusal, refusal
from provenance.pacs.dimse.storage_scu import NotStoredError, UnreachableError
from provenance.pacs.spool.deliveries import Delivery
from provenance.pacs.spool.reserve import give_up, is_full
from provenance.pacs.spool.spool import Spool

BATCH = 64
MOST_BREAKS = 3
NOTE_AFTER = timedelta(milliseconds=250)
LINGER = timedelta(milliseconds=20)
NARROW_AFTER = timedelta(milliseconds=250)
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

    archive: str
    spool: Spool
    lanes: Lanes
    clock: Callable[[], datetime]
    wait: Callable[[timedelta], None]
    stopping: Callable[[], bool]
    sent: "Sent"
    _sent: dict[int, datetime] = field(default_factory=dict)
    _breaks: dict[int, int] = field(default_factory=dict)  # associations that ended over an object
    _archive_fails: Backoff = field(default_factory=Backoff)
    _object_fails: Backoff = field(
        default_factory=lambda: Backoff(timedelta(seconds=5), timedelta(hours=1))
    )
    _spool_fails: Backoff = field(default_factory=lambda: Backoff(most=timedelta(seconds=10)))

    def run(self) -> None:
        """Deliver until it is asked to stop; the object under way is sent first.

        What is held is tried once more at the start: somebody may have mended the archive.
        """
        busy, lingered = self.clock(), False
        self._write(lambda: self.spool.held.try_again(self.archive, now=self.clock()))
        while not self.stopping():
            due = self._due()
            if due:
                busy, lingered = self.clock(), False
                pause = self._deliver(due)
                if pause is not None:
                    self._end()
                    self._pause(pause)
            elif self._sent and not lingered:  # the next one may be on its way
                self.wait(LINGER)
                lingered = True
            else:
                self._end()
                self._rest(self.clock() - busy)
        self._end()
        self.lanes.close()

    def _rest(self, idle: timedelta) -> None:
        """Wait for more, and let go of associations that carry nothing."""
        if self.lanes.is_wide and idle > NARROW_AFTER:
            self.lanes.narrow()
        if self.lanes.is_open and idle > RELEASE_AFTER:
            self.lanes.release()
        self.wait(NARROW_AFTER if self.lanes.is_wide else timedelta(seconds=1))

    def _due(self) -> list[Delivery]:
        found = self.spool.deliveries.due(
            self.archive, now=self.clock(), limit=BATCH + len(self._sent)
        )
        return [each for each in found if each.number not in self._sent]

    def _end(self) -> None:
        """Tell of what was sent."""
        self._note()
        self.sent.end(self.clock())

    def _note(self) -> None:
        if self._sent:
            self._write(lambda: self.spool.deliveries.all_delivered(self.archive, self._sent))
            self._sent.clear()

    def _pause(self, pause: timedelta) -> None:
        until = self.clock() + pause
        while not self.stopping() and self.clock() < until:
            self.wait(until - self.clock())

    def _deliver(self, due: list[Delivery]) -> timedelta | None:
        """Send some; return how long to leave the archive alone, if it does not answer."""
        pause: timedelta | None = None
        for delivery, outcome in self.lanes.send(due, stopping=self.stopping):
            try:
                outcome()
            except UnreachableError as error:
                if self._broke_off(delivery, error):
                    self._try_later(delivery, error)
                    continue
                pause = pause or self._archive_fails.failed()
                seconds = _seconds(pause)
                self._tell("an archive does not answer", delivery, error, again_in_seconds=seconds)
            except NotStoredError as error:
                self._archive_fails.succeeded()
                self._refused(delivery, error)
            except EvidenceError as error:
                self._hold(delivery, error)
            except OSError as error:
                self._try_later(delivery, error)
            else:
                self._archive_fails.succeeded()
                self._delivered(delivery)
        return pause

    def _broke_off(self, delivery: Delivery, error: UnreachableError) -> bool:
        """Whether the archive ends its associations over this one object: others shall go on."""
        if not error.over_object:
            self._breaks.clear()
            return False
        times = self._breaks[delivery.number] = self._breaks.get(delivery.number, 0) + 1
        if times < MOST_BREAKS:
            return False
        del self._breaks[delivery.number]
        return True

    def _delivered(self, delivery: Delivery) -> None:
        self._breaks.pop(delivery.number, None)
        self._sent[delivery.number] = now = self.clock()
        self.sent.add(delivery.instance)
        first = next(iter(self._sent.values()))
        if len(self._sent) >= BATCH or now - first > NOTE_AFTER:
            self._note()

    def _refused(self, delivery: Delivery, error: NotStoredError) -> None:
        match refusal(error.status):
            case Refusal.DUPLICATE:
                earlier = self.spool.held.has_had(delivery.number, self.archive)
                if earlier is None:
                    self._hold(delivery, error)
                    return
                self._tell("an archive has an object already", delivery, error, earlier=earlier)
                self._delivered(delivery)
            case Refusal.LASTING if delivery.attempts + 1 >= MOST_TRIES:
                self._hold(delivery, error)
            case Refusal.LASTING | Refusal.PASSING:
                self._try_later(delivery, error)

    def _hold(self, delivery: Delivery, error: Exception) -> None:
        fields = self._fields(delivery)
        _logger.critical("a delivery is held: %s", error, extra={"fields": fields})
        self._write(lambda: self.spool.held.put(delivery.number, self.archive, why=str(error)))

    def _try_later(self, delivery: Delivery, error: Exception) -> None:
        pause = self._object_fails.after(delivery.attempts + 1)
        seconds = _seconds(pause)
        self._tell("an archive does not take an object", delivery, error, again_in_seconds=seconds)
        again = self.clock() + pause
        self._write(
            lambda: self.spool.deliveries.failed(
                delivery.number, self.archive, why=str(error), again=again
            )
        )

    def _write(self, note: Callable[[], object]) -> None:
        """Note something in the spool, however long it takes: on a full disk there is a reserve.

        Asked to stop, it gives up: what was sent and not noted is sent once more.
        """
        while True:
            try:
                note()
            except sqlite3.Error as error:
                if is_full(error) and give_up(self.spool.folder):
                    continue
                pause = self._spool_fails.failed()
                _logger.critical("the spool cannot be written: %s", error)
                self._pause(pause)
                if self.stopping():
                    return
            else:
                self._spool_fails.succeeded()
                return

    def _tell(self, what: str, delivery: Delivery, error: Exception, **more: float) -> None:
        fields = self._fields(delivery) | more
        _logger.warning("%s: %s", what, error, extra={"fields": fields})

    def _fields(self, delivery: Delivery) -> dict[str, object]:
        return {
            "archive": self.archive,
            "object": delivery.number,
            "attempts": delivery.attempts + 1,
        }


def _seconds(pause: timedelta) -> float:
    return round(pause.total_seconds(), 1)
