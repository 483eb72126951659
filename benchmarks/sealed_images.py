"""Sealed images of two sizes, made here: CT of 0.5 MB, DX of 10 MB."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from provenance import Site, seal


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of image: its name, SOP class, and shape."""

    name: str
    sop_class: UID
    rows: int
    columns: int


CT = Kind("CT", UID("1.2.840.10008.5.1.4.1.1.2"), 512, 512)
DX = Kind("DX", UID("1.2.840.10008.5.1.4.1.1.1.1"), 2200, 2300)
KINDS = (CT, DX)


def make_images(kind: Kind, count: int, site: Site, folder: Path) -> list[Path]:
    """Write ``count`` sealed images; their marks are left out, they cost the receiver nothing."""
    folder.mkdir(parents=True)
    with site.device() as device:
        paths = []
        for number, data in enumerate(_unsealed(kind, count)):
            paths.append(folder / f"{number:06}.dcm")
            seal(data, device=device, profile="none").write(paths[-1])
    return paths


class Images:
    """Sealed images that nobody has sent yet."""

    def __init__(self, site: Site, folder: Path) -> None:
        self._site = site
        self._folder = folder

    @contextmanager
    def fresh(self, kind: Kind, count: int) -> Iterator[list[Path]]:
        """Hold some, and remove them."""
        yield make_images(kind, count, self._site, self._folder)
        shutil.rmtree(self._folder)


def _unsealed(kind: Kind, count: int) -> Iterator[bytes]:
    chance = np.random.default_rng(1)
    study, series = generate_uid(), generate_uid()
    grain = chance.integers(0, 4096, (kind.rows, kind.columns)).astype(np.uint16)
    for number in range(count):
        made = pydicom.Dataset()
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = kind.sop_class
        made.SOPInstanceUID = generate_uid()
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
        made.StudyInstanceUID, made.SeriesInstanceUID = study, series
        made.Modality, made.PatientID, made.PatientName = kind.name, "P-1", "Test^Phantom"
        made.InstanceNumber = number + 1
        made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
        made.Rows, made.Columns = kind.rows, kind.columns
        made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
        made.PixelRepresentation = 0
        made.PixelData = np.roll(grain, number).tobytes()
        buffer = BytesIO()
        pydicom.dcmwrite(buffer, made, enforce_file_format=True)
        yield buffer.getvalue()
