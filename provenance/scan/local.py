"""Workers as processes of this machine: one that dies is replaced, and its task is told."""

import multiprocessing
import signal
import traceback
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Protocol

from provenance.errors import OutOfReachError, RadsealError
from provenance.scan.engine import Died, Done, Task
from provenance.scan.outcome import Answer

if TYPE_CHECKING:
    from provenance.scan.bench import Judge

ITEM_SECONDS = 600.0  # a worker that takes longer over one object ends
TRIES = 3
FALSE_STARTS = 5  # in a row: then there is no use in another


class Opens(Protocol):
    """What a worker is given to open a bench with: a value that travels between processes."""

    def opened(self) -> "AbstractContextManager[Judge]":
        """Open it; what is yielded judges."""


@dataclass(frozen=True, slots=True)
class _Stopped:
    """A worker cannot go on; ``defect`` unless source or ledger are away."""

    why: str
    defect: bool


_READY = "ready"


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    pipe: "Connection[object, object]"
    ready: bool = False
    task: Task | None = None


class LocalProcesses:
    """So many processes, each of which opens a bench of its own."""

    tries = TRIES

    def __init__(self, bench: Opens, processes: int) -> None:
        self._context = multiprocessing.get_context("spawn")  # no lock or socket is inherited
        self._bench = bench
        self._false_starts = 0
        self._workers: list[_Worker] = []
        try:
            for _ in range(processes):
                self._workers.append(self._started())
        except BaseException:
            self.close()
            raise

    @property
    def room(self) -> int:
        """Workers that are ready and have nothing to do."""
        return sum(worker.ready and worker.task is None for worker in self._workers)

    def give(self, task: Task) -> None:
        """Give it to one of them; if that one has died, ``wait`` will say so."""
        worker = next(w for w in self._workers if w.ready and w.task is None)
        worker.task = task
        with suppress(OSError):
            worker.pipe.send(task)

    def wait(self, seconds: float) -> Sequence[Done | Died]:
        """Return answers and deaths."""
        events: list[Done | Died] = []
        readable = set(wait([worker.pipe for worker in self._workers], seconds))
        for place, worker in enumerate(self._workers):
            if worker.pipe not in readable:
                continue
            try:
                said = worker.pipe.recv()
            except (EOFError, OSError):
                self._replace(place, worker, events)
                continue
            match said:
                case Answer():
                    assert worker.task is not None
                    events.append(Done(worker.task, said))
                    worker.task = None
                case _Stopped(why, defect):
                    raise RuntimeError(why) if defect else OutOfReachError(why)
                case _:
                    worker.ready = True
                    self._false_starts = 0
        return events

    def close(self) -> None:
        """Kill them: what they have not told is done again."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.process.close()
            worker.pipe.close()
        self._workers = []

    def _replace(self, place: int, worker: _Worker, events: list[Done | Died]) -> None:
        worker.process.kill()  # if it has only closed its end
        worker.process.join()
        worker.process.close()
        worker.pipe.close()
        if worker.task is not None:
            events.append(Died(worker.task))
        elif not worker.ready:
            self._false_starts += 1
            if self._false_starts >= FALSE_STARTS:
                words = f"{FALSE_STARTS} workers in a row ended before they could begin"
                del self._workers[place]
                raise OutOfReachError(words)
        self._workers[place] = self._started()

    def _started(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(theirs, self._bench), daemon=True)
        try:
            process.start()
        finally:
            theirs.close()  # so that its death closes the pipe
        return _Worker(process, ours)


def _work(pipe: "Connection[object, object]", bench: Opens) -> None:
    """Judge what comes over the pipe until it is closed.

    Signals to the whole group are the first process's to obey: a worker ends its task.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with suppress(EOFError, BrokenPipeError):
        try:
            with bench.opened() as judge:
                pipe.send(_READY)
                while True:
                    task = pipe.recv()
                    assert isinstance(task, Task)
                    answer = judge(task.items, _begin_to_count)
                    _count_no_more()
                    pipe.send(answer)
        except (EOFError, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 - told to the first process, which raises it
            pipe.send(_stopped(error))


def _stopped(error: Exception) -> _Stopped:
    from ledger import LedgerError

    if isinstance(error, RadsealError | LedgerError | OSError):
        return _Stopped(str(error) or type(error).__name__, defect=False)
    return _Stopped("".join(traceback.format_exception(error)), defect=True)


if hasattr(signal, "setitimer"):

    def _begin_to_count() -> None:
        """End this process, even in the middle of a decoder, if one object takes too long."""
        signal.setitimer(signal.ITIMER_REAL, ITEM_SECONDS)

    def _count_no_more() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

else:  # pragma: no cover - Windows

    def _begin_to_count() -> None:
        """Nothing ends a process there."""

    def _count_no_more() -> None:
        """Nothing was begun."""
