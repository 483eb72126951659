"""Workers as processes of this machine: one that dies is replaced, and its task is told."""

import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Protocol

from provenance.errors import OutOfReachError
from provenance.scan.engine import Died, Done, Stopped, Task
from provenance.scan.outcome import Answer

if TYPE_CHECKING:
    from provenance.scan.bench import Judge

TRIES = 3
FALSE_STARTS = 5  # in a row: then there is no use in another
_CODE = "import sys; sys.path[:] = {path}; from provenance.scan.worker import main; main({number})"


class Opens(Protocol):
    """What a worker is given to open a bench with: a value that travels between processes."""

    def opened(self) -> "AbstractContextManager[Judge]":
        """Open it; what is yielded judges."""


@dataclass(slots=True)
class _Worker:
    process: "subprocess.Popen[bytes]"
    pipe: "Connection[Any, Any]"
    ready: bool = False
    task: Task | None = None


class LocalProcesses:
    """So many processes, each of which opens a bench of its own."""

    tries = TRIES

    def __init__(self, bench: Opens, processes: int) -> None:
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
                case Stopped(why, defect):
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
            worker.process.wait()
            worker.pipe.close()
        self._workers = []

    def _replace(self, place: int, worker: _Worker, events: list[Done | Died]) -> None:
        worker.process.kill()  # if it has only closed its end
        worker.process.wait()
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
        """Start one in a process group of its own: Ctrl-C is the first process's to obey."""
        ours, theirs = Pipe()
        try:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and words
                [sys.executable, "-c", _CODE.format(path=sys.path, number=theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
        finally:
            theirs.close()  # so that its death closes the pipe
        with suppress(OSError):
            ours.send(self._bench)
        return _Worker(process, ours)
