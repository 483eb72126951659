"""Many who register, one who writes: a bounded queue, appended in batches, published by and by.

Two threads. One appends what waits; the other asks for checkpoints, so that slow witnesses hold up
nobody who registers.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from threading import Condition, Event, Thread

from ledger.draft import Arrival
from ledger.entries import Entry
from ledger.errors import (
    BusyError,
    ConflictError,
    LedgerError,
    MalformedError,
    OverloadedError,
    RefusedError,
    RolledBackError,
    StoreError,
    UsageError,
    WitnessError,
)
from ledger.log import Log
from ledger.roles import Event as Custody

MAX_WAITING = 1024
MAX_WAITING_OF_ONE = 64
BATCH = 256  # statements that one transaction takes, or one request if it has more
PUBLISH_SECONDS = 1.0
RETRY_AT_MOST = 16  # times that: between two tries to store a checkpoint

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Publishing:
    """When all that was logged was published last; since when no quorum of witnesses answers."""

    at: datetime | None = None
    without_quorum_since: datetime | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    arrivals: Sequence[Arrival]
    signers: frozenset[bytes]
    alone: bool
    entries: Future[list[Entry]] = field(default_factory=Future)


class Sequencer:
    """The one writer of an open log. ``clock`` says when statements are appended."""

    def __init__(
        self,
        log: Log,
        clock: Callable[[], datetime],
        *,
        max_waiting: int = MAX_WAITING,
        max_waiting_of_one: int = MAX_WAITING_OF_ONE,
        publish_seconds: float = PUBLISH_SECONDS,
    ) -> None:
        self._log = log
        self._clock = clock
        self._max_waiting = max_waiting
        self._max_waiting_of_one = max_waiting_of_one
        self._publish_seconds = publish_seconds
        self._queue: deque[_Request] = deque()
        self._signers: Counter[bytes] = Counter()
        self._changed = Condition()
        self._closing = False
        self._failure: LedgerError | None = None  # for good
        self._unstored: LedgerError | None = None  # until a checkpoint can be stored
        self._publishing = Publishing()
        self._grown, self._stopped = Event(), Event()
        self._grown.set()  # what a crash has left without a checkpoint
        self._writer = Thread(target=self._write, name="radseal-writer")
        self._publisher = Thread(target=self._publish, name="radseal-publisher")
        self._writer.start()
        self._publisher.start()

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._queue)

    @property
    def accepts(self) -> bool:
        """Whether statements can be registered."""
        return not self._closing and self._failure is None and self._unstored is None

    @property
    def publishing(self) -> Publishing:
        """How far publication is."""
        return self._publishing

    def submit(self, arrivals: Sequence[Arrival]) -> Future[list[Entry]]:
        """Let submissions wait to be appended, all or none; what comes of it is in the future.

        OverloadedError if one of their signers has too much waiting, BusyError if everybody
        together has, the last checkpoint could not be stored, or the sequencer is closing.
        """
        signers = frozenset(each.parsed.kid for each in arrivals)
        # what is erased is cleaned from the files after the append: no concern of the neighbours
        alone = any(each.parsed.event is Custody.ERASED for each in arrivals)
        request = _Request(arrivals, signers, alone)
        with self._changed:
            if self._failure is not None:
                raise StoreError(f"the log is not written any more: {self._failure}")
            if self._closing:
                raise BusyError("the log is being closed")
            if self._unstored is not None:
                raise BusyError(f"no checkpoint can be stored at present: {self._unstored}")
            if len(self._queue) >= self._max_waiting:
                raise BusyError(f"{len(self._queue)} requests are waiting")
            if any(self._signers[each] >= self._max_waiting_of_one for each in signers):
                raise OverloadedError(f"{self._max_waiting_of_one} requests of a signer wait")
            self._signers.update(signers)
            self._queue.append(request)
            self._changed.notify()
        return request.entries

    def close(self) -> None:
        """Append what waits, publish it if that can be, and stop. The log stays open."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._writer.join()
        self._stopped.set()
        self._grown.set()
        self._publisher.join()

    def _write(self) -> None:
        while batch := self._next_batch():
            try:
                self._append(batch)
            finally:
                with self._changed:
                    for request in batch:
                        self._signers.subtract(request.signers)
                    self._signers += Counter()  # forgets those with nothing waiting

    def _next_batch(self) -> list[_Request]:
        """Wait for requests, and take as many as one transaction shall have; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            batch: list[_Request] = []
            count = 0
            while self._queue:
                request = self._queue[0]
                count += len(request.arrivals)
                if batch and (count > BATCH or request.alone or batch[0].alone):
                    break
                batch.append(self._queue.popleft())
            return batch

    def _append(self, batch: Sequence[_Request]) -> None:
        """Append a batch as one; if a request in it is refused, each request for itself."""
        try:
            together = [each for request in batch for each in request.arrivals]
            entries = self._log.append_received(together, at=self._clock())
        except (ConflictError, MalformedError, RefusedError, UsageError) as error:
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            for request in batch:
                self._append([request])
        except LedgerError as error:
            for request in batch:
                _fail(request, error)
        except Exception as error:  # those who wait must not wait for ever
            _logger.error("an append failed", exc_info=error)
            for request in batch:
                _fail(request, StoreError("the append failed"))
        else:
            self._grown.set()
            for request in batch:
                count = len(request.arrivals)
                if request.entries.set_running_or_notify_cancel():
                    request.entries.set_result(entries[:count])
                entries = entries[count:]

    def _publish(self) -> None:
        pause = self._publish_seconds
        while True:
            self._grown.wait()
            self._grown.clear()  # before the look: whoever stops it sets both, this one last
            last = self._stopped.is_set()
            longer = min(2 * pause, RETRY_AT_MOST * self._publish_seconds)
            pause = self._publish_seconds
            try:
                self._log.checkpoint()
                self._publishing = Publishing(self._clock())
                self._go_on()
            except (WitnessError, BusyError) as error:
                self._not_published(error)
                self._grown.set()  # tried again
            except RolledBackError as error:
                self._stop_writing(error)
            except StoreError as error:  # a disk that is full may have room again
                self._suspend(error)
                self._grown.set()
                pause = longer
            except LedgerError as error:
                self._stop_writing(error)
            except Exception as error:
                _logger.error("a checkpoint failed", exc_info=error)
                self._stop_writing(StoreError("a checkpoint failed"))
            if last or self._failure is not None:
                return
            self._stopped.wait(pause)

    def _suspend(self, error: StoreError) -> None:
        """Register nothing until a checkpoint is stored: what nobody can prove must not pile up."""
        if self._unstored is None:
            _logger.critical("nothing is registered until a checkpoint can be stored: %s", error)
        with self._changed:
            self._unstored = error

    def _go_on(self) -> None:
        if self._unstored is not None:
            _logger.warning("a checkpoint was stored: statements are registered again")
        with self._changed:
            self._unstored = None

    def _not_published(self, error: LedgerError) -> None:
        last = self._publishing
        if isinstance(error, WitnessError) and last.without_quorum_since is None:
            self._publishing = Publishing(last.at, self._clock())
        _logger.warning("no checkpoint was published: %s", error)

    def _stop_writing(self, error: LedgerError) -> None:
        _logger.critical("nothing is registered any more: %s", error)
        with self._changed:
            self._failure = error


def _fail(request: _Request, error: LedgerError) -> None:
    if request.entries.set_running_or_notify_cancel():
        request.entries.set_exception(error)
