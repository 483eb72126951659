"""The header tree: one salted leaf per attribute (docs/spec/header-tree.md).

Pure functions of values. Knows no DICOM file: attributes come in with their canonical values.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, repeat
from operator import itemgetter
from typing import Self, TypeAlias

from provenance.dicom.attribute_table import (
    PRIVATE_TAG,
    Group,
    Rule,
    Severity,
    attribute_table,
)
from provenance.dicom.attributes import Attribute, Change, Kind
from provenance.dicom.leaf_content import leaf_content
from provenance.errors import EvidenceError, MalformedError, UsageError
from provenance.hash_tree import root_of

SEED_SIZE = 32
LEAF_SALT_SIZE = 16
MAX_LEAVES = 8192
_VERSION = 1
_HASH_SIZE = 32
_BLOCK_SIZE = 64  # of SHA-256, RFC 6234
_INNER_PAD, _OUTER_PAD = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))
_LEAF = b"\x00radseal-attribute-1"
_GROUPS = tuple(Group)
_SEVERITIES = tuple(Severity)

Leaf: TypeAlias = tuple[int, Group, bytes]


@dataclass(frozen=True, slots=True)
class HeaderTree:
    """The seed of the salts, and the leaves (tag, group, hash) by group, then by tag."""

    seed: bytes
    leaves: tuple[Leaf, ...]

    @property
    def root(self) -> bytes:
        """The root over the roots of the seven groups."""
        return header_root(self.group_hashes)

    @property
    def group_hashes(self) -> dict[Group, bytes]:
        """The hash of each group, over its leaves."""
        hashes: dict[Group, list[bytes]] = {group: [] for group in _GROUPS}
        for group, leaves in groupby(self.leaves, key=itemgetter(1)):
            hashes[group] += map(itemgetter(2), leaves)
        return {group: hash_group(group, hashes[group]) for group in _GROUPS}

    def to_cbor(self) -> list[object]:
        """Return what CBOR is to encode: version, seed, then tags and hashes of each group."""
        encoded: list[object] = [_VERSION, self.seed]
        return encoded + [encode_group(group, self.leaves) for group in _GROUPS]

    @classmethod
    def from_cbor(cls, decoded: object) -> Self:
        """Take decoded CBOR back; MalformedError for anything `to_cbor` cannot have returned."""
        match decoded:
            case [int(version), bytes(seed), *groups] if (
                version is not True and len(seed) == SEED_SIZE and len(groups) == len(_GROUPS)
            ):
                pass
            case _:
                raise MalformedError("a header tree is a version, a seed and seven groups")
        if version != _VERSION:
            raise MalformedError(f"header tree version {version} is unknown")
        leaves: list[Leaf] = []
        for group, encoded in zip(_GROUPS, groups, strict=True):
            leaves += decode_group(group, encoded)
        if len(leaves) > MAX_LEAVES or len({tag for tag, _, _ in leaves}) != len(leaves):
            raise MalformedError("a header tree holds each attribute once, and not too many")
        return cls(seed, tuple(leaves))


def hash_header(attributes: Iterable[Attribute], seed: bytes) -> HeaderTree:
    """Hash attributes into a tree whose salts come from ``seed``, 32 random bytes used once."""
    if len(seed) != SEED_SIZE:
        raise UsageError(f"the seed must have {SEED_SIZE} bytes, not {len(seed)}")
    salted = _Salted(seed)
    leaves = [
        (a.tag, a.group, hash_leaf_content(salted.salt(a.tag), a.content)) for a in attributes
    ]
    if len(leaves) > MAX_LEAVES or len({tag for tag, _, _ in leaves}) != len(leaves):
        raise UsageError("a header tree holds each attribute once, and not too many")
    leaves.sort(key=_place)
    return HeaderTree(seed, tuple(leaves))


def changed_attributes(signed: HeaderTree, attributes: Sequence[Attribute]) -> tuple[Change, ...]:
    """Name every attribute that is not as signed, gravest first, then by tag."""
    found = {attribute.tag: attribute for attribute in attributes}
    salted = _Salted(signed.seed)
    salt, sha256 = salted.salt, hashlib.sha256
    changes: list[Change] = []
    for tag, group, digest in signed.leaves:
        attribute = found.pop(tag, None)
        if attribute is None or attribute.group is not group:
            value = None if attribute is None else attribute.value
            content = leaf_content(tag, group, value)
        else:
            value, content = attribute.value, attribute.content
        if digest == sha256(_LEAF + salt(tag) + content).digest():
            continue
        if value is None:
            changes.append(_change(tag, Kind.REMOVED))
        elif digest == salted.leaf_of_null(tag, group):
            changes.append(_change(tag, Kind.ADDED))
        else:
            changes.append(_change(tag, Kind.CHANGED))
    changes += [_change(tag, Kind.ADDED) for tag, a in found.items() if a.value is not None]
    return gravest_first(changes)


def require_labels(signed: HeaderTree) -> None:
    """Refuse a tree whose labels are not those of the table; EvidenceError.

    A leaf shows what it is of only where its value is found. With another label, or as one of
    the inner nodes of its group in place of many, it would let attributes be removed unnoticed.
    """
    table, known = attribute_table(), _labels()
    labels = {tag: group for tag, group, _ in signed.leaves}
    if missing := sorted(known.keys() - labels.keys()):
        names = ", ".join(table.describe(tag).keyword for tag in missing[:3])
        raise EvidenceError(
            f"{len(missing)} signed attribute(s) have no leaf in the annex: {names}"
        )
    for tag, group in labels.items():
        if known.get(tag) is group:
            continue
        row = table.describe(tag)
        if row.group is not group:
            raise EvidenceError(f"{row.keyword} stands in group {group}, not in {row.group}")


@cache
def _labels() -> dict[int, Group]:
    """Return the group of each attribute that has a leaf in every tree."""
    table = attribute_table()
    return {tag: table.describe(tag).group for tag in (*table.signed, PRIVATE_TAG)}


def gravest_first(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return changes in the order in which they are reported: by severity, then by tag."""
    return tuple(sorted(changes, key=lambda c: (_SEVERITIES.index(c.severity), c.tag)))


