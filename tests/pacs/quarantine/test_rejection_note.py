"""The rejection note: what the standard's own tools and a real archive say of it."""

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from socket import create_server
from typing import Any

import pydicom
import pytest
from gateway_world import tool as debian
from hypothesis import given
from hypothesis import strategies as st

from provenance.dicom.read import read_instance
from provenance.errors import RadsealError, UsageError
from provenance.judging.verdict import Word
from provenance.pacs.arrivals import State
from provenance.pacs.quarantine.rejection_note import (
    TITLES,
    RejectionTitle,
    queue_note,
    rejection_note,
    require_only_it,
    title_of,
)
from provenance.study.selection import KeyObjectNames

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = KeyObjectNames("2.25.1", "2.25.2")
WHOLE = {
    "PatientName": "Müller^Jörg",
    "SpecificCharacterSet": "ISO_IR 100",
    "StudyID": "7",
    "StudyDate": "20260301",
    "StudyTime": "120000",
}


@pytest.fixture
def rejected(make_dicom: Callable[..., bytes]) -> bytes:
    return make_dicom(**WHOLE)


def tool(name: str, *words: object) -> subprocess.CompletedProcess[str]:
    path = debian(name)
    return subprocess.run(
        [path, *map(str, words)], capture_output=True, text=True, errors="replace", check=False
    )


def note_of(content: bytes, title: RejectionTitle = RejectionTitle.PATIENT_SAFETY) -> bytes:
    return rejection_note(content, title, names=NAMES, at=NOON)


@pytest.mark.parametrize("short", TITLES)
def test_the_tools_of_the_standard_take_it(rejected: bytes, short: str, tmp_path: Path) -> None:
    path = tmp_path / "note.dcm"
    path.write_bytes(note_of(rejected, title_of(short)))
    result = tool("dsrdump", "-Er", path)
    assert result.returncode == 0, result.stderr
    assert title_of(short).value.meaning in result.stdout
    assert "Key Object Selection Document" in result.stdout
    result = tool("dciodvfy", path)
    assert "KeyObjectSelectionDocument" in result.stderr
    assert not [line for line in result.stderr.splitlines() if "Error" in line], result.stderr


def test_it_names_the_object_in_its_own_study(rejected: bytes) -> None:
    note, image = (pydicom.dcmread(BytesIO(each)) for each in (note_of(rejected), rejected))
    (title,) = note.ConceptNameCodeSequence
    assert (title.CodeValue, title.CodingSchemeDesignator) == ("113037", "DCM")
    assert note.StudyInstanceUID == image.StudyInstanceUID
    assert note.SeriesInstanceUID == "2.25.2"
    assert note.PatientName == "Müller^Jörg"
    (study,) = note.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    (reference,) = series.ReferencedSOPSequence
    assert study.StudyInstanceUID == image.StudyInstanceUID
    assert series.SeriesInstanceUID == image.SeriesInstanceUID
    assert reference.ReferencedSOPInstanceUID == image.SOPInstanceUID
    assert reference.ReferencedSOPClassUID == image.SOPClassUID


@pytest.mark.parametrize("attribute", ["SeriesInstanceUID", "StudyInstanceUID"])
@pytest.mark.parametrize("uid", ["", "1.x", "1.02", "1" * 65])
def test_what_cannot_be_named_gets_no_note(rejected: bytes, attribute: str, uid: str) -> None:
    instance = pydicom.dcmread(BytesIO(rejected))
    with pydicom.config.disable_value_validation():
        setattr(instance, attribute, uid)
        buffer = BytesIO()
        instance.save_as(buffer, enforce_file_format=True)
    with pytest.raises(UsageError, match="cannot name it"):
        note_of(buffer.getvalue())


