"""What is measured in a process of its own: the first proof, memory.

Usage: python -m benchmarks.ledger.child first|live|rehash LOG
"""

import json
import resource
import secrets
import sys
import time
from pathlib import Path

from benchmarks.ledger.sealing import NOW, Sealer, opened


def first(path: Path) -> dict[str, float]:
    """Open a log for reading and prove one entry."""
    start = time.perf_counter()
    with opened(path, writable=False) as log:
        log.prove(secrets.randbelow(log.head().size))
        took = time.perf_counter() - start
    return {"seconds": took}


def live(path: Path) -> dict[str, float]:
    """Open a log for writing, append to it and prove."""
    start = time.perf_counter()
    with opened(path) as log:
        took = time.perf_counter() - start
        size = log.size
        log.append(Sealer(log).seal(64), at=NOW)
        for _ in range(1_000):
            log.prove(secrets.randbelow(size), size=size)
    return {"seconds": took}


def rehash(path: Path) -> dict[str, float]:
    """Hash a whole log again."""
    start = time.perf_counter()
    with opened(path, writable=False) as log:
        assert log.rehash().ok
    return {"seconds": time.perf_counter() - start}


def peak() -> float:
    """Return the most memory this program held; what the one before it in the process held, not."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    work = {"first": first, "live": live, "rehash": rehash}[sys.argv[1]]
    found = work(Path(sys.argv[2]))
    print(json.dumps(found | {"megabytes": peak()}))
