"""Hold a copy's pixels against its parents': which frames are equal, which are alike.

What is equal is recorded, and proven to every reader. What is only alike is a plausible copy, which
rests on the word of who makes it. Frames are decoded one after another.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from provenance.claims.descriptor import describe, resemble
from provenance.derivation.cutout import find_cutout
from provenance.derivation.lineage import FramePart, FrameRun
from provenance.derivation.parents import comparable
from provenance.image_tree import TILE, ImageTree, Samples, hash_frame
from provenance.marks.marking import read_plane

MAX_CANDIDATES: Final = 64  # frames of parents that one frame is compared with
MAX_SEARCHED: Final = 4  # of these, where a part is looked for
MAX_PART_BYTES: Final = 32 << 20
LEAST_SHARED: Final = 0.5  # of the tiles that show something, for a frame equal in part

Plane = npt.NDArray[np.integer[Any]]
Place = tuple[int, int]  # parent, frame


class Alike(IntEnum):
    """What comparing says of a frame that is not equal to any of a parent; the best last."""

    UNLIKE = 0
    UNKNOWN = 1
    PLACES = 2
    YES = 3


@dataclass(frozen=True, slots=True)
class Picture:
    """The frames of an object: what binds them, how to decode them, the size of a pixel in mm."""

    image: ImageTree
    decode: Callable[[], Iterator[Samples]]
    spacing: float | None = None


@dataclass(frozen=True, slots=True)
class Kinship:
    """Frames that are a parent's, wholly or in part, and how alike every other one is."""

    runs: tuple[FrameRun, ...] = ()
    parts: tuple[FramePart, ...] = ()
    others: tuple[tuple[int, Alike], ...] = ()

    @property
    def equal(self) -> int:
        """How many frames are equal."""
        return sum(run.count for run in self.runs)

    def those(self, alike: Alike) -> tuple[int, ...]:
        """Return the frames of which this was found."""
        return tuple(frame for frame, found in self.others if found is alike)


def find_kinship(copy: Picture, parents: Sequence[Picture]) -> Kinship:
    """Compare every frame of a copy with its parents'. Raises UnreadableError."""
    known = _digests(copy.image, parents)
    sources = [_Source(parent.decode) for parent in parents]
    runs: list[FrameRun] = []
    parts: list[FramePart] = []
    others: list[tuple[int, Alike]] = []
    size = 0
    for number, samples in enumerate(copy.decode()):
        places = known.get(_digest(copy.image, number, samples))
        if places:
            _go_on(runs, number, places)
            continue
        near = _candidates(number, copy, parents)
        part, shared = _in_part(number, samples, near, copy.image, parents)
        if part is not None and size + len(part.tiles) <= MAX_PART_BYTES:
            parts.append(part)
            size += len(part.tiles)
        if shared < LEAST_SHARED:
            others.append((number, _likeness(samples, near, copy, parents, sources)))
    return Kinship(tuple(runs), tuple(parts), tuple(others))


def _digest(image: ImageTree, number: int, samples: Samples) -> bytes:
    """What two equal frames of comparable images have in common, whatever their numbers."""
    if image.compressed is not None:
        return image.compressed[number]
    return hashlib.sha256(np.ascontiguousarray(samples).data).digest()


def _digests(copy: ImageTree, parents: Sequence[Picture]) -> dict[bytes, list[Place]]:
    found: dict[bytes, list[Place]] = {}
    for number, parent in enumerate(parents):
        if not comparable(copy.geometry, parent.image.geometry):
            continue
        if copy.compressed is not None and parent.image.compressed is not None:
            digests: Sequence[bytes] = parent.image.compressed
        else:
            plain = replace(
                parent.image, geometry=parent.image.geometry.as_decoded(), compressed=None
            )
            digests = [_digest(plain, 0, samples) for samples in parent.decode()]
        for frame, digest in enumerate(digests):
            found.setdefault(digest, []).append((number, frame))
    return found


def _go_on(runs: list[FrameRun], number: int, places: Sequence[Place]) -> None:
    """Add an equal frame: to the last run if it goes on there."""
    if runs:
        last = runs[-1]
        follows = last.parent, last.frame + last.count
        if last.first + last.count == number and follows in places:
            runs[-1] = replace(last, count=last.count + 1)
            return
    runs.append(FrameRun(number, *places[0], 1))


def _candidates(number: int, copy: Picture, parents: Sequence[Picture]) -> list[Place]:
    """The frames of parents that frame ``number`` may be a copy of, the likeliest first."""
    frames = [(p, k) for p, each in enumerate(parents) for k in range(each.image.geometry.frames)]
    at = number * len(frames) / copy.image.geometry.frames
    order = sorted(range(len(frames)), key=lambda index: abs(index - at))
    return [frames[index] for index in order[:MAX_CANDIDATES]]


