"""The image tree: one hash per tile of canonical samples, one root per image.

Pure functions of arrays; the bytes are those of docs/spec/image-tree.md. Knows nothing of DICOM:
`provenance.dicom.pixels` says what the canonical samples of an object are.
"""

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Literal, Self

import cbor2
import numpy as np
import numpy.typing as npt

from provenance.errors import MalformedError, UsageError
from provenance.hash_tree import root_of
from provenance.tile_hashes import TILE, Samples, tile_hashes

__all__ = [
    "MAX_TILES",
    "TILE",
    "Colour",
    "ImageTree",
    "Kind",
    "PixelGeometry",
    "Region",
    "Samples",
    "Witness",
    "changed_regions",
    "differing_tiles",
    "frame_leaf",
    "geometry_leaf",
    "hash_frame",
    "hash_image",
    "tree_root",
]

Kind = Literal["int", "float32", "float64"]
Colour = Literal["grey", "rgb", "ybr", "palette", "other"]

MAX_TILES: Final = 1 << 22
_HASH: Final = 32
_KINDS: Final = ("int", "float32", "float64")
_COLOURS: Final = ("grey", "rgb", "ybr", "palette", "other")
_MAX_REGIONS: Final = 256


@dataclass(frozen=True, slots=True)
class PixelGeometry:
    """What an image is made of, apart from its sample values and from how it is encoded."""

    rows: int
    columns: int
    frames: int
    samples: int
    bits_stored: int
    signed: bool
    kind: Kind
    colour: Colour
    lossy: bool

    def __post_init__(self) -> None:
        sizes = {"rows": 65535, "columns": 65535, "frames": 0xFFFFFFFF, "samples": 4}
        for name, most in sizes.items():
            if not 1 <= getattr(self, name) <= most:
                raise UsageError(f"{name} must be 1 to {most}, not {getattr(self, name)}")
        bits = {"int": range(1, 33), "float32": (32,), "float64": (64,)}[self.kind]
        if self.bits_stored not in bits:
            raise UsageError(f"{self.kind} samples cannot have {self.bits_stored} bits")
        if self.kind != "int" and not self.signed:
            raise UsageError("floating-point samples are signed")
        if self.tiles > MAX_TILES:
            raise UsageError(f"{self.tiles} tiles exceed the limit of {MAX_TILES}")

    @property
    def dtype(self) -> np.dtype[Any]:
        """The container of one canonical sample, little endian."""
        if self.kind != "int":
            return np.dtype("<f4" if self.kind == "float32" else "<f8")
        size = 1 if self.bits_stored <= 8 else 2 if self.bits_stored <= 16 else 4
        return np.dtype(f"<{'i' if self.signed else 'u'}{size}")

    @property
    def value_range(self) -> tuple[int, int]:
        """The least and the greatest integer that Bits Stored can hold."""
        if self.signed:
            return -(1 << self.bits_stored - 1), (1 << self.bits_stored - 1) - 1
        return 0, (1 << self.bits_stored) - 1

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one frame: (rows, columns), or (rows, columns, samples) for colour."""
        plane = (self.rows, self.columns)
        return plane if self.samples == 1 else (*plane, self.samples)

    @property
    def grid(self) -> tuple[int, int]:
        """How many tiles stand below and beside each other in one frame."""
        return -(-self.rows // TILE), -(-self.columns // TILE)

    @property
    def tiles(self) -> int:
        """How many tiles the image has, all frames together."""
        down, across = self.grid
        return self.frames * down * across

    def as_decoded(self) -> Self:
        """Return the geometry of the same samples once they are stored losslessly."""
        return replace(self, lossy=False)

    def to_cbor(self) -> list[object]:
        """Return the nine values that the geometry leaf binds, in their order."""
        return [
            self.rows,
            self.columns,
            self.frames,
            self.samples,
            self.bits_stored,
            self.signed,
            self.kind,
            self.colour,
            self.lossy,
        ]

    @classmethod
    def from_cbor(cls, value: object) -> Self:
        """Return the geometry that `to_cbor` wrote; anything else is a MalformedError."""
        if not isinstance(value, list) or len(value) != 9:
            raise MalformedError("a pixel geometry is a list of nine values")
        if any(type(item) is not int for item in value[:5]):
            raise MalformedError("rows, columns, frames, samples and bits stored are integers")
        if type(value[5]) is not bool or type(value[8]) is not bool:
            raise MalformedError("signed and lossy are true or false")
        if value[6] not in _KINDS or value[7] not in _COLOURS:
            raise MalformedError("the kind of samples or the colour model is unknown")
        try:
            return cls(*value)
        except UsageError as error:
            raise MalformedError(f"no image has this geometry: {error}") from error


class Witness(StrEnum):
    """What tells that a region differs."""

    TILES = "tiles"
    PRESENCE = "presence"
    THUMBNAIL = "thumbnail"


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of pixels in one frame; ``x`` counts columns and ``y`` rows, from zero."""

    frame: int
    x: int
    y: int
    w: int
    h: int
    witness: Witness = Witness.TILES


