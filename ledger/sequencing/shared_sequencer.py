"""Many processes that register, one of them at a time that writes: inbox and lease (PostgreSQL).

Three threads in each process. The courier puts what is registered here into the inbox and collects
what became of it. The taker tries to hold the lease, and while it does, logs what is in the inbox,
and what is registered here without that detour. The publisher asks for checkpoints of what was
logged here.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from threading import Lock, Thread

from ledger.appending.inbox import Inbox, Letter
from ledger.appending.lease import Lease
from ledger.entries import Entry
from ledger.errors import (
    BusyError,
    LedgerError,
    StoreError,
    UsageError,
)
from ledger.log import Log
from ledger.sequencing.publisher import Publisher, Publishing
from ledger.sequencing.requests import MAX_WAITING, MAX_WAITING_OF_ONE, Request, Requests
from ledger.sequencing.sequencer import BATCH, PUBLISH_SECONDS, Sequencer
from ledger.sequencing.taker import FIRST_PAUSE, LONGEST_PAUSE, Own, Taker
from ledger.statements.arrival import Arrival

LEASE_SECONDS = 5.0
EARLY = 0.7  # of the usual time to an answer has gone by when it is asked for first
LATER = 0.25  # of it goes by until it is asked for again, and each time half as much more
SPACING = 0.005  # seconds between two visits to the inbox: what comes meanwhile goes together
PATIENCE = 60.0  # seconds a request may wait in the inbox before its submitter is told "busy"

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Waiting:
    """A request on its way into the log, and all who wait for it here."""

    letter: Letter
    requests: list[Request]
    until: float
    posted: bool = False


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
        self._inbox: Inbox = log.inbox()
        self._patience = patience
        self._max_waiting = max_waiting
        self._requests = Requests(max_waiting=max_waiting, max_waiting_of_one=max_waiting_of_one)
        self._underway: dict[bytes, _Waiting] = {}
        self._lock = Lock()
        self._publisher = Publisher(
            log, seconds=publish_seconds, clock=clock, requests=self._requests
        )
        self._taker = Taker(
            log,
            self._inbox,
            Lease(secrets.token_bytes(16), lease_seconds),
            clock,
            own=self._own,
            tell=self._resolve,
            grew=self._publisher.grew,
        )
        self._courier = Thread(target=self._carry, name="radseal-courier")
        self._courier.start()

    @property
    def waiting(self) -> int:
        """How many requests of this process wait."""
        return self._requests.waiting + len(self._underway)

    @property
    def accepts(self) -> bool:
        """Whether statements can be registered."""
        return self._requests.accepts

    @property
    def publishing(self) -> Publishing:
        """How far publication of what was logged here is."""
        return self._publisher.state

    def submit(self, arrivals: Sequence[Arrival]) -> Future[list[Entry]]:
        """Let submissions wait to be appended, all or none; what comes of it is in the future.

        OverloadedError and BusyError as ``Sequencer.submit``. BusyError in the future if nobody
        has logged them in time, UnreachableError if the database was lost: they may be logged.
        """
        if len(self._underway) >= self._max_waiting:
            raise BusyError(f"{len(self._underway)} requests are waiting")
        return self._requests.submit(arrivals)

    def close(self) -> None:
        """Wait for what this process has registered, publish, and give up the lease."""
        self._requests.close()
        self._courier.join()
        self._taker.close()
        self._publisher.close()

    def _carry(self) -> None:
        pause = again = FIRST_PAUSE
        look, last, sent = 0.0, 0.0, 0.0
        usual = FIRST_PAUSE  # from posting to the answer
        while True:
            left = max(0.0, look - time.monotonic())
            requests = self._requests.take(
                statements=4 * BATCH, timeout=left if self._underway else None
            )
            if requests:
                self._accept(requests)
            elif not self._underway:
                if self._requests.closing:
                    return
                continue
            if requests and self._taker.holding:
                self._taker.wake()
            elif requests:
                look = min(look, last + SPACING)
            if time.monotonic() < look:
                continue
            earlier = self._posted()
            posted = not self._taker.holding and self._post()
            moved = self._collect(earlier)
            last = time.monotonic()
            if moved:
                usual += (min(last - sent, LONGEST_PAUSE) - usual) / 8
            if posted:
                sent = last
            if posted or moved:
                pause = max(FIRST_PAUSE, EARLY * usual)
                again = max(FIRST_PAUSE, LATER * usual)
            else:
                pause, again = again, min(1.5 * again, LONGEST_PAUSE)
            # whoever holds the lease tells its own submitters
            look = last + (LONGEST_PAUSE if self._taker.holding else pause)

    def _accept(self, requests: Sequence[Request]) -> None:
        until = time.monotonic() + self._patience
        for request in requests:
            try:
                letter = self._inbox.letter(request.arrivals)
            except UsageError as error:
                self._requests.done([request])
                request.fail(error)
                continue
            with self._lock:
                waiting = self._underway.setdefault(letter.name, _Waiting(letter, [], until))
                waiting.requests.append(request)

    def _posted(self) -> dict[bytes, Letter]:
        with self._lock:
            return {name: each.letter for name, each in self._underway.items() if each.posted}

    def _post(self) -> bool:
        """Put into the inbox what is not there yet; return whether there was anything."""
        with self._lock:
            fresh = [each for each in self._underway.values() if not each.posted]
            for each in fresh:
                each.posted = True
        if not fresh:
            return False
        try:
            self._inbox.post([each.letter for each in fresh])
        except LedgerError as error:
            for each in fresh:
                self._resolve(each.letter.name, error)
        except Exception as error:  # those who wait must not wait for ever
            _logger.error("the inbox failed", exc_info=error)
            for each in fresh:
                self._resolve(each.letter.name, StoreError("the inbox failed"))
        self._taker.wake()
        return True

    def _collect(self, letters: Mapping[bytes, Letter]) -> bool:
        """Tell those whose requests were judged; return whether there were any."""
        with self._lock:
            still = dict(self._underway)
        try:
            found = self._inbox.collect(letters)
        except LedgerError as error:
            _logger.warning("the inbox cannot be read: %s", error)
            found = {}
        except Exception as error:
            _logger.error("the inbox failed", exc_info=error)
            found = {}
        now = time.monotonic()
        for name, waiting in still.items():
            if name in found:
                self._resolve(name, found[name])
            elif waiting.until < now:
                self._resolve(name, BusyError("the statements wait to be logged; ask again"))
        return bool(found)

    def _own(self) -> dict[bytes, Own]:
        with self._lock:
            return {
                name: Own(each.requests[0].arrivals, each.posted)
                for name, each in self._underway.items()
            }

    def _resolve(self, name: bytes, outcome: list[Entry] | LedgerError) -> None:
        with self._lock:
            waiting = self._underway.pop(name, None)
        if waiting is None:
            return
        self._requests.done(waiting.requests)
        for request in waiting.requests:
            if isinstance(outcome, LedgerError):
                request.fail(outcome)
            else:
                request.succeed(outcome)


def open_sequencer(log: Log, clock: Callable[[], datetime]) -> Sequencer | SharedSequencer:
    """Return the writer that fits the database of ``log``: alone on a file, shared on a server."""
    return SharedSequencer(log, clock) if log.is_shared else Sequencer(log, clock)
