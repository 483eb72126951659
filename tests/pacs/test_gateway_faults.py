"""What goes wrong between a sender and the gateway: nothing is lost, hangs or leaks."""

import os
import random
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from gateway_world import (
    NODELAY,
    SECONDS,
    Storescp,
    World,
    archive,
    dataset_bytes,
    eventually,
    files,
    gateway_site,
    instance_of,
    running,
    scu,
    tool,
    world,
)

from provenance import Site
from provenance.pacs.arrivals import Instance, State
from provenance.pacs.negotiation import Context, request_pdu
from provenance.pacs.storage_scu import NotStoredError

__all__ = ["archive", "files", "gateway_site", "world"]

FUZZED = int(os.environ.get("RADSEAL_FUZZED_ASSOCIATIONS", "200"))
LIMITS = "[limits]\nfree_disk_bytes = 0\nidle_seconds = 2\nobject_seconds = 4\n"
CT = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"


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


def test_killed_in_mid_transfer_it_has_what_it_acknowledged(
    world: World, archive: Storescp, tmp_path: Path, make_dicom: Callable[..., bytes]
) -> None:
    paths = []
    for number in range(60):
        paths.append(tmp_path / f"n{number:02}.dcm")
        pixels = np.full((200, 200), number, np.uint16)
        paths[-1].write_bytes(make_dicom(pixels))
    acknowledged: list[bytes] = []
    left = list(paths)
    for _ in range(2):
        answered = len(world.lines())
        command = [tool("storescu"), "-v", "-R", "-aec", "RADSEAL", world.address[0]]
        command += [str(world.address[1]), *map(str, left)]
        sender = subprocess.Popen(
            command, env=NODELAY, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        eventually("some are answered", lambda seen=answered: len(world.lines()) >= seen + 8)
        world.kill()
        _, told = sender.communicate(timeout=SECONDS)
        count = told.decode().count("Received Store Response (Success)")
        acknowledged += [dataset_bytes(path.read_bytes()) for path in left[:count]]
        left = left[count:]
        world.start()
    assert len(acknowledged) >= 14
    assert world.send(*left).returncode == 0
    wanted = {dataset_bytes(path.read_bytes()) for path in paths}
    eventually("all have arrived", lambda: len(list(archive.folder.iterdir())) == len(paths))
    eventually("none waits", lambda: world.counts()[State.FORWARDING] == 0)
    assert set(archive.datasets()) == wanted


def test_a_forwarder_that_is_killed_is_started_again(
    world: World, archive: Storescp, files: dict[str, Path]
) -> None:
    assert world.process is not None
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(world.process.pid)],
        capture_output=True,
        text=True,
        check=True,
    )
    for pid in found.stdout.split():
        os.kill(int(pid), signal.SIGKILL)
    assert world.send(files["sealed"]).returncode == 0
    world.delivered(1)
    assert "a forwarder ended" in world.log.read_text()


def test_a_full_disk_takes_nothing_and_says_so(
    tmp_path: Path, gateway_site: Site, archive: Storescp, files: dict[str, Path]
) -> None:
    limits = f"[limits]\nfree_disk_bytes = {1 << 50}\n"
    archives = [("archive", "ARCHIVE", archive.port)]
    with running(World(tmp_path, gateway_site, archives, extra=limits)) as made:
        sent = made.send(files["sealed"])
        assert sent.returncode != 0
        assert "OutOfResources" in sent.stderr
        assert made.lines()[-1]["status"] == "A700"
        assert sum(made.counts().values()) == 0
        nothing_incoming(made)


def test_an_object_that_is_too_large_is_cut_off(
    strict: World, tmp_path: Path, make_dicom: Callable[..., bytes], files: dict[str, Path]
) -> None:
    large = tmp_path / "large.dcm"
    large.write_bytes(make_dicom(np.zeros((256, 256), np.uint16)))
    assert strict.send(large).returncode != 0
    nothing_incoming(strict)
    assert sum(strict.counts().values()) == 0
    assert strict.send(files["sealed"]).returncode == 0


@pytest.mark.parametrize(
    "said", [b"", b"\1\0\0", b"\1\0\0\0\1\0" + bytes(60), b"\4\0\0\0\0\7\0\0\0\3\1\0\0", b"GET / H"]
)
def test_half_open_connections_end(strict: World, files: dict[str, Path], said: bytes) -> None:
    with connected(strict, established=False) as line:
        line.sendall(said)
        assert strict.send(files["sealed"]).returncode == 0
        assert closed(line)


def test_an_association_that_falls_silent_within_an_object_ends(strict: World) -> None:
    with connected(strict) as line:
        line.sendall(half_an_object())
        assert closed(line)
    nothing_incoming(strict)
    assert sum(strict.counts().values()) == 0


def test_a_sender_that_is_too_slow_is_cut_off(strict: World, files: dict[str, Path]) -> None:
    with connected(strict) as line:
        line.sendall(half_an_object())
        piece = b"\4\0\0\0\0\7\0\0\0\3\1\0x"
        end = time.monotonic() + SECONDS
        cut = False
        while not cut and time.monotonic() < end:
            try:
                line.sendall(piece)
            except ConnectionError:
                cut = True
            time.sleep(0.2)
        assert cut
        assert strict.send(files["sealed"]).returncode == 0
    nothing_incoming(strict)


