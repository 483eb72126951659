"""The files of a spool: those on their way in, and those of objects."""

import hashlib
import os
import secrets
from pathlib import Path

INCOMING, OBJECTS = "incoming", "objects"


def incoming_of(folder: Path) -> Path:
    """Return a new name to write an object to, in a spool that somebody has open."""
    return folder / INCOMING / f"{secrets.token_hex(16)}.dcm"


def secure(path: Path) -> None:
    """Return once a file is on the disk under its name, whatever happens to the machine."""
    for each in (path, path.parent):
        sync(each)


def sync(path: Path) -> None:
    """Return once the disk has what is in a file, or which names are in a folder."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sha256_of(path: Path) -> bytes:
    """Return the SHA-256 of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
