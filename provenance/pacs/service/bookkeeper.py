"""Writes down what was let in, many in one transaction, after those who brought it were answered.

They keep the object, and ask afterwards whether it is written down: what is lost in between, with
this process, they bring once more.
"""

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Condition, Thread

from provenance.pacs.service.failures import Cause, NotJudgedError
from provenance.pacs.spool.spool import LetIn, Spool

GATHER_SECONDS, RETRY_SECONDS = 0.05, 1.0
AT_ONCE, MOST_WAITING = 256, 2048

_logger = logging.getLogger(__name__)


class Bookkeeper:
    """A thread with a spool of its own. While the disk fails, nothing more is let in."""

    def __init__(self, open_spool: Callable[[], Spool]) -> None:
        self._open = open_spool
        self._waiting: list[LetIn] = []
        self._changed = Condition()
        self._fails = ""
        self._closed = False
        self._thread = Thread(target=self._run, name="radseal-bookkeeper")
        self._thread.start()

    @classmethod
    def of(cls, folder: Path) -> "Bookkeeper":
        """Start one for the spool in ``folder``."""
        return cls(lambda: Spool.open(folder))

    def put(self, let_in: LetIn) -> None:
        """Have it written down soon; NotJudgedError if that is not to be expected."""
        with self._changed:
            if self._fails or self._closed or len(self._waiting) >= MOST_WAITING:
                raise NotJudgedError(Cause.DISK, self._fails or "too much waits for the disk")
            self._waiting.append(let_in)
            self._changed.notify()

    def close(self) -> None:
        """Write down what waits, if the disk lets us, and stop."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        spool: Spool | None = None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._closed)
                if not self._closed:  # more may come; after an error, it may be mended
                    pause = RETRY_SECONDS if self._fails else GATHER_SECONDS
                    self._changed.wait_for(lambda: self._closed, pause)
                batch, last = self._waiting[:AT_ONCE], self._closed
            try:
                spool = spool or self._open()
                spool.write_down(batch)
            except Exception as error:
                self._fails = f"the disk fails: {error if _of_disk(error) else 'a defect'}"
                _logger.exception("what was let in is not written down yet")
                if last:
                    break
                continue
            with self._changed:
                self._fails = ""
                del self._waiting[: len(batch)]
                if last and not self._waiting:
                    break
        if spool is not None:
            spool.close()


def _of_disk(error: Exception) -> bool:
    return isinstance(error, OSError | sqlite3.Error)
