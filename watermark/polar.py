"""Polar code (1024, 145) with successive-cancellation list decoding.

Arikan 2009; list decoding: Tal and Vardy 2015; short cuts for frozen and repetition nodes:
Sarkis et al. 2014. Natural order: ``x = u F`` with ``F`` the tenfold Kronecker power of
``[[1, 0], [1, 1]]``. The last input bit adds the word of all ones. It is kept for the polarity:
a negated reading decodes to the same message with that one bit set, so an inverted image
costs no second attempt.
"""

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.uint8]
Reals = npt.NDArray[np.float32]
Paths = npt.NDArray[np.intp]

LENGTH: Final = 1024
MESSAGE_BITS: Final = 144
FEW: Final = 128
"""Paths that are kept as a rule."""
MANY: Final = 2048
"""Paths for evidence that promises a word: what 128 find at 1.10 thresholds these find at 1.03."""
_BETA: Final = 2**0.25  # He et al. 2017, "Beta-expansion: a theoretical framework for polar codes"


@cache
def information_set() -> npt.NDArray[np.intp]:
    """Return the input positions that are not frozen, ascending; the last one is the polarity.

    Returns
    -------
    intp, shape (145,)
        The positions of greatest polarisation weight ``sum of b_i 2^(i/4)``.
    """
    place = np.arange(LENGTH)
    weight = sum((place >> i & 1) * _BETA**i for i in range(LENGTH.bit_length() - 1))
    order = np.argsort(np.asarray(weight), kind="stable")
    return np.sort(order[-MESSAGE_BITS - 1 :])


def encode(message: bytes) -> Bits:
    """Return the code word of an 18-byte message.

    Returns
    -------
    uint8, shape (1024,)
        Zeros and ones.
    """
    word: Bits = encode_all([message])[0]
    return word


def encode_all(messages: Sequence[bytes]) -> Bits:
    """Return the code words of 18-byte messages: uint8, shape (n, 1024)."""
    data = np.frombuffer(b"".join(messages), np.uint8).reshape(len(messages), -1)
    inputs = np.zeros((len(messages), LENGTH), np.uint8)
    inputs[:, information_set()[:-1]] = np.unpackbits(data, axis=1)
    return _transform(inputs)


def decode(evidence: Reals, *, paths: int = FEW) -> tuple[Bits, list[bytes]]:
    """Return the most likely code words, best first, and their messages.

    Parameters
    ----------
    evidence : float32, shape (1024,)
        Positive where a zero is likelier, in any unit: min-sum decoding needs no scale.
    paths : int
        Code words that are followed at once; time grows nearly as their number.

    Returns
    -------
    words : uint8, shape (n, 1024)
        Code words, polarity included; ``n`` is at most ``paths``.
    messages : list of bytes
        Their 18-byte messages.
    """
    metric = np.zeros(1, np.float32)
    words, _, metric = _node(evidence[np.newaxis], metric, 0, paths)
    words = words[np.argsort(metric, kind="stable")]
    messages = np.packbits(_transform(words)[:, information_set()[:-1]], axis=1)
    return words, [row.tobytes() for row in messages]


def is_inverted(word: Bits) -> bool:
    """Say whether a decoded word spells its message with every bit turned."""
    return bool(word[-1])  # column 1023 of F has a single one: this is the last input bit


def _transform(inputs: Bits) -> Bits:
    """Multiply by F along the last axis; F is its own inverse."""
    words = inputs.copy()
    half = 1
    while half < LENGTH:
        pairs = words.reshape(*words.shape[:-1], -1, 2, half)
        pairs[..., 0, :] ^= pairs[..., 1, :]
        half *= 2
    return words


@cache
def _free(start: int, size: int) -> tuple[int, bool]:
    """Return how many positions of a subtree are not frozen, and whether its last one is."""
    inside = information_set()
    count = int(np.count_nonzero((inside >= start) & (inside < start + size)))
    return count, bool(np.isin(start + size - 1, inside))


def _node(belief: Reals, metric: Reals, start: int, paths: int) -> tuple[Bits, Paths, Reals]:
    """Decode one subtree for all paths at once, and keep at most ``paths``.

    ``belief`` is (paths, size). Returns the subtree's code bits by surviving path, the path each
    survivor came from, and the metrics (a penalty: smaller is likelier).
    """
    size = belief.shape[1]
    free, last_is_free = _free(start, size)
    if free == 0:
        zeros = np.zeros(belief.shape, np.uint8)
        return zeros, np.arange(len(belief)), metric - np.minimum(belief, 0).sum(axis=1)
    if free == 1 and last_is_free:
        return _repetition(belief, metric, paths)
    left, right = belief[:, : size // 2], belief[:, size // 2 :]
    either = np.minimum(np.abs(left), np.abs(right)) * np.sign(left) * np.sign(right)
    first, origin, metric = _node(either, metric, start, paths)
    both = right[origin] + np.where(first, -left[origin], left[origin])
    second, parent, metric = _node(both, metric, start + size // 2, paths)
    first = first[parent]
    return np.concatenate([first ^ second, second], axis=1), origin[parent], metric


def _repetition(belief: Reals, metric: Reals, paths: int) -> tuple[Bits, Paths, Reals]:
    """Split every path in two, all zeros or all ones, and keep the best ``paths``."""
    before, size = belief.shape
    negative = np.minimum(belief, 0).sum(axis=1)
    positive = belief.sum(axis=1) - negative
    both = np.concatenate([metric - negative, metric + positive])
    kept = np.argsort(both, kind="stable")[:paths]
    bit = (kept >= before).astype(np.uint8)
    return np.repeat(bit[:, np.newaxis], size, axis=1), kept % before, both[kept]
