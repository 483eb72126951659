"""One server for one spool: it alone takes in, forwards, and tells the log.

Whoever decides about quarantine does so beside it. A server that was killed leaves processes
behind that end what they are doing: what must not be done by two at once has a lock of its own.
"""

import fcntl
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from provenance.errors import UsageError
from provenance.pacs.spool.reserve import has_room
from provenance.pacs.spool.spool import Spool


@contextmanager
def one_at_a_time(folder: Path, name: str, *, wait: Callable[[], bool]) -> Iterator[bool]:
    """Hold the right to do ``name`` in the spool in ``folder``, once nobody else does it.

    ``wait`` is called while another one does, and says whether to go on waiting; yields False if it
    says no.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    with (folder / f"lock-{digest}").open("a") as lock:
        while not _taken(lock.fileno()):
            if not wait():
                yield False
                return
        yield True


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def sole_owner(folder: Path) -> Iterator[int]:
    """Hold the spool in ``folder``; UsageError if another server holds it, or it is no folder.

    Files on their way in, that nobody was told of, are removed; yields how many there were. The
    reserve is made, if there is room.
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
        has_room(folder, 0)
        yield lost
