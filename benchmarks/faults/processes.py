"""Log servers and witnesses as processes of their own, that can be asked, limited and killed."""

import http.client
import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Self

CHECKOUT = Path(__file__).resolve().parents[2]
LOG = ("log", "serve", "--site")
WITNESS = ("witness", "serve", "--dir")
SECONDS = 20.0

Failed = (OSError, http.client.HTTPException)


class Process:
    """A running server; ``started`` is how many seconds it took until it listened."""

    def __init__(self, verb: tuple[str, ...], folder: Path, *, port: int = 0) -> None:
        began = time.perf_counter()
        words = [*verb, str(folder), "--listen", f"127.0.0.1:{port}", "--json"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "provenance.cli", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=CHECKOUT,
        )
        self.port = self._announced()
        self.started = time.perf_counter() - began

    def _announced(self) -> int:
        assert self._process.stdout is not None
        answer = ""
        for line in self._process.stdout:
            answer += line
            if line == "}\n" or answer.rstrip().endswith("}"):
                break
        try:
            return int(json.loads(answer)["listening"].rpartition(":")[2])
        except (KeyError, ValueError) as error:
            self.kill()
            raise RuntimeError(f"the server did not start: {answer}") from error

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """One request; one of ``Failed`` if there is no answer."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        with closing(line) as connection:
            connection.request(method, path, body, {"Connection": "close"})
            with connection.getresponse() as response:
                return response.status, response.read()

    def health(self) -> dict[str, object]:
        """What it says of itself."""
        fields: dict[str, object] = json.loads(self.ask("GET", "/health")[1])
        return fields

    def limit_files(self, size: int) -> None:
        """No file it writes may be longer: to the process, the disk is full."""
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def kill(self) -> None:
        """kill -9; no process is left behind."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Stop it in order; return its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(timeout=SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


@contextmanager
def witnesses(folders: list[Path]) -> Iterator[list[Process]]:
    """Run a witness in each folder."""
    running: list[Process] = []
    try:
        for folder in folders:
            running.append(Process(WITNESS, folder))
        yield running
    finally:
        for each in running:
            each.kill()
