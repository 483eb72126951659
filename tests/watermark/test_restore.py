from collections.abc import Callable

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

import watermark
from watermark import RestoreError

Maker = Callable[..., np.ndarray]


def _mark(image: np.ndarray, key: bytes, payload: bytes, bits: int) -> watermark.Marked:
    return watermark.embed(image, payload, key=key, bits_stored=bits, profile="radiograph")


@pytest.mark.parametrize(
    ("rows", "columns", "bits"),
    [(700, 900, 8), (1300, 1000, 10), (1000, 1024, 12), (512, 512, 16), (400, 300, 14)],
)
def test_the_original_comes_back_exactly(
    radiograph: Maker, key: bytes, payload: bytes, rows: int, columns: int, bits: int
) -> None:
    image = radiograph(rows, columns, bits=bits)
    before = image.copy()
    marked = _mark(image, key, payload, bits)
    assert np.array_equal(image, before)
    assert not np.array_equal(marked.image, image)
    original = watermark.restore(marked.image, marked.restore_data, key=key)
    assert original.dtype == image.dtype
    assert np.array_equal(original, image)


@pytest.mark.parametrize(
    ("dtype", "offset", "bits"),
    [("int8", -128, 8), ("int16", -1000, 12), (">u2", 0, 12), ("int32", -(1 << 30), 32),
     ("uint32", 3 << 30, 32), ("uint16", 0, 12)],
)  # fmt: skip
def test_any_container_and_sign(
    radiograph: Maker, key: bytes, payload: bytes, dtype: str, offset: int, bits: int
) -> None:
    picture = radiograph(900, 700, bits=min(bits, 11)).astype(np.int64)
    image = (picture + offset).astype(dtype)
    marked = _mark(image, key, payload, bits)
    assert marked.image.dtype == image.dtype
    reading = watermark.detect(marked.image, key=key)
    assert reading is not None
    assert reading.payload == payload
    assert np.array_equal(watermark.restore(marked.image, marked.restore_data, key=key), image)


def test_saturated_ground_stays_and_comes_back(
    radiograph: Maker, key: bytes, payload: bytes
) -> None:
    image = radiograph(1000, 1000, bits=12).astype(np.int64)
    image = np.clip(image, 1200, 2600).astype(np.uint16)  # a third of it at either end
    marked = _mark(image, key, payload, 12)
    for end in (1200, 2600):
        assert np.array_equal(marked.image == end, image == end)
    assert (marked.image.min(), marked.image.max()) == (1200, 2600)
    assert np.array_equal(watermark.restore(marked.image, marked.restore_data, key=key), image)


def test_memory_layout_does_not_matter(radiograph: Maker, key: bytes, payload: bytes) -> None:
    image = radiograph(600, 500, bits=12)
    plain = _mark(image, key, payload, 12)
    turned = _mark(np.asfortranarray(image), key, payload, 12)
    sliced = _mark(np.repeat(image, 2, axis=1)[:, ::2], key, payload, 12)
    assert plain.restore_data == turned.restore_data == sliced.restore_data
    assert np.array_equal(plain.image, turned.image)
    assert np.array_equal(plain.image, sliced.image)


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "examples_jpeg2k.dcm"])
def test_real_images_come_back_or_are_refused(name: str, key: bytes, payload: bytes) -> None:
    path = get_testdata_file(name, download=False)
    if path is None:
        pytest.skip(f"pydicom does not ship {name} here")
    dataset = pydicom.dcmread(path)
    image = dataset.pixel_array
    image = image[..., 0] if image.ndim == 3 else image
    refusal, marked = "", None
    try:
        marked = watermark.embed(
            image, payload, key=key, bits_stored=dataset.BitsStored, profile="cross-section"
        )
    except watermark.CapacityError as error:
        refusal = str(error)
    if marked is None:
        assert "threshold" in refusal
    else:
        assert np.array_equal(watermark.restore(marked.image, marked.restore_data, key=key), image)


@settings(max_examples=12, deadline=None)
@given(
    rows=st.integers(200, 500),
    columns=st.integers(200, 500),
    bits=st.integers(9, 16),
    seed=st.integers(0, 999),
)
def test_any_size_and_depth(
    radiograph: Maker, key: bytes, payload: bytes, rows: int, columns: int, bits: int, seed: int
) -> None:
    image = radiograph(rows, columns, bits=bits, seed=seed)
    try:
        marked = _mark(image, key, payload, bits)
    except watermark.CapacityError:
        return
    assert np.array_equal(watermark.restore(marked.image, marked.restore_data, key=key), image)


def test_another_image_or_key_is_refused(radiograph: Maker, key: bytes, payload: bytes) -> None:
    image = radiograph(600, 500, bits=12)
    marked = _mark(image, key, payload, 12)
    touched = marked.image.copy()
    touched[300, 200] += 1
    for wrong in (touched, image, marked.image[:-1], marked.image + np.uint16(1)):
        with pytest.raises(RestoreError):
            watermark.restore(wrong, marked.restore_data, key=key)
    with pytest.raises(RestoreError):
        watermark.restore(marked.image, marked.restore_data, key=bytes(32))


def test_profile_none_changes_nothing(radiograph: Maker, key: bytes, payload: bytes) -> None:
    image = radiograph(300, 200, bits=12)
    marked = watermark.embed(image, payload, key=key, bits_stored=12, profile="none")
    assert np.array_equal(marked.image, image)
    assert marked.image is not image
    assert marked.margin == 0
    assert marked.quality.ssim == 1
    assert marked.quality.max_change == 0
    assert watermark.detect(marked.image, key=key) is None
    assert np.array_equal(watermark.restore(marked.image, marked.restore_data, key=key), image)
