"""An archive that answers with one status after the other: warns, refuses, breaks off."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from pynetdicom import AE, AllStoragePresentationContexts, evt


class Moody:
    """An archive that answers with one status after the other, and then with success."""

    def __init__(self, *statuses: int | None) -> None:
        self.left = list(statuses)
        self.asked = 0
        entity = AE("ARCHIVE")
        entity.supported_contexts = AllStoragePresentationContexts
        self._server = entity.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self._answer)]
        )
        assert self._server is not None
        self.port = int(self._server.server_address[1])

    def _answer(self, event: evt.Event) -> int:
        self.asked += 1
        status = self.left.pop(0) if self.left else 0
        if status is None:
            event.assoc.abort()
            return 0
        return status

    def stop(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        end = time.monotonic() + 60
        while any("AcceptorThread" in t.name for t in threading.enumerate()):
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.fixture
def moody() -> Iterator[Callable[..., Moody]]:
    made: list[Moody] = []

    def make(*statuses: int | None) -> Moody:
        made.append(Moody(*statuses))
        return made[-1]

    yield make
    for each in made:
        each.stop()
