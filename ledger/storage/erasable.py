"""What of an object can be erased: its annex, the key of that, its names; and what was."""

from __future__ import annotations

from sqlalchemy import Connection, select

from ledger.annexes import SealedAnnex
from ledger.storage import schema


def find_pseudonym(connection: Connection, pseudonym: bytes) -> tuple[bytes, ...]:
    """Return the objects known under a pseudonym, the oldest first."""
    table = schema.pseudonym.c
    asked = select(table.object_id).where(table.pseudonym == pseudonym)
    return tuple(connection.scalars(asked.order_by(table.idx, table.object_id)))


def read_annex(connection: Connection, object_id: bytes) -> SealedAnnex | None:
    """Return the annex of an object as it is stored."""
    annex, annex_key = schema.annex.c, schema.annex_key.c
    row = connection.execute(
        select(annex_key.wrapped, annex.nonce, annex.ciphertext)
        .join_from(schema.annex, schema.annex_key, annex.object_id == annex_key.object_id)
        .where(annex.object_id == object_id)
    ).one_or_none()
    return None if row is None else SealedAnnex(*row)


def read_wrapped_key(connection: Connection, object_id: bytes) -> bytes | None:
    """Return the wrapped annex key of an object."""
    table = schema.annex_key.c
    asked = select(table.wrapped).where(table.object_id == object_id)
    return connection.execute(asked).scalar_one_or_none()


def unfinished_erasures(connection: Connection) -> list[int]:
    """Return the entries whose erasure may not have reached the files yet."""
    table = schema.erased.c
    asked = select(table.idx).where(table.scrubbed == 0).order_by(table.idx)
    return list(connection.scalars(asked))


def is_erased(connection: Connection, object_id: bytes) -> bool:
    """Whether an object was erased."""
    table = schema.erased.c
    asked = select(table.idx).where(table.object_id == object_id)
    return connection.execute(asked).one_or_none() is not None
