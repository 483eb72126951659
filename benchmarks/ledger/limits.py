"""What the machine can do, measured beside every row: F, S and V, each on one core."""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from cryptography.hazmat.primitives.asymmetric import ed25519

SECONDS = 0.3
_BLOCK = bytes(600)


def rate(work: Callable[[], object], seconds: float = SECONDS) -> float:
    """Return how often ``work`` runs per second."""
    count, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        work()
        count += 1
    return count / elapsed


@dataclass(frozen=True, slots=True)
class Limits:
    """The three rates, as functions: F in one folder, S and V anywhere."""

    folder: Path

    def f(self) -> float:
        """Return fdatasync per second, each after 600 bytes were appended to a file."""
        with tempfile.NamedTemporaryFile(dir=self.folder) as file:
            descriptor = file.fileno()

            def write() -> None:
                os.write(descriptor, _BLOCK)
                os.fdatasync(descriptor)

            return rate(write)

    def f_p99(self) -> float:
        """Return the time, in ms, that 99 of 100 such writes do not exceed."""
        with tempfile.NamedTemporaryFile(dir=self.folder) as file:
            descriptor = file.fileno()

            def write() -> None:
                os.write(descriptor, _BLOCK)
                os.fdatasync(descriptor)

            return 1e3 * quantile([timed(write) for _ in range(500)], 0.99)

    def s(self) -> float:
        """Return SHA-256 of 600 bytes per second."""
        return rate(lambda: hashlib.sha256(_BLOCK).digest())

    def v(self) -> float:
        """Return Ed25519 verifications per second."""
        return rate(lambda: _PUBLIC.verify(_SIGNATURE, _MESSAGE))


@dataclass(slots=True)
class Processor:
    """Processor time of work that one process does: what other work on the machine takes, not."""

    seconds: float = 0.0
    count: int = 0

    def measure(self, work: Callable[[], object], count: int) -> None:
        """Count ``count`` entries that ``work`` handles."""
        start = time.process_time()
        work()
        self.seconds += time.process_time() - start
        self.count += count

    def of_v(self) -> str:
        """Return the rate as a share of V, both by processor time, in words for a note."""
        start = time.process_time()
        for _ in range(5_000):
            _PUBLIC.verify(_SIGNATURE, _MESSAGE)
        verify = (time.process_time() - start) / 5_000
        return f"{verify * self.count / self.seconds:.2f} V by processor time"


_PRIVATE = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
_PUBLIC, _MESSAGE = _PRIVATE.public_key(), bytes(400)
_SIGNATURE = _PRIVATE.sign(_MESSAGE)


@dataclass(frozen=True, slots=True)
class Paired:
    """A rate, the limit around it, and their ratio: medians over several turns."""

    rate: float
    limit: float
    ratio: float


def beside(limit: Callable[[], float], work: Callable[[], float], *, turns: int) -> Paired:
    """Measure by turns, so that whatever else the machine does weighs on both."""
    limits = [limit()]
    rates = []
    for _ in range(turns):
        rates.append(work())
        limits.append(limit())
    ratios = [
        each / ((before + after) / 2)
        for each, before, after in zip(rates, limits[:-1], limits[1:], strict=True)
    ]
    return Paired(median(rates), median(limits), median(ratios))


def quantile(values: list[float], share: float) -> float:
    """Return the value that ``share`` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
