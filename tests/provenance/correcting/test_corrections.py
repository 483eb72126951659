"""Corrections of a header, documented or not: what hospitals do, and the verdict it must get.

The numbers are those of a workflow matrix: 9 character set, 10 and 11 name and id, 12 merge and
study move, 13 another patient, 14 coercion, 15 and 16 side, 17 spacing, 18 grey values, 19 window.
"""

import copy
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, generate_uid

from ledger import Event, Role, parse_statement
from provenance import (
    EvidenceError,
    EvidenceMissingError,
    Outcome,
    Reason,
    Site,
    UsageError,
    Verdict,
    Word,
    correct,
    seal,
    verify,
)
from provenance.claims.kept_annex import KeptAnnex
from provenance.correcting.correct import Corrected, correct_at_time
from provenance.correcting.new_values import new_values
from provenance.dicom.carrier import read_carrier
from provenance.dicom.read import read_instance
from provenance.findings import Code
from provenance.records import Lookup

Make = Callable[..., bytes]
Edit = Callable[[bytes, Callable[[Dataset], object]], bytes]
Change = Callable[[Dataset], object]

STUDY = generate_uid()
MERGED = {
    "PatientName": "Merged^Patient",
    "PatientID": "M-1",
    "PatientBirthDate": "19700202",
    "StudyInstanceUID": STUDY,
}


def judge(data: bytes, site: Site) -> Verdict:
    records = site.records()
    with records.log:
        return verify(data, trust=site.trust, records=records, mark_key=site.mark_key)


def codes(verdict: Verdict) -> set[Code]:
    return {check.code for check in verdict.checks}


def corrected(
    data: bytes,
    values: Mapping[str, str],
    site: Site,
    *,
    reason: Reason = Reason.CORRECT,
    role: Role = Role.ARCHIVIST,
) -> Corrected:
    records = site.records()
    with records.log, site.device(role) as actor:
        return correct(
            data,
            values,
            reason=reason,
            actor=actor,
            records=records,
            trust=site.trust,
            system="test",
        )


def setting(values: Mapping[str, str]) -> Change:
    """The same change by a toolkit, without a word."""

    def change(dataset: Dataset) -> None:
        for keyword, value in values.items():
            setattr(dataset, keyword, value.split("\\") if "\\" in value else value)

    return change


def recording(values: Mapping[str, str]) -> Change:
    """The same, with an Original Attributes Sequence as PS3.3 asks for, and nothing in a ledger."""

    def change(dataset: Dataset) -> None:
        before = Dataset()
        for keyword in values:
            if keyword in dataset:
                before[keyword] = copy.deepcopy(dataset[keyword])
            else:
                setattr(before, keyword, "")
        item = Dataset()
        item.ModifiedAttributesSequence = Items([before])
        item.AttributeModificationDateTime = "20260101120000"
        item.ModifyingSystem = "PACS"
        item.SourceOfPreviousValues = ""
        item.ReasonForTheAttributeModification = "CORRECT"
        setting(values)(dataset)
        dataset.OriginalAttributesSequence = Items([item])

    return change


@dataclass(frozen=True)
class Case:
    """A change of some attributes: its verdict with a correction, recorded in the file, silent."""

    name: str
    values: Mapping[str, str]
    silent: Word
    event: Word | None = Word.CORRECTED
    reason: Reason = Reason.CORRECT
    role: Role = Role.ARCHIVIST


