"""Processes that forward, one for each archive: a slow one holds up neither another nor the door.

A child hears over its standard input: a line of JSON that says what to do, then a byte whenever
there is something new; its end, also that of a parent that was killed, means stop.
"""

import json
import logging
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from provenance.pacs.configuration import Archive, TlsFiles
from provenance.pacs.forwarder import Forwarder
from provenance.pacs.spool import Spool
from provenance.pacs.storage_scu import StorageScu
from provenance.pacs.tls import client_context
from provenance.servers.log_lines import log_lines

STOP_SECONDS = 90.0
RESTART_SECONDS = 2.0

_logger = logging.getLogger(__name__)


class Forwarding:
    """The forwarding processes of a gateway; one that ends unasked is started again."""

    def __init__(self, spool: Path, title: str, archives: Sequence[Archive]) -> None:
        self._jobs = [_job(spool, title, archive) for archive in archives]
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._children = [_start(job) for job in self._jobs]
        self._watch = threading.Thread(target=self._run, name="radseal-forwarding", daemon=True)
        self._watch.start()

    def wake(self) -> None:
        """Say that there is something to forward."""
        with self._lock:
            for child in self._children:
                assert child.stdin is not None
                with suppress(OSError, ValueError):
                    os.write(child.stdin.fileno(), b"\n")

    def close(self) -> None:
        """Let each send what it is sending, and stop."""
        self._stopped.set()
        self._watch.join()
        for child in self._children:
            _end_input(child)
        for child in self._children:
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _run(self) -> None:
        while not self._stopped.wait(RESTART_SECONDS):
            for number, child in enumerate(self._children):
                if child.poll() is not None:
                    _logger.critical("a forwarder ended with %s: started again", child.returncode)
                    with self._lock:
                        _end_input(child)
                        self._children[number] = _start(self._jobs[number])


def _end_input(child: "subprocess.Popen[bytes]") -> None:
    assert child.stdin is not None
    with suppress(OSError):
        child.stdin.close()


def _job(spool: Path, title: str, archive: Archive) -> bytes:
    fields = {"spool": str(spool), "title": title, "archive": asdict(archive)}
    return json.dumps(fields, default=str).encode() + b"\n"


def _start(job: bytes) -> "subprocess.Popen[bytes]":
    child = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", __name__], stdin=subprocess.PIPE
    )
    assert child.stdin is not None
    with suppress(OSError):
        child.stdin.write(job)
        child.stdin.flush()
    os.set_blocking(child.stdin.fileno(), False)  # a child that does not read holds nobody up
    return child


class _Parent:
    """The standard input of a forwarding process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.gone = False

    def job(self) -> dict[str, object]:
        """Return what to do: the first line."""
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(self._descriptor, 1)
            if not byte:
                raise SystemExit(0)
            line += byte
        found = json.loads(line)
        assert isinstance(found, dict)
        return found

    def wait(self, most: timedelta) -> None:
        """Return at the next byte, at the end, or after that time."""
        if self.gone:
            return
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN | select.POLLHUP)
        if poll.poll(max(0.0, most.total_seconds() * 1000)):
            self.gone = not os.read(self._descriptor, 65_536)

    def stopping(self) -> bool:
        """Whether the end has come."""
        self.wait(timedelta(0))
        return self.gone


def _archive(fields: dict[str, object]) -> Archive:
    tls = fields.pop("tls")
    files = None
    if isinstance(tls, dict):
        files = TlsFiles(**{name: Path(p) if p else None for name, p in tls.items()})
    return Archive(**fields, tls=files)  # type: ignore[arg-type]


def main() -> None:
    """Forward to one archive until standard input ends."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # the parent stops us
    parent = _Parent(sys.stdin.fileno())
    job = parent.job()
    fields = job["archive"]
    assert isinstance(fields, dict)
    archive = _archive(fields)
    tls = None if archive.tls is None else client_context(archive.tls)
    with log_lines(), Spool.open(Path(str(job["spool"]))) as spool:
        Forwarder(
            spool,
            StorageScu(archive, str(job["title"]), tls),
            clock=lambda: datetime.now(UTC),
            wait=parent.wait,
            stopping=parent.stopping,
        ).run()


if __name__ == "__main__":
    main()
