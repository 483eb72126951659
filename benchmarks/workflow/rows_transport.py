"""Rows 1 to 3: sent, saved, stored in another transfer syntax."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import pydicom
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from benchmarks.ports import free_port
from benchmarks.workflow.edits import edit
from benchmarks.workflow.row import Act, Case
from benchmarks.workflow.tools import ToolFailedError, program, run, through
from provenance.findings import Code
from provenance.judging.verdict import Word

if TYPE_CHECKING:
    from benchmarks.workflow.bench import Bench

A = Word.AUTHENTIC
DATASETS = ("DX", "CT", "MR", "leg", "US", "frames", "palette", "Japanese")
PIXELS = ("DX", "CT", "MR", "leg", "frames")
AS_IS, ANEW = (), (Code.REWRITTEN,)


def by_storescp(bench: "Bench", sealed: Path) -> Path:
    """Send with storescu to storescp."""
    port, folder = free_port(), sealed.with_name("received")
    receive = program("storescp")
    folder.mkdir()
    words = [receive, "+xa", "-od", str(folder), str(port)]
    receiver = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(50):
            try:
                run(["storescu", "-R", "127.0.0.1", str(port), sealed])
            except ToolFailedError:
                time.sleep(0.1)
            else:
                (received,) = folder.iterdir()
                return received
        raise ToolFailedError("storescp takes nothing")
    finally:
        receiver.terminate()
        receiver.wait(20)


def by_orthanc(bench: "Bench", sealed: Path) -> Path:
    """C-STORE to Orthanc, C-GET from it."""
    port, folder = str(bench.orthanc.dicom), sealed.with_name("got")
    folder.mkdir()
    run(["storescu", "-R", "-aec", "ORTHANC", "127.0.0.1", port, sealed])
    found = pydicom.dcmread(sealed, stop_before_pixels=True)
    keys = ["QueryRetrieveLevel=IMAGE"]
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        keys.append(f"{keyword}={found[keyword].value}")
    words = [word for key in keys for word in ("-k", key)]
    run(["getscu", "-S", *words, "-od", folder, "-aec", "ORTHANC", "127.0.0.1", port])
    (got,) = folder.iterdir()
    return got


def by_rest(bench: "Bench", sealed: Path) -> Path:
    """POST to Orthanc, and GET the file."""
    name = bench.orthanc.store(sealed.read_bytes())
    got = sealed.with_name("got.dcm")
    got.write_bytes(bench.orthanc.ask(f"/instances/{name}/file"))
    return got


def by_stow(bench: "Bench", sealed: Path) -> Path:
    """STOW-RS to Orthanc, WADO-RS from it."""
    return bench.orthanc.stow(sealed)


def by_json(bench: "Bench", sealed: Path) -> Path:
    """Through the DICOM JSON model (PS3.18 F), as DICOMweb carries it."""
    dataset = pydicom.dcmread(sealed)
    read = pydicom.Dataset.from_json(json.loads(dataset.to_json()))
    read.file_meta = dataset.file_meta
    read.save_as(sealed.with_name("json.dcm"), enforce_file_format=True)
    return sealed.with_name("json.dcm")


def decode_everything(dataset: pydicom.Dataset) -> None:
    """Let pydicom convert each element, so that it writes all of them itself."""
    for _ in dataset.iterall():
        pass


def transcode(syntax: UID) -> Act:
    """Return the act of letting Orthanc transcode."""

    def act(bench: "Bench", sealed: Path) -> Path:
        keep = ["SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"]
        settings = {"Transcode": str(syntax), "Keep": keep, "Force": True}
        return bench.orthanc.change("modify", sealed, settings)

    return act


def encoded(syntax: UID, encode: Callable[[np.ndarray], bytes | bytearray]) -> Act:
    """Return the act of encoding each frame with imagecodecs."""

    def change(dataset: pydicom.Dataset) -> None:
        pixels = dataset.pixel_array
        each = pixels if dataset.get("NumberOfFrames", 1) > 1 else [pixels]
        dataset.PixelData = encapsulate([bytes(encode(frame)) for frame in each])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = syntax

    return edit(change)


def rle(dataset: pydicom.Dataset) -> None:
    """Compress with pydicom's own encoder."""
    dataset.compress(RLELossless, generate_instance_uid=False)


