"""A scheduler of dask and its workers on this machine, as they are started on a cluster."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ports import free_port
from benchmarks.processes import below

START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where its scheduler is, and its two processes; workers are children of the second."""

    address: str
    scheduler: int
    nannies: int

    def workers(self, _command: int) -> Sequence[int]:
        """Return the workers, each of which its nanny replaces."""
        return sorted(pid for pid, words in below([self.nannies]) if "spawn_main" in words)


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[Cluster]:
    """Start them by their own commands; all are ended at the end."""
    address = f"tcp://127.0.0.1:{free_port()}"
    quiet = ("--no-dashboard",)
    here = ("--local-directory", str(folder / "dask"))
    each = ("--nworkers", str(workers), "--nthreads", "1", "--memory-limit", "0")
    port = address.rpartition(":")[2]
    scheduler = _start("dask_scheduler", "--host", "127.0.0.1", "--port", port, *quiet)
    try:
        nannies = _start("dask_worker", address, "--host", "127.0.0.1", *each, *quiet, *here)
        try:
            made = Cluster(address, scheduler.pid, nannies.pid)
            end = time.monotonic() + START_SECONDS
            while len(made.workers(0)) < workers:
                if time.monotonic() > end:
                    raise SystemExit("the workers of dask do not start")
                time.sleep(0.2)
            yield made
        finally:
            _end(nannies)
    finally:
        _end(scheduler)


def _start(module: str, *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{module}", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
