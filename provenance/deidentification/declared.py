"""What a de-identifier says of a copy in the body of `deidentified`: all of it in clear.

docs/spec/deidentification.md. It names attributes and places in the picture, never a value.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

from provenance.errors import MalformedError
from provenance.image_tree import Region

SALT_SIZE: Final = 32
MAX_TAGS: Final = 128
MAX_REGIONS: Final = 256
_PREFIX: Final = b"\x00radseal-parent-1"


@dataclass(frozen=True, slots=True)
class Declared:
    """Attributes that were kept though they identify, clinical ones that went, boxes of one value.

    Tags ascend; regions stand in the order of frame, y and x.
    """

    kept: tuple[int, ...] = ()
    changed: tuple[int, ...] = ()
    redacted: tuple[Region, ...] = ()

    def to_cbor(self) -> dict[int, object]:
        """Return the map of the statement's body."""
        boxes = [[r.frame, r.x, r.y, r.w, r.h] for r in self.redacted]
        return {1: list(self.kept), 2: list(self.changed), 3: boxes}

    @classmethod
    def from_cbor(cls, fields: object) -> Self:
        """Parse strictly; MalformedError."""
        if not isinstance(fields, dict) or len(fields) != 3:
            raise MalformedError("what a de-identifier declares are three lists")
        match fields:
            case {1: list(kept), 2: list(changed), 3: list(boxes)}:
                pass
            case _:
                raise MalformedError("what a de-identifier declares are three lists")
        if len(boxes) > MAX_REGIONS:
            raise MalformedError(f"a copy has at most {MAX_REGIONS} redacted boxes")
        regions = tuple(_region(each) for each in boxes)
        if any(_place(a) >= _place(b) for a, b in pairwise(regions)):
            raise MalformedError("redacted boxes do not stand in their order")
        return cls(_tags(kept), _tags(changed), regions)


def commit_parent(salt: bytes, leaf_hash: bytes, object_id: bytes) -> bytes:
    """Return the commitment to the object that a copy was made of: it opens with the salt alone."""
    return hashlib.sha256(_PREFIX + salt + leaf_hash + object_id).digest()


def _tags(found: Sequence[object]) -> tuple[int, ...]:
    tags = tuple(t for t in found if type(t) is int and 0 <= t <= 0xFFFFFFFF)
    if len(tags) != len(found) or len(tags) > MAX_TAGS:
        raise MalformedError(f"a de-identifier names at most {MAX_TAGS} attributes by their tags")
    if any(a >= b for a, b in pairwise(tags)):
        raise MalformedError("the tags that a de-identifier names do not ascend")
    return tags


def _region(found: object) -> Region:
    match found:
        case [int(frame), int(x), int(y), int(w), int(h)] if (
            not any(isinstance(n, bool) for n in found)
            and 0 <= frame <= 0xFFFFFFFF
            and all(0 <= n <= 0xFFFF for n in (x, y))
            and all(1 <= n <= 0xFFFF for n in (w, h))
        ):
            return Region(frame=frame, x=x, y=y, w=w, h=h)
        case _:
            raise MalformedError("a redacted box is a frame, a corner, a width and a height")


def _place(region: Region) -> tuple[int, int, int, int, int]:
    return region.frame, region.y, region.x, region.h, region.w
