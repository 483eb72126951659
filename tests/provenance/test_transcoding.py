"""Lossless transcoding by other toolkits keeps AUTHENTIC: DCMTK, GDCM, pydicom with imagecodecs."""

import io
import os
import shutil
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from provenance import SealError, Site, UnreadableError, Word, seal, verify
from provenance.dicom.pixels import pixel_geometry
from provenance.dicom.read import read_instance
from provenance.dicom.values import text
from provenance.findings import Code

CORPUS = (
    Path(os.environ.get("RADSEAL_CORPUS", Path(__file__).resolve().parents[3] / "shared")) / "data"
)
CORPUS_FILES = [
    path
    for folder in ("radiographs_dicom", "dicom_formats")
    for path in sorted((CORPUS / folder).glob("*"))
    if path.is_file() and path.stat().st_size < 6_000_000
]

# Each chain of commands ends in another transfer syntax than it began with.
DCMTK = {
    "implicit": ["dcmconv +ti"],
    "big endian": ["dcmconv +tb"],
    "deflated": ["dcmconv +td"],
    "group lengths, undefined lengths": ["dcmconv +g -e"],
    "RLE": ["dcmcrle"],
    "RLE and back": ["dcmcrle", "dcmdrle"],
    "JPEG lossless": ["dcmcjpeg +e1"],
    "JPEG lossless and back": ["dcmcjpeg +e1", "dcmdjpeg +cn"],
    "JPEG-LS": ["dcmcjpls"],
    "JPEG-LS and back": ["dcmcjpls", "dcmdjpls"],
}
GDCM = {
    "JPEG 2000": ["gdcmconv --j2k"],
    "JPEG 2000 and back": ["gdcmconv --j2k", "gdcmconv --raw"],
    "JPEG-LS": ["gdcmconv --jpegls"],
    "JPEG lossless": ["gdcmconv --jpeg"],
    "RLE": ["gdcmconv --rle"],
    "RLE and back": ["gdcmconv --rle", "gdcmconv --raw"],
}
CODECS: dict[UID, Callable[[np.ndarray], bytes]] = {
    RLELossless: lambda frame: b"",
    JPEGLosslessSV1: lambda frame: imagecodecs.ljpeg_encode(frame, bitspersample=12),
    JPEGLSLossless: imagecodecs.jpegls_encode,
    JPEG2000Lossless: lambda frame: imagecodecs.jpeg2k_encode(
        frame, level=0, codecformat="j2k", bitspersample=12
    ),
    HTJ2KLossless: lambda frame: imagecodecs.htj2k_encode(frame, reversible=True),
}


def judge(data: bytes, site: Site) -> tuple[Word, list[str]]:
    verdict = verify(data, trust=site.trust, records=site.records(), mark_key=site.mark_key)
    return verdict.word, [f"{c.code} {c.detail}" for c in verdict.checks if c.status != "pass"]


def run_chain(commands: list[str], data: bytes, folder: Path) -> bytes | None:
    """Run each command on the last one's output; None where the tool refuses the file."""
    path = folder / "0.dcm"
    path.write_bytes(data)
    for number, command in enumerate(commands, 1):
        tool, *options = command.split()
        target = folder / f"{number}.dcm"
        if tool == "gdcmconv":
            arguments = [tool, *options, "-i", str(path), "-o", str(target)]
        else:
            arguments = [tool, *options, str(path), str(target)]
        done = subprocess.run(arguments, capture_output=True, check=False, timeout=120)
        if done.returncode != 0 or not target.is_file():
            return None
        path = target
    return path.read_bytes()


@pytest.fixture(scope="module")
def sealed(site: Site, make_dicom: Callable[..., bytes]) -> bytes:
    with site.device() as device:
        return seal(make_dicom(), device=device).to_bytes()


@pytest.mark.parametrize("chain", [*DCMTK.values(), *GDCM.values()], ids=" then ".join)
def test_toolkits(sealed: bytes, site: Site, chain: list[str], tmp_path: Path) -> None:
    tool = chain[0].split()[0]
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed (apt-get install dcmtk libgdcm-tools)")
    written = run_chain(chain, sealed, tmp_path)
    assert written is not None
    assert judge(written, site)[0] is Word.AUTHENTIC


@pytest.mark.parametrize("syntax", CODECS, ids=lambda uid: uid.name)
def test_pydicom_with_imagecodecs(sealed: bytes, site: Site, syntax: UID) -> None:
    dataset = pydicom.dcmread(io.BytesIO(sealed))
    if syntax == RLELossless:
        dataset.compress(RLELossless, generate_instance_uid=False)
    else:
        dataset.PixelData = encapsulate([CODECS[syntax](dataset.pixel_array)])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = syntax
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    assert judge(buffer.getvalue(), site)[0] is Word.AUTHENTIC


