"""`radseal correct`: what it writes and prints, what it refuses, and a kill in between."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from click.testing import CliRunner, Result
from pydicom.uid import generate_uid

from ledger import Role
from provenance import Site, Word, seal, verify
from provenance.cli.correct import REASONS, ROLES
from provenance.cli.root import cli
from provenance.correcting.correction import Reason
from provenance.findings import Code
from provenance.records import Lookup

Make = Callable[..., bytes]
CHECKOUT = Path(__file__).resolve().parents[3]
VALUES = ("--set", "PatientName=Doe^Jane", "--set", "0010,0020=77", "--reason", "CORRECT")


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(w) for w in words], env={"RADSEAL_SITE": None})


@pytest.fixture
def here(tmp_path: Path) -> Site:
    return Site.init(tmp_path / "site", name="here")


@pytest.fixture
def sealed(here: Site, make_dicom: Make, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "a.dcm"
    with here.device() as device:
        seal(make_dicom(), device=device, profile="none").write(path)
    before = path.read_bytes()
    yield path
    assert path.read_bytes() == before  # the input is never changed


def test_what_is_written_and_said(here: Site, sealed: Path, tmp_path: Path) -> None:
    out = tmp_path / "b.dcm"
    result = run("correct", sealed, "-o", out, *VALUES, "--site", here.folder)
    assert result.exit_code == 0, result.output
    assert "CORRECT by the archivist" in result.stdout
    assert "PatientName, PatientID" in result.stdout
    assert "Doe" not in result.stdout
    dataset = pydicom.dcmread(out)
    assert (dataset.PatientName, dataset.PatientID) == ("Doe^Jane", "77")
    (item,) = dataset.OriginalAttributesSequence
    (before,) = item.ModifiedAttributesSequence
    assert (before.PatientName, before.PatientID) == ("Test^Phantom", "P-1")
    assert item.ModifyingSystem == "radseal here"
    assert item.SourceOfPreviousValues == ""
    shown = run("verify", out, "--site", here.folder)
    assert shown.exit_code == 0
    assert shown.stdout.startswith("CORRECTED ")
    assert "by here archivist, reason CORRECT" in shown.stdout
    traced = run("trace", out, "--site", here.folder)
    assert traced.exit_code == 0
    assert "corrected" in traced.stdout
    assert run("log", "audit", "--site", here.folder).exit_code == 0


def test_json(here: Site, sealed: Path, tmp_path: Path) -> None:
    words = ("correct", sealed, "-o", tmp_path / "b.dcm", "--set", "ImageLaterality=L")
    how = ("--reason", "CORRECT", "--role", "operator")
    result = run(*words, *how, "--site", here.folder, "--json")
    answer = json.loads(result.stdout)
    assert answer["schema"] == "radseal/correct/1"
    (line,) = answer["objects"]
    assert (answer["reason"], answer["role"], line["log_index"]) == ("CORRECT", "operator", 6)
    assert (line["result"], line["corrected"]) == ("corrected", ["ImageLaterality"])
    found = json.loads(run("verify", tmp_path / "b.dcm", "--site", here.folder, "--json").stdout)
    assert (found["verdict"], found["exit_code"]) == ("CORRECTED", 0)
    assert all(change["documented"] for change in found["objects"][0]["changes"])


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("--set", "PatientName", "--reason", "CORRECT"), 2, "ATTRIBUTE=VALUE"),
        (("--set", "PatientName=A", "--reason", "BECAUSE"), 2, "reason"),
        (("--set", "PatientName=A"), 2, "--reason"),
        (("--set", "SOPInstanceUID=1.2", "--reason", "CORRECT"), 2, "another object"),
        (("--set", "RescaleSlope=2", "--reason", "CORRECT"), 2, "cannot be corrected in place"),
        (("--set", "ImageLaterality=L", "--reason", "COERCE"), 2, "only the reason CORRECT"),
        (("--set", "PatientName=A", "--reason", "CORRECT", "--role", "device"), 2, "role"),
    ],
)
def test_refusals(
    here: Site, sealed: Path, tmp_path: Path, words: tuple[str, ...], code: int, why: str
) -> None:
    out = tmp_path / "b.dcm"
    result = run("correct", sealed, "-o", out, *words, "--site", here.folder)
    assert result.exit_code == code
    assert why in result.output
    assert not out.exists()
    assert here.records().log.size == 6


def test_nothing_is_overwritten_unasked(here: Site, sealed: Path, tmp_path: Path) -> None:
    out = tmp_path / "b.dcm"
    out.write_bytes(b"mine")
    result = run("correct", sealed, "-o", out, *VALUES, "--site", here.folder)
    assert (result.exit_code, out.read_bytes()) == (2, b"mine")
    assert here.records().log.size == 6  # nor logged
    words = ("correct", sealed, "-o", out, *VALUES, "--site", here.folder, "--force")
    assert run(*words).exit_code == 0
    assert pydicom.dcmread(out).PatientID == "77"


def test_killed_between_log_and_file(here: Site, sealed: Path, tmp_path: Path) -> None:
    """What was logged stays, no half file is left, and the same command ends it."""
    out = tmp_path / "b.dcm"
    program = (
        "import os, signal, sys\n"
        "from provenance.correcting.correct import Corrected\n"
        "Corrected.write = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from provenance.cli.root import main\n"
        "sys.argv = ['radseal', *sys.argv[1:]]\n"
        "main()\n"
    )
    words = [*("correct", str(sealed), "-o", str(out)), *VALUES, "--site", str(here.folder)]
    killed = subprocess.run(
        [sys.executable, "-c", program, *words], cwd=CHECKOUT, env=os.environ, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert here.records().log.size == 7
    assert {p.name for p in tmp_path.iterdir()} == {"site", "a.dcm"}
    verdict = verify(sealed, trust=here.trust, records=here.records())
    assert verdict.word is Word.AUTHENTIC
    assert Code.CORRECTION_NEWER in {c.code for c in verdict.checks}
    assert run(*words).exit_code == 0
    assert verify(out, trust=here.trust, records=here.records()).word is Word.CORRECTED


def test_through_a_served_log(
    here: Site, sealed: Path, tmp_path: Path, log_server: Callable[[Path], Any]
) -> None:
    out = tmp_path / "b.dcm"
    assert run("correct", sealed, "-o", out, *VALUES, "--site", here.folder).exit_code == 0
    records = here.remote_records(log_server(here.folder).url)
    with_log = verify(out, trust=here.trust, records=records)
    records.log.close()
    assert with_log.word is Word.CORRECTED


MERGE = (
    *("--where", "PatientID=81", "--reason", "COERCE"),
    *(
        "--set",
        "PatientID=17",
        "--set",
        "PatientName=Doe^Jane",
        "--set",
        "PatientBirthDate=19700101",
    ),
    *("--set", "StudyInstanceUID=2.25.17", "--set", "StudyID=17"),
)


@pytest.fixture
def study(here: Site, make_dicom: Make, tmp_path: Path) -> Path:
    """Three sealed objects of one patient, one of another, and a file that is no DICOM object."""
    folder = tmp_path / "in"
    (folder / "series").mkdir(parents=True)
    with here.device() as device:
        for name, patient in (("a", "81"), ("b", "81"), ("series/c", "81"), ("d", "3")):
            made = pydicom.dcmread(BytesIO(make_dicom()))
            made.PatientID = patient
            made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            raw = BytesIO()
            made.save_as(raw)
            seal(raw.getvalue(), device=device, profile="none").write(folder / f"{name}.dcm")
    (folder / "notes.txt").write_text("not an image")
    return folder


def test_a_patient_merge_and_study_move(here: Site, study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("correct", study, "-o", out, *MERGE, "--site", here.folder)
    assert result.exit_code == 14  # the text file; the others were corrected
    assert "5 inputs: 3 corrected, 1 not meant, 1 unreadable" in result.stdout
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*.dcm")) == [
        "a.dcm", "b.dcm", "series/c.dcm"
    ]  # fmt: skip
    records = here.records()
    for path in out.rglob("*.dcm"):
        verdict = verify(path, trust=here.trust, records=records)
        assert verdict.word is Word.CORRECTED
        assert {0x00100010, 0x00100020, 0x0020000D} <= verdict.documented
    assert verify(study / "d.dcm", trust=here.trust, records=records).word is Word.AUTHENTIC
    assert len(records.find(Lookup.STUDY, b"2.25.17")) == 3  # found under the study they are in
    records.log.close()


def test_a_merge_goes_on_where_it_stopped(here: Site, study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (study / "notes.txt").unlink()
    assert run("correct", study, "-o", out, *MERGE, "--site", here.folder).exit_code == 0
    size = here.records().log.size
    (out / "b.dcm").unlink()
    words = ("correct", study, "-o", out, *MERGE, "--site", here.folder)
    assert run(*words).exit_code == 2
    assert here.records().log.size == size
    again = run(*words, "--resume", "--json")
    assert again.exit_code == 0
    results = [line["result"] for line in json.loads(again.stdout)["objects"]]
    assert sorted(results) == ["already corrected", "already corrected", "corrected", "not meant"]
    assert here.records().log.size == size + 1


def test_resume_takes_no_other_object_for_finished(here: Site, study: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.dcm").write_bytes((study / "b.dcm").read_bytes())
    result = run("correct", study, "-o", out, *MERGE, "--site", here.folder, "--resume")
    assert result.exit_code == 2
    assert "exist already" in result.output


def test_what_cannot_be_corrected_does_not_stop_the_rest(
    here: Site, study: Path, tmp_path: Path
) -> None:
    changed = pydicom.dcmread(study / "a.dcm")
    changed.PatientSex = "M"
    changed.save_as(study / "a.dcm")
    (study / "notes.txt").unlink()
    result = run("correct", study, "-o", tmp_path / "out", *MERGE, "--site", here.folder)
    assert result.exit_code == 10
    assert "2 corrected, 1 not meant, 1 cannot be corrected" in result.stdout
    assert "PatientSex: changed already" in result.stdout
    assert not (tmp_path / "out" / "a.dcm").exists()


def test_nothing_meant_is_not_success(here: Site, study: Path, tmp_path: Path) -> None:
    words = ("--where", "PatientID=99", "--set", "PatientID=1", "--reason", "COERCE")
    (study / "notes.txt").unlink()
    result = run("correct", study, "-o", tmp_path / "out", *words, "--site", here.folder)
    assert result.exit_code == 16
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("where", ["PatientID", "NoSuch=1", "PixelData=1"])
def test_conditions_that_are_none(here: Site, sealed: Path, tmp_path: Path, where: str) -> None:
    words = ("correct", sealed, "-o", tmp_path / "b.dcm", *VALUES, "--where", where)
    assert run(*words, "--site", here.folder).exit_code == 2


def test_the_choices_are_those_of_the_format() -> None:
    assert set(REASONS) == set(Reason)
    assert set(ROLES) == {Role.ARCHIVIST, Role.OPERATOR}
