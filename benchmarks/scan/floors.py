"""What a scan is measured against: the plain loop over `verify`, and the physical limit."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from provenance import Site, verify
from provenance.walk import walk


@dataclass(frozen=True, slots=True)
class Floor:
    """How many objects in how many seconds, by the clock and of the processor, in one process."""

    objects: int
    seconds: float
    processor: float

    @property
    def rate(self) -> float:
        return self.objects / self.seconds


def files(folder: Path, limit: int) -> list[Path]:
    """Some files of an archive."""
    return [found.path for found in walk([folder]).files[:limit]]


def reading(paths: Sequence[Path]) -> Floor:
    """Read, and SHA-256."""
    began, used = time.perf_counter(), time.process_time()
    for path in paths:
        hashlib.sha256(path.read_bytes()).digest()
    return Floor(len(paths), time.perf_counter() - began, time.process_time() - used)


def plain_loop(paths: Sequence[Path], site: Path) -> Floor:
    """`provenance.verify` in a loop, with the site opened once."""
    opened = Site.open(site)
    trust, records = opened.trust.as_of(datetime.now(UTC)), opened.records()
    began, used = time.perf_counter(), time.process_time()
    for path in paths:
        verify(path, trust=trust, records=records, mark_key=opened.mark_key)
    found = Floor(len(paths), time.perf_counter() - began, time.process_time() - used)
    records.log.close()
    return found
