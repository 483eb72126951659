"""Read the mark of a volume from its frames together, or of a frame by itself."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark import payload as framing
from watermark import polar
from watermark.canvas import to_canvas
from watermark.detect import Allowance, Reading, read, upright
from watermark.errors import ArgumentError
from watermark.evidence import WEIGHTS, Gathered, gather, terms
from watermark.frame_groups import GROUPS, signs_key
from watermark.frame_sum import STARTS, FrameSum
from watermark.placement import Placement
from watermark.threshold import THRESHOLD

Image = npt.NDArray[Any]

TAGS_AN_ATTEMPT: Final = 64


@dataclass(frozen=True, slots=True)
class VolumeReading:
    """A mark that was found in frames.

    Attributes
    ----------
    reading : Reading
        Id, score and bound, of the frames together.
    frames : int
        Frames that were looked at before it could be read.
    first : int
        Frame of the marked volume, modulo 16, that the first one is; 0 for a whole copy, None
        if the frames are not in their order.
    """

    reading: Reading
    frames: int
    first: int | None


def detect_volume(frames: Iterable[Image], *, key: bytes) -> VolumeReading | None:
    """Read the mark of a key from frames, upright and whole, adding up until it can be read.

    Tried after 1, 2, 4, 8 frames and so on; after the last one also as a copy that lost its
    first frames, and as one whose frames were shuffled or averaged.

    Parameters
    ----------
    frames : iterable of integer or float arrays, shape (rows, columns)
        Grey levels, all of one size; no further frame is taken once the mark is read.
    key : bytes
        The 32-byte mark key.
    """
    total, attempts, shape, due = FrameSum(), _Attempts(key), None, 1
    placement: Placement | None = None
    for frame in frames:
        geometry = upright(frame)
        if geometry is None:
            return None
        if shape not in (None, frame.shape):
            raise ArgumentError(f"frames of {shape} and {frame.shape} are not of one volume")
        shape, placement = frame.shape, Placement.upright(geometry)
        total.add(terms(to_canvas(frame, geometry)))
        if total.frames == due:
            due *= 2
            found = attempts.read(total.gathered(key=key), placement)
            if found is not None:
                return VolumeReading(found, total.frames, 0)
    if placement is None:
        return None
    for first, gathered in _arrangements(total, key, tried=total.frames * 2 == due):
        found = attempts.read(gathered, placement)
        if found is not None:
            return VolumeReading(found, total.frames, first)
    return None


class _Attempts:
    """Readings of one call: none may spend the tags that later ones, of more frames, need."""

    def __init__(self, key: bytes) -> None:
        self._key, self._left = key, Allowance()

    def read(self, gathered: Gathered, placement: Placement) -> Reading | None:
        """Read what the allowance of the whole call still permits."""
        tags = min(self._left.tags, TAGS_AN_ATTEMPT)
        share = Allowance(self._left.readings, tags, reserved=0)
        found = read(gathered, share, key=self._key, placement=placement)
        self._left = Allowance(share.readings, self._left.tags - tags + share.tags)
        return found


def _arrangements(
    total: FrameSum, key: bytes, *, tried: bool
) -> Iterator[tuple[int | None, Gathered]]:
    for first in range(tried, STARTS):
        yield first, total.gathered(key=key, first=first)
    yield None, total.gathered_unordered(key=key)


def detect_frame(image: Image, *, key: bytes) -> Reading | None:
    """Read the mark from one frame of a volume, or from an image, upright and whole.

    Parameters
    ----------
    image : integer or float, shape (rows, columns)
        Grey levels; which frame it is need not be known.
    key : bytes
        The 32-byte mark key.
    """
    geometry = upright(image)
    if geometry is None:
        return None
    found, allowance = terms(to_canvas(image, geometry)), Allowance()
    placement = Placement.upright(geometry)
    for group in range(GROUPS):
        gathered = gather(found, key=signs_key(key, group))
        reading = read(gathered, allowance, key=key, placement=placement)
        if reading is not None:
            return reading
    return None


def frame_margins(frames: Iterable[Image], payload: bytes, *, key: bytes) -> Iterator[float]:
    """Yield each frame's own score over the threshold, for an id that was read: from 1 on it
    carries by itself.
    """
    word = polar.encode(framing.frame(payload, key=key))[np.newaxis]
    for frame in frames:
        geometry = upright(frame)
        if geometry is None:
            yield 0.0
            continue
        found = terms(to_canvas(frame, geometry))
        gathered = [gather(found, key=signs_key(key, group)) for group in range(GROUPS)]
        scores = [float(g.weighed(w).scores(word)[0]) for g in gathered for w in WEIGHTS]
        yield max(scores) / THRESHOLD