def test_one_association_too_many_is_rejected(strict: World, files: dict[str, Path]) -> None:
    from contextlib import ExitStack

    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(connected(strict))
        sent = strict.send(files["sealed"])
        assert "Temporary Congestion" in sent.stderr or "Local Limit" in sent.stderr, sent.stderr


def test_the_statuses_of_what_is_not_taken(world: World, files: dict[str, Path]) -> None:
    altered = instance_of(files["altered"])
    other = Instance(altered.sop_class, "1.2.3.4", altered.transfer_syntax)
    with scu(world) as sender:
        with pytest.raises(NotStoredError, match="C0A1"):
            sender.store(files["altered"], altered)
        with pytest.raises(NotStoredError, match="A900"):
            sender.store(files["sealed"], other)
        assert sender.store(files["sealed"], instance_of(files["sealed"])).status == 0
    world.delivered(1)
    assert sum(world.counts().values()) == 2


def test_what_cannot_be_decoded_is_kept_apart(
    world: World, tmp_path: Path, files: dict[str, Path]
) -> None:
    whole = files["sealed"].read_bytes()
    bad = tmp_path / "bad.dcm"
    with scu(world) as sender:
        for content in (whole[: len(whole) - 4000], whole[:400] + b"\xff" * 501):
            bad.write_bytes(content)
            assert sender.store(bad, instance_of(files["sealed"])).status == 0
    assert world.counts()[State.QUARANTINED] == 2
    assert {line["verdict"] for line in world.lines()} == {"UNREADABLE"}


def test_a_class_that_nobody_knows_is_stored(
    world: World, archive: Storescp, tmp_path: Path, make_dicom: Callable[..., bytes]
) -> None:
    private = tmp_path / "private.dcm"
    private.write_bytes(make_dicom(SOPClassUID="1.2.826.0.1.3680043.9.9999.1"))
    found = instance_of(private)
    with scu(world) as sender:
        assert sender.store(private, found).status == 0
        with pytest.raises(NotStoredError, match="takes no"):
            sender.store(private, Instance("1.2.840.10008.5.1.4.31", "1.2.3", EXPLICIT))
    eventually("the archive has it, or says no", lambda: _asked(world))


def _asked(world: World) -> bool:
    return world.counts()[State.DELIVERED] == 1 or "does not take" in world.log.read_text()


def test_fuzzed_associations_leave_it_alive(strict: World, files: dict[str, Path]) -> None:
    assert strict.process is not None
    chance = random.Random(6)
    assert strict.send(files["sealed"]).returncode == 0
    before = resources(strict.process.pid)
    for _ in range(FUZZED):
        with connected(strict, established=False) as line:
            line.settimeout(SECONDS)
            try:
                for data in fuzzed(chance):
                    line.sendall(data)
                if chance.random() < 0.3:
                    line.shutdown(socket.SHUT_WR)
                    closed(line)
            except OSError:
                pass
    eventually("nothing leaks", lambda: leaks_nothing(strict, before))
    nothing_incoming(strict)
    assert strict.send(files["sealed"]).returncode == 0
    assert "a connection failed" not in strict.log.read_text()
    assert strict.process.poll() is None


def resources(pid: int) -> tuple[int, int]:
    """Return how many threads and descriptors a process has."""
    folder = Path(f"/proc/{pid}")
    return len(list((folder / "task").iterdir())), len(list((folder / "fd").iterdir()))


def leaks_nothing(world: World, before: tuple[int, int]) -> bool:
    assert world.process is not None
    now = resources(world.process.pid)
    # SQLite closes descriptors late, as long as another connection has locks (a few, no more)
    return now[0] <= before[0] + 1 and now[1] <= before[1] + 24


def fuzzed(chance: random.Random) -> Iterator[bytes]:
    """Yield pieces of an association gone wrong."""
    request = bytearray(request_pdu("FUZZ", "RADSEAL", [Context(CT, EXPLICIT)]))
    kind = chance.randrange(6)
    if kind == 0:
        yield chance.randbytes(chance.randrange(300))
        return
    if kind == 1:
        for _ in range(chance.randrange(1, 6)):
            request[chance.randrange(len(request))] = chance.randrange(256)
        yield bytes(request)
        return
    yield bytes(request)
    if kind == 2:
        body = chance.randbytes(chance.randrange(200))
        yield struct.pack(">BBL", chance.randrange(9), 0, len(body)) + body
    elif kind == 3:
        body = chance.randbytes(chance.randrange(2, 200))
        control = chance.randrange(4)
        pdv = struct.pack(">LBB", len(body) + 2, 1, control) + body
        yield struct.pack(">BBL", 4, 0, len(pdv)) + pdv
    elif kind == 4:
        data = bytearray(half_an_object())
        for _ in range(chance.randrange(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        yield bytes(data)
    else:
        yield half_an_object()
        yield struct.pack(">BBL", 7, 0, 4) + bytes(4)


def half_an_object() -> bytes:
    """Return a C-STORE-RQ and the beginning of its data set."""
    from provenance.pacs.command_set import Command, Element, write_command
    from provenance.pacs.line import data_pdus

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
