"""The rehearsed JPEG 50 against a real one."""

import math
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest

import watermark
from watermark import rehearsal
from watermark.rehearsal import jpeg_50, view

SIX = (
    ("radiographs_dicom/dicomtest_intraoral_01_medicor_12bit.dcm", 12),
    ("radiographs_dicom/udacity_nih_test1_8bit.dcm", 8),
    ("radiographs_dicom/dicomtest_bitewing_medicor_8bit.dcm", 8),
    ("radiographs_dicom/orthanc_issue44_chest_konica_8bit.dcm", 8),
    ("radiographs_png/hannover_d9d6ca9a.png", 8),
    ("radiographs_png/nyu_gmic_p0_L-MLO_16bit.png", 16),
)


def really_coded(picture: np.ndarray) -> np.ndarray:
    """Return a picture after JPEG 50 by libjpeg."""
    return np.asarray(imagecodecs.jpeg_decode(imagecodecs.jpeg_encode(picture, level=50)))


def alike(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Fail unless two decoded JPEGs differ by roundings only.

    Where a coefficient lies next to the middle of two steps, libjpeg's whole-number transform may
    round it the other way; then its block differs by a share of that step.
    """
    apart = np.abs(ours.astype(np.int16) - theirs)
    assert np.mean(apart) < 0.06
    assert np.mean(apart > 2) < 0.005


def both_margins(
    marked: watermark.Marked, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> tuple[watermark.Rehearsal, watermark.Rehearsal]:
    ours = watermark.rehearse(marked, key=key)
    with monkeypatch.context() as patch:
        patch.setattr(rehearsal, "jpeg_50", really_coded)
        return ours, watermark.rehearse(marked, key=key)


def generated(rows: int, columns: int, grain: float = 12.0) -> np.ndarray:
    chance = np.random.default_rng(3)
    y, x = np.mgrid[0:rows, 0:columns]
    image = 2000 + 900 * np.sin(x / 90) * np.cos(y / 70) + chance.normal(0, grain, (rows, columns))
    return np.clip(image, 0, 4095).astype(np.uint16)


@pytest.mark.parametrize("shape", [(901, 1203), (1024, 1024), (640, 513)])
def test_generated(shape: tuple[int, int], key: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    marked = watermark.embed(
        generated(*shape), bytes(12), key=key, bits_stored=12, profile="radiograph"
    )
    picture = view(marked.image)
    alike(jpeg_50(picture), really_coded(picture))
    ours, real = both_margins(marked, key, monkeypatch)
    assert ours.coded == pytest.approx(real.coded, rel=0.05)
    assert ours.read == real.read
    assert ours.fresh == marked.margin


@pytest.mark.corpus
@pytest.mark.parametrize(("name", "bits"), SIX)
def test_radiographs(
    name: str, bits: int, corpus_data: Path, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = corpus_data / name
    image = (
        pydicom.dcmread(path).pixel_array
        if path.suffix == ".dcm"
        else np.asarray(imagecodecs.imread(str(path)))
    )
    marked = watermark.embed(image, bytes(12), key=key, bits_stored=bits, profile="radiograph")
    picture = view(marked.image)
    alike(jpeg_50(picture), really_coded(picture))
    ours, real = both_margins(marked, key, monkeypatch)
    assert ours.coded == pytest.approx(real.coded, rel=0.05)
    assert ours.read
    assert real.read


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32])
def test_window(dtype: type) -> None:
    image = generated(200, 300).astype(dtype)
    image[:40] = image.min()
    image[:, :5] = image.max()
    if dtype is np.int32:
        image = image * 1000  # a span that is not counted
    live = image[(image > image.min()) & (image < image.max())]
    low, high = np.percentile(live, (0.1, 99.9))
    expected = np.clip(np.rint((image - low) * (255 / (high - low))), 0, 255)
    assert np.abs(view(image) - expected).max() <= 1
    assert np.mean(view(image) != expected) < 1e-3


def test_flat_and_narrow() -> None:
    assert not view(np.full((64, 64), 700, np.uint16)).any()
    two = np.zeros((64, 64), np.uint16)
    two[:, 32:] = 1
    assert view(two).max() > 0
    thin = np.full((3, 11), 77, np.uint8)
    assert np.array_equal(jpeg_50(thin), really_coded(thin))


def test_a_weak_mark_is_told(key: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    marked = watermark.embed(
        generated(1024, 1024), bytes(12), key=key, bits_stored=12, profile="radiograph"
    )
    monkeypatch.setattr(rehearsal, "jpeg_50", lambda picture: np.zeros_like(picture))
    found = watermark.rehearse(marked, key=key)
    assert not found.read
    assert found.coded < 1
    assert not math.isnan(found.coded)


def test_no_mark_to_rehearse(key: bytes) -> None:
    marked = watermark.embed(
        generated(640, 520), bytes(12), key=key, bits_stored=12, profile="none"
    )
    with pytest.raises(watermark.ArgumentError, match="without a mark"):
        watermark.rehearse(marked, key=key)
