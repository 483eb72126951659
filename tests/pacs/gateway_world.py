"""A gateway in a process of its own, its senders and its archives: DCMTK and Orthanc, real ones."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
import pytest
from service_world import altered

from benchmarks.ports import free_port
from benchmarks.workflow.tools import ToolMissingError, program
from ledger import Algorithm
from provenance import Site, seal
from provenance.pacs.arrivals import Instance, State
from provenance.pacs.dimse.command_set import Command, Element, write_command
from provenance.pacs.dimse.line import data_pdus
from provenance.pacs.dimse.negotiation import Context, request_pdu
from provenance.pacs.dimse.storage_scu import StorageScu
from provenance.pacs.gateway.configuration import Archive
from provenance.pacs.spool.spool import Spool

NODELAY = {**os.environ, "TCP_NODELAY": "1"}
SECONDS = 120.0
LIMITS = "[limits]\nfree_disk_bytes = 0\nidle_seconds = 2\nobject_seconds = 4\n"
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
POLICY = """version = 1
[defaults]
depth = "ledger"
[defaults.actions]
authentic = "accept"
unsealed = "tag"
altered = "refuse"
unreadable = "quarantine"
[[rules]]
name = "seals"
must_seal_ingest_since = 2026-01-01
[rules.match]
calling_ae = ["SEALS"]
[[rules]]
name = "old"
roles = ["device", "gateway"]
must_seal_ingest_since = 2026-01-01
[rules.match]
calling_ae = ["OLD"]
"""


def tool(name: str) -> str:
    """Return the path of a program of DCMTK, or skip."""
    try:
        return program(name)
    except ToolMissingError as error:
        pytest.skip(str(error))


def eventually(what: str, holds: Callable[[], bool], *, seconds: float = SECONDS) -> None:
    """Wait until something holds; fail with words if it never does."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            pytest.fail(f"it never came about: {what}")
        time.sleep(0.05)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Stop a process of ours."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def dataset_bytes(part10: bytes) -> bytes:
    """Return what stands behind the file meta information."""
    assert part10[128:132] == b"DICM"
    return part10[144 + int.from_bytes(part10[140:144], "little") :]


