"""Processes as /proc shows them: who was started by whom, and their resident memory."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def below(pids: Iterable[int]) -> list[tuple[int, str]]:
    """Return these processes and all that they have started, with their command lines."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(stat.parent.name))
    found, open_ = [], list(pids)
    while open_:
        pid = open_.pop()
        open_ += parents.get(pid, [])
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
            found.append((pid, words.decode(errors="replace")))
    return found


def resident(pid: int) -> int:
    """Return the resident bytes of a process; 0 if it is gone."""
    return _status(pid, "VmRSS:")


def peak(pid: int) -> int:
    """Return the most resident bytes that a process has had; 0 if it is gone."""
    return _status(pid, "VmHWM:")


def processor_seconds(pid: int) -> float:
    """Return the seconds of the processor that a process has used; 0 if it is gone."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _status(pid: int, name: str) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0
