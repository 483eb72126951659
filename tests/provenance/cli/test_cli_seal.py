"""`radseal seal`: mirrors its input, overwrites nothing, resumes, counts failures."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from click.testing import CliRunner, Result

from ledger import BusyError
from provenance.cli.root import cli
from provenance.site.device import Device

IMAGES = Path(pydicom.data.__file__).parent / "test_files"
CT, MR, OVERLAY = (IMAGES / n for n in ("CT_small.dcm", "MR_small.dcm", "examples_overlay.dcm"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seal") / "site"
    assert run("init", folder, "--name", "north").exit_code == 0
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two images in a tree, one of them below."""
    folder = tmp_path / "in"
    (folder / "b").mkdir(parents=True)
    shutil.copy(CT, folder / "b/ct.dcm")
    shutil.copy(MR, folder / "mr.dcm")
    return folder


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(w) for w in words], env={"RADSEAL_SITE": None})


def answer(*words: object) -> dict[str, Any]:
    result = run(*words, "--json")
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["exit_code"] == result.exit_code
    assert result.stderr == ""
    return found


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_mirrors_the_tree(site: Path, tree: Path, tmp_path: Path) -> None:
    before = (tree / "mr.dcm").read_bytes()
    found = answer("seal", tree, "-o", tmp_path / "out", "--site", site)
    assert found["schema"] == "radseal/seal/1"
    assert found["exit_code"] == 0
    assert found["summary"]["by_result"]["sealed"] == 2
    assert files(tmp_path / "out") == ["b/ct.dcm", "mr.dcm"]
    assert (tree / "mr.dcm").read_bytes() == before
    assert run("verify", tmp_path / "out", "--site", site).exit_code == 0
    for one in found["objects"]:
        assert len(one["seal_id"]) == 24
        assert one["mark"] is None
        assert "sealed unmarked" in one["unmarked"]


def test_mark(site: Path, tmp_path: Path) -> None:
    words = ("seal", OVERLAY, "-o", tmp_path, "--site", site)
    (one,) = answer(*words, "--watermark", "radiograph")["objects"]
    assert one["mark"]["max_change"] > 0
    assert one["unmarked"] is None
    shown = run(*words, "--watermark", "none", "--force").stdout
    assert "no mark: asked for no mark" in shown