CASES = (
    Case("10-name", {"PatientName": "Doe^Jane"}, Word.HEADER_CHANGED),
    Case("10-name-and-id", {"PatientName": "D^J", "PatientID": "7"}, Word.HEADER_CHANGED),
    Case("10-umlaut", {"PatientName": "Müller^Jörg"}, Word.HEADER_CHANGED),
    Case("10-emptied", {"PatientID": ""}, Word.HEADER_CHANGED),
    Case("10-emptied-beyond-the-table", {"RequestingService": ""}, Word.HEADER_CHANGED),
    Case("10-added-beyond-the-table", {"ReasonForStudy": "why"}, Word.HEADER_CHANGED),
    Case("12-merge", MERGED, Word.ALTERED),
    Case("12-study-move", {"StudyInstanceUID": STUDY}, Word.HEADER_CHANGED),
    Case(
        "14-coerced",
        {"AccessionNumber": "A-9", "StudyDescription": "Hand", "InstitutionName": "Here"},
        Word.HEADER_CHANGED,
        reason=Reason.COERCE,
    ),
    Case("15-side", {"ImageLaterality": "L"}, Word.ALTERED, role=Role.OPERATOR),
    Case("15-side-coerced", {"ImageLaterality": "L"}, Word.ALTERED, None, Reason.COERCE),
    Case("16-orientation", {"PatientOrientation": r"R\F"}, Word.ALTERED),
    Case("17-spacing", {"PixelSpacing": r"0.3\0.3"}, Word.ALTERED, None),
    Case(
        "17-calibrated",
        {"PixelSpacing": r"0.3\0.3", "PixelSpacingCalibrationType": "FIDUCIAL"},
        Word.ALTERED,
    ),
    Case("17-thickness", {"SliceThickness": "9"}, Word.ALTERED, None),
    Case("18-slope", {"RescaleSlope": "2"}, Word.ALTERED, None),
    Case("18-inverted", {"PhotometricInterpretation": "MONOCHROME1"}, Word.ALTERED, None),
    Case("19-window", {"WindowCenter": "11", "WindowWidth": "99"}, Word.HEADER_CHANGED),
    Case("13-instance", {"SOPInstanceUID": STUDY}, Word.ALTERED, None),
    Case("13-series", {"SeriesInstanceUID": STUDY}, Word.ALTERED, None),
)


@pytest.fixture(scope="module")
def sealed(site: Site, make_dicom: Make) -> bytes:
    attributes = {
        "SpecificCharacterSet": "ISO_IR 100",
        "AccessionNumber": "A-1",
        "StudyDescription": "Study",
        "InstitutionName": "There",
        "PatientOrientation": ["L", "F"],
        "SliceThickness": "1",
        "RescaleSlope": "1",
        "RescaleIntercept": "0",
        "WindowCenter": "10",
        "WindowWidth": "100",
        "RequestingService": "Ward",
    }
    with site.device() as device:
        return seal(make_dicom(**attributes), device=device).to_bytes()


@pytest.fixture
def fresh(site: Site, make_dicom: Make) -> Callable[..., bytes]:
    """Return a maker of sealed objects of their own: corrections of one do not meet another's."""

    def make(**attributes: object) -> bytes:
        with site.device() as device:
            return seal(make_dicom(**attributes), device=device, profile="none").to_bytes()

    return make


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_with_a_correction(case: Case, site: Site, fresh: Make, edit: Edit) -> None:
    data = fresh(
        SpecificCharacterSet="ISO_IR 100",
        PatientOrientation=["L", "F"],
        SliceThickness="1",
        RescaleSlope="1",
        WindowCenter="10",
        WindowWidth="100",
        RequestingService="Ward",
    )
    if case.event is None:
        with pytest.raises(UsageError):
            corrected(data, case.values, site, reason=case.reason, role=case.role)
        return
    result = corrected(data, case.values, site, reason=case.reason, role=case.role)
    verdict = judge(result.to_bytes(), site)
    assert verdict.word is case.event
    assert verdict.exit_code == 0
    assert verdict.integrity is Outcome.PROVEN
    assert {c.tag for c in verdict.changes} == verdict.documented
    assert {Code.HEADER_CORRECTED, Code.CORRECTION} <= codes(verdict)
    # a toolkit that writes it anew changes nothing of that
    assert judge(edit(result.to_bytes(), lambda _: None), site).word is case.event
    found = pydicom.dcmread(BytesIO(result.to_bytes()))
    for keyword, value in case.values.items():
        stored = found[keyword].value
        several = isinstance(stored, Iterable) and "\\" in value
        assert (list(map(str, stored)) if several else [str(stored or "")]) == value.split("\\")
    # without the ledger nobody vouches for it: as without a correction
    alone = verify(result.to_bytes(), trust=site.trust)
    assert alone.word is case.silent
    assert not alone.documented


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_without_a_word(case: Case, sealed: bytes, site: Site, edit: Edit) -> None:
    verdict = judge(edit(sealed, setting(case.values)), site)
    assert verdict.word is case.silent
    assert not verdict.documented


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_recorded_in_the_file_alone(case: Case, sealed: bytes, site: Site, edit: Edit) -> None:
    verdict = judge(edit(sealed, recording(case.values)), site)
    assert verdict.word is case.silent
    assert not verdict.documented
    found = [c.detail for c in verdict.checks if c.code is Code.RECORDED_IN_FILE]
    before = pydicom.dcmread(BytesIO(sealed))
    led_back = [keyword for keyword in case.values if keyword in before]
    assert all(keyword in words for keyword in led_back for words in found)
    assert len(found) == bool(led_back)


