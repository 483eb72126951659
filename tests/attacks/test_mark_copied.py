"""A mark on a picture that it was not made for: never AUTHENTIC, never DERIVED."""

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from provenance import Site, Word, seal, verify
from provenance.dicom.carrier import read_carrier, remove_carrier
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes
from provenance.findings import Code

Make = Callable[..., bytes]
PASSED = (Word.AUTHENTIC, Word.DERIVED)


def body(seed: int) -> np.ndarray:
    """Structure of several sizes with grain, about one megapixel."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[0:1024, 0:896] / 1024
    levels = 0.45 + 0.12 * np.cos(5 * x + seed) * np.cos(4 * y)
    for size in np.geomspace(0.3, 0.02, 60):
        row, column, height = chance.uniform(0, 1, 3)
        away = (x - column) ** 2 + (y - row) ** 2
        levels += size**0.4 * 0.35 * (height - 0.5) * np.exp(-2 * away / size**2)
    levels += chance.normal(0, 0.008, levels.shape)
    return np.clip(levels * 4095, 1, 4094).astype(np.uint16)


@pytest.fixture(scope="module")
def sealed(site: Site, make_dicom: Make) -> tuple[bytes, np.ndarray, np.ndarray]:
    """A sealed object, its samples, and what they were before."""
    before = body(21)
    with site.device() as device:
        done = seal(make_dicom(before), device=device)
    assert done.mark is not None
    return done.to_bytes(), done.mark.image.astype(np.int64), before.astype(np.int64)


@pytest.fixture(scope="module")
def foreign() -> np.ndarray:
    return body(22).astype(np.int64)


def blurred(levels: np.ndarray) -> np.ndarray:
    """Return means over 9 x 9."""
    wide = np.pad(levels.astype(np.float64), 4, mode="edge")
    for _ in range(2):
        wide = np.mean([wide[k : len(wide) - 8 + k] for k in range(9)], axis=0).T
    return wide


def png(levels: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(np.clip(np.rint(levels), 0, 4095).astype(np.uint16)).save(buffer, "PNG")
    return buffer.getvalue()


def judge(data: bytes, site: Site, *, ledger: bool = True) -> tuple[Word, set[Code]]:
    records = site.records()
    with records.log:
        verdict = verify(
            data,
            trust=site.trust,
            records=records if ledger else None,
            mark_key=site.mark_key,
        )
    return verdict.word, {check.code for check in verdict.checks}


@pytest.mark.parametrize("times", [1, 2, 4])
@pytest.mark.parametrize("estimate", ["the mark itself", "high pass"])
def test_a_copied_mark_is_altered_or_not_there(
    sealed: tuple[bytes, np.ndarray, np.ndarray],
    foreign: np.ndarray,
    site: Site,
    estimate: str,
    times: int,
) -> None:
    _, marked, before = sealed
    gone = marked - before if estimate == "the mark itself" else marked - blurred(marked)
    word, codes = judge(png(foreign + times * gone), site)
    assert word not in PASSED
    assert word is (Word.ALTERED if Code.MARK_READ in codes else Word.UNSEALED)
    if estimate == "the mark itself":
        assert Code.MARK_READ in codes


def test_without_a_ledger_a_copied_mark_is_not_checked(
    sealed: tuple[bytes, np.ndarray, np.ndarray], foreign: np.ndarray, site: Site
) -> None:
    _, marked, before = sealed
    word, codes = judge(png(foreign + 2 * (marked - before)), site, ledger=False)
    assert Code.MARK_READ in codes
    assert word is Word.NOT_CHECKED


@pytest.mark.parametrize("keeps_seal", [True, False])
@pytest.mark.parametrize("keeps_uid", [True, False])
def test_a_copied_mark_in_an_object(
    sealed: tuple[bytes, np.ndarray, np.ndarray],
    foreign: np.ndarray,
    site: Site,
    keeps_seal: bool,
    keeps_uid: bool,
) -> None:
    """The same in DICOM, with or without the seal of the image that the mark comes from."""
    data, marked, before = sealed
    instance = read_instance(data)
    assert read_carrier(instance.dataset) is not None
    levels = np.clip(foreign + 2 * (marked - before), 0, 4095).astype(np.uint16)
    instance.dataset.PixelData = levels.tobytes()
    if not keeps_uid:
        instance.dataset.SOPInstanceUID = "1.2.3.4.5"
        instance.dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
        instance.dataset.ImageType = ["DERIVED", "PRIMARY"]
    if not keeps_seal:
        remove_carrier(instance.dataset)
    word, _ = judge(instance_bytes(instance), site)
    assert word is Word.ALTERED


def test_a_forger_with_the_mark_key_makes_no_copy(site: Site, sealed: tuple[bytes, ...]) -> None:
    """Whoever stole the key can put any id into any picture; the thumbnail still tells."""
    import watermark
    from ledger import parse_statement

    values = read_carrier(read_instance(sealed[0]).dataset)
    assert values is not None
    seal_id = parse_statement(values.statement).object_id
    assert seal_id is not None
    for payload, expected in ((seal_id, Word.ALTERED), (bytes(12), Word.NOT_CHECKED)):
        forged = watermark.embed(
            body(23), payload, key=site.mark_key, bits_stored=12, profile="radiograph"
        )
        assert judge(png(forged.image), site)[0] is expected
