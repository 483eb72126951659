"""A log as static files in the layout of C2SP tlog-tiles, wherever they lie; read, not believed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from ledger.checkpoints.note import MAX_NOTE
from ledger.cose.sign1 import MAX_SIZE
from ledger.errors import NotFoundError, StoreError
from ledger.links import HASH_SIZE
from ledger.tree.tiles import TILE_BYTES, TILE_HEIGHT, TILE_WIDTH, TileReader, tile_path

_LENGTH = 2
_MAX_BUNDLE = TILE_WIDTH * (_LENGTH + MAX_SIZE)


class TileFiles(ABC):
    """Checkpoint, tiles and entry bundles below one place, which is its words."""

    @abstractmethod
    def _read(self, name: str, most: int) -> bytes:
        """Return a file: NotFoundError if there is none; no more than ``most`` bytes."""

    @abstractmethod
    def __str__(self) -> str:
        """Where the files are."""

    def checkpoint(self) -> bytes:
        """Return the signed checkpoint; NotFoundError if there is none."""
        return self._read("checkpoint", MAX_NOTE)

    def statements(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield entries of a log that has at least ``stop``; StoreError if one is not there."""
        for number in range(start // TILE_WIDTH, -(-stop // TILE_WIDTH)):
            first = number * TILE_WIDTH
            bundle = self.bundle(number, min(stop - first, TILE_WIDTH))
            yield from bundle[max(start - first, 0) :]

    def bundle(self, number: int, width: int) -> list[bytes]:
        """Return the first ``width`` entries of a bundle; StoreError if it has not so many."""
        data = self._tile("entries", number, width, _MAX_BUNDLE)
        entries: list[bytes] = []
        at = 0
        while at < len(data) and len(entries) < width:
            end = at + _LENGTH + int.from_bytes(data[at : at + _LENGTH], "big")
            if at + _LENGTH > len(data) or end > len(data):
                raise StoreError(f"{self}: the bundle of entries {number} is cut short")
            entries.append(data[at + _LENGTH : end])
            at = end
        if len(entries) < width:
            words = f"the bundle of entries {number} has {len(entries)}, not {width}"
            raise StoreError(f"{self}: {words}")
        return entries

    def tile_reader(self, size: int) -> TileReader:
        """Return a reader of the tiles of a tree of ``size`` entries."""

        def read(level: int, number: int) -> bytes:
            width = min((size >> TILE_HEIGHT * level) - number * TILE_WIDTH, TILE_WIDTH)
            if width <= 0:
                raise StoreError(f"a tree of {size} entries has no tile {number} of level {level}")
            data = self._tile(level, number, width, TILE_BYTES)
            if len(data) < width * HASH_SIZE:
                raise StoreError(f"tile {number} of level {level} is cut short")
            return data[: width * HASH_SIZE]

        return read

    def _tile(self, level: int | str, number: int, width: int, most: int) -> bytes:
        """Read a partial tile, or the full one that has replaced it."""
        try:
            return self._read(tile_path(level, number, width), most)
        except NotFoundError:
            try:
                return self._read(tile_path(level, number, TILE_WIDTH), most)
            except NotFoundError as error:
                path = tile_path(level, number, width)
                hint = ": if the log was pruned, read its archive first" if number == 0 else ""
                raise StoreError(f"{self} has no {path}{hint}") from error
