"""What the engine itself takes for each chunk: workers that answer at once, judging nothing."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scan.cluster import cluster
from provenance.scan.chunks import Claim
from provenance.scan.cluster import DaskCluster
from provenance.scan.database import JobDatabase
from provenance.scan.engine import Engine
from provenance.scan.job import CHUNK, Job
from provenance.scan.local import LocalProcesses
from provenance.scan.outcome import Answer, Apart, Entry, Item, Outcome
from provenance.scan.run import Run
from provenance.scan.source import Page

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Nothing:
    """A bench that judges nothing."""

    @contextmanager
    def opened(self) -> Iterator[Callable[[Sequence[Item], Callable[[], None]], Answer]]:
        def judge(items: Sequence[Item], before: Callable[[], None]) -> Answer:
            return Answer(
                tuple(Outcome(i.number, "AUTHENTIC", 0, "1.2.3", "00" * 12) for i in items), 0.0
            )

        yield judge


@dataclass(frozen=True, slots=True)
class Numbers:
    """A source of so many names."""

    objects: int
    place: str = "numbers"

    def pages(self, cursor: str | None) -> Iterator[Page]:
        for start in range(int(cursor or 0), self.objects, PAGE):
            end = min(start + PAGE, self.objects)
            yield Page(tuple(Entry(f"{n:06}.dcm") for n in range(start, end)), str(end))

    def fetch(self, uri: str) -> bytes:
        raise NotImplementedError(uri)

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of each chunk: by the clock, from the first that is done to the last; and of
    the processor, in the process that shares out and writes down.
    """

    clock: float
    processor: float


def local(folder: Path, chunks: int, jobs: int) -> Cost:
    """Measure local processes."""
    return _measured(folder / "local.job", chunks, LocalProcesses(Nothing(), jobs))


def dask(folder: Path, chunks: int, jobs: int) -> Cost:
    """Measure a cluster of dask on this machine."""
    with cluster(folder, jobs) as made:
        return _measured(folder / "dask.job", chunks, DaskCluster(Nothing(), made.address))


def _measured(path: Path, chunks: int, engine: Engine) -> Cost:
    database = JobDatabase.create(path)
    job = Job.begin(database, "overhead", source="numbers", terms="{}")
    job.list(Numbers(chunks * CHUNK), lambda: False)
    ends: list[tuple[float, float]] = []

    def crashed(item: Item) -> Outcome:
        return Outcome(item.number, "NOT CHECKED", 15, apart=Apart.CRASHED)

    try:
        Run(
            Claim(job, os.urandom(16)),
            engine,
            crashed,
            lambda: False,
            lambda _: ends.append((time.perf_counter(), time.process_time())),
        ).until_done()
    finally:
        engine.close()
        database.close()
    (clock, processor), (clock_end, processor_end) = ends[0], ends[-1]
    each = 1000 / (len(ends) - 1)
    return Cost(each * (clock_end - clock), each * (processor_end - processor))
