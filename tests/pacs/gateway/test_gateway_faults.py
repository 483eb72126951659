"""What goes wrong between a sender and the gateway: nothing is lost, hangs or leaks."""

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gateway_world import (
    EXPLICIT,
    NODELAY,
    SECONDS,
    Storescp,
    World,
    archive,
    closed,
    connected,
    dataset_bytes,
    eventually,
    files,
    gateway_site,
    half_an_object,
    instance_of,
    nothing_incoming,
    running,
    scu,
    strict,
    tool,
    world,
)

from provenance import Site
from provenance.pacs.arrivals import Instance, State
from provenance.pacs.dimse.storage_scu import NotStoredError

__all__ = ["archive", "files", "gateway_site", "strict", "world"]


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


def test_children_that_are_killed_are_started_again(
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
    assert "a process of the gateway ended" in world.log.read_text()


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


def test_a_disk_that_takes_no_more_bytes_is_told_and_leaves_no_part(
    world: World, files: dict[str, Path]
) -> None:
    """To the process alone, so that nobody must be root for it (setrlimit(2), RLIMIT_FSIZE)."""
    assert world.process is not None
    assert world.send(files["sealed"]).returncode == 0
    world.delivered(1)
    resource.prlimit(world.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    for name in ("unsealed", "altered"):
        assert "OutOfResources" in world.send(files[name]).stderr
    nothing_incoming(world)
    assert list((world.spool / "objects").iterdir()) == []
    assert sum(world.counts().values()) == 1
    resource.prlimit(world.process.pid, resource.RLIMIT_FSIZE, (1 << 40, resource.RLIM_INFINITY))
    assert world.send(files["unsealed"]).returncode == 0
    world.delivered(2)


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
