"""Rows 10 to 20: attributes that are corrected, coerced or forged, and objects beside the image."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, KeyObjectSelectionDocumentStorage, generate_uid

from benchmarks.workflow.edits import after, edit, on_samples, setting
from benchmarks.workflow.row import Act, Case
from benchmarks.workflow.subjects import add_overlay
from benchmarks.workflow.tools import dcmodify, through
from ledger import Role
from provenance import Reason, correct
from provenance.dicom.carrier import read_carrier, write_carrier
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes
from provenance.findings import Code
from provenance.forgeries.tamper import tamper
from provenance.judging.verdict import Word

if TYPE_CHECKING:
    from benchmarks.workflow.bench import Bench

A, H, X, PLUS = Word.AUTHENTIC, Word.HEADER_CHANGED, Word.ALTERED, Word.CORRECTED
DOCUMENTED = (Code.HEADER_CORRECTED, Code.CORRECTION)
ADMINISTRATIVE, CLINICAL = (Code.ADMINISTRATIVE_CHANGED,), (Code.CLINICAL_CHANGED,)
SITE = "radseal correct"


def corrected(
    values: dict[str, str], *, reason: Reason = Reason.CORRECT, role: Role = Role.ARCHIVIST
) -> Act:
    """Return the act of correcting attributes, documented in the ledger and in the object."""

    def act(bench: "Bench", sealed: Path) -> Path:
        records = bench.site.records()
        with records.log, bench.site.device(role) as actor:
            made = correct(
                sealed,
                values,
                reason=reason,
                actor=actor,
                records=records,
                trust=bench.site.trust,
                system="quality control",
            )
        written = sealed.with_name("corrected.dcm")
        made.write(written, overwrite=True)
        return written

    return act


def recorded_in_the_file(dataset: pydicom.Dataset) -> None:
    """Write an Original Attributes Sequence, and nothing in any ledger."""
    old, item = pydicom.Dataset(), pydicom.Dataset()
    old.PatientName = dataset.PatientName
    item.ModifiedAttributesSequence = Sequence([old])
    item.AttributeModificationDateTime = "20260102030405"
    item.ModifyingSystem, item.SourceOfPreviousValues = "PACS", ""
    item.ReasonForTheAttributeModification = "CORRECT"
    dataset.OriginalAttributesSequence = Sequence([item])
    dataset.PatientName = "Doe^Jane"


def by_orthanc(values: dict[str, str], *, keep: tuple[str, ...] = ("SOPInstanceUID",)) -> Act:
    """Return the act of `modify` with Orthanc."""

    def act(bench: "Bench", sealed: Path) -> Path:
        settings = {"Replace": values, "Keep": list(keep), "Force": True}
        return bench.orthanc.change("modify", sealed, settings)

    return act


def transplanted(donor: str) -> Act:
    """Return the act of putting the seal onto another image."""

    def act(bench: "Bench", sealed: Path) -> Path:
        other = bench.sealed(donor, bench.work_folder())
        made = sealed.with_name("transplanted.dcm")
        tamper("transplant", sealed, donor=other).write(made)
        return made

    return act


def under_the_header_of(donor: str) -> Act:
    """Return the act of putting pixels and seal under another image's header."""

    def act(bench: "Bench", sealed: Path) -> Path:
        mine = read_instance(sealed)
        other = read_instance(bench.sealed(donor, bench.work_folder()))
        carrier = read_carrier(mine.dataset)
        assert carrier is not None
        for tag in (0x7FE00010, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102):
            other.dataset[tag] = mine.dataset[tag]
        write_carrier(other.dataset, carrier)
        made = sealed.with_name("under.dcm")
        made.write_bytes(instance_bytes(other))
        return made

    return act


def mirrored(*, header: Callable[[pydicom.Dataset], object] = lambda _: None) -> Act:
    """Return the act of mirroring the samples, and saying so or not."""
    return after(on_samples(lambda frames: [f[:, ::-1].copy() for f in frames]), edit(header))


def with_presentation_state(bench: "Bench", sealed: Path) -> Path:
    """Make a presentation state of the image: the image stays as it is."""
    from benchmarks.workflow.tools import run

    run(["dcmpsmk", sealed, sealed.with_name("state.dcm")])
    return sealed


