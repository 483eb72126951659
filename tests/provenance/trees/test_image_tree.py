"""The image tree against a second implementation, its vectors, and its laws."""

import hashlib
import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.errors import MalformedError, UsageError
from provenance.image_tree import (
    MAX_TILES,
    ImageTree,
    PixelGeometry,
    Region,
    changed_regions,
    differing_tiles,
    frame_leaf,
    hash_frame,
    hash_image,
    tree_root,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "image-tree" / "vectors.json"


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def second_root(hashes: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, by its own recursion."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return sha(b"\1", second_root(hashes[:split]), second_root(hashes[split:]))


def second_tree(
    geometry: list[Any], frames: list[bytes], compressed: list[bytes] | None
) -> tuple[list[bytes], bytes]:
    """The specification, read anew: plain bytes and loops, no arrays."""
    rows, columns, count, samples, bits = geometry[:5]
    size = {"float32": 4, "float64": 8}.get(geometry[6], 1 if bits <= 8 else 2 if bits <= 16 else 4)
    cell = size * samples
    tiles: list[bytes] = []
    leaves = [sha(b"\0radseal-pixels-1", cbor2.dumps(geometry))]
    for frame in range(count):
        own = []
        for top in range(0, rows, 64):
            for left in range(0, columns, 64):
                height, width = min(64, rows - top), min(64, columns - left)
                body = b"".join(
                    frames[frame][((top + y) * columns + left) * cell :][: width * cell]
                    for y in range(height)
                )
                place = struct.pack(">LLLHH", frame, top, left, height, width)
                own.append(sha(b"\0radseal-tile-1", place, body))
        tiles += own
        bound = compressed[frame] if compressed else b""
        leaves.append(sha(b"\0radseal-frame-1", struct.pack(">L", frame), second_root(own), bound))
    return tiles, second_root(leaves)


def image(geometry: PixelGeometry, seed: int = 0) -> list[npt.NDArray[Any]]:
    rng = np.random.default_rng(seed)
    size = geometry.dtype.itemsize
    raw = rng.integers(0, 256, (geometry.frames, *geometry.shape, size), dtype=np.uint8)
    return [frame.view(geometry.dtype)[..., 0] for frame in raw]


def grey(rows: int, columns: int, frames: int = 1, **more: Any) -> PixelGeometry:
    values = {"samples": 1, "bits_stored": 16, "signed": False, "kind": "int",
              "colour": "grey", "lossy": False}  # fmt: skip
    return PixelGeometry(rows=rows, columns=columns, frames=frames, **{**values, **more})


GEOMETRIES = [
    grey(1, 1),
    grey(64, 64),
    grey(65, 63),
    grey(200, 330, bits_stored=12),
    grey(3, 129, frames=7, bits_stored=8),
    grey(70, 70, bits_stored=20, signed=True),
    grey(66, 65, samples=3, colour="rgb", bits_stored=8),
    grey(130, 65, kind="float64", bits_stored=64, signed=True),
    grey(65, 65, frames=2, lossy=True, colour="ybr", samples=3, bits_stored=8),
]


def digests(geometry: PixelGeometry) -> list[bytes] | None:
    return [sha(bytes([i])) for i in range(geometry.frames)] if geometry.lossy else None


def tree_of(geometry: PixelGeometry, seed: int = 0) -> ImageTree:
    return hash_image(image(geometry, seed), geometry, compressed=digests(geometry))


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_a_second_implementation_agrees(geometry: PixelGeometry) -> None:
    frames = [frame.tobytes() for frame in image(geometry)]
    tiles, root = second_tree(geometry.to_cbor(), frames, digests(geometry))
    tree = tree_of(geometry)
    assert tree.tiles == b"".join(tiles)
    assert tree.root == root


@pytest.mark.parametrize("vector", json.loads(VECTORS.read_text()), ids=lambda v: v["name"])
def test_vectors(vector: dict[str, Any]) -> None:
    geometry = PixelGeometry.from_cbor(vector["geometry"])
    compressed = vector["compressed"] and [bytes.fromhex(d) for d in vector["compressed"]]
    frames = [bytes.fromhex(frame) for frame in vector["frames"]]
    arrays = [np.frombuffer(f, geometry.dtype).reshape(geometry.shape) for f in frames]
    tree = hash_image(arrays, geometry, compressed=compressed)
    tiles, root = second_tree(vector["geometry"], frames, compressed)
    assert [tile.hex() for tile in tiles] == vector["tiles"]
    assert root.hex() == vector["root"]
    assert tree.tiles == b"".join(tiles)
    assert tree.root == root


def test_there_are_vectors() -> None:
    assert len(json.loads(VECTORS.read_text())) >= 6


@pytest.mark.parametrize("count", range(1, 40))
def test_roots_are_those_of_rfc_6962(count: int) -> None:
    leaves = [sha(bytes([i])) for i in range(count)]
    assert tree_root(leaves) == second_root(leaves)


def test_no_leaves_no_root() -> None:
    with pytest.raises(UsageError, match=r"^a tree has at least one leaf$"):
        tree_root([])


def test_a_large_frame_has_the_tiles_of_the_page() -> None:
    geometry = grey(1_030, 1_100)
    frames = image(geometry)
    tiles, _ = second_tree(geometry.to_cbor(), [frame.tobytes() for frame in frames], None)
    assert hash_image(frames, geometry).tiles == b"".join(tiles)


def test_memory_order_of_the_array_does_not_matter() -> None:
    geometry = grey(130, 200)
    (frame,) = image(geometry)
    padded = np.zeros((260, 400), frame.dtype)
    padded[::2, ::2] = frame
    for same in (np.asfortranarray(frame), padded[::2, ::2]):
        assert hash_image([same], geometry).root == tree_of(geometry).root


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_one_grey_level_changes_its_tile_and_no_other(data: st.DataObject) -> None:
    geometry = data.draw(st.sampled_from(GEOMETRIES))
    signed = tree_of(geometry)
    frames = image(geometry)
    frame = data.draw(st.integers(0, geometry.frames - 1))
    y = data.draw(st.integers(0, geometry.rows - 1))
    x = data.draw(st.integers(0, geometry.columns - 1))
    cell = frames[frame].view(f"<u{geometry.dtype.itemsize}")[y, x : x + 1]
    cell.flat[0] ^= 1
    compressed = digests(geometry)
    if compressed:
        compressed[frame] = sha(b"other bytes")
    found = hash_image(frames, geometry, compressed=compressed)
    assert found.root != signed.root
    (region,) = changed_regions(signed, found)
    left, top = x // 64 * 64, y // 64 * 64
    width, height = min(64, geometry.columns - left), min(64, geometry.rows - top)
    assert region == Region(frame, left, top, width, height)


def test_equal_images_have_no_changed_region() -> None:
    for geometry in GEOMETRIES:
        assert changed_regions(tree_of(geometry), tree_of(geometry)) == ()


def test_a_lossy_frame_with_the_same_bytes_is_the_same_whatever_a_decoder_gives() -> None:
    geometry = GEOMETRIES[-1]
    assert changed_regions(tree_of(geometry, 0), tree_of(geometry, 1)) == ()
    plain = grey(65, 65, frames=2, colour="ybr", samples=3, bits_stored=8)
    assert len(changed_regions(tree_of(geometry, 0), tree_of(plain, 1))) == 2


def test_of_a_lossy_frame_with_other_bytes_only_what_differs_is_named() -> None:
    geometry = GEOMETRIES[-1]
    signed = tree_of(geometry)
    assert signed.compressed is not None
    other = tuple(bytes(32) for _ in signed.compressed)
    tiles = bytes(32) + signed.tiles[32:]
    found = replace(signed, compressed=other, tiles=tiles)
    (region,) = changed_regions(signed, found)
    assert (region.frame, region.x, region.y) == (0, 0, 0)
    assert changed_regions(signed, replace(signed, compressed=other)) == ()


def changed_at(geometry: PixelGeometry, tiles: list[tuple[int, int]]) -> tuple[Region, ...]:
    frames = image(geometry)
    for down, across in tiles:
        frames[0][down * 64, across * 64] ^= 1
    return changed_regions(tree_of(geometry), hash_image(frames, geometry))


def test_adjacent_tiles_become_one_rectangle() -> None:
    geometry = grey(300, 300)
    block = [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert changed_at(geometry, block) == (Region(0, 64, 64, 128, 128),)
    assert changed_at(geometry, [(4, 4)]) == (Region(0, 256, 256, 44, 44),)
    assert changed_at(geometry, [(0, 0), (1, 1)]) == (
        Region(0, 0, 0, 64, 64),
        Region(0, 64, 64, 64, 64),
    )
    assert changed_at(geometry, [(0, 0), (1, 0), (1, 1)]) == (
        Region(0, 0, 0, 64, 64),
        Region(0, 0, 64, 128, 64),
    )


@pytest.mark.parametrize(("rows", "columns"), [(300, 70), (70, 300), (1, 1), (64, 65), (65, 64)])
def test_each_tile_of_a_tall_or_a_wide_image_is_named(rows: int, columns: int) -> None:
    geometry = grey(rows, columns)
    for down, across in np.ndindex(*geometry.grid):
        height, width = min(64, rows - down * 64), min(64, columns - across * 64)
        (region,) = changed_at(geometry, [(down, across)])
        assert region == Region(0, across * 64, down * 64, width, height)
    every = list(np.ndindex(*geometry.grid))
    assert changed_at(geometry, every) == (Region(0, 0, 0, columns, rows),)


@settings(max_examples=50, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 4), st.integers(0, 5))))
def test_regions_cover_what_changed_exactly_once(tiles: set[tuple[int, int]]) -> None:
    geometry = grey(5 * 64, 6 * 64)
    cover = np.zeros((5, 6), int)
    for region in changed_at(geometry, sorted(tiles)):
        top, left = region.y // 64, region.x // 64
        cover[top : top + region.h // 64, left : left + region.w // 64] += 1
    assert {(int(y), int(x)) for y, x in np.argwhere(cover)} == tiles
    assert cover.max(initial=0) <= 1


def test_so_many_regions_are_named_and_one_more_is_not() -> None:
    geometry = grey(64 * 32, 64 * 32, bits_stored=8)
    alone = [(y, x) for y in range(0, 32, 2) for x in range(0, 32, 2)]
    assert len(alone) == 256
    assert len(changed_at(geometry, alone)) == 256
    assert changed_at(geometry, [*alone, (31, 31)]) == (Region(0, 0, 0, 2048, 2048),)


def test_too_many_regions_become_whole_frames() -> None:
    geometry = grey(64 * 40, 64 * 40, bits_stored=8)
    chequered = [(y, x) for y in range(40) for x in range(40) if (y + x) % 2]
    assert changed_at(geometry, chequered) == (Region(0, 0, 0, 2560, 2560),)


def test_images_of_other_size_differ_as_wholes() -> None:
    assert changed_regions(tree_of(grey(64, 64)), tree_of(grey(64, 65, 2))) == (
        Region(0, 0, 0, 65, 64),
        Region(1, 0, 0, 65, 64),
    )


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_cbor_brings_the_tree_back(geometry: PixelGeometry) -> None:
    tree = tree_of(geometry)
    value = cbor2.loads(cbor2.dumps(tree.to_cbor(), canonical=True))
    assert ImageTree.from_cbor(value) == tree


def broken() -> dict[str, tuple[object, str]]:
    """Return what is no image tree, and what is said of it."""
    geometry, tiles, _ = tree_of(grey(65, 64)).to_cbor()
    assert isinstance(geometry, list)
    assert isinstance(tiles, bytes)
    lossy = [*geometry[:8], True]
    image, nine = "an image tree is a list of three values", "is a list of nine values"
    numbers, contradicts = "bits stored are integers", "the image tree contradicts itself"
    none, kind = "no image has this geometry", "the kind of samples or the colour model is unknown"
    both, each = "if, and only if, the image is lossy", "one hash of compressed bytes per frame"
    digests = "hashes of compressed frames are a list of byte strings"
    return {
        "not-a-list": ({1: 2}, image),
        "short": ([geometry, tiles], image),
        "long": ([geometry, tiles, None, None], image),
        "geometry-short": ([geometry[:8], tiles, None], f"a pixel geometry {nine}"),
        "rows-bool": (
            [[True, *geometry[1:]], tiles, None], f"rows, columns, frames, samples and {numbers}",
        ),
        "rows-zero": (
            [[0, *geometry[1:]], tiles, None], f"{none}: rows must be 1 to 65535, not 0",
        ),
        "rows-huge": (
            [[1 << 20, *geometry[1:]], tiles, None],
            f"{none}: rows must be 1 to 65535, not 1048576",
        ),
        "frames-huge": (
            [[*geometry[:2], 1 << 31, *geometry[3:]], tiles, None],
            f"{none}: {1 << 32} tiles exceed the limit of {MAX_TILES}",
        ),
        "samples-five": (
            [[*geometry[:3], 5, *geometry[4:]], tiles, None],
            f"{none}: samples must be 1 to 4, not 5",
        ),
        "bits-33": (
            [[*geometry[:4], 33, *geometry[5:]], tiles, None],
            f"{none}: int samples cannot have 33 bits",
        ),
        "bits-none": (
            [[*geometry[:4], 0, *geometry[5:]], tiles, None],
            f"{none}: int samples cannot have 0 bits",
        ),
        "signed-int": (
            [[*geometry[:5], 0, *geometry[6:]], tiles, None], "signed and lossy are true or false",
        ),
        "kind": ([[*geometry[:6], "int64", *geometry[7:]], tiles, None], kind),
        "kind-list": ([[*geometry[:6], ["int"], *geometry[7:]], tiles, None], kind),
        "colour": ([[*geometry[:7], "gray", False], tiles, None], kind),
        "float-bits": (
            [[*geometry[:6], "float32", "grey", False], tiles, None],
            f"{none}: float32 samples cannot have 16 bits",
        ),
        "float-33": (
            [[*geometry[:4], 33, True, "float32", "grey", False], tiles, None],
            f"{none}: float32 samples cannot have 33 bits",
        ),
        "float-unsigned": (
            [[*geometry[:4], 32, False, "float32", "grey", False], tiles, None],
            f"{none}: floating-point samples are signed",
        ),
        "tiles-text": ([geometry, "x" * 64, None], "tile hashes are one byte string"),
        "tiles-short": (
            [geometry, tiles[:-1], None], f"{contradicts}: 2 tiles need as many hashes of 32 bytes",
        ),
        "tiles-long": (
            [geometry, tiles + bytes(32), None],
            f"{contradicts}: 2 tiles need as many hashes of 32 bytes",
        ),
        "lossy-without-digests": (
            [lossy, tiles, None], f"{contradicts}: compressed frames are hashed {both}",
        ),
        "digests-without-lossy": (
            [geometry, tiles, [bytes(32)]], f"{contradicts}: compressed frames are hashed {both}",
        ),
        "digests-empty": ([lossy, tiles, []], f"{contradicts}: a lossy image has {each}"),
        "digests-two": (
            [lossy, tiles, [bytes(32), bytes(32)]], f"{contradicts}: a lossy image has {each}",
        ),
        "digest-short": ([lossy, tiles, [bytes(31)]], f"{contradicts}: a hash has 32 bytes"),
        "digest-text": ([lossy, tiles, ["x" * 32]], digests),
    }  # fmt: skip


@pytest.mark.parametrize("name", broken())
def test_broken_trees_are_malformed(name: str) -> None:
    value, words = broken()[name]
    with pytest.raises(MalformedError) as caught:
        ImageTree.from_cbor(value)
    assert str(caught.value) == words


def test_as_large_as_an_image_may_be() -> None:
    for geometry in (grey(65535, 1), grey(1, 65535), grey(1, 1, frames=MAX_TILES)):
        assert PixelGeometry.from_cbor(geometry.to_cbor()) == geometry
    for rows, columns, frames in ((65536, 1, 1), (1, 65536, 1), (1, 1, MAX_TILES + 1)):
        with pytest.raises(UsageError):
            grey(rows, columns, frames)


def test_tiles_that_differ_are_those_that_an_image_names() -> None:
    """Of a frame that was moved to another number, too: its tiles are hashed as if it stood there.

    The reading of a copy's frames knows hashes alone (`provenance.derivation.frame_match`).
    """
    geometry = grey(200, 330)
    first, second = image(geometry, 1)[0], image(geometry, 1)[0].copy()
    second[70, 10] ^= 1
    second[199, 329] ^= 1
    one, other = hash_image([first], geometry), hash_image([second], geometry)
    found = differing_tiles(one.frame_tiles(0), other.frame_tiles(0), 0, geometry)
    assert found == changed_regions(one, other)
    assert len(found) == 2
    assert differing_tiles(one.frame_tiles(0), one.frame_tiles(0), 0, geometry) == ()
    pair = hash_image([second, first], replace(geometry, frames=2))
    assert hash_frame(first, 1) == pair.frame_tiles(1) != hash_frame(first, 0)
    moved = differing_tiles(hash_frame(first, 1), hash_frame(second, 1), 1, geometry)
    assert moved == tuple(replace(region, frame=1) for region in found)
    with pytest.raises(ValueError, match="shorter"):
        differing_tiles(one.frame_tiles(0), other.frame_tiles(0)[:-1], 0, geometry)


def test_so_many_differing_tiles_are_named_and_one_more_is_not() -> None:
    for count, named in ((256, 256), (257, 1)):
        geometry = grey(64, 64 * (2 * count - 1))
        tiles = [bytes(32)] * geometry.tiles
        other = [bytes([at % 2 == 0]) * 32 for at in range(geometry.tiles)]
        regions = differing_tiles(tiles, other, 3, geometry)
        assert len(regions) == named
        if named == 1:
            assert regions == (Region(3, 0, 0, geometry.columns, 64),)


def test_a_frame_that_is_not_stored_lossy_binds_its_tiles_alone() -> None:
    tiles, stored = sha(b"tiles"), sha(b"stored")
    number = struct.pack(">L", 7)
    assert frame_leaf(7, tiles) == sha(b"\0radseal-frame-1", number, tiles)
    assert frame_leaf(7, tiles, stored) == sha(b"\0radseal-frame-1", number, tiles, stored)


def test_frames_must_be_those_of_the_geometry() -> None:
    geometry = grey(10, 10, 2)
    first, second = image(geometry)
    as_many = "the geometry says 2 frames, there are not as many"
    for wrong, words in (
        ([first], as_many),
        ([first, second, first], as_many),
        ([first, second[:9]], "frame 1 is uint16(9, 10), not uint16(10, 10)"),
        ([first, second.astype("<u4")], "frame 1 is uint32(10, 10), not uint16(10, 10)"),
    ):
        with pytest.raises(UsageError) as caught:
            hash_image(wrong, geometry)
        assert str(caught.value) == words
    words = "^compressed frames are needed if, and only if, the image is lossy$"
    with pytest.raises(UsageError, match=words):
        hash_image([first, second], geometry, compressed=[bytes(32)] * 2)
    with pytest.raises(UsageError, match=words):
        hash_image(image(GEOMETRIES[-1]), GEOMETRIES[-1])


def test_as_decoded_differs_in_lossy_alone() -> None:
    geometry = GEOMETRIES[-1]
    assert geometry.as_decoded().to_cbor() == [*geometry.to_cbor()[:8], False]
