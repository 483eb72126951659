"""The tables of an outbox, and its rows read strictly (docs/spec/outbox.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from ledger.annexes import SealedAnnex
from ledger.cose.keys import VerificationKey
from ledger.entries import MAX_PSEUDONYMS, PSEUDONYM_SIZE
from ledger.errors import LedgerError, MalformedError, ProofError, StoreError, UsageError
from ledger.instants import from_milliseconds, to_milliseconds
from ledger.links import HASH_SIZE, Link
from ledger.roles import Role
from ledger.statements.statement import OBJECT_ID_SIZE, Statement, parse_statement, verify_statement
from ledger.storage.schema import Bytes

FORMAT = 1
MAX_WORDS = 1_000  # kept of why a sync was stopped

metadata = MetaData()

outbox = Table(
    "radseal_outbox",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    CheckConstraint("id = 1"),
    Column("format", Integer, nullable=False),
    Column("origin", String, nullable=False),
    Column("role", String, nullable=False),
    Column("spki", Bytes, nullable=False),
    Column("key_check", Bytes, nullable=False),
    Column("first_seq", Integer, nullable=False),
    Column("first_previous", Bytes),
    Column("next_seq", Integer, nullable=False),
    Column("last_hash", Bytes),
    Column("registered", Integer, nullable=False),
    Column("received", Integer, nullable=False),
    Column("checkpoint", Bytes, nullable=False),
    Column("created_at", Integer, nullable=False),
)

entry = Table(
    "radseal_outbox_entry",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("leaf_hash", Bytes, nullable=False, unique=True),
    Column("object_id", Bytes, index=True),
    Column("object_seq", Integer),
    Column("statement", Bytes),
    Column("pseudonyms", Bytes),
    Column("wrapped_key", Bytes),
    Column("nonce", Bytes),
    Column("ciphertext", Bytes),
    Column("idx", Integer),
    Column("receipt", Bytes),
)
_E = entry.c

# Why the last sync stopped, until one goes on; made when it is needed first.
stop = Table(
    "radseal_outbox_stop",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    CheckConstraint("id = 1"),
    Column("code", String, nullable=False),
    Column("words", String, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("since", Integer, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why statements from number ``seq`` on are not in the log; ``code`` is stable."""

    code: str
    words: str
    seq: int
    since: datetime


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """What an outbox says of itself; ``registered`` and ``received`` are numbers of the actor."""

    origin: str
    role: Role
    key: VerificationKey
    key_check: bytes
    first: Link
    next: Link
    registered: int
    received: int
    checkpoint: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """A statement of the outbox with all that is kept with it, checked against its row."""

    statement: Statement
    pseudonyms: tuple[bytes, ...]
    annex: SealedAnnex | None = field(repr=False)
    index: int | None
    receipt: bytes | None = field(repr=False)

    @property
    def seq(self) -> int:
        """Its number in the chain of the actor."""
        return self.statement.actor_link.seq


def read_outbox(connection: Connection) -> OutboxRow:
    """Return the one row; StoreError unless it is whole, and the rows behind it are there."""
    if not connection.dialect.has_table(connection, outbox.name):
        raise StoreError("the database holds no outbox")
    row = connection.execute(select(outbox)).one_or_none()
    if row is None:
        raise StoreError("the outbox was never finished: it has no configuration")
    if row.format != FORMAT:
        raise StoreError(f"the outbox has format {row.format}; this release knows {FORMAT}")
    try:
        read = OutboxRow(
            row.origin,
            Role(row.role),
            VerificationKey.from_spki(row.spki),
            row.key_check,
            Link(row.first_seq, row.first_previous),
            Link(row.next_seq, row.last_hash),
            row.registered,
            row.received,
            row.checkpoint,
        )
        whole = read.first.seq <= read.received <= read.registered <= read.next.seq
    except (MalformedError, UsageError, ValueError, TypeError) as error:
        raise StoreError(f"the outbox is damaged: {error}") from error
    if not whole:
        raise StoreError("the outbox is damaged: its numbers do not follow each other")
    return read


