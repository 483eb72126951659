"""What the engine itself takes for each chunk: workers that answer at once, judging nothing."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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


def local(folder: Path, chunks: int, jobs: int) -> float:
    """Milliseconds of each chunk with local processes; from the first that is done to the last."""
    return _measured(folder / "local.job", chunks, LocalProcesses(Nothing(), jobs))


def dask(folder: Path, chunks: int, jobs: int) -> float:
    """The same with a cluster of dask on this machine."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=jobs, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
    ) as cluster:
        engine = DaskCluster(Nothing(), cluster.scheduler_address)
        return _measured(folder / "dask.job", chunks, engine)


def _measured(path: Path, chunks: int, engine: Engine) -> float:
    database = JobDatabase.create(path)
    job = Job.begin(database, "overhead", source="numbers", terms="{}")
    job.list(Numbers(chunks * CHUNK), lambda: False)
    ends: list[float] = []

    def crashed(item: Item) -> Outcome:
        return Outcome(item.number, "NOT CHECKED", 15, apart=Apart.CRASHED)

    try:
        Run(
            Claim(job, os.urandom(16)),
            engine,
            crashed,
            lambda: False,
            lambda _: ends.append(time.perf_counter()),
        ).until_done()
    finally:
        engine.close()
        database.close()
    return 1000 * (ends[-1] - ends[0]) / (len(ends) - 1)
