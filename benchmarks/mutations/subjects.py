"""Sealed objects of all kinds, small enough to be verified ten thousand times."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
    generate_uid,
)

from ledger import Role
from provenance import Reason, Site, correct, seal
from provenance.ps315.profiles import Profile
from provenance.ps315.sign import DicomSigner
from provenance.sealing.attest import attest
from provenance.sealing.attestation import Purpose
from provenance.sealing.chance import Chance
from provenance.sealing.seal import seal_at_time
from provenance.servers.witness_folder import WitnessFolder
from provenance.verifying.verifier import Verifier

DIGITAL_XRAY, CT, MULTIFRAME, REPORT = (
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.7.2",
    "1.2.840.10008.5.1.4.1.1.88.11",
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A sealed object, the site that sealed it, and all that it may honestly say."""

    name: str
    site: str
    data: bytes
    genuine: tuple[bytes, ...]
    needs_ledger: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """The sites and the objects they sealed."""

    folder: Path
    subjects: tuple[Subject, ...]

    def site(self, name: str) -> Site:
        """Open one of the sites."""
        return Site.open(self.folder / name)


def open_stage(folder: Path) -> Stage:
    """Open what `make_stage` made, or make it."""
    index = folder / "subjects.json"
    if not index.exists():
        make_stage(folder)
    rows = json.loads(index.read_text())
    return Stage(
        folder,
        tuple(
            Subject(
                row["name"],
                row["site"],
                (folder / f"{row['name']}.dcm").read_bytes(),
                tuple((folder / name).read_bytes() for name in row["genuine"]),
                row["needs_ledger"],
            )
            for row in rows
        ),
    )


def make_stage(folder: Path) -> None:
    """Make two sites, one of them under witnesses, and seal an object of each kind."""
    folder.mkdir(parents=True, exist_ok=True)
    site = Site.init(folder / "site", name="site")
    rows: list[dict[str, object]] = []

    def keep(name: str, data: bytes, *, at: str = "site", sealed: bytes = b"") -> None:
        (folder / f"{name}.dcm").write_bytes(data)
        genuine = [f"{name}.dcm"]
        if sealed:
            (folder / f"{name}.sealed.dcm").write_bytes(sealed)
            # the record in the file documents nothing: the log does, with or without it
            bare = edited(data, lambda dataset: dataset.pop("OriginalAttributesSequence"))
            (folder / f"{name}.bare.dcm").write_bytes(bare)
            genuine += [f"{name}.sealed.dcm", f"{name}.bare.dcm"]
        rows.append({"name": name, "site": at, "genuine": genuine, "needs_ledger": bool(sealed)})

    with site.device() as device:
        for name, data in plain_objects().items():
            profile = None if name == "marked" else "none"
            keep(name, seal(data, device=device, profile=profile).to_bytes())
        signer = _dicom_signer()
        both = seal_at_time(
            encoded(radiograph()),
            device=device,
            profile="none",
            at=datetime.now(UTC),
            chance=Chance.draw(),
            signer=signer,
        )
        keep("signed", both.to_bytes())
        vouched = seal(encoded(radiograph()), device=device, profile="none").to_bytes()
        corrected = seal(encoded(radiograph()), device=device, profile="none").to_bytes()
    _attest(site, vouched)
    keep("attested", vouched)
    keep("corrected", _correct(site, corrected), sealed=corrected)
    keep("witnessed", _witnessed(folder), at="witnessed")
    (folder / "subjects.json").write_text(json.dumps(rows, indent=1))


def plain_objects() -> dict[str, bytes]:
    """Return one file of each kind of encoding."""
    return {
        "native": encoded(radiograph()),
        "implicit": encoded(radiograph(), ImplicitVRLittleEndian),
        "big endian": encoded(radiograph(), ExplicitVRBigEndian),
        "deflated": encoded(radiograph(), DeflatedExplicitVRLittleEndian),
        "marked": encoded(radiograph(200, 232)),
        "colour": encoded(colour()),
        "signed samples": encoded(tomogram()),
        "RLE frames": encoded(multiframe(), RLELossless),
        "JPEG 2000": encoded(_jpeg2000(radiograph()), JPEG2000Lossless),
        "JPEG lossy": encoded(_jpeg(multiframe()), JPEGBaseline8Bit),
        "report": encoded(report()),
    }


