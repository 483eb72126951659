"""A log restored from an old backup gets back the entries that a copy of it still has."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from ledger.appending.draft import Draft, load_tail, receive
from ledger.checkpoints.key_sets import KeySuccession, group_keys, key_lines, read_key_lines
from ledger.checkpoints.trusted_logs import TrustedHead, TrustedLogs, open_checkpoint
from ledger.copies.monitor import LogSource
from ledger.entries import Submission
from ledger.errors import StoreError, UsageError
from ledger.instants import to_milliseconds
from ledger.roles import Event
from ledger.statements.key_events import read_log_keys
from ledger.storage import persist, store
from ledger.storage.database import open_database, transact
from ledger.storage.migration import bring_up_to_date
from ledger.tree.tiles import root_at

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Refilled:
    """How many entries the log had, and how many it has."""

    before: int
    size: int


def refill_log(place: Path | str, source: LogSource, *, logs: TrustedLogs) -> Refilled:
    """Take over the entries that ``source`` has and the log has not; all of them, or none.

    Nothing is signed: the checkpoint of the source is taken over as well. It counts only as
    ``logs`` say, with a policy under a quorum of witnesses. Annexes and pseudonyms are not in a
    copy and stay lost. StoreError if the entries do not lead from the log to that checkpoint,
    UsageError for another log; errors of ``open_checkpoint``.
    """
    database = open_database(place, writable=True)
    try:
        bring_up_to_date(database)
        note = source.checkpoint()
        head = open_checkpoint(note, logs)

        def refill(connection: Connection) -> Refilled:
            own = store.read_log(connection)
            if own.origin != head.origin:
                raise UsageError(f"the copy is of {head.origin}, the log is {own.origin}")
            before = store.read_head(connection).size
            return Refilled(before, _take_over(connection, source, note, head))

        return transact(database, refill)
    finally:
        database.close()


def _take_over(connection: Connection, source: LogSource, note: bytes, head: TrustedHead) -> int:
    tail = load_tail(connection, None)
    size = tail.head.size
    if head.size <= size:
        if root_at(head.size, store.tile_reader(connection)) != head.root:
            raise StoreError(f"the copy's {head.size} entries are not those of the log")
        return size
    at = tail.head.updated_at if head.cosigned_at is None else to_milliseconds(head.cosigned_at)
    lines = store.read_vkeys(connection)
    sets = group_keys(read_key_lines(lines)).get(head.origin, ())
    succession = KeySuccession(head.origin, sets)
    statements = iter(source.statements(size, head.size))
    while batch := list(islice(statements, _BATCH)):
        arrivals = receive([Submission(each) for each in batch], tail.keyring)
        draft = Draft(connection, tail, site_key=None)
        draft.look_up(arrivals)
        for arrival in arrivals:
            entry = draft.admit(arrival, from_operator=True)
            if arrival.parsed.event is Event.LOG_KEYS:
                succession.follow(read_log_keys(arrival.parsed.body), index=entry.index)
        tail = draft.write(at=at)
    if (tail.head.size, tail.head.root) != (head.size, head.root):
        raise StoreError("the log and the entries of the copy do not lead to its checkpoint")
    if key_lines(succession.sets) != lines:
        persist.write_vkeys(connection, key_lines(succession.sets))
    persist.write_checkpoint(connection, head.size, note)
    return head.size
