"""The images that go through the matrix: generated ones, and those that pydicom brings along."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

DIGITAL_XRAY = "1.2.840.10008.5.1.4.1.1.1.1"
MULTI_FRAME_BYTES = "1.2.840.10008.5.1.4.1.1.7.2"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@dataclass(frozen=True, slots=True)
class Subject:
    """An image: where it comes from in words, and its file. ``fresh``: another one each time."""

    what: str
    make: Callable[[], bytes]
    fresh: bool = False


def levels(rows: int, columns: int, *, bits: int, seed: int) -> np.ndarray:
    """Smooth structure of several sizes with grain, like a radiograph."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns] / max(rows, columns)
    found = 0.45 + 0.12 * np.cos(5 * x + seed) * np.cos(4 * y)
    for size in np.geomspace(0.3, 0.02, 60):
        row, column, height = chance.uniform(0, 1, 3)
        distance = (x - column) ** 2 + (y - row) ** 2
        found += size**0.4 * 0.35 * (height - 0.5) * np.exp(-distance / (2 * (size / 2) ** 2))
    found += chance.normal(0, 0.008, found.shape)
    top = (1 << bits) - 1
    kind = np.uint8 if bits <= 8 else np.uint16
    return np.asarray(np.clip(found * top, 1, top - 1).astype(kind))


def generated(pixels: np.ndarray, *, bits: int, **attributes: object) -> bytes:
    """Return a digital radiograph with these samples."""
    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = attributes.pop("SOPClassUID", DIGITAL_XRAY)
    dataset.SOPInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.Modality = "DX"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PatientName, dataset.PatientID = "Test^Phantom", "P-1"
    dataset.PatientBirthDate, dataset.PatientSex = "19700101", "O"
    dataset.StudyDate, dataset.StudyTime = "20260101", "120000"
    dataset.StudyID, dataset.AccessionNumber, dataset.ReferringPhysicianName = "S1", "A-1", "R^Dr"
    dataset.SeriesNumber, dataset.InstanceNumber = 1, 1
    dataset.ImageLaterality, dataset.ViewPosition = "R", "PA"
    dataset.PatientOrientation = ["L", "F"]
    dataset.PixelSpacing = dataset.ImagerPixelSpacing = [0.15, 0.15]
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = 0, 1, "US"
    dataset.WindowCenter, dataset.WindowWidth = 2048, 4096
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.SamplesPerPixel = 1
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored = pixels.dtype.itemsize * 8, bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, 0
    if pixels.ndim == 3:
        dataset.NumberOfFrames = pixels.shape[0]
    stored = pixels.tobytes()
    dataset.PixelData = stored + b"\0" * (len(stored) % 2)
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def small() -> bytes:
    """Return a small radiograph of 12 bits."""
    return generated(levels(200, 232, bits=12, seed=1), bits=12)


def large() -> bytes:
    """Return a radiograph of about a megapixel: large enough for copies to be compared."""
    return generated(levels(1024, 896, bits=12, seed=1), bits=12)


def odd() -> bytes:
    """Return frames of an odd number of bytes."""
    pixels = np.stack([levels(33, 35, bits=8, seed=s) for s in range(3)])
    return generated(pixels, bits=8, SOPClassUID=MULTI_FRAME_BYTES, Modality="OT")


def odd_single() -> bytes:
    """Return one frame of an odd number of bytes."""
    return generated(levels(101, 77, bits=8, seed=4), bits=8)


