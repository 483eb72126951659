"""A thread that asks for checkpoints, so that slow witnesses hold up nobody who registers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread

from ledger.errors import BusyError, LedgerError, StoreError, UnreachableError, WitnessError
from ledger.log import Log

_logger = logging.getLogger(__name__)


class Publisher:
    """Publishes what the log has grown by, every ``seconds``; tells ``failed`` if it must stop."""

    def __init__(self, log: Log, *, seconds: float, failed: Callable[[LedgerError], None]) -> None:
        self._log = log
        self._seconds = seconds
        self._failed = failed
        self._grown, self._stopped = Event(), Event()
        self._thread = Thread(target=self._publish, name="radseal-publisher")
        self._thread.start()

    def grew(self) -> None:
        """Say that there is something to publish."""
        self._grown.set()

    def close(self) -> None:
        """Publish the last, if that can be, and stop."""
        self._stopped.set()
        self._grown.set()
        self._thread.join()

    def _publish(self) -> None:
        failed = False
        while not failed:
            self._grown.wait()
            self._grown.clear()  # before the look: whoever stops it sets both, this one last
            last = self._stopped.is_set()
            try:
                self._log.checkpoint()
            except (WitnessError, BusyError, UnreachableError) as error:
                _logger.warning("no checkpoint was published: %s", error)
                self._grown.set()  # tried again
            except LedgerError as error:
                failed = self._give_up(error)
            except Exception as error:
                _logger.error("a checkpoint failed", exc_info=error)
                failed = self._give_up(StoreError("a checkpoint failed"))
            if last:
                return
            self._stopped.wait(0 if failed else self._seconds)

    def _give_up(self, error: LedgerError) -> bool:
        _logger.critical("nothing is registered any more: %s", error)
        self._failed(error)
        return True
