"""The header tree: one salted leaf per attribute (docs/spec/header-tree.md).

Pure functions of values. Knows no DICOM file: attributes come in with their canonical values.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Self, TypeAlias

import cbor2

from provenance.dicom.attribute_table import Group, Rule, Severity, attribute_table
from provenance.dicom.attributes import Attribute, CanonicalValue, Change, Kind
from provenance.errors import MalformedError, UsageError

SEED_SIZE = 32
LEAF_SALT_SIZE = 16
MAX_LEAVES = 8192
_VERSION = 1
_HASH_SIZE = 32
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
        for _, group, digest in self.leaves:
            hashes[group].append(digest)
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
    leaves = [(a.tag, a.group, _hash_leaf(a.tag, a.group, a.value, seed)) for a in attributes]
    if len(leaves) > MAX_LEAVES or len({tag for tag, _, _ in leaves}) != len(leaves):
        raise UsageError("a header tree holds each attribute once, and not too many")
    leaves.sort(key=_place)
    return HeaderTree(seed, tuple(leaves))


def changed_attributes(signed: HeaderTree, attributes: Sequence[Attribute]) -> tuple[Change, ...]:
    """Name every attribute that is not as signed, gravest first, then by tag."""
    found = {attribute.tag: attribute for attribute in attributes}
    changes: list[Change] = []
    for tag, group, digest in signed.leaves:
        attribute = found.pop(tag, None)
        value = attribute.value if attribute else None
        if digest == _hash_leaf(tag, group, value, signed.seed):
            continue
        if value is None:
            changes.append(_change(tag, Kind.REMOVED))
        elif digest == _hash_leaf(tag, group, None, signed.seed):
            changes.append(_change(tag, Kind.ADDED))
        else:
            changes.append(_change(tag, Kind.CHANGED))
    changes += [_change(tag, Kind.ADDED) for tag, a in found.items() if a.value is not None]
    return gravest_first(changes)


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
    return _hash_leaf(tag, attribute_table().describe(tag).group, None, signed.seed)


def leaf_salt(seed: bytes, tag: int) -> bytes:
    """Return the salt of a signed leaf."""
    return hmac.digest(seed, tag.to_bytes(4, "big"), "sha256")[:LEAF_SALT_SIZE]


def leaf_content(tag: int, group: Group, value: CanonicalValue | None) -> bytes:
    """Return what a leaf says: CBOR of group, tag and value."""
    return _absent_content(tag, group) if value is None else _content(tag, group, value)


def hash_leaf_content(salt: bytes, content: bytes) -> bytes:
    """Return the leaf of a content under a salt."""
    return hashlib.sha256(b"\x00radseal-attribute-1" + salt + content).digest()


def _change(tag: int, kind: Kind) -> Change:
    row = attribute_table().describe(tag)
    noted = row.rule is Rule.MAY_BE_ADDED and kind is Kind.ADDED
    severity = Severity.INFORMATIONAL if noted else row.severity
    return Change(tag, row.keyword, row.group, severity, kind)


def _hash_leaf(tag: int, group: Group, value: CanonicalValue | None, seed: bytes) -> bytes:
    return hash_leaf_content(leaf_salt(seed, tag), leaf_content(tag, group, value))


@cache
def _absent_content(tag: int, group: Group) -> bytes:
    return _content(tag, group, None)


def _content(tag: int, group: Group, value: CanonicalValue | None) -> bytes:
    # integers, text, bytes and arrays only: cbor2 writes these in one way (RFC 8949 4.2.1)
    return cbor2.dumps((group.value, tag, value))


def hash_group(group: Group, leaves: Sequence[bytes]) -> bytes:
    """Return the hash of a group over its leaves."""
    name = group.value.encode("ascii")
    return hashlib.sha256(b"\x00radseal-group-1" + name + _merkle_root(leaves)).digest()


def _merkle_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over leaves that are hashes already (RFC 6962, section 2.1)."""
    if not hashes:
        return hashlib.sha256().digest()
    level = list(hashes)
    while len(level) > 1:  # pairing neighbours, the odd one moving up, splits as RFC 6962 does
        paired = [
            hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest()
            for i in range(0, len(level) - 1, 2)
        ]
        level = paired + level[len(level) - len(level) % 2 :]
    return level[0]


def header_root(hashes: Mapping[Group, bytes]) -> bytes:
    """Return the root over the hashes of all groups."""
    return _merkle_root([hashes[group] for group in _GROUPS])


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
    for tag in tags:
        if type(tag) is not int or not 0 <= tag < 1 << 32:
            raise MalformedError(f"group {group} holds a tag that is none")
    if any(first >= second for first, second in pairwise(tags)):
        raise MalformedError(f"the tags of group {group} do not ascend")
    return [
        (tag, group, hashes[_HASH_SIZE * i : _HASH_SIZE * (i + 1)]) for i, tag in enumerate(tags)
    ]


def _place(leaf: Leaf) -> tuple[int, int]:
    return _GROUPS.index(leaf[1]), leaf[0]
