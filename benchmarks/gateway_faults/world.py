"""A gateway, its senders and an Orthanc behind it: processes that can be killed and asked."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.uid import UID

from benchmarks.orthanc.world import Process
from benchmarks.ports import free_port
from benchmarks.sealed_images import Kind, make_images
from benchmarks.workflow.orthanc import PROGRAM
from benchmarks.workflow.tools import program
from provenance import Site

CHECKOUT = Path(__file__).resolve().parents[2]
NODELAY = {**os.environ, "TCP_NODELAY": "1"}
SMALL = Kind("CT", UID("1.2.840.10008.5.1.4.1.1.2"), 128, 128)
PATIENCE = 180.0
POLICY = """version = 1
[defaults]
depth = "ledger"
[defaults.actions]
authentic = "accept"
unsealed = "quarantine"
unreadable = "quarantine"
altered = "refuse"
"""
_SENDING = re.compile(r"Sending file: (.+)$")
_ANSWERED = re.compile(r"Received Store Response \((.+)\)$")


def eventually(what: str, holds: Callable[[], bool], *, seconds: float = PATIENCE) -> None:
    """Return once it holds; RuntimeError with the words if it never does."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(f"it never came about: {what}")
        time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Resources:
    """What a process holds.

    ``databases`` are descriptors of the spool's database. While one connection of a process is
    open, SQLite keeps those of closed ones for the next: as many as were open at once.
    """

    threads: int
    descriptors: int
    databases: int

    @classmethod
    def of(cls, pid: int) -> "Resources":
        """Count them now."""
        folder, names = Path(f"/proc/{pid}"), []
        for each in (folder / "fd").iterdir():
            with suppress(FileNotFoundError):  # closed just now
                names.append(each.readlink().name)
        databases = names.count("spool.db")
        return cls(len(list((folder / "task").iterdir())), len(names) - databases, databases)

    @classmethod
    def at_rest(cls, pid: int) -> "Resources":
        """Count them once they stay the same for a second."""
        before: Resources | None = None
        while (now := cls.of(pid)) != before:
            before = now
            time.sleep(1)
        return now

    def within(self, before: "Resources", *, at_once: int) -> bool:
        """Whether nothing has leaked, with so many associations at once.

        Of a few descriptors it cannot be told.
        """
        return (
            self.threads <= before.threads
            and self.descriptors <= before.descriptors + 4
            and self.databases <= before.databases + at_once
        )


@dataclass
class Door:
    """A gateway in a process of its own, always at the same port."""

    folder: Path
    site: Site
    archive: int
    log: str | None = None
    limits: str = "free_disk_bytes = 0"
    policy: str = POLICY
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[str] | None" = None

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def written(self) -> Path:
        """Where its lines are."""
        return self.folder / "gateway.log"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it, and return once it listens."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "policy.toml").write_text(self.policy)
        log = "" if self.log is None else f'log = "{self.log}"\n'
        (self.folder / "gateway.toml").write_text(
            f'version = 1\nsite = "{self.site.folder}"\npolicy = "policy.toml"\nspool = "spool"\n'
            f'{log}[listen]\nae_title = "RADSEAL"\naddress = "127.0.0.1"\nport = {self.port}\n'
            f'[limits]\n{self.limits}\n[[archives]]\nname = "archive"\nae_title = "ORTHANC"\n'
            f'host = "127.0.0.1"\nport = {self.archive}\n'
        )
        words = [sys.executable, "-m", "provenance.cli", "gateway", "--config"]
        with self.written.open("ab") as file:
            self.process = subprocess.Popen(
                [*words, str(self.folder / "gateway.toml")],
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
                cwd=CHECKOUT,
            )
        assert self.process.stdout is not None
        if " listens on " not in self.process.stdout.readline():
            self.end(signal.SIGKILL)
            raise RuntimeError(f"it did not start: {self.written.read_text()[-2000:]}")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it, or kill it; return its exit code."""
        assert self.process is not None
        process, self.process = self.process, None
        process.send_signal(number)
        code = process.wait(PATIENCE)
        assert process.stdout is not None
        process.stdout.close()
        return code

    def ask(self, question: str) -> list[tuple[object, ...]]:
        """Return what the spool's database answers."""
        place = f"file:{self.spool / 'spool.db'}?mode=ro"
        with closing(sqlite3.connect(place, uri=True, timeout=30)) as held:
            return held.execute(question).fetchall()

    def number(self, question: str) -> int:
        """Return the number that the spool's database answers."""
        ((found,),) = self.ask(question)
        assert isinstance(found, int)
        return found

    def uids(self, state: str) -> list[str]:
        """Return the SOP Instance UIDs of all objects in a state."""
        rows = self.ask(f"select sop_instance from object where state = '{state}'")
        return [str(uid) for (uid,) in rows]

    def nothing_waits(self) -> bool:
        """Whether archives and the log have all that they shall have."""
        with suppress(sqlite3.OperationalError):  # it is being made
            return not self.number(
                "select (select count(*) from delivery where sent is null)"
                " + (select count(*) from custody where entry is null and error is null)"
            )
        return False

    def nothing_half(self) -> bool:
        """Whether no part of an object lies about: each file has its row."""
        known = {str(name) for (name,) in self.ask("select name from object")}
        there = {path.name for path in (self.spool / "objects").iterdir()}
        return not list((self.spool / "incoming").iterdir()) and there <= known


