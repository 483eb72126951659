"""Instances asked for by WADO-RS, and archives that answer with any bytes."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from stow_world import STUDY

SERIES = "1.2.3.77.1000"
ANY = 'multipart/related; type="application/dicom"; transfer-syntax=*'
ONE = f"/dicom-web/studies/{STUDY}/series/{SERIES}/instances/"


def get(running: Any, path: str, accept: str = ANY, **headers: str) -> Any:
    return running.ask("GET", path, Accept=accept, **headers)


@contextmanager
def hostile(
    answers: Callable[[str], bytes], context: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Listen as an archive that answers each request with such bytes, and closes."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def serve() -> None:
        while not stopped.is_set():
            try:
                line, _ = listener.accept()
            except OSError:
                return
            if context is not None:
                try:
                    line = context.wrap_socket(line, server_side=True)
                except OSError:
                    continue
            with closing(line):
                asked = line.recv(65536).decode("latin-1")
                line.sendall(answers(asked))
                with suppress(OSError):
                    line.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def http(status: int, body: bytes, kind: str, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n\r\n"
    return head.encode() + body
