"""A log that somebody shows is judged statement by statement, by the rules it should have kept.

Neither its operator nor its database is needed: statements, a signed checkpoint and the keys of
the log are enough. What lies beside the statements (annexes, pseudonyms) is not shown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ledger.annexes import check_site_key
from ledger.appending.draft import Draft, Tail, load_tail, receive
from ledger.checkpoints.trusted_logs import TrustedHead, TrustedLogs, open_checkpoint
from ledger.copies.monitor import LogSource
from ledger.entries import Submission
from ledger.errors import ConflictError, MalformedError, RefusedError, StoreError
from ledger.instants import to_milliseconds
from ledger.statements import rules
from ledger.statements.statement import parse_statement
from ledger.statements.verifiers import Verifiers
from ledger.storage import persist, schema, store
from ledger.storage.database import Database, create_database
from ledger.tree.merkle import hash_leaf
from ledger.tree.tiles import TreeBuilder

_BATCH = 256
_FORBIDDEN = (ConflictError, MalformedError, RefusedError)

Progress = Callable[[int, int], None]
"""How many statements were judged, and of how many."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What was judged, and the first statement that breaks a rule: with it judging ends.

    Attributes
    ----------
    head : TrustedHead
        The signed checkpoint; the statements lead to its root.
    index : int or None
        The statement that no log may hold there.
    why : str or None
        The rule in words.
    """

    head: TrustedHead
    index: int | None = None
    why: str | None = None

    @property
    def ok(self) -> bool:
        """Whether every statement keeps the rules."""
        return self.index is None


def judge_log(
    source: LogSource,
    *,
    logs: TrustedLogs,
    scratch: Path,
    verifiers: Verifiers | None = None,
    progress: Progress | None = None,
) -> Judged:
    """Judge every statement that ``source`` shows under its newest checkpoint, as at an append.

    Signature, role at its index, both back links, and what may be said of an erased object. The
    checkpoint counts as ``logs`` say, with a policy under a quorum of witnesses. ``scratch`` is
    the path of a file that does not exist: a database is built there, about as large as the log's.

    StoreError if the statements are not those of the checkpoint; then nothing is said of them.
    PrunedError where they were pruned; errors of ``open_checkpoint``.
    """
    head = open_checkpoint(source.checkpoint(), logs)
    database = create_database(scratch)
    try:
        judge = _Judge(database, head, verifiers)
        tree = TreeBuilder()
        statements = iter(source.statements(0, head.size))
        while batch := list(islice(statements, _BATCH)):
            tree.extend(map(hash_leaf, batch))
            judge.take(batch)
            if progress is not None:
                progress(tree.size, head.size)
    finally:
        database.close()
    if (tree.size, tree.root) != (head.size, head.root):
        raise StoreError("the statements that are shown do not lead to the signed checkpoint")
    return judge.found or Judged(head)


class _Judge:
    """Takes statements into a log of its own, until one is forbidden."""

    def __init__(self, database: Database, head: TrustedHead, verifiers: Verifiers | None) -> None:
        self._database = database
        self._head = head
        self._verifiers = verifiers
        self._at = 0 if head.cosigned_at is None else to_milliseconds(head.cosigned_at)
        self._tail: Tail | None = None
        self.found: Judged | None = None

    def take(self, batch: Sequence[bytes]) -> None:
        """Judge some statements; what comes after a forbidden one is not judged."""
        if self.found is not None:
            return
        if self._tail is None:
            try:
                self._begin(batch[0])
            except _FORBIDDEN as error:
                self.found = Judged(self._head, 0, str(error))
                return
            batch = batch[1:]
        try:
            self._append(batch, self._verifiers)
        except _FORBIDDEN:
            self._find(batch)

    def _find(self, batch: Sequence[bytes]) -> None:
        for statement in batch:
            assert self._tail is not None
            index = self._tail.head.size
            try:
                self._append([statement], None)
            except _FORBIDDEN as error:
                self.found = Judged(self._head, index, str(error))
                return

    def _begin(self, genesis: bytes) -> None:
        statement, keyring = rules.open_genesis(parse_statement(genesis))
        no_key = hashlib.sha256(b"").digest()
        row = store.LogRow(self._head.origin, statement.kid, (), check_site_key(no_key))
        empty = store.HeadRow(0, TreeBuilder().root, 0, self._at)
        with self._database.write() as connection:
            schema.metadata.create_all(connection)
            persist.write_log(connection, row, created_at=self._at)
            persist.write_first_head(connection, empty)
            draft = Draft(connection, load_tail(connection, None), site_key=None)
            draft.found(statement, keyring)
            self._tail = draft.write(at=self._at)

    def _append(self, batch: Sequence[bytes], verifiers: Verifiers | None) -> None:
        assert self._tail is not None
        submissions = [Submission(each) for each in batch]
        arrivals = receive(submissions, self._tail.keyring, verifiers)
        with self._database.write() as connection:
            draft = Draft(connection, self._tail, site_key=None)
            draft.look_up(arrivals)
            for number, arrival in enumerate(arrivals):
                entry = draft.admit(arrival, from_operator=True)
                if entry.index != self._tail.head.size + number:
                    raise RefusedError(f"the same statement as entry {entry.index}")
            self._tail = draft.write(at=self._at)
