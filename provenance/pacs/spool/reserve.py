"""Room that a spool keeps for its database, so that a full disk can be emptied again.

To note that an archive has an object takes some pages of the disk, and only then does the object's
file go. On a disk that others have filled to the last byte nothing could ever be noted: so a file
lies there that is given up for it. While it is not there, nothing is taken in.
"""

import os
import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path

SIZE = 8 << 20
_NAME = "reserve"
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)


def has_room(folder: Path, least: int) -> bool:
    """Whether something may be taken in: ``least`` bytes are free, and the reserve is there.

    It is made again as soon as there is room for it.
    """
    free = shutil.disk_usage(folder).free
    if free < least:
        return False
    return (folder / _NAME).exists() or (free >= least + SIZE and _make(folder / _NAME))


def give_up(folder: Path) -> bool:
    """Give the database the room; return whether there was any to give."""
    try:
        (folder / _NAME).unlink()
    except FileNotFoundError:
        return False
    return True


def is_full(error: Exception) -> bool:
    """Whether an error of the database may be for want of room."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.Error) and code is not None and code & 0xFF in _FULL


def _make(path: Path) -> bool:
    try:
        with path.open("xb") as file:
            os.posix_fallocate(file.fileno(), 0, SIZE)
    except FileExistsError:
        return True
    except OSError:
        with suppress(OSError):
            path.unlink()
        return False
    return True