def sealed_presentation_state(bench: "Bench", sealed: Path) -> Path:
    """Make a presentation state, and seal it: an instance of its own."""
    with_presentation_state(bench, sealed)
    state = sealed.with_name("state.dcm").read_bytes()
    return bench.seal(state, sealed.with_name("sealed-state.dcm"))


def presentation_state(bench: "Bench", sealed: Path) -> Path:
    """Make a presentation state, and look at that."""
    with_presentation_state(bench, sealed)
    return sealed.with_name("state.dcm")


def sealed_key_object(bench: "Bench", sealed: Path) -> Path:
    """Make a Key Object that names the image, and seal it."""
    image = pydicom.dcmread(sealed, stop_before_pixels=True)
    made = pydicom.Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = KeyObjectSelectionDocumentStorage, generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = image.StudyInstanceUID, generate_uid()
    made.PatientName, made.PatientID, made.Modality = image.PatientName, image.PatientID, "KO"
    made.ValueType = "CONTAINER"
    reference = pydicom.Dataset()
    reference.ReferencedSOPClassUID = image.SOPClassUID
    reference.ReferencedSOPInstanceUID = image.SOPInstanceUID
    content = pydicom.Dataset()
    content.RelationshipType, content.ValueType = "CONTAINS", "IMAGE"
    content.ReferencedSOPSequence = Sequence([reference])
    made.ContentSequence = Sequence([content])
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return bench.seal(buffer.getvalue(), sealed.with_name("key-object.dcm"))


def lut(dataset: pydicom.Dataset) -> None:
    """Add a Modality LUT."""
    item = pydicom.Dataset()
    item.LUTDescriptor, item.ModalityLUTType = [2, 0, 16], "US"
    item["LUTDescriptor"].VR = "US"
    item.add_new(0x00283006, "US", [0, 9])
    dataset.ModalityLUTSequence = Sequence([item])
    del dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType


