"""A log that somebody shows: at an address, as a folder of static files, a site, or its file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from provenance.cli.failure import USAGE, CommandError, Failure

if TYPE_CHECKING:
    from ledger import Log, TileFolder, TileServer


@contextmanager
def log_at(source: str) -> "Iterator[Log | TileFolder | TileServer]":
    """Open what an address or a path names; nothing of it is believed here."""
    from ledger import TileServer

    if source.startswith(("http://", "https://")):
        yield TileServer(source)
        return
    if not Path(source).exists():
        raise CommandError(
            Failure(
                f"there is no {source}",
                why="a log is named by an address, a folder or a file",
                do="check the path; an address begins with https:// or http://",
                exit_code=USAGE,
            )
        )
    with log_in(Path(source)) as log:
        yield log


@contextmanager
def log_in(source: Path) -> "Iterator[Log | TileFolder]":
    """Open a folder or a file to read."""
    from ledger import TileFolder, open_log
    from provenance.site.site import Site

    if (source / "site.json").is_file():
        with Site.open(source).public_log() as log:
            yield log
    elif source.is_file():
        with open_log(source, keys=None, annex_key=None) as log:
            yield log
    else:
        yield TileFolder(source)
