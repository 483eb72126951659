"""Pictures to mark: like radiographs in what matters, smooth shapes under noise."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

Pixels = npt.NDArray[np.integer]
Maker = Callable[..., Pixels]


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
