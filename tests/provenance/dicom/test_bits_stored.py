"""Bits Stored as another toolkit declares them (tests/workflow has the toolkits themselves)."""

import io
from collections.abc import Callable

import pydicom
import pytest

from provenance import Site, Word, seal, verify
from provenance.findings import Code


@pytest.fixture(scope="module")
def sealed(site: Site, make_dicom: Callable[..., bytes]) -> bytes:
    with site.device() as device:
        return seal(make_dicom(), device=device).to_bytes()


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
