"""The two private keys a log signs its checkpoints with, and the text they are kept in."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from ledger.checkpoint import Checkpoint
from ledger.errors import UsageError
from ledger.key_file import KeyPair, read_key_file, write_key_file
from ledger.keys import PrivateKeySigner
from ledger.note import Note, NoteSignature
from ledger.note_keys import KeyType, NoteKey, subtree_message

_HEADER = "radseal log keys 1"
_LABEL = "origin"


@dataclass(frozen=True, slots=True)
class LogKeys:
    """Ed25519 for today's witnesses, ML-DSA-44 for the years to come; both always sign."""

    origin: str
    _ed25519: ed25519.Ed25519PrivateKey = field(repr=False, compare=False)
    _mldsa44: mldsa.MLDSA44PrivateKey = field(repr=False, compare=False)
    note_keys: tuple[NoteKey, NoteKey]

    @classmethod
    def generate(cls, origin: str) -> LogKeys:
        """Draw new keys for a log called ``origin``, such as ``archive.hospital.example/2026``."""
        return cls._build(
            origin, ed25519.Ed25519PrivateKey.generate(), mldsa.MLDSA44PrivateKey.generate()
        )

    @classmethod
    def from_seeds(cls, origin: str, *, ed25519_seed: bytes, mldsa44_seed: bytes) -> LogKeys:
        """Build the keys of two secret seeds of 32 bytes each."""
        try:
            return cls._build(
                origin,
                ed25519.Ed25519PrivateKey.from_private_bytes(ed25519_seed),
                mldsa.MLDSA44PrivateKey.from_seed_bytes(mldsa44_seed),
            )
        except ValueError as error:
            raise UsageError("a seed has 32 bytes") from error

    @classmethod
    def from_bytes(cls, data: bytes) -> LogKeys:
        """Read what ``to_bytes`` wrote; MalformedError for anything else."""
        origin, keys = read_key_file(data, _HEADER, _LABEL)
        return cls._build(origin, *keys)

    def to_bytes(self) -> bytes:
        """Return the keys as text with two PKCS #8 blocks: secret, to be kept with mode 0600."""
        keys = KeyPair(self._ed25519, self._mldsa44)
        return write_key_file(_HEADER, _LABEL, self.origin, keys)

    @property
    def vkeys(self) -> tuple[str, str]:
        """The verifier keys to give to whoever checks receipts."""
        first, second = self.note_keys
        return str(first), str(second)

    @property
    def ed25519_signer(self) -> PrivateKeySigner:
        """The first of the two keys, as a signer of COSE messages: receipts of the log."""
        return PrivateKeySigner.from_private_key(self._ed25519)

    def sign_checkpoint(self, *, size: int, root: bytes, timestamp: int) -> bytes:
        """Return the signed checkpoint; ``timestamp`` in seconds says when, to the ML-DSA line."""
        checkpoint = Checkpoint(self.origin, size, root)
        text, stamp = checkpoint.text, timestamp.to_bytes(8, "big")
        message = subtree_message(self.origin, checkpoint, timestamp)
        signatures = (self._ed25519.sign(text), stamp + self._mldsa44.sign(message))
        lines = (
            NoteSignature(self.origin, key.key_id, signature)
            for key, signature in zip(self.note_keys, signatures, strict=True)
        )
        return bytes(Note(text, tuple(lines)))

    @classmethod
    def _build(
        cls, origin: str, classic: ed25519.Ed25519PrivateKey, lasting: mldsa.MLDSA44PrivateKey
    ) -> LogKeys:
        note_keys = (
            NoteKey.from_public_bytes(
                origin, KeyType.ED25519, classic.public_key().public_bytes_raw()
            ),
            NoteKey.from_public_bytes(
                origin, KeyType.MLDSA44_COSIGNATURE, lasting.public_key().public_bytes_raw()
            ),
        )
        return cls(origin, classic, lasting, note_keys)
