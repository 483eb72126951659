"""An archive of many small instances: sealed ones, and a known few that are not as sealed."""

import shutil
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from provenance import Site, seal
from provenance.dicom.write import instance_bytes

CT = UID("1.2.840.10008.5.1.4.1.1.2")
SIZE = 32  # rows and columns
SEALED = 40  # different objects; the archive holds copies of them
EVERY = 1000  # of so many, one is altered and one was never sealed


@dataclass(frozen=True, slots=True)
class Archive:
    """A folder, its site, and which verdicts there are to be found."""

    folder: Path
    site: Path
    expected: dict[str, int]
    bytes_each: int


def make(folder: Path, objects: int) -> Archive:
    """Generate so many instances, in folders of a thousand."""
    site = Site.init(folder / "site", name="benchmark")
    chance = np.random.default_rng(1)
    sealed: list[bytes] = []
    device = site.device()
    for number in range(SEALED):
        pixels = chance.integers(1, 4096, (SIZE, SIZE)).astype(np.uint16)
        sealed.append(instance_bytes(seal(_dicom(pixels, number), device=device).instance))
    device.close()
    altered = _altered(sealed[0])
    plain = _dicom(np.zeros((SIZE, SIZE), np.uint16), SEALED)
    archive = folder / "archive"
    expected = {"AUTHENTIC": 0, "ALTERED": 0, "UNSEALED": 0}
    for number in range(objects):
        if number % EVERY == 0:
            (archive / f"{number // EVERY:04}").mkdir(parents=True)
        kind = {17: "ALTERED", 18: "UNSEALED"}.get(number % EVERY, "AUTHENTIC")
        data = {"ALTERED": altered, "UNSEALED": plain}.get(kind, sealed[number % SEALED])
        (archive / f"{number // EVERY:04}" / f"{number:06}.dcm").write_bytes(data)
        expected[kind] += 1
    return Archive(archive, site.folder, expected, len(sealed[0]))


def remove(archive: Archive) -> None:
    """Remove what was generated."""
    shutil.rmtree(archive.folder)


def _altered(sealed: bytes) -> bytes:
    dataset = pydicom.dcmread(BytesIO(sealed))
    samples = bytearray(dataset.PixelData)
    samples[0] ^= 1
    dataset.PixelData = bytes(samples)
    return _encoded(dataset)


def _dicom(pixels: np.ndarray, number: int) -> bytes:
    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = CT
    dataset.SOPClassUID = CT
    dataset.SOPInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.StudyInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.Modality = "CT"
    dataset.PatientName = "Test^Phantom"
    dataset.PatientID = "P-1"
    dataset.InstanceNumber = number + 1
    dataset.PixelSpacing = [0.5, 0.5]
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.SamplesPerPixel = 1
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.PixelData = pixels.tobytes()
    return _encoded(dataset)


def _encoded(dataset: pydicom.Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
