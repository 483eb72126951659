"""Hold the frames of a copy against those that its parents' signers signed.

A frame leaf holds the frame's number, so what is frame 3 of the copy and frame 0 of a parent is
hashed again as the parent has it. Pure functions of samples and hashes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from provenance.derivation.lineage import FramePart
from provenance.derivation.parents import Parentage
from provenance.errors import EvidenceError
from provenance.image_tree import (
    ImageTree,
    Region,
    differing_tiles,
    frame_leaf,
    hash_frame,
    tree_root,
)

Samples = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class MatchedFrames:
    """What was held against the parents: frames that are equal, and equal in part.

    ``regions`` are where those that are equal in part differ; ``tiles`` of theirs are equal.
    """

    equal: int = 0
    in_part: int = 0
    tiles: int = 0
    regions: tuple[Region, ...] = ()


def match_frames(
    parentage: Parentage, image: ImageTree | None, found: Iterable[Samples]
) -> MatchedFrames:
    """Hash every mapped frame as its parent has it; EvidenceError where the map does not hold.

    ``image`` is what the copy's own birth binds, and ``found`` its frames, which are known to be
    those: they are asked for only where a number differs.
    """
    if image is None:
        return MatchedFrames()
    wanted = _by_frame(parentage)
    equal = in_part = same_tiles = 0
    regions: list[Region] = []
    for number, tiles in _tiles_of(image, wanted, found):
        parent, frame, part = wanted[number]
        theirs = parentage.parents[parent].image
        assert theirs is not None
        if part is not None:
            own = [part.tiles[at : at + 32] for at in range(0, len(part.tiles), 32)]
            same = sum(a == b for a, b in zip(own, tiles, strict=True))
            if not same:
                raise EvidenceError(
                    f"frame {number} shares no tile with frame {frame} of its parent"
                )
            in_part, same_tiles = in_part + 1, same_tiles + same
            regions.extend(differing_tiles(own, tiles, number, image.geometry))
            continue
        if image.compressed is not None:
            holds = image.compressed[number] == theirs.shown(frame)[32:]
        elif theirs.geometry.lossy:
            holds = tree_root(tiles) == theirs.shown(frame)[:32]
        else:
            holds = frame_leaf(frame, tree_root(tiles)) == theirs.shown(frame)
        if not holds:
            raise EvidenceError(
                f"frame {number} is not frame {frame} of parent {parent}, as the annex says"
            )
        equal += 1
    return MatchedFrames(equal, in_part, same_tiles, tuple(regions))


def _by_frame(parentage: Parentage) -> dict[int, tuple[int, int, FramePart | None]]:
    wanted: dict[int, tuple[int, int, FramePart | None]] = {}
    for run in parentage.lineage.runs:
        for step in range(run.count):
            wanted[run.first + step] = run.parent, run.frame + step, None
    for part in parentage.lineage.parts:
        wanted[part.first] = part.parent, part.frame, part
    return wanted


def _tiles_of(
    image: ImageTree,
    wanted: dict[int, tuple[int, int, FramePart | None]],
    found: Iterable[Samples],
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the tile hashes of mapped frames under the number that each has in its parent."""
    if image.compressed is not None or all(wanted[n][1] == n for n in wanted):
        for number in sorted(wanted):
            yield number, image.frame_tiles(number)
        return
    for number, samples in enumerate(found):
        if number in wanted:
            frame = wanted[number][1]
            same = frame == number
            signed = samples.astype(image.geometry.dtype, copy=False)
            yield number, image.frame_tiles(number) if same else hash_frame(signed, frame)