@dataclass
class Storescp:
    """DCMTK's archive: writes what it gets, bit by bit, into a folder."""

    folder: Path
    port: int = field(default_factory=free_port)
    options: Sequence[str] = ()
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> "Storescp":
        self.folder.mkdir(exist_ok=True)
        command = [tool("storescp"), "+xa", "+B", "--fork", "-od", str(self.folder)]
        command += ["-aet", "ARCHIVE", *self.options, str(self.port)]
        self.process = subprocess.Popen(
            command, env=NODELAY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        eventually("storescp listens", self._listens)
        return self

    def stop(self) -> None:
        if self.process is not None:
            end(self.process)
            self.process = None

    def datasets(self) -> list[bytes]:
        """Return what it holds."""
        return [dataset_bytes(path.read_bytes()) for path in sorted(self.folder.iterdir())]

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@dataclass
class World:
    """A site, a policy, and a gateway that can be started, stopped and killed."""

    folder: Path
    site: Site
    archives: Sequence[tuple[str, str, int]]  # name, AE title, port
    extra: str = ""  # lines of [limits], [sealing] and further tables
    listen: str = ""  # further lines of [listen]
    top: str = ""  # further lines at the top
    tail: str = ""  # further lines of the last archive
    policy: str = POLICY
    address: tuple[str, int] = ("", 0)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def log(self) -> Path:
        return self.folder / "gateway.log"

    def configuration(self) -> Path:
        """Write the file."""
        (self.folder / "policy.toml").write_text(self.policy)
        port = self.address[1]
        text = f'version = 1\nsite = "{self.site.folder}"\npolicy = "policy.toml"\n'
        text += f'spool = "spool"\n{self.top}\n[listen]\nae_title = "RADSEAL"\n'
        text += f'address = "127.0.0.1"\nport = {port}\n{self.listen}\n'
        if "[limits]" not in self.extra:
            text += "[limits]\nfree_disk_bytes = 0\n"
        text += self.extra + "\n"
        for name, title, at in self.archives:
            text += f'[[archives]]\nname = "{name}"\nae_title = "{title}"\n'
            text += f'host = "127.0.0.1"\nport = {at}\n'
        text += self.tail
        path = self.folder / "radseal-gateway.toml"
        path.write_text(text)
        return path

    def start(self, *options: str) -> "World":
        """Start it, at the same port as before if it ran already."""
        command = [sys.executable, "-m", "provenance.cli", "gateway", "--config"]
        command += [str(self.configuration()), *options]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        if " listens on " not in line:
            pytest.fail(f"the gateway did not start: {self.log.read_text()[-2000:]}")
        host, _, port = line.split()[3].rpartition(":")
        self.address = (host, int(port))
        return self

    def stop(self) -> int:
        """Stop it in order; return its exit code."""
        assert self.process is not None
        end(self.process)
        code, self.process = self.process.returncode, None
        return code

    def kill(self) -> None:
        """Kill it as a crash does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None

    def send(
        self,
        *files: Path,
        calling: str = "CT7",
        called: str = "RADSEAL",
        options: Sequence[str] = (),
    ) -> "subprocess.CompletedProcess[str]":
        """Send files over one association of storescu."""
        command = [tool("storescu"), "-v", "-R", "-aet", calling, "-aec", called, *options]
        command += [self.address[0], str(self.address[1]), *map(str, files)]
        return subprocess.run(
            command, env=NODELAY, capture_output=True, text=True, timeout=SECONDS, check=False
        )

    def counts(self) -> dict[State, int]:
        """Return the states of all objects."""
        with Spool.open(self.spool) as spool:
            return spool.counts()

    def lines(self) -> list[dict[str, object]]:
        """Return what the gateway wrote about objects."""
        found = [json.loads(line) for line in self.log.read_text().splitlines() if line[0] == "{"]
        return [each for each in found if each["says"] == "an object was answered"]

    def delivered(self, count: int) -> None:
        """Wait until so many objects are delivered."""
        eventually(f"{count} are delivered", lambda: self.counts()[State.DELIVERED] >= count)


@contextmanager
def scu(world: World) -> Iterator[StorageScu]:
    """A sender of our own, that tells the status."""
    with closing(StorageScu(Archive("gateway", "RADSEAL", *world.address), "CT7")) as made:
        yield made


def instance_of(path: Path) -> Instance:
    found = pydicom.dcmread(path, stop_before_pixels=True)
    syntax = str(found.file_meta.TransferSyntaxUID)
    return Instance(str(found.SOPClassUID), str(found.SOPInstanceUID), syntax)


def connected_until_closed(world: World) -> bool:
    """Connect, say nothing, and wait until the gateway closes."""
    with socket.create_connection(world.address, SECONDS) as line:
        return line.recv(1) == b""


@contextmanager
def running(world: World, *options: str) -> Iterator[World]:
    """Run a gateway for a while."""
    world.start(*options)
    try:
        yield world
    finally:
        if world.process is not None:
            world.stop()


@pytest.fixture(scope="module")
def gateway_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site.init(tmp_path_factory.mktemp("site") / "here", algorithm=Algorithm.ED25519)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Storescp]:
    made = Storescp(tmp_path / "archive").start()
    yield made
    made.stop()


@pytest.fixture
def world(tmp_path: Path, gateway_site: Site, archive: Storescp) -> Iterator[World]:
    with running(World(tmp_path, gateway_site, [("archive", "ARCHIVE", archive.port)])) as made:
        yield made


@pytest.fixture
def files(tmp_path: Path, gateway_site: Site, make_dicom: Callable[..., bytes]) -> dict[str, Path]:
    """A sealed object, an altered one, one that was never sealed."""
    chance = np.random.default_rng(1)
    with gateway_site.device() as device:
        sealed = seal(
            make_dicom(chance.integers(0, 4096, (64, 80)).astype(np.uint16)),
            device=device,
            profile="none",
        ).to_bytes()
    unsealed = make_dicom(chance.integers(0, 4096, (64, 80)).astype(np.uint16))
    found = {}
    for name, data in (("sealed", sealed), ("altered", altered(sealed)), ("unsealed", unsealed)):
        found[name] = tmp_path / f"{name}.dcm"
        found[name].write_bytes(data)
    return found


@pytest.fixture
def strict(tmp_path: Path, gateway_site: Site, archive: Storescp) -> Iterator[World]:
    """A gateway with little patience and little room."""
    limits = LIMITS + "object_bytes = 65536\nassociations = 4\n"
    archives = [("archive", "ARCHIVE", archive.port)]
    with running(World(tmp_path, gateway_site, archives, extra=limits)) as made:
        yield made


@contextmanager
def connected(world: World, *, established: bool = True) -> Iterator[socket.socket]:
    """Hold a connection, or an association for CT images in context 1."""
    with closing(socket.create_connection(world.address, 30)) as line:
        if established:
            line.sendall(request_pdu("FUZZ", "RADSEAL", [Context(CT, EXPLICIT)]))
            assert line.recv(1) == b"\2"
            line.recv(65_536)
        yield line


def closed(line: socket.socket) -> bool:
    """Read to the end of a connection that the gateway must close."""
    line.settimeout(SECONDS)
    try:
        while line.recv(65_536):
            pass
    except ConnectionError:
        pass
    return True


def nothing_incoming(world: World) -> None:
    """Wait until no half object is left."""
    eventually("no half object is left", lambda: not list((world.spool / "incoming").iterdir()))


def half_an_object() -> bytes:
    """Return a C-STORE-RQ and the beginning of its data set."""
    command = write_command(
        {
            Element.SOP_CLASS: CT,
            Element.COMMAND: Command.C_STORE_RQ,
            Element.MESSAGE_ID: 1,
            Element.PRIORITY: 0,
            Element.DATASET_TYPE: 0,
            Element.SOP_INSTANCE: "1.2.3",
        }
    )
    begun = data_pdus(1, [(command, True)], command=True)
    return begun + data_pdus(1, [(bytes(2000), False)], command=False)
