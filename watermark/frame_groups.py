"""Which signs a frame of a volume bears, and the pattern made of them (docs/spec/mark-volume.md).

Runs of frames share their signs, so that a mean of neighbours keeps them; groups of runs differ,
so that still anatomy adds up as chance does, and a mean over all frames shows no pattern.
"""

from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from watermark.errors import ArgumentError
from watermark.keys import KEY_BYTES
from watermark.pattern import Pattern, pattern

GROUPS: Final = 4
RUN: Final = 4
"""Frames in a row that bear the same signs."""
PERIOD: Final = GROUPS * RUN
_SALT: Final = b"radseal-volume-1"


def group_of(frame: int) -> int:
    """Return the group of a frame, counted from zero."""
    return frame // RUN % GROUPS


@lru_cache(maxsize=16)
def signs_key(key: bytes, group: int) -> bytes:
    """Return the key that chips and slots of a group are drawn from; group 0 has the mark key."""
    if len(key) != KEY_BYTES:
        raise ArgumentError(f"a mark key has {KEY_BYTES} bytes, not {len(key)}")
    if group == 0:
        return key
    return HKDF(SHA256(), KEY_BYTES, _SALT, b"frame-%d" % group).derive(key)


def group_pattern(payload: bytes, *, key: bytes, group: int, canvas: tuple[int, int]) -> Pattern:
    """Return the wave of a payload in the frames of a group.

    Parameters
    ----------
    payload : bytes
        The 12-byte id.
    key : bytes
        The 32-byte mark key.
    group : int
        0 to ``GROUPS - 1``; the wave of group 0 is ``pattern.pattern``.
    canvas : tuple of int
        Rows and columns of the grid in use, multiples of 16.

    Returns
    -------
    int16, shape ``canvas``
        Word and pilots are those of the key; chips and slots those of the group.
    """
    return pattern(payload, key=key, canvas=canvas, signs=signs_key(key, group))
