"""A stand-in for the service that lets everything in at once: what is left is the script's cost.

python -m benchmarks.orthanc.stand_in PORT DOOR
"""

import json
import secrets
import socket
import struct
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

_SIZES = struct.Struct(">IQ")
_REPORT = {"sop_instance_uid": "1.2.3", "checks": ["x" * 2000]}


class Handler(BaseHTTPRequestHandler):
    """Says over HTTP that it is there."""

    def do_GET(self) -> None:
        """Answer /live."""
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *words: object) -> None:
        """Say nothing."""


def _listen(path: str) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    while True:
        connection, _ = listener.accept()
        Thread(target=_serve, args=(connection,), daemon=True).start()


def _serve(connection: socket.socket) -> None:
    key = ""
    while first := connection.recv(_SIZES.size, socket.MSG_WAITALL):
        size, more = _SIZES.unpack(first)
        head = json.loads(connection.recv(size, socket.MSG_WAITALL))
        if more:
            connection.recv(more, socket.MSG_WAITALL)
            key = head["key"]
            continue
        answer: dict[str, object] = {"hello": "stand-in"}
        if head.get("ask") == "go":
            name = f"{secrets.token_hex(16)}.dcm"
            answer = {"action": "accept", "verdict": "AUTHENTIC", "report": _REPORT}
            answer |= {"name": name, "key": key}
        if head.get("ask") == "numbers":
            answer = {"numbers": dict.fromkeys(head["names"], 1)}
        encoded = json.dumps(answer).encode()
        connection.sendall(_SIZES.pack(len(encoded), 0) + encoded)


if __name__ == "__main__":
    Thread(target=_listen, args=(sys.argv[2],), daemon=True).start()
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
