"""The one who takes from the inbox, while it holds the lease: a thread of each process."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Thread

from sqlalchemy import Connection

from ledger.appending.inbox import Inbox
from ledger.appending.lease import Lease
from ledger.entries import Entry, Submission
from ledger.errors import (
    BusyError,
    LeaseLostError,
    LedgerError,
    MalformedError,
    RefusedError,
    StoreError,
    UnreachableError,
    UsageError,
)
from ledger.log import Log
from ledger.roles import Event as Custody
from ledger.statements.arrival import Arrival

FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.1
# After a small batch of several requests others are about to come: they are waited for a little.
MANY, GATHERING = 64, 0.002
RECOVERY_SECONDS = 1.0  # after the database failed
SWEEP_SECONDS = 300.0
MOST_STATEMENTS = 1024  # of the inbox, and as many of this process, in one transaction

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Own:
    """A request of this process that waits, looked at already; perhaps posted into the inbox."""

    arrivals: Sequence[Arrival]
    posted: bool


_Taken = tuple[bytes, Sequence[Arrival]]
_Found = Sequence[Arrival] | Sequence[Submission] | LedgerError


class Taker:
    """Logs what is in the inbox, whoever put it there.

    ``own`` returns what was registered in this process and waits, by its names, in its order;
    ``tell`` says to its submitters what became of it; ``grew`` says that the log did.
    """

    def __init__(
        self,
        log: Log,
        inbox: Inbox,
        lease: Lease,
        clock: Callable[[], datetime],
        *,
        own: Callable[[], Mapping[bytes, Own]],
        tell: Callable[[bytes, list[Entry] | LedgerError], None],
        grew: Callable[[], None],
    ) -> None:
        self.lease = lease
        self.holding = False
        self._log = log
        self._inbox = inbox
        self._clock = clock
        self._own = own
        self._tell = tell
        self._grew = grew
        self._arrived, self._stopped = Event(), Event()
        self._thread = Thread(target=self._run, name="radseal-taker")
        self._thread.start()

    def wake(self) -> None:
        """Say that something has come into the inbox."""
        self._arrived.set()

    def close(self) -> None:
        """Stop, and give up the lease."""
        self._stopped.set()
        self._arrived.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                if self._inbox.try_lease(self.lease):
                    self._grew()  # who had it before may have signed nothing
                    self.holding = True
                    self._take_while_held()
                else:
                    self._stopped.wait(self.lease.seconds / 4)
            except LeaseLostError as error:
                _logger.warning("%s", error)
            except (BusyError, UnreachableError) as error:
                _logger.warning("nothing is logged at present: %s", error)
                self._stopped.wait(RECOVERY_SECONDS)
            except Exception as error:
                _logger.error("nothing is logged at present", exc_info=error)
                self._stopped.wait(RECOVERY_SECONDS)
            finally:
                self.holding = False
        try:
            self._inbox.give_up_lease(self.lease)
        except LedgerError as error:  # it ends by itself
            _logger.warning("the lease was not given up: %s", error)

    def _take_while_held(self) -> None:
        pause = FIRST_PAUSE
        renewed, swept = time.monotonic(), 0.0
        while not self._stopped.is_set():
            own = self._own()
            read = self._inbox.next(statements=MOST_STATEMENTS, known=own)
            found: dict[bytes, _Found] = {
                name: own[name].arrivals if each is None else each for name, each in read.items()
            }
            found |= _unposted(own, read)
            if found:
                self._log_these(found)
                pause, renewed = FIRST_PAUSE, time.monotonic()
                if 1 < len(found) < MANY:
                    self._stopped.wait(GATHERING)
                continue
            self._arrived.wait(pause)
            self._arrived.clear()
            pause = min(1.5 * pause, LONGEST_PAUSE)
            now = time.monotonic()
            if now - renewed > self.lease.seconds / 3:
                if not self._inbox.try_lease(self.lease):
                    return
                renewed = now
            if now - swept > SWEEP_SECONDS or not swept:
                self._tidy()
                swept = now

    def _tidy(self) -> None:
        """Do what can wait; a reader in the way of an erasure is met again."""
        self._inbox.sweep()
        try:
            self._log.finish_erasures()
        except BusyError as error:
            _logger.warning("an erasure is not finished: %s", error)

    def _log_these(self, found: Mapping[bytes, _Found]) -> None:
        """Log requests together, but those that erase: each of them alone."""
        batch: list[_Taken] = []
        for name, each in found.items():
            arrivals = self._received(each)
            if isinstance(arrivals, LedgerError):
                self._refuse(name, arrivals)
                continue
            alone = any(each.parsed.event is Custody.ERASED for each in arrivals)
            if alone and batch:
                self._append(batch)
                batch = []
            batch.append((name, arrivals))
            if alone:
                self._append(batch)
                batch = []
        if batch:
            self._append(batch)

    def _received(self, found: _Found) -> Sequence[Arrival] | LedgerError:
        """Look at what came from elsewhere; what was registered here was looked at before."""
        if isinstance(found, LedgerError):
            return found
        arrivals = [each for each in found if isinstance(each, Arrival)]
        try:
            fresh = self._log.receive([e for e in found if isinstance(e, Submission)])
        except (MalformedError, RefusedError, UsageError) as error:
            return error
        return arrivals or fresh

    def _refuse(self, name: bytes, error: LedgerError) -> None:
        own = self._own().get(name)
        if own is not None:
            if own.posted:
                self._inbox.drop(name, lease=self.lease)
            self._tell(name, error)
        else:
            self._inbox.refuse(name, error, lease=self.lease)

    def _append(self, batch: Sequence[_Taken]) -> None:
        """Log a batch as one; if a request in it is refused, by halves, down to that request."""
        names = [name for name, _ in batch]

        def beside(connection: Connection) -> None:
            self._inbox.take(connection, names, lease=self.lease)

        together = [each for _, arrivals in batch for each in arrivals]
        try:
            entries = self._log.append_received(together, at=self._clock(), beside=beside)
        except (BusyError, UnreachableError):
            raise  # tried again, by whoever has the lease then
        except Exception as error:  # of one of them, who must not stop the others
            if len(batch) > 1:
                middle = len(batch) // 2
                self._append(batch[:middle])
                self._append(batch[middle:])
                return
            if not isinstance(error, LedgerError):
                _logger.error("an append failed", exc_info=error)
                error = StoreError("the append failed")
            self._refuse(names[0], error)
            return
        self._grew()
        for name, arrivals in batch:
            self._tell(name, entries[: len(arrivals)])
            entries = entries[len(arrivals) :]


def _unposted(own: Mapping[bytes, Own], read: Collection[bytes]) -> dict[bytes, Sequence[Arrival]]:
    """What need not go through the inbox; nothing before what was posted earlier is all taken."""
    taken: dict[bytes, Sequence[Arrival]] = {}
    if any(each.posted and name not in read for name, each in own.items()):
        return taken
    count = 0
    for name, each in own.items():
        if each.posted:
            continue
        count += len(each.arrivals)
        if taken and count > MOST_STATEMENTS:
            break
        taken[name] = each.arrivals
    return taken
