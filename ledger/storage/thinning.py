"""Old checkpoints make room: of those of one period the first stays (docs/spec/log.md).

A log that publishes every second would otherwise keep more of checkpoints than of entries. A
receipt carries its own, so none that was handed out is lost.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, select

from ledger.checkpoints.note import parse_note
from ledger.checkpoints.note_keys import TIMESTAMP_SIZE
from ledger.storage import schema
from ledger.storage.prepared import PreparedQuestion, PreparedWrite

ALL_OF_ENTRIES = 1024  # so far back every checkpoint is kept
PERIOD_SECONDS = 600

_LOG_LINE = TIMESTAMP_SIZE + 2_420  # ML-DSA-44 with its time
_C = schema.checkpoint.c
_NEWEST = PreparedQuestion(select(_C.size).order_by(_C.size.desc()).limit(1))
_KEPT = PreparedQuestion(
    select(_C.note).where(_C.size <= bindparam("low")).order_by(_C.size.desc()).limit(1)
)
_PASSED = PreparedQuestion(
    select(_C.size, _C.note)
    .where(_C.size > bindparam("low"), _C.size <= bindparam("high"))
    .order_by(_C.size)
)
_DROP = PreparedWrite(
    delete(schema.checkpoint).where(
        _C.size == bindparam("old"), _C.size.not_in(select(schema.timestamp.c.size))
    )
)


def thin(connection: Connection, *, size: int) -> None:
    """Drop what is too much, now that a checkpoint over ``size`` entries comes after the newest.

    Those that were timestamped stay.
    """
    newest = _NEWEST.first(connection, {})
    high = size - ALL_OF_ENTRIES
    if newest is None or high <= 0:
        return
    low = max(newest[0] - ALL_OF_ENTRIES, 0)
    kept = _KEPT.first(connection, {"low": low})
    period = None if kept is None else _period(schema.require_bytes(kept[0]))
    for old, note in _PASSED.all(connection, {"low": low, "high": high}):
        found = _period(schema.require_bytes(note))
        if found is not None and found == period:
            _DROP.run(connection, [{"old": old}])
        period = found


def _period(note: bytes) -> int | None:
    """Return in which period the log itself signed a checkpoint; None if it does not say."""
    parsed = parse_note(note)
    origin = parsed.text.split(b"\n", 1)[0].decode()
    for line in parsed.signatures:
        if line.name == origin and len(line.signature) == _LOG_LINE:
            return int.from_bytes(line.signature[:TIMESTAMP_SIZE], "big") // PERIOD_SECONDS
    return None
