"""One server for one spool: at its start it removes what seems nobody's (Spool.recover)."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provenance.errors import UsageError


@contextmanager
def sole_owner(folder: Path) -> Iterator[None]:
    """Hold the spool in ``folder``; UsageError if another server holds it, or it is no folder."""
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
        yield
