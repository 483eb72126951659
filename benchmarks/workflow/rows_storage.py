"""Rows 4 to 9: the same values, stored in another way; the same bytes, read in another way."""

from collections.abc import Callable

import imagecodecs
import numpy as np
import pydicom
from pydicom.encaps import encapsulate, encapsulate_extended, generate_fragments
from pydicom.uid import JPEG2000Lossless

from benchmarks.workflow.edits import edit, setting
from benchmarks.workflow.row import Case
from benchmarks.workflow.tools import dcmodify, through
from provenance.findings import Code
from provenance.judging.verdict import Word

A, H = Word.AUTHENTIC, Word.HEADER_CHANGED


def sixteen_bits(dataset: pydicom.Dataset) -> None:
    """What GDCM does when it decodes JPEG 2000."""
    dataset.BitsStored, dataset.HighBit = 16, 15


def shifted_up(dataset: pydicom.Dataset) -> None:
    """Store 12 bits at the top of the word."""
    stored = dataset.pixel_array.astype(np.uint16) << 4
    dataset.HighBit = 15
    dataset.PixelData = stored.tobytes()


def wider_cells(dataset: pydicom.Dataset) -> None:
    """Allocate 32 bits for each sample."""
    dataset.PixelData = dataset.pixel_array.astype(np.uint32).tobytes()
    dataset.BitsAllocated = 32


def signed_cells(dataset: pydicom.Dataset) -> None:
    """Declare the same values signed, with a bit to spare."""
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 15, 1


def planar(dataset: pydicom.Dataset) -> None:
    """Store colour by plane."""
    dataset.PixelData = np.ascontiguousarray(dataset.pixel_array.transpose(2, 0, 1)).tobytes()
    dataset.PlanarConfiguration = 1


def with_colour_transform(*, relabelled: bool) -> Callable[[pydicom.Dataset], None]:
    """Compress colour with the reversible transform inside the codestream."""

    def change(dataset: pydicom.Dataset) -> None:
        pixels = dataset.pixel_array
        frame = imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="j2k", mct=True)
        dataset.PixelData = encapsulate([bytes(frame)])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
        if relabelled:
            dataset.PhotometricInterpretation = "YBR_RCT"

    return change


def fragmented(*, pieces: int, table: bool) -> Callable[[pydicom.Dataset], None]:
    """Split each frame into fragments, with or without a Basic Offset Table."""

    def change(dataset: pydicom.Dataset) -> None:
        dataset.PixelData = encapsulate(
            _streams(dataset), fragments_per_frame=pieces, has_bot=table
        )
        _as_fragments(dataset)

    return change


def extended_table(dataset: pydicom.Dataset) -> None:
    """Write an Extended Offset Table (PS3.3 C.7.6.3.1.8)."""
    stored = encapsulate_extended(_streams(dataset))
    dataset.PixelData, dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = stored
    _as_fragments(dataset)


def _streams(dataset: pydicom.Dataset) -> list[bytes]:
    pixels = dataset.pixel_array
    each = pixels if dataset.get("NumberOfFrames", 1) > 1 else pixels[None]
    return [bytes(imagecodecs.jpeg2k_encode(f, level=0, codecformat="j2k")) for f in each]


def _as_fragments(dataset: pydicom.Dataset) -> None:
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    assert next(generate_fragments(dataset.PixelData)) is not None


def another_pad_byte(dataset: pydicom.Dataset) -> None:
    """Pad to even length with something else than zero."""
    dataset.PixelData = dataset.PixelData[:-1] + b"\xff"


def to_utf8(dataset: pydicom.Dataset) -> None:
    """Convert text as pydicom does: decoded, and written in another set."""
    for _ in dataset.iterall():
        pass
    dataset.SpecificCharacterSet = "ISO_IR 192"


def other_spellings(dataset: pydicom.Dataset) -> None:
    """Write decimals and text otherwise, saying the same."""
    dataset.PixelSpacing = ["0.150", "1.5E-1"]
    dataset.RescaleSlope = "1.000000"
    dataset.RescaleIntercept = "-0"
    dataset.WindowCenter = "+2048.0"
    dataset.PatientID = "P-1   "
    dataset.PatientName = "Test^Phantom^^^"
    dataset.ImageLaterality = "R "
    dataset.SeriesNumber = "001"


