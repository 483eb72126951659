"""Two processes write to one log: no gap, no fork, and each gets its turn."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults.processes import LOG, Process
from benchmarks.faults.writer import Writer
from ledger import Event, Role
from provenance import Site

BATCHES = (1, 7)


@dataclass(frozen=True, slots=True)
class TwoWriters:
    """What came of it."""

    acknowledged: tuple[int, int]
    busy: int
    lost: int
    gaps: int
    forks: int
    findings: int

    @property
    def ok(self) -> bool:
        return min(self.acknowledged) > 0 and not (
            self.lost or self.gaps or self.forks or self.findings
        )

    def words(self) -> str:
        one, other = self.acknowledged
        return (
            f"{one} and {other} entries acknowledged, {self.busy} times busy; {self.lost} lost, "
            f"{self.gaps} gaps, {self.forks} forks, {self.findings} findings"
        )


def run(folder: Path, *, seconds: float) -> TwoWriters:
    """Write for so long through two log servers on the same file."""
    site = Site.init(folder / "site", name="writers")
    writers = (Writer(site), Writer(site, Role.OPERATOR, Event.ATTESTED))
    refused = [0, 0]

    def write(number: int, server: Process) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            refused[number] += writers[number].send(server, BATCHES[number]) != 200
            writers[number].look(server)

    with Process(LOG, site.folder) as one, Process(LOG, site.folder) as other:
        threads = [
            threading.Thread(target=write, args=(number, server))
            for number, server in enumerate((one, other))
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        one.stop()
        other.stop()
    with site.reading_log() as log:
        size = log.size
        stored = [entry.index for entry in log.entries()]
    both = Writer(site)
    for writer in writers:
        both.checkpoints |= writer.checkpoints
        both.acknowledged |= writer.acknowledged
    return TwoWriters(
        (len(writers[0].acknowledged), len(writers[1].acknowledged)),
        sum(refused),
        both.lost() + sum(len(w.acknowledged) for w in writers) - len(both.acknowledged),
        sum(index != number for number, index in enumerate(stored)) + (len(stored) != size),
        both.forks(),
        len(both.audit().findings),
    )