def test_profile_that_is_none(site: Path, tmp_path: Path) -> None:
    result = run("seal", CT, "-o", tmp_path, "--site", site, "--watermark", "loud")
    assert result.exit_code == 2
    assert "radiograph" in result.stderr
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(site: Path, tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mr.dcm").write_bytes(b"precious")
    result = run("seal", tree, "-o", out, "--site", site)
    assert result.exit_code == 2
    assert "--resume" in result.stderr
    assert "--force" in result.stderr
    assert files(out) == ["mr.dcm"], "refused before any work"
    assert (out / "mr.dcm").read_bytes() == b"precious"
    # What is there carries no seal, so there is nothing to resume.
    assert run("seal", tree, "-o", out, "--site", site, "--resume").exit_code == 2
    assert (out / "mr.dcm").read_bytes() == b"precious"
    assert run("seal", tree, "-o", out, "--site", site, "--force").exit_code == 0
    assert run("verify", out, "--site", site).exit_code == 0


def test_resume_after_interruption(
    site: Path, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    record, count = Device.record, 0

    def interrupted(self: Device, *args: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if count == 2:
            raise KeyboardInterrupt
        return record(self, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Device, "record", interrupted)
        result = run("seal", tree, "-o", out, "--site", site)
    assert result.exit_code == 130
    assert "--resume" in result.stderr
    assert files(out) == ["b/ct.dcm"]
    first = (out / "b/ct.dcm").read_bytes()
    found = answer("seal", tree, "-o", out, "--site", site, "--resume")
    assert [o["result"] for o in found["objects"]] == ["already sealed", "sealed"]
    assert (out / "b/ct.dcm").read_bytes() == first
    shown = run("seal", tree, "-o", out, "--site", site, "--resume").stdout
    assert shown.endswith("2 inputs: 2 already sealed\n")


def test_resume_does_not_take_another_object_for_done(site: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, image in ((one, CT), (two, MR)):
        folder.mkdir()
        shutil.copy(image, folder / "IM0001")
    assert run("seal", one, "-o", tmp_path / "out", "--site", site).exit_code == 0
    result = run("seal", two, "-o", tmp_path / "out", "--site", site, "--resume")
    assert result.exit_code == 2
    assert "another object" in result.stderr


def test_one_bad_file_does_not_stop_the_others(site: Path, tree: Path, tmp_path: Path) -> None:
    (tree / "a.txt").write_bytes(b"no image")
    (tree / "nowhere").symlink_to(tree / "gone")
    (tree / ".hidden").write_bytes(b"x")
    found = answer("seal", tree, "-o", tmp_path / "out", "--site", site)
    assert found["exit_code"] == 14
    results = {Path(o["path"]).name: o["result"] for o in found["objects"]}
    assert results == {
        "a.txt": "unreadable",
        "ct.dcm": "sealed",
        "mr.dcm": "sealed",
        "nowhere": "unreadable",
    }
    assert found["summary"]["skipped"]["hidden"] == 1
    assert files(tmp_path / "out") == ["b/ct.dcm", "mr.dcm"]


def test_sealed_already(site: Path, tree: Path, tmp_path: Path) -> None:
    assert run("seal", tree, "-o", tmp_path / "once", "--site", site).exit_code == 0
    shutil.copy(OVERLAY, tmp_path / "once/new.dcm")
    found = answer("seal", tmp_path / "once", "-o", tmp_path / "twice", "--site", site)
    assert found["exit_code"] == 2
    assert [(o["result"], o["code"]) for o in found["objects"]] == [
        ("cannot be sealed", "SE101"),
        ("cannot be sealed", "SE101"),
        ("sealed", None),
    ]
    assert "explain SE101" in found["objects"][0]["do"]


def test_a_log_that_fails_stops_the_run(
    site: Path, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise BusyError("another process holds the log")

    monkeypatch.setattr(Device, "record", fail)
    found = answer("seal", tree, "-o", tmp_path / "out", "--site", site)
    assert found["exit_code"] == 15
    results = [o["result"] for o in found["objects"]]
    assert results == ["not sealed, the log failed", "not tried"]
    assert files(tmp_path / "out") == []


@pytest.mark.parametrize("where", ["in", "in/b/out"])
def test_output_inside_input(site: Path, tree: Path, tmp_path: Path, where: str) -> None:
    result = run("seal", tree, "-o", tmp_path / where, "--site", site, "--force")
    assert result.exit_code == 2
    assert "inside the input" in result.stderr


def test_output_onto_input(site: Path, tree: Path) -> None:
    before = (tree / "mr.dcm").read_bytes()
    result = run("seal", tree / "mr.dcm", "-o", tree, "--site", site, "--force")
    assert result.exit_code == 2
    assert (tree / "mr.dcm").read_bytes() == before


def test_two_inputs_with_one_output(site: Path, tree: Path, tmp_path: Path) -> None:
    shutil.copy(CT, tree / "ct.dcm")
    words = ("seal", tree / "ct.dcm", tree / "b/ct.dcm", "-o", tmp_path / "out", "--site", site)
    result = run(*words)
    assert result.exit_code == 2
    assert "would both be written" in result.stderr


def test_nothing_matched(site: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    words = ("seal", tmp_path / "empty", "-o", tmp_path / "out", "--site", site)
    assert answer(*words)["exit_code"] == 16
    assert "nothing matched" in run(*words).stdout


def test_output_that_cannot_be_written(site: Path, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/b").write_bytes(b"a file where a folder must be")
    found = answer("seal", tree, "-o", tmp_path / "out", "--site", site)
    assert found["exit_code"] == 2
    assert [o["result"] for o in found["objects"]] == ["cannot be sealed", "sealed"]


def test_ps315(site: Path, tmp_path: Path, make_identity: Callable[..., Any]) -> None:
    identity = make_identity()
    words = ("seal", CT, "-o", tmp_path, "--site", site, "--ps315", "authorization")
    incomplete = run(*words, "--ps315-key", identity.key)
    assert incomplete.exit_code == 2
    assert "--ps315-certificate together" in incomplete.stderr
    elliptic = make_identity("SECP256R1")
    refused = run(*words, "--ps315-key", elliptic.key, "--ps315-certificate", elliptic.certificate)
    assert refused.exit_code == 2
    assert "RSA keys only" in refused.stderr
    given = ("--ps315-key", identity.key, "--ps315-certificate", identity.certificate)
    (one,) = answer(*words, *given)["objects"]
    assert one["ps315_signature"].startswith("2.25.")
    assert run("verify", tmp_path, "--site", site).exit_code == 0
    assert f"PS3.15 signature {one['ps315_signature'][:5]}" in run(*words, *given, "--force").stdout
