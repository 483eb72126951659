"""A stand-in for the service that lets everything in at once: what is left is the script's cost.

python -m benchmarks.orthanc.stand_in PORT
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_ANSWER = json.dumps(
    {"action": "accept", "verdict": "AUTHENTIC", "report": {"sop_instance_uid": "1.2.3"}}
).encode()


class Handler(BaseHTTPRequestHandler):
    """Reads a body, and says yes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer /ingest."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer()

    def do_GET(self) -> None:
        """Answer /live."""
        self._answer()

    def _answer(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(_ANSWER)))
        self.end_headers()
        self.wfile.write(_ANSWER)

    def log_message(self, format: str, *words: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
