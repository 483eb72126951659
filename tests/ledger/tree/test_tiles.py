"""Tiles: grown step by step, they prove what plain recursion over all leaves says."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.errors import StoreError, UsageError
from ledger.tree.merkle import hash_leaf, merkle_root, verify_consistency, verify_inclusion
from ledger.tree.tiles import (
    TILE_BYTES,
    TreeBuilder,
    builder_at,
    consistency_path,
    inclusion_path,
    inclusion_paths,
    root_at,
    tile_path,
    tiles_of,
)

COUNT = 70_000  # three levels of tiles
LEAVES = [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(COUNT)]


class Shelf(dict[tuple[int, int], bytes]):
    def read(self, level: int, number: int) -> bytes:
        return self[level, number]


def _grown(steps: list[int]) -> tuple[TreeBuilder, Shelf]:
    tree, shelf, at = TreeBuilder(), Shelf(), 0
    for step in steps:
        shelf.update(tree.extend(LEAVES[at : at + step]))
        at += step
    return tree, shelf


@pytest.fixture(scope="module")
def tall() -> tuple[TreeBuilder, Shelf]:
    return _grown([COUNT])


@given(st.lists(st.integers(0, 300), max_size=12))
@settings(max_examples=40, deadline=None)
def test_any_steps_lead_to_the_same_tree(steps: list[int]) -> None:
    tree, shelf = _grown(steps)
    size = sum(steps)
    assert (tree.size, tree.root) == (size, merkle_root(LEAVES[:size]))
    assert root_at(size, shelf.read) == tree.root
    assert builder_at(size, shelf.read) == tree
    expected = {(level, number): width for level, number, width in tiles_of(size)}
    assert {address: len(hashes) // 32 for address, hashes in shelf.items()} == expected


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_every_proof_from_tiles_verifies(
    tall: tuple[TreeBuilder, Shelf], data: st.DataObject
) -> None:
    shelf = tall[1]
    new = data.draw(st.integers(1, COUNT) | st.sampled_from([255, 256, 257, 65_535, 65_536]))
    old = data.draw(st.integers(1, new))
    index = data.draw(st.integers(0, new - 1))
    root = root_at(new, shelf.read)
    more = data.draw(st.lists(st.integers(0, new - 1), max_size=5))
    path, *others = inclusion_paths([index, *more], new, shelf.read)
    assert others == [inclusion_path(each, new, shelf.read) for each in more]
    verify_inclusion(LEAVES[index], index=index, size=new, path=path, root=root)
    verify_consistency(
        old_size=old,
        old_root=root_at(old, shelf.read),
        new_size=new,
        new_root=root,
        path=consistency_path(old, new, shelf.read),
    )


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 65_535, 65_536, 65_537, COUNT])
def test_a_root_inside_a_grown_tree(tall: tuple[TreeBuilder, Shelf], size: int) -> None:
    assert root_at(size, tall[1].read) == merkle_root(LEAVES[:size])
    again = builder_at(size, tall[1].read)
    again.extend(LEAVES[size:])
    assert again.root == tall[0].root


def test_a_tile_that_is_too_short_is_noticed(tall: tuple[TreeBuilder, Shelf]) -> None:
    short = Shelf(tall[1])
    short[0, 3] = short[0, 3][: TILE_BYTES // 2]
    with pytest.raises(StoreError):
        inclusion_path(900, COUNT, short.read)
    short = Shelf(tall[1])
    short[0, COUNT // 256] = b""
    with pytest.raises(StoreError):
        builder_at(COUNT, short.read)


def test_proofs_outside_the_tree_are_refused(tall: tuple[TreeBuilder, Shelf]) -> None:
    for index in (-1, 10):
        with pytest.raises(UsageError):
            inclusion_path(index, 10, tall[1].read)
    for old, new in ((0, 5), (6, 5)):
        with pytest.raises(UsageError):
            consistency_path(old, new, tall[1].read)


@pytest.mark.parametrize(
    ("level", "number", "width", "path"),
    [
        (0, 0, 256, "tile/0/000"),
        (0, 1_234_067, 256, "tile/0/x001/x234/067"),
        (1, 1_000, 3, "tile/1/x001/000.p/3"),
        ("entries", 7, 255, "tile/entries/007.p/255"),
    ],
)
def test_tile_paths(level: int | str, number: int, width: int, path: str) -> None:
    assert tile_path(level, number, width) == path


TREES = sorted((Path(__file__).resolve().parents[2] / "vectors" / "log").glob("tree*.json"))


def test_there_are_frozen_trees() -> None:
    assert TREES


@pytest.mark.parametrize("path", TREES, ids=lambda path: path.stem)
def test_frozen_roots_and_proofs(path: Path) -> None:
    frozen = json.loads(path.read_text())
    shelf, builder = Shelf(), TreeBuilder()
    shelf.update(builder.extend(hash_leaf(number.to_bytes(4, "big")) for number in range(600)))
    roots, inclusion, consistency = (hashlib.sha256() for _ in range(3))
    for size in range(1, 601):
        roots.update(root_at(size, shelf.read))
    for size in range(1, 65):
        for index in range(size):
            inclusion.update(b"".join(inclusion_path(index, size, shelf.read)))
            consistency.update(b"".join(consistency_path(index + 1, size, shelf.read)))
    assert builder.root.hex() == frozen["root_of_600"]
    assert roots.hexdigest() == frozen["roots_of_1_to_600"]
    assert inclusion.hexdigest() == frozen["inclusion_paths_up_to_64"]
    assert consistency.hexdigest() == frozen["consistency_paths_up_to_64"]