def check_rows(connection: Connection, row: OutboxRow) -> None:
    """Return only if every number has its row, and the last is the one that is remembered."""
    count, least, most = connection.execute(
        select(func.count(), func.min(_E.seq), func.max(_E.seq)).select_from(entry)
    ).one()
    wanted = row.next.seq - row.first.seq
    if count != wanted or (wanted and (least, most) != (row.first.seq, row.next.seq - 1)):
        raise StoreError(f"the outbox is damaged: {count} of its {wanted} statements are there")
    last = leaf_at(connection, row, row.next.seq)
    if last != row.next.previous:
        raise StoreError("the outbox is damaged: its last statement is not the one remembered")


def leaf_at(connection: Connection, row: OutboxRow, seq: int) -> bytes | None:
    """Return the leaf hash of the statement before number ``seq``, as far as it is known here."""
    if seq == row.first.seq:
        return row.first.previous
    asked = select(_E.leaf_hash).where(_E.seq == seq - 1)
    return connection.execute(asked).scalar_one_or_none()


def write_outbox(connection: Connection, row: OutboxRow, *, created_at: int) -> None:
    """Write the configuration."""
    connection.execute(
        insert(outbox).values(
            id=1,
            format=FORMAT,
            origin=row.origin,
            role=row.role.value,
            spki=row.key.spki,
            key_check=row.key_check,
            first_seq=row.first.seq,
            first_previous=row.first.previous,
            next_seq=row.next.seq,
            last_hash=row.next.previous,
            registered=row.registered,
            received=row.received,
            checkpoint=row.checkpoint,
            created_at=created_at,
        )
    )


def move(connection: Connection, **values: object) -> None:
    """Set columns of the one row, which is read under the same lock."""
    connection.execute(update(outbox).values(**values))


def read_stop(connection: Connection) -> Stopped | None:
    """Return why the last sync stopped; None if it did not."""
    if not connection.dialect.has_table(connection, stop.name):
        return None
    row = connection.execute(select(stop)).one_or_none()
    if row is None:
        return None
    match (row.code, row.words, row.seq, row.since):
        case (str(code), str(words), int(seq), int(since)):
            try:
                return Stopped(code, words, seq, from_milliseconds(since))
            except LedgerError as error:
                raise StoreError(f"the outbox is damaged: {error}") from error
        case _:
            raise StoreError("the outbox is damaged: why it was stopped")


def write_stop(connection: Connection, found: Stopped) -> None:
    """Remember why a sync stopped; of the same reason, since when."""
    stop.create(connection, checkfirst=True)
    before = read_stop(connection)
    if before is not None and (before.code, before.seq) == (found.code, found.seq):
        return
    clear_stop(connection)
    since = to_milliseconds(found.since)
    values = {
        "code": found.code,
        "words": found.words[:MAX_WORDS],
        "seq": found.seq,
        "since": since,
    }
    connection.execute(insert(stop).values(id=1, **values))


def clear_stop(connection: Connection) -> None:
    """Forget it: the log has taken what it had refused."""
    if connection.dialect.has_table(connection, stop.name):
        connection.execute(delete(stop))


