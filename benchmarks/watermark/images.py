"""The radiographs that the mark is measured on.

They lie in the folder ``data`` of the corpus that RADSEAL_CORPUS names, by default ``shared``
beside the checkout.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
from pydicom.encaps import get_frame

from benchmarks.watermark.picture import Pixels

SMALLEST = 900_000
"""Pixels from which the issue's targets for radiographs in their own size hold."""
SMALL = 200_000
"""Pixels from which those for small images hold."""

RADIOGRAPHS = ("radiographs_dicom", "radiographs_png")
SUFFIXES = {".dcm", ".png", ".jpg", ".jpeg", ".tif"}


def corpus() -> Path:
    """Return the folder that holds the corpus' folders."""
    beside = Path(__file__).resolve().parents[3] / "shared"
    return Path(os.environ.get("RADSEAL_CORPUS", beside)) / "data"


def files(folders: Sequence[str] = RADIOGRAPHS) -> list[Path]:
    """Return the image files of some folders of the corpus, in order."""
    found = (path for folder in folders for path in sorted((corpus() / folder).iterdir()))
    return [path for path in found if path.suffix in SUFFIXES]


def images(folders: Sequence[str] = RADIOGRAPHS) -> Iterator[tuple[str, Pixels, int]]:
    """Yield name, pixels and bits stored, one image at a time."""
    for path in files(folders):
        yield path.name, *load(path)


def load(path: Path) -> tuple[Pixels, int]:
    """Return the first channel of the first frame, and its bits stored."""
    if path.suffix != ".dcm":
        image = np.asarray(imagecodecs.imread(str(path)))
        bits = 8 * image.dtype.itemsize
    else:
        dataset = pydicom.dcmread(path, force=True)
        image, bits = _decode(dataset), int(dataset.BitsStored)
        if not dataset.PixelRepresentation:
            image = image & image.dtype.type((1 << bits) - 1)
    if image.ndim == 4 or (image.ndim == 3 and image.shape[-1] not in (2, 3, 4)):
        image = image[0]
    return np.ascontiguousarray(image[..., 0] if image.ndim == 3 else image), bits


def _decode(dataset: pydicom.Dataset) -> Pixels:
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    if syntax in ("1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"):
        return np.asarray(
            imagecodecs.ljpeg_decode(get_frame(dataset.PixelData, 0, number_of_frames=1))
        )
    if syntax == "1.2.840.10008.1.2.4.80":
        return np.asarray(
            imagecodecs.jpegls_decode(get_frame(dataset.PixelData, 0, number_of_frames=1))
        )
    return np.asarray(dataset.pixel_array)
