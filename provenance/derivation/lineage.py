"""What a derived copy's annex shows of its parents (docs/spec/derivation.md). Bytes and bounds.

Nothing in it is believed for its own sake: parents.py opens it.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

from ledger import MalformedError as LedgerMalformedError
from ledger import decode_cbor, encode_cbor
from provenance.claims.birth import MAX_PARENTS
from provenance.derivation.shown_header import ShownHeader
from provenance.errors import MalformedError, UsageError
from provenance.image_tree import MAX_TILES, PixelGeometry, frame_leaf, geometry_leaf, tree_root
from provenance.seal_root import SALT_SIZE
from provenance.trust.certificates import MAX_CERTIFICATE

VERSION: Final = 1
MAX_LINEAGE: Final = 48 << 20
MAX_CHAINS: Final = 64
MAX_CHAIN: Final = 8
MAX_STATEMENT: Final = 65_535
MAX_RUNS: Final = 65_536
MAX_PARTS: Final = 4096
_HASH: Final = 32


@dataclass(frozen=True, slots=True)
class ParentImage:
    """A parent's image by its frames, which is enough to compute its image root.

    ``frames`` holds a frame leaf for each, or, of an image stored lossy, the root of its tiles and
    the hash of its compressed bytes.
    """

    geometry: PixelGeometry
    frames: bytes

    def __post_init__(self) -> None:
        if len(self.frames) != self.geometry.frames * self._size:
            raise UsageError("a parent shows each of its frames once")

    @property
    def _size(self) -> int:
        return 2 * _HASH if self.geometry.lossy else _HASH

    def shown(self, frame: int) -> bytes:
        """Return what is shown of one frame."""
        return self.frames[frame * self._size : (frame + 1) * self._size]

    @property
    def root(self) -> bytes:
        """The image root that follows."""
        shown = [self.shown(frame) for frame in range(self.geometry.frames)]
        if self.geometry.lossy:
            leaves = [frame_leaf(i, s[:_HASH], s[_HASH:]) for i, s in enumerate(shown)]
        else:
            leaves = shown
        return tree_root([geometry_leaf(self.geometry), *leaves])

    def has_tiles(self, frame: int, tiles: list[bytes]) -> bool:
        """Whether these are the tile hashes of a frame."""
        root, shown = tree_root(tiles), self.shown(frame)
        return root == shown[:_HASH] if self.geometry.lossy else frame_leaf(frame, root) == shown

    def to_cbor(self) -> list[object]:
        """Return what CBOR is to encode."""
        return [self.geometry.to_cbor(), self.frames]

    @classmethod
    def from_cbor(cls, found: object) -> Self:
        """Parse strictly; MalformedError."""
        match found:
            case [geometry, bytes(frames)]:
                pass
            case _:
                raise MalformedError("a parent's image is a geometry and its frames")
        try:
            return cls(PixelGeometry.from_cbor(geometry), frames)
        except UsageError as error:
            raise MalformedError(str(error)) from error


@dataclass(frozen=True, slots=True)
class ParentEvidence:
    """One parent: its birth statement, whose certificates, and what opens its commitment."""

    statement: bytes
    chain: int
    salt: bytes
    header: ShownHeader
    image: ParentImage | None

    def to_cbor(self) -> list[object]:
        """Return what CBOR is to encode."""
        image = None if self.image is None else self.image.to_cbor()
        return [self.statement, self.chain, self.salt, self.header.to_cbor(), image]

    @classmethod
    def from_cbor(cls, found: object) -> Self:
        """Parse strictly; MalformedError."""
        match found:
            case [bytes(statement), int(chain), bytes(salt), header, image] if (
                1 <= len(statement) <= MAX_STATEMENT
                and not isinstance(chain, bool)
                and 0 <= chain < MAX_CHAINS
                and len(salt) == SALT_SIZE
            ):
                shown = None if image is None else ParentImage.from_cbor(image)
                return cls(statement, chain, salt, ShownHeader.from_cbor(header), shown)
            case _:
                raise MalformedError("a parent is not shown in its format")


@dataclass(frozen=True, slots=True)
class FrameRun:
    """Frames of the copy from ``first`` on are those of a parent from ``frame`` on."""

    first: int
    parent: int
    frame: int
    count: int


@dataclass(frozen=True, slots=True)
class FramePart:
    """A frame of the copy is one of a parent but for some tiles; ``tiles`` are the parent's."""

    first: int
    parent: int
    frame: int
    tiles: bytes


