"""A log is restored from an old backup while its witnesses run: it must not sign."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults.processes import LOG, Process, witnesses
from benchmarks.faults.writer import Writer
from ledger import RolledBackError
from provenance import Site
from provenance.servers.witness_folder import WitnessFolder

SECONDS = 1.0  # it must have refused by then


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it."""

    refused: int
    tried: int
    longest: float
    process_started: bool
    signed: bool

    @property
    def ok(self) -> bool:
        return (
            self.refused == self.tried
            and self.longest <= SECONDS
            and not (self.process_started or self.signed)
        )

    def words(self) -> str:
        return (
            f"refused {self.refused} of {self.tried} times, {self.longest:.3f} s after opening at "
            f"most; the server {'STARTED' if self.process_started else 'did not start'}; "
            f"{'something' if self.signed else 'nothing'} was signed"
        )


def run(folder: Path, *, tries: int = 10) -> Restored:
    """Restore the log as it was, with three witness servers that have seen it go on."""
    site = Site.init(folder / "site", name="backup")
    vkeys = (site.folder / "trust/logs/site.vkeys").read_text(encoding="utf-8").split()
    folders = [folder / f"w{n}" for n in range(3)]
    made = [WitnessFolder.make(f, name=f"{f.name}.example", logs=vkeys) for f in folders]
    with witnesses(folders) as running:
        lines = [
            f"witness {f.name} {w.cosigner.vkeys[1]} {p.url}"
            for f, w, p in zip(folders, made, running, strict=True)
        ]
        text = "\n".join([*lines, "group g 2 w0 w1 w2", "quorum g", ""])
        (site.folder / "trust" / "policy").write_text(text, encoding="utf-8")
        writer = Writer(site)
        _write(site, writer)
        ledger, old = site.folder / "ledger.sqlite", folder / "old.sqlite"
        with site.reading_log() as log:
            published = log.checkpoint()
        shutil.copyfile(ledger, old)
        _write(site, writer)
        shutil.copyfile(old, ledger)
        refused, longest = 0, 0.0
        for _ in range(tries):
            began = time.perf_counter()
            try:
                site.writing_log().close()
            except RolledBackError:
                refused += 1
            longest = max(longest, time.perf_counter() - began)
        started = _starts(site)
        with site.reading_log() as log:
            signed = log.checkpoint() != published
        return Restored(refused, tries, longest, started, signed)


def _write(site: Site, writer: Writer) -> None:
    with Process(LOG, site.folder) as server:
        for _ in range(5):
            writer.send(server, 8)
        server.stop()


def _starts(site: Site) -> bool:
    try:
        Process(LOG, site.folder).kill()
    except RuntimeError:
        return False
    return True