def test_a_record_of_false_old_values_leads_nowhere(sealed: bytes, site: Site, edit: Edit) -> None:
    def lie(dataset: Dataset) -> None:
        dataset.PatientName = "Never^Was"
        recording({"PatientName": "Doe^Jane"})(dataset)

    verdict = judge(edit(sealed, lie), site)
    assert verdict.word is Word.HEADER_CHANGED
    assert Code.RECORDED_IN_FILE not in codes(verdict)


def test_9_a_swapped_character_set_reads_as_another_name(site: Site, fresh: Make) -> None:
    data = fresh(SpecificCharacterSet="ISO_IR 100", PatientName="Müller^Jörg")
    assert data.count(b"ISO_IR 100") == 1
    verdict = judge(data.replace(b"ISO_IR 100", b"ISO_IR 101"), site)
    assert verdict.word is Word.AUTHENTIC  # ü and ö are the same in both
    assert judge(data.replace(b"ISO_IR 100", b"ISO_IR 144"), site).word is Word.HEADER_CHANGED


def test_13_another_patient_is_not_excused_by_half_a_correction(
    site: Site, fresh: Make, edit: Edit
) -> None:
    values = {"PatientName": "Other^Person", "PatientID": "O-1"}
    data = corrected(fresh(), values, site).to_bytes()
    assert judge(data, site).word is Word.CORRECTED
    verdict = judge(edit(data, setting({"PatientBirthDate": "19450101"})), site)
    assert verdict.word is Word.ALTERED
    assert {Code.PATIENT_REPLACED, Code.HEADER_CORRECTED} <= codes(verdict)


def test_a_documented_and_an_undocumented_change(site: Site, fresh: Make, edit: Edit) -> None:
    data = corrected(fresh(), {"ImageLaterality": "L"}, site).to_bytes()
    verdict = judge(edit(data, setting({"PatientID": "9"})), site)
    assert verdict.word is Word.HEADER_CHANGED
    details = {c.code: c.detail for c in verdict.checks}
    assert "ImageLaterality" in details[Code.HEADER_CORRECTED]
    assert details[Code.ADMINISTRATIVE_CHANGED] == "PatientID changed"
    assert judge(edit(data, setting({"ImageLaterality": "B"})), site).word is Word.ALTERED
    del_record: Change = lambda dataset: dataset.pop("OriginalAttributesSequence")  # noqa: E731
    assert judge(edit(data, del_record), site).word is Word.CORRECTED


def test_corrections_follow_on_each_other(site: Site, fresh: Make) -> None:
    first = corrected(fresh(), {"PatientName": "One^A"}, site).to_bytes()
    second = corrected(first, {"PatientName": "Two^B", "PatientSex": "F"}, site).to_bytes()
    assert judge(second, site).word is Word.CORRECTED
    older = judge(first, site)
    assert older.word is Word.HEADER_CHANGED
    assert Code.CORRECTION_NEWER in codes(older)
    record = pydicom.dcmread(BytesIO(second)).OriginalAttributesSequence
    names = [str(item.ModifiedAttributesSequence[0].PatientName) for item in record]
    assert names == ["Test^Phantom", "One^A"]
    assert [item.ReasonForTheAttributeModification for item in record] == ["CORRECT"] * 2
    assert record[0].ModifyingSystem == "test"
    assert str(record[0].AttributeModificationDateTime).endswith("+0000")
    # and back to what was signed: the record remains, and is documented
    back = corrected(second, {"PatientName": "Test^Phantom", "PatientSex": "O"}, site).to_bytes()
    verdict = judge(back, site)
    assert verdict.word is Word.CORRECTED
    assert [c.keyword for c in verdict.changes] == ["OriginalAttributesSequence"]


