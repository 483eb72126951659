"""What an append writes, table by table; all of it inside the caller's one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import (
    BigInteger,
    Connection,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.dialects.postgresql import insert as upsert

from ledger.annexes import SealedAnnex
from ledger.errors import RacedError
from ledger.statements.keyring import Keyring
from ledger.storage import schema
from ledger.storage.prepared import PreparedRows, PreparedWrite
from ledger.storage.store import HeadRow, LogRow
from ledger.tree.tiles import TILE_HEIGHT, TILE_WIDTH

Row = dict[str, object]

_STATEMENTS = PreparedRows(schema.statement)
_INSERT_TILE = PreparedWrite(insert(schema.tile))
_UPDATE_TILE = PreparedWrite(
    update(schema.tile)
    .where(schema.tile.c.level == bindparam("of_level"))
    .where(schema.tile.c.number == bindparam("of_number"))
    .values(hashes=bindparam("new_hashes"))
)
# With an array for each column: one text for any number of tiles. Head and tiles are written in one
# round trip; that another writer was quicker shows by the head, whatever became of the tiles.
_PLACE = ("level", "number")
_WRITTEN = (
    upsert(schema.tile)
    .from_select(
        [*_PLACE, "hashes"],
        select(
            *func.unnest(
                *(
                    cast(bindparam(f"tile_{name}", type_=kind), kind)
                    for name, kind in (
                        ("level", ARRAY(BigInteger)),
                        ("number", ARRAY(BigInteger)),
                        ("hashes", ARRAY(BYTEA)),
                    )
                )
            )
            .table_valued(*_PLACE, "hashes")
            .render_derived()
            .c
        ),
    )
    .on_conflict_do_update(index_elements=_PLACE, set_={"hashes": text("excluded.hashes")})
    .returning(schema.tile.c.level)
    .cte("written")
)
_INSERT_CHECKPOINT = PreparedWrite(insert(schema.checkpoint))
_MOVE = (
    update(schema.head)
    .where(schema.head.c.size == bindparam("old_size"))
    .values(
        size=bindparam("new_size"),
        root=bindparam("new_root"),
        key_events=bindparam("new_key_events"),
        updated_at=bindparam("new_updated_at"),
    )
)
_MOVE_HEAD = PreparedWrite(_MOVE)


_MOVE_HEAD_AND_TILES = PreparedWrite(_MOVE.add_cte(_WRITTEN))


def write_log(connection: Connection, log: LogRow, *, created_at: int) -> None:
    """Write the configuration, and a head over nothing."""
    connection.execute(
        insert(schema.log).values(
            id=1,
            format=schema.FORMAT,
            origin=log.origin,
            genesis_kid=log.genesis_kid,
            vkeys="\n".join(log.vkeys),
            annex_key_check=log.annex_key_check,
            created_at=created_at,
        )
    )


def write_vkeys(connection: Connection, vkeys: Sequence[str]) -> None:
    """Write the verifier keys of the log anew."""
    connection.execute(update(schema.log).values(vkeys="\n".join(vkeys)))


def write_first_head(connection: Connection, head: HeadRow) -> None:
    """Write the one head row."""
    connection.execute(
        insert(schema.head).values(
            id=1,
            size=head.size,
            root=head.root,
            key_events=head.key_events,
            updated_at=head.updated_at,
        )
    )


def move_head(
    connection: Connection, old: HeadRow, new: HeadRow, tiles: Mapping[tuple[int, int], bytes]
) -> None:
    """Write the tiles that have changed, and compare and set the head.

    RacedError if somebody else has moved it: then nothing is written.
    """
    values: dict[str, object] = {
        "old_size": old.size,
        "new_size": new.size,
        "new_root": new.root,
        "new_key_events": new.key_events,
        "new_updated_at": new.updated_at,
    }
    if connection.dialect.name == "postgresql":
        values |= {
            "tile_level": [level for level, _ in tiles],
            "tile_number": [number for _, number in tiles],
            "tile_hashes": list(tiles.values()),
        }
        moved = _MOVE_HEAD_AND_TILES.run(connection, [values])
    else:
        write_tiles(connection, tiles, grown_from=old.size)
        moved = _MOVE_HEAD.run(connection, [values])
    if moved != 1:
        raise RacedError("another writer moved the head")


def write_keys(connection: Connection, before: Keyring, after: Keyring) -> None:
    """Write keys that came and keys that went."""
    if after is before:
        return
    for kid, record in after.records.items():
        known = before.records.get(kid)
        if known is None:
            connection.execute(
                insert(schema.key).values(
                    number=record.number,
                    kid=kid,
                    role=record.role.value,
                    spki=record.key.spki,
                    certificate=record.certificate,
                    added_index=record.added_index,
                    revoked_index=record.revoked_index,
                )
            )
        elif known != record:
            connection.execute(
                update(schema.key)
                .where(schema.key.c.number == record.number)
                .values(revoked_index=record.revoked_index)
            )


def write_statements(connection: Connection, rows: Sequence[Row]) -> None:
    """Write statements with their query index."""
    _STATEMENTS.write(connection, rows)


def write_tiles(
    connection: Connection, changed: Mapping[tuple[int, int], bytes], *, grown_from: int
) -> None:
    """Write tiles: a new row, or more hashes in the row that the tree of before had begun."""
    new: list[Row] = []
    grown: list[Row] = []
    for (level, number), hashes in changed.items():
        if grown_from >> TILE_HEIGHT * level > number * TILE_WIDTH:
            grown.append({"of_level": level, "of_number": number, "new_hashes": hashes})
        else:
            new.append({"level": level, "number": number, "hashes": hashes})
    if grown:
        _UPDATE_TILE.run(connection, grown)
    if new:
        _INSERT_TILE.run(connection, new)


def write_erasures(connection: Connection, erased: Mapping[bytes, int]) -> tuple[bytes, ...]:
    """Delete annex key, annex and pseudonyms of each object; return the secrets that went."""
    secrets: list[bytes] = []
    for object_id, index in erased.items():
        secrets.extend(_secrets_of(connection, object_id))
        for table in (schema.annex_key, schema.annex, schema.pseudonym):
            connection.execute(delete(table).where(table.c.object_id == object_id))
        connection.execute(insert(schema.erased).values(object_id=object_id, idx=index, scrubbed=0))
    return tuple(secrets)


def _secrets_of(connection: Connection, object_id: bytes) -> list[bytes]:
    """What must be in no file once the object is erased; of an annex, how its row begins."""
    annex, key, name = schema.annex.c, schema.annex_key.c, schema.pseudonym.c
    other = schema.pseudonym.alias()
    wrapped = select(key.wrapped).where(key.object_id == object_id)
    start = select(annex.nonce, annex.ciphertext).where(annex.object_id == object_id)
    shared = exists().where(
        other.c.pseudonym == name.pseudonym, other.c.object_id != name.object_id
    )
    names = select(name.pseudonym, shared).where(name.object_id == object_id)
    secrets = list(connection.scalars(wrapped))
    secrets.extend(nonce + text[:36] for nonce, text in connection.execute(start))
    for pseudonym, is_shared in connection.execute(names):
        if not is_shared:  # else it stays in the rows of another object
            secrets.append(pseudonym)
        secrets.append(pseudonym[-6:] + object_id[:6])  # where the two meet in a row
    return secrets


def write_scrubbed(connection: Connection, indices: Sequence[int]) -> None:
    """Note that these erasures have reached the files."""
    done = update(schema.erased).where(schema.erased.c.idx == bindparam("of_idx"))
    rows = [{"of_idx": index} for index in indices]
    connection.execute(done.values(scrubbed=1), rows)


def write_annexes(connection: Connection, annexes: Mapping[bytes, tuple[int, SealedAnnex]]) -> None:
    """Write annexes, each in place of the one the object had; its key stays the same."""
    for object_id, (index, sealed) in annexes.items():
        values = {"idx": index, "nonce": sealed.nonce, "ciphertext": sealed.ciphertext}
        of_object = schema.annex.c.object_id == object_id
        if connection.execute(update(schema.annex).where(of_object).values(values)).rowcount:
            continue
        connection.execute(
            insert(schema.annex_key).values(object_id=object_id, wrapped=sealed.wrapped_key)
        )
        connection.execute(insert(schema.annex).values(object_id=object_id, **values))


def write_pseudonyms(connection: Connection, pseudonyms: Mapping[tuple[bytes, bytes], int]) -> None:
    """Write names under which an object is found; one that is known keeps its first index."""
    if not pseudonyms:
        return
    table = schema.pseudonym.c
    known: set[tuple[bytes, bytes]] = set()
    for object_id in {object_id for _, object_id in pseudonyms}:
        asked = select(table.pseudonym).where(table.object_id == object_id)
        known.update((pseudonym, object_id) for pseudonym in connection.scalars(asked))
    rows = [
        {"pseudonym": pseudonym, "object_id": object_id, "idx": index}
        for (pseudonym, object_id), index in pseudonyms.items()
        if (pseudonym, object_id) not in known
    ]
    if rows:
        connection.execute(insert(schema.pseudonym), rows)


def replace_checkpoint(connection: Connection, size: int, note: bytes) -> None:
    """Write a checkpoint in place of the one of its size that has fewer cosignatures."""
    of_size = schema.checkpoint.c.size == size
    if not connection.execute(update(schema.checkpoint).where(of_size).values(note=note)).rowcount:
        write_checkpoint(connection, size, note)


def write_checkpoint(connection: Connection, size: int, note: bytes) -> None:
    """Write a signed checkpoint."""
    _INSERT_CHECKPOINT.run(connection, [{"size": size, "note": note}])
