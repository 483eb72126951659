"""Verifier keys of signed notes and what each type signs (C2SP signed-note, tlog-cosignature)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from ledger.checkpoints.base64text import decode_base64, encode_base64
from ledger.checkpoints.checkpoint import Checkpoint, parse_checkpoint
from ledger.errors import MalformedError, SignatureError

MAX_NAME = 255
MAX_VKEY = 4_096
KEY_ID_SIZE = 4
TIMESTAMP_SIZE = 8

_PublicKey = ed25519.Ed25519PublicKey | mldsa.MLDSA44PublicKey


class KeyType(IntEnum):
    """Signature types we can check."""

    ED25519 = 0x01
    ED25519_COSIGNATURE = 0x04
    MLDSA44_COSIGNATURE = 0x06


_KEY_SIZES = {
    KeyType.ED25519: 32,
    KeyType.ED25519_COSIGNATURE: 32,
    KeyType.MLDSA44_COSIGNATURE: 1_312,
}
_SIGNATURE_SIZES = {
    KeyType.ED25519: 64,
    KeyType.ED25519_COSIGNATURE: TIMESTAMP_SIZE + 64,
    KeyType.MLDSA44_COSIGNATURE: TIMESTAMP_SIZE + 2_420,
}


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A verifier key ("vkey"); build it with ``parse`` or ``from_public_bytes``."""

    name: str
    key_id: bytes
    type: KeyType
    public: bytes = field(repr=False)
    _key: _PublicKey = field(repr=False, compare=False)

    @classmethod
    def from_public_bytes(cls, name: str, key_type: KeyType, public: bytes) -> NoteKey:
        """Build a key from its raw public bytes; MalformedError for a bad name or size."""
        check_key_name(name)
        if len(public) != _KEY_SIZES[key_type]:
            raise MalformedError(f"a public key of {len(public)} bytes for type {key_type:#04x}")
        try:
            key = _load(key_type, public)
        except ValueError as error:
            raise MalformedError(f"not a public key of type {key_type:#04x}") from error
        return cls(name, _key_id(name, key_type, public), key_type, public, key)

    @classmethod
    def parse(cls, vkey: str) -> NoteKey:
        """Read ``name+id+base64``; MalformedError also if the id is not the key's own."""
        parts = vkey.split("+", 2)
        if len(vkey) > MAX_VKEY or len(parts) != 3:
            raise MalformedError("a verifier key is a name, a key id and a key, joined by +")
        name, key_id, encoded = parts
        data = decode_base64(encoded)
        try:
            key_type = KeyType(data[0])
        except (IndexError, ValueError) as error:
            raise MalformedError("a verifier key of a type we do not know") from error
        key = cls.from_public_bytes(name, key_type, data[1:])
        if key.key_id.hex() != key_id:
            raise MalformedError(f"the key id {key_id[:16]!r} is not the one of the key")
        return key

    def __str__(self) -> str:
        encoded = encode_base64(bytes([self.type]) + self.public)
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    def verify(self, signature: bytes, text: bytes) -> int | None:
        """Return only if ``signature`` covers ``text``: its timestamp in seconds, if it has one."""
        if len(signature) != _SIGNATURE_SIZES[self.type]:
            raise SignatureError(f"{self.name}: a signature of {len(signature)} bytes")
        timestamp = None
        message = text
        if self.type is not KeyType.ED25519:
            timestamp = int.from_bytes(signature[:TIMESTAMP_SIZE], "big")
            signature = signature[TIMESTAMP_SIZE:]
            if timestamp >= 2**63:
                raise SignatureError(f"{self.name}: a timestamp out of range")
            message = self._cosigned(text, timestamp)
        try:
            self._key.verify(signature, message)
        except InvalidSignature as error:
            raise SignatureError(f"the signature of {self.name} does not verify") from error
        return timestamp

    def _cosigned(self, text: bytes, timestamp: int) -> bytes:
        try:
            checkpoint = parse_checkpoint(text)
        except MalformedError as error:
            raise SignatureError(f"{self.name} cosigns checkpoints, not other notes") from error
        if self.type is KeyType.ED25519_COSIGNATURE:
            return cosignature_message(text, timestamp)
        return subtree_message(self.name, checkpoint, timestamp)


def cosignature_message(text: bytes, timestamp: int) -> bytes:
    """Return what an Ed25519 cosignature signs of a checkpoint's text (``cosignature/v1``)."""
    return f"cosignature/v1\ntime {timestamp}\n".encode() + text


def subtree_message(cosigner: str, checkpoint: Checkpoint, timestamp: int) -> bytes:
    """Return what an ML-DSA-44 cosignature signs for a whole tree (``subtree/v1``)."""
    return b"".join(
        (
            b"subtree/v1\n\x00",
            _short(cosigner),
            timestamp.to_bytes(8, "big"),
            _short(checkpoint.origin),
            (0).to_bytes(8, "big"),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def check_key_name(name: str) -> None:
    """Return only for a name a note key may have: not empty, no space, no plus sign."""
    fine = name and not any(c.isspace() or c == "+" or ord(c) < 0x20 for c in name)
    if not fine or len(_utf8(name)) > MAX_NAME:
        raise MalformedError(f"{name[:60]!r} cannot be the name of a key")


def _short(text: str) -> bytes:
    data = _utf8(text)
    if not 0 < len(data) <= MAX_NAME:
        raise SignatureError(f"a name of {len(data)} bytes cannot be cosigned")
    return bytes([len(data)]) + data


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise MalformedError("a name that is not Unicode text") from error


def _key_id(name: str, key_type: KeyType, public: bytes) -> bytes:
    hashed = hashlib.sha256(name.encode() + b"\n" + bytes([key_type]) + public)
    return hashed.digest()[:KEY_ID_SIZE]


def _load(key_type: KeyType, public: bytes) -> _PublicKey:
    if key_type is KeyType.MLDSA44_COSIGNATURE:
        return mldsa.MLDSA44PublicKey.from_public_bytes(public)
    return ed25519.Ed25519PublicKey.from_public_bytes(public)
