"""A witness's keys, and the cosignatures made and checked with such keys (C2SP tlog-cosignature).

Reads no clock: the time of a cosignature is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from ledger.checkpoints.checkpoint import Checkpoint, parse_checkpoint
from ledger.checkpoints.key_file import KeyPair, read_key_file, write_key_file
from ledger.checkpoints.note import Note, NoteSignature
from ledger.checkpoints.note_keys import (
    TIMESTAMP_SIZE,
    KeyType,
    NoteKey,
    cosignature_message,
    subtree_message,
)
from ledger.errors import SignatureError, UsageError

COSIGNER_TYPES = frozenset({KeyType.ED25519_COSIGNATURE, KeyType.MLDSA44_COSIGNATURE})

_HEADER = "radseal witness keys 1"
_LABEL = "name"


@dataclass(frozen=True, slots=True)
class Cosigner:
    """The two private keys of a witness, under one name; both always sign."""

    name: str
    _keys: KeyPair = field(repr=False, compare=False)
    note_keys: tuple[NoteKey, NoteKey]

    @classmethod
    def generate(cls, name: str) -> Cosigner:
        """Draw new keys for a witness called ``name``, such as ``witness.hospital.example``."""
        return cls._build(
            name,
            KeyPair(ed25519.Ed25519PrivateKey.generate(), mldsa.MLDSA44PrivateKey.generate()),
        )

    @classmethod
    def from_seeds(cls, name: str, *, ed25519_seed: bytes, mldsa44_seed: bytes) -> Cosigner:
        """Build the keys of two secret seeds of 32 bytes each."""
        try:
            keys = KeyPair(
                ed25519.Ed25519PrivateKey.from_private_bytes(ed25519_seed),
                mldsa.MLDSA44PrivateKey.from_seed_bytes(mldsa44_seed),
            )
        except ValueError as error:
            raise UsageError("a seed has 32 bytes") from error
        return cls._build(name, keys)

    @classmethod
    def from_bytes(cls, data: bytes) -> Cosigner:
        """Read what ``to_bytes`` wrote; MalformedError for anything else."""
        return cls._build(*read_key_file(data, _HEADER, _LABEL))

    def to_bytes(self) -> bytes:
        """Return the keys as text with two PKCS #8 blocks: secret, to be kept with mode 0600."""
        return write_key_file(_HEADER, _LABEL, self.name, self._keys)

    @property
    def vkeys(self) -> tuple[str, str]:
        """The verifier keys to give to whoever lists this witness in a policy."""
        first, second = self.note_keys
        return str(first), str(second)

    def cosign(self, checkpoint: Checkpoint, *, timestamp: int) -> tuple[NoteSignature, ...]:
        """Return both lines; ``timestamp``, in seconds, says when the tree was the largest."""
        if not 0 < timestamp < 2**63:
            raise UsageError(f"{timestamp} is not the time of a cosignature")
        stamp = timestamp.to_bytes(TIMESTAMP_SIZE, "big")
        classic, lasting = self.note_keys
        signed = self._keys.ed25519.sign(cosignature_message(checkpoint.text, timestamp))
        lasting_signed = self._keys.mldsa44.sign(subtree_message(self.name, checkpoint, timestamp))
        return (
            NoteSignature(self.name, classic.key_id, stamp + signed),
            NoteSignature(self.name, lasting.key_id, stamp + lasting_signed),
        )

    @classmethod
    def _build(cls, name: str, keys: KeyPair) -> Cosigner:
        note_keys = (
            NoteKey.from_public_bytes(
                name, KeyType.ED25519_COSIGNATURE, keys.ed25519.public_key().public_bytes_raw()
            ),
            NoteKey.from_public_bytes(
                name, KeyType.MLDSA44_COSIGNATURE, keys.mldsa44.public_key().public_bytes_raw()
            ),
        )
        return cls(name, keys, note_keys)


def cosigned_by(note: Note, witnesses: Iterable[NoteKey]) -> dict[NoteKey, int]:
    """Return which of ``witnesses`` cosigned a checkpoint, each with its time in seconds.

    Lines by other keys, and by whoever bears the name of the log itself, are ignored.
    SignatureError if a line by one of the keys does not verify, or has time 0.
    """
    origin = parse_checkpoint(note.text).origin
    known = {(key.name, key.key_id): key for key in witnesses if key.name != origin}
    times: dict[NoteKey, int] = {}
    for each in note.signatures:
        key = known.get((each.name, each.key_id))
        if key is None:
            continue
        if key.type not in COSIGNER_TYPES:
            raise UsageError(f"the key of {key.name} is not one of a witness")
        time = key.verify(each.signature, note.text)
        if not time:
            raise SignatureError(f"{key.name}: a cosignature without a time")
        times[key] = time
    return times
