"""A process that judges what comes over a pipe, until the pipe is closed."""

import signal
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from ledger import LedgerError
from provenance.errors import RadsealError
from provenance.scan.engine import Stopped, Task

ITEM_SECONDS = 600.0  # over one object; then the process ends, even in the middle of a decoder
READY = "ready"


def main(number: int) -> None:
    """Serve the pipe of this file descriptor: a bench first, then tasks.

    SIGTERM to all processes of a service is the first one's to obey: a worker ends its task.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pipe: Connection[Any, Any] = Connection(number)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            with pipe.recv().opened() as judge:
                pipe.send(READY)
                while True:
                    task = pipe.recv()
                    assert isinstance(task, Task)
                    answer = judge(task.items, _count)
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    pipe.send(answer)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:  # noqa: BLE001 - told to the first process, which raises it
            pipe.send(_stopped(error))


def _count() -> None:
    """Begin to count the seconds of one object; SIGALRM ends who exceeds them."""
    signal.setitimer(signal.ITIMER_REAL, ITEM_SECONDS)


def _stopped(error: Exception) -> Stopped:
    if isinstance(error, RadsealError | LedgerError | OSError):
        return Stopped(str(error) or type(error).__name__, defect=False)
    return Stopped("".join(traceback.format_exception(error)), defect=True)
