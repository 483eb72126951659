"""The bracket of a claimed time, for a person and as JSON."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from provenance.cli.output import moment

if TYPE_CHECKING:
    from ledger import Bracket

_WORTH = timedelta(hours=1)


def bracket_fields(bracket: "Bracket") -> dict[str, object]:
    """Return it as plain values; spans in seconds."""
    width, delay = bracket.width, bracket.delay
    return {
        "head_seen": bracket.head_size,
        "head_known": bracket.head_known if bracket.head_size is not None else None,
        "not_before": _moment(bracket.not_before),
        "not_after": _moment(bracket.not_after),
        "checkpoint": bracket.covered_size,
        "width_seconds": None if width is None else int(width.total_seconds()),
        "delay_seconds": None if delay is None else int(delay.total_seconds()),
        "finding": None if bracket.finding is None else str(bracket.finding),
    }


def worth_saying(bracket: "Bracket") -> bool:
    """Whether a person wants to know: something does not fit, or it was logged much later."""
    delay = bracket.delay
    return bracket.finding is not None or (delay is not None and delay >= _WORTH)


def bracket_line(bracket: "Bracket") -> str:
    """Return the one line: the finding, if there is one, and the words."""
    finding = "" if bracket.finding is None else f"{bracket.finding}: "
    return finding + bracket.words()


def _moment(at: datetime | None) -> str | None:
    return None if at is None else moment(at)