def _in_part(
    number: int,
    samples: Samples,
    near: Sequence[Place],
    copy: ImageTree,
    parents: Sequence[Picture],
) -> tuple[FramePart | None, float]:
    """Return the frame that shares most tiles with this one, and what share of those that show."""
    best: tuple[float, Place] | None = None
    if copy.compressed is not None:
        return None, 0.0
    showing = _showing(samples, copy)
    for parent, frame in near:
        image = parents[parent].image
        if not comparable(copy.geometry, image.geometry):
            continue
        pairs = zip(hash_frame(samples, frame), image.frame_tiles(frame), strict=True)
        same = np.array([ours == theirs for ours, theirs in pairs], np.bool_)
        shown = int((same & showing).sum())
        share = shown / max(shown + int((~same).sum()), 1)
        if shown and (best is None or share > best[0]):
            best = share, (parent, frame)
    if best is None:
        return None, 0.0
    share, (parent, frame) = best
    tiles = b"".join(parents[parent].image.frame_tiles(frame))
    return FramePart(number, parent, frame, tiles), share


def _showing(samples: Samples, image: ImageTree) -> npt.NDArray[np.bool_]:
    """Which tiles are not flat: a black border is the same in many images."""
    found = []
    for row in range(0, image.geometry.rows, TILE):
        for column in range(0, image.geometry.columns, TILE):
            tile = samples[row : row + TILE, column : column + TILE]
            found.append(bool((tile != tile[:1, :1]).any()))
    return np.array(found, np.bool_)


def _likeness(
    samples: Samples,
    near: Sequence[Place],
    copy: Picture,
    parents: Sequence[Picture],
    sources: Sequence["_Source"],
) -> Alike:
    plane = _plane(samples, copy)
    best = Alike.UNLIKE
    for tried, (number, frame) in enumerate(near):
        parent = parents[number]
        other = _plane(sources[number].frame(frame), parent)
        found = _resembles(plane, other)
        if found in (Alike.UNLIKE, Alike.UNKNOWN) and tried < MAX_SEARCHED:
            place = find_cutout(other, plane, _scales(plane, other, copy, parent))
            if place is not None:
                found = Alike.YES if place.found else Alike.UNLIKE
        best = max(best, found)
        if best is Alike.YES:
            break
    return best


def _resembles(plane: Plane, other: Plane) -> Alike:
    """Compare two whole pictures of about one shape by their thumbnails."""
    ratio = (plane.shape[0] * other.shape[1]) / (plane.shape[1] * other.shape[0])
    if not 0.95 < ratio < 1.05:
        return Alike.UNKNOWN
    theirs = describe(other)
    alike = resemble(theirs, describe(plane))
    if not alike.enough:  # nothing to see in either, or in the copy alone
        return Alike.UNLIKE if resemble(theirs, theirs).enough else Alike.UNKNOWN
    if not alike.same_image:
        return Alike.UNLIKE
    return Alike.PLACES if alike.cells else Alike.YES


def _scales(plane: Plane, other: Plane, copy: Picture, parent: Picture) -> list[float]:
    scales = [1.0, other.shape[0] / plane.shape[0], other.shape[1] / plane.shape[1]]
    if copy.spacing and parent.spacing:
        scales.insert(0, copy.spacing / parent.spacing)
    return scales


def _plane(samples: Samples, picture: Picture) -> Plane:
    """Return grey levels as integers, whatever the samples are."""
    if samples.dtype.kind != "f":
        return read_plane(samples, picture.image.geometry.colour)
    levels = np.nan_to_num(samples.astype(np.float64), posinf=0.0, neginf=0.0)
    low, span = float(levels.min()), float(np.ptp(levels)) or 1.0
    return np.asarray((levels - low) / span * 65535, np.int32)


class _Source:
    """Decodes one frame of an object when it is asked for; keeps the last."""

    def __init__(self, decode: Callable[[], Iterator[Samples]]) -> None:
        self._decode = decode
        self._running: Iterator[Samples] = iter(())
        self._next = 0
        self._kept: tuple[int, Samples] | None = None

    def frame(self, number: int) -> Samples:
        """Return a frame; going on is cheap, going back decodes from the start."""
        if self._kept is None or number < self._kept[0]:
            self._running, self._next = self._decode(), 0
        while self._kept is None or self._kept[0] != number:
            self._kept = self._next, next(self._running)
            self._next += 1
        return self._kept[1]
