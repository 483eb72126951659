"""What one run of the command shares: the moment it began, and how it was asked to speak."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(slots=True)
class Session:
    """The wall clock is read once, at the entry point; later moments are counted from there.

    So a clock that jumps during a long batch cannot put one seal before another.
    """

    started: datetime
    as_json: bool = False
    monotonic: Callable[[], float] = time.monotonic
    _origin: float = field(init=False)

    def __post_init__(self) -> None:
        self._origin = self.monotonic()

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return self.started + timedelta(seconds=self.monotonic() - self._origin)
