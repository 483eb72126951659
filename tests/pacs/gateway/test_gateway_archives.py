"""The gateway and its archives: a real Orthanc, and archives that warn, refuse and break off."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gateway_world import (
    World,
    dataset_bytes,
    eventually,
    files,
    gateway_site,
    instance_of,
    running,
    scu,
)
from moody_archive import Moody, moody

from benchmarks.workflow.orthanc import Orthanc
from benchmarks.workflow.tools import ToolMissingError
from provenance import Site
from provenance.pacs.arrivals import State
from provenance.pacs.spool.spool import Spool

__all__ = ["files", "gateway_site", "moody"]


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    folder = tmp_path / "orthanc"
    folder.mkdir()
    try:
        made = Orthanc.start(folder)
    except ToolMissingError as error:
        pytest.skip(str(error))
    yield made
    made.stop()


def test_orthanc_gets_what_is_let_in_and_nothing_else(
    tmp_path: Path, gateway_site: Site, orthanc: Orthanc, files: dict[str, Path]
) -> None:
    with running(World(tmp_path, gateway_site, [("orthanc", "ORTHANC", orthanc.dicom)])) as made:
        assert made.send(files["sealed"]).returncode == 0
        assert made.send(files["altered"]).returncode != 0
        assert made.send(files["unsealed"], calling="SEALS").returncode == 0
        made.delivered(1)
        counts = made.counts()
    names = json.loads(orthanc.ask("/instances"))
    assert len(names) == counts[State.DELIVERED] == 1
    assert (counts[State.QUARANTINED], counts[State.REFUSED], sum(counts.values())) == (1, 1, 3)
    stored = orthanc.ask(f"/instances/{names[0]}/file")
    assert dataset_bytes(stored) == dataset_bytes(files["sealed"].read_bytes())


def test_a_warning_is_stored(
    tmp_path: Path, gateway_site: Site, moody: Callable[..., Moody], files: dict[str, Path]
) -> None:
    archive = moody(0xB000)
    with running(World(tmp_path, gateway_site, [("a", "ARCHIVE", archive.port)])) as made:
        assert made.send(files["sealed"]).returncode == 0
        made.delivered(1)
    assert archive.asked == 1


@pytest.mark.parametrize("status", [0xA700, 0xC000, None])
def test_what_an_archive_does_not_take_is_tried_again(
    tmp_path: Path,
    gateway_site: Site,
    moody: Callable[..., Moody],
    files: dict[str, Path],
    status: int | None,
) -> None:
    archive = moody(status)
    with running(World(tmp_path, gateway_site, [("a", "ARCHIVE", archive.port)])) as made:
        assert made.send(files["sealed"], files["unsealed"]).returncode == 0
        made.delivered(2)
        said = made.log.read_text()
    assert archive.asked == 3
    assert ("does not answer" if status is None else f"status {status:04X}") in said


def test_an_archive_that_does_not_take_the_kind(
    tmp_path: Path,
    gateway_site: Site,
    moody: Callable[..., Moody],
    make_dicom: Callable[..., bytes],
    files: dict[str, Path],
) -> None:
    """The object stays, with the reason; what the archive takes goes on."""
    private = tmp_path / "private.dcm"
    private.write_bytes(make_dicom(SOPClassUID="1.2.826.0.1.3680043.9.9999.1"))
    archive = moody()
    with running(World(tmp_path, gateway_site, [("a", "ARCHIVE", archive.port)])) as made:
        with scu(made) as sender:
            assert sender.store(private, instance_of(private)).status == 0
        assert made.send(files["sealed"]).returncode == 0
        made.delivered(1)
        eventually("it is told", lambda: "it takes no 1.2.826" in made.log.read_text())
        with Spool.open(made.spool) as spool:
            assert spool.deliveries.failing() == {"a": 1}
            assert spool.counts()[State.FORWARDING] == 1
