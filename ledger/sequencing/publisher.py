"""A thread that asks for checkpoints, so that slow witnesses hold up nobody who registers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Thread

from ledger.errors import (
    BusyError,
    LedgerError,
    RolledBackError,
    StoreError,
    UnreachableError,
    WitnessError,
)
from ledger.log import Log
from ledger.sequencing.requests import Requests

RETRY_AT_MOST = 16  # times the usual pause: between two tries to store a checkpoint

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Publishing:
    """When all that was logged was published last; since when no quorum of witnesses answers."""

    at: datetime | None = None
    without_quorum_since: datetime | None = None


class Publisher:
    """Publishes what the log has grown by, every ``seconds``.

    While a checkpoint cannot be stored, ``requests`` takes nothing more; for good, if the log must
    not go on.
    """

    def __init__(
        self, log: Log, *, seconds: float, clock: Callable[[], datetime], requests: Requests
    ) -> None:
        self._log = log
        self._seconds = seconds
        self._clock = clock
        self._requests = requests
        self._state = Publishing()
        self._grown, self._stopped = Event(), Event()
        self._grown.set()  # what a crash has left without a checkpoint
        self._thread = Thread(target=self._publish, name="radseal-publisher")
        self._thread.start()

    @property
    def state(self) -> Publishing:
        """How far publication is."""
        return self._state

    def grew(self) -> None:
        """Say that there is something to publish."""
        self._grown.set()

    def close(self) -> None:
        """Publish the last, if that can be, and stop."""
        self._stopped.set()
        self._grown.set()
        self._thread.join()

    def _publish(self) -> None:
        pause = self._seconds
        while True:
            self._grown.wait()
            self._grown.clear()  # before the look: whoever stops it sets both, this one last
            last = self._stopped.is_set()
            longer = min(2 * pause, RETRY_AT_MOST * self._seconds)
            pause = self._seconds
            try:
                self._log.checkpoint()
                self._state = Publishing(self._clock())
                self._go_on()
            except (WitnessError, BusyError, UnreachableError) as error:
                self._not_published(error)
                self._grown.set()  # tried again
            except RolledBackError as error:
                self._give_up(error)
            except StoreError as error:  # a disk that is full may have room again
                self._suspend(error)
                self._grown.set()
                pause = longer
            except LedgerError as error:
                self._give_up(error)
            except Exception as error:
                _logger.error("a checkpoint failed", exc_info=error)
                self._give_up(StoreError("a checkpoint failed"))
            if last or self._requests.failure is not None:
                return
            self._stopped.wait(pause)

    def _suspend(self, error: StoreError) -> None:
        """Take nothing until a checkpoint is stored: what nobody can prove must not pile up."""
        if self._requests.suspended is None:
            _logger.critical("nothing is registered until a checkpoint can be stored: %s", error)
        self._requests.suspended = error

    def _go_on(self) -> None:
        if self._requests.suspended is not None:
            _logger.warning("a checkpoint was stored: statements are registered again")
        self._requests.suspended = None

    def _not_published(self, error: LedgerError) -> None:
        if isinstance(error, WitnessError) and self._state.without_quorum_since is None:
            self._state = Publishing(self._state.at, self._clock())
        _logger.warning("no checkpoint was published: %s", error)

    def _give_up(self, error: LedgerError) -> None:
        _logger.critical("nothing is registered any more: %s", error)
        self._requests.stop(error)