@given(data=st.data())
def test_no_file_makes_it_crash(data: st.DataObject, make_dicom: Callable[..., bytes]) -> None:
    content = bytearray(make_dicom(**WHOLE)[:1200])
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(132, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    try:
        made = note_of(bytes(content))
    except RadsealError:
        return
    read_instance(made)


def test_another_title_is_refused() -> None:
    with pytest.raises(UsageError, match="patient-safety"):
        title_of("113039")


def test_it_waits_for_the_archives_like_any_object(door: Any, rejected: bytes) -> None:
    kept = door.take(rejected, "SEALS")
    before = len(door.spool.custody.untold(limit=99))
    number = queue_note(note_of(rejected), kept, spool=door.spool, archives=("archive",), at=NOON)
    (delivery,) = door.spool.deliveries.due("archive", now=NOON)
    assert delivery.number == number
    assert delivery.instance.sop_instance == "2.25.1"
    assert delivery.path.read_bytes() == note_of(rejected)
    assert len(door.spool.custody.untold(limit=99)) == before  # it was neither sent nor verified
    door.spool.deliveries.delivered(number, "archive", at=NOON)
    assert door.spool.custody.untold(limit=99)[-1].event == "sent"


def test_a_forgery_does_not_get_the_genuine_image_hidden(
    door: Any, sealed: bytes, rejected: bytes, edit: Callable[..., bytes]
) -> None:
    """A note names a UID, and a forgery bears that of the image which it replaces."""
    records, spool = door.intake.judge.verifier.records, door.spool
    forged = replace(door.take(sealed), judged=replace(door.take(sealed).judged, word=Word.ALTERED))
    with pytest.raises(UsageError, match="genuine one"):
        require_only_it(forged, spool=spool, records=records)
    genuine = door.take(rejected)  # without a seal, and let in
    assert genuine.state is State.FORWARDING
    other = door.take(edit(rejected, lambda d: setattr(d, "PatientID", "P-2")), "SEALS")
    with pytest.raises(UsageError, match="would hide that one"):
        require_only_it(other, spool=spool, records=records)
    alone = door.take(edit(rejected, lambda d: setattr(d, "SOPInstanceUID", "1.2.9")), "SEALS")
    require_only_it(alone, spool=spool, records=records)


def test_a_sealed_object_itself_may_be_hidden(door: Any, sealed: bytes) -> None:
    kept = door.take(sealed)
    assert kept.judged.word is Word.AUTHENTIC
    require_only_it(kept, spool=door.spool, records=door.intake.judge.verifier.records)


@dataclass
class Archive:
    """A real Orthanc, on loopback."""

    port: int
    http: int

    def ask(self, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", body)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Archive]:
    program = shutil.which("Orthanc")
    if program is None:
        pytest.skip("Orthanc is not installed")
    with create_server(("127.0.0.1", 0)) as one, create_server(("127.0.0.1", 0)) as two:
        archive = Archive(one.getsockname()[1], two.getsockname()[1])
    settings = {
        "StorageDirectory": str(tmp_path / "db"),
        "IndexDirectory": str(tmp_path / "db"),
        "DicomPort": archive.port,
        "HttpPort": archive.http,
        "DicomAlwaysAllowStore": True,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
    }
    (tmp_path / "orthanc.json").write_text(json.dumps(settings))
    process = subprocess.Popen(
        [program, str(tmp_path / "orthanc.json")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 120
        while True:
            assert process.poll() is None, "Orthanc ended"
            assert time.monotonic() < end, "Orthanc does not answer"
            try:
                archive.ask("/system")
                break
            except OSError:
                time.sleep(0.2)
        yield archive
    finally:
        process.terminate()
        process.wait(timeout=60)


def test_orthanc_stores_it_beside_the_image(
    orthanc: Archive, rejected: bytes, tmp_path: Path
) -> None:
    (tmp_path / "image.dcm").write_bytes(rejected)
    (tmp_path / "note.dcm").write_bytes(note_of(rejected))
    words = ("-aec", "ORTHANC", "127.0.0.1", orthanc.port)
    result = tool("storescu", *words, tmp_path / "image.dcm", tmp_path / "note.dcm")
    assert result.returncode == 0, result.stderr
    (study,) = orthanc.ask("/studies?expand")
    assert len(study["Series"]) == 2
    series = [orthanc.ask(f"/series/{each}") for each in study["Series"]]
    (note,) = [each for each in series if each["MainDicomTags"]["Modality"] == "KO"]
    tags = orthanc.ask(f"/instances/{note['Instances'][0]}/simplified-tags")
    assert tags["ConceptNameCodeSequence"][0]["CodeValue"] == "113037"
