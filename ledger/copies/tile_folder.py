"""A log as a folder of static files, read: what ``export`` wrote, a monitor's copy, or others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ledger.bounded_file import read_bounded
from ledger.copies.tile_files import TileFiles
from ledger.timestamps.stamped import Stamped, read_folder


class TileFolder(TileFiles):
    """Static files below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    def timestamps(self) -> Iterator[Stamped]:
        """Yield every stamped checkpoint of the folder, by its size."""
        return read_folder(self._folder)

    def _read(self, name: str, most: int) -> bytes:
        return read_bounded(self._folder / name, most)
