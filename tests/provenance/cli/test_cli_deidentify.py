"""`radseal deidentify` and `radseal reidentify`: what they write, print and refuse."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from click.testing import CliRunner, Result
from pydicom.uid import generate_uid

from ledger import Role
from provenance import Site, seal
from provenance.cli.deidentify import MARKS
from provenance.cli.root import cli
from provenance.deidentification.make import MarkChoice
from provenance.site.actor_keys import renew_key

Make = Callable[..., bytes]


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(w) for w in words], env={"RADSEAL_SITE": None})


@pytest.fixture
def here(tmp_path: Path) -> Site:
    site = Site.init(tmp_path / "site", name="here")
    renew_key(site, Role.DEIDENTIFIER, at=datetime.now(UTC))
    return site


@pytest.fixture
def sealed(here: Site, make_dicom: Make, tmp_path: Path) -> Path:
    path = tmp_path / "a.dcm"
    with here.device() as device:
        seal(make_dicom(PatientName="Mustermann^Erika"), device=device).write(path)
    return path


@pytest.fixture
def copy(sealed: Path) -> Path:
    """What a tool that forgets one thing has made of it."""
    dataset = pydicom.dcmread(sealed)
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        setattr(dataset, keyword, generate_uid())
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "ANON", "0001", ""
    path = sealed.with_name("b.dcm")
    dataset.save_as(path)
    return path


def test_the_choices_are_the_same() -> None:
    assert set(MARKS) == {str(each) for each in MarkChoice}


def test_refused_then_declared(here: Site, sealed: Path, copy: Path, tmp_path: Path) -> None:
    out = tmp_path / "c.dcm"
    words = ("deidentify", sealed, copy, "-o", out, "--site", here.folder)
    before = here.public_log().size
    result = run(*words)
    assert result.exit_code == 2
    assert "PatientSex: the same value" in result.stderr
    assert "SE501" in result.stderr
    assert not out.exists()
    assert here.public_log().size == before
    result = run(*words, "--keep", "PatientSex", "--keep", "0010,1010")
    assert result.exit_code == 0, result.output
    assert "mark renewed" in result.stdout
    assert "kept: PatientSex\n" in result.stdout
    assert "taken out: the original's seal" in result.stdout
    verified = run("verify", out, "--trust", here.folder / "trust", "--json")
    assert verified.exit_code == 13
    (judged,) = json.loads(verified.stdout)["objects"]
    assert judged["verdict"] == "DERIVED"
    assert {"DV120", "DV121"} <= {c["code"] for c in judged["checks"]}
    assert judged["birth"] == "deidentified"
    assert judged["deidentification"] == {"kept": ["(0010,0040)"], "changed": [], "redacted": []}
    assert "parents" not in judged
    assert run(*words, "--keep", "PatientSex").exit_code == 2  # it is there already


def test_json(here: Site, sealed: Path, copy: Path, tmp_path: Path) -> None:
    out = tmp_path / "c.dcm"
    words = ("deidentify", sealed, copy, "-o", out, "--keep", "PatientSex", "--mark", "remove")
    result = run(*words, "--site", here.folder, "--json")
    answer = json.loads(result.stdout)
    assert answer["schema"] == "radseal/deidentify/1"
    assert answer["mark"] == "removed"
    assert answer["kept"] == ["00100040"]
    assert (answer["changed"], answer["redacted"]) == ([], [])
    back = json.loads(run("reidentify", out, "--site", here.folder, "--json").stdout)
    assert back["seal_id"] == answer["seal_id"]
    by_id = json.loads(run("reidentify", answer["seal_id"], "--site", here.folder, "--json").stdout)
    assert by_id == back
    copies = run("reidentify", sealed, "--copies", "--site", here.folder)
    assert copies.stdout == answer["seal_id"] + "\n"
    again = json.loads(
        run("reidentify", back["original"], "--copies", "--site", here.folder, "--json").stdout
    )
    assert again["copies"] == [answer["seal_id"]]
    erased = run("log", "erase", answer["seal_id"], "--yes", "--site", here.folder)
    assert erased.exit_code == 0
    result = run("reidentify", out, "--site", here.folder)
    assert result.exit_code == 11
    assert "erased" in result.stderr
    assert run("verify", out, "--trust", here.folder / "trust").exit_code == 13
    assert run("verify", out, "--site", here.folder).exit_code == 13


def test_the_mark_cannot_be_kept(here: Site, sealed: Path, copy: Path, tmp_path: Path) -> None:
    words = ("deidentify", sealed, copy, "-o", tmp_path / "c.dcm", "--mark", "keep")
    result = run(*words, "--site", here.folder)
    assert result.exit_code == 2
    assert "seal id of the original" in result.stderr
    assert "--mark remove" in result.stderr


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--profile", "dicognito"), "not both"),
        (("--keep", "NoSuchThing"), "neither a DICOM keyword nor a tag"),
        (("--changed", "0010"), "neither a DICOM keyword nor a tag"),
    ],
)
def test_usage(
    here: Site, sealed: Path, copy: Path, tmp_path: Path, more: tuple[str, ...], words: str
) -> None:
    out = tmp_path / "c.dcm"
    result = run("deidentify", sealed, copy, "-o", out, *more, "--site", here.folder)
    assert result.exit_code == 2
    assert words in result.stderr


def test_nothing_to_deidentify(here: Site, sealed: Path, tmp_path: Path) -> None:
    result = run("deidentify", sealed, "-o", tmp_path / "c.dcm", "--site", here.folder)
    assert result.exit_code == 2
    assert "--profile" in result.stderr


def test_a_site_without_deidentifier(
    sealed: Path, copy: Path, tmp_path: Path, make_dicom: Make
) -> None:
    other = Site.init(tmp_path / "other", name="other")
    words = ("deidentify", sealed, copy, "-o", tmp_path / "c.dcm", "--site", other.folder)
    result = run(*words)
    assert result.exit_code == 2
    assert "radseal key renew deidentifier" in result.stderr
    assert not (other.folder / "keys" / "reidentify.key").exists()
    assert run("reidentify", sealed, "--site", other.folder).exit_code == 2


def test_an_original_that_is_none(here: Site, sealed: Path, copy: Path, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(sealed)
    dataset.ImageLaterality = "L"
    dataset.save_as(sealed)
    words = ("deidentify", sealed, copy, "-o", tmp_path / "c.dcm", "--site", here.folder)
    assert run(*words).exit_code == 10
    assert run("deidentify", copy, copy, *words[3:]).exit_code == 10
    buffer = BytesIO()
    del dataset[0x52530010]
    dataset.save_as(buffer)
    sealed.write_bytes(buffer.getvalue())
    assert run(*words).exit_code == 11


@pytest.mark.parametrize("word", ["xyz", "00", "ab" * 13])
def test_what_names_no_copy(here: Site, word: str) -> None:
    here.make_reidentification_key()
    assert run("reidentify", word, "--site", here.folder).exit_code == 2


def test_the_first_key_of_a_deidentifier(tmp_path: Path) -> None:
    site = Site.init(tmp_path / "site", name="new")
    keys = site.folder / "keys"
    assert not (keys / "deidentifier.key.pem").exists()
    for number in (1, 2):
        result = run("key", "renew", "deidentifier", "--site", site.folder)
        assert result.exit_code == 0, result.output
        assert f"new deidentifier {number}" in result.stdout
    assert (keys / "deidentifier.key.pem").stat().st_mode & 0o777 == 0o600
    assert (keys / "reidentify.key").exists() is False
    assert len(site.make_reidentification_key()) == 32
    assert (keys / "reidentify.key").stat().st_mode & 0o777 == 0o600
    assert site.make_reidentification_key() == site.reidentification_key