def test_an_older_copy_is_told_of_the_newer_correction(site: Site, fresh: Make) -> None:
    data = fresh()
    corrected(data, {"ImageLaterality": "L"}, site)
    verdict = judge(data, site)
    assert verdict.word is Word.AUTHENTIC
    assert Code.CORRECTION_NEWER in codes(verdict)


def test_a_correction_that_was_never_written_is_made_again(site: Site, fresh: Make) -> None:
    """As after a crash between log and file: the same call works, and leads to the same verdict."""
    data = fresh()
    corrected(data, {"PatientName": "Doe^Jane", "PatientID": "7"}, site)
    with pytest.raises(EvidenceError, match="newer correction"):
        corrected(data, {"PatientName": "Doe^Jane"}, site)
    again = corrected(data, {"PatientName": "Doe^Jane", "PatientID": "7"}, site)
    assert judge(again.to_bytes(), site).word is Word.CORRECTED


def test_a_correction_that_was_never_written_is_taken_back(site: Site, fresh: Make) -> None:
    data = fresh()
    corrected(data, {"PatientName": "Wrong^Name"}, site)
    kept = corrected(data, {"PatientName": "Test^Phantom"}, site)
    assert kept.keywords == ("PatientName",)
    verdict = judge(kept.to_bytes(), site)
    assert verdict.word is Word.AUTHENTIC
    assert Code.CORRECTION_NEWER not in codes(verdict)
    corrected(data, {"PatientName": "Wrong^Again"}, site)
    both = corrected(data, {"PatientName": "Test^Phantom", "PatientID": "9"}, site)
    verdict = judge(both.to_bytes(), site)
    assert verdict.word is Word.CORRECTED
    assert Code.CORRECTION_NEWER not in codes(verdict)


def test_the_sealed_copy_stays_what_it_is(site: Site, fresh: Make) -> None:
    """Though one attribute was corrected there and back, and another for good."""
    data = fresh()
    first = corrected(data, {"PatientName": "A^B", "ImageLaterality": "L"}, site).to_bytes()
    corrected(first, {"PatientName": "Test^Phantom"}, site)
    verdict = judge(data, site)
    assert verdict.word is Word.AUTHENTIC
    assert Code.CORRECTION_NEWER in codes(verdict)
    assert not verdict.changes


def test_the_log_shows_no_value_and_the_annex_all(site: Site, fresh: Make) -> None:
    data = fresh()
    result = corrected(data, {"PatientName": "Doe^Jane"}, site)
    records = site.records()
    with records.log as log:
        entry = log.entry(result.log_index)
        kept = log.annex(result.seal_id)
    assert b"Doe" not in entry.statement
    assert b"Phantom" not in entry.statement
    assert parse_statement(entry.statement).event is Event.CORRECTED
    assert kept is not None
    opened = KeptAnnex.decode(kept)
    content = b"".join(each.content for each in opened.leaves)
    assert b"Doe^Jane" in content
    assert b"Test^Phantom" in content
    values = read_carrier(read_instance(data).dataset)
    assert values is not None
    assert opened.seal == values.annex
    assert not any(each.salt in result.to_bytes() for each in opened.leaves)


def test_a_corrected_object_whose_seal_was_removed_is_found(
    site: Site, fresh: Make, edit: Edit
) -> None:
    data = corrected(fresh(), {"ImageLaterality": "L"}, site).to_bytes()
    verdict = judge(edit(data, lambda d: d.remove_private_tags()), site)
    assert verdict.word is Word.STRIPPED
    assert Code.HEADER_CORRECTED in codes(verdict)
    back = edit(data, lambda d: d.remove_private_tags())
    assert judge(edit(back, setting({"ImageLaterality": "B"})), site).word is Word.ALTERED


