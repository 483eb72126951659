from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import watermark
from watermark.absence import PATCH, judge, likelihood
from watermark.detect import Reading
from watermark.grid import CELL, Geometry
from watermark.patches import blur, grow, patches, shrink, smooth
from watermark.placement import Placement
from watermark.presence import Presence, presence
from watermark.testimony import Testimony as Told  # pytest takes its own name for a test
from watermark.testimony import smoothed
from watermark.testimony import testify as tell

Maker = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def marked(radiograph: Maker, key: bytes, payload: bytes) -> np.ndarray:
    image = radiograph(1400, 1100, bits=12)
    made = watermark.embed(image, payload, key=key, bits_stored=12, profile="radiograph")
    return made.image


@pytest.fixture(scope="module")
def reading(marked: np.ndarray, key: bytes) -> Reading:
    found = watermark.detect(marked, key=key)
    assert found is not None
    return found


def _view(image: np.ndarray) -> np.ndarray:
    return np.rint(image / 4095 * 255).astype(np.uint8)


def _half(image: np.ndarray) -> np.ndarray:
    parts = image.reshape(image.shape[0] // 2, 2, image.shape[1] // 2, 2)
    return np.rint(parts.mean(axis=(1, 3))).astype(image.dtype)


def _painted(image: np.ndarray, x: int, y: int, side: int) -> np.ndarray:
    """Put other anatomy, with noise as strong, into a square."""
    generator = np.random.default_rng(5)
    painted = image.copy()
    square = painted[y : y + side, x : x + side]
    wave = 60 * np.sin(np.arange(side) / 31) + float(square.mean())
    square[:] = np.rint(wave + generator.normal(0, 0.006 * 4095, square.shape))
    return painted


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image,
        _view,
        _half,
        lambda image: 4095 - image,
        lambda image: np.rint(255 * (image / 4095) ** 0.6).astype(np.uint8),
        lambda image: _view(_half(image)).astype(np.float32),
    ],
)
def test_an_honest_copy_is_not_accused(
    change: Callable[[np.ndarray], np.ndarray], marked: np.ndarray, key: bytes
) -> None:
    copy = change(marked)
    reading = watermark.detect(copy, key=key)
    assert reading is not None
    found = presence(copy, reading, key=key)
    assert not found.altered.any()
    assert found.known.mean() > 0.9
    assert found.share == 0
    assert found.regions(copy.shape) == []
    assert not found.mask(*copy.shape).any()
    assert found.score.dtype == np.float64
    assert float(np.median(found.score[found.known])) > 0.99


def test_another_payload_is_absent_everywhere(
    marked: np.ndarray, reading: Reading, key: bytes
) -> None:
    found = presence(marked, replace(reading, payload=bytes(12)), key=key)
    assert found.known.mean() > 0.9
    assert found.share > 0.9


def test_another_polarity_is_absent_everywhere(
    marked: np.ndarray, reading: Reading, key: bytes
) -> None:
    found = presence(marked, replace(reading, inverted=True), key=key)
    assert found.share > 0.9


@settings(max_examples=8, deadline=None, derandomize=True)
@given(x=st.integers(20, 700), y=st.integers(20, 1000), view=st.booleans())
def test_a_painted_square_is_found_where_it_is(
    x: int, y: int, view: bool, marked: np.ndarray, key: bytes
) -> None:
    side = 330
    painted = _painted(marked, x, y, side)
    painted = _view(painted) if view else painted
    reading = watermark.detect(painted, key=key)
    assert reading is not None
    found = presence(painted, reading, key=key)
    (box,) = found.regions(painted.shape)
    near = 2.5 * CELL * 1400 / 1024
    assert box[:2] == pytest.approx((x, y), abs=near)
    assert (box[0] + box[2], box[1] + box[3]) == pytest.approx((x + side, y + side), abs=near)
    mask = found.mask(*painted.shape)
    inside = np.zeros_like(mask)
    inside[y : y + side, x : x + side] = True
    assert (mask & inside).sum() > 0.6 * (mask | inside).sum()
    middle = found.score[int((y + side / 2) / 1400 * 64), int((x + side / 2) / 1400 * 64)]
    assert middle < 0.1