@dataclass(frozen=True, slots=True)
class ImageTree:
    """All tile hashes of an image, frame by frame and row by row, and what they are bound to.

    ``compressed`` holds one SHA-256 per frame of a lossy image, else None.
    """

    geometry: PixelGeometry
    tiles: bytes
    compressed: tuple[bytes, ...] | None

    def __post_init__(self) -> None:
        if len(self.tiles) != self.geometry.tiles * _HASH:
            raise UsageError(f"{self.geometry.tiles} tiles need as many hashes of {_HASH} bytes")
        if (self.compressed is not None) != self.geometry.lossy:
            raise UsageError("compressed frames are hashed if, and only if, the image is lossy")
        digests = () if self.compressed is None else self.compressed
        if self.compressed is not None and len(digests) != self.geometry.frames:
            raise UsageError("a lossy image has one hash of compressed bytes per frame")
        if any(len(digest) != _HASH for digest in digests):
            raise UsageError(f"a hash has {_HASH} bytes")

    @property
    def root(self) -> bytes:
        """The root over the geometry leaf and all frame leaves."""
        leaves = [self.frame_leaf(frame) for frame in range(self.geometry.frames)]
        return tree_root([geometry_leaf(self.geometry), *leaves])

    def frame_leaf(self, frame: int) -> bytes:
        """Return the leaf of one frame."""
        bound = b"" if self.compressed is None else self.compressed[frame]
        return frame_leaf(frame, self.frame_root(frame), bound)

    def frame_root(self, frame: int) -> bytes:
        """Return the root over the tiles of one frame."""
        return tree_root(self.frame_tiles(frame))

    def frame_tiles(self, frame: int) -> list[bytes]:
        """Return the tile hashes of one frame, row by row."""
        size = self.geometry.tiles // self.geometry.frames * _HASH
        part = self.tiles[frame * size : (frame + 1) * size]
        return [part[at : at + _HASH] for at in range(0, size, _HASH)]

    def to_cbor(self) -> list[object]:
        """Return the tree as a list that CBOR can carry."""
        digests = None if self.compressed is None else list(self.compressed)
        return [self.geometry.to_cbor(), self.tiles, digests]

    @classmethod
    def from_cbor(cls, value: object) -> Self:
        """Return the tree that `to_cbor` wrote; anything else is a MalformedError."""
        if not isinstance(value, list) or len(value) != 3:
            raise MalformedError("an image tree is a list of three values")
        geometry = PixelGeometry.from_cbor(value[0])
        tiles, digests = value[1], value[2]
        if not isinstance(tiles, bytes):
            raise MalformedError("tile hashes are one byte string")
        if digests is not None and not (
            isinstance(digests, list) and all(isinstance(digest, bytes) for digest in digests)
        ):
            raise MalformedError("hashes of compressed frames are a list of byte strings")
        try:
            return cls(geometry, tiles, None if digests is None else tuple(digests))
        except UsageError as error:
            raise MalformedError(f"the image tree contradicts itself: {error}") from error


def geometry_leaf(geometry: PixelGeometry) -> bytes:
    """Return the leaf that binds what an image is made of."""
    return _leaf(b"radseal-pixels-1" + cbor2.dumps(geometry.to_cbor(), canonical=True))


def frame_leaf(frame: int, tiles: bytes, compressed: bytes = b"") -> bytes:
    """Return the leaf of a frame: its number, the root of its tiles, its bytes if stored lossy."""
    return _leaf(b"radseal-frame-1" + struct.pack(">I", frame) + tiles + compressed)


def hash_frame(samples: Samples, frame: int) -> list[bytes]:
    """Return the tile hashes of one frame, as frame number ``frame`` of an image has them."""
    return tile_hashes(samples, frame)


