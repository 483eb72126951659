"""The mark on real radiographs, after what hospitals do; benchmarks/mark.py has the whole table."""

import io
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

import watermark

pytestmark = pytest.mark.corpus

NAMES = [
    "nyu_gmic_p0_L-MLO_16bit.png",
    "boneage_2348.png",
    "fig1_covid-00017.jpg",
    "nih_00003310_000.png",
]


def _window(image: np.ndarray, tail: float) -> np.ndarray:
    live = image[(image > image.min()) & (image < image.max())]
    low, high = np.percentile(live, (tail, 100 - tail))
    return np.rint(255 * np.clip((image - low) / (high - low), 0, 1)).astype(np.uint8)


def _view(image: np.ndarray) -> np.ndarray:
    return image if image.dtype == np.uint8 else _window(image.astype(float), 0.1)


def _jpeg(image: np.ndarray) -> np.ndarray:
    return np.asarray(imagecodecs.jpeg_decode(imagecodecs.jpeg_encode(_view(image), level=50)))


def _jpeg2000(image: np.ndarray) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(_view(image)).save(
        stream, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[20]
    )
    return np.asarray(Image.open(stream))


def _noisy(image: np.ndarray) -> np.ndarray:
    view = _view(image)
    hum = np.random.default_rng(1).normal(0, 5.1, view.shape)
    return np.clip(np.rint(view + hum), 0, 255).astype(np.uint8)


def _half(image: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(image.astype(np.float32))
    size = (image.shape[1] // 2, image.shape[0] // 2)
    return np.asarray(picture.resize(size, Image.Resampling.BICUBIC))


ATTACKS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "view": _view,
    "window 5 %": lambda image: _window(image.astype(float), 5),
    "gamma 2": lambda image: np.rint(255 * (_view(image) / 255) ** 2).astype(np.uint8),
    "inverted": lambda image: 255 - _view(image),
    "JPEG 50": _jpeg,
    "JPEG 2000 20:1": _jpeg2000,
    "noise 2 %": _noisy,
    "half size": _half,
}


@pytest.fixture(scope="module", params=NAMES)
def marked(request: pytest.FixtureRequest, corpus_data: Path) -> watermark.Marked:
    image = np.asarray(imagecodecs.imread(str(corpus_data / "radiographs_png" / request.param)))
    bits = 8 * image.dtype.itemsize
    image = image[..., 0] if image.ndim == 3 else image
    return watermark.embed(
        np.ascontiguousarray(image),
        bytes(range(12)),
        key=bytes(range(32)),
        bits_stored=bits,
        profile="radiograph",
    )


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_id_survives(attack: str, marked: watermark.Marked) -> None:
    reading = watermark.detect(ATTACKS[attack](marked.image), key=bytes(range(32)))
    assert reading is not None
    assert reading.payload == bytes(range(12))


def test_it_was_not_there_before_and_goes_again(marked: watermark.Marked) -> None:
    key = bytes(range(32))
    assert watermark.detect(marked.original, key=key) is None
    original = watermark.restore(marked.image, marked.restore_data, key=key)
    assert np.array_equal(original, marked.original)
