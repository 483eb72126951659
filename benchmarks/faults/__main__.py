"""What kills, full disks, old backups and erasures do to a log.

    python -m benchmarks.faults                          all, about twenty minutes on one core
    python -m benchmarks.faults kills --kills 200 --between 50
    python -m benchmarks.faults disk backup writers erasure

Servers are processes of their own, on loopback. Exit 1 if anything acknowledged was lost, a fork
was seen, an audit found something, a backup signed, or a byte of what was erased was found.
"""

import argparse
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.faults import backup, disk, erasure, kills, writers

PARTS = ("kills", "disk", "backup", "writers", "erasure")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--between", type=int, help="commit and publish; a quarter of the kills")
    parser.add_argument("--points", type=int, default=24, help="at which the disk is full")
    parser.add_argument("--seconds", type=float, default=30, help="of two writers")
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--erased", type=int, default=1_000)
    parser.add_argument("--folder", type=Path, help="on the disk that matters; default: here")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if unknown := [part for part in given.parts if part not in PARTS]:
        parser.error(f"no such part: {unknown[0]}")
    chance = random.Random(given.seed)
    between = given.kills // 4 if given.between is None else given.between
    work: dict[str, Callable[[Path], tuple[bool, str]]] = {
        "kills": lambda f: _told(kills.run(f, kills=given.kills, between=between, chance=chance)),
        "disk": lambda f: _told(disk.run(f, points=given.points)),
        "backup": lambda f: _told(backup.run(f)),
        "writers": lambda f: _told(writers.run(f, seconds=given.seconds)),
        "erasure": lambda f: _told(erasure.run(f, objects=given.objects, erased=given.erased)),
    }
    failed = False
    for part in given.parts or PARTS:
        with tempfile.TemporaryDirectory(dir=given.folder or Path.cwd()) as folder:
            ok, words = work[part](Path(folder))
        print(f"{part}: {'good' if ok else 'BAD'}: {words}", flush=True)
        failed = failed or not ok
    return int(failed)


def _told(
    report: kills.Kills | disk.FullDisk | backup.Restored | writers.TwoWriters | erasure.Erased,
) -> tuple[bool, str]:
    return report.ok, report.words()


if __name__ == "__main__":
    raise SystemExit(main())
