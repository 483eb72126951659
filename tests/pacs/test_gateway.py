"""The gateway between storescu and storescp: what goes on, what is kept apart, what is refused."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from gateway_world import Storescp, World, dataset_bytes, eventually, running

from ledger import Algorithm
from provenance import Site, seal
from provenance.pacs.arrivals import State


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site.init(tmp_path_factory.mktemp("site") / "here", algorithm=Algorithm.ED25519)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Storescp]:
    made = Storescp(tmp_path / "archive").start()
    yield made
    made.stop()


@pytest.fixture
def world(tmp_path: Path, site: Site, archive: Storescp) -> Iterator[World]:
    with running(World(tmp_path, site, [("archive", "ARCHIVE", archive.port)])) as made:
        yield made


@pytest.fixture
def files(tmp_path: Path, site: Site, make_dicom: Callable[..., bytes]) -> dict[str, Path]:
    """A sealed object, an altered one, one that was never sealed."""
    chance = np.random.default_rng(1)
    with site.device() as device:
        sealed = seal(
            make_dicom(chance.integers(0, 4096, (64, 80)).astype(np.uint16)),
            device=device,
            profile="none",
        ).to_bytes()
    altered = bytearray(sealed)
    altered[sealed.index(b"\xe0\x7f\x10\x00") + 40] ^= 1
    unsealed = make_dicom(chance.integers(0, 4096, (64, 80)).astype(np.uint16))
    found = {}
    for name, data in (("sealed", sealed), ("altered", altered), ("unsealed", unsealed)):
        found[name] = tmp_path / f"{name}.dcm"
        found[name].write_bytes(data)
    return found


def test_a_sealed_object_arrives_byte_for_byte(
    world: World, archive: Storescp, files: dict[str, Path]
) -> None:
    sent = world.send(files["sealed"])
    assert sent.returncode == 0, sent.stderr
    world.delivered(1)
    assert archive.datasets() == [dataset_bytes(files["sealed"].read_bytes())]
    (line,) = world.lines()
    assert (line["verdict"], line["status"], line["calling_ae"]) == ("AUTHENTIC", "0000", "CT7")


def test_what_goes_in_is_archived_kept_apart_or_refused(
    world: World, archive: Storescp, files: dict[str, Path]
) -> None:
    assert world.send(files["sealed"]).returncode == 0
    refused = world.send(files["altered"])
    assert refused.returncode != 0
    assert "CannotUnderstand" in refused.stderr
    assert world.lines()[-1]["status"] == "C0A1"
    assert world.send(files["unsealed"]).returncode == 0
    assert world.send(files["unsealed"], calling="SEALS").returncode == 0
    world.delivered(2)
    counts = world.counts()
    assert counts[State.DELIVERED] == len(archive.datasets()) == 2
    assert (counts[State.QUARANTINED], counts[State.REFUSED]) == (1, 1)
    assert sum(counts.values()) == len(world.lines()) == 4
    assert world.stop() == 0


def test_the_archive_is_away_and_comes_back(
    world: World, archive: Storescp, files: dict[str, Path]
) -> None:
    archive.stop()
    assert world.send(files["sealed"], files["unsealed"]).returncode == 0
    eventually("it says so", lambda: "does not answer" in world.log.read_text())
    assert world.counts()[State.FORWARDING] == 2
    archive.start()
    world.delivered(2)
    assert len(archive.datasets()) == 2
