"""Attributes that say how pixels are stored, set to anything: a verdict each time, never fine."""

import struct
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from provenance import Site, Word, seal, verify
from provenance.dicom.frames import compressed_frames
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes

NUMBERS = {
    "BitsAllocated": [1, 8, 12, 16, 32],
    "BitsStored": [1, 7, 8, 11, 12, 13, 16],
    "HighBit": [0, 7, 11, 12, 15],
    "PixelRepresentation": [0, 1],
    "SamplesPerPixel": [1, 3, 4],
    "PlanarConfiguration": [0, 1],
    "Rows": [1, 64, 100, 200, 201, 65535],
    "Columns": [1, 64, 100, 232, 233, 65535],
}
TEXTS = {
    "PhotometricInterpretation": [
        "MONOCHROME1",
        "RGB",
        "YBR_FULL",
        "YBR_FULL_422",
        "PALETTE COLOR",
    ],
    "NumberOfFrames": ["1", "2", "30", "4294967295", "-1", "x"],
}
CHANGES = st.dictionaries(
    st.sampled_from(sorted({**NUMBERS, **TEXTS})), st.integers(0, 6), min_size=1, max_size=3
)


def apply(data: bytes, changes: dict[str, int]) -> bytes:
    instance = read_instance(data)
    for keyword, choice in changes.items():
        values: list[object] = [*NUMBERS.get(keyword, []), *TEXTS.get(keyword, [])]
        value = values[choice % len(values)]
        tag = BaseTag(pydicom.datadict.tag_for_keyword(keyword) or 0)
        vr = pydicom.datadict.dictionary_VR(tag)
        raw = struct.pack("<H", value) if isinstance(value, int) else str(value).encode()
        raw += b" " * (len(raw) % 2)
        # As bytes: pydicom itself would refuse some of these values.
        instance.dataset._dict[tag] = RawDataElement(tag, vr, len(raw), raw, 0, False, True)
    return instance_bytes(instance)


def values(data: bytes) -> list[list[int]]:
    instance = read_instance(data)
    geometry = pixel_geometry(instance)
    assert geometry is not None
    return [frame.ravel().tolist() for frame in frames(instance, geometry)]


class Sealed(bytes):
    """Bytes that do not fill a failure report."""

    def __repr__(self) -> str:
        return f"{len(self)} sealed bytes"


def shipped(name: str) -> bytes:
    return Path(str(pydicom.data.get_testdata_file(name, download=False))).read_bytes()


SOURCES = {
    "native": None,
    "lossy colour": "SC_rgb_jpeg_dcmtk.dcm",
    "lossy grey": "JPEGLSNearLossless_08.dcm",
    "RLE": "rtdose_rle.dcm",
}


@pytest.fixture(scope="module", params=SOURCES)
def sealed(request: pytest.FixtureRequest, site: Site, make_dicom: Callable[..., bytes]) -> bytes:
    name = SOURCES[request.param]
    with site.device() as device:
        source = make_dicom() if name is None else shipped(name)
        return Sealed(seal(source, device=device).to_bytes())


@settings(max_examples=200)
@given(changes=CHANGES)
def test_a_verdict_each_time(sealed: bytes, site: Site, changes: dict[str, int]) -> None:
    changed = apply(sealed, changes)
    word = verify(changed, trust=site.trust).word
    if word is Word.AUTHENTIC:  # then the samples a reader sees are the same, value by value
        assert values(changed) == values(sealed)


def test_lossy_frames_are_compared_whatever_the_header_says(site: Site) -> None:
    with site.device() as device:
        data = seal(shipped("JPEGLSNearLossless_08.dcm"), device=device).to_bytes()
    assert compressed_frames(read_instance(data))
    deeper = apply(data, {"BitsStored": 1, "PixelRepresentation": 1})
    assert verify(deeper, trust=site.trust).word in (Word.ALTERED, Word.UNREADABLE)


@pytest.mark.parametrize("keyword", ["BitsStored", "SamplesPerPixel", "BitsAllocated", "Rows"])
def test_zero_is_not_missing(
    site: Site,
    make_dicom: Callable[..., bytes],
    edit: Callable[[bytes, Callable[[pydicom.Dataset], object]], bytes],
    keyword: str,
) -> None:
    """Other readers refuse such an image: this one must not read it as if nothing were said."""
    with site.device() as device:
        sealed = seal(make_dicom(bits=16), device=device, profile="none").to_bytes()
    changed = edit(sealed, lambda dataset: setattr(dataset, keyword, 0))
    assert verify(changed, trust=site.trust).word is Word.UNREADABLE