MERGE = {"PatientName": "Doe^Jane", "PatientID": "P-2", "PatientBirthDate": "19800202"}
MOVE = {"StudyInstanceUID": "1.2.3.4", "StudyID": "S2", "AccessionNumber": "A-2"}
ADMIN = {
    "AccessionNumber": "A-9",
    "StudyDescription": "CHEST PA",
    "InstitutionName": "General",
}
FRESH = "DX, fresh"
CORRECTIONS = [
    Case(10, "name and ID", SITE, FRESH, corrected({"PatientName": "Doe^Jane", "PatientID": "P-2"}),
         PLUS, DOCUMENTED),
    Case(10, "coerced by the archive", SITE, FRESH,
         corrected({"PatientID": "P-2"}, reason=Reason.COERCE), PLUS, DOCUMENTED),
    Case(10, "corrected, then sent compressed", f"{SITE}, DCMTK", FRESH,
         after(corrected({"PatientName": "Doe^Jane"}), through("dcmcjpls")), PLUS, DOCUMENTED),
    Case(10, "twice", SITE, FRESH,
         after(corrected({"PatientName": "Doe^Jane"}), corrected({"PatientName": "Doe^Joan"})),
         PLUS, DOCUMENTED),
    Case(10, "Original Attributes Sequence alone", "pydicom", FRESH, edit(recorded_in_the_file), H,
         (*ADMINISTRATIVE, Code.RECORDED_IN_FILE),
         why="Anyone can write the sequence: without a signed event it documents nothing (ADR 14)"),
    Case(10, "corrected, and edited once more", f"{SITE}, DCMTK", FRESH,
         after(corrected({"PatientName": "Doe^Jane"}), dcmodify("PatientName=Roe^Rick")), H,
         why="The last edit is documented by nobody (row 11)"),
    *(
        Case(11, what, tool, subject, act, H, ADMINISTRATIVE)
        for subject in ("DX", "CT", "leg")
        for what, tool, act in (
            ("name", "DCMTK dcmodify", dcmodify("PatientName=Doe^Jane")),
            ("ID", "DCMTK dcmodify", dcmodify("PatientID=X-1")),
            ("name and ID", "GDCM gdcmanon --dumb", through(
                ["gdcmanon", "--dumb", "--replace", "0010,0010=Doe^Jane",
                 "--replace", "0010,0020=X-1"])),
            ("name", "Orthanc modify", by_orthanc({"PatientName": "Doe^Jane"})),
            ("name removed", "DCMTK dcmodify", through(["dcmodify", "-e", "PatientName"])),
        )
    ),
    Case(11, "name, as a new instance", "Orthanc modify", "DX",
         by_orthanc({"PatientName": "Doe^Jane"}, keep=()), X, (Code.MOVED_SEAL,),
         why="Orthanc gives another SOP Instance UID and keeps the seal: what is sealed is another "
         "instance"),
    Case(12, "patients merged", SITE, FRESH, corrected(MERGE), PLUS, DOCUMENTED),
    Case(12, "study moved", SITE, FRESH, corrected(MOVE), PLUS, DOCUMENTED),
    Case(12, "merged and moved", SITE, FRESH, corrected(MERGE | MOVE), PLUS, DOCUMENTED),
    Case(12, "study moved", "DCMTK dcmodify", "DX",
         dcmodify(*(f"{k}={v}" for k, v in MOVE.items())), H, ADMINISTRATIVE),
    Case(12, "patient's ID merged", "DCMTK dcmodify", "DX",
         dcmodify("PatientID=P-2", "IssuerOfPatientID=Other"), H, ADMINISTRATIVE),
    Case(12, "merged and moved", "DCMTK dcmodify", "DX",
         dcmodify(*(f"{k}={v}" for k, v in (MERGE | MOVE).items())), X, (Code.PATIENT_REPLACED,),
         why="Name, ID and more together, without a word, is another patient (ADR 4, row 13)"),
    *(
        Case(13, what, tool, subject, act, X, codes)
        for subject in ("DX", "leg")
        for what, tool, act, codes in (
            ("another patient's name, ID and birth date", "DCMTK dcmodify",
             dcmodify("PatientName=Roe^Rick", "PatientID=R-7", "PatientBirthDate=19500505"),
             (Code.PATIENT_REPLACED,)),
            ("mirrored, another patient, new UIDs", "radseal tamper",
             lambda bench, sealed: _forge_transplant(sealed), (Code.MOVED_SEAL,)),
            ("pixels and seal under another header", "radseal's writer",
             under_the_header_of("DX, large"), (Code.MOVED_SEAL,)),
        )
    ),
    Case(13, "the seal on another image", "radseal tamper", "DX", transplanted("CT"), X,
         (Code.MOVED_SEAL,)),
    Case(14, "accession, description, institution", SITE, FRESH,
         corrected(ADMIN, reason=Reason.COERCE), PLUS, DOCUMENTED),
    *(
        Case(14, what, tool, "DX", act, H, ADMINISTRATIVE)
        for what, tool, act in (
            ("AccessionNumber", "DCMTK dcmodify", dcmodify("AccessionNumber=A-9")),
            ("all three", "DCMTK dcmodify", dcmodify(*(f"{k}={v}" for k, v in ADMIN.items()))),
            ("with InstanceCoercionDateTime", "DCMTK dcmodify",
             dcmodify("StudyDescription=CHEST", "(0008,0015)=20260102030405")),
            ("InstitutionName", "Orthanc modify", by_orthanc({"InstitutionName": "General"})),
        )
    ),
    Case(15, "ImageLaterality", SITE, FRESH,
         corrected({"ImageLaterality": "L"}, role=Role.OPERATOR), PLUS, DOCUMENTED),
    Case(15, "Laterality added, view corrected", SITE, FRESH,
         corrected({"Laterality": "R", "ViewPosition": "AP"}, role=Role.OPERATOR), PLUS,
         DOCUMENTED),
]  # fmt: skip


def _forge_transplant(sealed: Path) -> Path:
    made = sealed.with_name("impostor.dcm")
    tamper("transplant", sealed).write(made)
    return made


def flip_view(dataset: pydicom.Dataset) -> None:
    """Say that the picture is shown the other way round."""
    dataset.PatientOrientation = ["R", "F"]
    dataset.FieldOfViewHorizontalFlip = "YES"


