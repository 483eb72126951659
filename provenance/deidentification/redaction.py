"""What was blacked out: where a copy's samples differ, if all of them there have one value.

Arrays in, arrays out. A redaction adds nothing to a picture but boxes of one grey or colour.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from provenance.errors import EvidenceError
from provenance.image_tree import TILE, Region, Samples

MAX_BOXES = 64  # in one frame
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Redacted:
    """A frame of the original with the boxes of the copy, and where they are."""

    samples: Samples
    boxes: tuple[Region, ...]


def redact(frame: int, original: Samples, compared: Samples, copy: Samples) -> Redacted:
    """Put the boxes in which ``copy`` differs from ``compared`` into ``original``.

    ``original`` is what ``compared`` was before it was marked, or the same. Raises EvidenceError
    where the samples that differ have several values: that is a change, not a redaction.
    """
    different = ~_equal(copy, compared)
    if not different.any():
        return Redacted(original, ())
    result = original.copy()
    boxes: list[Region] = []
    for y, x, h, w in _boxes(different):
        if len(boxes) == MAX_BOXES:
            raise EvidenceError(f"frame {frame} differs in more than {MAX_BOXES} places")
        part = np.s_[y : y + h, x : x + w]
        fills = np.unique(copy[part][different[part]], axis=0)
        if len(fills) != 1:
            raise EvidenceError(
                f"frame {frame}, x {x} y {y}, {w}x{h}: the samples that differ have several "
                "values; a redaction is a box of one"
            )
        filled = _equal(copy[part], fills[0])
        result[part][filled] = fills[0]
        boxes.append(Region(frame=frame, x=x, y=y, w=w, h=h))
    return Redacted(result, tuple(boxes))


def _equal(one: Samples, other: Any) -> Mask:
    """Where all samples of a pixel are equal."""
    equal: Mask = np.asarray(one == other, np.bool_)
    return equal if equal.ndim == 2 else np.asarray(equal.all(axis=2), np.bool_)


def _boxes(different: Mask) -> list[tuple[int, int, int, int]]:
    """Return the least box around what differs in each group of neighbouring tiles."""
    tiles = {(int(row) // TILE, int(column) // TILE) for row, column in _coarse(different)}
    boxes = []
    while tiles:
        group, waiting = set(), [tiles.pop()]
        while waiting:
            row, column = waiting.pop()
            group.add((row, column))
            near = {(row + r, column + c) for r in (-1, 0, 1) for c in (-1, 0, 1)} & tiles
            tiles -= near
            waiting.extend(near)
        boxes.append(_least_box(different, group))
    return sorted(boxes)


def _coarse(different: Mask) -> npt.NDArray[Any]:
    """Return one place for each tile that has some difference."""
    rows, columns = different.shape
    padded = np.zeros((-(-rows // TILE) * TILE, -(-columns // TILE) * TILE), bool)
    padded[:rows, :columns] = different
    blocks = padded.reshape(padded.shape[0] // TILE, TILE, -1, TILE).any(axis=(1, 3))
    return np.argwhere(blocks) * TILE


def _least_box(different: Mask, group: set[tuple[int, int]]) -> tuple[int, int, int, int]:
    ys, xs = [], []
    for row, column in group:
        y, x = np.nonzero(
            different[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
        )
        ys += [int(y.min()) + row * TILE, int(y.max()) + row * TILE]
        xs += [int(x.min()) + column * TILE, int(x.max()) + column * TILE]
    return min(ys), min(xs), max(ys) - min(ys) + 1, max(xs) - min(xs) + 1
