"""`radseal quarantine`: what it says, its JSON by the schemas, its exit codes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydicom
import pytest
from click.testing import CliRunner, Result

from ledger import Role
from provenance.cli.root import cli
from provenance.pacs.arrivals import State
from provenance.pacs.quarantine.persons import Person, find_person
from provenance.pacs.quarantine.proposals import LASTS
from provenance.pacs.quarantine.quarantine import Quarantine
from provenance.schema import schema_text

schemas = pytest.importorskip("jsonschema_rs", reason="jsonschema-rs is not installed")
ESCAPE = "because\x1b[2J of \u202e this"


@pytest.fixture
def run(door: Any) -> Callable[..., Result]:
    """Run a command of the group on the door's spool and site."""

    def run(name: str, *words: object, site: bool = True) -> Result:
        place = ["--spool", door.spool.folder]
        if site:
            place += ["--site", door.site.folder]
        return CliRunner().invoke(
            cli, ["quarantine", name, *map(str, words), *map(str, place)], catch_exceptions=False
        )

    return run


def parsed(result: Result, schema: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["exit_code"] == result.exit_code
    assert result.stdout.isascii()
    schemas.validate(json.loads(schema_text(schema)), found)
    return found


@pytest.fixture
def number(door: Any, unsealed: bytes) -> int:
    kept = door.take(unsealed, "SEALS")
    return int(kept.number)


def test_from_the_list_to_the_release(door: Any, run: Callable[..., Result], number: int) -> None:
    listed = run("list", site=False)
    assert "SEALS" in listed.output
    assert "STRIPPED" in listed.output
    assert "1 object quarantined" in listed.output
    shown = run("show", number, site=False).output
    for part in ("STRIPPED", "because", "must be sealed", "why:", "do:", "127.0.0.1", "1.2.3.4.5"):
        assert part in shown
    result = run("release", number, "--reason", ESCAPE)
    assert result.exit_code == 0, result.output
    assert "a second person confirms it" in result.output
    assert "release proposed by site operator" in run("list", site=False).output
    again = run("confirm", number, "--archive", "archive")
    assert again.exit_code == 2
    assert "second person" in again.stderr
    done = run("confirm", number, "--archive", "archive", "--as", "archivist")
    assert done.exit_code == 0, done.output
    assert "is released" in done.output
    assert door.spool.object(number).state is State.FORWARDING
    shown = run("show", number, site=False).output
    assert "because\\x1b[2J of \\u202e this" in shown
    assert "\x1b[2J" not in shown
    assert "by site archivist, archivist, key" in shown


def test_every_answer_is_as_its_schema_says(
    run: Callable[..., Result], number: int, tmp_path: Path
) -> None:
    listed = parsed(run("list", "--json", site=False), "quarantine-list-1")
    assert [each["number"] for each in listed["objects"]] == [number]
    assert listed["objects"][0]["proposal"] is None
    made = parsed(run("reject", number, "--reason", "r", "--json"), "quarantine-step-1")
    assert made["became"] == "proposed"
    shown = parsed(run("show", number, "--json", site=False), "quarantine-show-1")
    assert shown["proposal"]["reason"] == "r"
    assert shown["report"]["verdict"] == shown["verdict"] == "STRIPPED"
    assert [each["act"] for each in shown["steps"]] == ["proposed to reject"]
    back = parsed(run("withdraw", number, "--json"), "quarantine-step-1")
    assert back["became"] == "withdrawn"
    run("reject", number, "--reason", "r", "--note", tmp_path)
    done = parsed(run("confirm", number, "--as", "archivist", "--json"), "quarantine-step-1")
    assert done["became"] == "rejected"
    assert pydicom.dcmread(done["note"]).Modality == "KO"
    copied = run("export", number, "-o", tmp_path / "x.dcm", "--json", site=False)
    assert parsed(copied, "quarantine-export-1")["number"] == number
    words = ("-o", tmp_path, "--archive", "archive", "--json")
    made = parsed(run("note", number, *words), "quarantine-note-1")
    assert made["queued"] > number


def test_pages_and_states(door: Any, run: Callable[..., Result], unsealed: bytes) -> None:
    numbers = [door.take(unsealed + bytes(2 * n), "SEALS").number for n in range(5)]
    door.take(unsealed, "CT7")
    first = parsed(run("list", "--limit", 2, "--json", site=False), "quarantine-list-1")
    assert [each["number"] for each in first["objects"]] == numbers[:2]
    assert (first["total"], first["next"]) == (5, numbers[1])
    rest = run("list", "--after", numbers[1], "--json", site=False)
    last = parsed(rest, "quarantine-list-1")
    assert [each["number"] for each in last["objects"]] == numbers[2:]
    assert last["next"] is None
    assert "go on with --after" in run("list", "--limit", 2, site=False).output
    assert "0 objects rejected" in run("list", "--state", "rejected", site=False).output
    assert "in the spool" in run("list", "--state", "any", site=False).output


def test_what_does_not_exist(run: Callable[..., Result], tmp_path: Path, number: int) -> None:
    assert run("show", 77, site=False).exit_code == 16
    assert run("release", 77, "--reason", "r").exit_code == 16
    words = ["quarantine", "list", "--spool", str(tmp_path / "none")]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 2
    assert "is no spool" in result.stderr
    assert not (tmp_path / "none").exists()
    assert run("withdraw", number).exit_code == 2
    assert run("note", number, "-o", tmp_path).exit_code == 2
    assert run("note", number).exit_code == 2


def test_who_may_not_is_not_trusted(door: Any, run: Callable[..., Result], number: int) -> None:
    key = door.site.folder / "keys" / "device.key.pem"
    result = run("release", number, "--reason", "r", "--key", key)
    assert result.exit_code == 12
    assert "operators and archivists" in result.stderr


def test_a_key_of_ones_own(door: Any, run: Callable[..., Result], number: int) -> None:
    key = door.site.folder / "keys" / "archivist.key.pem"
    assert run("release", number, "--reason", "r", "--key", key).exit_code == 0
    assert run("confirm", number, "--archive", "archive", "--key", key).exit_code == 2
    assert run("confirm", number, "--archive", "archive").exit_code == 0


def test_alone(door: Any, run: Callable[..., Result], number: int) -> None:
    words = ("release", number, "--reason", "r", "--alone", "--archive", "archive")
    assert run(*words).exit_code == 2
    (door.spool.folder / "persons").write_text("1\n")
    result = run(*words)
    assert result.exit_code == 0, result.output
    assert "released, alone" in run("show", number, site=False).output


def test_a_changed_file_is_neither_released_nor_exported(
    door: Any, run: Callable[..., Result], number: int, tmp_path: Path
) -> None:
    run("release", number, "--reason", "r")
    door.spool.path(number).write_bytes(b"another")
    assert run("confirm", number, "--archive", "archive", "--as", "archivist").exit_code == 10
    assert run("export", number, "-o", tmp_path / "x", site=False).exit_code == 10
    assert not (tmp_path / "x").exists()


def test_the_log_is_away(door: Any, run: Callable[..., Result], number: int) -> None:
    result = run("release", number, "--reason", "r", "--log", "http://127.0.0.1:9")
    assert result.exit_code == 15
    assert door.spool.proposals.of_object(number) is None


def test_the_log_behind_its_server(
    door: Any, run: Callable[..., Result], number: int, log_server: Callable[..., Any]
) -> None:
    server = log_server(door.site.folder)
    words = ("--log", server.url)
    assert run("release", number, "--reason", "r", *words).exit_code == 0
    assert run("confirm", number, "--archive", "a", *words).exit_code == 2
    result = run("confirm", number, "--archive", "a", "--as", "archivist", *words)
    assert result.exit_code == 0, result.output


def test_a_note_that_cannot_be_written_undoes_nothing(
    door: Any, run: Callable[..., Result], number: int, tmp_path: Path
) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    run("reject", number, "--reason", "r", "--note", folder)
    folder.rmdir()
    result = run("confirm", number, "--as", "archivist")
    assert result.exit_code == 2
    assert "is rejected, but its note was not written" in result.stderr
    assert door.spool.object(number).state is State.REJECTED
    assert run("note", number, "-o", tmp_path).exit_code == 0


def test_a_late_proposal_says_so(door: Any, run: Callable[..., Result], number: int) -> None:
    log, trust = door.intake.judge.verifier.records.log, door.site.trust

    def find(kid: bytes, at: datetime) -> Person:
        return find_person(kid, log=log, trust=trust, at=datetime.now(UTC))

    late = Quarantine(door.spool, log.origin, find)
    signer, at = door.site.signer(Role.OPERATOR), datetime.now(UTC) - LASTS
    late.propose(number, to_archives=True, reason="r", signer=signer, at=at)
    assert "void since" in run("list", site=False).output
    assert run("confirm", number, "--archive", "a", "--as", "archivist").exit_code == 2
    assert "void: too old" in run("show", number, site=False).output
