"""Sealed images to send: CT of 0.5 MB and DX of 10 MB, generated."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    generate_uid,
)

from provenance import Site, seal

SHAPES = {"CT": (512, 512, 12), "DX": (2560, 2048, 14)}
_CLASSES = {"CT": CTImageStorage, "DX": DigitalXRayImageStorageForPresentation}


def sealed_files(kind: str, count: int, site: Site, folder: Path) -> Path:
    """Write ``count`` sealed images of one series into ``folder`` / ``kind``."""
    made = folder / kind
    made.mkdir()
    study, series = generate_uid(), generate_uid()
    with site.device() as device:
        for number in range(count):
            plain = _image(kind, number, study, series)
            seal(plain, device=device, profile="none").write(made / f"{number:04}.dcm")
    return made


def _image(kind: str, number: int, study: str, series: str) -> bytes:
    rows, columns, bits = SHAPES[kind]
    chance = np.random.default_rng(number)
    y, x = np.mgrid[0:rows, 0:columns]
    smooth = 0.5 + 0.3 * np.sin(x / 97 + number) * np.cos(y / 71)
    grain = chance.normal(0, 0.01, (rows, columns))
    pixels = np.clip((smooth + grain) * (1 << bits), 0, (1 << bits) - 1).astype(np.uint16)
    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = _CLASSES[kind]
    dataset.SOPInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.Modality = kind
    dataset.PatientName, dataset.PatientID = "Test^Phantom", "P-1"
    dataset.StudyDate = dataset.ContentDate = "20260301"
    dataset.InstanceNumber = number + 1
    dataset.PixelSpacing = [0.5, 0.5]
    dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "MONOCHROME2", 1
    dataset.Rows, dataset.Columns = rows, columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, bits, bits - 1
    dataset.PixelRepresentation = 0
    dataset.PixelData = pixels.tobytes()
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()
