"""Between which checkpoints a statement was signed and logged: no clock of a signer is believed.

Pure. Not before the checkpoint that the statement itself names; not after the first one that
covers it. Both times are the log's, cosigned where the log has witnesses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

MARGIN = timedelta(minutes=1)  # so far a claimed time may lie outside; checkpoints count seconds


class TimeFinding(StrEnum):
    """How a claimed time lies to its bracket; the codes are stable."""

    LATE = "late"
    FUTURE = "future"
    HEAD_UNKNOWN = "head-unknown"


@dataclass(frozen=True, slots=True)
class Bracket:
    """The claimed time of an entry, and what the log knows of it.

    ``head_size`` is the size of the log the signer says it had seen, None if it says nothing;
    ``head_known`` whether the log was ever so. ``not_before`` is the time of the last checkpoint
    up to that size; ``not_after`` that of the first which covers the entry, of ``covered_size``.
    """

    index: int
    claimed_at: datetime
    head_size: int | None
    head_known: bool
    not_before: datetime | None
    not_after: datetime | None
    covered_size: int | None

    @property
    def width(self) -> timedelta | None:
        """How much time the bracket leaves open."""
        if self.not_before is None or self.not_after is None:
            return None
        return self.not_after - self.not_before

    @property
    def delay(self) -> timedelta | None:
        """How long after the claimed time it was logged; negative if before."""
        return None if self.not_after is None else self.not_after - self.claimed_at

    @property
    def finding(self) -> TimeFinding | None:
        """What does not fit: no such head, claimed before the bracket, or after it."""
        if self.head_size is not None and not self.head_known:
            return TimeFinding.HEAD_UNKNOWN
        if self.not_before is not None and self.claimed_at < self.not_before - MARGIN:
            return TimeFinding.LATE
        if self.not_after is not None and self.claimed_at > self.not_after + MARGIN:
            return TimeFinding.FUTURE
        return None

    def words(self) -> str:
        """Say it in one line, for a person."""
        parts = []
        delay = self.delay
        if delay is None:
            parts.append("not under a checkpoint yet")
        elif delay >= timedelta():
            parts.append(f"claimed {_span(delay)} before it was logged")
        else:
            parts.append(f"claimed {_span(-delay)} after it was logged")
        if self.head_size is None:
            parts.append("no head seen")
        elif not self.head_known:
            parts.append(f"a head of {self.head_size} entries that this log never had")
        else:
            parts.append(f"last head seen {self.head_size} entries")
        if self.finding is TimeFinding.LATE and self.not_before is not None:
            parts.append(f"which was {_span(self.not_before - self.claimed_at)} after that time")
        elif self.width is not None and self.not_after is not None and self.head_known:
            parts.append(f"{_span(self.width)} earlier")
        return ", ".join(parts)


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= size:
            count = seconds / size
            return f"{count:.1f} {unit}" if count < 10 else f"{count:.0f} {unit}"
    return f"{seconds} seconds"
