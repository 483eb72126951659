"""`radseal study`: words, JSON and exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ledger import WitnessError
from provenance import Device, Site
from provenance.cli.root import cli


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(w) for w in words], env={"RADSEAL_SITE": None})


@pytest.fixture(scope="module")
def scene(site: Site, make_study: Any) -> Any:
    return make_study(site)


@pytest.fixture(scope="module")
def folder(scene: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    where: Path = scene.write(tmp_path_factory.mktemp("cli") / "study")
    result = run("study", "close", where, "--site", scene.site.folder)
    assert result.exit_code == 0, result.output
    assert f"closed  study {scene.study_uid}\n  4 instances" in result.stdout
    return where


def test_complete(scene: Any, folder: Path) -> None:
    result = run("study", "verify", folder, "--site", scene.site.folder)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"COMPLETE  study {scene.study_uid}\n")
    assert "[ST110]" in result.stdout
    assert result.stdout.endswith("1 study, 4 instances, 0 other files\n")


def test_complete_in_json(scene: Any, folder: Path) -> None:
    result = run("study", "verify", folder, "--site", scene.site.folder, "--json")
    answer = json.loads(result.stdout)
    assert answer["schema"] == "radseal/study-verify/1"
    assert answer["exit_code"] == result.exit_code == 0
    (study,) = answer["studies"]
    assert (study["verdict"], study["study_instance_uid"]) == ("COMPLETE", scene.study_uid)
    assert study["closing"]["instances"] == 4
    assert {each["state"] for each in study["instances"]} == {"as listed"}
    assert {each["verdict"] for each in study["instances"]} == {"AUTHENTIC"}


def test_incomplete(scene: Any, folder: Path, tmp_path: Path) -> None:
    part = scene.write(tmp_path / "part", scene.slices[:2])
    result = run("study", "verify", part, "--site", scene.site.folder)
    assert result.exit_code == 19
    assert "[ST101]  2 listed, and not here" in result.stdout
    result = run("study", "verify", part, "--site", scene.site.folder, "--json")
    (study,) = json.loads(result.stdout)["studies"]
    assert [each["state"] for each in study["instances"]].count("missing") == 2


def test_two_studies_and_the_gravest_decides(
    scene: Any, folder: Path, make_study: Any, tmp_path: Path
) -> None:
    other = make_study(scene.site)
    both = scene.write(tmp_path / "both", [*scene.slices, *other.slices])
    result = run("study", "verify", both, "--site", scene.site.folder)
    assert result.exit_code == 11
    assert "COMPLETE" in result.stdout
    assert "NOT CLOSED" in result.stdout
    both = scene.write(tmp_path / "less", [*scene.slices[1:], *other.slices])
    assert run("study", "verify", both, "--site", scene.site.folder).exit_code == 19


def test_files_of_no_study_are_told(scene: Any, folder: Path, tmp_path: Path) -> None:
    more = scene.write(tmp_path / "more")
    (more / "readme.txt").write_text("not DICOM\x1b[2J")
    result = run("study", "verify", more, "--site", scene.site.folder)
    assert result.exit_code == 14
    assert "UNREADABLE" in result.stdout
    assert "readme.txt is of no study" in result.stdout
    assert "\x1b" not in result.stdout


def test_nothing_is_never_success(scene: Any, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for words in (["verify"], ["verify", "--json"]):
        result = run("study", *words, tmp_path / "empty", "--site", scene.site.folder)
        assert result.exit_code == 16
    assert run("study", "verify", tmp_path / "no", "--site", scene.site.folder).exit_code == 16
    some = run("study", "verify", folder, tmp_path / "no", "--site", scene.site.folder)
    assert some.exit_code == 16
    assert run("study", "close", tmp_path / "no", "--site", scene.site.folder).exit_code == 16
    empty = run("study", "close", tmp_path / "empty", "--site", scene.site.folder)
    assert empty.exit_code == 11
    assert run("study", "verify", folder).exit_code == 2


def test_what_is_refused_is_named(scene: Any, make_study: Any, tmp_path: Path) -> None:
    fresh = make_study(scene.site)
    mixed = fresh.write(tmp_path / "m", [*fresh.slices, fresh.slice(7), scene.slices[0]])
    (mixed / "x.txt").write_text("no")
    result = run("study", "close", mixed, "--site", scene.site.folder)
    assert result.exit_code == 2
    assert "004.dcm: UNSEALED" in result.stdout
    assert f"005.dcm: it is of the study {scene.study_uid}" in result.stdout
    assert "x.txt: UNREADABLE" in result.stdout
    assert "nothing was signed" in result.stderr
    result = run("study", "close", mixed, "--site", scene.site.folder, "--json")
    answer = json.loads(result.stdout)
    assert (answer["closed"], answer["exit_code"], len(answer["refused"])) == (False, 2, 3)
    after = run("study", "verify", mixed / "000.dcm", "--site", scene.site.folder)
    assert "NOT CLOSED" in after.stdout


def test_with_unsealed(scene: Any, make_study: Any, tmp_path: Path) -> None:
    fresh = make_study(scene.site)
    mixed = fresh.write(tmp_path / "m", [*fresh.slices, fresh.slice(7)])
    words = ("study", "close", mixed, "--with-unsealed", "--site", scene.site.folder, "--json")
    answer = json.loads(run(*words).stdout)
    assert (answer["closed"], answer["instances"], answer["supersedes"]) == (True, 5, 0)
    assert run("study", "verify", mixed, "--site", scene.site.folder).exit_code == 11
    answer = json.loads(run(*words).stdout)
    assert answer["supersedes"] == 1


def test_a_key_object_is_not_overwritten(scene: Any, folder: Path, tmp_path: Path) -> None:
    there = tmp_path / "ko.dcm"
    there.write_text("mine")
    words = ("study", "close", folder, "--kos", there, "--site", scene.site.folder)
    assert run(*words).exit_code == 2
    assert there.read_text() == "mine"
    assert run(*words, "--force").exit_code == 0
    offline = run("study", "verify", folder, there, "--trust", scene.site.folder / "trust")
    assert offline.exit_code == 0
    assert "from the Key Object ko.dcm" in offline.stdout


def test_a_closing_without_a_receipt_is_told(
    scene: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the log; offline its Key Object proves nothing."""

    def none(device: Device, entry: object) -> bytes:
        raise WitnessError("no quorum")

    with monkeypatch.context() as patched:
        patched.setattr(Device, "receipt", none)
        words = ("study", "close", folder, "--kos", tmp_path / "ko.dcm")
        result = run(*words, "--site", scene.site.folder)
    assert result.exit_code == 15
    assert "no receipt yet: no quorum" in result.stdout
    files = (folder, tmp_path / "ko.dcm")
    assert run("study", "verify", *files, "--site", scene.site.folder).exit_code == 0
    offline = run("study", "verify", *files, "--trust", scene.site.folder / "trust")
    assert offline.exit_code == 15
    assert "[ST115]" in offline.stdout


