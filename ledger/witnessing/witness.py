"""A witness: remembers of each log the largest tree, on the disk before it answers.

Judging takes no lock. Then the row is compared with what was judged, set, and the cosignatures
are made, in one transaction: so nobody can make it sign two roots for one size, nor go back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    insert,
    select,
    update,
)

from ledger.checkpoints.base64text import decode_decimal
from ledger.checkpoints.cosigner import Cosigner
from ledger.checkpoints.note import Note, signature_lines
from ledger.checkpoints.trusted_logs import TrustedLogs
from ledger.errors import MalformedError, StoreError
from ledger.instants import to_milliseconds
from ledger.storage.schema import Bytes
from ledger.storage.sqlite import WITNESS_ID, SqliteDatabase
from ledger.witnessing.witness_rules import (
    Answer,
    Proposal,
    SeenHead,
    conflict,
    judge,
    read_proposal,
    refusal,
)

metadata = MetaData()

# Sizes are text: they reach 2**64 - 1, beyond the integers of SQLite.
seen_head = Table(
    "radseal_seen_head",
    metadata,
    Column("origin", String, primary_key=True),
    Column("size", String, nullable=False),
    Column("root", Bytes, nullable=False),
    Column("note", Bytes, nullable=False),
    Column("cosigned_at", Integer, nullable=False),
)


class Witness:
    """An open witness. Threads may share it; each process opens it for itself."""

    def __init__(self, database: SqliteDatabase, cosigner: Cosigner, logs: TrustedLogs) -> None:
        self._database = database
        self._cosigner = cosigner
        self._logs = logs
        self._origins = {origin_hash(log.origin): log.origin for log in logs.logs}

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def add_checkpoint(self, body: bytes, *, at: datetime) -> Answer:
        """Judge a request, and cosign it; BusyError or StoreError if the file cannot be used."""
        proposal = read_proposal(body, self._logs)
        if isinstance(proposal, Answer):
            return proposal
        origin = proposal.checkpoint.origin
        with self._database.read() as connection:
            seen = _read(connection, origin)
        refused = judge(proposal, seen)
        if refused is not None:
            return refused
        with self._database.write() as connection:
            now = _read(connection, origin)
            if now != seen:  # somebody else was quicker
                return judge(proposal, now) or conflict(now.size if now is not None else 0)
            lines = self._cosigner.cosign(
                proposal.checkpoint, timestamp=to_milliseconds(at) // 1000
            )
            note = Note(proposal.note.text, proposal.note.signatures + lines)
            _write(connection, proposal, note, seen, at)
        return Answer(200, signature_lines(lines))

    def checkpoint(self, hashed_origin: str) -> Answer:
        """Answer with the checkpoint last cosigned, by the hexadecimal hash of its origin."""
        origin = self._origins.get(hashed_origin)
        if origin is not None:
            asked = select(seen_head.c.note).where(seen_head.c.origin == origin)
            with self._database.read() as connection:
                note = connection.execute(asked).scalar_one_or_none()
            if note is not None:
                return Answer(200, note)
        return refusal(404, "no checkpoint of such a log was cosigned here")


def create_witness(path: Path) -> None:
    """Make the file of a witness that remembers nothing yet; UsageError if there is one."""
    database = SqliteDatabase.create(path, application_id=WITNESS_ID)
    try:
        with database.write() as connection:
            metadata.create_all(connection)
    except BaseException:
        database.discard()
        raise
    database.close()


def open_witness(path: Path, *, cosigner: Cosigner, vkeys: Iterable[str]) -> Witness:
    """Open a witness for the logs of ``vkeys``; NotFoundError if the file is not there.

    A file that is lost is not made anew: a witness that forgot must not go on under its key.
    """
    logs = TrustedLogs.from_vkeys(vkeys)
    return Witness(
        SqliteDatabase.open(path, writable=True, application_id=WITNESS_ID), cosigner, logs
    )


def origin_hash(origin: str) -> str:
    """Return the name of a log in the addresses of a witness."""
    return hashlib.sha256(origin.encode()).hexdigest()


def _read(connection: Connection, origin: str) -> SeenHead | None:
    asked = select(seen_head.c.size, seen_head.c.root).where(seen_head.c.origin == origin)
    row = connection.execute(asked).one_or_none()
    if row is None:
        return None
    try:
        return SeenHead(decode_decimal(row.size, bits=64), row.root)
    except MalformedError as error:
        raise StoreError("the witness's file holds a size that is none") from error


def _write(
    connection: Connection, proposal: Proposal, note: Note, seen: SeenHead | None, at: datetime
) -> None:
    """Compare and set."""
    new = proposal.checkpoint
    values = {
        "size": str(new.size),
        "root": new.root,
        "note": bytes(note),
        "cosigned_at": to_milliseconds(at),
    }
    if seen is None:
        connection.execute(insert(seen_head).values(origin=new.origin, **values))
        return
    moved = connection.execute(
        update(seen_head)
        .where(seen_head.c.origin == new.origin)
        .where(seen_head.c.size == str(seen.size), seen_head.c.root == seen.root)
        .values(values)
    )
    if moved.rowcount != 1:
        raise StoreError("the remembered head moved under the write lock")
