"""The private keys a log signs its checkpoints with, and the text they are kept in."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ledger.checkpoints.checkpoint import Checkpoint
from ledger.checkpoints.key_file import KeyPair, read_key_file, write_key_file
from ledger.checkpoints.key_sets import MAX_SETS
from ledger.checkpoints.note import Note, NoteSignature
from ledger.checkpoints.note_keys import KeyType, NoteKey, subtree_message
from ledger.cose.keys import PrivateKeySigner
from ledger.errors import UsageError

_HEADER = "radseal log keys 1"
_LABEL = "origin"


@dataclass(frozen=True, slots=True)
class LogKeys:
    """Ed25519 for today's witnesses, ML-DSA-44 for the years to come; both always sign.

    While a log changes its keys it has two such pairs, the older first, and all of them sign.
    """

    origin: str
    _pairs: tuple[KeyPair, ...] = field(repr=False, compare=False)
    sets: tuple[tuple[NoteKey, ...], ...]

    @classmethod
    def generate(cls, origin: str) -> LogKeys:
        """Draw new keys for a log called ``origin``, such as ``archive.hospital.example/2026``."""
        pair = KeyPair(ed25519.Ed25519PrivateKey.generate(), mldsa.MLDSA44PrivateKey.generate())
        return cls._build(origin, pair)

    @classmethod
    def from_seeds(cls, origin: str, *, ed25519_seed: bytes, mldsa44_seed: bytes) -> LogKeys:
        """Build the keys of two secret seeds of 32 bytes each."""
        try:
            pair = KeyPair(
                ed25519.Ed25519PrivateKey.from_private_bytes(ed25519_seed),
                mldsa.MLDSA44PrivateKey.from_seed_bytes(mldsa44_seed),
            )
        except ValueError as error:
            raise UsageError("a seed has 32 bytes") from error
        return cls._build(origin, pair)

    @classmethod
    def from_bytes(cls, data: bytes) -> LogKeys:
        """Read what ``to_bytes`` wrote; MalformedError for anything else."""
        return cls._build(*read_key_file(data, _HEADER, _LABEL))

    def to_bytes(self) -> bytes:
        """Return one pair as text with two PKCS #8 blocks: secret, to be kept with mode 0600."""
        if len(self._pairs) != 1:
            raise UsageError("each pair of keys is kept in a text of its own")
        return write_key_file(_HEADER, _LABEL, self.origin, self._pairs[0])

    def joined_by(self, newer: LogKeys) -> LogKeys:
        """Return these keys and ``newer`` ones, which sign together."""
        if newer.origin != self.origin or set(newer.sets) & set(self.sets):
            raise UsageError(f"not other keys of {self.origin}")
        if len(self.sets) + len(newer.sets) > MAX_SETS:
            raise UsageError(f"a log signs with at most {MAX_SETS} pairs of keys at one time")
        return LogKeys(self.origin, self._pairs + newer._pairs, self.sets + newer.sets)

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The verifier keys to give to whoever checks receipts."""
        return tuple(str(key) for each in self.sets for key in each)

    @property
    def ed25519_signer(self) -> PrivateKeySigner:
        """The newest Ed25519 key, as a signer of COSE messages: receipts of the log."""
        return PrivateKeySigner.from_private_key(self._pairs[-1].ed25519)

    def derive(self, purpose: bytes) -> tuple[bytes, ...]:
        """Return a secret of 32 bytes for ``purpose`` of each pair of keys, the newest first.

        HKDF-SHA-256 (RFC 5869) over both seeds, without salt; info is purpose, 0, origin.
        """
        info = purpose + b"\0" + self.origin.encode()
        return tuple(
            HKDF(hashes.SHA256(), length=32, salt=None, info=info).derive(
                pair.ed25519.private_bytes_raw() + pair.mldsa44.private_bytes_raw()
            )
            for pair in reversed(self._pairs)
        )

    def sign_checkpoint(self, *, size: int, root: bytes, timestamp: int) -> bytes:
        """Return the signed checkpoint; ``timestamp`` in seconds says when, to the ML-DSA line."""
        checkpoint = Checkpoint(self.origin, size, root)
        text, stamp = checkpoint.text, timestamp.to_bytes(8, "big")
        message = subtree_message(self.origin, checkpoint, timestamp)
        lines = []
        for pair, keys in zip(self._pairs, self.sets, strict=True):
            signatures = (pair.ed25519.sign(text), stamp + pair.mldsa44.sign(message))
            lines += [
                NoteSignature(self.origin, key.key_id, signature)
                for key, signature in zip(keys, signatures, strict=True)
            ]
        return bytes(Note(text, tuple(lines)))

    @classmethod
    def _build(cls, origin: str, pair: KeyPair) -> LogKeys:
        keys = (
            NoteKey.from_public_bytes(
                origin, KeyType.ED25519, pair.ed25519.public_key().public_bytes_raw()
            ),
            NoteKey.from_public_bytes(
                origin, KeyType.MLDSA44_COSIGNATURE, pair.mldsa44.public_key().public_bytes_raw()
            ),
        )
        return cls(origin, (pair,), (keys,))
