"""A child process of a gateway (children.py): `python -m provenance.pacs.gateway.child`."""

import json
import logging
import os
import select
import signal
import sys
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ledger import Role
from provenance.audit_trail import Collector
from provenance.pacs.custody.writer import CustodyThread
from provenance.pacs.dimse.forwarder import Forwarder
from provenance.pacs.dimse.lanes import Lanes
from provenance.pacs.dimse.storage_scu import StorageScu
from provenance.pacs.dimse.tls import client_context
from provenance.pacs.gateway.auditing import SentTo, Tell, forwarder_trail
from provenance.pacs.gateway.configuration import Archive, TlsFiles
from provenance.pacs.quarantine.housekeeper import Housekeeper
from provenance.pacs.service.desk import Desk, Workplace
from provenance.pacs.spool.lock import one_at_a_time
from provenance.pacs.spool.spool import Spool
from provenance.servers.log_lines import log_lines
from provenance.site.device import Device
from provenance.site.site import Site

_LOOK = timedelta(seconds=0.2)
_logger = logging.getLogger(__name__)


class _Parent:
    """The standard input of a forwarding process."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.gone = False

    def job(self) -> dict[str, Any]:
        """Return what to do: the first line."""
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(self.descriptor, 1)
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
        poll.register(self.descriptor, select.POLLIN | select.POLLHUP)
        if poll.poll(max(0.0, most.total_seconds() * 1000)):
            self.gone = not os.read(self.descriptor, 65_536)

    def stopping(self) -> bool:
        """Whether the end has come."""
        self.wait(timedelta(0))
        return self.gone


def _archive(fields: dict[str, Any]) -> Archive:
    tls = fields.pop("tls")
    files = None
    if isinstance(tls, dict):
        files = TlsFiles(**{name: Path(p) if p else None for name, p in tls.items()})
    return Archive(**fields, tls=files)


def _now() -> datetime:
    return datetime.now(UTC)


def _forward(job: dict[str, Any], parent: _Parent) -> None:
    archive = _archive(job["archive"])
    tls = None if archive.tls is None else client_context(archive.tls)
    with ExitStack() as stack:
        spool = stack.enter_context(Spool.open(Path(job["spool"])))
        tell = _tell(job, archive.name, stack)
        scus = [StorageScu(archive, job["title"], tls) for _ in range(archive.associations)]
        Forwarder(
            archive.name,
            spool,
            Lanes(scus),
            clock=_now,
            wait=parent.wait,
            stopping=parent.stopping,
            sent=SentTo(tell, archive),
        ).run()


def _tell(job: dict[str, Any], archive: str, stack: ExitStack) -> Tell:
    fields = job["audit"]
    if fields is None:
        return lambda _fact: None
    for name in ("ca", "certificate", "key"):
        fields[name] = Path(fields[name]) if fields[name] else None
    collector = Collector(**fields)
    trail = forwarder_trail(Path(job["spool"]), collector, job["title"], job["name"], archive)
    return stack.enter_context(trail).tell


def _write_custody(job: dict[str, Any], parent: _Parent) -> None:
    site, log = Site.open(job["site"]), job["log"]

    def open_device() -> Device:
        return site.device(Role.GATEWAY) if log is None else site.remote_device(log, Role.GATEWAY)

    deadline = timedelta(seconds=job["deadline_seconds"])
    spool = Path(job["spool"])
    thread = CustodyThread(spool, open_device, clock=_now, deadline=deadline)
    after = timedelta(seconds=job["forget_after_seconds"])
    with closing(thread), closing(Housekeeper(spool, clock=_now, forget_after=after)):
        while not parent.gone and thread.alive:
            parent.wait(timedelta(seconds=1))


def _judge(job: dict[str, Any], parent: _Parent) -> None:
    policy = bytes.fromhex(job["policy"])
    place = Workplace(Path(job["site"]), policy, Path(job["spool"]), job["log"])
    line = Connection(parent.descriptor)
    with ExitStack() as stack:
        desk: Desk | None = None
        while True:
            try:
                path, sender = line.recv()
            except (EOFError, OSError):
                return
            try:
                desk = desk or stack.enter_context(closing(Desk.open(place)))
                answer: object = desk.opinion(path, sender)
            except Exception as error:
                _logger.exception("an object was not judged")
                answer = f"judging failed ({type(error).__name__})"
            line.send(answer)


def main() -> None:
    """Do one job until standard input ends."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # the parent stops us
    parent = _Parent(sys.stdin.fileno())
    job = parent.job()
    if job["does"] == "judge":  # as many as there are cores
        with log_lines():
            _judge(job, parent)
        return

    def wait() -> bool:
        parent.wait(_LOOK)
        return not parent.gone

    name = str(job["does"]) + (job["archive"]["name"] if "archive" in job else "")
    with log_lines(), one_at_a_time(Path(job["spool"]), name, wait=wait) as mine:
        if mine:
            {"forward": _forward, "custody": _write_custody}[job["does"]](job, parent)


if __name__ == "__main__":
    main()
