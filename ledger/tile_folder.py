"""A log as a folder of static files, read: what ``export`` wrote, a monitor's copy, or others."""

from __future__ import annotations

from pathlib import Path

from ledger.errors import NotFoundError, StoreError
from ledger.tile_files import TileFiles


class TileFolder(TileFiles):
    """Static files below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    def _read(self, name: str, most: int) -> bytes:
        path = self._folder / name
        try:
            with path.open("rb") as file:
                data = file.read(most + 1)
        except FileNotFoundError as error:
            raise NotFoundError(f"there is no {path}") from error
        except OSError as error:
            raise StoreError(f"cannot read {path}: {error.strerror}") from error
        if len(data) > most:
            raise StoreError(f"{path} has more than {most} bytes")
        return data