def test_a_piece_of_the_same_picture_is_found(marked: np.ndarray, key: bytes) -> None:
    cloned = marked.copy()
    cloned[200:560, 150:510] = marked[900:1260, 600:960]
    reading = watermark.detect(cloned, key=key)
    assert reading is not None
    (box,) = presence(cloned, reading, key=key).regions(cloned.shape)
    assert box == pytest.approx((150, 200, 360, 360), abs=75)


def test_most_of_a_picture_may_be_another(marked: np.ndarray, key: bytes) -> None:
    changed = marked.copy()
    changed[:, :660] = _painted(marked, 0, 0, 1100)[:, :660]
    changed[1100:, :660] = np.random.default_rng(3).normal(2000, 25, (300, 660)).astype(np.uint16)
    reading = watermark.detect(changed, key=key)
    assert reading is not None
    found = presence(changed, reading, key=key)
    assert found.altered[:, :28].mean() > 0.9
    assert not found.altered[:, 33:].any()


def test_dead_ground_is_not_known(radiograph: Maker, key: bytes, payload: bytes) -> None:
    image = radiograph(1100, 1000, bits=10)
    image[:, :300] = image.min()
    made = watermark.embed(image, payload, key=key, bits_stored=10, profile="radiograph")
    reading = watermark.detect(made.image, key=key)
    assert reading is not None
    found = presence(made.image, reading, key=key)
    assert not found.known[:, :12].any()
    assert found.score[:, :9] == pytest.approx(0.5, abs=0.01)
    assert not found.altered.any()


def test_the_size_of_the_marked_image_decides_the_cells(marked: np.ndarray, key: bytes) -> None:
    copy = _half(marked)[:, :547]
    reading = watermark.detect(copy, key=key)
    assert reading is not None
    for columns, cells in ((1060, 49), (1100, 51), (1200, 55)):
        found = presence(copy, reading, key=key, shape=(1400, columns))
        assert found.altered.shape == found.known.shape == found.score.shape == (64, cells)
        assert not found.altered.any()


MOVES: list[tuple[Callable[[np.ndarray], np.ndarray], list[list[float]]]] = [
    (lambda image: image[150:1250, 90:1000], [[1, 0, -90], [0, 1, -150], [0, 0, 1]]),
    (lambda image: np.rot90(image, -1), [[0, -1, 1400], [1, 0, 0], [0, 0, 1]]),
    (lambda image: image[:, ::-1], [[-1, 0, 1100], [0, 1, 0], [0, 0, 1]]),
    (lambda image: np.pad(image, ((60, 60), (90, 90))), [[1, 0, 90], [0, 1, 60], [0, 0, 1]]),
    (lambda image: np.repeat(image, 2, axis=0), [[1, 0, 0], [0, 2, 0], [0, 0, 1]]),
]


@pytest.mark.parametrize(("move", "matrix"), MOVES)
@pytest.mark.parametrize("shape", [None, (1400, 1100)])
def test_a_moved_picture_is_judged_through_its_placement(
    move: Callable[[np.ndarray], np.ndarray],
    matrix: list[list[float]],
    shape: tuple[int, int] | None,
    marked: np.ndarray,
    reading: Reading,
    key: bytes,
) -> None:
    placement = Placement.of(np.array(matrix, float) @ reading.placement.array)
    placed = replace(reading, placement=placement)
    honest = presence(move(marked), placed, key=key, shape=shape)
    assert not honest.altered.any()
    assert honest.known.mean() > 0.3
    painted = move(_painted(marked, 300, 400, 330))
    found = presence(painted, placed, key=key, shape=shape)
    hidden = np.zeros(marked.shape, np.bool_)
    hidden[400:730, 300:630] = True
    truth = move(hidden)
    mask = found.mask(*painted.shape)
    assert (mask & truth).sum() > 0.6 * (mask | truth).sum()


