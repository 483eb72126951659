"""Many processes that register, one of them at a time that writes: inbox and lease (PostgreSQL).

Three threads in each process. The courier puts what is registered here into the inbox and collects
what became of it. The taker tries to hold the lease, and while it does, logs what is in the inbox.
The publisher asks for checkpoints of what was logged here.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
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
from ledger.sequencing.taker import FIRST_PAUSE, LONGEST_PAUSE, Taker
from ledger.statements.arrival import Arrival

LEASE_SECONDS = 5.0
PATIENCE = 60.0  # seconds a request may wait in the inbox before its submitter is told "busy"

_logger = logging.getLogger(__name__)


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
        self._inbox: Inbox = log.inbox()
        self._patience = patience
        self._max_waiting = max_waiting
        self._requests = Requests(max_waiting=max_waiting, max_waiting_of_one=max_waiting_of_one)
        self._posted: dict[bytes, _Posted] = {}
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
        return self._requests.waiting + len(self._posted)

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
        if len(self._posted) >= self._max_waiting:
            raise BusyError(f"{len(self._posted)} requests are waiting")
        return self._requests.submit(arrivals)

    def close(self) -> None:
        """Wait for what this process has registered, publish, and give up the lease."""
        self._requests.close()
        self._courier.join()
        self._taker.close()
        self._publisher.close()

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
            look = time.monotonic() + (LONGEST_PAUSE if self._taker.holding else pause)

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
        self._taker.wake()

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
        with self._lock:
            still = list(self._posted.items())
        for name, posted in still:
            if name in found:
                self._resolve(name, found[name])
            elif posted.until < now:
                self._resolve(name, BusyError("the statements wait to be logged; ask again"))
        return bool(found)

    def _own(self) -> dict[bytes, Sequence[Arrival]]:
        with self._lock:
            return {name: each.requests[0].arrivals for name, each in self._posted.items()}

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


def open_sequencer(log: Log, clock: Callable[[], datetime]) -> Sequencer | SharedSequencer:
    """Return the writer that fits the database of ``log``: alone on a file, shared on a server."""
    return SharedSequencer(log, clock) if log.is_shared else Sequencer(log, clock)
