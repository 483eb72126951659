"""Brackets of entries, read from the stored checkpoints and tiles of one snapshot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from ledger.checkpoints.trusted_logs import TrustedHead, TrustedLogs, open_checkpoint
from ledger.entries import Entry
from ledger.links import Head
from ledger.questions.bracket import Bracket
from ledger.statements.statement import parse_statement
from ledger.storage import store, stored_checkpoints
from ledger.tree.tiles import root_at


class Brackets:
    """Asks each checkpoint and each head once; their signatures are checked."""

    def __init__(self, connection: Connection, trusted: TrustedLogs) -> None:
        self._connection = connection
        self._trusted = trusted
        self._tiles = store.tile_reader(connection)
        self._size = store.read_head(connection).size
        self._opened: dict[bytes, TrustedHead] = {}
        self._known: dict[Head, bool] = {}

    def of(self, entry: Entry) -> Bracket:
        """Return the bracket of one entry."""
        statement = parse_statement(entry.statement)
        seen, known, before = statement.head_seen, False, None
        if seen is not None:
            # a head that covers the statement itself was not seen before it was signed
            known = seen.size <= entry.index and self._was(seen)
            if known:
                before = self._time(stored_checkpoints.checkpoint_up_to, seen.size)
        after = self._checkpoint(stored_checkpoints.checkpoint_covering, entry.index)
        return Bracket(
            index=entry.index,
            claimed_at=statement.claimed_at,
            head_size=None if seen is None else seen.size,
            head_known=known,
            not_before=before,
            not_after=None if after is None else after.cosigned_at,
            covered_size=None if after is None else after.size,
        )

    def _was(self, head: Head) -> bool:
        if head not in self._known:
            there = head.size <= self._size
            self._known[head] = there and root_at(head.size, self._tiles) == head.root
        return self._known[head]

    def _time(self, ask: Callable[[Connection, int], bytes | None], at: int) -> datetime | None:
        head = self._checkpoint(ask, at)
        return None if head is None else head.cosigned_at

    def _checkpoint(
        self, ask: Callable[[Connection, int], bytes | None], at: int
    ) -> TrustedHead | None:
        note = ask(self._connection, at)
        if note is None:
            return None
        if note not in self._opened:
            self._opened[note] = open_checkpoint(note, self._trusted)
        return self._opened[note]