def test_trust_and_site_exclude_each_other(scene: Any, folder: Path) -> None:
    trust = scene.site.folder / "trust"
    result = run("study", "verify", folder, "--trust", trust, "--site", scene.site.folder)
    assert result.exit_code == 2


def test_trace_shows_the_closings(scene: Any, folder: Path) -> None:
    result = run("trace", scene.study_uid, "--site", scene.site.folder)
    assert result.exit_code == 0
    assert "study-closed" in result.stdout
    assert "\nstudy " in result.stdout
    found = run("log", "query", "--event", "study-closed", "--site", scene.site.folder)
    assert "study-closed" in found.stdout
    assert run("log", "audit", "--site", scene.site.folder).exit_code == 0


def test_against_a_served_log(scene: Any, make_study: Any, tmp_path: Path, log_server: Any) -> None:
    fresh = make_study(scene.site)
    folder = fresh.write(tmp_path / "s")
    server = log_server(scene.site.folder)
    words = ("--site", scene.site.folder, "--log", server.url)
    closed = run("study", "close", folder, "--kos", tmp_path / "ko.dcm", *words)
    assert closed.exit_code == 0, closed.output
    result = run("study", "verify", folder, *words)
    assert result.exit_code == 0, result.output
    server.stop()
    result = run("study", "verify", folder, *words)
    assert result.exit_code == 15
    assert "NOT CHECKED" in result.stdout
