"""What a copy shows of a parent's header: enough for its root, opened where the two must agree.

Instance and identity by their leaves, the other groups by their hashes. The parent's SOP Instance
UID is told; of patient and study only the salts are, where the copy has the same value: so nobody
learns a value that the copy does not have. Pure functions of values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from provenance.dicom.attribute_table import Group, attribute_table
from provenance.dicom.canonical import CanonicalValue
from provenance.dicom.leaf_content import leaf_content
from provenance.errors import MalformedError, UsageError
from provenance.header_tree import (
    LEAF_SALT_SIZE,
    HeaderTree,
    Leaf,
    decode_group,
    encode_group,
    hash_group,
    hash_leaf_content,
    header_root,
    leaf_salt,
)

SOP_INSTANCE_UID: Final = 0x00080018
PATIENT_NAME, PATIENT_ID, STUDY = 0x00100010, 0x00100020, 0x0020000D
COMPARED: Final = (PATIENT_NAME, PATIENT_ID, STUDY)
_SHOWN: Final = (Group.INSTANCE, Group.IDENTITY)
_OTHERS: Final = tuple(group for group in Group if group not in _SHOWN)
_HASH: Final = 32
_MAX_UID: Final = 64

Values = Mapping[int, CanonicalValue]


@dataclass(frozen=True, slots=True)
class ShownHeader:
    """Leaves of two groups, hashes of the others, the UID with its salt, salts or None."""

    leaves: tuple[Leaf, ...]
    others: tuple[bytes, ...]
    uid: str | None
    uid_salt: bytes
    salts: tuple[bytes | None, ...]

    @classmethod
    def of(cls, signed: HeaderTree, parent: Values, copy: Values) -> Self:
        """Show a parent's header to whoever has a copy with these values."""
        hashes = signed.group_hashes
        uid = parent.get(SOP_INSTANCE_UID)
        made = cls(
            tuple(leaf for leaf in signed.leaves if leaf[1] in _SHOWN),
            tuple(hashes[group] for group in _OTHERS),
            uid[0] if isinstance(uid, tuple) and uid and isinstance(uid[0], str) else None,
            leaf_salt(signed.seed, SOP_INSTANCE_UID),
            tuple(leaf_salt(signed.seed, tag) for tag in COMPARED),
        )
        if made.root != signed.root or not made.opens_uid:
            raise UsageError("the values are not those of this header")
        same = [made.agrees(tag, copy.get(tag)) for tag in COMPARED]
        salts = tuple(salt if ok else None for salt, ok in zip(made.salts, same, strict=True))
        return cls(made.leaves, made.others, made.uid, made.uid_salt, salts)

    @property
    def root(self) -> bytes:
        """The header root that follows."""
        hashes: dict[Group, bytes] = dict(zip(_OTHERS, self.others, strict=True))
        for group in _SHOWN:
            own = [leaf for _, place, leaf in self.leaves if place is group]
            hashes[group] = hash_group(group, own)
        return header_root(hashes)

    @property
    def opens_uid(self) -> bool:
        """Whether the UID is the one that was signed."""
        value = None if self.uid is None else (self.uid,)
        return self._is_leaf(SOP_INSTANCE_UID, self.uid_salt, value)

    def agrees(self, tag: int, value: CanonicalValue | None) -> bool:
        """Whether an attribute was signed with this value; False where it is not shown."""
        salt = self.salts[COMPARED.index(tag)]
        return salt is not None and self._is_leaf(tag, salt, value)

    def _is_leaf(self, tag: int, salt: bytes, value: CanonicalValue | None) -> bool:
        for leaf_tag, group, digest in self.leaves:
            if leaf_tag == tag:
                return hash_leaf_content(salt, leaf_content(tag, group, value)) == digest
        return False

    def to_cbor(self) -> list[object]:
        """Return what CBOR is to encode."""
        groups = [encode_group(group, self.leaves) for group in _SHOWN]
        return [*groups, b"".join(self.others), [self.uid, self.uid_salt], list(self.salts)]

    @classmethod
    def from_cbor(cls, found: object) -> Self:
        """Parse strictly; MalformedError."""
        match found:
            case [instance, identity, bytes(others), [uid, bytes(uid_salt)], list(own)] if (
                uid is None or isinstance(uid, str)
            ):
                salts = tuple(each for each in own if each is None or isinstance(each, bytes))
            case _:
                raise MalformedError("a parent's header is not shown in its format")
        if len(others) != len(_OTHERS) * _HASH or (len(own), len(salts)) != (len(COMPARED),) * 2:
            raise MalformedError("a parent's header has five other groups, and three salts")
        if len(uid_salt) != LEAF_SALT_SIZE or (uid is not None and not 1 <= len(uid) <= _MAX_UID):
            raise MalformedError("a parent's SOP Instance UID is not shown in its format")
        for salt in salts:
            if salt is not None and len(salt) != LEAF_SALT_SIZE:
                raise MalformedError("the salt of an attribute is 16 bytes, or null")
        leaves = (*decode_group(_SHOWN[0], instance), *decode_group(_SHOWN[1], identity))
        if len({tag for tag, _, _ in leaves}) != len(leaves):
            raise MalformedError("a header holds each attribute once")
        if {tag: group for tag, group, _ in leaves} != _labels():
            raise MalformedError("the leaves of a parent's header are not those of the table")
        parts = tuple(others[at : at + _HASH] for at in range(0, len(others), _HASH))
        return cls(leaves, parts, uid, uid_salt, salts)


def _labels() -> dict[int, Group]:
    """Return every attribute of the groups that are shown; a header signs each, absent or not."""
    rows = attribute_table().signed.values()
    return {row.tag: row.group for row in rows if row.group in _SHOWN}
