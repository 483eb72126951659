"""An archive of many small instances, each its own: sealed ones, and a known share that is not so.

Of a thousand, 980 are as sealed, 10 have a changed sample, 5 another patient's name, and 5 were
never sealed. A folder holds a thousand and gets its name when it is whole, so that a generation
that was cut off goes on, and the same archive serves again.
"""

import secrets
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Self

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from benchmarks.scan.modality import Modality
from provenance import Site

CT = UID("1.2.840.10008.5.1.4.1.1.2")
SIZE = 32  # rows and columns
FOLDER = 1000  # objects
SERIES = 100
UID_DIGITS = 37
ALTERED, HEADER_CHANGED, UNSEALED = "ALTERED", "HEADER CHANGED", "UNSEALED"
AUTHENTIC = "AUTHENTIC"


@dataclass(frozen=True, slots=True)
class Archive:
    """A folder, its site, and which verdicts there are to be found."""

    folder: Path
    site: Path
    expected: dict[str, int]

    @property
    def bytes_each(self) -> int:
        """The size of its first file."""
        return (self.folder / "0000" / "000000.dcm").stat().st_size


def make(place: Path, objects: int, jobs: int) -> Archive:
    """Generate so many instances in folders of a thousand, or what is missing of them."""
    folder, site = place / "archive", place / "site"
    if not site.exists():
        Site.init(site, name="benchmark")
    folder.mkdir(exist_ok=True)
    wanted = [_name(start) for start in range(0, objects, FOLDER)]
    missing = [name for name in wanted if not (folder / name).is_dir()]
    if extra := sorted({each.name for each in folder.iterdir()} - set(wanted)):
        raise SystemExit(f"{folder} holds other instances, too: {extra[0]} and so on")
    shares = [missing[n::jobs] for n in range(jobs) if missing[n::jobs]]
    if shares:
        with ProcessPoolExecutor(len(shares)) as pool:
            for _ in pool.map(_make_folders, [place] * len(shares), shares):
                pass
    expected = Counter(kind_of(number) for number in range(objects))
    return Archive(folder, site, dict(expected))


def kind_of(number: int) -> str:
    """Return the verdict that an instance must get."""
    match number % 200:
        case 17 | 117:
            return ALTERED
        case 31:
            return HEADER_CHANGED
        case 61:
            return UNSEALED
    return AUTHENTIC


def _name(number: int) -> str:
    return f"{number // FOLDER:04}"


def _make_folders(place: Path, names: list[str]) -> None:
    """Seal and write whole folders, as one modality."""
    modality = Modality.enrolled(Site.open(place / "site"), f"CT {names[0]}")
    for name in names:
        first = int(name) * FOLDER
        making = place / f"making-{name}"
        making.mkdir(exist_ok=True)
        for number, data in _contents(modality, range(first, first + FOLDER)):
            (making / f"{number:06}.dcm").write_bytes(data)
        making.rename(place / "archive" / name)
    modality.close()


def _contents(modality: Modality, numbers: range) -> Iterator[tuple[int, bytes]]:
    chance = np.random.default_rng(numbers.start)
    study = generate_uid()
    plain = {}
    for start in range(numbers.start, numbers.stop, SERIES):
        slices = Slices.of_one_series(study, f"P-{numbers.start // FOLDER}")
        for number in range(start, min(start + SERIES, numbers.stop)):
            plain[number] = slices.slice(chance.integers(1, 4096, (SIZE, SIZE)), number)
    to_seal = [number for number in numbers if kind_of(number) != UNSEALED]
    for number, data in zip(to_seal, modality.seal(plain[n] for n in to_seal), strict=True):
        match kind_of(number):
            case kind if kind == ALTERED:
                yield number, _altered(data)
            case kind if kind == HEADER_CHANGED:
                yield number, _renamed(data)
            case _:
                yield number, data
    for number in numbers:
        if kind_of(number) == UNSEALED:
            yield number, plain[number]


def _altered(sealed: bytes) -> bytes:
    dataset = pydicom.dcmread(BytesIO(sealed))
    samples = bytearray(dataset.PixelData)
    samples[0] ^= 1
    dataset.PixelData = bytes(samples)
    return _encoded(dataset)


def _renamed(sealed: bytes) -> bytes:
    dataset = pydicom.dcmread(BytesIO(sealed))
    dataset.PatientName = "Other^Phantom"
    return _encoded(dataset)


@dataclass(frozen=True, slots=True)
class Slices:
    """The slices of one series: encoded once, then only what differs is put in its place."""

    encoded: bytes

    @classmethod
    def of_one_series(cls, study: str, patient: str) -> Self:
        """Encode the first of them."""
        dataset = pydicom.Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = CT
        dataset.SOPClassUID = CT
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(_uid(0))
        dataset.StudyInstanceUID = study
        dataset.SeriesInstanceUID = generate_uid()
        dataset.Modality = "CT"
        dataset.PatientName = "Test^Phantom"
        dataset.PatientID = patient
        dataset.InstanceNumber = _instance_number(0)
        dataset.PixelSpacing = [0.5, 0.5]
        dataset.PhotometricInterpretation = "MONOCHROME2"
        dataset.SamplesPerPixel = 1
        dataset.Rows, dataset.Columns = SIZE, SIZE
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
        dataset.PixelRepresentation = 0
        dataset.PixelData = bytes(2 * SIZE * SIZE)
        return cls(_encoded(dataset))

    def slice(self, samples: np.ndarray, number: int) -> bytes:
        """Return a slice of its own UID, number and samples."""
        pixels = samples.astype("<u2").tobytes()
        head = self.encoded[: -len(pixels)]
        for old, new in (
            (_uid(0), _uid(secrets.randbelow(10**UID_DIGITS))),
            (_instance_number(0), _instance_number(number)),
        ):
            assert old.encode() in head
            head = head.replace(old.encode(), new.encode())
        return head + pixels


def _uid(number: int) -> str:
    """Return a UID (PS3.5 B.2) of one length for all numbers."""
    return f"2.25.1{number:0{UID_DIGITS}}"


def _instance_number(number: int) -> str:
    return f"{100_000_000 + number}"


def _encoded(dataset: pydicom.Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
