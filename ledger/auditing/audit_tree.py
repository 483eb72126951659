"""Audit of tiles, head and checkpoints: the tree is built again and compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, func, select

from ledger.auditing.findings import FindingCode, Findings
from ledger.checkpoints.trusted_logs import TrustedLogs, open_checkpoint
from ledger.errors import LedgerError
from ledger.links import HASH_SIZE
from ledger.storage import schema, store
from ledger.tree.tiles import TILE_BYTES, TILE_HEIGHT, TILE_WIDTH, TreeBuilder, tiles_of

_C = schema.checkpoint.c


class TreeAudit:
    """Grows a second tree from re-hashed statements beside the stored one.

    It starts from ``tree``, which is empty or was covered by a checkpoint that is known to be good.
    """

    def __init__(
        self,
        connection: Connection,
        findings: Findings,
        trusted: TrustedLogs,
        held: Mapping[int, list[bytes]],
        tree: TreeBuilder,
    ) -> None:
        self._connection = connection
        self._findings = findings
        self._trusted = trusted
        self._held = dict(held)
        self._tree = tree
        self._covered = tree.size
        self._next = self._checkpoint_after(tree.size or -1)
        self._pruned = store.minimum_index(connection) // TILE_WIDTH  # tiles of level 0

    @property
    def root(self) -> bytes:
        """The root over all statements."""
        return self._tree.root

    def extend(self, leaf_hashes: Iterable[bytes]) -> None:
        """Add leaves, stopping at each size somebody signed or holds."""
        rest = list(leaf_hashes)
        while rest:
            stop = min((size for size in self._stops() if size > self._tree.size), default=None)
            count = len(rest) if stop is None else stop - self._tree.size
            for address, hashes in self._tree.extend(rest[:count]).items():
                if len(hashes) == TILE_BYTES:
                    self._compare(address, hashes)
            rest = rest[count:]
            self._check_here()

    def finish(self, head: store.HeadRow) -> int:
        """Compare what remains; return how many entries the newest good checkpoint covers."""
        for level, edge in enumerate(self._tree.edges):
            if edge:
                self._compare((level, self._tree.size >> TILE_HEIGHT * (level + 1)), bytes(edge))
        count = self._connection.execute(select(func.count()).select_from(schema.tile)).scalar_one()
        if count != sum(1 for _ in tiles_of(self._tree.size)) - self._pruned:
            self._add(None, FindingCode.TILE, f"{count} tiles are stored, which is not the number")
        if (self._tree.size, self._tree.root) != (head.size, head.root):
            self._add(None, FindingCode.HEAD, "the head is not the root over the statements")
        while self._next is not None:
            size, _ = self._next
            self._add(None, FindingCode.CHECKPOINT, f"a checkpoint of {size} is past the end")
            self._next = self._checkpoint_after(size)
        for size in self._held:
            words = f"a held checkpoint covers {size} entries; the log has {self._tree.size}"
            self._add(None, FindingCode.HELD_CHECKPOINT, words)
        return self._covered

    def _stops(self) -> Iterable[int]:
        if self._next is not None:
            yield self._next[0]
        yield from self._held

    def _check_here(self) -> None:
        size, root = self._tree.size, self._tree.root
        for held in self._held.pop(size, ()):
            if held != root:
                words = f"the log is not the one whose checkpoint of {size} entries is held"
                self._add(None, FindingCode.HELD_CHECKPOINT, words)
        while self._next is not None and self._next[0] <= size:
            self._check_checkpoint(*self._next, root)
            self._next = self._checkpoint_after(self._next[0])

    def _check_checkpoint(self, size: int, note: bytes, root: bytes) -> None:
        try:
            head = open_checkpoint(note, self._trusted)
        except LedgerError as error:
            self._add(None, FindingCode.CHECKPOINT, f"the checkpoint of {size}: {error}")
            return
        if (head.size, head.root) != (size, root) or size != self._tree.size:
            words = f"the checkpoint of {size} is not over these statements"
            self._add(None, FindingCode.CHECKPOINT, words)
            return
        self._covered = size

    def _checkpoint_after(self, size: int) -> tuple[int, bytes] | None:
        asked = select(_C.size, _C.note).where(_C.size > size).order_by(_C.size).limit(1)
        row = self._connection.execute(asked).one_or_none()
        return None if row is None else (row[0], row[1])

    def _compare(self, address: tuple[int, int], hashes: bytes) -> None:
        level, number = address
        if level == 0 and number < self._pruned:
            return
        stored = self._connection.execute(
            select(schema.tile.c.hashes).where(
                schema.tile.c.level == level, schema.tile.c.number == number
            )
        ).scalar()
        if stored == hashes:
            return
        if not isinstance(stored, bytes):
            self._add(None, FindingCode.TILE, f"tile {number} of level {level} is missing")
            return
        place = next(
            at
            for at in range(0, TILE_BYTES, HASH_SIZE)
            if stored[at : at + HASH_SIZE] != hashes[at : at + HASH_SIZE]
        )
        entry = number * TILE_WIDTH + place // HASH_SIZE
        self._add(
            entry if level == 0 else None,
            FindingCode.TILE,
            f"hash {entry} of level {level} is not the one of the statements",
        )

    def _add(self, index: int | None, code: FindingCode, words: str) -> None:
        self._findings.add(index, code, words)
