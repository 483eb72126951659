"""The door of `radseal serve`: who listens there, and who hears of what was taken."""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from pathlib import Path
from threading import Thread

from provenance.cli.listening import door_at
from provenance.pacs.arrivals import Kept
from provenance.pacs.gateway.auditing import Received, Tell
from provenance.pacs.service.door import Doorway
from provenance.pacs.service.endpoints import ORIGIN
from provenance.pacs.service.health import Tally
from provenance.pacs.service.limits import Limits
from provenance.pacs.service.taken import hear_taken

HEARD_SECONDS = 5.0


@contextmanager
def doorway_at(
    path: Path, token: bytes, limits: Limits, tally: Tally, tell: Tell
) -> Iterator[Doorway]:
    """Hold a door; what its processes tell is counted, and the audit trail hears of it."""

    def hear(kept: Kept, seconds: float) -> None:
        tally.took(kept, seconds)
        received = Received(tell)
        received.add(kept)
        received.end(kept.sender)

    heard, told = Pipe(duplex=False)
    hearing = Thread(target=hear_taken, args=(heard, hear), name="radseal-heard", daemon=True)
    hearing.start()
    senders = {each.name: each.pattern for each in ORIGIN if each.name != "route"}
    try:
        with door_at(path) as listener:
            yield Doorway(listener, token, limits.object_bytes, limits.free_bytes, senders, told)
    finally:
        told.close()  # those who judge have ended
        hearing.join(HEARD_SECONDS)
