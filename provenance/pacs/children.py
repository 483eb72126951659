"""Processes of a gateway: a forwarder for each archive, and one that writes custody to the log.

So a slow archive holds up neither another nor the door, nor does signing; the door has a core to
itself. A child hears over its standard input: a line of JSON that says what to do, then a byte
whenever there is something new; its end, also that of a parent that was killed, means stop.
"""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict

from provenance.pacs.configuration import Configuration

STOP_SECONDS = 90.0
RESTART_SECONDS = 2.0

_CHILD = "provenance.pacs.child"
_logger = logging.getLogger(__name__)


def jobs_of(configuration: Configuration) -> list[bytes]:
    """Return what each child shall do."""
    custody: dict[str, object] = {
        "does": "custody",
        "site": str(configuration.site),
        "log": configuration.log,
        "deadline_seconds": configuration.custody_deadline.total_seconds(),
    }
    title = configuration.listen.ae_title
    forward: list[dict[str, object]] = [
        {"does": "forward", "title": title, "archive": asdict(each)}
        for each in configuration.archives
    ]
    spool: dict[str, object] = {"spool": str(configuration.spool)}
    jobs = [job | spool for job in (custody, *forward)]
    return [json.dumps(job, default=str).encode() + b"\n" for job in jobs]


class Children:
    """The child processes; one that ends unasked is started again."""

    def __init__(self, jobs: Sequence[bytes]) -> None:
        self._jobs = jobs
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._children = [_start(job) for job in self._jobs]
        self._watch = threading.Thread(target=self._run, name="radseal-children", daemon=True)
        self._watch.start()

    def wake(self) -> None:
        """Say that there is something to forward."""
        with self._lock:
            for child in self._children:
                assert child.stdin is not None
                with suppress(OSError, ValueError):
                    os.write(child.stdin.fileno(), b"\n")

    def close(self) -> None:
        """Let each end what it is doing, the forwarders first, and stop."""
        self._stopped.set()
        self._watch.join()
        custody, *forwarders = self._children
        for group in (forwarders, [custody]):  # what was sent is told, too
            for child in group:
                _end_input(child)
            for child in group:
                _await(child)

    def _run(self) -> None:
        while not self._stopped.wait(RESTART_SECONDS):
            for number, child in enumerate(self._children):
                if child.poll() is not None:
                    _logger.critical(
                        "a process of the gateway ended with %s: started again", child.returncode
                    )
                    with self._lock:
                        _end_input(child)
                        self._children[number] = _start(self._jobs[number])


def _await(child: "subprocess.Popen[bytes]") -> None:
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _end_input(child: "subprocess.Popen[bytes]") -> None:
    assert child.stdin is not None
    with suppress(OSError):
        child.stdin.close()


def _start(job: bytes) -> "subprocess.Popen[bytes]":
    child = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", _CHILD], stdin=subprocess.PIPE
    )
    assert child.stdin is not None
    with suppress(OSError):
        child.stdin.write(job)
        child.stdin.flush()
    os.set_blocking(child.stdin.fileno(), False)  # a child that does not read holds nobody up
    return child