def test_a_picture_that_was_not_read_is_refused(
    marked: np.ndarray, reading: Reading, key: bytes
) -> None:
    with pytest.raises(watermark.ArgumentError):
        presence(np.zeros((20, 20, 3), np.uint8), reading, key=key)
    with pytest.raises(watermark.ArgumentError):
        presence(marked[:, :, np.newaxis], reading, key=key)
    with pytest.raises(watermark.CapacityError):
        presence(np.zeros((5, 5), np.uint8), reading, key=key)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 64), np.uint8),
        np.full((300, 200), 7, np.uint16),
        np.full((300, 200), -1.0),
        np.tile(np.arange(400), (600, 1)),
        np.eye(128, dtype=np.int8),
        np.zeros((17, 900), np.float32),
        np.full((100, 100), 2**63, np.uint64),
        np.random.default_rng(1).integers(0, 2, (80, 1000)).astype(np.uint8),
    ],
)
def test_hopeless_images_do_not_crash(image: np.ndarray, reading: Reading, key: bytes) -> None:
    placed = replace(reading, placement=Placement.upright(Geometry.of(image.shape)))
    found = presence(image, placed, key=key)
    assert found.altered.shape == Geometry.of(image.shape).cells
    assert not (found.altered & ~found.known).any()
    assert np.isfinite(found.score).all()
    found.regions(image.shape)
    assert found.mask(*image.shape).shape == image.shape


def test_chance_is_as_the_model_says(radiograph: Maker, key: bytes) -> None:
    """Without the mark a cell's sum has mean zero and the variance that is counted with."""
    canvas = radiograph(1024, 512, bits=12).astype(np.float32)
    clear = np.ones((64, 32), np.bool_)
    ratios = []
    for number in range(12):
        payload = number.to_bytes(12, "big")
        told = tell(canvas, clear, payload=payload, key=key, sign=1)
        ratios.append(told.found / np.sqrt(told.power))
    spread = np.array(ratios)
    assert abs(float(spread.mean())) < 0.02
    assert float(spread.var()) == pytest.approx(1, abs=0.05)


def test_a_patch_must_fall_short_as_a_whole() -> None:
    everywhere = np.ones((40, 40), np.bool_)
    information = np.full((40, 40), 0.4)
    correlation = information.copy()
    correlation[10:20, 10:20] = 0
    altered, certain, known = judge(correlation, information, everywhere)
    assert not (certain & ~altered).any()
    assert known.all()
    assert altered[12:18, 12:18].all()
    assert altered.sum() < 140
    assert not judge(correlation / 4, information / 4, everywhere)[
        0
    ].any()  # 3.2 deviations, not PATCH
    assert PATCH > 3.2


def test_a_lost_area_is_unlikely_and_the_rest_is_not() -> None:
    everywhere = np.ones((40, 40), np.bool_)
    information = np.full((40, 40), 2.0)
    information[:, 32:] = 0
    correlation = information.copy()
    correlation[10:20, 10:20] = 0
    chance = likelihood(correlation, information, everywhere)
    assert chance[12:18, 12:18].max() < 1e-3
    assert chance[24:, :30].min() > 0.999
    assert chance[:, 39] == pytest.approx(0.5, abs=0.05)
    milder = correlation + np.sqrt(2) * np.random.default_rng(1).normal(0, 3, (40, 40))
    assert likelihood(milder, information, everywhere)[15, 15] > chance[15, 15]