def changed_attribute(tag: int) -> Change:
    """Return the change of an attribute to another value."""
    return _change(tag, Kind.CHANGED)


def signed_leaf(signed: HeaderTree, tag: int) -> bytes:
    """Return the leaf an attribute was signed with; of one without a leaf, that of null."""
    for leaf_tag, _, digest in signed.leaves:
        if leaf_tag == tag:
            return digest
    return _Salted(signed.seed).leaf_of_null(tag, attribute_table().describe(tag).group)


def leaf_salt(seed: bytes, tag: int) -> bytes:
    """Return the salt of a signed leaf."""
    return _Salted(seed).salt(tag)


def hash_leaf_content(salt: bytes, content: bytes) -> bytes:
    """Return the leaf of a content under a salt."""
    return hashlib.sha256(_LEAF + salt + content).digest()


def _change(tag: int, kind: Kind) -> Change:
    row = attribute_table().describe(tag)
    noted = row.rule is Rule.MAY_BE_ADDED and kind is Kind.ADDED
    severity = Severity.INFORMATIONAL if noted else row.severity
    return Change(tag, row.keyword, row.group, severity, kind)


class _Salted:
    """The leaves of one seed. The key of the HMAC is taken in once for all salts (RFC 2104, 4)."""

    def __init__(self, seed: bytes) -> None:
        key = seed.ljust(_BLOCK_SIZE, b"\0")
        self._inner = hashlib.sha256(key.translate(_INNER_PAD)).copy
        self._outer = hashlib.sha256(key.translate(_OUTER_PAD)).copy

    def salt(self, tag: int) -> bytes:
        """Return the salt of the leaf of ``tag``."""
        inner, outer = self._inner(), self._outer()
        inner.update(tag.to_bytes(4, "big"))
        outer.update(inner.digest())
        return outer.digest()[:LEAF_SALT_SIZE]

    def leaf_of_null(self, tag: int, group: Group) -> bytes:
        """Return the leaf that says that ``tag`` is not there."""
        return hash_leaf_content(self.salt(tag), leaf_content(tag, group, None))


def hash_group(group: Group, leaves: Sequence[bytes]) -> bytes:
    """Return the hash of a group over its leaves."""
    name = group.value.encode("ascii")
    return hashlib.sha256(b"\x00radseal-group-1" + name + root_of(leaves)).digest()


def header_root(hashes: Mapping[Group, bytes]) -> bytes:
    """Return the root over the hashes of all groups."""
    return root_of([hashes[group] for group in _GROUPS])


def encode_group(group: Group, leaves: Iterable[Leaf]) -> list[object]:
    """Return what CBOR is to encode of one group: tags, and hashes in one byte string."""
    own = [(tag, digest) for tag, place, digest in leaves if place is group]
    return [[tag for tag, _ in own], b"".join([digest for _, digest in own])]


def decode_group(group: Group, encoded: object) -> list[Leaf]:
    """Take a group back; MalformedError for anything `encode_group` cannot have returned."""
    match encoded:
        case [list(tags), bytes(hashes)] if len(tags) <= MAX_LEAVES and len(
            hashes
        ) == _HASH_SIZE * len(tags):
            pass
        case _:
            raise MalformedError(f"group {group} is not tags and their hashes")
    if tags and (set(map(type, tags)) != {int} or min(tags) < 0 or max(tags) >= 1 << 32):
        raise MalformedError(f"group {group} holds a tag that is none")
    if sorted(set(tags)) != tags:
        raise MalformedError(f"the tags of group {group} do not ascend")
    each = [hashes[at : at + _HASH_SIZE] for at in range(0, len(hashes), _HASH_SIZE)]
    return list(zip(tags, repeat(group), each, strict=False))


def _place(leaf: Leaf) -> tuple[int, int]:
    return _GROUPS.index(leaf[1]), leaf[0]
