"""Memory over many objects: each sent through the gateway and, by STOW-RS, through the service.

    python -m benchmarks.gateway.memory [--objects N] [--kind DX] [--batch N] [--bound MIB]
                                        [--seconds N] [--folder DIR]

CT images of 0.5 MB, or DX images of 10 MB, each sealed and of its own, to a real Orthanc, which is
emptied after each batch. Prints the resident memory of each process along the way, its processor
time, and what each object leaves on the disk. Exit 1 if a process has grown by more than the bound
after the first tenth.
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.gateway.peers import Gateway, empty, gateway, send, site_and_archive
from benchmarks.gateway.web_peers import Service, service
from benchmarks.processes import below, processor_seconds, resident
from benchmarks.sealed_images import KINDS, make_images
from benchmarks.workflow.orthanc import Orthanc

CLIENTS = 4
SHOWN = 10  # columns
MIB = 1 << 20
_NAMES = (("spawn_main", "judges"), ("gateway.child", "child"), ("provenance.cli", "first process"))


@dataclass
class Course:
    """Resident memory and processor time of each process, after so many objects."""

    objects: list[int] = field(default_factory=list)
    sizes: dict[str, list[int]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def note(self, objects: int, pids: dict[str, int]) -> None:
        """Note what there is after ``objects``."""
        self.objects.append(objects)
        for name, pid in pids.items():
            self.sizes.setdefault(name, []).append(resident(pid))
            self.seconds.setdefault(name, []).append(processor_seconds(pid))

    def each(self, name: str) -> float:
        """Seconds of the processor for each object, without the first batch."""
        objects, seconds = self.objects, self.seconds[name]
        if len(objects) < 2:
            return 0.0
        return (seconds[-1] - seconds[0]) / (objects[-1] - objects[0])

    def grown(self, name: str) -> int:
        """By how much a process has grown after the first tenth, at most."""
        sizes = self.sizes[name]
        first = max(len(sizes) // 10, 1)
        return max(sizes[first:], default=sizes[-1]) - max(sizes[:first])

    def print(self) -> None:
        """Print a row for each process."""
        step = max(len(self.objects) // SHOWN, 1)
        shown = list(range(step - 1, len(self.objects), step))
        columns = " | ".join(f"{self.objects[n]:,}" for n in shown)
        print(f"| MiB after objects | {columns} | grown | processor, each object |")
        print("|---|" + "---:|" * (len(shown) + 2))
        for name, sizes in self.sizes.items():
            cells = [f"{sizes[n] / MIB:.1f}" for n in shown if n < len(sizes)]
            last = f"{self.grown(name) / MIB:+.1f} | {1000 * self.each(name):.1f} ms"
            print(f"| {name} | {' | '.join(cells)} | {last} |")


def main() -> int:
    """Send all, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway.memory")
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--kind", choices=[each.name for each in KINDS], default="CT")
    parser.add_argument("--batch", type=int, default=250)
    parser.add_argument("--bound", type=float, default=16.0, help="MiB that may be added")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="then stop, and print")
    parser.add_argument("--folder", type=Path, help="on a disk with room; default: temporary")
    asked = parser.parse_args()
    kind = next(each for each in KINDS if each.name == asked.kind)
    course = Course()
    end = time.monotonic() + asked.seconds
    with site_and_archive(asked.folder) as (folder, site, archive):
        with (
            gateway(folder / "gateway", site, archive) as door,
            service(folder / "service", site, archive) as stow,
        ):
            for sent in range(asked.batch, asked.objects + 1, asked.batch):
                paths = make_images(kind, asked.batch, site, folder / "images")
                _pass(paths, door, stow, archive, sent)
                course.note(sent, _pids("gateway", door) | _pids("service", stow))
                shutil.rmtree(folder / "images")
                print(f"{sent} sent", file=sys.stderr, flush=True)
                if time.monotonic() > end:
                    break
        course.print()
        for file in ("gateway/spool/spool.db", "service/spool/spool.db", "site/ledger.sqlite"):
            size = (folder / file).stat().st_size
            print(f"{file}: {size / course.objects[-1]:,.0f} bytes for each object")
    return int(any(course.grown(name) > asked.bound * MIB for name in course.sizes))


def _pids(name: str, door: Gateway | Service) -> dict[str, int]:
    """Return the processes of a server, by what they do."""
    found: dict[str, int] = {}
    for pid, words in sorted(below([door.process.pid])):
        kind = next((kind for mark, kind in _NAMES if mark in words), None)
        if kind is None:
            continue
        called, twins = f"{name}, {kind}", 1
        while called in found:
            twins += 1
            called = f"{name}, {kind} {twins}"
        found[called] = pid
    return found


def _pass(
    paths: Sequence[Path], door: Gateway, stow: Service, archive: Orthanc, wanted: int
) -> None:
    """Send files through both doors, and wait until the archive has them."""
    send(paths, "RADSEAL", door.port)
    door.wait(wanted)
    empty(archive)
    stow.web.store(paths, clients=CLIENTS)
    stow.wait(wanted)
    empty(archive)


if __name__ == "__main__":
    raise SystemExit(main())
