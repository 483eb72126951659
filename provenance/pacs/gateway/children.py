"""Processes beside a door: a forwarder for each archive, and one that writes custody to the log.

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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from provenance.audit_trail import Collector
from provenance.pacs.gateway.auditing import NAME
from provenance.pacs.gateway.configuration import Archive, Configuration

STOP_SECONDS = 90.0
RESTART_SECONDS = 2.0

_CHILD = "provenance.pacs.gateway.child"
_logger = logging.getLogger(__name__)


def custody_job(configuration: Configuration) -> bytes:
    """Return what the child does that writes custody to the log."""
    return _line(
        {
            "does": "custody",
            "site": str(configuration.site),
            "log": configuration.log,
            "deadline_seconds": configuration.custody_deadline.total_seconds(),
            "forget_after_seconds": configuration.forget_after.total_seconds(),
            "spool": str(configuration.spool),
        }
    )


def judge_job(configuration: Configuration, policy: bytes) -> bytes:
    """Return what a process does that judges, by a policy with that content."""
    return _line(
        {
            "does": "judge",
            "site": str(configuration.site),
            "policy": policy.hex(),
            "spool": str(configuration.spool),
            "log": configuration.log,
        }
    )


def forward_jobs(
    spool: Path,
    title: str,
    archives: Sequence[Archive],
    audit: Collector | None = None,
    *,
    name: str = NAME,
) -> list[bytes]:
    """Return what the forwarders do, one for each archive.

    ``audit`` hears what they have sent, from the server called ``name``.
    """
    common = {
        "does": "forward",
        "title": title,
        "name": name,
        "spool": str(spool),
        "audit": None if audit is None else asdict(audit),
    }
    return [_line({**common, "archive": asdict(each)}) for each in archives]


def _line(job: Mapping[str, object]) -> bytes:
    return json.dumps(job, default=str).encode() + b"\n"


class Children:
    """The child processes; one that ends unasked is started again.

    The last of the ``jobs`` is stopped when the others have ended: what was sent is told, too.
    """

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

    def change(self, jobs: Sequence[bytes]) -> None:
        """Let each end what it is doing, and then do ``jobs``."""
        with self._lock:
            before, self._children, self._jobs = self._children, [], jobs
        _stop(before)
        with self._lock:
            self._start_missing()

    def close(self) -> None:
        """Let each end what it is doing, and stop."""
        self._stopped.set()
        self._watch.join()
        _stop(self._children)

    def _run(self) -> None:
        while not self._stopped.wait(RESTART_SECONDS):
            with self._lock:
                for number, child in enumerate(self._children):
                    if child.poll() is not None:
                        _logger.critical(
                            "a process of the gateway ended with %s: started again",
                            child.returncode,
                        )
                        _end_input(child)
                        self._children[number] = _start(self._jobs[number])
                self._start_missing()

    def _start_missing(self) -> None:
        """Start what is to be done and is not; whoever still does it is waited for (lock.py)."""
        try:
            for job in self._jobs[len(self._children) :]:
                self._children.append(_start(job))
        except OSError as error:
            _logger.critical("a process of the gateway did not start: %s", error)


def _stop(children: "Sequence[subprocess.Popen[bytes]]") -> None:
    for group in (children[:-1], children[-1:]):
        for child in group:
            _end_input(child)
        for child in group:
            _await(child)


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
