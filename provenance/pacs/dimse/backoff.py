"""How long to wait after failures: longer each time, bounded, and never the same for all."""

import random
from dataclasses import dataclass, field
from datetime import timedelta

FIRST, MOST = timedelta(seconds=1), timedelta(minutes=5)


@dataclass
class Backoff:
    """Counts failures in a row."""

    first: timedelta = FIRST
    most: timedelta = MOST
    chance: random.Random = field(default_factory=random.SystemRandom)
    failures: int = 0

    def failed(self) -> timedelta:
        """Count one more, and return how long to wait."""
        self.failures += 1
        return self.after(self.failures)

    def succeeded(self) -> None:
        """Begin anew."""
        self.failures = 0

    def after(self, failures: int) -> timedelta:
        """Return how long to wait after so many: half to all of twice as long as before."""
        longest = min(self.most, self.first * (1 << min(failures - 1, 32)))
        return longest * (0.5 + self.chance.random() / 2)
