"""A thread beside the door of a spool: it takes off the disk, and forgets, what may go.

It has a spool of its own, writes little at a time, and holds nobody up.
"""

import logging
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event as Flag
from threading import Thread

from provenance.errors import RadsealError
from provenance.pacs.quarantine.purging import take_off
from provenance.pacs.spool.memory import Mark
from provenance.pacs.spool.spool import Spool

PAUSE_SECONDS, BREATH_SECONDS = 20.0, 0.1
FORGET_AFTER = timedelta(days=30)
ROUND = timedelta(hours=1)

_logger = logging.getLogger(__name__)


class Housekeeper:
    """Looks after the spool in ``folder`` until it is closed. What fails is tried again."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], datetime],
        forget_after: timedelta = FORGET_AFTER,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._folder = folder
        self._forget_after = forget_after
        self._mark = Mark()
        self._next_round: datetime | None = None
        self._clock = clock
        self._pause = pause
        self._stopped = Flag()
        self._thread = Thread(target=self._run, name="radseal-housekeeper")
        self._thread.start()

    def close(self) -> None:
        """Stop, at the end of what it is doing."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with Spool.open(self._folder) as spool:
                    self._look_after(spool)
            except (RadsealError, OSError, sqlite3.Error) as error:
                _logger.warning("the spool is not looked after: %s", error)
            except Exception:
                _logger.exception("the spool is not looked after: a defect, please report it")
            self._stopped.wait(self._pause)

    def _look_after(self, spool: Spool) -> None:
        while not self._stopped.is_set():
            gone = take_off(spool, at=self._clock())
            if gone:
                _logger.info("%d purged files are off the disk", len(gone))
            now = self._clock()
            if self._next_round is None or not now < self._next_round < now + 2 * ROUND:
                self._forget(spool, now)
            self._stopped.wait(self._pause)

    def _forget(self, spool: Spool, now: datetime) -> None:
        """Go once through what is done, a page at a time; others write in between."""
        count = 0
        while not self._stopped.is_set():
            found = spool.forget(before=now - self._forget_after, after=self._mark)
            count += found.count
            self._mark = found.mark or Mark()
            if found.mark is None:
                self._next_round = now + ROUND
                break
            self._stopped.wait(BREATH_SECONDS)
        if count:
            _logger.info("%d objects are forgotten", count)
