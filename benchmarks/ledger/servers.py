"""Servers of the command under measurement: started, asked for their address, stopped."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def server(*words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``radseal`` with ``words`` on a free port; give the process and its address."""
    command = [sys.executable, "-m", "provenance.cli", *words, "--listen", "127.0.0.1:0", "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield process, _url(process)
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()


def _url(process: subprocess.Popen[str]) -> str:
    """Read the address from what the server prints once it listens."""
    assert process.stdout is not None
    answer = ""
    while line := process.stdout.readline():
        answer += line
        try:
            return str(json.loads(answer)["listening"])
        except ValueError:
            continue
    raise SystemExit("a server did not start")


def processor_seconds(processes: Sequence[int]) -> float | None:
    """Return the processor time of processes so far; None where the system does not tell it."""
    ticks = 0
    for each in processes:
        stat = Path(f"/proc/{each}/stat")
        if not stat.exists():
            return None
        user, system = stat.read_text().rpartition(")")[2].split()[11:13]
        ticks += int(user) + int(system)
    return ticks / os.sysconf("SC_CLK_TCK")
