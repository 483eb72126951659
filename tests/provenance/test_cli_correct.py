"""`radseal correct`: what it writes and prints, what it refuses, and a kill in between."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from click.testing import CliRunner, Result

from ledger import Role
from provenance import Site, Word, seal, verify
from provenance.cli.correct import REASONS, ROLES
from provenance.cli.root import cli
from provenance.correction import Reason
from provenance.findings import Code

Make = Callable[..., bytes]
CHECKOUT = Path(__file__).resolve().parents[2]
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
    assert (answer["reason"], answer["role"], answer["log_index"]) == ("CORRECT", "operator", 6)
    assert answer["corrected"] == ["ImageLaterality"]
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
        "from provenance.correct import Corrected\n"
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


def test_the_choices_are_those_of_the_format() -> None:
    assert set(REASONS) == set(Reason)
    assert set(ROLES) == {Role.ARCHIVIST, Role.OPERATOR}
