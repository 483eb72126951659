"""A log as a folder of static files that any tlog-tiles client can read (C2SP tlog-tiles)."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from sqlalchemy import Connection

from ledger.checkpoints.trusted_logs import TrustedHead
from ledger.errors import StoreError, UsageError
from ledger.links import HASH_SIZE
from ledger.storage import store
from ledger.timestamps.stamped import read_stamped, stamped_sizes
from ledger.tree.tiles import TILE_WIDTH, tile_path, tiles_of


def export_tiles(connection: Connection, note: bytes, head: TrustedHead, target: Path) -> None:
    """Write checkpoint, tiles and entry bundles beside ``target``, then give them its name."""
    target = target.absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} is there already and is not an empty folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            _write_tiles(connection, head.size, folder)
            for size in stamped_sizes(connection):
                for name, data in read_stamped(connection, size).files():
                    _write(folder / name, data)
            _write(folder / "checkpoint", note)
            folder.chmod(0o755)
            for place in (*(each for each in folder.rglob("*") if each.is_dir()), folder):
                _sync(place)
            if target.exists():
                target.rmdir()
            folder.rename(target)
            _sync(target.parent)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"cannot export to {target}: {error.strerror}") from error


def _write_tiles(connection: Connection, size: int, folder: Path) -> None:
    minimum = store.minimum_index(connection)
    for level, number, width in tiles_of(size):
        if level == 0 and number * TILE_WIDTH < minimum:
            continue  # pruned
        hashes = store.tile_reader(connection)(level, number)[: width * HASH_SIZE]
        if len(hashes) != width * HASH_SIZE:
            raise StoreError(f"tile {number} of level {level} is shorter than the tree needs")
        _write(folder / tile_path(level, number, width), hashes)
        if level == 0:
            _write(
                folder / tile_path("entries", number, width),
                entry_bundle(connection, number, width),
            )


def entry_bundle(connection: Connection, number: int, width: int) -> bytes:
    """Return the first ``width`` statements of a bundle, each behind its length in two bytes."""
    start = number * TILE_WIDTH
    page = store.read_entries(connection, start, start + width, count=width)
    whole = [entry.index for entry in page if entry.statement]
    if whole != list(range(start, start + width)):
        raise StoreError(f"an entry after number {start} is missing")
    return b"".join(len(e.statement).to_bytes(2, "big") + e.statement for e in page)


def _sync(folder: Path) -> None:
    """Have the names in a folder on the disk: a log may drop what it has exported."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
