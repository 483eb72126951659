"""The scan itself, by its command: workers killed three times, stopped, resumed, and looked at.

What each run told is kept in a file beside the job, so the benchmark can be stopped and goes on,
too: it asks for the same archive in the same folder again.
"""

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.scan.processes import Peaks
from benchmarks.scan.subjects import Archive, kind_of

KILL_AT = (0.1, 0.2, 0.3)  # of all objects
STOP_AT = 0.5
GLANCE_SECONDS = 0.5
_DONE = 'select coalesce(sum("last" - "first"), 0) from radseal_scan_chunk where state = 2'

Victims = Callable[[int], Sequence[int]]
"""Which processes may be killed, while the command runs as this process."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one run of the command said, and what was done to it."""

    exit_code: int
    seconds: float
    processor: float
    objects: int
    chunks: int
    busy: float
    deaths: int
    killed: int
    first: dict[str, int]
    peaks: dict[str, int]


@dataclass(frozen=True, slots=True)
class Trial:
    """One scan of an archive, in as many runs as it takes.

    ``words`` say who works, ``victims`` whom to kill.
    """

    archive: Archive
    job: Path
    total: int
    words: tuple[str, ...]
    victims: Victims
    peaks_of: tuple[int, ...] = ()

    @property
    def runs(self) -> list[Told]:
        """What was told so far."""
        if not self._book.exists():
            return []
        return [Told(**each) for each in json.loads(self._book.read_text())]

    @property
    def done(self) -> int:
        """How many objects have a result."""
        if not self.job.exists():
            return 0
        with suppress(sqlite3.OperationalError), _reading(self.job) as connection:
            return int(connection.execute(_DONE).fetchone()[0])
        return 0

    def run(self, seconds: float) -> bool:
        """Work for at most so long; return whether the scan is at its end."""
        end = time.monotonic() + seconds
        while self.done < self.total:
            if time.monotonic() >= end:
                return False
            told = self._once(end)
            self._book.write_text(json.dumps([asdict(each) for each in (*self.runs, told)]))
            if told.exit_code in (1, 2, 15) and self.done < self.total:
                raise SystemExit(f"the scan ended with {told.exit_code}")
        return True

    def wrong(self) -> list[str]:
        """Name the objects that do not have the one result that is right."""
        with _reading(self.job) as connection:
            rows = connection.execute("select uri, verdict from radseal_scan_object").fetchall()
        found: dict[int, list[str | None]] = {}
        for uri, verdict in rows:
            found.setdefault(int(Path(uri).stem), []).append(verdict)
        return [
            f"{number:06}: {found.get(number)}"
            for number in range(self.total)
            if found.get(number) != [kind_of(number)]
        ]

    def found(self) -> tuple[int, int]:
        """Return how many rows there are, and how many SOP Instance UIDs in them."""
        with _reading(self.job) as connection:
            rows, uids = connection.execute(
                "select count(*), count(distinct sop_instance_uid) from radseal_scan_object"
            ).fetchone()
        return rows, uids

    @property
    def _book(self) -> Path:
        return self.job.with_suffix(".runs.json")

    def _once(self, end: float) -> Told:
        """Run the command once: kill what is to be killed, and stop it when it is time."""
        what = ["--resume", str(self.job)]
        if not self.job.exists():
            what = [str(self.archive.folder), "--job", str(self.job)]
        kills = [share for share in KILL_AT if share * self.total > self.done]
        stops = self.done < STOP_AT * self.total
        killed = 0
        began, used = time.perf_counter(), _processor()
        process = _started([*what, *self.words], self.archive.site)
        with Peaks((process.pid, *self.peaks_of)) as peaks:
            while process.poll() is None:
                time.sleep(GLANCE_SECONDS)
                done = self.done
                if kills and done >= kills[0] * self.total:
                    kills.pop(0)
                    killed += _kill_one(self.victims(process.pid))
                if (stops and done >= STOP_AT * self.total) or time.monotonic() >= end:
                    process.send_signal(signal.SIGINT)
                    break
            out, _ = process.communicate()
        answer = json.loads(out)
        ran = answer["run"]
        return Told(
            exit_code=answer["exit_code"],
            seconds=time.perf_counter() - began,
            processor=_processor() - used,
            objects=ran["objects"],
            chunks=ran["chunks"],
            busy=ran["workers_seconds"],
            deaths=ran["workers_died"],
            killed=killed,
            first=peaks.first,
            peaks=peaks.highest,
        )


def _reading(job: Path) -> "closing[sqlite3.Connection]":
    return closing(sqlite3.connect(f"file:{job}?mode=ro", uri=True, timeout=60))


def _kill_one(pids: Sequence[int]) -> int:
    if not pids:
        return 0
    os.kill(pids[0], signal.SIGKILL)
    return 1


def _processor() -> float:
    """Seconds of all processes that have ended, down to the workers."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _started(words: list[str], site: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "provenance.cli", "scan", *words, "--site", str(site), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
