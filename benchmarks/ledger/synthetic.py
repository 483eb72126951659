"""Big logs, made by writing their tables: what the proofs and questions read is all there.

No statement of them is signed, so they can be opened, asked and hashed again, but not audited.
Everything is written as it is made: memory does not grow with the log.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cbor2
from sqlalchemy import Connection, delete, insert, update

from benchmarks.ledger.progress import Progress
from benchmarks.ledger.sealing import DEVICE, NOW, make_log, opened
from ledger import FIRST, Event, Link, hash_leaf, parse_statement
from ledger.cose.sign1 import encode_sign1
from ledger.instants import to_milliseconds
from ledger.statements.statement_header import protected_header
from ledger.storage import schema, store
from ledger.storage.sqlite import SqliteDatabase
from ledger.tree.statement_hashes import perfect_root
from ledger.tree.tiles import TILE_BYTES, TILE_WIDTH, TreeBuilder, root_at

HISTORY = 100  # events of the one image that is asked for
ASKED = hashlib.sha256(b"asked").digest()[:12]
_FIRST_ENTRIES = 2  # those of ``make_log``

# The order of ``_statements``; by the driver alone, as ten million rows are long enough.
_INSERT = "insert into radseal_statement values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

Row = dict[str, object]


def tile_log(path: Path, tiles: int) -> int:
    """Make a log of ``tiles`` full tiles of made-up leaf hashes; return its size.

    Genesis and key of ``make_log`` stay in its tables, so that it can be opened and appended to.
    """
    _whole(path, lambda made: _fill_tiles(made, tiles))
    return tiles * TILE_WIDTH


def _fill_tiles(path: Path, tiles: int) -> None:
    progress = Progress(f"tiles of {tiles * TILE_WIDTH:,} entries", tiles)
    database = SqliteDatabase.open(path, writable=True)
    edges: list[bytearray] = []
    with database.write() as connection:
        connection.execute(delete(schema.tile))
        connection.execute(delete(schema.checkpoint))
        rows: list[Row] = []
        for number in range(tiles):
            hashes = hashlib.shake_128(number.to_bytes(8, "big")).digest(TILE_BYTES)
            rows.append({"level": 0, "number": number, "hashes": hashes})
            _carry(edges, hashes, number, rows)
            if len(rows) >= TILE_WIDTH:
                connection.execute(insert(schema.tile), rows)
                rows.clear()
            progress.advance(1)
        rows.extend(
            {"level": level, "number": tiles >> 8 * level, "hashes": bytes(edge)}
            for level, edge in enumerate(edges, 1)
            if edge
        )
        connection.execute(insert(schema.tile), rows)
        _set_head(connection, tiles * TILE_WIDTH)
    database.close()


def _carry(edges: list[bytearray], hashes: bytes, number: int, rows: list[Row]) -> None:
    """Put the root of a full tile into the tile above it, and so on."""
    level = 1
    while True:
        if level > len(edges):
            edges.append(bytearray())
        edge = edges[level - 1]
        edge += perfect_root(hashes)
        if len(edge) < TILE_BYTES:
            return
        hashes = bytes(edge)
        rows.append({"level": level, "number": number >> 8 * level, "hashes": hashes})
        edge.clear()
        level += 1


def _set_head(connection: Connection, size: int) -> None:
    root = root_at(size, store.tile_reader(connection))
    connection.execute(update(schema.head).values(size=size, root=root))


def statement_log(path: Path, entries: int) -> None:
    """Make a log of statements with their whole query index, signed by nobody.

    One image has ``HISTORY`` events, spread over the log; every other entry is another image's.
    """
    _whole(path, lambda made: _fill_statements(made, entries))


def _fill_statements(path: Path, entries: int) -> None:
    progress = Progress(f"{entries:,} statements", entries - _FIRST_ENTRIES)
    database = SqliteDatabase.open(path, writable=True)
    with opened(path, writable=False) as log:
        tree = TreeBuilder()
        tree.extend(entry.leaf_hash for entry in log.entries())
        number = len(log.keys()) - 1  # of the device: it was added last
    with database.write() as connection:
        connection.exec_driver_sql("PRAGMA cache_size = -1048576")  # KiB: indexes grow at random
        connection.execute(delete(schema.checkpoint))
        connection.execute(delete(schema.tile))
    rows: list[Row] = []
    for row in _statements(entries, number):
        rows.append(row)
        if len(rows) == 65_536 or row["idx"] == entries - 1:
            with database.write() as connection:
                connection.exec_driver_sql(_INSERT, [tuple(each.values()) for each in rows])
                changed = tree.extend(_leaf(each) for each in rows)
                full = {at: each for at, each in changed.items() if len(each) == TILE_BYTES}
                _write_tiles(connection, full)
                if row["idx"] == entries - 1:
                    _write_tiles(connection, _edges(tree))
                    head = update(schema.head).values(size=tree.size, root=tree.root)
                    connection.execute(head)
            progress.advance(len(rows))
            rows.clear()
    database.close()


def _write_tiles(connection: Connection, tiles: Mapping[tuple[int, int], bytes]) -> None:
    if tiles:
        rows = [
            {"level": level, "number": number, "hashes": hashes}
            for (level, number), hashes in tiles.items()
        ]
        connection.execute(insert(schema.tile), rows)


def _edges(tree: TreeBuilder) -> Mapping[tuple[int, int], bytes]:
    """Return the tiles that are not full."""
    return {
        (level, tree.size >> 8 * (level + 1)): bytes(edge)
        for level, edge in enumerate(tree.edges)
        if edge
    }


def _leaf(row: Row) -> bytes:
    found = row["leaf_hash"]
    assert isinstance(found, bytes)
    return found


def _statements(entries: int, actor: int) -> Iterator[Row]:
    """Yield rows of statements that ``parse_statement`` reads."""
    every = max(1, (entries - _FIRST_ENTRIES) // HISTORY)
    actor_link, asked_link, asked = FIRST, FIRST, 0
    event = schema.EVENT_NUMBERS[Event.SENT]
    for index in range(_FIRST_ENTRIES, entries):
        is_asked = (index - _FIRST_ENTRIES) % every == 0 and asked < HISTORY
        object_id = ASKED if is_asked else hashlib.sha256(index.to_bytes(8, "big")).digest()[:12]
        object_link = asked_link if is_asked else FIRST
        encoded = _encode(object_id, object_link, actor_link)
        leaf_hash = hash_leaf(encoded)
        yield {
            "idx": index,
            "encoded": encoded,
            "leaf_hash": leaf_hash,
            "actor": actor,
            "actor_seq": actor_link.seq,
            "object_id": object_id,
            "object_seq": object_link.seq,
            "annexed": 0,
            "event": event,
            "claimed_at": to_milliseconds(NOW),
        }
        actor_link = actor_link.next(leaf_hash)
        if index == _FIRST_ENTRIES:
            parse_statement(encoded)
        if is_asked:
            asked, asked_link = asked + 1, asked_link.next(leaf_hash)


def _encode(object_id: bytes, object_link: Link, actor_link: Link) -> bytes:
    """Spell a statement with zeros for its signature; signing so many would take an hour."""
    payload = {
        1: 1,
        2: Event.SENT.value,
        3: object_id,
        4: [object_link.seq, object_link.previous],
        5: [actor_link.seq, actor_link.previous],
        6: to_milliseconds(NOW),
        7: None,
        8: {1: object_id.ljust(66, b"\0")},  # as long as the two roots of a seal
    }
    protected = protected_header(DEVICE.algorithm, DEVICE.kid, object_id)
    return encode_sign1(protected, cbor2.dumps(payload, canonical=True), bytes(64))


def _whole(path: Path, fill: Callable[[Path], None]) -> None:
    """Make a log beside ``path`` and name it at the end, signed; keep one that is there."""
    if path.exists():
        return
    unfinished = path.with_suffix(".unfinished")
    for left in (unfinished, Path(f"{unfinished}-wal"), Path(f"{unfinished}-shm")):
        left.unlink(missing_ok=True)
    make_log(unfinished)
    fill(unfinished)
    with opened(unfinished) as log:
        log.checkpoint()
    unfinished.rename(path)
