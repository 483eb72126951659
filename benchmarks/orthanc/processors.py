"""Processor time of programs and of all that they started, as Linux counts it (proc(5))."""

import os
import resource
from collections import defaultdict
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def spent_by(pid: int) -> float:
    """Return the seconds that a process, its children and theirs have computed so far."""
    parents: dict[int, list[int]] = defaultdict(list)
    seconds: dict[int, float] = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            fields = (place / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents[int(fields[1])].append(int(place.name))
        seconds[int(place.name)] = (int(fields[11]) + int(fields[12])) / _TICKS
    total, left = 0.0, [pid]
    while left:
        each = left.pop()
        total += seconds.get(each, 0.0)
        left += parents[each]
    return total


def spent_by_ended() -> float:
    """Return the seconds of those that we started, and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