def parked_overlay() -> bytes:
    """Return 12 bits stored in 16, with an overlay in bit 12 (PS3.5 8.1.2, retired)."""
    pixels = levels(160, 144, bits=12, seed=2)
    pixels[40:60, 40:90] |= 1 << 12
    data = generated(pixels, bits=12)
    dataset = pydicom.dcmread(io.BytesIO(data))
    for element, vr, value in (
        (0x0010, "US", 160),
        (0x0011, "US", 144),
        (0x0040, "CS", "G"),
        (0x0050, "SS", [1, 1]),
        (0x0100, "US", 16),
        (0x0102, "US", 12),
    ):
        dataset.add_new(0x60000000 | element, vr, value)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def overlay() -> bytes:
    """Return a radiograph with an overlay of its own."""
    dataset = pydicom.dcmread(io.BytesIO(small()))
    add_overlay(dataset, 0x6000)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def add_overlay(dataset: pydicom.Dataset, group: int) -> None:
    """Add an overlay plane (PS3.3 C.9.2)."""
    bits = dataset.Rows * dataset.Columns
    stored = bytes(-(-bits // 16) * 2)
    for element, vr, value in (
        (0x0010, "US", dataset.Rows),
        (0x0011, "US", dataset.Columns),
        (0x0040, "CS", "G"),
        (0x0050, "SS", [1, 1]),
        (0x0100, "US", 1),
        (0x0102, "US", 0),
        (0x3000, "OW", b"\xff\x0f" + stored[2:]),
    ):
        dataset.add_new(group << 16 | element, vr, value)


def colour() -> bytes:
    """Return a colour picture."""
    planes = [levels(120, 136, bits=8, seed=s) for s in (5, 6, 7)]
    data = generated(planes[0], bits=8, SOPClassUID=SECONDARY_CAPTURE, Modality="OT")
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.SamplesPerPixel, dataset.PlanarConfiguration = 3, 0
    dataset.PhotometricInterpretation = "RGB"
    dataset.PixelData = np.stack(planes, axis=-1).tobytes()
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return buffer.getvalue()


def latin() -> bytes:
    """Return a header in Latin-1, with decimals in several spellings."""
    return generated(
        levels(96, 80, bits=12, seed=8),
        bits=12,
        SpecificCharacterSet="ISO_IR 100",
        PatientName="Müller^Jürgen",
        StudyDescription="Schädel seitlich",
        PatientWeight="71.50",
    )


def shipped(name: str) -> Callable[[], bytes]:
    """Return a reader of an image that pydicom or pydicom-data brings along."""

    def read() -> bytes:
        path = pydicom.data.get_testdata_file(name, download=False)
        if path is None:
            path = next(iter(pydicom.data.get_charset_files(name)), None)
        if path is None:
            raise FileNotFoundError(f"neither pydicom nor pydicom-data has {name}")
        return Path(str(path)).read_bytes()

    return read


SUBJECTS: Mapping[str, Subject] = {
    "DX": Subject("generated radiograph, 12 bits of 16", small),
    "DX, fresh": Subject("the same, another instance each time", small, fresh=True),
    "DX, large": Subject("generated radiograph of 0.9 MP, marked", large),
    "CT": Subject("pydicom: CT_small.dcm, signed, private elements", shipped("CT_small.dcm")),
    "MR": Subject("pydicom: MR_small.dcm, signed", shipped("MR_small.dcm")),
    "leg": Subject("pydicom-data: RG3_UNCR.dcm, 10 bits, marked", shipped("RG3_UNCR.dcm")),
    "chest": Subject("pydicom-data: RG1_UNCR.dcm, 15 bits, marked", shipped("RG1_UNCR.dcm")),
    "US": Subject("pydicom-data: US1_UNCR.dcm, RGB", shipped("US1_UNCR.dcm")),
    "frames": Subject("pydicom: emri_small.dcm, 10 frames", shipped("emri_small.dcm")),
    "palette": Subject("pydicom-data: OT-PAL-8-face.dcm", shipped("OT-PAL-8-face.dcm")),
    "colour": Subject("generated RGB", colour),
    "odd frames": Subject("generated, 3 frames of 1,155 bytes", odd),
    "odd frame": Subject("generated, a frame of 7,777 bytes", odd_single),
    "parked overlay": Subject("generated, an overlay in bit 12", parked_overlay),
    "overlay": Subject("generated, an overlay plane", overlay),
    "Latin-1": Subject("generated, text in ISO_IR 100", latin),
    "Japanese": Subject("pydicom: chrH31.dcm, ISO 2022, no pixels", shipped("chrH31.dcm")),
    "Korean": Subject("pydicom: chrI2.dcm, ISO 2022, no pixels", shipped("chrI2.dcm")),
    "Russian": Subject("pydicom: chrRuss.dcm, ISO_IR 144, no pixels", shipped("chrRuss.dcm")),
}
