"""An outbox: a device's own statements, durable before they are handed out, until the log has them.

While it is in use it is the truth about the newest statement of its key.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from ledger.annexes import (
    KEY_SIZE,
    NONCE_SIZE,
    SealedAnnex,
    check_site_key,
    open_annex,
    seal_annex,
)
from ledger.checkpoints.trusted_logs import TrustedHead, TrustedLogs, open_checkpoint
from ledger.cose.keys import VerificationKey
from ledger.entries import Entry, Submission
from ledger.errors import (
    NotFoundError,
    ProofError,
    RefusedError,
    SignatureError,
    StoreError,
    UsageError,
)
from ledger.instants import to_milliseconds
from ledger.links import FIRST, Link
from ledger.offline import outbox_store as store
from ledger.offline.outbox_store import Kept, OutboxRow, Stopped
from ledger.receipts.receipt import Inclusion, open_receipt
from ledger.roles import ABOUT_THE_LOG, Event, Role
from ledger.statements import rules
from ledger.statements.statement import Statement, parse_statement, verify_statement
from ledger.storage.sqlite import OUTBOX_ID, SqliteDatabase

_PAGE = 256


@dataclass(frozen=True, slots=True)
class Waiting:
    """A statement that is durable in an outbox; its place in the log is not known yet."""

    seq: int
    statement: bytes = field(repr=False)
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class OutboxState:
    """How far an outbox is: numbers of the actor, each the first that is not.

    ``start <= pruned <= received <= registered <= stop``: statements before ``pruned`` were
    removed, before ``received`` have a receipt, before ``registered`` are in the log by its word.
    """

    origin: str
    kid: bytes
    role: Role
    start: int
    pruned: int
    received: int
    registered: int
    stop: int
    head: TrustedHead
    stopped: Stopped | None = None

    @property
    def waiting(self) -> int:
        """How many statements the log has not acknowledged."""
        return self.stop - self.registered

    @property
    def unproven(self) -> int:
        """How many statements have no receipt."""
        return self.stop - self.received


class Outbox:
    """An open outbox. Processes may share the file: each append is judged under its lock."""

    def __init__(
        self, database: SqliteDatabase, row: OutboxRow, *, key: bytes, trusted: TrustedLogs
    ) -> None:
        self._database = database
        self._key = key
        self._trusted = trusted
        self._opened: tuple[bytes, TrustedHead] | None = None
        self.origin = row.origin
        self.kid = row.key.kid
        self.role = row.role

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def append(self, submissions: Sequence[Submission], *, at: datetime) -> list[Waiting]:
        """Keep statements in their order, all or none; returns once they are on the disk.

        MalformedError for other bytes, RefusedError for what the log would refuse or this outbox
        cannot link, ConflictError if a back link is not the newest. ``at`` is the log's to say.
        """
        del at
        parsed = [parse_statement(each.statement) for each in submissions]
        with self._database.write() as connection:
            row = store.read_outbox(connection)
            link, kept = row.next, []
            for each, statement in zip(submissions, parsed, strict=True):
                try:
                    verified = verify_statement(statement, row.key)
                except SignatureError as error:
                    raise RefusedError(f"not a statement of this outbox's key: {error}") from error
                self._judge(connection, verified, row.role, link)
                store.insert_statement(
                    connection, verified, each.pseudonyms, self._sealed(each, verified)
                )
                link = link.next(verified.leaf_hash)
                kept.append(Waiting(verified.actor_link.seq, verified.encoded, verified.leaf_hash))
            store.move(connection, next_seq=link.seq, last_hash=link.previous)
        return kept

    def _judge(self, connection: Connection, statement: Statement, role: Role, link: Link) -> None:
        rules.check_role(statement, role)
        rules.check_subject(statement)
        object_id = statement.object_id
        if statement.event in ABOUT_THE_LOG or statement.event is Event.ERASED:
            raise RefusedError(f"{statement.event} is not for an outbox: it takes effect at once")
        newest = None if object_id is None else store.newest_of_object(connection, object_id)
        if object_id is not None and newest is None and statement.event is not Event.SEALED:
            raise RefusedError(
                f"the chain of the object {object_id.hex()} did not begin in this outbox: "
                f"{statement.event} waits until the log can be reached"
            )
        rules.check_links(
            statement,
            actor_next=link,
            object_next=None if object_id is None else newest or FIRST,
        )

    def _sealed(self, submission: Submission, statement: Statement) -> SealedAnnex | None:
        object_id = statement.object_id
        if object_id is None:
            if submission.annex is not None or submission.pseudonyms:
                raise UsageError("annex and pseudonyms belong to an object; this names none")
            return None
        if submission.annex is None:
            return None
        return seal_annex(
            submission.annex,
            object_id,
            site_key=self._key,
            data_key=secrets.token_bytes(KEY_SIZE),
            nonce=secrets.token_bytes(NONCE_SIZE),
        )

    def head(self) -> TrustedHead:
        """Return what the newest checkpoint says that was seen here."""
        with self._database.read() as connection:
            note = store.read_outbox(connection).checkpoint
        if self._opened is None or self._opened[0] != note:
            self._opened = note, open_checkpoint(note, self._trusted)
        return self._opened[1]

    def object_link(self, object_id: bytes) -> Link:
        """Return the link the next statement about an object must have, as far as known here."""
        with self._database.read() as connection:
            return store.newest_of_object(connection, object_id) or FIRST

    def actor_link(self, kid: bytes) -> Link:
        """Return the link the next statement of the key must have; UsageError for another key."""
        if kid != self.kid:
            raise UsageError(f"the outbox is that of key {self.kid.hex()}, not of {kid.hex()}")
        with self._database.read() as connection:
            return store.read_outbox(connection).next

    def receipt(self, entry: Entry) -> bytes:
        """Return the receipt that a sync has brought; NotFoundError if there is none."""
        receipt = self.receipt_of(entry.statement)
        if receipt is None:
            raise NotFoundError("the outbox has no receipt of this statement")
        return receipt

    def receipt_of(self, statement: bytes) -> bytes | None:
        """Return the receipt of exactly these bytes, verified once more; None if there is none."""
        with self._database.read() as connection:
            row = store.read_outbox(connection)
            kept = store.find_kept(connection, row, parse_statement(statement).leaf_hash)
        if kept is None or kept.receipt is None:
            return None
        self._open_receipt(kept, kept.receipt)
        return kept.receipt

    def holds(self, statement: bytes) -> bool:
        """Whether these bytes are a statement of this outbox that was not pruned."""
        with self._database.read() as connection:
            row = store.read_outbox(connection)
            return (
                store.find_kept(connection, row, parse_statement(statement).leaf_hash) is not None
            )

    def statements(self) -> Iterator[Kept]:
        """Yield what was not pruned, in order, page by page, each checked against its row."""
        with self._database.read() as connection:
            row = store.read_outbox(connection)
            start = store.first_unpruned(connection)
        while start is not None and start < row.next.seq:
            with self._database.read() as connection:
                yield from store.read_kept(connection, row, start, start + _PAGE)
            start += _PAGE

    def state(self) -> OutboxState:
        """Return how far it is."""
        head = self.head()
        with self._database.read() as connection:
            row = store.read_outbox(connection)
            first = store.first_unpruned(connection)
            stopped = store.read_stop(connection)
        pruned = row.received if first is None else min(first, row.received)
        return OutboxState(
            row.origin,
            row.key.kid,
            row.role,
            row.first.seq,
            pruned,
            row.received,
            row.registered,
            row.next.seq,
            head,
            stopped,
        )

    def leaf_before(self, seq: int) -> bytes | None:
        """Return the leaf hash of the statement before number ``seq``, if it is known here."""
        with self._database.read() as connection:
            return store.leaf_at(connection, store.read_outbox(connection), seq)

    def unregistered(self, *, most: int, size: int) -> list[tuple[Kept, Submission]]:
        """Return the next statements to submit, in their order; at most so many and so large."""
        with self._database.read() as connection:
            row = store.read_outbox(connection)
            start = row.registered
            end = store.batch_end(connection, start, row.next.seq, most=most, size=size)
            kept = store.read_kept(connection, row, start, end)
        if len(kept) != end - start:
            raise StoreError("the outbox is damaged: statements the log does not have are gone")
        return [(each, self._submission(each)) for each in kept]

    def _submission(self, kept: Kept) -> Submission:
        object_id, annex = kept.statement.object_id, None
        if kept.annex is not None and object_id is not None:
            annex = open_annex(kept.annex, object_id, site_key=self._key)
        return Submission(kept.statement.encoded, annex=annex, pseudonyms=kept.pseudonyms)

    def unreceived(self, *, most: int) -> list[Kept]:
        """Return the next statements that the log has acknowledged and that have no receipt."""
        with self._database.read() as connection:
            row = store.read_outbox(connection)
            end = min(row.received + most, row.registered)
            return store.read_kept(connection, row, row.received, end)

    def note_registered(self, entries: Sequence[tuple[Kept, Entry]]) -> None:
        """Note where the log has put statements, which are the next ones in order."""
        with self._database.write() as connection:
            row = store.read_outbox(connection)
            reached = row.registered
            for kept, entry in entries:
                if entry.leaf_hash != kept.statement.leaf_hash:
                    raise ProofError("the log answered for another statement than was sent")
                if kept.seq < reached:  # another sync was quicker
                    continue
                if kept.seq != reached:
                    raise StoreError("statements are registered in their order")
                store.set_index(connection, kept.seq, entry.index)
                reached += 1
            store.move(connection, registered=reached)
            store.clear_stop(connection)

    def note_stopped(self, code: str, words: str, *, at: datetime) -> None:
        """Keep why the log does not take what waits; the statements stay as they are."""
        with self._database.write() as connection:
            seq = store.read_outbox(connection).registered
            store.write_stop(connection, Stopped(code, words, seq, at))

    def note_agreed(self) -> None:
        """Forget why a sync stopped: log and outbox were compared, and agree."""
        with self._database.write() as connection:
            store.clear_stop(connection)

    def note_receipts(self, receipts: Sequence[tuple[Kept, bytes]]) -> None:
        """Keep receipts, each verified, of the next statements in order; ProofError for others."""
        if not receipts:
            return
        heads = [self._open_receipt(kept, receipt).head for kept, receipt in receipts]
        with self._database.write() as connection:
            row = store.read_outbox(connection)
            reached = row.received
            for kept, receipt in receipts:
                if kept.seq == reached:
                    store.set_receipt(connection, kept.seq, receipt)
                    reached += 1
            store.move(connection, received=reached)
            newest = max(heads, key=lambda head: head.size, default=None)
            if (
                newest is not None
                and newest.size > open_checkpoint(row.checkpoint, self._trusted).size
            ):
                note = next(
                    receipt
                    for head, (_, receipt) in zip(heads, receipts, strict=True)
                    if head is newest
                ).partition(b"\n\n")[2]
                store.move(connection, checkpoint=note)

    def _open_receipt(self, kept: Kept, receipt: bytes) -> Inclusion:
        included = open_receipt(kept.statement.encoded, receipt, logs=self._trusted)
        if included.head.origin != self.origin or included.index != kept.index:
            raise ProofError(
                f"the receipt of statement {kept.seq} proves entry {included.index} of "
                f"{included.head.origin}, not {kept.index} of {self.origin}"
            )
        return included

    def prune(self) -> int:
        """Remove statements, annexes and receipts that a receipt proves logged; return how many.

        Each receipt is verified once more before: ProofError if one does not hold.
        """
        removed = 0
        with self._database.read() as connection:
            row = store.read_outbox(connection)
            first = store.first_unpruned(connection)
        start = row.received if first is None else first
        while start < row.received:
            end = min(start + _PAGE, row.received)
            with self._database.write() as connection:
                for kept in store.read_kept(connection, row, start, end):
                    if kept.receipt is None:
                        raise StoreError(f"the outbox is damaged: no receipt of {kept.seq}")
                    self._open_receipt(kept, kept.receipt)
                    removed += 1
                store.empty_rows(connection, start, end)
            start = end
        return removed


def create_outbox(
    path: Path,
    *,
    spki: bytes,
    role: Role,
    link: Link,
    checkpoint: bytes,
    trusted: TrustedLogs,
    key: bytes,
    at: datetime,
) -> Outbox:
    """Make an outbox for one key, whose next statement must have ``link``, and open it.

    ``checkpoint`` is the newest one of the log, ``key`` the 32 secret bytes under which annexes
    rest. UsageError if the file exists.
    """
    head = open_checkpoint(checkpoint, trusted)
    row = OutboxRow(
        head.origin,
        role,
        VerificationKey.from_spki(spki),
        check_site_key(key),
        link,
        link,
        link.seq,
        link.seq,
        checkpoint,
    )
    database = SqliteDatabase.create(path, application_id=OUTBOX_ID)
    try:
        with database.write() as connection:
            store.metadata.create_all(connection)
            store.write_outbox(connection, row, created_at=to_milliseconds(at))
    except BaseException:
        database.discard()
        raise
    return Outbox(database, row, key=key, trusted=trusted)


def open_outbox(path: Path, *, key: bytes, trusted: TrustedLogs) -> Outbox:
    """Open an outbox where it was left; StoreError unless it is whole, UsageError for the key."""
    database = SqliteDatabase.open(path, writable=True, application_id=OUTBOX_ID)
    try:
        with database.read() as connection:
            row = store.read_outbox(connection)
            store.check_rows(connection, row)
        if not hmac.compare_digest(check_site_key(key), row.key_check):
            raise UsageError(f"this is not the key of the outbox {path}")
        outbox = Outbox(database, row, key=key, trusted=trusted)
        if outbox.head().origin != row.origin:
            raise StoreError("the outbox is damaged: its checkpoint is of another log")
    except BaseException:
        database.close()
        raise
    return outbox
