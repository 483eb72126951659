"""A log that somebody shows: a folder of static files, a site, or the file of its log."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger import Log, TileFolder

_LEDGER = "ledger.sqlite"


@contextmanager
def shown_log(source: Path) -> "Iterator[Log | TileFolder]":
    """Open it to read; nothing of it is believed here."""
    from ledger import TileFolder, open_log

    database = source / _LEDGER if (source / _LEDGER).is_file() else source
    if database.is_file():
        with open_log(database, keys=None, annex_key=None) as log:
            yield log
    else:
        yield TileFolder(source)