def encoded(dataset: Dataset, syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """Write with pydicom."""
    if syntax == RLELossless:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = syntax
    buffer = io.BytesIO()
    dataset.preamble = bytes(128)
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _head(sop_class: str, modality: str) -> Dataset:
    """A header with values of every representation, sequences, and somebody's private block."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = sop_class
    dataset.SOPInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.Modality = modality
    dataset.StudyDate, dataset.StudyTime = "20260301", "101500.5"
    dataset.AcquisitionDateTime = "20260301101500.500000"
    dataset.PatientName = "Müller^Jörg"
    dataset.PatientID, dataset.PatientBirthDate, dataset.PatientSex = "P-1", "19700101", "O"
    dataset.PatientAge, dataset.PatientWeight = "056Y", "71.5"
    dataset.StudyDescription = "Chest in two views"
    dataset.AdditionalPatientHistory = "cough, 3 weeks\\ no fever"
    dataset.AccessionNumber = ""
    dataset.BodyPartExamined, dataset.ImageLaterality = "CHEST", "R"
    dataset.SeriesNumber, dataset.InstanceNumber = "1", "7"
    dataset.KVP, dataset.ExposureInuAs = "120.0", "4000"
    dataset.DistanceSourceToDetector = "1800"
    dataset.PatientOrientation = ["L", "F"]
    dataset.DerivationDescription = "none"
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "399208008", "SCT"
    code.CodeMeaning = "Plain chest X-ray"
    other = Dataset()
    other.CodeValue, other.CodingSchemeDesignator = "168537006", "SCT"
    other.CodeMeaning = "Plain X-ray"
    dataset.ProcedureCodeSequence = Sequence([code, other])
    region, qualifier = Dataset(), Dataset()
    region.CodeValue, region.CodingSchemeDesignator = "51185008", "SCT"
    region.CodeMeaning = "Thorax"
    qualifier.CodeValue, qualifier.CodingSchemeDesignator = "24028007", "SCT"
    qualifier.CodeMeaning = "Right"
    region.AnatomicRegionModifierSequence = Sequence([qualifier])
    dataset.AnatomicRegionSequence = Sequence([region])
    dataset.FieldOfViewOrigin = ["1.5", "2.5"]
    dataset.add_new(0x00189313, "FD", [1.5, -2.25, 3.0])
    dataset.add_new(0x00189323, "CS", "FREE")
    dataset.add_new(0x00280009, "AT", 0x00181063)
    block = dataset.private_block(0x0011, "ACME 1.1", create=True)
    block.add_new(0x01, "LO", "a note of the maker")
    block.add_new(0x02, "UN", b"\1\2\3\4\5\6")
    inner = Dataset()
    inner.PatientComments = "inside"
    block.add_new(0x03, "SQ", Sequence([inner]))
    dataset.add_new(0x60001500, "LO", "outline")
    dataset.add_new(0xFFFCFFFC, "OB", bytes(16))
    return dataset


def radiograph(rows: int = 72, columns: int = 96) -> Dataset:
    """A small radiograph of 12 bits, with a display pipeline."""
    dataset = _head(DIGITAL_XRAY, "DX")
    y, x = np.mgrid[0:rows, 0:columns]
    grain = np.random.default_rng(1).normal(0, 0.01, (rows, columns))
    smooth = 0.5 + 0.2 * np.sin(x / 31) + 0.2 * np.cos(y / 23) + 0.05 * np.sin(x * y / 900)
    _pixels(dataset, np.clip((smooth + grain) * 4095, 0, 4095).astype(np.uint16), bits=12)
    dataset.PixelSpacing = ["0.15", "0.15"]
    dataset.ImagerPixelSpacing = ["0.16", "0.16"]
    dataset.WindowCenter, dataset.WindowWidth = ["2000", "1000"], ["4000", "800"]
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    dataset.PresentationLUTShape = "IDENTITY"
    table = Dataset()
    table.LUTDescriptor = [4, 0, 16]
    table.add_new(0x00283006, "OW", np.array([0, 1000, 3000, 4095], "<u2").tobytes())
    table.LUTExplanation = "soft"
    dataset.VOILUTSequence = Sequence([table])
    icon = Dataset()
    _pixels(icon, np.arange(64, dtype=np.uint8).reshape(8, 8), bits=8)
    dataset.IconImageSequence = Sequence([icon])
    return dataset


def tomogram() -> Dataset:
    """A slice with negative samples, and where it lies."""
    dataset = _head(CT, "CT")
    y, x = np.mgrid[0:66, 0:70]
    _pixels(dataset, (1000 * np.sin(x / 9) * np.cos(y / 7)).astype(np.int16), bits=16)
    dataset.RescaleIntercept, dataset.RescaleSlope = "-1024", "1"
    dataset.ImagePositionPatient = ["-10.5", "20", "30.25"]
    dataset.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    dataset.FrameOfReferenceUID = generate_uid()
    dataset.SmallestImagePixelValue = -1000
    return dataset


def colour() -> Dataset:
    """A picture of three samples a pixel, by planes."""
    dataset = _head(MULTIFRAME, "US")
    rgb = np.random.default_rng(2).integers(0, 256, (3, 40, 66)).astype(np.uint8)
    dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 1
    dataset.PhotometricInterpretation = "RGB"
    dataset.Rows, dataset.Columns = 40, 66
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    dataset.PixelData = rgb.tobytes()
    dataset["PixelData"].VR = "OB"
    return dataset


def multiframe() -> Dataset:
    """Three frames of 8 bits, of which two are alike."""
    dataset = _head(MULTIFRAME, "OT")
    y, x = np.mgrid[0:70, 0:66]
    frames = np.stack([(x * 3 + y * k) % 251 for k in (1, 2, 2)]).astype(np.uint8)
    _pixels(dataset, frames, bits=8)
    dataset.FrameIncrementPointer = 0x00181063
    dataset.FrameTime = "40"
    return dataset


def report() -> Dataset:
    """A structured report: no pixels at all."""
    dataset = _head(REPORT, "SR")
    dataset.ValueType, dataset.ContinuityOfContent = "CONTAINER", "SEPARATE"
    dataset.CompletionFlag, dataset.VerificationFlag = "COMPLETE", "UNVERIFIED"
    items = []
    for text in ("No pneumothorax.", "Heart of normal size."):
        item = Dataset()
        item.RelationshipType, item.ValueType, item.TextValue = "CONTAINS", "TEXT", text
        items.append(item)
    dataset.ContentSequence = Sequence(items)
    return dataset


def _pixels(dataset: Dataset, samples: np.ndarray, *, bits: int) -> None:
    if samples.ndim == 3:
        dataset.NumberOfFrames = str(samples.shape[0])
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = samples.shape[-2:]
    dataset.BitsAllocated = samples.dtype.itemsize * 8
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelRepresentation = int(samples.dtype.kind == "i")
    dataset.PixelData = samples.tobytes()
    dataset["PixelData"].VR = "OB" if samples.dtype.itemsize == 1 else "OW"


def _jpeg2000(dataset: Dataset) -> Dataset:
    samples = np.frombuffer(dataset.PixelData, np.uint16).reshape(dataset.Rows, dataset.Columns)
    stream = imagecodecs.jpeg2k_encode(
        samples, level=0, reversible=True, codecformat="j2k", bitspersample=12
    )
    return _with_frames(dataset, [bytes(stream)])


def _jpeg(dataset: Dataset) -> Dataset:
    shape = (int(dataset.NumberOfFrames), dataset.Rows, dataset.Columns)
    samples = np.frombuffer(dataset.PixelData, np.uint8).reshape(shape)
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionRatio, dataset.LossyImageCompressionMethod = "8", "ISO_10918_1"
    return _with_frames(dataset, [bytes(imagecodecs.jpeg8_encode(f, level=85)) for f in samples])


def _with_frames(dataset: Dataset, frames: list[bytes]) -> Dataset:
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    return dataset


def _dicom_signer() -> DicomSigner:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "modality")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return DicomSigner(key, certificate, Profile.CREATOR)


def _attest(site: Site, data: bytes) -> None:
    records = site.records()
    with records.log, site.device(Role.OPERATOR) as operator:
        verifier = Verifier(site.trust, records)
        attest(
            data,
            operator=operator,
            verifier=verifier,
            purpose=Purpose.SOURCE,
            at=datetime.now(UTC),
        )


def _correct(site: Site, data: bytes) -> bytes:
    records = site.records()
    with records.log, site.device(Role.ARCHIVIST) as actor:
        corrected = correct(
            data,
            {"PatientName": "Doe^Jane", "ImageLaterality": "L"},
            reason=Reason.CORRECT,
            actor=actor,
            records=records,
            trust=site.trust,
            system="PACS",
        )
    return corrected.to_bytes()


def _witnessed(folder: Path) -> bytes:
    """Seal under the cosignatures of two witnesses, which are processes of their own."""
    site = Site.init(folder / "witnessed", name="witnessed")
    vkeys = (site.folder / "trust/logs/site.vkeys").read_text().splitlines()
    lines, running = [], []
    try:
        for number in range(2):
            place = folder / f"witness{number}"
            made = WitnessFolder.make(place, name=f"w{number}.example", logs=vkeys)
            process, url = _serve(place)
            running.append(process)
            lines.append(f"witness w{number} {made.cosigner.vkeys[1]} {url}\n")
        policy = "".join(lines) + "group both all w0 w1\nquorum both\n"
        (site.folder / "trust/policy").write_text(policy)
        with site.device() as device:
            return seal(encoded(radiograph()), device=device, profile="none").to_bytes()
    finally:
        for process in running:
            process.terminate()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _serve(place: Path) -> tuple[subprocess.Popen[str], str]:
    words = ["witness", "serve", "--dir", str(place), "--listen", "127.0.0.1:0", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "provenance.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    answer = ""
    while True:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("a witness did not start")
        answer += line
        try:
            return process, str(json.loads(answer)["listening"])
        except ValueError:
            continue


Edit = Callable[[Dataset], object]


def edited(data: bytes, change: Edit) -> bytes:
    """Read with pydicom, change, save with pydicom."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    change(dataset)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=False)
    return buffer.getvalue()
