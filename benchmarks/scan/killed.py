"""The scan itself, by its command: workers killed three times, stopped, and resumed."""

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.scan.subjects import Archive

KILL_AT = (0.1, 0.2, 0.3)  # of all objects
STOP_AT = 0.5
_DONE = 'select coalesce(sum("last" - "first"), 0) from radseal_scan_chunk where state = 2'


@dataclass(frozen=True, slots=True)
class Scanned:
    """What came of it; ``seconds``, and those of the ``processor``, with starting and listing."""

    killed: int
    resumed: bool
    objects: int
    rows: int
    uris: int
    found: dict[str, int]
    seconds: float
    processor: float
    busy: float
    exactly_once: bool


def scan(archive: Archive, job: Path, jobs: int, total: int) -> Scanned:
    """Scan, kill, stop, resume, and count in the table of the job."""
    words = ["scan", str(archive.folder), "--job", str(job)]
    began, used = time.perf_counter(), _processor()
    first = _started([*words, "--jobs", str(jobs)], archive.site)
    killed: list[int] = []
    for share in KILL_AT:
        _until(job, first, share * total)
        workers = _workers(first.pid)
        if workers:
            os.kill(workers[0], signal.SIGKILL)
            killed.append(workers[0])
    _until(job, first, STOP_AT * total)
    first.send_signal(signal.SIGINT)
    stopped = _answer(first)
    ended = _answer(_started(["scan", "--resume", str(job), "--jobs", str(jobs)], archive.site))
    seconds = time.perf_counter() - began
    processor = _processor() - used
    with closing(sqlite3.connect(job)) as connection:
        rows, uris = connection.execute(
            "select count(*), count(distinct uri) from radseal_scan_object"
            " where verdict is not null"
        ).fetchone()
        found = dict(
            connection.execute("select verdict, count(*) from radseal_scan_object group by 1")
        )
    objects = stopped["run"]["objects"] + ended["run"]["objects"]
    same = {word: n for word, n in archive.expected.items() if n}
    return Scanned(
        killed=len(killed),
        resumed=stopped["exit_code"] == 130,
        objects=objects,
        rows=rows,
        uris=uris,
        found=found,
        seconds=seconds,
        processor=processor,
        busy=stopped["run"]["workers_seconds"] + ended["run"]["workers_seconds"],
        exactly_once=objects == rows == uris == total and found == same,
    )


def _processor() -> float:
    """Seconds of all processes that have ended, down to the workers."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _started(words: list[str], site: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "provenance.cli", *words, "--site", str(site), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _answer(process: "subprocess.Popen[str]") -> dict[str, Any]:
    out, _ = process.communicate()
    return dict(json.loads(out))


def _until(job: Path, process: "subprocess.Popen[str]", done: float) -> None:
    """Wait until so many objects are done, or the process has ended."""
    while process.poll() is None:
        with suppress(sqlite3.OperationalError):
            if job.is_file():
                with closing(sqlite3.connect(f"file:{job}?mode=ro", uri=True)) as connection:
                    if connection.execute(_DONE).fetchone()[0] >= done:
                        return
        time.sleep(0.1)


def _workers(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            if (
                parent == pid
                and b"provenance.scan.worker" in stat.with_name("cmdline").read_bytes()
            ):
                found.append(int(stat.parent.name))
    return found