def test_noise_is_the_geometric_mean_of_living_cells_around() -> None:
    noise = np.full((17, 17), 4.0)
    noise[8, 8] = 1.0
    noise[:, 16] = 0.001
    smooth = smoothed(noise)
    assert smooth[0, 0] == pytest.approx(4)
    assert smooth[4, 4] == smooth[8, 8] == pytest.approx(4 * 0.25 ** (1 / 81))
    assert smooth[8, 12] == pytest.approx(4 * 0.25 ** (1 / 72))
    assert (smooth[:, 16] == 0).all()
    assert (smoothed(np.zeros((3, 2))) == 0).all()


def test_cells_that_differ_by_themselves_are_judged_more_mildly() -> None:
    generator = np.random.default_rng(1)
    everywhere = np.ones((40, 40), np.bool_)
    information = np.full((40, 40), 2.0)
    correlation = information * np.exp(generator.normal(0, 1.2, (40, 40)))
    altered, _, _ = judge(correlation, information, everywhere)
    assert not altered.any()


def test_what_a_copy_left_of_the_mark_is_followed_where_it_changes_slowly() -> None:
    """A copy that kept 140 % at the top, 60 % at the bottom accuses neither, hides nothing."""
    generator = np.random.default_rng(2)
    everywhere = np.ones((64, 64), np.bool_)
    information = np.full((64, 64), 1.5)
    gain = np.linspace(1.4, 0.6, 64)[:, np.newaxis]
    correlation = gain * information + np.sqrt(1.5) * generator.normal(0, 1, (64, 64))
    assert not judge(correlation, information, everywhere)[0].any()
    for top in (8, 26, 44):
        forged = correlation.copy()
        area = np.s_[top : top + 12, 20:32]
        forged[area] -= gain[top : top + 12] * information[area]
        altered, _, _ = judge(forged, information, everywhere)
        assert altered[area].mean() > 0.75
        assert (altered.sum() - altered[area].sum()) < 40


def test_a_model_that_is_far_amiss_still_knows_what_is_quite_gone() -> None:
    """What is left of a mark is a factor: it may halve by place, but hardly vanish."""
    for seed in range(5):
        generator = np.random.default_rng(seed)
        factor = blur(generator.normal(0, 1, (64, 64)), 2.4)
        information = np.full((64, 64), 6.0)
        correlation = np.exp(0.6 * factor / factor.std()) * information
        correlation += np.sqrt(information) * generator.normal(0, 1, (64, 64))
        correlation[20:36, 20:36] -= correlation[20:36, 20:36].mean()
        altered, _, _ = judge(correlation, information, np.ones((64, 64), np.bool_))
        assert altered[20:36, 20:36].mean() > 0.6
        altered[18:38, 18:38] = False
        assert altered.mean() < 0.1


def test_the_marks_worth_follows_the_grain_and_cells_not_trusted_are_not_asked() -> None:
    grain = np.random.default_rng(4).normal(0, 1, (40, 40))
    left = 0.9 + 0.3 * np.clip(grain, -1.5, 1.5)
    left[:10] = 0
    trust = np.ones((40, 40))
    trust[:10] = 0
    height = np.full((9, 40, 40), 0.6)
    nine = np.ones((9, 1, 1))
    told = Told(left * height, np.ones_like(height), height, nine, np.zeros((40, 40)), grain)
    amiss = []
    for by in ((told.grey,), (told.grey, told.grain)):
        correlation, information = told.weigh(trust, score=told.score(), by=by)
        assert information[:10].mean() == pytest.approx(information[10:].mean(), rel=0.1)
        amiss.append(float((correlation / information)[10:].std()))
    assert amiss[1] < 0.4 * amiss[0]


def _presence(altered: np.ndarray, placement: Placement) -> Presence:
    return Presence(altered, altered, np.ones_like(altered), np.ones(altered.shape), placement)


