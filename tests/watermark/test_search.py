import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import watermark
from watermark import ArgumentError, search
from watermark.nearby import KEPT, LOOKS
from watermark.search import (
    AROUND,
    BENDS,
    TRIED,
    TRIED_BY_PART,
    TRIED_STRAIGHT,
    TRIED_TOGETHER,
    placements,
)
from watermark.threshold import READINGS, THRESHOLD

Maker = Callable[..., np.ndarray]
View = Callable[[np.ndarray, Maker, Maker], np.ndarray]

VIEWS: dict[str, View] = {
    "turned by 7": lambda image, moved, about: moved(image, about(turn=7)),
    "cropped to 40 %": lambda image, moved, about: image[300:1020, 250:917],
    "mirrored": lambda image, moved, about: image[:, ::-1],
    "upside down": lambda image, moved, about: image[::-1, ::-1],
    "inverted": lambda image, moved, about: 255 - moved(image, about(turn=-3)),
    "foreshortened": lambda image, moved, about: moved(image, about(turn=4, bend=1e-4)),
    "sheared": lambda image, moved, about: moved(image, about(shear=0.05)),
    "framed": lambda image, moved, about: np.pad(
        moved(image, np.diag([0.7, 0.7, 1]), (840, 700)), ((60, 200), (150, 90))
    ),
}


@pytest.mark.parametrize("name", VIEWS)
def test_it_is_read_when(
    name: str, sealed: np.ndarray, moved: Maker, about: Maker, key: bytes, payload: bytes
) -> None:
    view = VIEWS[name](sealed, moved, about)
    assert watermark.detect(view, key=key) is None
    reading = search(view, key=key, seconds=60)
    assert reading is not None
    assert reading.payload == payload
    assert reading.score >= reading.threshold == THRESHOLD
    assert reading.false_alarm_log10 <= -12
    assert reading.inverted == (name == "inverted")
    places = 2 * (TRIED + TRIED_STRAIGHT) + TRIED_TOGETHER + len(BENDS) + 10 * TRIED_BY_PART
    most = 16 + 24 + 4 * (places + AROUND * (LOOKS + KEPT))
    assert 4 < reading.attempts <= most <= READINGS
    assert _is_placed(name, reading.placement, about)


def _is_placed(name: str, placement: watermark.Placement, about: Maker) -> bool:
    maps = {
        "turned by 7": lambda: about(turn=7),
        "cropped to 40 %": lambda: np.array([[1, 0, -250], [0, 1, -300], [0, 0, 1.0]]),
        "mirrored": lambda: np.array([[-1, 0, 1000], [0, 1, 0], [0, 0, 1.0]]),
        "upside down": lambda: np.array([[-1, 0, 1000], [0, -1, 1200], [0, 0, 1.0]]),
        "inverted": lambda: about(turn=-3),
        "foreshortened": lambda: about(turn=4, bend=1e-4),
        "sheared": lambda: about(shear=0.05),
        "framed": lambda: np.array([[0.7, 0, 150], [0, 0.7, 60], [0, 0, 1.0]]),
    }
    points = np.array([[350.0, 400], [650, 500], [450, 800]])
    wide = np.concatenate([points, np.ones((3, 1))], axis=1) @ maps[name]().T
    found = placement.to_picture(points * (1024 / 1200))
    return bool(np.abs(found - wide[:, :2] / wide[:, 2:]).max() < 1.5)


def test_an_upright_picture_costs_one_reading(
    sealed: np.ndarray, key: bytes, payload: bytes
) -> None:
    reading = search(sealed, key=key, seconds=60)
    assert reading is not None
    assert reading.payload == payload
    assert reading.attempts == 1
    assert reading == watermark.detect(sealed, key=key)


def test_an_unmarked_picture_reads_nothing(radiograph: Maker, key: bytes) -> None:
    assert search(radiograph(1200, 1000, bits=12), key=key, seconds=60) is None


def test_another_key_reads_nothing(sealed: np.ndarray, moved: Maker, about: Maker) -> None:
    assert search(moved(sealed, about(turn=7)), key=bytes(32), seconds=1) is None


def test_no_part_is_looked_at_after_the_time(
    radiograph: Maker, key: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = radiograph(1200, 1000, bits=12)
    looks: list[str] = []
    module = sys.modules["watermark.search"]  # the package's name is the function's
    for name in ("foreshortened", "strained"):

        def look(*_: object, name: str = name, **__: object) -> list[object]:
            looks.append(name)
            return []

        monkeypatch.setattr(module, name, look)
    by_whole = list(placements(image, key=key, end=time.thread_time() + 60))
    assert looks == ["foreshortened"] + 7 * ["strained"]
    looks.clear()
    assert list(placements(image, key=key, end=time.thread_time())) == by_whole
    assert looks == []


def test_no_time_is_one_look(sealed: np.ndarray, key: bytes) -> None:
    assert search(sealed[:, ::-1], key=key, seconds=0) is None


@settings(max_examples=4, deadline=None, derandomize=True)
@given(
    turn=st.floats(-180, 180),
    scale=st.floats(0.6, 1.3),
    mirrored=st.booleans(),
    share=st.floats(0.55, 1),
    seed=st.integers(0, 99),
)
def test_no_view_is_ever_read_wrongly(
    turn: float,
    scale: float,
    mirrored: bool,
    share: float,
    seed: int,
    sealed: np.ndarray,
    moved: Maker,
    about: Maker,
    key: bytes,
    payload: bytes,
) -> None:
    view = moved(sealed, about(turn=turn, scale=scale))
    rows, columns = (int(share * side) for side in view.shape)
    top, left = np.random.default_rng(seed).integers(0, (1201 - rows, 1001 - columns)).tolist()
    view = view[top : top + rows, left : left + columns]
    reading = search(view[:, ::-1] if mirrored else view, key=key, seconds=1)
    assert reading is None or reading.payload == payload


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((5, 5), np.uint8),
        np.full((5, 5), np.nan),
        np.zeros((200, 200), np.uint16),
        np.full((300, 200), 1e300),
        np.eye(128, dtype=np.int8),
        np.random.default_rng(1).integers(0, 255, (16, 64)).astype(np.uint8),
        np.pad(np.random.default_rng(1).integers(0, 255, (12, 200)).astype(np.uint8), 300),
    ],
    ids=["tiny", "tiny and no number", "flat", "huge", "diagonal", "least", "strip on a slide"],
)
def test_hopeless_pictures_read_nothing(image: np.ndarray, key: bytes) -> None:
    assert search(image, key=key, seconds=0) is None


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 64, 3), np.uint8),
        np.zeros((64, 64), np.bool_),
        np.full((64, 64), np.nan),
        np.full((64, 64), np.inf),
    ],
)
def test_what_is_no_picture_is_refused(image: np.ndarray, key: bytes) -> None:
    with pytest.raises(ArgumentError):
        search(image, key=key)