def newest_of_object(connection: Connection, object_id: bytes) -> Link | None:
    """Return the link the next statement about an object must have; None if it is unknown."""
    row = connection.execute(
        select(_E.object_seq, _E.leaf_hash)
        .where(_E.object_id == object_id)
        .order_by(_E.object_seq.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else Link(row[0] + 1, row[1])


def insert_statement(
    connection: Connection,
    statement: Statement,
    pseudonyms: Sequence[bytes],
    annex: SealedAnnex | None,
) -> None:
    """Write a statement; the caller has judged it."""
    link = statement.object_link
    connection.execute(
        insert(entry).values(
            seq=statement.actor_link.seq,
            leaf_hash=statement.leaf_hash,
            object_id=statement.object_id,
            object_seq=None if link is None else link.seq,
            statement=statement.encoded,
            pseudonyms=b"".join(pseudonyms),
            wrapped_key=None if annex is None else annex.wrapped_key,
            nonce=None if annex is None else annex.nonce,
            ciphertext=None if annex is None else annex.ciphertext,
        )
    )


def batch_end(connection: Connection, start: int, stop: int, *, most: int, size: int) -> int:
    """Return where a batch from ``start`` ends: so many statements, so many bytes, at least one."""
    sizes = connection.execute(
        select(_E.seq, func.length(_E.statement) + func.coalesce(func.length(_E.ciphertext), 0))
        .where(_E.seq >= start, _E.seq < stop)
        .order_by(_E.seq)
        .limit(most)
    )
    end, total = start, 0
    for seq, length in sizes:
        total += length or 0
        if end > start and total > size:
            break
        end = seq + 1
    return end


def read_kept(connection: Connection, row: OutboxRow, start: int, stop: int) -> list[Kept]:
    """Return the statements of a range that were not pruned, each checked against its row."""
    rows = connection.execute(
        select(entry).where(_E.seq >= start, _E.seq < stop).order_by(_E.seq)
    ).all()
    previous = leaf_at(connection, row, start)
    kept = []
    for each in rows:
        if each.statement is not None:
            kept.append(_kept(each, row, previous))
        previous = each.leaf_hash
    return kept


def find_kept(connection: Connection, row: OutboxRow, leaf_hash: bytes) -> Kept | None:
    """Return the statement of that leaf hash, unless it is unknown or was pruned."""
    asked = select(_E.seq).where(_E.leaf_hash == leaf_hash)
    seq = connection.execute(asked).scalar_one_or_none()
    found = [] if seq is None else read_kept(connection, row, seq, seq + 1)
    return found[0] if found else None


def _kept(each: Row[Any], row: OutboxRow, previous: bytes | None) -> Kept:
    damaged = f"the outbox is damaged: statement {each.seq}"
    try:
        statement = verify_statement(parse_statement(each.statement), row.key)
        link = statement.object_link
        agrees = (
            (statement.actor_link.seq, statement.actor_link.previous) == (each.seq, previous)
            and statement.leaf_hash == each.leaf_hash
            and statement.object_id == each.object_id
            and (None if link is None else link.seq) == each.object_seq
        )
    except (MalformedError, ProofError) as error:
        raise StoreError(f"{damaged}: {error}") from error
    if not agrees:
        raise StoreError(f"{damaged} is not the one of its row")
    names, parts = each.pseudonyms or b"", (each.wrapped_key, each.nonce, each.ciphertext)
    if len(names) % PSEUDONYM_SIZE or len(names) > MAX_PSEUDONYMS * PSEUDONYM_SIZE:
        raise StoreError(f"{damaged}: its pseudonyms")
    if any(part is None for part in parts) and any(part is not None for part in parts):
        raise StoreError(f"{damaged}: its annex")
    if parts[0] is not None and len(statement.object_id or b"") != OBJECT_ID_SIZE:
        raise StoreError(f"{damaged}: an annex without an object")
    if not isinstance(each.idx, int | None):
        raise StoreError(f"{damaged}: its index")
    return Kept(
        statement,
        tuple(names[at : at + HASH_SIZE] for at in range(0, len(names), PSEUDONYM_SIZE)),
        None if parts[0] is None else SealedAnnex(*parts),
        each.idx,
        each.receipt,
    )


def set_index(connection: Connection, seq: int, index: int) -> None:
    """Note where the log has put a statement."""
    connection.execute(update(entry).where(_E.seq == seq).values(idx=index))


def set_receipt(connection: Connection, seq: int, receipt: bytes) -> None:
    """Keep the receipt of a statement."""
    connection.execute(update(entry).where(_E.seq == seq).values(receipt=receipt))


def empty_rows(connection: Connection, start: int, stop: int) -> None:
    """Remove what pruning removes; chains go on from what stays."""
    names = ("statement", "pseudonyms", "wrapped_key", "nonce", "ciphertext", "receipt")
    connection.execute(
        update(entry).where(_E.seq >= start, _E.seq < stop).values(dict.fromkeys(names))
    )


def first_unpruned(connection: Connection) -> int | None:
    """Return the lowest number whose statement is still here."""
    return connection.execute(
        select(func.min(_E.seq)).where(_E.statement.is_not(None))
    ).scalar_one_or_none()
