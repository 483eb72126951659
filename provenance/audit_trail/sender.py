"""The thread that empties the queue: nobody waits for it, and it waits for the receiver."""

import logging
import sqlite3
from collections.abc import Callable
from threading import Event, Lock, Thread
from time import monotonic

from provenance.audit_trail.collector import Connection
from provenance.audit_trail.queue import AuditQueue
from provenance.audit_trail.syslog import frame

log = logging.getLogger(__name__)

BATCH = 50
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between attempts, doubled each time
IDLE = 3.0  # seconds without messages, then the line is ended
WINDOW_MESSAGES, WINDOW_OCTETS = 1_000, 4_000_000  # on one line


class Sender:
    """Sends what waits, oldest first.

    Syslog has no acknowledgement. But a receiver that closes after we have said that nothing more
    comes has read all before it: so a line is ended when nothing waits, and after each window, and
    only then what was sent is dropped. After any other end it is sent again.
    """

    def __init__(self, queue: AuditQueue, connect: Callable[[], Connection]) -> None:
        self._queue = queue
        self._connect = connect
        self._work = Event()
        self._stop = Event()
        self._deadline = 0.0
        self._guard = Lock()
        self._line: Connection | None = None
        self._trouble = ""
        self._thread = Thread(target=self._run, name="radseal-audit-trail", daemon=True)
        self._thread.start()

    @property
    def trouble(self) -> str:
        """Why nothing is sent now; empty if nothing is wrong."""
        if not self._thread.is_alive():
            return "the thread that sends has ended"
        return self._trouble

    def wake(self) -> None:
        """Say that a message waits."""
        self._work.set()

    def close(self, seconds: float) -> None:
        """Send what waits, for at most so many seconds, and stop; the rest stays in the queue."""
        self._deadline = monotonic() + seconds
        self._stop.set()
        self._work.set()
        self._thread.join(seconds)
        with self._guard:
            if self._line is not None:
                self._line.abort()
        self._thread.join(1)

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self._done():
            if not self._queue.fill().waiting:
                self._work.wait()
                self._work.clear()
                continue
            last_try = self._stop.is_set()
            try:
                self._send_all()
            except (OSError, ValueError, sqlite3.Error) as error:
                self._report(error)
                self._recall()
                if last_try:
                    return
                self._stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                self._report(None)
                pause = FIRST_PAUSE

    def _done(self) -> bool:
        """Stopped, and nothing is left to send or no time is left to send it."""
        return self._stop.is_set() and (
            monotonic() >= self._deadline or not self._queue.fill().waiting
        )

    def _send_all(self) -> None:
        self._queue.recall()  # if that failed when the last line broke: this one settles its own
        line = self._connect()
        with self._guard:
            self._line = line
        try:
            self._send_window(line)
            line.end()
            self._queue.settle()
        finally:
            with self._guard:
                self._line = None
            line.abort()

    def _send_window(self, line: Connection) -> None:
        """Send until nothing has come for a while, the window is full, or it is time to stop."""
        messages = octets = 0
        while messages < WINDOW_MESSAGES and octets < WINDOW_OCTETS and not self._done():
            self._work.clear()
            batch = self._queue.first(BATCH)
            for _, message in batch:
                line.send(frame(message))
                octets += len(message)
            messages += len(batch)
            if batch:
                self._queue.mark_sent([each.number for each in batch])
                self._report(None)
            elif not self._work.wait(IDLE):
                return

    def _recall(self) -> None:
        try:
            self._queue.recall()
        except sqlite3.Error as error:
            self._report(error)

    def _report(self, error: Exception | None) -> None:
        """Log what has changed: trouble that begins or changes, and its end."""
        words = "" if error is None else f"{type(error).__name__}: {error}"
        if words and words != self._trouble:
            log.warning("audit messages wait: %s", words)
        elif self._trouble and not words:
            log.warning("audit messages get through again")
        self._trouble = words
