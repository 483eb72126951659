"""A picture brought back into the sealed frame, places, and what a person is told of them."""

import math

import numpy as np
import pytest

from provenance.claims.descriptor import SIDE, Thumbnail, describe, resemble
from provenance.image_tree import Witness
from provenance.pictures.places import groups, regions_of
from provenance.pictures.registration import register
from provenance.pictures.viewpoint import Viewpoint
from watermark import Lens, Placement

ROWS, COLUMNS = 480, 400
SCALE = 480 / 1024


def picture(seed: int, rows: int = ROWS, columns: int = COLUMNS) -> np.ndarray:
    chance = np.random.default_rng(seed)
    total = np.zeros((rows, columns))
    for size in (4, 8, 16, 32):
        coarse = chance.normal(0, 1, (size, size))
        total += np.kron(coarse, np.ones((-(-rows // size), -(-columns // size))))[:rows, :columns]
    return ((total - total.min()) / np.ptp(total) * 4095).astype(np.uint16)


def placed(*, scale: float = 1.0, degrees: float = 0.0, x: float = 0.0, y: float = 0.0,
           mirrored: bool = False) -> Placement:  # fmt: skip
    """From the grid to pixels of the sealed image, then scaled, turned and moved."""
    turn, grow = math.radians(degrees), scale * SCALE
    c, s = math.cos(turn) * grow, math.sin(turn) * grow
    flip = -1.0 if mirrored else 1.0
    return Placement.of(np.array([[c * flip, -s, x], [s * flip, c, y], [0, 0, 1.0]]))


def test_upright_is_the_descriptor() -> None:
    image = picture(1)
    found = register(image, placed(), rows=ROWS, columns=COLUMNS)
    assert found.known.all()
    signed = describe(image)
    levels = Thumbnail.of(signed).grey
    span = np.ptp(found.grey)
    near = (found.grey - found.grey.min()) / span * 255
    assert np.abs(near - levels).mean() < 2
    assert resemble(signed, found).correlation > 0.99


def test_a_crop_knows_its_part() -> None:
    image = picture(1)
    found = register(image[120:360, 100:], placed(x=-100, y=-120), rows=ROWS, columns=COLUMNS)
    rows, columns = np.nonzero(found.known)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (16, 47, 16, 63)
    assert resemble(describe(image), found).correlation > 0.98


@pytest.mark.parametrize("scale", [0.3, 0.5, 2.0])
def test_scaled(scale: float) -> None:
    image = picture(1)
    rows, columns = round(ROWS * scale), round(COLUMNS * scale)
    y = np.minimum(((np.arange(rows) + 0.5) / scale).astype(int), ROWS - 1)
    x = np.minimum(((np.arange(columns) + 0.5) / scale).astype(int), COLUMNS - 1)
    found = register(image[np.ix_(y, x)], placed(scale=scale), rows=ROWS, columns=COLUMNS)
    alike = resemble(describe(image), found)
    assert alike.correlation > 0.93
    assert not alike.cells


def test_on_its_side_and_mirrored() -> None:
    image = picture(1)
    side = np.rot90(image, -1)  # clockwise
    turned = register(side, placed(degrees=90, x=480), rows=ROWS, columns=COLUMNS)
    assert resemble(describe(image), turned).correlation > 0.98
    mirror = register(image[:, ::-1], placed(mirrored=True, x=400), rows=ROWS, columns=COLUMNS)
    assert resemble(describe(image), mirror).correlation > 0.98


def test_a_picture_through_a_lens_is_registered() -> None:
    """Grey levels are where they were taken from: the columns of a ramp."""
    ramp = np.tile(np.arange(COLUMNS, dtype=np.uint16), (ROWS, 1))
    lens = Lens(-0.08 / (COLUMNS / 2) ** 2, COLUMNS / 2, ROWS / 2)
    bent = Placement(placed().matrix, lens)
    plain = register(ramp, placed(), rows=ROWS, columns=COLUMNS)
    found = register(ramp, bent, rows=ROWS, columns=COLUMNS)
    middle, known = SIDE // 2, found.known & plain.known
    assert known[middle, 4:-4].all()
    columns = plain.grey[middle, 4:-4] + 0.5
    rows = np.full(columns.shape, (middle + 0.5) * ROWS / SIDE)
    wanted, _ = lens.through(columns, rows)
    assert np.abs(found.grey[middle, 4:-4] + 0.5 - wanted).max() < 1
    assert np.abs(wanted - columns).max() > 8


@pytest.mark.parametrize("row", [(0, 0, 1e-3), (0.01, 0.01, -1.0), (-0.002, 0, 1.0)])
def test_what_lies_behind_the_viewer_is_not_known(row: tuple[float, float, float]) -> None:
    matrix = np.array([[SCALE, 0, 0], [0, SCALE, 0], list(row)])
    found = register(picture(1), Placement.of(matrix), rows=ROWS, columns=COLUMNS)
    assert np.isfinite(found.grey).all()
    assert not found.known.all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (7, 5)])
def test_tiny_pictures(shape: tuple[int, int]) -> None:
    found = register(np.ones(shape, np.uint8), placed(scale=0.01), rows=ROWS, columns=COLUMNS)
    assert found.grey.shape == (SIDE, SIDE)
    assert not resemble(describe(picture(1)), found).enough


@pytest.mark.parametrize("degrees", [0.0, 5.0, 90.0, 180.0, -33.0])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_viewpoint_is_what_was_done(degrees: float, mirrored: bool) -> None:
    placement = placed(scale=0.6, degrees=degrees, mirrored=mirrored, x=500, y=500)
    view = Viewpoint.of(placement, rows=ROWS, columns=COLUMNS, picture=(2000, 2000))
    assert view.mirrored is mirrored
    assert view.scale == pytest.approx(0.6)
    assert view.degrees == pytest.approx(degrees)


def test_the_share_that_is_shown() -> None:
    view = Viewpoint.of(placed(), rows=ROWS, columns=COLUMNS, picture=(ROWS, COLUMNS))
    assert view.shown == 1.0
    assert view.words() == "scale 1.00, all of it is shown"
    half = Viewpoint.of(placed(), rows=ROWS, columns=COLUMNS, picture=(ROWS // 2, COLUMNS))
    assert half.shown == pytest.approx(0.5, abs=0.02)
    assert half.words() == "scale 1.00, 50% of it is shown"


def test_groups_touch_by_sides_and_corners() -> None:
    mask = np.zeros((6, 6), np.bool_)
    mask[0, 0] = mask[1, 1] = mask[5, 5] = True
    assert sorted(len(group) for group in groups(mask)) == [1, 2]


def test_regions_lie_in_the_picture() -> None:
    cells = np.zeros((64, 54), np.bool_)
    cells[10:12, 20:23] = True
    cells[63, 53] = True
    found = regions_of(
        cells,
        size=(16, 16),
        placement=placed(scale=2.0),
        picture=(900, 800),
        witness=Witness.PRESENCE,
    )
    (region,) = found  # the other one lies outside
    assert (region.x, region.y, region.w, region.h) == (300, 150, 45, 30)
    assert region.witness is Witness.PRESENCE
