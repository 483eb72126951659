"""Instants as unsigned milliseconds since 1970 (UTC), and back, without rounding surprises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ledger.errors import MalformedError, UsageError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MAX = (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - _EPOCH) // _MILLISECOND


def to_milliseconds(instant: datetime) -> int:
    """Return whole milliseconds since 1970; UsageError for a naive or an earlier time."""
    if instant.tzinfo is None:
        raise UsageError("a time without its zone; give an aware datetime")
    milliseconds = (instant - _EPOCH) // _MILLISECOND
    if not 0 <= milliseconds <= _MAX:
        raise UsageError(f"the time {instant.isoformat()} is outside 1970 to 9999")
    return milliseconds


def from_milliseconds(milliseconds: int) -> datetime:
    """Return the instant, in UTC; MalformedError outside 1970 to 9999."""
    return _EPOCH + require_milliseconds(milliseconds) * _MILLISECOND


def require_milliseconds(milliseconds: int) -> int:
    """Return the same number; MalformedError unless it is of an instant from 1970 to 9999."""
    if milliseconds is True or milliseconds is False or not 0 <= milliseconds <= _MAX:
        raise MalformedError("a time outside 1970 to 9999")
    return milliseconds
