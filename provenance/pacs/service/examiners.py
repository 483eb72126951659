"""Processes that judge: verification is work for a processor, and /live answers meanwhile."""

import asyncio
import multiprocessing
import multiprocessing.util
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, TypeVar

from provenance.pacs.arrivals import Instance, Kept, Sender
from provenance.pacs.retrieve.asked import Asked, Shown
from provenance.pacs.service.desk import Desk, Workplace
from provenance.pacs.service.door import Door, Doorway
from provenance.pacs.service.failures import Cause, NotJudgedError, told_failures
from provenance.policy.facts import Arrival
from provenance.servers.log_lines import log_lines

T = TypeVar("T")

WATCH_SECONDS = 1.0

_lines = ExitStack()  # for the life of the process
_place: Workplace | None = None
_desk: Desk | None = None


class Examiners:
    """A pool of processes with a desk each. Used in one event loop.

    With a ``doorway`` each answers there, too.
    """

    def __init__(self, place: Workplace, *, processes: int, doorway: Doorway | None = None) -> None:
        self._place = place
        self._count = processes
        self._doorway = doorway
        self._renewing = Lock()
        self._closed = Event()
        self._pool = self._started()
        if doorway is not None:
            Thread(target=self._keep_open, name="radseal-examiners", daemon=True).start()

    async def take(self, path: Path, sender: Sender, archives: Sequence[str]) -> Kept:
        """Take a file of the spool in (Desk.take); NotJudgedError if nothing was taken."""
        return await self._ask(_take, path, sender, tuple(archives))

    async def store(
        self, path: Path, sender: Sender, archives: Sequence[str], study: str | None
    ) -> Kept | Instance:
        """Take an instance of a study in (Desk.store); NotJudgedError if nothing was taken."""
        return await self._ask(_store, path, sender, tuple(archives), study)

    async def judge(self, path: Path, arrival: Arrival, at: datetime) -> Mapping[str, object]:
        """Return the verdict on a file (Desk.judge); NotJudgedError if there is none."""
        return await self._ask(_judge, path, arrival, at)

    async def show(self, path: Path, asked: Asked, number: int | None, at: datetime) -> Shown:
        """Return the verdict on a file that is asked for (Desk.show); NotJudgedError if none."""
        return await self._ask(_show, path, asked, number, at)

    async def ready(self) -> None:
        """Return once all can judge; NotJudgedError if one cannot."""
        await asyncio.gather(*(self._ask(_nothing) for _ in range(self._count)))

    def close(self) -> None:
        """Let those that work end, and stop."""
        self._closed.set()
        with self._renewing:
            self._pool.shutdown(wait=True, cancel_futures=True)

    async def _ask(self, work: Callable[..., T], *what: object) -> T:
        pool = self._pool
        try:
            asked: Future[T] = pool.submit(_answer, work, *what)
            # shielded: a sender that hangs up does not cancel what is being judged
            return await asyncio.shield(asyncio.wrap_future(asked))
        except BrokenProcessPool as error:
            self._renew(pool)
            raise NotJudgedError(Cause.LOST, "a process that judged objects is gone") from error

    def _renew(self, pool: ProcessPoolExecutor) -> None:
        with self._renewing:
            if self._pool is pool and not self._closed.is_set():
                pool.shutdown(wait=False, cancel_futures=True)
                self._pool = self._started()

    def _keep_open(self) -> None:
        """Have processes at the door though nobody asks the pool; it notices their end."""
        while not self._closed.wait(WATCH_SECONDS):
            pool = self._pool
            try:
                pool.submit(_answer, _nothing).result()
            except BrokenProcessPool:
                self._renew(pool)
            except (NotJudgedError, RuntimeError, CancelledError):
                continue  # whoever asks is told the first; the others are the end

    def _started(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._count,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self._place, self._doorway),
        )


def _begin(place: Workplace, doorway: Doorway | None) -> None:
    """Make this process one that judges; it ends with the one that started it."""
    global _place
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the service stops us
    Thread(target=_end_with_parent, daemon=True).start()
    _lines.enter_context(log_lines())
    _place = place
    if doorway is not None:
        door = Door(place, doorway)
        multiprocessing.util.Finalize(None, door.close, exitpriority=10)
        door.start()


def _end_with_parent() -> None:
    parent: Any = multiprocessing.parent_process()
    parent.join()
    os._exit(1)


def _answer(work: Callable[..., T], *what: object) -> T:
    """Do it; every error becomes one that travels between processes."""
    with told_failures():
        return work(_opened(), *what)


def _opened() -> Desk:
    global _desk
    if _desk is None:
        assert _place is not None
        _desk = Desk.open(_place)
    return _desk


def _take(desk: Desk, path: Path, sender: Sender, archives: tuple[str, ...]) -> Kept:
    return desk.take(path, sender, archives)


def _store(
    desk: Desk, path: Path, sender: Sender, archives: tuple[str, ...], study: str | None
) -> Kept | Instance:
    return desk.store(path, sender, archives, study)


def _judge(desk: Desk, path: Path, arrival: Arrival, at: datetime) -> Mapping[str, object]:
    return desk.judge(path, arrival, at)


def _show(desk: Desk, path: Path, asked: Asked, number: int | None, at: datetime) -> Shown:
    return desk.show(path, asked, number, at)


def _nothing(_desk: Desk) -> None:
    return None