def test_regions_follow_the_placement() -> None:
    altered = np.zeros((64, 64), np.bool_)
    altered[4:8, 10:20] = True
    altered[30, 30] = altered[31, 31] = True
    altered[60:, 60:] = True
    turned = Placement.of(np.array([[0, -2.0, 1000], [2, 0, 0], [0, 0, 1]]))
    regions = _presence(altered, turned).regions((1900, 1000))
    assert (
        regions == [(744, 320, 128, 320), (0, 960, 8, 64)][:1] + [(0, 1900, 0, 0)] * 0 + regions[1:]
    )
    assert _presence(altered, Placement.upright(Geometry.of((1024, 1024)))).regions(
        (1000, 1000)
    ) == [(160, 64, 160, 64), (960, 960, 40, 40), (480, 480, 32, 32)]


@settings(max_examples=20, deadline=None)
@given(
    matrix=st.tuples(
        st.floats(0.3, 3),
        st.floats(-1, 1),
        st.floats(-200, 200),
        st.floats(-0.2, 0.2),
        st.floats(0.3, 3),
        st.floats(-200, 200),
        st.floats(-1e-4, 1e-4),
        st.floats(-1e-4, 1e-4),
    ),
    seed=st.integers(0, 99),
)
def test_the_mask_lies_in_the_boxes(matrix: tuple[float, ...], seed: int) -> None:
    placement = Placement.of(np.array([*matrix, 1.0]).reshape(3, 3))
    altered = np.random.default_rng(seed).random((64, 50)) > 0.99
    found = _presence(altered, placement)
    mask = found.mask(150, 211)
    boxed = np.zeros_like(mask)
    for x, y, width, height in found.regions((150, 211)):
        assert width > 0
        assert height > 0
        assert x >= 0
        assert y >= 0
        assert x + width <= 211
        assert y + height <= 150
        boxed[y : y + height, x : x + width] = True
    assert not (mask & ~boxed).any()


def test_patches_are_taken_apart_and_cleaned() -> None:
    cells = np.zeros((12, 12), np.bool_)
    cells[2:8, 2:8] = True
    cells[4, 4] = False
    cells[10, 10] = True
    assert sorted(len(rows) for rows, _ in patches(cells)) == [1, 35]
    cleaned = smooth(cells, 1.2)
    assert cleaned[4, 4]
    assert not cleaned[10, 10]
    assert cleaned[2, 3:7].all()
    assert not cleaned[2, 2]
    assert smooth(np.ones((5, 4), np.bool_), 1.2).all()
    assert (shrink(grow(cells)) | ~cells).all()
    assert list(patches(np.zeros((3, 0), np.bool_))) == []


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["boneage_3881.png", "monai_mammo_sample_B4.jpg"])
def test_radiographs_are_judged_by_the_payload(name: str, corpus_data: Path, key: bytes) -> None:
    image = np.asarray(imagecodecs.imread(str(corpus_data / "radiographs_png" / name)))
    image = np.ascontiguousarray(image[..., 0] if image.ndim == 3 else image)
    made = watermark.embed(image, bytes(12), key=key, bits_stored=8, profile="radiograph")
    reading = watermark.detect(made.image, key=key)
    assert reading is not None
    assert presence(made.image, reading, key=key).share == 0
    other = presence(made.image, replace(reading, payload=bytes([1] * 12)), key=key)
    assert other.known.mean() > 0.5
    assert other.share > 0.9


def test_where_nothing_is_expected_nothing_is_missing() -> None:
    """Cells that say nothing lie between others that make them known: they accuse nobody."""
    accused = 0
    for seed in range(600):
        generator = np.random.default_rng(seed)
        strength = generator.gamma(0.5, 3, (40, 40))
        information = np.where(generator.random((40, 40)) < 0.5, 0, strength)
        correlation = information + np.sqrt(information) * generator.normal(size=(40, 40))
        altered, certain, known = judge(correlation, information, np.ones((40, 40), np.bool_))
        assert known.any()
        assert not certain.any()
        accused += bool(altered.any())
    assert accused <= 3
