"""Processes that judge: verification is work for a processor, and /live answers meanwhile."""

import asyncio
import logging
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from provenance.errors import UsageError
from provenance.pacs.arrivals import Instance, Kept, Sender
from provenance.pacs.retrieve.asked import Asked, Shown
from provenance.pacs.service.desk import Desk, Workplace
from provenance.policy.facts import Arrival
from provenance.servers.log_lines import log_lines

T = TypeVar("T")

_logger = logging.getLogger(__name__)
_place: Workplace | None = None
_desk: Desk | None = None


class Cause(StrEnum):
    """Why nothing was judged."""

    SETTING = "setting"
    DISK = "disk"
    DEFECT = "defect"
    LOST = "lost"


class NotJudgedError(Exception):
    """There is no verdict, and none is made up: its sender must send it again."""

    def __init__(self, cause: Cause, words: str) -> None:
        super().__init__(cause, words)
        self.cause = cause
        self.words = words


class Examiners:
    """A pool of processes with a desk each. Used in one event loop."""

    def __init__(self, place: Workplace, *, processes: int) -> None:
        self._place = place
        self._count = processes
        self._pool = self._started()

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
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def _ask(self, work: Callable[..., T], *what: object) -> T:
        pool = self._pool
        try:
            asked: Future[T] = pool.submit(_answer, work, *what)
            # shielded: a sender that hangs up does not cancel what is being judged
            return await asyncio.shield(asyncio.wrap_future(asked))
        except BrokenProcessPool as error:
            if self._pool is pool:
                pool.shutdown(wait=False, cancel_futures=True)
                self._pool = self._started()
            raise NotJudgedError(Cause.LOST, "a process that judged objects is gone") from error

    def _started(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._count,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self._place,),
        )


def _begin(place: Workplace) -> None:
    """Make this process one that judges; it ends with the one that started it."""
    global _place
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the service stops us
    Thread(target=_end_with_parent, daemon=True).start()
    log_lines().__enter__()
    _place = place


def _end_with_parent() -> None:
    parent: Any = multiprocessing.parent_process()
    parent.join()
    os._exit(1)


def _answer(work: Callable[..., T], *what: object) -> T:
    """Do it; every error becomes one that travels between processes."""
    try:
        return work(_opened(), *what)
    except UsageError as error:
        raise NotJudgedError(Cause.SETTING, str(error)) from None
    except (OSError, sqlite3.Error) as error:
        _logger.error("the disk fails: %s", type(error).__name__)
        words = f"the disk fails: {getattr(error, 'strerror', None) or type(error).__name__}"
        raise NotJudgedError(Cause.DISK, words) from None
    except Exception as error:
        _logger.exception("judging failed")
        words = f"judging failed ({type(error).__name__}): a defect, please report it"
        raise NotJudgedError(Cause.DEFECT, words) from None


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
