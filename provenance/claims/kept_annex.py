"""What is kept beside the log for one object: its annex, opened leaves, the way to its original.

docs/spec/correction.md, "The kept annex", and deidentification.md. Nothing in it is believed for
its own sake: an opened leaf opens the leaf that it hashes to, and nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from ledger import MalformedError as LedgerMalformedError
from ledger import decode_cbor, encode_cbor
from provenance.claims.annex import MAX_ANNEX
from provenance.errors import MalformedError, SealError
from provenance.header_tree import LEAF_SALT_SIZE, hash_leaf_content

VERSION, LINKED_VERSION = 2, 4  # 1 and 3 are annexes of their own
MAX_LEAVES = 4096
MAX_CONTENT = 65_536
MAX_OPENING = 256
_START = b"\xa3\x01\x02"  # a map of three whose first field is version 2
_LINKED_START = b"\xa4\x01\x04"  # a map of four whose first field is version 4
CANNOT_KEEP = "SE202"


@dataclass(frozen=True, slots=True)
class OpenedLeaf:
    """The salt and the content of one attribute leaf."""

    salt: bytes
    content: bytes

    @property
    def leaf(self) -> bytes:
        """The leaf that this opens."""
        return hash_leaf_content(self.salt, self.content)


@dataclass(frozen=True, slots=True)
class KeptAnnex:
    """The encoded annex of the seal, and the opened leaves of all corrections.

    ``opening`` leads from a de-identified copy back to its original, enciphered.
    """

    seal: bytes
    leaves: tuple[OpenedLeaf, ...] = ()
    opening: bytes | None = None

    def with_leaves(self, fresh: Iterable[OpenedLeaf]) -> Self:
        """Return it with more leaves, each kept once."""
        return replace(self, leaves=tuple(dict.fromkeys((*self.leaves, *fresh))))

    def encode(self) -> bytes:
        """Return the bytes to keep; SealError when they exceed what may be kept."""
        if not self.leaves and self.opening is None:
            return self.seal
        too_long = any(len(each.content) > MAX_CONTENT for each in self.leaves)
        if too_long or len(self.leaves) > MAX_LEAVES:
            raise SealError(
                "the values of this correction are too many or too long", code=CANNOT_KEEP
            )
        leaves = [[each.salt, each.content] for each in self.leaves]
        fields: dict[int, object] = {1: VERSION, 2: self.seal, 3: leaves}
        if self.opening is not None:
            fields |= {1: LINKED_VERSION, 4: self.opening}
        encoded = encode_cbor(fields)
        if len(encoded) > MAX_ANNEX:
            raise SealError("the annex has no room for another correction", code=CANNOT_KEEP)
        return encoded

    @classmethod
    def decode(cls, encoded: bytes) -> Self:
        """Take what is kept apart; of the seal's own annex nothing is parsed. MalformedError."""
        if not encoded.startswith((_START, _LINKED_START)):
            return cls(encoded)
        try:
            fields = decode_cbor(encoded, max_size=MAX_ANNEX)
        except LedgerMalformedError as error:
            raise MalformedError("the kept annex is not deterministic CBOR") from error
        opening: object = None
        match fields:
            case {1: 2, 2: bytes(seal), 3: list(leaves)} if 1 <= len(leaves) <= MAX_LEAVES:
                pass
            case {1: 4, 2: bytes(seal), 3: list(leaves), 4: bytes(opening)} if (
                len(leaves) <= MAX_LEAVES and 1 <= len(opening) <= MAX_OPENING
            ):
                pass
            case _:
                raise MalformedError("the kept annex is not an annex and opened leaves")
        opened = tuple(_opened(each) for each in leaves)
        if len(set(opened)) != len(opened):
            raise MalformedError("the kept annex opens a leaf twice")
        return cls(seal, opened, opening if isinstance(opening, bytes) else None)


def _opened(encoded: object) -> OpenedLeaf:
    match encoded:
        case [bytes(salt), bytes(content)] if (
            len(salt) == LEAF_SALT_SIZE and 1 <= len(content) <= MAX_CONTENT
        ):
            return OpenedLeaf(salt, content)
        case _:
            raise MalformedError("an opened leaf is a salt and a content")
