"""Workers of a cluster of dask. Each judges in a child process of its own.

So an object that kills whoever opens it kills no worker of the cluster; and of a worker that is
killed, the scheduler gives the task to another one. Results that a worker had in its memory are
lost with it, and their task is given again: nothing counts before it is in the table of the job.
"""

import itertools
import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from provenance.errors import OutOfReachError, UsageError
from provenance.scan.engine import Died, Done, Task
from provenance.scan.local import TRIES, LocalProcesses, Opens
from provenance.scan.outcome import Answer, Item

if TYPE_CHECKING:
    from distributed import Future

CONNECT_SECONDS = 30
GATHER_SECONDS = 20  # for the result of a task that is done
DESERTED_SECONDS = 300.0  # without any worker
COUNT_SECONDS = 2.0  # workers come and go
AHEAD = 2  # tasks for each thread of a worker


class DaskCluster:
    """The workers of the scheduler at ``address``."""

    tries = TRIES

    def __init__(self, bench: Opens, address: str) -> None:
        try:
            from distributed import Client
        except ModuleNotFoundError as error:
            words = "a scan on a cluster needs dask.distributed"
            raise UsageError(f"{words}: pip install radseal[bulk]") from error
        self._bench = bench
        self._address = address
        self._heard: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        self._tasks: dict[str, tuple[Task, Future[Any]]] = {}
        self._keys = itertools.count()
        try:
            self._client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise OutOfReachError(f"no scheduler answers at {address}: {error}") from error
        self._run = f"radseal-scan-{self._client.id}"
        self._threads, self._counted, self._peopled = 0, float("-inf"), time.monotonic()

    @property
    def room(self) -> int:
        """How many tasks the workers would be ahead of, less those that they have."""
        self._count()
        return max(AHEAD * self._threads - len(self._tasks), 0)

    def give(self, task: Task) -> None:
        """Submit it, under a key that was never used."""
        key = f"{self._run}-{next(self._keys)}"
        future = self._client.submit(
            judge_there, self._bench, task.items, key=key, pure=False, retries=0
        )
        self._tasks[key] = (task, future)
        future.add_done_callback(self._heard.put)

    def wait(self, seconds: float) -> Sequence[Done | Died]:
        """Return an answer, or a task over which child or workers have died."""
        from distributed.scheduler import KilledWorker

        try:
            future = self._heard.get(timeout=seconds)
        except queue.Empty:
            self._count()
            return []
        task, _ = self._tasks.pop(str(future.key))
        try:
            answer = future.result(timeout=GATHER_SECONDS)
        except KilledWorker:
            return [Died(task)]
        except (CancelledError, TimeoutError):
            self._count()
            future.cancel()
            self.give(task)  # the result went with the worker that had it
            return []
        return [Died(task)] if answer is None else [Done(task, answer)]

    def close(self) -> None:
        """Take back what is not done, and leave the cluster as it was."""
        for _, future in self._tasks.values():
            future.cancel()
        self._tasks.clear()
        self._client.close()

    def _count(self) -> None:
        """Count threads; OutOfReachError if the scheduler is gone, or all workers for long."""
        now = time.monotonic()
        if now - self._counted < COUNT_SECONDS:
            return
        self._counted = now
        try:
            self._threads = sum(self._client.nthreads().values())
        except (OSError, TimeoutError) as error:
            raise OutOfReachError(f"the scheduler at {self._address} is lost") from error
        if self._client.status != "running":
            raise OutOfReachError(f"the scheduler at {self._address} is lost")
        if self._threads:
            self._peopled = now
        elif now - self._peopled > DESERTED_SECONDS:
            raise OutOfReachError(f"the scheduler at {self._address} has no workers")


class _Held(threading.local):
    """The child of this thread of a worker; that of another run is ended first."""

    def __init__(self) -> None:
        self.bench: Opens | None = None
        self.child: LocalProcesses | None = None

    def child_of(self, bench: Opens) -> LocalProcesses:
        if self.child is None or self.bench != bench:
            self.close()
            self.child, self.bench = LocalProcesses(bench, 1), bench
        return self.child

    def close(self) -> None:
        if self.child is not None:
            self.child.close()
            self.child = None


_HELD = _Held()


def judge_there(bench: Opens, items: tuple[Item, ...]) -> Answer | None:
    """Judge items on a worker of the cluster, in a child process; None if it died over them."""
    child = _HELD.child_of(bench)
    try:
        while not child.room:
            child.wait(1.0)
        child.give(Task(0, 0, items))
        while True:
            for event in child.wait(1.0):
                return event.answer if isinstance(event, Done) else None
    except BaseException:
        _HELD.close()
        raise
