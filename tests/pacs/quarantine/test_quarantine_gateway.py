"""Quarantine at a running gateway: what is released arrives, and the senders are told the rest."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from click.testing import CliRunner
from gateway_world import Storescp, World, dataset_bytes, eventually, running

from ledger import Algorithm, Event, parse_statement
from provenance import Site
from provenance.cli.root import cli
from provenance.pacs.arrivals import State
from provenance.pacs.spool.spool import Spool


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
def file(tmp_path: Path, make_dicom: Callable[..., bytes]) -> Path:
    path = tmp_path / "unsealed.dcm"
    path.write_bytes(make_dicom(StudyID="7"))
    return path


def run(world: World, name: str, *words: object, code: int = 0) -> dict[str, Any]:
    config = world.folder / "radseal-gateway.toml"
    line = ["quarantine", name, *map(str, words), "--config", str(config), "--json"]
    result = CliRunner().invoke(cli, line, env={"RADSEAL_SITE": None, "RADSEAL_SPOOL": None})
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def kept_apart(world: World, file: Path) -> int:
    sent = world.send(file, calling="SEALS")
    assert sent.returncode == 0, sent.stderr
    eventually("it is in quarantine", lambda: world.counts()[State.QUARANTINED] == 1)
    (found,) = run(world, "list")["objects"]
    return int(found["number"])


def test_what_is_released_arrives_and_comes_in_again(
    world: World, archive: Storescp, site: Site, file: Path
) -> None:
    number = kept_apart(world, file)
    assert archive.datasets() == []
    run(world, "release", number, "--reason", "asked the sender")
    run(world, "confirm", number, "--archive", "elsewhere", "--as", "archivist", code=2)
    run(world, "confirm", number, "--as", "archivist")
    world.delivered(1)
    assert archive.datasets() == [dataset_bytes(file.read_bytes())]
    assert world.send(file, calling="SEALS").returncode == 0
    world.delivered(2)
    assert world.counts()[State.QUARANTINED] == 0
    assert world.stop() == 0
    with site.public_log() as log:
        said = [parse_statement(entry.statement).event for entry in log.entries()]
        assert log.audit().ok
    assert said.count(Event.RELEASED) == 1
    assert said.count(Event.QUARANTINED) == 2
    assert said.count(Event.SENT) == 2


def test_what_is_rejected_is_refused_and_its_note_arrives(
    world: World, archive: Storescp, file: Path
) -> None:
    number = kept_apart(world, file)
    run(world, "reject", number, "--reason", "no device of ours made it")
    run(world, "confirm", number, "--as", "archivist")
    again = world.send(file, calling="CT7")
    assert again.returncode != 0
    assert world.counts()[State.REFUSED] == 1
    run(world, "note", number, "--archive", "archive")
    world.delivered(1)
    (path,) = archive.folder.iterdir()
    note = pydicom.dcmread(path)
    assert note.ConceptNameCodeSequence[0].CodeValue == "113037"
    (study,) = note.CurrentRequestedProcedureEvidenceSequence
    (reference,) = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert reference.ReferencedSOPInstanceUID == pydicom.dcmread(file).SOPInstanceUID


def test_a_file_exchanged_after_its_release_is_not_sent(
    world: World, archive: Storescp, file: Path
) -> None:
    number = kept_apart(world, file)
    assert world.stop() == 0
    run(world, "release", number, "--reason", "asked the sender")
    run(world, "confirm", number, "--as", "archivist")
    with Spool.open(world.spool) as spool:
        path = spool.path(number)
    genuine = path.read_bytes()
    path.write_bytes(genuine[:-1] + bytes([genuine[-1] ^ 1]))
    world.start()
    eventually("it says so", lambda: "not the one that was released" in world.log.read_text())
    assert archive.datasets() == []
    path.write_bytes(genuine)
    assert world.stop() == 0
    world.start()  # what is held is tried once more
    world.delivered(1)
    assert archive.datasets() == [dataset_bytes(file.read_bytes())]


def test_the_file_of_the_gateway_says_it_all(world: World, file: Path) -> None:
    number = kept_apart(world, file)
    for option in ("--spool", "--site", "--log"):
        answer = run(world, "withdraw", number, option, "x", code=2)
        assert "leave out" in answer["error"]["what"]
    result = CliRunner().invoke(cli, ["quarantine", "list"], env={"RADSEAL_SPOOL": None})
    assert result.exit_code == 2
    assert "name the spool" in result.stderr


def test_a_gateway_takes_off_and_forgets_what_may_go(
    world: World, site: Site, file: Path, make_dicom: Callable[..., bytes]
) -> None:
    """Rejected, purged and delivered long ago; the last object stays, whatever it is."""
    number = kept_apart(world, file)
    run(world, "reject", number, "--reason", "sent twice")
    run(world, "confirm", number, "--as", "archivist")
    for each in range(2):
        other = world.folder / f"other{each}.dcm"
        other.write_bytes(make_dicom(SOPInstanceUID=f"1.2.3.88.{each}"))
        assert world.send(other).returncode == 0
    world.delivered(2)

    def told() -> bool:
        with Spool.open(world.spool) as spool:
            return spool.custody.state().waiting == 0

    eventually("the log has all of it", told)
    with Spool.open(world.spool) as spool:
        days = 41 * 86_400_000
        spool._database.execute("update custody set at = at - ?", (days,))
        spool._database.execute("update object set at = at - ?", (days,))
        path = spool.path(number)
    done = run(world, "purge", "--older-than", 40, "--reason", "a month is enough")
    assert [each["number"] for each in done["purged"]] == [number]
    eventually("the file is off the disk", lambda: not path.exists())
    before = world.counts()
    assert world.stop() == 0
    world.start()  # which looks at once

    def forgotten() -> bool:
        with Spool.open(world.spool) as spool:
            return sum(spool.memory.forgotten().values()) == 1

    eventually("what was delivered long ago is forgotten", forgotten)
    assert world.counts() == before
    with Spool.open(world.spool) as spool:
        assert spool.object(number).state is State.REJECTED
    assert world.stop() == 0
