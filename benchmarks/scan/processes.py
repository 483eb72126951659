"""Processes of a scan by their kind, and the memory of each kind."""

import threading
from types import TracebackType
from typing import Self

from benchmarks.processes import below, peak

SAMPLE_SECONDS = 2.0
FIRST_SECONDS = 60.0
JUDGES = "provenance.scan.worker"
_KINDS = (
    (JUDGES, "process that judges"),
    ("provenance.cli", "command"),
    ("dask_scheduler", "dask scheduler"),
    ("dask_worker", "dask nannies"),
    ("spawn_main", "dask worker"),
)


def judges(pid: int) -> list[int]:
    """Return the processes that judge for a command."""
    return sorted(each for each, words in below([pid]) if JUDGES in words)


def kind_of(words: str) -> str | None:
    """Return what kind of process of a scan has this command line."""
    return next((kind for mark, kind in _KINDS if mark in words), None)


class Peaks:
    """The most resident memory of each kind of process, in bytes, while the context is held.

    ``first`` is that of the first minute. VmHWM of a process is its own peak; of several processes
    of a kind the greatest counts.
    """

    def __init__(self, pids: tuple[int, ...]) -> None:
        self.first: dict[str, int] = {}
        self.highest: dict[str, int] = {}
        self._pids = pids
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        samples = 0
        while not self._ended.wait(SAMPLE_SECONDS):
            samples += 1
            for pid, words in below(self._pids):
                kind, size = kind_of(words), peak(pid)
                if kind is None:
                    continue
                self.highest[kind] = max(self.highest.get(kind, 0), size)
                if samples * SAMPLE_SECONDS <= FIRST_SECONDS:
                    self.first[kind] = max(self.first.get(kind, 0), size)
