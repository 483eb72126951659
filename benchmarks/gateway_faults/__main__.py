"""What kills, full disks, bad lines and fuzzed associations do to a gateway.

    python -m benchmarks.gateway_faults                   all
    python -m benchmarks.gateway_faults kills --kills 60
    python -m benchmarks.gateway_faults disk lines fuzz --associations 1000

Everything else is real and on loopback: Orthanc, storescu, the log server. Exit 1 if an object or
a custody event was lost or doubled, if anything leaked, hung or crashed.
"""

import argparse
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from benchmarks.gateway_faults import disk, fuzz, kills, lines


class Told(Protocol):
    """What came of one part."""

    @property
    def ok(self) -> bool: ...

    def words(self) -> str: ...


PARTS = ("kills", "disk", "lines", "fuzz")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway_faults")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--each", type=int, default=12, help="objects between two kills")
    parser.add_argument("--fillings", type=int, default=12, help="how often the disk is full")
    parser.add_argument("--rounds", type=int, default=10, help="of bad lines")
    parser.add_argument("--associations", type=int, default=1000, help="that are spoilt")
    parser.add_argument("--folder", type=Path, help="on the disk that matters; default: here")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if unknown := [part for part in given.parts if part not in PARTS]:
        parser.error(f"no such part: {unknown[0]}")
    chance = random.Random(given.seed)
    work: dict[str, Callable[[Path], Told]] = {
        "kills": lambda f: kills.run(f, kills=given.kills, each=given.each, chance=chance),
        "disk": lambda f: disk.run(f, fillings=given.fillings, each=given.each),
        "lines": lambda f: lines.run(f, rounds=given.rounds),
        "fuzz": lambda f: fuzz.run(f, associations=given.associations, seed=given.seed),
    }
    failed = False
    for part in given.parts or PARTS:
        with tempfile.TemporaryDirectory(dir=given.folder) as name:
            found = work[part](Path(name))
        failed |= not found.ok
        print(f"{part}: {'good' if found.ok else 'BAD'}: {found.words()}", flush=True)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
