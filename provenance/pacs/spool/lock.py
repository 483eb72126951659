"""One server for one spool: it alone takes in, forwards, and tells the log.

Whoever decides about quarantine does so beside it.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provenance.errors import UsageError
from provenance.pacs.spool.spool import Spool


@contextmanager
def sole_owner(folder: Path) -> Iterator[int]:
    """Hold the spool in ``folder``; UsageError if another server holds it, or it is no folder.

    Files on their way in, that nobody was told of, are removed; yields how many there were.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / "lock").open("a")
    except OSError as error:
        raise UsageError(f"the spool {folder} cannot be used: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(f"the spool {folder} is that of a server that runs") from error
        with Spool.open(folder) as spool:
            lost = spool.recover()
        yield lost
