"""Pictures that were turned, cut or bent: the sealed image is found in them by a blind search."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from provenance import Word
from provenance.findings import Code

if TYPE_CHECKING:
    from conftest import Original

Encode = Callable[..., bytes]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the search all the time that a busy machine may need."""
    monkeypatch.setattr("provenance.marks.mark_search.SEARCH_SECONDS", 120.0)


Move = Callable[[Image.Image], Image.Image]


def _turned(degrees: float) -> Move:
    return lambda picture: picture.rotate(degrees, Image.Resampling.BICUBIC, expand=True)


def _cut(share: float, *, across: float = 0.5, down: float = 0.5) -> Move:
    """Keep a share of the area, from the middle or off it."""

    def move(picture: Image.Image) -> Image.Image:
        width, height = (round(v * share**0.5) for v in picture.size)
        left = round((picture.width - width) * across)
        top = round((picture.height - height) * down)
        return picture.crop((left, top, left + width, top + height))

    return move


def _bordered(picture: Image.Image) -> Image.Image:
    page = Image.new("L", (picture.width + 300, picture.height + 180), 0)
    page.paste(picture, (130, 60))
    return page


def _squeezed(picture: Image.Image) -> Image.Image:
    return picture.resize((round(picture.width * 0.9), picture.height), Image.Resampling.LANCZOS)


MOVES: dict[str, Move] = {
    "turned by 5": _turned(5),
    "turned by 33": _turned(33),
    "on its side": _turned(90),
    "upside down": _turned(180),
    "cut to 70 %": _cut(0.7),
    "cut to 50 %": _cut(0.5),
    "cut to 50 %, off the middle": _cut(0.5, across=0.9, down=0.2),
    "with borders": _bordered,
    "squeezed": _squeezed,
    "turned and cut": lambda picture: _cut(0.6)(picture.rotate(5, Image.Resampling.BICUBIC)),
}


@pytest.fixture(scope="module")
def shown(chest: "Original") -> Image.Image:
    return Image.fromarray(chest.shown)


def _jpeg(picture: Image.Image, encode: Encode) -> bytes:
    return encode(np.asarray(picture), "JPEG", quality=85)


@pytest.mark.parametrize("kind", MOVES)
def test_a_moved_picture_is_derived(
    chest: "Original", shown: Image.Image, encode: Encode, kind: str
) -> None:
    verdict = chest.judge(_jpeg(MOVES[kind](shown), encode))
    assert verdict.word is Word.DERIVED, verdict.checks
    assert verdict.regions == ()
    assert Code.MIRRORED not in {c.code for c in verdict.checks}


def test_a_mirrored_picture_is_derived_and_says_so(
    chest: "Original", shown: Image.Image, encode: Encode
) -> None:
    mirrored = shown.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    verdict = chest.judge(_jpeg(mirrored, encode))
    assert verdict.word is Word.DERIVED, verdict.checks
    assert Code.MIRRORED in {c.code for c in verdict.checks}


def test_the_check_says_how_it_is_shown(
    chest: "Original", shown: Image.Image, encode: Encode
) -> None:
    verdict = chest.judge(_jpeg(_turned(-5)(shown), encode))
    (check,) = (c for c in verdict.checks if c.code is Code.MARK_READ)
    assert re.search(r"turned (4\.9|5\.[01]) degrees clockwise", check.detail)
    verdict = chest.judge(_jpeg(_turned(5)(shown), encode))
    (check,) = (c for c in verdict.checks if c.code is Code.MARK_READ)
    assert re.search(r"turned (4\.9|5\.[01]) degrees anticlockwise", check.detail)
    verdict = chest.judge(_jpeg(_cut(0.5)(shown), encode))
    (check,) = (c for c in verdict.checks if c.code is Code.MARK_READ)
    assert re.search(r"(49|50|51|52)% of it is shown", check.detail)


@pytest.mark.parametrize("kind", ["turned by 5", "on its side", "cut to 70 %"])
def test_what_is_painted_on_is_located_where_it_lies(
    chest: "Original", shown: Image.Image, encode: Encode, kind: str
) -> None:
    """The same move applied to a mask of the painted disc says where it must be found."""
    y, x = np.mgrid[0 : shown.height, 0 : shown.width]
    inside = np.hypot(y - 420, x - 480) < 64
    levels = np.asarray(shown).copy()
    middle = float(levels[inside].mean())
    grain = np.random.default_rng(7).normal(middle + (60 if middle < 128 else -60), 3, y.shape)
    levels[inside] = np.clip(grain, 0, 255).astype(np.uint8)[inside]
    forged = MOVES[kind](Image.fromarray(levels))
    mask = np.asarray(MOVES[kind](Image.fromarray((inside * 255).astype(np.uint8)))) > 127
    verdict = chest.judge(_jpeg(forged, encode))
    assert verdict.word is Word.ALTERED, verdict.checks
    named = np.zeros(mask.shape, np.bool_)
    for r in verdict.regions:
        named[r.y : r.y + r.h, r.x : r.x + r.w] = True
    assert (named & mask).sum() > 0.4 * mask.sum()
    assert named.sum() < 6 * mask.sum()


def test_another_picture_in_the_frame_of_a_moved_one_is_altered(
    chest: "Original", other_chest: "Original", shown: Image.Image, encode: Encode
) -> None:
    """Half of another patient's image beside half of this one."""
    mixed = np.asarray(shown).copy()
    mixed[:, mixed.shape[1] // 2 :] = other_chest.shown[:, mixed.shape[1] // 2 :]
    verdict = chest.judge(_jpeg(_turned(5)(Image.fromarray(mixed)), encode))
    assert verdict.word in (Word.ALTERED, Word.UNSEALED), verdict.checks
