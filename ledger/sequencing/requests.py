"""What waits to be logged in a process: a bounded queue, and a fair share of it for each signer."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition

from ledger.entries import Entry
from ledger.errors import BusyError, LedgerError, OverloadedError, StoreError
from ledger.roles import Event
from ledger.statements.arrival import Arrival

MAX_WAITING = 1024
MAX_WAITING_OF_ONE = 64


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """Submissions to be logged, all or none; what comes of them is in the future."""

    arrivals: Sequence[Arrival]
    signers: frozenset[bytes]
    alone: bool
    entries: Future[list[Entry]] = field(default_factory=Future)

    def succeed(self, entries: list[Entry]) -> None:
        """Tell who waits where the entries are."""
        if self.entries.set_running_or_notify_cancel():
            self.entries.set_result(entries)

    def fail(self, error: LedgerError) -> None:
        """Tell who waits why not."""
        if self.entries.set_running_or_notify_cancel():
            self.entries.set_exception(error)


class Requests:
    """The queue. Many put in, one takes out."""

    def __init__(self, *, max_waiting: int, max_waiting_of_one: int) -> None:
        self._max_waiting = max_waiting
        self._max_waiting_of_one = max_waiting_of_one
        self._queue: deque[Request] = deque()
        self._signers: Counter[bytes] = Counter()
        self._changed = Condition()
        self._closing = False
        self.failure: LedgerError | None = None  # for good
        self.suspended: LedgerError | None = None  # until a checkpoint can be stored

    @property
    def waiting(self) -> int:
        """How many were not taken out yet."""
        return len(self._queue)

    @property
    def accepts(self) -> bool:
        """Whether more can be put in."""
        return not self._closing and self.failure is None and self.suspended is None

    @property
    def closing(self) -> bool:
        """Whether nothing more will come."""
        return self._closing

    def submit(self, arrivals: Sequence[Arrival]) -> Future[list[Entry]]:
        """Put submissions in, all or none.

        OverloadedError if one of their signers has too much waiting, BusyError if everybody
        together has, the last checkpoint could not be stored, or the queue is closing.
        """
        signers = frozenset(each.parsed.kid for each in arrivals)
        # what is erased is cleaned from the files after the append: no concern of the neighbours
        alone = any(each.parsed.event is Event.ERASED for each in arrivals)
        request = Request(arrivals, signers, alone)
        with self._changed:
            if self.failure is not None:
                raise StoreError(f"the log is not written any more: {self.failure}")
            if self._closing:
                raise BusyError("the log is being closed")
            if self.suspended is not None:
                raise BusyError(f"no checkpoint can be stored at present: {self.suspended}")
            if len(self._queue) >= self._max_waiting:
                raise BusyError(f"{len(self._queue)} requests are waiting")
            if any(self._signers[each] >= self._max_waiting_of_one for each in signers):
                raise OverloadedError(f"{self._max_waiting_of_one} requests of a signer wait")
            self._signers.update(signers)
            self._queue.append(request)
            self._changed.notify()
        return request.entries

    def take(self, *, statements: int, timeout: float | None = None) -> list[Request]:
        """Wait for requests, and take as many as hold ``statements``, or one if it has more.

        None at the end, and after ``timeout`` seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing, timeout)
            batch: list[Request] = []
            count = 0
            while self._queue:
                request = self._queue[0]
                count += len(request.arrivals)
                if batch and (count > statements or request.alone or batch[0].alone):
                    break
                batch.append(self._queue.popleft())
            return batch

    def done(self, requests: Sequence[Request]) -> None:
        """Give back the shares of their signers."""
        with self._changed:
            for request in requests:
                self._signers.subtract(request.signers)
            self._signers += Counter()  # forgets those with nothing waiting

    def close(self) -> None:
        """Take nothing more in."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def stop(self, error: LedgerError) -> None:
        """Refuse everything from now on."""
        with self._changed:
            self.failure = error