class Sending:
    """storescu at work; ``answers`` has each file's answer as it comes, None without one."""

    def __init__(self, paths: Sequence[Path], port: int) -> None:
        words = [program("storescu"), "-v", "-R", "-nh", "-aet", "CT7", "-aec", "RADSEAL"]
        self._process = subprocess.Popen(
            [*words, "127.0.0.1", str(port), *map(str, paths)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=NODELAY,
        )
        self.answers: dict[Path, str | None] = dict.fromkeys(paths)

    def __iter__(self) -> Iterator[str]:
        """Yield each answer; at the end of the association, stop."""
        assert self._process.stdout is not None
        sending: Path | None = None
        for line in self._process.stdout:
            if found := _SENDING.search(line.rstrip()):
                sending = Path(found[1])
            elif (found := _ANSWERED.search(line.rstrip())) and sending is not None:
                self.answers[sending] = found[1]
                yield found[1]
        self._process.stdout.close()
        self._process.wait(PATIENCE)


@dataclass(frozen=True, slots=True)
class Images:
    """Files, and what shall become of them."""

    sealed: tuple[Path, ...]
    unsealed: tuple[Path, ...]
    altered: tuple[Path, ...]

    @classmethod
    def make(cls, count: int, site: Site, folder: Path) -> "Images":
        """Make so many: of six, four are sealed, one is altered, one was never sealed."""
        paths = make_images(SMALL, count, site, folder)
        for path in paths[1::6]:
            _change(path, _without_seal)
        for path in paths[2::6]:
            _change(path, _with_one_bit_changed)
        sealed = [path for number, path in enumerate(paths) if number % 6 not in (1, 2)]
        return cls(tuple(sealed), tuple(paths[1::6]), tuple(paths[2::6]))

    @property
    def all(self) -> list[Path]:
        return sorted((*self.sealed, *self.unsealed, *self.altered))


def uid_of(path: Path) -> str:
    """Return the SOP Instance UID of a file."""
    import pydicom

    return str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)


def data_set(content: bytes) -> bytes:
    """Return a file without its preamble and file meta information (PS3.10, 7.1)."""
    return content[144 + int.from_bytes(content[140:144], "little") :]


def _change(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


def _with_one_bit_changed(content: bytes) -> bytes:
    at = content.index(b"\xe0\x7f\x10\x00") + 100
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def _without_seal(content: bytes) -> bytes:
    from io import BytesIO

    import pydicom
    from pydicom.uid import generate_uid

    found = pydicom.dcmread(BytesIO(content))
    found.remove_private_tags()
    found.SOPInstanceUID = found.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    found.PixelData = bytes(reversed(found.PixelData))
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, found)
    return buffer.getvalue()


def orthanc(folder: Path) -> tuple[Process, int]:
    """Return an Orthanc that is not started yet, and its DICOM port."""
    folder.mkdir()
    http, dicom = free_port(), free_port()
    settings = {
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "HttpPort": http,
        "DicomPort": dicom,
        "DicomAet": "ORTHANC",
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowMove": True,
        "OverwriteInstances": True,
    }
    (folder / "db").mkdir()
    file = folder / "orthanc.json"
    file.write_text(json.dumps(settings))
    log = folder / "orthanc.log"
    words = [PROGRAM, str(file)]
    return Process("Orthanc", words, log, http, "/system", {"TCP_NODELAY": "1"}), dicom