def test_more_bits_stored_with_equal_values(sealed: bytes, site: Site) -> None:
    """What GDCM does when it decodes JPEG 2000: 12 bits become 16."""
    dataset = pydicom.dcmread(io.BytesIO(sealed))
    dataset.BitsStored, dataset.HighBit = 16, 15
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    verdict = verify(buffer.getvalue(), trust=site.trust)
    assert verdict.word is Word.AUTHENTIC
    assert Code.RECODED in {c.code for c in verdict.checks}


def test_more_bits_stored_that_show_what_was_hidden(sealed: bytes, site: Site) -> None:
    """Bits above Bits Stored are nobody's; once they count, they are a change."""
    dataset = pydicom.dcmread(io.BytesIO(sealed))
    pixels = dataset.pixel_array.copy()
    pixels[70, 70] |= 0x4000
    dataset.PixelData = pixels.tobytes()
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    assert verify(buffer.getvalue(), trust=site.trust).word is Word.AUTHENTIC
    dataset.BitsStored, dataset.HighBit = 16, 15
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    verdict = verify(buffer.getvalue(), trust=site.trust)
    assert verdict.word is Word.ALTERED
    assert [(r.x, r.y) for r in verdict.regions] == [(64, 64)]


# Where a tool itself changes samples or identity; pydicom's decoder, where it has one, agrees.
NOT_LOSSLESS = {
    ("highdicom_seg_image_sm_dots_tiled_full.dcm", "gdcmconv --jpeg"): "GDCM and 1-bit samples",
    ("pydicom_rtdose_rle.dcm", "gdcmconv --j2k"): "GDCM writes 32-bit JPEG 2000 nobody else reads",
    ("pydicom_rtdose.dcm", "gdcmconv --j2k"): "the same",
    ("pydicom-data_SC_rgb_expb_16bit_2frame.dcm", "gdcmconv"): "GDCM replaces the SOP class",
    ("orthanc-tests_MultiframeWindowing.dcm", "gdcmconv"): "GDCM replaces the SOP class",
}


def excused(name: str, chain: list[str]) -> bool:
    return any(
        name == file and any(command.startswith(tool) for command in chain)
        for file, tool in NOT_LOSSLESS
    )


def samples(data: bytes) -> np.ndarray | None:
    """What pydicom's own decoders see; None where it has none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about padding: not this decoder is under test
            return pydicom.dcmread(io.BytesIO(data), force=True).pixel_array
    except (RuntimeError, AttributeError, ValueError, NotImplementedError, KeyError):
        return None


def changed_by_the_tool(before: bytes, after: bytes) -> bool:
    was, now = samples(before), samples(after)
    return was is not None and now is not None and not np.array_equal(was, now)


@pytest.mark.corpus
@pytest.mark.parametrize("path", CORPUS_FILES, ids=lambda path: path.name)
def test_corpus_through_toolkits(path: Path, site: Site, tmp_path: Path) -> None:
    """Every chain that a tool accepts, on what was sealed losslessly; count the AUTHENTIC ones."""
    if shutil.which("dcmconv") is None or shutil.which("gdcmconv") is None:
        pytest.skip("dcmtk or gdcmconv is not installed")
    try:
        with site.device() as device:
            sealed = seal(path, device=device)
    except (UnreadableError, SealError) as error:
        pytest.skip(f"cannot be sealed: {error}")
    data = sealed.to_bytes()
    instance = read_instance(data)
    geometry = pixel_geometry(instance)
    if geometry is not None and geometry.lossy:
        pytest.skip("sealed as its lossy frames: decoders differ")
    # GDCM adds the UIDs that an object lacks, and so makes it part of another study.
    whole = all(text(instance.dataset, tag) for tag in (0x00080018, 0x0020000D, 0x0020000E))
    kept, wrong = 0, {}
    for chain in [*DCMTK.values(), *(GDCM.values() if whole else ())]:
        written = None if excused(path.name, chain) else run_chain(chain, data, tmp_path)
        if written is None or changed_by_the_tool(data, written):
            continue
        word, details = judge(written, site)
        if word is Word.AUTHENTIC:
            kept += 1
        else:
            wrong[" then ".join(chain)] = (str(word), details)
    if kept + len(wrong) == 0:
        pytest.skip("no tool accepts it")
    assert not wrong
