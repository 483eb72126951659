"""Many who register, one who writes: a bounded queue, appended in batches, published by and by."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from threading import Thread

from ledger.entries import Entry
from ledger.errors import (
    ConflictError,
    LedgerError,
    MalformedError,
    RefusedError,
    StoreError,
    UsageError,
)
from ledger.log import Log
from ledger.sequencing.publisher import Publisher, Publishing
from ledger.sequencing.requests import MAX_WAITING, MAX_WAITING_OF_ONE, Request, Requests
from ledger.statements.arrival import Arrival

BATCH = 256  # statements that one transaction takes, or one request if it has more
PUBLISH_SECONDS = 1.0

_logger = logging.getLogger(__name__)


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
        self._requests = Requests(max_waiting=max_waiting, max_waiting_of_one=max_waiting_of_one)
        self._writer = Thread(target=self._write, name="radseal-writer")
        self._writer.start()
        self._publisher = Publisher(
            log, seconds=publish_seconds, clock=clock, requests=self._requests
        )

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return self._requests.waiting

    @property
    def accepts(self) -> bool:
        """Whether statements can be registered."""
        return self._requests.accepts

    @property
    def publishing(self) -> Publishing:
        """How far publication is."""
        return self._publisher.state

    def submit(self, arrivals: Sequence[Arrival]) -> Future[list[Entry]]:
        """Let submissions wait to be appended, all or none; what comes of it is in the future.

        OverloadedError if one of their signers has too much waiting, BusyError if everybody
        together has, the last checkpoint could not be stored, or the sequencer is closing.
        """
        return self._requests.submit(arrivals)

    def close(self) -> None:
        """Append what waits, publish it if that can be, and stop. The log stays open."""
        self._requests.close()
        self._writer.join()
        self._publisher.close()

    def _write(self) -> None:
        while batch := self._requests.take(statements=BATCH):
            try:
                self._append(batch)
            finally:
                self._requests.done(batch)

    def _append(self, batch: Sequence[Request]) -> None:
        """Append a batch as one; if a request in it is refused, each request for itself."""
        try:
            together = [each for request in batch for each in request.arrivals]
            entries = self._log.append_received(together, at=self._clock())
        except (ConflictError, MalformedError, RefusedError, UsageError) as error:
            if len(batch) == 1:
                batch[0].fail(error)
                return
            for request in batch:
                self._append([request])
        except LedgerError as error:
            for request in batch:
                request.fail(error)
        except Exception as error:  # those who wait must not wait for ever
            _logger.error("an append failed", exc_info=error)
            for request in batch:
                request.fail(StoreError("the append failed"))
        else:
            self._publisher.grew()
            for request in batch:
                count = len(request.arrivals)
                request.succeed(entries[:count])
                entries = entries[count:]
