"""DCMTK and Orthanc as peers of the gateway: dcmsend, and archives that are asked to move."""

import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pydicom
import pytest
from gateway_world import (
    NODELAY,
    SECONDS,
    Storescp,
    World,
    archive,
    dataset_bytes,
    end,
    eventually,
    files,
    gateway_site,
    running,
    tool,
)

from benchmarks.gateway_faults.world import orthanc
from benchmarks.ports import free_port
from benchmarks.workflow.orthanc import PROGRAM
from provenance import Site
from provenance.pacs.arrivals import State

__all__ = ["archive", "files", "gateway_site"]

POLICY = """version = 1
[defaults]
depth = "ledger"
[defaults.actions]
authentic = "accept"
unsealed = "quarantine"
altered = "refuse"
"""


@pytest.fixture
def world(tmp_path: Path, gateway_site: Site, archive: Storescp) -> Iterator[World]:
    archives = [("archive", "ARCHIVE", archive.port)]
    with running(World(tmp_path, gateway_site, archives, policy=POLICY)) as made:
        yield made


def said(command: Sequence[Any]) -> str:
    """Run a program of DCMTK; return all that it says."""
    done = subprocess.run(
        [str(word) for word in command],
        env=NODELAY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.stdout


def arrived_as_they_must(world: World, archive: Storescp, files: dict[str, Path]) -> None:
    """The sealed one byte for byte at the archive, one kept apart, one refused; nothing else."""
    world.delivered(1)
    counts = world.counts()
    assert counts == {
        **dict.fromkeys(State, 0),
        State.DELIVERED: 1,
        State.QUARANTINED: 1,
        State.REFUSED: 1,
    }
    assert archive.datasets() == [dataset_bytes(files["sealed"].read_bytes())]


def test_dcmsend(world: World, archive: Storescp, files: dict[str, Path], tmp_path: Path) -> None:
    report = tmp_path / "report.txt"
    place = [world.address[0], world.address[1]]
    words = [tool("dcmsend"), "+crf", report, "-aet", "CT7", "-aec", "RADSEAL"]
    said([*words, *place, *distinct(files)])
    told = report.read_text()
    assert re.findall(r"Number of SOP instances +: (\d+)", told) == ["3"]
    assert len(re.findall(r"DIMSE Status +: 0x0000", told)) == 2
    assert len(re.findall(r"(?i)DIMSE Status +: 0xc0a1", told)) == 1
    arrived_as_they_must(world, archive, files)


def moved(port: int, title: str, path: Path) -> str:
    """Ask an archive to move the study of a file to the gateway, by DCMTK; return the status."""
    study = pydicom.dcmread(path, stop_before_pixels=True).StudyInstanceUID
    words = [tool("movescu"), "-d", "-S", "-aet", "WORKSTATION", "-aec", title, "-aem", "RADSEAL"]
    keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}"]
    told = said([*words, *keys, "127.0.0.1", port])
    return str(re.findall(r"DIMSE Status +: 0x([0-9a-f]{4})", told)[-1])


def from_orthanc(world: World, folder: Path, paths: Sequence[Path]) -> list[str]:
    process, port = orthanc(folder)
    process.start()
    try:
        for path in paths:
            assert process.ask("POST", "/instances", path.read_bytes()).status == 200
        place = f'{{"AET": "RADSEAL", "Host": "127.0.0.1", "Port": {world.address[1]}}}'
        assert process.ask("PUT", "/modalities/gateway", place.encode()).status == 200
        return [moved(port, "ORTHANC", path) for path in paths]
    finally:
        process.stop()


def from_dcmqrscp(world: World, folder: Path, paths: Sequence[Path]) -> list[str]:
    port, store = free_port(), folder / "store"
    store.mkdir(parents=True)
    settings = folder / "dcmqrscp.cfg"
    settings.write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\ngateway = (RADSEAL, 127.0.0.1, {world.address[1]})\nHostTable END\n"
        "VendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nQR {store} RW (200, 1024mb) ANY\nAETable END\n"
    )
    words = [tool("dcmqrscp"), "-c", str(settings), str(port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        echo = [tool("echoscu"), "-aec", "QR", "127.0.0.1", str(port)]
        eventually("it answers", lambda: subprocess.run(echo, capture_output=True).returncode == 0)
        stored = said([tool("storescu"), "-v", "-R", "-aec", "QR", "127.0.0.1", port, *paths])
        assert stored.count("(Success)") == len(paths), stored
        return [moved(port, "QR", path) for path in paths]
    finally:
        end(process)


@pytest.mark.parametrize("source", [from_orthanc, from_dcmqrscp])
def test_what_an_archive_moves_here_is_judged_like_what_a_modality_sends(
    source: Callable[[World, Path, Sequence[Path]], list[str]],
    world: World,
    archive: Storescp,
    files: dict[str, Path],
    tmp_path: Path,
) -> None:
    if source is from_orthanc and not Path(PROGRAM).exists():
        pytest.skip("Orthanc is not installed")
    told = dict(zip(files, source(world, tmp_path / "source", distinct(files)), strict=True))
    assert told.pop("altered") in ("b000", "c000", "a702")  # PS3.4, C.4.2.1.5
    assert set(told.values()) == {"0000"}
    arrived_as_they_must(world, archive, files)


def distinct(files: dict[str, Path]) -> list[Path]:
    """Give the altered one UIDs of its own: of two with one UID a peer keeps, or sends, one."""
    altered = pydicom.dcmread(files["altered"])
    altered.StudyInstanceUID = "1.2.3.4.5"
    altered.SOPInstanceUID = altered.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5.6"
    altered.save_as(files["altered"])
    return list(files.values())