def test_a_moved_study_is_found_by_its_new_uid(site: Site, fresh: Make) -> None:
    uid = generate_uid()
    result = corrected(fresh(), {"StudyInstanceUID": uid}, site)
    records = site.records()
    with records.log:
        assert records.find(Lookup.STUDY, uid.encode()) == (result.seal_id,)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_in_other_encodings(site: Site, make_dicom: Make, syntax: pydicom.uid.UID) -> None:
    dataset = pydicom.dcmread(BytesIO(make_dicom()))
    if syntax is ExplicitVRBigEndian:
        dataset.PixelData = dataset.pixel_array.astype(">u2").tobytes()
    dataset.file_meta.TransferSyntaxUID = syntax
    buffer = BytesIO()
    little, implicit = syntax.is_little_endian, syntax.is_implicit_VR
    pydicom.dcmwrite(
        buffer, dataset, little_endian=little, implicit_vr=implicit, force_encoding=True
    )
    with site.device() as device:
        data = seal(buffer.getvalue(), device=device, profile="none").to_bytes()
    data = corrected(data, {"PatientName": "One^A"}, site).to_bytes()
    data = corrected(data, {"PatientName": "Two^B"}, site).to_bytes()
    assert read_instance(data).transfer_syntax == syntax
    assert judge(data, site).word is Word.CORRECTED
    assert len(pydicom.dcmread(BytesIO(data)).OriginalAttributesSequence) == 2


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "0 attributes to correct"),
        (
            {f"6000,{n:04X}": "x" for n in range(1, 129)},
            "128 attributes to correct, where 1 to 127",
        ),
        ({"PatientName": "Test^Phantom"}, "has these values already"),
        ({"NoSuchThing": "x"}, "neither a DICOM keyword nor a tag"),
        ({"0011,0010": "x"}, "not signed as an attribute"),
        ({"0010,0011": "x"}, "no standard attribute"),
        ({"PatientName": "A", "0010,0010": "B"}, "twice"),
        ({"PatientBirthDate": "yesterday"}, "PatientBirthDate"),
        ({"PatientID": "a\\b"}, "too many"),
        ({"PixelData": "x"}, "not be corrected"),
        ({"Rows": "1"}, "not be corrected"),
        ({"TransferSyntaxUID": "1.2"}, "not be corrected"),
        ({"RequestAttributesSequence": "x"}, "written in characters"),
        ({"PatientName": "山田"}, "character set"),
        ({"DeviceSerialNumber": "1"}, "another object"),
    ],
)
def test_what_is_refused(
    values: dict[str, str], words: str, site: Site, sealed: bytes, fresh: Make
) -> None:
    before = site.records().log.size
    with pytest.raises(UsageError, match=words):
        corrected(sealed, values, site)
    assert site.records().log.size == before


def test_what_cannot_be_built_on(
    site: Site, stranger: Site, fresh: Make, make_dicom: Make, edit: Edit, sealed: bytes
) -> None:
    values = {"PatientName": "Doe^Jane"}
    with pytest.raises(EvidenceMissingError, match="carries no seal"):
        corrected(make_dicom(), values, site)
    with pytest.raises(EvidenceError, match="PatientID: changed already"):
        corrected(edit(sealed, setting({"PatientID": "9"})), values, site)
    with pytest.raises(EvidenceError, match="pixels"):
        corrected(
            edit(sealed, lambda d: setattr(d, "PixelData", bytes(len(d.PixelData)))), values, site
        )
    with stranger.device() as device:
        foreign = seal(make_dicom(), device=device).to_bytes()
    with pytest.raises(EvidenceError, match="cannot be built on"):
        corrected(foreign, values, site)
    empty = edit(fresh(), lambda d: setattr(d, "OriginalAttributesSequence", Items([])))
    assert judge(corrected(empty, values, site).to_bytes(), site).word is Word.CORRECTED