def hash_image(
    frames: Iterable[Samples],
    geometry: PixelGeometry,
    *,
    compressed: Sequence[bytes] | None = None,
) -> ImageTree:
    """Hash an image tile by tile, holding one frame and one band of tiles at a time.

    Parameters
    ----------
    frames : iterable of ndarray, shape ``geometry.shape``, dtype ``geometry.dtype``
        Canonical samples (docs/spec/image-tree.md); read once, in order.
    geometry : PixelGeometry
        What the frames are.
    compressed : sequence of bytes, optional
        For a lossy image, and only then: per frame the SHA-256 of its bytes as stored, without
        padding (`provenance.dicom.frames.compressed_frames`).

    Raises
    ------
    UsageError
        The frames are not those that ``geometry`` describes.
    """
    if (compressed is None) == geometry.lossy:
        raise UsageError("compressed frames are needed if, and only if, the image is lossy")
    count = 0
    hashes: list[bytes] = []
    for samples in frames:
        if samples.shape != geometry.shape or samples.dtype != geometry.dtype:
            raise UsageError(
                f"frame {count} is {samples.dtype}{samples.shape}, "
                f"not {geometry.dtype}{geometry.shape}"
            )
        hashes.extend(tile_hashes(samples, count))
        count += 1
        if count > geometry.frames:
            break
    if count != geometry.frames:
        raise UsageError(f"the geometry says {geometry.frames} frames, there are not as many")
    digests = None if compressed is None else tuple(compressed)
    return ImageTree(geometry, b"".join(hashes), digests)


def changed_regions(signed: ImageTree, found: ImageTree) -> tuple[Region, ...]:
    """Name what differs, as rectangles of adjacent tiles; empty when all samples are the same.

    A lossy frame whose compressed bytes are the same has not changed, whatever a decoder makes
    of them. Images of different size or number of frames differ as wholes. Where more than 256
    rectangles would be needed, each changed frame is named as a whole.
    """
    old, new = signed.geometry, found.geometry
    whole = [Region(frame, 0, 0, new.columns, new.rows) for frame in range(new.frames)]
    if (old.rows, old.columns, old.frames) != (new.rows, new.columns, new.frames):
        return tuple(whole)
    if signed.tiles == found.tiles:
        return ()
    tiles = [
        np.frombuffer(tree.tiles, np.uint8).reshape(new.frames, *new.grid, _HASH)
        for tree in (signed, found)
    ]
    differs = np.any(tiles[0] != tiles[1], axis=-1)
    if signed.compressed is not None and found.compressed is not None:
        pairs = zip(signed.compressed, found.compressed, strict=True)
        differs &= np.array([ours != theirs for ours, theirs in pairs])[:, None, None]
    regions: list[Region] = []
    frames = [int(frame) for frame in np.flatnonzero(differs.any(axis=(1, 2)))]
    for frame in frames:
        regions.extend(_rectangles(differs[frame], frame, new))
        if len(regions) > _MAX_REGIONS:
            return tuple(whole[frame] for frame in frames)
    return tuple(regions)


def differing_tiles(
    signed: Sequence[bytes], found: Sequence[bytes], frame: int, geometry: PixelGeometry
) -> tuple[Region, ...]:
    """Name where two frames of one size differ, by their tile hashes, as rectangles."""
    differs = np.array([a != b for a, b in zip(signed, found, strict=True)], np.bool_)
    regions = _rectangles(differs.reshape(geometry.grid), frame, geometry)
    if len(regions) > _MAX_REGIONS:
        return (Region(frame, 0, 0, geometry.columns, geometry.rows),)
    return tuple(regions)


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """Return the RFC 6962 root over hashes that are leaves already; there is at least one."""
    if not leaves:
        raise UsageError("a tree has at least one leaf")
    return root_of(leaves)


def _leaf(content: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + content).digest()


def _rectangles(
    differs: npt.NDArray[np.bool_], frame: int, geometry: PixelGeometry
) -> list[Region]:
    """Join changed tiles: runs along a row, then equal runs of rows that touch."""
    open_runs: dict[tuple[int, int], int] = {}
    found: list[tuple[int, int, int, int]] = []
    for row in range(differs.shape[0] + 1):
        edges = np.zeros(differs.shape[1] + 2, np.int8)
        if row < differs.shape[0]:
            edges[1:-1] = differs[row]
        steps = np.diff(edges)
        starts, stops = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
        runs = {(int(a), int(b)) for a, b in zip(starts, stops, strict=True)}
        for run in [run for run in open_runs if run not in runs]:
            found.append((open_runs.pop(run), row, *run))
        for run in runs:
            open_runs.setdefault(run, row)
    regions = []
    for top, bottom, left, right in sorted(found):
        x, y = left * TILE, top * TILE
        width = min(right * TILE, geometry.columns) - x
        height = min(bottom * TILE, geometry.rows) - y
        regions.append(Region(frame, x, y, width, height))
    return regions
