"""What tests of scans share: benches that travel to workers, jobs, and ways to find workers."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from provenance.scan.chunks import Claim
from provenance.scan.database import JobDatabase
from provenance.scan.engine import Engine
from provenance.scan.job import Job
from provenance.scan.outcome import Answer, Apart, Entry, Item, Outcome
from provenance.scan.run import Ran, Run
from provenance.scan.source import Page

WAIT_SECONDS = 180.0
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def until(true: Callable[[], object], why: str) -> None:
    """Wait for a condition; fail with ``why`` if it does not come about."""
    end = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < end, why
        time.sleep(0.02)


@dataclass(frozen=True)
class Tally:
    """A bench that writes down what it judged, and dies over items that are called poison."""

    file: str
    seconds: float = 0.0

    @contextmanager
    def opened(self) -> Iterator[Callable[[Sequence[Item], Callable[[], None]], Answer]]:
        def judge(items: Sequence[Item], before: Callable[[], None]) -> Answer:
            outcomes = []
            for item in items:
                before()
                time.sleep(self.seconds)
                if item.uri.startswith("poison"):
                    os.kill(os.getpid(), signal.SIGKILL)
                with Path(self.file).open("a") as file:
                    file.write(f"{os.getpid()} {item.number}\n")
                outcomes.append(Outcome(item.number, "AUTHENTIC", 0))
            return Answer(tuple(outcomes), 0.0)

        yield judge

    def pids(self) -> list[int]:
        """Who has judged anything so far, the latest first."""
        if not Path(self.file).exists():
            return []
        lines = Path(self.file).read_text().splitlines()
        return [int(line.split()[0]) for line in reversed(lines)]


@dataclass(frozen=True)
class Unopened:
    """A bench that ends whoever opens it."""

    @contextmanager
    def opened(self) -> Iterator[None]:
        os._exit(3)
        yield


@dataclass(frozen=True)
class Named:
    """A source of these uris, so many to a page."""

    uris: tuple[str, ...]
    size: int = 40
    place: str = "names"

    def pages(self, cursor: str | None) -> Iterator[Page]:
        start = 0 if cursor is None else int(cursor)
        for at in range(start, len(self.uris), self.size):
            found = tuple(map(Entry, self.uris[at : at + self.size]))
            yield Page(found, str(at + len(found)))

    def fetch(self, uri: str) -> bytes:
        raise NotImplementedError(uri)

    def close(self) -> None:
        pass


def never() -> bool:
    return False


def new_job(path: Path, uris: Sequence[str]) -> Job:
    """A job that has listed these uris, 40 to a page: chunks of 40."""
    job = Job.begin(JobDatabase.create(path), "20260301T120000-000000", source="names", terms="{}")
    job.list(Named(tuple(uris)), never)
    return job


def crashed(item: Item) -> Outcome:
    return Outcome(item.number, "NOT CHECKED", 15, apart=Apart.CRASHED)


def work(
    job: Job,
    engine: Engine,
    *,
    stop: Callable[[], bool] = never,
    advance: Callable[[int], None] = lambda _: None,
    seconds: float = 60.0,
) -> Ran:
    """One run of a job; workers are stopped at its end."""
    try:
        claim = Claim(job, os.urandom(16), seconds)
        return Run(claim, engine, crashed, stop, advance).until_done()
    finally:
        engine.close()


def children(pid: int) -> list[int]:
    """The workers of a running scan: processes that it has started."""
    table: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        table.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    return [each for each in table.get(pid, []) if _is_worker(each)]


def _is_worker(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"provenance.scan.worker" in words


def kill(pid: int) -> None:
    """kill -9, unless it is gone already."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def ask(path: Path, question: str) -> int:
    """One number from the file of a job, while others write to it."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)) as connection:
        return int(connection.execute(question).fetchone()[0])


def start(*words: object) -> "subprocess.Popen[str]":
    """Start a command of its own process group."""
    return subprocess.Popen(
        [sys.executable, "-m", "provenance.cli", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def verdicts(path: Path) -> Counter[str]:
    """Verdicts of all objects in the file of a job; an object that has none is called so."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("select coalesce(verdict, 'none') from radseal_scan_object")
        return Counter(word for (word,) in found)
