"""Pruning by a minimum index (C2SP tlog-tiles): old statements go, the tree stays.

Of what is below the minimum index the rows stay, with leaf hash, chains and query index: so no
chain can be forked, and every proof can still be made. Their statements' bytes and the tiles of
level 0 go, once an archive of them was written and read back. Statements about keys are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, delete, func, insert, select, update

from ledger.checkpoints.trusted_logs import TrustedHead, TrustedLogs, open_checkpoint
from ledger.copies.tile_folder import TileFolder
from ledger.errors import LedgerError, MalformedError, PrunedError, StoreError, UsageError
from ledger.roles import ABOUT_THE_LOG
from ledger.storage import schema
from ledger.storage.store import minimum_index
from ledger.tree.merkle import hash_leaf
from ledger.tree.tiles import TILE_WIDTH, builder_at

_S, _P, _TILE = schema.statement.c, schema.pruning.c, schema.tile.c
_ABOUT_KEYS = [schema.EVENT_NUMBERS[event] for event in sorted(ABOUT_THE_LOG)]


@dataclass(frozen=True, slots=True)
class Pruning:
    """What was dropped at one time: from entry ``start`` up to ``below``, and its archive."""

    start: int
    below: int
    archive: str


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a pruning did: ``dropped`` statements, fewer than entries, as keys' are kept."""

    pruning: Pruning
    dropped: int


def whole_bundles(below: int) -> int:
    """Return the minimum index that prunes nothing from ``below`` on: bundles go whole."""
    return below // TILE_WIDTH * TILE_WIDTH


def read_prunings(connection: Connection) -> tuple[Pruning, ...]:
    """Return what was pruned, oldest first."""
    rows = connection.execute(select(_P.start, _P.below, _P.archive).order_by(_P.below))
    return tuple(Pruning(*row) for row in rows)


def pruned_error(connection: Connection, index: int) -> LedgerError:
    """Return the error for an entry whose statement is not there: pruned, or lost."""
    for each in read_prunings(connection):
        if index < each.below:
            words = f"entry {index} was pruned with those below {each.below}"
            return PrunedError(f"{words}: it is in the archive {each.archive}")
    return StoreError(f"the statement of entry {index} is gone: audit the log")


def check_archive(folder: Path, head: TrustedHead, *, start: int, trusted: TrustedLogs) -> None:
    """Return only if a folder alone proves every entry from ``start`` up to ``head``.

    StoreError for a missing or cut file, or another tree.
    """
    tiles = TileFolder(folder)
    if open_checkpoint(tiles.checkpoint(), trusted) != head:
        raise StoreError(f"the archive {folder} has another checkpoint than was written")
    read = tiles.tile_reader(head.size)
    try:
        tree = builder_at(start, read)
        leaves = map(hash_leaf, tiles.statements(start, head.size))
        for (level, number), hashes in tree.extend(leaves).items():
            if read(level, number)[: len(hashes)] != hashes:
                raise StoreError(f"the archive {folder} has another tile {number} of level {level}")
    except MalformedError as error:
        raise StoreError(f"the archive {folder} cannot be read: {error}") from error
    if (tree.size, tree.root) != (head.size, head.root):
        raise StoreError(f"the archive {folder} does not lead to its checkpoint")


def drop(connection: Connection, pruning: Pruning, *, at: int) -> int:
    """Drop statements and tiles; return how many statements went. The caller has the archive."""
    if minimum_index(connection) != pruning.start:
        raise UsageError("the log was pruned by somebody else in the meantime")
    connection.execute(
        insert(schema.pruning).values(
            below=pruning.below, start=pruning.start, archive=pruning.archive, pruned_at=at
        )
    )
    of_range = (_S.idx >= pruning.start, _S.idx < pruning.below, _S.event.not_in(_ABOUT_KEYS))
    gone = connection.execute(update(schema.statement).where(*of_range).values(encoded=b""))
    connection.execute(
        delete(schema.tile).where(_TILE.level == 0, _TILE.number < pruning.below // TILE_WIDTH)
    )
    return gone.rowcount


def count_pruned(connection: Connection) -> int:
    """Return how many statements are not in the database any more."""
    asked = select(func.count()).where(_S.idx < minimum_index(connection), _S.encoded == b"")
    return connection.execute(asked).scalar_one()


class Archives:
    """Statements that were pruned, looked up in folders that hold them; nothing is believed."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [TileFolder(folder) for folder in folders]
        self._bundle: tuple[int, list[list[bytes]]] = (-1, [])

    def find(self, index: int, leaf_hash: bytes) -> bytes | None:
        """Return the statement of an entry, if a folder has it with this leaf hash."""
        number, place = divmod(index, TILE_WIDTH)
        if self._bundle[0] != number:
            self._bundle = number, [b for f in self._folders if (b := _bundle(f, number))]
        for bundle in self._bundle[1]:
            if hash_leaf(bundle[place]) == leaf_hash:
                return bundle[place]
        return None


def _bundle(folder: TileFolder, number: int) -> list[bytes]:
    try:
        return folder.bundle(number, TILE_WIDTH)
    except LedgerError:
        return []
