"""Pictures to mark: like radiographs in what matters, smooth shapes under noise."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

import watermark

Pixels = npt.NDArray[np.integer]
Maker = Callable[..., Pixels]
Mover = Callable[..., npt.NDArray[np.uint8]]


def _radiograph(
    rows: int, columns: int, *, bits: int = 12, noise: float = 0.006, seed: int = 1
) -> Pixels:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    body = np.zeros((rows, columns))
    for _ in range(12):
        a, b, width, height = rng.uniform(-0.8, 0.8, 2).tolist() + rng.uniform(0.1, 0.6, 2).tolist()
        body += rng.uniform(-1, 1) * np.exp(-(((x - a) / width) ** 2) - ((y - b) / height) ** 2)
    body = 0.15 + 0.7 * (body - body.min()) / np.ptp(body)
    body += rng.normal(0, noise, body.shape)
    top = (1 << bits) - 1
    dtype = np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32
    return np.clip(np.rint(body * top), 0, top).astype(dtype)


@pytest.fixture(scope="session")
def radiograph() -> Maker:
    """Make a picture of any size and depth, the same for the same arguments."""
    return _radiograph


@pytest.fixture(scope="session")
def key() -> bytes:
    return bytes(range(32))


@pytest.fixture(scope="session")
def payload() -> bytes:
    return bytes(range(100, 112))


@pytest.fixture(scope="session")
def sealed(radiograph: Maker, key: bytes, payload: bytes) -> Pixels:
    """A marked picture of 1200 x 1000 pixels and 12 bits."""
    image = radiograph(1200, 1000, bits=12)
    made = watermark.embed(image, payload, key=key, bits_stored=12, profile="radiograph")
    return made.image


def _moved(
    image: Pixels, matrix: npt.ArrayLike, shape: tuple[int, int] | None = None
) -> npt.NDArray[np.uint8]:
    rows, columns = shape or image.shape
    points = np.stack(np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5), axis=-1)
    wide = np.concatenate([points, np.ones((rows, columns, 1))], axis=-1)
    wide = wide @ np.linalg.inv(np.asarray(matrix, np.float64)).T
    x, y = np.moveaxis(wide[..., :2] / wide[..., 2:] - 0.5, -1, 0)
    outside = (x < -0.5) | (y < -0.5) | (x > image.shape[1] - 0.5) | (y > image.shape[0] - 0.5)
    x, y = np.clip(x, 0, image.shape[1] - 1.001), np.clip(y, 0, image.shape[0] - 1.001)
    j, i = x.astype(int), y.astype(int)
    right, below = x - j, y - i
    grey = image.astype(np.float64) * (255 / 4095)
    upper = grey[i, j] * (1 - right) + grey[i, j + 1] * right
    lower = grey[i + 1, j] * (1 - right) + grey[i + 1, j + 1] * right
    view = np.where(outside, 0, upper * (1 - below) + lower * below)
    return np.rint(np.clip(view, 0, 255)).astype(np.uint8)


@pytest.fixture(scope="session")
def moved() -> Mover:
    """Show a 12-bit picture through a homography (from its pixels to those of the view)."""
    return _moved


@pytest.fixture(scope="session")
def about() -> Callable[..., npt.NDArray[np.float64]]:
    """Make a homography that leaves the middle of the 1200 x 1000 picture where it is."""

    def make(
        turn: float = 0, scale: float = 1, shear: float = 0, bend: float = 0
    ) -> npt.NDArray[np.float64]:
        cosine, sine = scale * np.cos(np.deg2rad(turn)), scale * np.sin(np.deg2rad(turn))
        there = np.array([[1, 0, 500], [0, 1, 600], [0, 0, 1.0]])
        linear = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
        strain = np.array([[1, shear, 0], [0, 1, 0], [bend, bend / 2, 1]])
        moved: npt.NDArray[np.float64] = there @ strain @ linear @ np.linalg.inv(there)
        return moved

    return make