MOVED = (
    "GDCM moves the overlay out of the pixels into OverlayData. Bits above Bits Stored are not "
    "signed, so this cannot be told from an overlay that was added (row 25)"
)
RECODED = (Code.RECODED,)
GREY = ("DX", "CT", "MR", "leg", "frames", "parked overlay", "odd frame", "odd frames")
TO_J2K_AND_BACK = through("gdcmconv --j2k", "gdcmconv --raw")
SAMPLES = [
    *(
        Case(4, "JPEG 2000 and back: 12 bits become 16", "GDCM", s, TO_J2K_AND_BACK, A, RECODED)
        for s in ("DX", "leg")
    ),
    Case(4, "BitsStored 12 to 16, HighBit 15", "pydicom", "DX", edit(sixteen_bits), A, RECODED),
    Case(4, "12 bits moved to the top of the word", "pydicom", "DX", edit(shifted_up), A),
    Case(4, "32 bits allocated", "pydicom", "DX", edit(wider_cells), A),
    Case(4, "declared signed, values equal", "pydicom", "DX", edit(signed_cells), A, RECODED),
    *(
        Case(5, what, tool, subject, act, A)
        for what, tool, act in (
            ("planar configuration 1", "GDCM", through("gdcmconv --planar-configuration 1")),
            ("planar configuration 1", "pydicom", edit(planar)),
            ("RLE, which sets planar configuration", "GDCM", through("gdcmconv --rle")),
            ("JPEG 2000 and back", "GDCM", TO_J2K_AND_BACK),
            ("RGB inside as YBR_RCT", "imagecodecs", edit(with_colour_transform(relabelled=False))),
            ("relabelled YBR_RCT", "imagecodecs", edit(with_colour_transform(relabelled=True))),
            ("JPEG-LS, by sample or by line", "DCMTK", through("dcmcjpls +il", "dcmdjpls +pl")),
        )
        for subject in ("US", "colour")
    ),
    *(
        Case(6, what, tool, "parked overlay", act, A)
        for what, tool, act in (
            ("JPEG-LS", "DCMTK", through("dcmcjpls")),
            ("JPEG-LS and back", "DCMTK", through("dcmcjpls", "dcmdjpls")),
            ("JPEG lossless, true lossless", "DCMTK", through("dcmcjpeg +e1")),
            ("JPEG lossless and back", "DCMTK", through("dcmcjpeg +e1", "dcmdjpeg")),
            ("RLE and back", "DCMTK", through("dcmcrle", "dcmdrle")),
            (
                "the bits above BitsStored cleared",
                "pydicom",
                edit(lambda d: setattr(d, "PixelData", (d.pixel_array & 0xFFF).tobytes())),
            ),
        )
    ),
    *(
        Case(6, what, "GDCM", "parked overlay", through(act), H, (Code.DISPLAY_CHANGED,), why=MOVED)
        for what, act in (("JPEG 2000", "gdcmconv --j2k"), ("RLE", "gdcmconv --rle"))
    ),
    *(
        Case(7, what, tool, subject, act, A)
        for subject in ("odd frame", "odd frames")
        for what, tool, act in (
            ("RLE", "DCMTK", through("dcmcrle")),
            ("RLE and back", "DCMTK", through("dcmcrle", "dcmdrle")),
            ("JPEG-LS and back", "DCMTK", through("dcmcjpls", "dcmdjpls")),
            ("JPEG lossless and back", "GDCM", through("gdcmconv --jpeg", "gdcmconv --raw")),
            ("another pad byte", "pydicom", edit(another_pad_byte)),
            ("one fragment, no offsets", "pydicom", edit(fragmented(pieces=1, table=False))),
            ("five fragments a frame", "pydicom", edit(fragmented(pieces=5, table=True))),
            ("extended offset table", "pydicom", edit(extended_table)),
        )
    ),
    Case(
        7,
        "fragments by size",
        "GDCM",
        "odd frame",
        through("gdcmconv --j2k", "gdcmconv --split 512"),
        A,
    ),
]
SWAPPED = (Code.CHARSET_SWAPPED, Code.ADMINISTRATIVE_CHANGED)
TEXT = [
    *(
        Case(8, "converted to UTF-8", tool, subject, act, A)
        for subject in ("Latin-1", "Japanese", "Korean", "Russian")
        for tool, act in (("DCMTK", through("dcmconv +U8")), ("pydicom", edit(to_utf8)))
        if (subject, tool) != ("Japanese", "DCMTK")  # its iconv knows no ISO 2022 IR 87
    ),
    Case(8, "to UTF-8 and back", "DCMTK", "Latin-1", through("dcmconv +U8", "dcmconv +L1"), A),
    Case(8, "to UTF-8 and back", "DCMTK", "Russian",
         through("dcmconv +U8", ["dcmconv", "+C", "ISO_IR 144"]), A),
    Case(8, "trailing spaces, 1 and 1.0 and 1e0", "pydicom", "DX", edit(other_spellings), A),
    Case(8, "PixelSpacing 0.150", "DCMTK dcmodify", "DX", dcmodify("PixelSpacing=0.150\\.15"), A),
    Case(9, "ISO_IR 100 to 144", "DCMTK dcmodify", "Latin-1",
         dcmodify("SpecificCharacterSet=ISO_IR 144"), H, SWAPPED),
    Case(9, "ISO_IR 144 to 100", "DCMTK dcmodify", "Russian",
         dcmodify("SpecificCharacterSet=ISO_IR 100"), H, SWAPPED),
    Case(9, "ISO_IR 100 to UTF-8", "DCMTK dcmodify", "Latin-1",
         dcmodify("SpecificCharacterSet=ISO_IR 192"), H, SWAPPED),
    Case(9, "ISO 2022 to none", "DCMTK dcmodify", "Japanese",
         through(["dcmodify", "-e", "SpecificCharacterSet"]), H, SWAPPED),
    Case(9, "renamed as well", "DCMTK dcmodify", "Latin-1",
         dcmodify("PatientName=Doe^Jane"), H, (Code.ADMINISTRATIVE_CHANGED,)),
]  # fmt: skip
CASES = [*SAMPLES, *TEXT]
__all__ = ["CASES", "setting"]
