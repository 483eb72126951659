"""What a run measures, and where it keeps what it makes."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ledger.limits import Limits


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes and counts of a run. ``folder`` is on the disk that is measured."""

    folder: Path
    entries: int
    proof_sizes: tuple[int, ...]
    turns: int
    singles: int
    signed: int
    witnessed: int
    peer_entries: tuple[int, ...]

    @property
    def limits(self) -> Limits:
        """F, S and V here."""
        return Limits(self.folder)

    def path(self, name: str) -> Path:
        """Return where a log of that name is kept between runs."""
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        return logs / f"{name}.db"

    def fresh(self, name: str) -> Path:
        """Return the path of a log that is made anew; whatever was there is removed."""
        path = self.path(name)
        for left in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            left.unlink(missing_ok=True)
        return path


def make_plan(folder: Path, *, entries: int, quick: bool) -> Plan:
    """Return a run; the largest tree of proofs is left out where the disk is too small."""
    if quick:
        sizes: tuple[int, ...] = (10**5, 10**6)
        return Plan(folder, entries, sizes, 3, 300, 6_000, 6, (10**4,))
    sizes = (10**5, 10**6, 10**7, 10**8)
    free = shutil.disk_usage(folder).free
    sizes = tuple(size for size in sizes if size * 33 * 3 < free)
    return Plan(folder, entries, sizes, 5, 1_500, 30_000, 40, (10**5, 10**6))
