"""The way back from a copy to its original: kept enciphered beside the log, erasable.

Who holds the site's re-identification key and may read the copy's kept annex can go it; the proof
is that what was kept opens the commitment in the copy's statement.
"""

from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger import MalformedError as LedgerMalformedError
from ledger import decode_cbor, encode_cbor
from provenance.deidentification.declared import SALT_SIZE, commit_parent
from provenance.errors import EvidenceError, MalformedError

KEY_SIZE: Final = 32
NONCE_SIZE: Final = 12
MAX_SEALED: Final = 256
_VERSION: Final = 1
_HASH, _ID = 32, 12
_LABEL: Final = b"radseal-opening-1"


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens the commitment of a copy: the salt, and which object it was made of."""

    salt: bytes
    leaf_hash: bytes
    object_id: bytes

    @property
    def commitment(self) -> bytes:
        """The commitment that this opens."""
        return commit_parent(self.salt, self.leaf_hash, self.object_id)

    def seal(self, copy_id: bytes, *, key: bytes, nonce: bytes) -> bytes:
        """Return it enciphered for the copy of this id; ``nonce`` is fresh each time."""
        text = encode_cbor([_VERSION, self.salt, self.leaf_hash, self.object_id])
        return nonce + AESGCM(key).encrypt(nonce, text, _LABEL + copy_id)

    @classmethod
    def unseal(cls, sealed: bytes, copy_id: bytes, *, key: bytes) -> Self:
        """Take it back; EvidenceError under another key or for another copy, MalformedError."""
        if not NONCE_SIZE < len(sealed) <= MAX_SEALED:
            raise MalformedError("what should lead back to the original has not its length")
        try:
            text = AESGCM(key).decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], _LABEL + copy_id)
        except InvalidTag as error:
            raise EvidenceError(
                "the way back was enciphered under another key, or for another copy"
            ) from error
        try:
            fields = decode_cbor(text, max_size=MAX_SEALED)
        except LedgerMalformedError as error:
            raise MalformedError("the way back is not deterministic CBOR") from error
        match fields:
            case [1, bytes(salt), bytes(leaf_hash), bytes(object_id)] if (
                len(salt),
                len(leaf_hash),
                len(object_id),
            ) == (SALT_SIZE, _HASH, _ID) and type(fields[0]) is int:
                return cls(salt, leaf_hash, object_id)
            case _:
                raise MalformedError("the way back is not a salt, a leaf hash and an object id")
