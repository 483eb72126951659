"""What storing and forwarding costs by itself: pynetdicom takes, syncs a file, and sends it.

    python -m benchmarks.gateway.relay FOLDER ARCHIVE_PORT

No verification, no queue that survives, no custody. It prints its port; a file that was sent goes.
"""

import os
import socket
import sys
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association

from benchmarks.sealed_images import KINDS

_config.STORE_SEND_CHUNKED_DATASET = True
_config.UNRESTRICTED_STORAGE_SERVICE = False


def main() -> None:
    """Relay until it is terminated."""
    folder, archive = Path(sys.argv[1]), int(sys.argv[2])
    waiting: SimpleQueue[Path] = SimpleQueue()

    def taken(event: evt.Event) -> int:
        path = folder / f"{generate_uid()}.dcm"
        with path.open("wb") as file:
            file.write(event.encoded_dataset())
            file.flush()
            os.fsync(file.fileno())
        waiting.put(path)
        return 0x0000

    entity = _entity()
    handlers: list[Any] = [(evt.EVT_C_STORE, taken), (evt.EVT_CONN_OPEN, _without_delay)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    assert server.socket is not None
    print(server.socket.getsockname()[1], flush=True)
    Thread(target=_forward, args=(waiting, archive), daemon=True).start()
    server.serve_forever()


def _entity() -> AE:
    made = AE("RELAY")
    made.maximum_pdu_size = 131_072
    for kind in KINDS:
        made.add_supported_context(kind.sop_class, ExplicitVRLittleEndian)
        made.add_requested_context(kind.sop_class, ExplicitVRLittleEndian)
    return made


def _without_delay(event: evt.Event) -> None:
    link = event.assoc.dul.socket
    assert link is not None
    assert link.socket is not None
    link.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _forward(waiting: "SimpleQueue[Path]", archive: int) -> None:
    association: Association | None = None
    while True:
        path = waiting.get()
        if association is None or not association.is_established:
            association = _entity().associate("127.0.0.1", archive, ae_title="ORTHANC")
            link = association.dul.socket
            assert link is not None
            assert link.socket is not None
            link.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if association.send_c_store(path).Status == 0x0000:
            path.unlink()
        else:
            waiting.put(path)


if __name__ == "__main__":
    main()
