"""Progress of long work on stderr: how far, how fast, how long still."""

import sys
import time


class Progress:
    """Tells every second; ``total`` is in whatever ``advance`` counts."""

    def __init__(self, name: str, total: int) -> None:
        self._name, self._total = name, total
        self._done = 0
        self._start = self._told = time.monotonic()

    def advance(self, count: int) -> None:
        """Count work that is done."""
        self._done += count
        now = time.monotonic()
        if now - self._told < 1 and self._done < self._total:
            return
        self._told = now
        speed = self._done / max(now - self._start, 1e-9)
        left = (self._total - self._done) / max(speed, 1e-9)
        words = (
            f"{self._name}: {self._done:,} of {self._total:,}, {speed:,.0f}/s, {left:,.0f} s left"
        )
        print(words, file=sys.stderr, flush=True)