TRANSPORT = [
    *(
        Case(1, what, tool, subject, act, A, codes)
        for what, tool, act, codes, subjects in (
            ("C-STORE", "DCMTK storescu, storescp", by_storescp, ANEW, ("DX", "CT", "US")),
            ("C-STORE, then C-GET", "DCMTK, Orthanc", by_orthanc, ANEW, ("DX", "CT", "frames")),
            ("POST, then GET", "Orthanc REST", by_rest, AS_IS, ("DX", "CT", "palette")),
            ("STOW-RS, then WADO-RS", "Orthanc DICOMweb", by_stow, AS_IS, ("DX", "MR", "US")),
            ("read and saved", "pydicom", edit(lambda _: None), AS_IS, DATASETS),
            ("every element decoded", "pydicom", edit(decode_everything), AS_IS, DATASETS),
            ("through DICOM JSON", "pydicom", by_json, AS_IS, ("DX", "MR", "frames")),
        )
        for subject in subjects
    ),
]
ENCODINGS = [
    Case(2, what, "DCMTK dcmconv", subject, through(*commands), A, ANEW)
    for what, commands in (
        ("implicit VR", ["dcmconv +ti"]),
        ("big endian", ["dcmconv +tb"]),
        ("deflated", ["dcmconv +td"]),
        ("group lengths", ["dcmconv +g"]),
        ("undefined lengths", ["dcmconv -e"]),
        ("defined lengths, padded to 512", ["dcmconv +e +p 512 64"]),
        ("all of it, one after the other", ["dcmconv +ti +g", "dcmconv +tb -e", "dcmconv +td"]),
    )
    for subject in DATASETS
]
CHAINS = {
    "RLE": ["dcmcrle"],
    "RLE and back": ["dcmcrle", "dcmdrle"],
    "JPEG lossless SV1": ["dcmcjpeg +e1"],
    "JPEG lossless SV1 and back": ["dcmcjpeg +e1", "dcmdjpeg +cn"],
    "JPEG lossless, selection value 6": ["dcmcjpeg +el +sv 6"],
    "JPEG-LS": ["dcmcjpls"],
    "JPEG-LS and back": ["dcmcjpls", "dcmdjpls"],
    "JPEG 2000": ["gdcmconv --j2k"],
    "JPEG 2000 and back": ["gdcmconv --j2k", "gdcmconv --raw"],
    "JPEG-LS by GDCM": ["gdcmconv --jpegls"],
    "JPEG-LS by GDCM and back": ["gdcmconv --jpegls", "gdcmconv --raw"],
    "JPEG lossless by GDCM": ["gdcmconv --jpeg"],
    "JPEG lossless by GDCM and back": ["gdcmconv --jpeg", "gdcmconv --raw"],
    "RLE by GDCM": ["gdcmconv --rle"],
    "RLE by GDCM and back": ["gdcmconv --rle", "gdcmconv --raw"],
    "one toolkit after the other": ["dcmcjpls", "gdcmconv --j2k", "gdcmconv --raw", "dcmcrle"],
}
CODECS: dict[UID, Callable[[np.ndarray], bytes | bytearray]] = {
    JPEGLosslessSV1: lambda frame: imagecodecs.ljpeg_encode(frame, bitspersample=12),
    JPEGLSLossless: imagecodecs.jpegls_encode,
    JPEG2000Lossless: lambda frame: imagecodecs.jpeg2k_encode(
        frame, level=0, codecformat="j2k", bitspersample=12
    ),
    HTJ2KLossless: lambda frame: imagecodecs.htj2k_encode(frame, reversible=True),
}
LOSSLESS = [
    *(
        Case(3, what, _toolkit, subject, through(*commands), A, ANEW)
        for what, commands in CHAINS.items()
        for _toolkit in [
            " and ".join(sorted({"GDCM" if "gdcm" in c else "DCMTK" for c in commands}))
        ]
        for subject in PIXELS
    ),
    *(
        Case(3, syntax.name, "imagecodecs", "DX", encoded(syntax, encode), A)
        for syntax, encode in CODECS.items()
    ),
    *(Case(3, "RLE", "pydicom", subject, edit(rle), A) for subject in (*PIXELS, "US", "palette")),
    *(
        Case(3, syntax.name, "Orthanc transcoding", subject, transcode(syntax), A, ANEW)
        for syntax in (JPEGLSLossless, JPEGLosslessSV1, DeflatedExplicitVRLittleEndian)
        for subject in ("DX", "MR")
    ),
]
CASES = [*TRANSPORT, *ENCODINGS, *LOSSLESS]
