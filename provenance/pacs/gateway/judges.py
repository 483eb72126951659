"""Processes that judge what associations bring: a core for each, and the door's lock for none.

Each is asked by one association at a time, over a socket that is its standard input: a line of JSON
that says what it does, then questions. What ends one of them ends nothing else.
"""

import logging
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock

from provenance.pacs.arrivals import Sender
from provenance.pacs.intake import Opinion

ATTEMPTS = 3
JUDGE_SECONDS = 600.0
_STOP_SECONDS = 10.0
_CHILD = "provenance.pacs.gateway.child"

_Todo = list[Callable[[], None]]
_logger = logging.getLogger(__name__)


class NotJudgedError(Exception):
    """There is no opinion, and none is made up: its sender must send the object again."""


class _LostError(Exception):
    """The process is of no use any more."""


class Judges:
    """As many processes that do the ``job`` of a judge as are needed, at most ``most``.

    Threads share them.
    """

    def __init__(self, job: bytes, most: int) -> None:
        self._job = job
        self._most = most
        self._lock = Lock()
        self._all = [_Judge(job)]
        self._idle: SimpleQueue[_Judge] = SimpleQueue()
        self._idle.put(self._all[0])

    def __call__(self, path: Path, sender: Sender, meanwhile: Callable[[], None]) -> Opinion:
        """Return what a judge thinks of the file; NotJudgedError if none can say.

        A judge that ends over it, or says nothing for too long, is replaced and another one asked.
        """
        todo = [meanwhile]
        for _ in range(ATTEMPTS):
            judge = self._next(todo)
            try:
                judge.take_up(self._job)
                return judge.opinion(path, sender, todo)
            except _LostError as error:
                _logger.critical("a process that judges ended, and is started again: %s", error)
                judge.start()
            except NotJudgedError:
                raise
            except BaseException:  # an answer is due that nobody waits for
                judge.start()
                raise
            finally:
                self._idle.put(judge)
        raise NotJudgedError("processes that judged an object ended over it")

    def change(self, job: bytes) -> None:
        """Have another ``job`` done, from the next object on that a process is asked about."""
        with self._lock:
            self._job = job

    def close(self) -> None:
        """Stop them; nobody asks any more."""
        for each in self._all:
            each.stop()

    def _next(self, todo: _Todo) -> "_Judge":
        try:
            return self._idle.get_nowait()
        except Empty:
            pass
        with self._lock:
            if len(self._all) < self._most:
                self._all.append(_Judge(self._job))
                return self._all[-1]
        _do(todo)
        return self._idle.get()


class _Judge:
    """One process."""

    def __init__(self, job: bytes) -> None:
        self._job = job
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, in place of one that was lost."""
        if self._process is not None:
            self._process.kill()
            self.stop()
        ours, theirs = socket.socketpair()
        with theirs:
            words = [sys.executable, "-m", _CHILD]
            self._process = subprocess.Popen(words, stdin=theirs.fileno())  # noqa: S603 - ourselves
        with suppress(OSError):
            ours.sendall(self._job)
        self._line = Connection(ours.detach())

    def take_up(self, job: bytes) -> None:
        """Begin anew with another job; nothing, if it is the same."""
        if job != self._job:
            self._job = job
            self.start()

    def stop(self) -> None:
        """End what it hears, and wait for its end."""
        self._line.close()
        assert self._process is not None
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def opinion(self, path: Path, sender: Sender, todo: _Todo) -> Opinion:
        """Return what it thinks of a file; what is to be done is done while it thinks."""
        try:
            self._line.send((path, sender))
        except OSError as error:
            raise _LostError(f"it does not hear: {error}") from error
        _do(todo)
        try:
            if not self._line.poll(JUDGE_SECONDS):
                raise _LostError("it says nothing")
            found = self._line.recv()
        except (OSError, EOFError) as error:
            raise _LostError(f"it ended over an object: {error!r}") from error
        if not isinstance(found, Opinion):
            raise NotJudgedError(str(found))
        return found


def _do(todo: _Todo) -> None:
    while todo:
        todo.pop()()
