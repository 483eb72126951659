"""SIGHUP: configuration, policy and TLS files are read again; what is faulty changes nothing."""

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway_world import (
    LIMITS,
    POLICY,
    Storescp,
    World,
    archive,
    eventually,
    files,
    gateway_site,
    running,
)

from benchmarks.ports import free_port
from provenance import Site

__all__ = ["archive", "files", "gateway_site"]

STRICTER = POLICY.replace('unsealed = "tag"', 'unsealed = "refuse"')


@pytest.fixture
def world(tmp_path: Path, gateway_site: Site, archive: Storescp) -> Iterator[World]:
    """A gateway whose port its file names."""
    archives = [("archive", "ARCHIVE", archive.port)]
    place = ("127.0.0.1", free_port())
    with running(World(tmp_path, gateway_site, archives, address=place)) as made:
        yield made


def reread(world: World, says: str) -> None:
    """Send SIGHUP, and wait until the gateway has said so of it."""
    assert world.process is not None
    before = world.log.read_text().count(says)
    world.process.send_signal(signal.SIGHUP)
    eventually(says, lambda: world.log.read_text().count(says) > before)


def test_a_new_policy_counts_for_the_next_association(world: World, files: dict[str, Path]) -> None:
    assert world.send(files["unsealed"]).returncode == 0
    world.policy = STRICTER
    world.configuration()
    assert world.send(files["unsealed"]).returncode == 0  # not before it is asked
    reread(world, "were read again")
    assert "c0a2" in world.send(files["unsealed"], options=["-d"]).stderr.lower()
    assert world.send(files["sealed"]).returncode == 0
    assert world.lines()[-2]["status"] == "C0A2"


def test_faulty_files_change_nothing_and_are_an_alarm(
    tmp_path: Path, gateway_site: Site, archive: Storescp, files: dict[str, Path]
) -> None:
    port, place = free_port(), ("127.0.0.1", free_port())
    archives = [("archive", "ARCHIVE", archive.port)]
    made = World(tmp_path, gateway_site, archives, policy=STRICTER, address=place)
    with running(made, "--metrics", f"127.0.0.1:{port}"):
        good = made.configuration()
        for file, content, says in (
            (good, "version = 1\nspool = 7\n", "policy is needed"),
            (tmp_path / "policy.toml", "this is no policy", "TOML"),
            (good, good.read_text().replace('"spool"', '"other"'), "restart it"),
        ):
            kept = file.read_text()
            file.write_text(content)
            reread(made, "the former configuration counts")
            assert says in made.log.read_text()
            assert made.send(files["sealed"]).returncode == 0
            assert made.send(files["unsealed"]).returncode != 0  # by the former policy
            health = asked(f"http://127.0.0.1:{port}/health")
            assert "the former configuration counts" in health["problems"][0]
            file.write_text(kept)
        reread(made, "were read again")
        assert asked(f"http://127.0.0.1:{port}/health")["problems"] == []
    assert not (tmp_path / "other").exists()


def test_limits_and_archives_change_and_no_object_is_lost(
    world: World, tmp_path: Path, files: dict[str, Path], make_dicom: Callable[..., bytes]
) -> None:
    second = Storescp(tmp_path / "second").start()
    try:
        assert world.send(files["sealed"]).returncode == 0
        world.archives = [*world.archives, ("second", "ARCHIVE", second.port)]
        world.extra = LIMITS + "object_bytes = 65536\n"
        world.configuration()
        reread(world, "were read again")
        large = tmp_path / "large.dcm"
        large.write_bytes(make_dicom())
        with large.open("ab") as file:
            file.write(b"\xfc\xff\xfc\xffOB\0\0" + (70_000).to_bytes(4, "little") + bytes(70_000))
        assert world.send(large).returncode != 0
        assert world.send(files["unsealed"]).returncode == 0
        world.delivered(2)
        assert len(list(second.folder.iterdir())) == 1
        assert world.stop() == 0
    finally:
        second.stop()


def asked(url: str) -> Any:
    """Return what is answered, well or not."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return json.loads(error.read())