CLINICAL_ROWS = [
    *(
        Case(16, what, "DCMTK dcmodify", subject, dcmodify(setting_), X, CLINICAL)
        for subject in ("DX", "leg")
        for what, setting_ in (
            ("Laterality", "Laterality=L"),
            ("ImageLaterality", "ImageLaterality=L"),
            ("PatientOrientation", "PatientOrientation=A\\F"),
            ("ViewPosition", "ViewPosition=LL"),
        )
    ),
    *(
        Case(16, what, tool, subject, act, X, (Code.PIXELS_DIFFER,), regions=True)
        for subject in ("DX", "leg")
        for what, tool, act in (
            ("mirrored", "radseal's writer", mirrored()),
            ("mirrored, and labelled so", "radseal's writer, pydicom", mirrored(header=flip_view)),
        )
    ),
    *(
        Case(17, what, "DCMTK dcmodify", subject, dcmodify(setting_), X, CLINICAL)
        for subject, what, setting_ in (
            ("DX", "PixelSpacing", "PixelSpacing=0.2\\0.2"),
            ("DX", "ImagerPixelSpacing", "ImagerPixelSpacing=0.2\\0.2"),
            ("DX", "magnification", "EstimatedRadiographicMagnificationFactor=1.2"),
            ("CT", "PixelSpacing", "PixelSpacing=0.7\\0.7"),
            ("CT", "ImagePositionPatient", "ImagePositionPatient=-158.1\\-179.0\\-74.7"),
            ("CT", "ImageOrientationPatient", "ImageOrientationPatient=-1\\0\\0\\0\\1\\0"),
            ("CT", "SliceThickness", "SliceThickness=1"),
        )
    ),
    Case(17, "calibrated by a fiducial", SITE, FRESH,
         corrected({"PixelSpacing": "0.14\\0.14", "PixelSpacingCalibrationType": "FIDUCIAL"},
                   role=Role.OPERATOR), PLUS, DOCUMENTED),
    *(
        Case(18, what, tool, subject, act, X, CLINICAL)
        for subject, what, tool, act in (
            ("DX", "RescaleSlope", "DCMTK dcmodify", dcmodify("RescaleSlope=2")),
            ("CT", "RescaleIntercept", "DCMTK dcmodify", dcmodify("RescaleIntercept=-1000")),
            ("DX", "Modality LUT", "pydicom", edit(lut)),
            ("DX", "MONOCHROME1", "DCMTK dcmodify",
             dcmodify("PhotometricInterpretation=MONOCHROME1")),
        )
    ),
    *(
        Case(19, what, tool, subject, act, H, (Code.DISPLAY_CHANGED,))
        for subject, what, tool, act in (
            ("DX", "window", "DCMTK dcmodify", dcmodify("WindowCenter=900", "WindowWidth=300")),
            ("CT", "window added", "DCMTK dcmodify", dcmodify("WindowCenter=40", "WindowWidth=80")),
            ("leg", "VOILUTFunction", "pydicom", setting(VOILUTFunction="SIGMOID")),
        )
    ),
    Case(20, "presentation state: the image", "DCMTK dcmpsmk", "DX", with_presentation_state, A),
    Case(20, "presentation state, sealed itself", "DCMTK dcmpsmk", FRESH,
         sealed_presentation_state, A, (Code.NO_PIXELS,)),
    Case(20, "presentation state, unsealed", "DCMTK dcmpsmk", "DX", presentation_state,
         Word.UNSEALED, why="The new instance has no seal of its own yet"),
    Case(20, "key object, sealed itself", "pydicom", "DX", sealed_key_object, A, (Code.NO_PIXELS,)),
    Case(25, "overlay added", "pydicom", "DX", edit(lambda d: add_overlay(d, 0x6000)), H,
         (Code.DISPLAY_CHANGED,)),
    Case(25, "a second one", "pydicom", "overlay", edit(lambda d: add_overlay(d, 0x6002)), H,
         (Code.DISPLAY_CHANGED,)),
    Case(25, "overlay bits removed", "DCMTK dcmodify", "overlay",
         through(["dcmodify", "-e", "(6000,3000)"]), H, (Code.DISPLAY_CHANGED,)),
    Case(25, "group 6000 removed", "GDCM gdcmanon --dumb", "overlay",
         through(["gdcmanon", "--dumb", *(w for e in ("0010", "0011", "0040", "0050", "0100",
                  "0102", "3000") for w in ("--remove", f"6000,{e}"))]), H,
         (Code.DISPLAY_CHANGED,)),
]  # fmt: skip
CASES = [*CORRECTIONS, *CLINICAL_ROWS]