@dataclass(frozen=True, slots=True)
class Lineage:
    """Certificates, parents in the order of the body, and which frames are theirs."""

    chains: tuple[tuple[bytes, ...], ...]
    parents: tuple[ParentEvidence, ...]
    runs: tuple[FrameRun, ...] = ()
    parts: tuple[FramePart, ...] = ()

    def encode(self) -> bytes:
        """Return the deterministic CBOR."""
        return encode_cbor(
            {
                1: VERSION,
                2: [list(chain) for chain in self.chains],
                3: [parent.to_cbor() for parent in self.parents],
                4: [[r.first, r.parent, r.frame, r.count] for r in self.runs],
                5: [[p.first, p.parent, p.frame, p.tiles] for p in self.parts],
            }
        )

    @classmethod
    def decode(cls, encoded: bytes) -> Self:
        """Parse bounded, deterministic CBOR; MalformedError for anything else."""
        try:
            fields = decode_cbor(encoded, max_size=MAX_LINEAGE)
        except LedgerMalformedError as error:
            raise MalformedError("what shows the parents is not deterministic CBOR") from error
        if not isinstance(fields, dict) or set(fields) != {1, 2, 3, 4, 5}:
            raise MalformedError("what shows the parents has not the fields of its format")
        match fields:
            case {
                1: int(version),
                2: list(chains),
                3: list(parents),
                4: list(runs),
                5: list(parts),
            } if not isinstance(version, bool):
                pass
            case _:
                raise MalformedError("what shows the parents has not the fields of its format")
        if version != VERSION:
            raise MalformedError(
                f"version {version} of what shows parents is unknown; this radseal reads {VERSION}"
            )
        if not 1 <= len(chains) <= MAX_CHAINS or not 1 <= len(parents) <= MAX_PARENTS:
            raise MalformedError("a copy shows 1 to 1024 parents, signed by 1 to 64 keys")
        if len(runs) > MAX_RUNS or len(parts) > MAX_PARTS:
            raise MalformedError("more frames are mapped than the format allows")
        lineage = cls(
            tuple(_chain(each) for each in chains),
            tuple(ParentEvidence.from_cbor(each) for each in parents),
            tuple(_run(each) for each in runs),
            tuple(_part(each) for each in parts),
        )
        for spans in (
            [(run.first, run.count) for run in lineage.runs],
            [(part.first, 1) for part in lineage.parts],
        ):
            if any(at + count > after for (at, count), (after, _) in pairwise(spans)):
                raise MalformedError("the frames of a map do not ascend")
        return lineage


def _chain(found: object) -> tuple[bytes, ...]:
    if not isinstance(found, list) or not 1 <= len(found) <= MAX_CHAIN:
        raise MalformedError(f"a parent's signer has 1 to {MAX_CHAIN} certificates")
    for each in found:
        if not isinstance(each, bytes) or not 1 <= len(each) <= MAX_CERTIFICATE:
            raise MalformedError("a certificate of a parent is empty or too long")
    return tuple(found)


def _numbers(*found: object) -> bool:
    return all(type(n) is int and 0 <= n <= 0xFFFFFFFF for n in found)


def _run(found: object) -> FrameRun:
    match found:
        case [int(first), int(parent), int(frame), int(count)] if (
            _numbers(first, parent, frame, count) and count
        ):
            return FrameRun(first, parent, frame, count)
        case _:
            raise MalformedError("a run of frames is four numbers")


def _part(found: object) -> FramePart:
    match found:
        case [int(first), int(parent), int(frame), bytes(tiles)] if (
            _numbers(first, parent, frame)
            and 0 < len(tiles) <= MAX_TILES * _HASH
            and not len(tiles) % _HASH
        ):
            return FramePart(first, parent, frame, tiles)
        case _:
            raise MalformedError("a part of a frame is three numbers and tile hashes")
