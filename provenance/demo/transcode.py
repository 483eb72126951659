"""Recompress an object as another toolkit would: pydicom reads and writes it, radseal does not."""

import io
from pathlib import Path

import pydicom
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGLSLossless


def to_jpeg_ls(path: Path) -> bytes:
    """Return an uncompressed single-frame object as JPEG-LS, without loss; needs imagecodecs."""
    import imagecodecs

    dataset = pydicom.dcmread(path)
    stream = bytes(imagecodecs.jpegls_encode(dataset.pixel_array, level=0))
    dataset.PixelData = encapsulate([stream])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
