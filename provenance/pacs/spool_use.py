"""Who takes objects into a spool holds it; whoever comes first clears what nobody was told of."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from provenance.pacs.spool import Spool


@contextmanager
def taking_in(folder: Path) -> Iterator[int]:
    """Hold the spool in ``folder`` while objects are taken in; yield how many files were nobody's.

    Several processes may. A file on its way in, which no row names yet, is another's business as
    long as one of them runs: only who is alone removes such files.
    """
    with Spool.open(folder) as spool, (folder / "in-use").open("a") as mark:
        lost = 0
        with suppress(BlockingIOError):
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lost = spool.recover()
        fcntl.flock(mark, fcntl.LOCK_SH)
        yield lost
