"""The gateway between storescu and storescp: what goes on, what is kept apart, what is refused."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gateway_world import (  # fixtures, too
    Storescp,
    World,
    archive,
    dataset_bytes,
    eventually,
    files,
    gateway_site,
    running,
    world,
)

from provenance import Site
from provenance.pacs.arrivals import State

__all__ = ["archive", "files", "gateway_site", "world"]


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


def test_one_archive_that_is_away_holds_up_no_other(
    tmp_path: Path, gateway_site: Site, archive: Storescp, files: dict[str, Path]
) -> None:
    away = Storescp(tmp_path / "away")
    archives = [("away", "ARCHIVE", away.port), ("archive", "ARCHIVE", archive.port)]
    with running(World(tmp_path, gateway_site, archives)) as made:
        assert made.send(files["sealed"], files["unsealed"]).returncode == 0
        eventually("one has them", lambda: len(list(archive.folder.iterdir())) == 2)
        assert made.counts()[State.FORWARDING] == 2
        away.start()
        made.delivered(2)
        away.stop()
    assert sorted(away.datasets()) == sorted(archive.datasets())


def test_what_an_unknown_title_asks_for_is_rejected(world: World, files: dict[str, Path]) -> None:
    sent = world.send(files["sealed"], called="ANOTHER")
    assert sent.returncode != 0
    assert "Called AE Title Not Recognized" in sent.stderr
    assert world.lines() == []


def test_eight_associations_at_once(
    world: World, archive: Storescp, tmp_path: Path, make_dicom: Callable[..., bytes]
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    groups = []
    for group in range(8):
        pixels = np.full((64, 64), group, np.uint16)
        paths = [tmp_path / f"g{group}-{n}.dcm" for n in range(4)]
        for path in paths:
            path.write_bytes(make_dicom(pixels))
        groups.append(paths)
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda paths: world.send(*paths), groups))
    assert [each.returncode for each in sent] == [0] * 8
    world.delivered(32)
    assert sorted(archive.datasets()) == sorted(
        dataset_bytes(path.read_bytes()) for paths in groups for path in paths
    )


def test_whoever_watches_it_is_answered(
    tmp_path: Path, gateway_site: Site, archive: Storescp, files: dict[str, Path]
) -> None:
    made = World(tmp_path, gateway_site, [("archive", "ARCHIVE", archive.port)])
    with running(made, "--metrics", "127.0.0.1:0"):
        assert made.process is not None
        assert made.process.stdout is not None
        url = made.process.stdout.readline().decode().split()[-1]
        made.send(files["sealed"], files["altered"])
        made.send(files["altered"])
        made.delivered(1)
        with urllib.request.urlopen(f"{url}/live") as answer:
            assert answer.status == 200
        with urllib.request.urlopen(f"{url}/health") as answer:
            assert json.loads(answer.read())["problems"] == []
        with urllib.request.urlopen(f"{url}/metrics") as answer:
            text = answer.read().decode()
        assert 'radseal_gateway_objects_total{verdict="AUTHENTIC",action="accept"} 1' in text
        assert 'radseal_gateway_answers_total{status="C0A1"} ' in text
        assert 'radseal_spool_objects{state="delivered"} 1' in text
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{url}/objects")
