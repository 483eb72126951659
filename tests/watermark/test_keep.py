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


def test_a_flag_too_few_is_noticed() -> None:
    before, step = np.array([0, 1, 9, 10], np.int32), np.array([0, -1, -5, 0], np.int32)
    within = Range.of(before, (0, 10), most=5)
    after, stayed = move(before, step, within)
    assert stayed.size > 0
    with pytest.raises(RestoreError):
        undo(after, step, within, stayed[:-1])
