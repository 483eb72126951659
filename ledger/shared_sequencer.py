"""Many processes that register, one of them at a time that writes: inbox and lease (PostgreSQL).

Three threads in each process. The courier puts what is registered here into the inbox and collects
what became of it. The taker tries to hold the lease, and while it does, logs what is in the inbox,
whoever put it there. The publisher asks for checkpoints of what was logged here.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Lock, Thread

from sqlalchemy import Connection

from ledger.draft import Arrival
from ledger.entries import Entry, Submission
from ledger.errors import (
    BusyError,
    ConflictError,
    LeaseLostError,
    LedgerError,
    MalformedError,
    RefusedError,
    StoreError,
    UnreachableError,
    UsageError,
)
from ledger.inbox import Inbox, Letter
from ledger.lease import Lease
from ledger.log import Log
from ledger.publisher import Publisher
from ledger.requests import MAX_WAITING, MAX_WAITING_OF_ONE, Request, Requests
from ledger.roles import Event as Custody
from ledger.sequencer import BATCH, PUBLISH_SECONDS, Sequencer

LEASE_SECONDS = 5.0
PATIENCE = 60.0  # seconds a request may wait in the inbox before its submitter is told "busy"
FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.1
RECOVERY_SECONDS = 1.0  # after the database failed
SWEEP_SECONDS = 300.0

_logger = logging.getLogger(__name__)
_Taken = tuple[bytes, Sequence[Arrival]]
_Found = Sequence[Arrival] | Sequence[Submission] | LedgerError


@dataclass(slots=True)
class _Posted:
    """A request in the inbox, and all who wait for it here."""

    letter: Letter
    requests: list[Request]
    until: float


class SharedSequencer:
    """One of many writers of an open log on PostgreSQL; the same calls as ``Sequencer``."""

    def __init__(
        self,
        log: Log,
        clock: Callable[[], datetime],
        *,
        max_waiting: int = MAX_WAITING,
        max_waiting_of_one: int = MAX_WAITING_OF_ONE,
        publish_seconds: float = PUBLISH_SECONDS,
        lease_seconds: float = LEASE_SECONDS,
        patience: float = PATIENCE,
    ) -> None:
        self._log = log
        self._clock = clock
        self._inbox: Inbox = log.inbox()
        self._lease = Lease(secrets.token_bytes(16), lease_seconds)
        self._patience = patience
        self._requests = Requests(max_waiting=max_waiting, max_waiting_of_one=max_waiting_of_one)
        self._posted: dict[bytes, _Posted] = {}
        self._lock = Lock()
        self._holding = False
        self._arrived, self._stopped = Event(), Event()
        self._publisher = Publisher(log, seconds=publish_seconds, failed=self._requests.stop)
        self._courier = Thread(target=self._carry, name="radseal-courier")
        self._taker = Thread(target=self._take, name="radseal-taker")
        self._courier.start()
        self._taker.start()

    @property
    def waiting(self) -> int:
        """How many requests of this process wait."""
        return self._requests.waiting + len(self._posted)

    @property
    def accepts(self) -> bool:
        """Whether statements can be registered."""
        return self._requests.accepts

    def submit(self, arrivals: Sequence[Arrival]) -> Future[list[Entry]]:
        """Let submissions wait to be appended, all or none; what comes of it is in the future.

        OverloadedError and BusyError as ``Sequencer.submit``. BusyError in the future if nobody
        has logged them in time, UnreachableError if the database was lost: they may be logged.
        """
        if len(self._posted) > MAX_WAITING:
            raise BusyError(f"{len(self._posted)} requests are waiting")
        return self._requests.submit(arrivals)

    def close(self) -> None:
        """Wait for what this process has registered, publish, and give up the lease."""
        self._requests.close()
        self._courier.join()
        self._stopped.set()
        self._arrived.set()
        self._taker.join()
        self._publisher.close()

    # The courier

    def _carry(self) -> None:
        pause, look = FIRST_PAUSE, 0.0
        while True:
            left = max(0.0, look - time.monotonic())
            requests = self._requests.take(
                statements=4 * BATCH, timeout=left if self._posted else None
            )
            if requests:
                self._post(requests)
            elif not self._posted:
                if self._requests.closing:
                    return
                continue
            if time.monotonic() < look:
                continue
            moved = self._collect()
            pause = max(0.7 * pause, FIRST_PAUSE) if moved else min(1.5 * pause, LONGEST_PAUSE)
            # whoever holds the lease tells its own submitters
            look = time.monotonic() + (LONGEST_PAUSE if self._holding else pause)

    def _post(self, requests: Sequence[Request]) -> None:
        until = time.monotonic() + self._patience
        letters: dict[bytes, Letter] = {}
        for request in requests:
            try:
                letter = self._inbox.letter(
                    [each.submission for each in request.arrivals],
                    [each.parsed.leaf_hash for each in request.arrivals],
                )
            except UsageError as error:
                self._requests.done([request])
                request.fail(error)
                continue
            letters[letter.name] = letter
            with self._lock:
                posted = self._posted.setdefault(letter.name, _Posted(letter, [], until))
                posted.requests.append(request)
        try:
            if letters:
                self._inbox.post(list(letters.values()))
        except LedgerError as error:
            for name in letters:
                self._resolve(name, error)
        except Exception as error:  # those who wait must not wait for ever
            _logger.error("the inbox failed", exc_info=error)
            for name in letters:
                self._resolve(name, StoreError("the inbox failed"))
        self._arrived.set()

    def _collect(self) -> bool:
        """Tell those whose requests were judged; return whether there were any."""
        with self._lock:
            letters = {name: posted.letter for name, posted in self._posted.items()}
        try:
            found = self._inbox.collect(letters)
        except LedgerError as error:
            _logger.warning("the inbox cannot be read: %s", error)
            found = {}
        except Exception as error:
            _logger.error("the inbox failed", exc_info=error)
            found = {}
        now = time.monotonic()
        for name, posted in list(self._posted.items()):
            if name in found:
                self._resolve(name, found[name])
            elif posted.until < now:
                self._resolve(name, BusyError("the statements wait to be logged; ask again"))
        return bool(found)

    def _resolve(self, name: bytes, outcome: list[Entry] | LedgerError) -> None:
        with self._lock:
            posted = self._posted.pop(name, None)
        if posted is None:
            return
        self._requests.done(posted.requests)
        for request in posted.requests:
            if isinstance(outcome, LedgerError):
                request.fail(outcome)
            else:
                request.succeed(outcome)

    # The taker

    def _take(self) -> None:
        while not self._stopped.is_set():
            try:
                if self._inbox.try_lease(self._lease):
                    self._publisher.grew()  # who had it before may have signed nothing
                    self._holding = True
                    self._take_while_held()
                else:
                    self._stopped.wait(self._lease.seconds / 4)
            except LeaseLostError as error:
                _logger.warning("%s", error)
            except (BusyError, UnreachableError) as error:
                _logger.warning("nothing is logged at present: %s", error)
                self._stopped.wait(RECOVERY_SECONDS)
            except Exception as error:
                _logger.error("nothing is logged at present", exc_info=error)
                self._stopped.wait(RECOVERY_SECONDS)
            finally:
                self._holding = False
        try:
            self._inbox.give_up_lease(self._lease)
        except LedgerError as error:  # it ends by itself
            _logger.warning("the lease was not given up: %s", error)

    def _take_while_held(self) -> None:
        pause = FIRST_PAUSE
        renewed, swept = time.monotonic(), 0.0
        while not self._stopped.is_set():
            with self._lock:
                own = {n: each.requests[0].arrivals for n, each in self._posted.items()}
            found = self._inbox.next(statements=BATCH, known=own)
            if found:
                self._log_these({n: own[n] if e is None else e for n, e in found.items()})
                pause, renewed = FIRST_PAUSE, time.monotonic()
                continue
            self._arrived.wait(pause)
            self._arrived.clear()
            pause = min(1.5 * pause, LONGEST_PAUSE)
            now = time.monotonic()
            if now - renewed > self._lease.seconds / 3:
                if not self._inbox.try_lease(self._lease):
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
        if name in self._posted:
            self._inbox.drop(name, lease=self._lease)
            self._resolve(name, error)
        else:
            self._inbox.refuse(name, error, lease=self._lease)

    def _append(self, batch: Sequence[_Taken]) -> None:
        """Log a batch as one; if a request in it is refused, each request for itself."""
        names = [name for name, _ in batch]

        def beside(connection: Connection) -> None:
            self._lease.hold(connection)
            self._inbox.take(connection, names)

        together = [each for _, arrivals in batch for each in arrivals]
        try:
            entries = self._log.append_received(together, at=self._clock(), beside=beside)
        except (ConflictError, MalformedError, RefusedError, UsageError) as error:
            if len(batch) > 1:
                for each in batch:
                    self._append([each])
                return
            self._refuse(names[0], error)
            return
        self._publisher.grew()
        for name, arrivals in batch:
            self._resolve(name, entries[: len(arrivals)])
            entries = entries[len(arrivals) :]


def open_sequencer(log: Log, clock: Callable[[], datetime]) -> Sequencer | SharedSequencer:
    """Return the writer that fits the database of ``log``: alone on a file, shared on a server."""
    return SharedSequencer(log, clock) if log.is_shared else Sequencer(log, clock)