def test_another_statement_in_between(site: Site, fresh: Make) -> None:
    """Another statement between reading and logging: it looks again, and nothing is lost."""
    data = fresh()
    seal_id = corrected_seal_id(data)
    calls = []

    def salt() -> bytes:
        if not calls:
            with site.device(Role.AUDITOR) as other:
                other.record(Event.VIEWED, object_id=seal_id, body={}, at=datetime.now(UTC))
        calls.append(1)
        return len(calls).to_bytes(16, "big")

    records = site.records()
    with records.log, site.device(Role.ARCHIVIST) as actor:
        result = correct_at_time(
            data,
            new_values({"PatientName": "Doe^Jane"}, Reason.CORRECT),
            reason=Reason.CORRECT,
            actor=actor,
            records=records,
            trust=site.trust,
            system="test",
            at=datetime.now(UTC),
            draw_salt=salt,
        )
    assert len(calls) == 4  # two leaves, twice
    assert judge(result.to_bytes(), site).word is Word.CORRECTED


def corrected_seal_id(data: bytes) -> bytes:
    values = read_carrier(read_instance(data).dataset)
    assert values is not None
    seal_id = parse_statement(values.statement).object_id
    assert seal_id is not None
    return seal_id


def run(words: Sequence[str | Path]) -> None:
    if shutil.which(str(words[0])) is None:
        pytest.skip(f"{words[0]} is not installed")
    subprocess.run(list(map(str, words)), check=True, capture_output=True)


def test_real_tools_after_and_instead_of_a_correction(
    site: Site, fresh: Make, tmp_path: Path
) -> None:
    path = tmp_path / "a.dcm"
    data = corrected(fresh(), {"ImageLaterality": "L"}, site).to_bytes()
    path.write_bytes(data)
    run(["dcmodify", "-nb", "-m", "PatientName=Else^Body", path])
    verdict = judge(path.read_bytes(), site)
    assert verdict.word is Word.HEADER_CHANGED
    assert Code.HEADER_CORRECTED in codes(verdict)
    path.write_bytes(data)
    run(["dcmodify", "-nb", "-m", "ImageLaterality=R", path])
    verdict = judge(path.read_bytes(), site)
    assert verdict.word is Word.ALTERED  # back to the sealed side, which was corrected
    assert {Code.CORRECTION_NEWER, Code.CLINICAL_CHANGED} <= codes(verdict)
    path.write_bytes(fresh())
    run(["dcmodify", "-nb", "-m", "ImageLaterality=L", path])
    assert judge(path.read_bytes(), site).word is Word.ALTERED


def test_dcmodify_of_the_same_value_is_as_documented(
    site: Site, fresh: Make, tmp_path: Path
) -> None:
    path = tmp_path / "a.dcm"
    data = fresh()
    path.write_bytes(data)
    corrected(data, {"PatientName": "Doe^Jane"}, site)
    run(["dcmodify", "-nb", "-m", "PatientName=Doe^Jane", path])
    assert judge(path.read_bytes(), site).word is Word.CORRECTED


def test_gdcmanon_replaces_without_a_word(site: Site, fresh: Make, tmp_path: Path) -> None:
    path, out = tmp_path / "a.dcm", tmp_path / "b.dcm"
    path.write_bytes(corrected(fresh(), {"PatientName": "Doe^Jane"}, site).to_bytes())
    run(["gdcmanon", "--dumb", "--replace", "0010,0020,Z-1", path, out])
    verdict = judge(out.read_bytes(), site)
    assert verdict.word is Word.HEADER_CHANGED
    assert Code.HEADER_CORRECTED in codes(verdict)


def test_dcmconv_keeps_a_correction(site: Site, fresh: Make, tmp_path: Path) -> None:
    path, out = tmp_path / "a.dcm", tmp_path / "b.dcm"
    path.write_bytes(corrected(fresh(), {"PatientName": "Doe^Jane"}, site).to_bytes())
    for option in ("+ti", "+tb", "+te"):
        run(["dcmconv", option, path, out])
        assert judge(out.read_bytes(), site).word is Word.CORRECTED
