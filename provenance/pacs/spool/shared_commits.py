"""One thread writes to the spool for all: what waits at the same time shares one commit.

A commit costs a turn of the disk, however much is in it. Whoever writes waits until the commit
that holds its own part is on the disk, so nothing is answered sooner than that.
"""

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

from provenance.pacs.spool.spool import Spool

T = TypeVar("T")
MOST = 64  # parts of one commit

_Part = tuple[Callable[[Spool], object], "Future[object]"]


class SharedCommits:
    """Writes to the spool in ``folder``, until it is closed. Threads share it.

    UsageError or OSError for a spool that cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        self._parts: SimpleQueue[_Part | None] = SimpleQueue()
        opened: Future[None] = Future()
        self._thread = Thread(target=self._run, args=(folder, opened), name="radseal-spool")
        self._thread.start()
        opened.result()

    def write(self, act: Callable[[Spool], T]) -> T:
        """Return what ``act`` returns, once all that it wrote is on the disk.

        Whatever it raises concerns nobody else, and nothing of it is written; an error of the
        commit is raised for each part of it.
        """
        done: Future[T] = Future()
        self._parts.put((act, done))  # type: ignore[arg-type]
        return done.result()

    def close(self) -> None:
        """Write what waits, and stop."""
        self._parts.put(None)
        self._thread.join()

    def _run(self, folder: Path, opened: "Future[None]") -> None:
        try:
            spool = Spool.open(folder)
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            opened.set_exception(error)
            return
        opened.set_result(None)
        with spool:
            last = False
            while not last:
                parts, last = self._next()
                _commit(spool, parts)

    def _next(self) -> tuple[list[_Part], bool]:
        """Return all parts that wait, at least one; and whether they are the last."""
        parts: list[_Part] = []
        part = self._parts.get()
        while part is not None:
            parts.append(part)
            if len(parts) == MOST:
                return parts, False
            try:
                part = self._parts.get_nowait()
            except Empty:
                return parts, False
        return parts, True


def _commit(spool: Spool, parts: list[_Part]) -> None:
    answers: list[Callable[[], None]] = []
    try:
        with spool.writing():
            for act, done in parts:
                answers.append(_answer(spool, act, done))
    except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
        for _, done in parts:
            done.set_exception(error)
        return
    for answer in answers:
        answer()


def _answer(
    spool: Spool, act: Callable[[Spool], object], done: "Future[object]"
) -> Callable[[], None]:
    """Write one part; return what tells of it once the whole is on the disk."""
    if not spool.is_writing:
        raise sqlite3.OperationalError("the disk has failed within a commit")
    try:
        with spool.writing():
            found = act(spool)
    except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
        failed = error
        return lambda: done.set_exception(failed)
    return lambda: done.set_result(found)
