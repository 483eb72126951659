"""One id over the frames of a volume or of a cine loop.

Frames come and go one by one; what is held does not grow with their number, but for the restore
data and a number for each frame.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from watermark import payload as framing
from watermark import polar
from watermark.canvas import to_canvas
from watermark.embed import MARGIN
from watermark.errors import ArgumentError, CapacityError
from watermark.evidence import WEIGHTS, Floats, Gathered, gather, terms
from watermark.frame_groups import group_of, group_pattern, signs_key
from watermark.frame_sum import FrameSum
from watermark.grid import Geometry
from watermark.keep import Ends
from watermark.noise import estimate_noise
from watermark.pattern import Pattern
from watermark.profile import named
from watermark.restore_data import UNMARKED
from watermark.stamp import check_levels, stamp
from watermark.strength import choose_mask
from watermark.threshold import THRESHOLD
from watermark.volume_data import MAX_DATA, MAX_FRAMES, VolumeData

Image = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True)
class MarkedVolume:
    """What there is to say of a marked volume, besides its frames.

    Attributes
    ----------
    payload : bytes
        The 12-byte id.
    restore_data : bytes
        What ``restore_volume`` needs besides the key.
    margin : float
        Score of all frames together over the detector's threshold; 0 if it is unmarked.
    margins : tuple of float
        The same of each frame by itself: from 1 on it can be read alone. 0 if it was left as
        it is.
    """

    payload: bytes
    restore_data: bytes
    margin: float
    margins: tuple[float, ...]


class VolumeEmbedder:
    """Marks frame after frame; a frame too flat for a mark stays as it is, and others carry.

    Parameters
    ----------
    payload : bytes
        The 12-byte id.
    key : bytes
        The 32-byte mark key.
    bits_stored : int
        Bits of a grey level, (0028,0101) Bits Stored.
    profile : str
        A name of ``PROFILES``.
    """

    def __init__(self, payload: bytes, *, key: bytes, bits_stored: int, profile: str) -> None:
        self._payload, self._key, self._bits = payload, key, bits_stored
        self._limits = named(profile)
        self._word = polar.encode(framing.frame(payload, key=key))[np.newaxis]
        self._waves = _Waves(payload, key)
        self._sum = FrameSum()
        self._data: list[bytes] = []
        self._margins: list[float] = []
        self._like: tuple[tuple[int, ...], np.dtype[Any]] | None = None
        self._size = 0

    def add(self, frame: Image) -> Image:
        """Return the next frame, marked; the array given is not changed.

        Raises CapacityError (no frame of this size carries a mark, or there are too many), or
        ArgumentError (not an image, or another size or type than the frame before).
        """
        ends = self._check(frame)
        if self._limits is None:
            return self._kept(frame)
        geometry = Geometry.of(frame.shape)
        span = ends[1] - ends[0]
        canvas = to_canvas(frame, geometry, span=span)
        noise = estimate_noise(frame, geometry, ends=ends)
        mask, _ = choose_mask(canvas, noise, geometry, bits_stored=self._bits, profile=self._limits)
        group = group_of(len(self._data))
        if not mask.codes.any():
            return self._kept(frame, terms(canvas))
        wave = self._waves.of(group, geometry)
        try:
            marked, data = stamp(
                frame, wave, mask, geometry, ends=ends, payload=self._payload, key=self._key
            )
        except CapacityError:
            return self._kept(frame, terms(canvas))
        found = terms(to_canvas(marked, geometry, span=span))
        alone = gather(found, key=signs_key(self._key, group))
        self._take(data.encode(), self._margin(alone), found)
        return marked

    def finish(self) -> MarkedVolume:
        """Say what has been made.

        Raises
        ------
        CapacityError
            All frames together are too flat, too saturated or too small: what was marked is
            not to be used.
        ArgumentError
            There was no frame.
        """
        if self._like is None:
            raise ArgumentError("a volume has at least one frame")
        rows, columns = self._like[0]
        data = VolumeData((rows, columns), self._payload, tuple(self._data)).encode()
        margin = 0.0
        if self._limits is not None:
            margin = self._margin(self._sum.gathered(key=self._key))
            if margin < MARGIN:
                raise CapacityError(
                    f"the frames are too flat, too saturated or too small to carry the mark: "
                    f"their score would be {margin:.2f} times the threshold, {MARGIN} are needed"
                )
        return MarkedVolume(self._payload, data, margin, tuple(self._margins))

    def _margin(self, gathered: Gathered) -> float:
        return float(gathered.weighed(WEIGHTS[0]).scores(self._word)[0]) / THRESHOLD

    def _kept(self, frame: Image, found: list[Floats] | None = None) -> Image:
        self._take(UNMARKED, 0.0, found)
        return frame.copy()

    def _take(self, data: bytes, margin: float, found: list[Floats] | None) -> None:
        self._size += len(data) + 4
        if len(self._data) >= MAX_FRAMES or self._size > MAX_DATA - 64:
            raise CapacityError("the volume has too many frames")
        self._data.append(data)
        self._margins.append(margin)
        if found is not None:
            self._sum.add(found)

    def _check(self, frame: Image) -> Ends:
        ends = check_levels(frame, bits_stored=self._bits)
        found = frame.shape, frame.dtype
        self._like = self._like or found
        if found != self._like:
            raise ArgumentError(f"frames of {found} and {self._like} are not of one volume")
        return ends


class _Waves:
    """The patterns of the groups, each made once."""

    def __init__(self, payload: bytes, key: bytes) -> None:
        self._payload, self._key = payload, key
        self._made: dict[int, Pattern] = {}

    def of(self, group: int, geometry: Geometry) -> Pattern:
        """Return the pattern of a group; every frame has the same geometry."""
        if group not in self._made:
            self._made[group] = group_pattern(
                self._payload, key=self._key, group=group, canvas=geometry.canvas
            )
        return self._made[group]


def embed_volume(
    frames: Iterable[Image],
    payload: bytes,
    *,
    key: bytes,
    bits_stored: int,
    profile: str,
    keep: Callable[[Image], None],
) -> MarkedVolume:
    """Mark the frames of a volume with one id.

    Parameters
    ----------
    frames : iterable of integer arrays, shape (rows, columns)
        Grey levels, all of one size and type; read once, in order.
    payload, key, bits_stored, profile
        As for ``VolumeEmbedder``.
    keep : callable
        Is given each marked frame, in order. What it was given counts only once this returns.

    Raises
    ------
    CapacityError
        All frames together cannot carry a mark that can be read.
    ArgumentError
        An argument is not what it must be.
    """
    embedder = VolumeEmbedder(payload, key=key, bits_stored=bits_stored, profile=profile)
    for frame in frames:
        keep(embedder.add(frame))
    return embedder.finish()
