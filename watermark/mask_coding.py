"""Mask codes packed without loss: each foretold by its neighbours, by numbers that learn.

The coder is an asymmetric numeral system (Duda 2009, arXiv:0902.0271) on one integer as long as
it needs to be: exact, and with a single right way to write any mask (docs/spec/mark.md, 7).
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from watermark.errors import MalformedError
from watermark.imprint import MASK

Codes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.int64]

SYMBOLS: Final = len(MASK)
NEIGHBOURS: Final = 3
"""West, north and north-east; their sum is the context."""
GAIN: Final = 48
"""What a code's number grows by when the code occurs."""
_START: Final = 32
_TOGETHER: Final = 24
_LONGEST: Final = 1 << 14  # bytes; 4096 cells cannot take more than 9216


def _prior() -> Integers:
    """Return the numbers before anything was seen: halved with every step from the mean."""
    contexts = np.arange(NEIGHBOURS * (SYMBOLS - 1) + 1)[:, np.newaxis]
    steps = abs(NEIGHBOURS * np.arange(SYMBOLS) - contexts) // NEIGHBOURS
    numbers: Integers = np.maximum(_START >> steps, 1)
    return numbers


def pack(codes: Codes) -> bytes:
    """Return mask codes as bytes.

    Parameters
    ----------
    codes : uint8, shape (cell rows, cell columns)
        Each below 15.
    """
    symbol = codes.ravel().astype(np.intp)
    context = _contexts(codes).ravel()
    number = _prior()[context] + GAIN * _seen(symbol, context)
    upto = np.cumsum(number, axis=1)
    place = np.arange(symbol.size)
    own, total = number[place, symbol], upto[:, -1]
    below = upto[place, symbol] - own
    reverse = [x[::-1].tolist() for x in (own, below, total)]
    state = 1
    for start in range(0, symbol.size, _TOGETHER):
        state = _taken(state, *(x[start : start + _TOGETHER] for x in reverse))
    return state.to_bytes((state.bit_length() + 7) // 8, "big")


def _taken(state: int, own: list[int], below: list[int], total: list[int]) -> int:
    """Return the state after some codes, the long integer divided once for all of them.

    A multiple of all own numbers becomes the same multiple of all totals; so only the rest goes
    from code to code, and that is short.
    """
    whole, rest = divmod(state, math.prod(own))
    for n, c, t in zip(own, below, total, strict=True):
        multiple, part = divmod(rest, n)
        rest = multiple * t + c + part
    return whole * math.prod(total) + rest


def unpack(packed: bytes, shape: tuple[int, int]) -> Codes:
    """Return the codes; MalformedError if these bytes are not what `pack` makes of any."""
    if not 0 < len(packed) <= _LONGEST or packed[0] == 0:
        raise MalformedError("restore data with a mask that does not unpack")
    rows, columns = shape
    state = int.from_bytes(packed, "big")
    numbers = _prior().tolist()
    totals = [sum(row) for row in numbers]
    above = [0] * columns
    codes = []
    for row in range(rows):
        line: list[int] = []
        for column in range(columns):
            west = line[-1] if line else above[0]
            north = above[column] if row else west
            east = above[min(column + 1, columns - 1)] if row else west
            context = west + north + east
            table = numbers[context]
            state, place = divmod(state, totals[context])
            symbol = 0
            while place >= table[symbol]:
                place -= table[symbol]
                symbol += 1
            state = state * table[symbol] + place
            table[symbol] += GAIN
            totals[context] += GAIN
            line.append(symbol)
        codes.append(line)
        above = line
    if state != 1:
        raise MalformedError("restore data with a mask that does not unpack")
    return np.array(codes, np.uint8)


def _contexts(codes: Codes) -> Integers:
    """Return the sum of three neighbours; at an edge the nearest that is already known."""
    wide = codes.astype(np.int64)
    west, north, east = (np.zeros_like(wide) for _ in range(NEIGHBOURS))
    west[:, 1:] = wide[:, :-1]
    west[1:, 0] = wide[:-1, 0]
    north[1:] = wide[:-1]
    east[1:, :-1] = wide[:-1, 1:]
    east[1:, -1] = wide[:-1, -1]
    north[0] = east[0] = west[0]
    total: Integers = west + north + east
    return total


def _seen(symbol: npt.NDArray[np.intp], context: Integers) -> Integers:
    """Return how often each code was seen in the same context before: int64, (cells, codes)."""
    order = np.argsort(context, kind="stable")
    single = np.eye(SYMBOLS, dtype=np.int64)[symbol[order]]
    before = np.cumsum(single, axis=0) - single
    new = np.r_[True, np.diff(context[order]) != 0]
    first = np.flatnonzero(new)[np.cumsum(new) - 1]
    seen = np.empty_like(before)
    seen[order] = before - before[first]
    return seen
