"""A disk that is full, at one point after another, and has room again."""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults.processes import LOG, Failed, Process
from benchmarks.faults.writer import Writer
from provenance import Site

PAGE = 4096
TRIES = 24  # statements sent into a disk that fills up
PATIENCE = 60.0  # seconds until it must be as before, by itself
READS = ("/checkpoint", "/receipt/0", "/tile/entries/000.p/5", "/link/actor/" + "0" * 64)


@dataclass(frozen=True, slots=True)
class FullDisk:
    """What came of it."""

    points: int
    appends_refused: int
    suspended: int
    reads: int
    reads_failed: int
    recovered: int
    slowest: float
    acknowledged: int
    lost: int
    findings: int

    @property
    def ok(self) -> bool:
        return (
            self.recovered == self.points
            and self.appends_refused + self.suspended > 0
            and not (self.lost or self.findings or self.reads_failed)
        )

    def words(self) -> str:
        return (
            f"{self.points} points: {self.appends_refused} times an append was refused, "
            f"{self.suspended} times a checkpoint could not be stored; {self.reads} reads "
            f"meanwhile, {self.reads_failed} failed; {self.recovered} times it went on by itself, "
            f"after {self.slowest:.1f} s at most; {self.acknowledged} entries acknowledged, "
            f"{self.lost} lost, {self.findings} findings"
        )


def run(folder: Path, *, points: int, step: int = PAGE) -> FullDisk:
    """Give the log's files no more room than ``step`` bytes more each time."""
    site = Site.init(folder / "site", name="disk")
    writer = Writer(site)
    refused = suspended = reads = failed = recovered = 0
    slowest = 0.0
    with Process(LOG, site.folder) as server:
        for point in range(points):
            writer.send(server, 3)
            server.limit_files(_longest(site.folder) + point * step)
            full = False
            for _ in range(TRIES):
                full = writer.send(server, 1) != 200
                if full or not server.health()["accepts"]:
                    break
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline and server.health()["accepts"]:
                time.sleep(0.1)
            stopped = not server.health()["accepts"]
            refused += full
            suspended += stopped
            for path in READS:
                reads += 1
                failed += not _answers(server, path)
            server.limit_files(1 << 40)
            began = time.monotonic()
            while time.monotonic() - began < PATIENCE:
                if writer.send(server, 1) == 200 and _all_published(server):
                    recovered += 1
                    break
                time.sleep(0.1)
            slowest = max(slowest, time.monotonic() - began)
            writer.look(server)
        server.stop()
    findings = len(writer.audit().findings)
    return FullDisk(
        points,
        refused,
        suspended,
        reads,
        failed,
        recovered,
        slowest,
        len(writer.acknowledged),
        writer.lost(),
        findings,
    )


def _longest(folder: Path) -> int:
    return max(path.stat().st_size for path in folder.glob("ledger.sqlite*"))


def _answers(server: Process, path: str) -> bool:
    with suppress(*Failed):
        return server.ask("GET", path)[0] in (200, 404)
    return False


def _all_published(server: Process) -> bool:
    for _ in range(30):
        health = server.health()
        if health["accepts"] and health["published"] == health["size"]:
            return True
        time.sleep(0.1)
    return False
