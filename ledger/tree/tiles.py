"""The tree as tiles of 256 hashes (C2SP tlog-tiles): grown at the right, read for proofs.

Pure functions over a tile reader. A tile grows until it is full; an older, smaller tree finds in
it the same first hashes, so that one stored tile serves every size.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from ledger.errors import MalformedError, StoreError, UsageError
from ledger.links import HASH_SIZE
from ledger.tree.merkle import EMPTY_ROOT, fold_peaks, hash_node
from ledger.tree.statement_hashes import perfect_root

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
TILE_BYTES = TILE_WIDTH * HASH_SIZE

TileReader = Callable[[int, int], bytes]
"""Level and number of a tile to its hashes; more than the asked-for tree has are ignored."""


@dataclass(slots=True)
class TreeBuilder:
    """The right edge of a growing tree: perfect subtrees, and each level's unfinished tile."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)
    edges: list[bytearray] = field(default_factory=list)

    @property
    def root(self) -> bytes:
        """The root over everything added so far."""
        return fold_peaks(self.peaks)

    def copy(self) -> TreeBuilder:
        """Return an independent builder in the same state."""
        return TreeBuilder(self.size, list(self.peaks), [bytearray(edge) for edge in self.edges])

    def extend(self, leaf_hashes: Iterable[bytes]) -> Mapping[tuple[int, int], bytes]:
        """Add leaves, level by level; return every tile that changed, by level and number.

        A tile that was filled is among them, and the one after it that was begun.
        """
        nodes, before, height = list(leaf_hashes), self.size, 0
        changed: dict[tuple[int, int], bytes] = {}
        peaks: list[bytes] = []  # from the smallest up
        self.size += len(nodes)
        while nodes:
            if height % TILE_HEIGHT == 0:
                self._push(height // TILE_HEIGHT, nodes, before >> height, changed)
            if before >> height & 1:
                nodes.insert(0, self.peaks.pop())
            if len(nodes) & 1:
                peaks.append(nodes.pop())
            nodes = list(map(hash_node, nodes[::2], nodes[1::2]))
            height += 1
        self.peaks.extend(reversed(peaks))
        return changed

    def _push(
        self, level: int, nodes: list[bytes], first: int, changed: dict[tuple[int, int], bytes]
    ) -> None:
        """Put nodes, of which ``first`` is the number of the first, into the tiles of a level."""
        if level == len(self.edges):
            self.edges.append(bytearray())
        edge, number = self.edges[level], first >> TILE_HEIGHT
        edge += b"".join(nodes)
        while len(edge) >= TILE_BYTES:
            changed[level, number] = bytes(edge[:TILE_BYTES])
            del edge[:TILE_BYTES]
            number += 1
        if edge:
            changed[level, number] = bytes(edge)


def builder_at(size: int, read: TileReader) -> TreeBuilder:
    """Return the builder of a stored tree, reading only its right edge."""
    peaks = [
        _subtree(height, (size >> height) - 1, read)
        for height in range(size.bit_length() - 1, -1, -1)
        if size >> height & 1
    ]
    edges = []
    for level, width in _widths(size):
        content = read(level, (size >> TILE_HEIGHT * level) // TILE_WIDTH) if width else b""
        if len(content) < width * HASH_SIZE:
            raise StoreError(f"the last tile of level {level} is shorter than the tree needs")
        edges.append(bytearray(content[: width * HASH_SIZE]))
    return TreeBuilder(size, peaks, edges)


def _widths(size: int) -> Iterable[tuple[int, int]]:
    """Each level of a tree, and how many hashes its unfinished tile has."""
    level, count = 0, size
    while count:
        yield level, count % TILE_WIDTH
        level, count = level + 1, count >> TILE_HEIGHT


def tiles_of(size: int) -> Iterable[tuple[int, int, int]]:
    """Every tile a tree of ``size`` entries has: level, number, width."""
    level, count = 0, size
    while count:
        for number in range(count // TILE_WIDTH):
            yield level, number, TILE_WIDTH
        if count % TILE_WIDTH:
            yield level, count // TILE_WIDTH, count % TILE_WIDTH
        level, count = level + 1, count >> TILE_HEIGHT


def root_at(size: int, read: TileReader) -> bytes:
    """Return the root of the first ``size`` entries."""
    return _range_root(0, size, read) if size else EMPTY_ROOT


def inclusion_path(index: int, size: int, read: TileReader) -> tuple[bytes, ...]:
    """Return the siblings from the leaf upwards (RFC 9162, section 2.1.3.1)."""
    (path,) = inclusion_paths((index,), size, read)
    return path


def inclusion_paths(
    indices: Iterable[int], size: int, read: TileReader
) -> Iterator[tuple[bytes, ...]]:
    """Yield the path of each entry; what several have in common is hashed once."""

    @cache
    def root(begin: int, end: int) -> bytes:
        return _range_root(begin, end, read)

    for index in indices:
        if not 0 <= index < size:
            raise UsageError(f"index {index} is outside a tree of {size} entries")
        path: list[bytes] = []
        begin, end = 0, size
        while end - begin > 1:
            middle = begin + _split(end - begin)
            if index < middle:
                path.append(root(middle, end))
                end = middle
            else:
                path.append(root(begin, middle))
                begin = middle
        yield tuple(reversed(path))


def consistency_path(old: int, new: int, read: TileReader) -> tuple[bytes, ...]:
    """Return the proof that the first ``old`` entries are a tree of that size (2.1.4.1)."""
    if not 0 < old <= new:
        raise UsageError(f"no tree of {old} entries grows to one of {new}")
    path: list[bytes] = []
    begin, end, whole = 0, new, True
    while end != old:
        middle = begin + _split(end - begin)
        if old <= middle:
            path.append(_range_root(middle, end, read))
            end = middle
        else:
            path.append(_range_root(begin, middle, read))
            begin, whole = middle, False
    if not whole:  # else the verifier holds this hash already: it is the old root
        path.append(_range_root(begin, end, read))
    return tuple(reversed(path))


def _split(count: int) -> int:
    """The largest power of two below ``count``."""
    return 1 << (count - 1).bit_length() - 1


def _range_root(begin: int, end: int, read: TileReader) -> bytes:
    """Root of the leaves from ``begin`` up to ``end``; ``begin`` divides by every size used."""
    count = end - begin
    if count & (count - 1) == 0:
        height = count.bit_length() - 1
        return _subtree(height, begin >> height, read)
    middle = begin + _split(count)
    return hash_node(_range_root(begin, middle, read), _range_root(middle, end, read))


def _subtree(height: int, number: int, read: TileReader) -> bytes:
    """Root of the perfect subtree ``number`` of that height, from the one tile it lies in."""
    level, inner = divmod(height, TILE_HEIGHT)
    first = number << inner
    offset = first % TILE_WIDTH * HASH_SIZE
    content = read(level, first // TILE_WIDTH)[offset : offset + (HASH_SIZE << inner)]
    if len(content) != HASH_SIZE << inner:
        raise StoreError(f"tile {first // TILE_WIDTH} of level {level} is shorter than needed")
    return perfect_root(content)


def tile_path(level: int | str, number: int, width: int) -> str:
    """Return the path below a log's prefix; level ``"entries"`` names an entry bundle."""
    groups = []
    rest = number
    while True:
        rest, group = divmod(rest, 1000)
        groups.append(f"{group:03}")
        if not rest:
            break
    name = "/".join([*(f"x{group}" for group in reversed(groups[1:])), groups[0]])
    return f"tile/{level}/{name}" + (f".p/{width}" if width < TILE_WIDTH else "")


_TILE_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<number>(?:x[0-9]{3}/){0,6}[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


def parse_tile_path(path: str) -> tuple[int | str, int, int]:
    """Return level, number and width; MalformedError for any path but the one ``tile_path`` gives.

    A path without a width names a full tile.
    """
    match = _TILE_PATH.fullmatch(path)
    if match is None:
        raise MalformedError(f"not the path of a tile: {path[:80]!r}")
    level = match["level"] if match["level"] == "entries" else int(match["level"])
    number = int(match["number"].replace("x", "").replace("/", ""))
    width = int(match["width"] or TILE_WIDTH)
    if tile_path(level, number, width) != path:
        raise MalformedError(f"not the path of a tile: {path[:80]!r}")
    return level, number, width
