"""Workers of a cluster of dask: the scheduler gives a dead worker's task to another one.

It does so a few times (`distributed.scheduler.allowed-failures`), then tells us. Nothing of the
cluster is kept: what is done is in the table of the job.
"""

import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from provenance.errors import OutOfReachError, UsageError
from provenance.scan.engine import Died, Done, Task
from provenance.scan.local import Opens
from provenance.scan.outcome import Answer, Item

if TYPE_CHECKING:
    from distributed import Future

    from provenance.scan.bench import Judge

CONNECT_SECONDS = 30
TRIES = 2  # each of which is several workers
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
        try:
            self._client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise OutOfReachError(f"no scheduler answers at {address}: {error}") from error
        self._counted, self._threads = float("-inf"), 0
        self._run = f"radseal-scan-{self._client.id}"

    @property
    def room(self) -> int:
        """How many tasks the workers would be ahead of, less those that they have."""
        now = time.monotonic()
        if now - self._counted > COUNT_SECONDS:
            self._counted = now
            try:
                self._threads = sum(self._client.nthreads().values())
            except (OSError, TimeoutError) as error:
                raise OutOfReachError(f"the scheduler at {self._address} is lost") from error
        return max(AHEAD * self._threads - len(self._tasks), 0)

    def give(self, task: Task) -> None:
        """Submit it."""
        key = f"{self._run}-{task.key}"
        future = self._client.submit(
            judge_there, self._bench, task.items, key=key, pure=False, retries=0
        )
        self._tasks[key] = (task, future)
        future.add_done_callback(self._heard.put)

    def wait(self, seconds: float) -> Sequence[Done | Died]:
        """Return answers, and tasks over which the scheduler has given up."""
        from distributed.scheduler import KilledWorker

        try:
            future = self._heard.get(timeout=seconds)
        except queue.Empty:
            if self._client.status != "running":
                raise OutOfReachError(f"the scheduler at {self._address} is lost") from None
            return []
        task, _ = self._tasks.pop(str(future.key))
        try:
            answer = future.result(timeout=CONNECT_SECONDS)
        except KilledWorker:
            return [Died(task)]
        except (CancelledError, TimeoutError, OSError) as error:
            words = f"the cluster at {self._address} has lost a task"
            raise OutOfReachError(f"{words}: {type(error).__name__}") from error
        assert isinstance(answer, Answer)
        return [Done(task, answer)]

    def close(self) -> None:
        """Take back what is not done, and leave the cluster as it was."""
        for _, future in self._tasks.values():
            future.cancel()
        self._tasks.clear()
        self._client.close()


class _Held(threading.local):
    """The bench of this thread of a worker; another job's is closed when it is opened."""

    def __init__(self) -> None:
        self.bench: Opens | None = None
        self.judge: Judge | None = None
        self.stack = ExitStack()

    def judge_of(self, bench: Opens) -> "Judge":
        if self.judge is None or self.bench != bench:
            self.stack.close()
            self.judge = None
            self.judge = self.stack.enter_context(bench.opened())
            self.bench = bench
        return self.judge


_HELD = _Held()


def judge_there(bench: Opens, items: tuple[Item, ...]) -> Answer:
    """Judge items on a worker of the cluster, with what its thread has open."""
    return _HELD.judge_of(bench)(items, _not_counted)


def _not_counted() -> None:
    """A thread of a worker cannot be ended."""
