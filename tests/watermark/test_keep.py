import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watermark import RestoreError
from watermark.keep import Range, move, undo

levels = st.integers(-12, 12)
cases = st.lists(st.tuples(levels, st.integers(-9, 9)), min_size=1, max_size=60)


@given(cases)
def test_what_moved_moves_back(pairs: list[tuple[int, int]]) -> None:
    before, step = (np.array(side, np.int32) for side in zip(*pairs, strict=True))
    ends = int(before.min()), int(before.max())
    within = Range.of(before, ends, most=int(np.abs(step).max()))
    after, stayed = move(before, step, within)
    assert (int(after.min()), int(after.max())) == ends
    assert np.array_equal(after[before == ends[0]], before[before == ends[0]])
    assert np.array_equal(after[before == ends[1]], before[before == ends[1]])
    back, used = undo(after, step, within, stayed)
    assert used == stayed.size
    assert np.array_equal(back, before)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32])
@pytest.mark.parametrize("most", [1, 20, 400, 5000])
def test_levels_up_to_the_ends_of_their_type_move_by_the_rule(dtype: type, most: int) -> None:
    """Against the rule of docs/spec/mark.md, 6, in whole numbers that do not wrap round."""
    chance, limits = np.random.default_rng(most), np.iinfo(dtype)
    edges = [limits.min, limits.min + 1, limits.max - 1, limits.max]
    image = np.append(edges, chance.integers(limits.min, limits.max, 5000)).astype(dtype)
    change = chance.integers(-most, most + 1, image.size).astype(np.float32)
    ends = int(image.min()), int(image.max())
    within = Range.of(image, ends, most=most)
    before, step = within.levels(image), within.steps(change)
    after, stayed = move(before, step, within)

    x, f = image.astype(np.int64), change.astype(np.int64)
    inside = (ends[0] < x) & (x < ends[1])
    moves = inside & (ends[0] < x + f) & (x + f < ends[1])
    y = x + f * moves
    assert np.array_equal(after.astype(dtype), y)
    may_have_stayed = inside & ((y + f <= ends[0]) | (y + f >= ends[1]))
    may_have_moved = (f != 0) & (ends[0] < y - f) & (y - f < ends[1])
    assert np.array_equal(stayed, ~moves[may_have_stayed & may_have_moved])
    back, used = undo(after, step, within, stayed)
    assert used == stayed.size
    assert np.array_equal(back.astype(dtype), image)


def test_a_flag_too_few_is_noticed() -> None:
    before, step = np.array([0, 1, 9, 10], np.int32), np.array([0, -1, -5, 0], np.int32)
    within = Range.of(before, (0, 10), most=5)
    after, stayed = move(before, step, within)
    assert stayed.size > 0
    with pytest.raises(RestoreError):
        undo(after, step, within, stayed[:-1])
