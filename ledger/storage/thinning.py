"""Old checkpoints make room: of those of one period the first stays (docs/spec/log.md).

A log that publishes every second would otherwise keep more of checkpoints than of entries. A
receipt carries its own, so none that was handed out is lost.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from ledger.checkpoints.note import parse_note
from ledger.checkpoints.note_keys import TIMESTAMP_SIZE
from ledger.storage import schema

ALL_OF_ENTRIES = 1024  # so far back every checkpoint is kept
PERIOD_SECONDS = 600

_LOG_LINE = TIMESTAMP_SIZE + 2_420  # ML-DSA-44 with its time
_C = schema.checkpoint.c
_NEWEST = select(_C.size).order_by(_C.size.desc()).limit(1)


def thin(connection: Connection, *, size: int) -> None:
    """Drop what is too much, now that a checkpoint over ``size`` entries comes after the newest.

    Those that were timestamped stay.
    """
    newest = connection.execute(_NEWEST).scalar()
    high = size - ALL_OF_ENTRIES
    if newest is None or high <= 0:
        return
    stamped = select(schema.timestamp.c.size)
    low = max(newest - ALL_OF_ENTRIES, 0)
    before = select(_C.note).where(_C.size <= low).order_by(_C.size.desc()).limit(1)
    kept = connection.execute(before).scalar()
    period = None if kept is None else _period(kept)
    passed = select(_C.size, _C.note).where(_C.size > low, _C.size <= high).order_by(_C.size)
    for old, note in connection.execute(passed).all():
        found = _period(note)
        if found is not None and found == period:
            drop = delete(schema.checkpoint).where(_C.size == old, _C.size.not_in(stamped))
            connection.execute(drop)
        period = found


def _period(note: bytes) -> int | None:
    """Return in which period the log itself signed a checkpoint; None if it does not say."""
    parsed = parse_note(note)
    origin = parsed.text.split(b"\n", 1)[0].decode()
    for line in parsed.signatures:
        if line.name == origin and len(line.signature) == _LOG_LINE:
            return int.from_bytes(line.signature[:TIMESTAMP_SIZE], "big") // PERIOD_SECONDS
    return None
