"""Keys that sign statements: Ed25519 and ECDSA on P-256, by the algorithm names of RFC 9864."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from ledger.cose.signatures import ECDSA, SIGNATURE_SIZE, Check, PublicKey, check_of, is_signed
from ledger.errors import MalformedError, SignatureError, UsageError

MAX_SPKI_SIZE = 256

_PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


class Algorithm(IntEnum):
    """COSE algorithm identifiers that fix curve and hash (RFC 9864, section 2)."""

    ED25519 = -19
    ESP256 = -9


class Signer(Protocol):
    """Whoever can sign a statement: a key in a file, in a token, behind a service."""

    @property
    def kid(self) -> bytes:
        """SHA-256 of ``spki``."""

    @property
    def algorithm(self) -> Algorithm:
        """The algorithm of the key."""

    @property
    def spki(self) -> bytes:
        """The public key as DER SubjectPublicKeyInfo."""

    def sign(self, message: bytes) -> bytes:
        """Return 64 bytes: an Ed25519 signature, or r and s of ESP256."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key whose encoding and type were checked; build it with ``from_spki``."""

    spki: bytes
    kid: bytes
    algorithm: Algorithm
    _check: Check = field(repr=False, compare=False)

    @classmethod
    def from_spki(cls, der: bytes) -> VerificationKey:
        """Parse a DER SubjectPublicKeyInfo; MalformedError unless Ed25519 or P-256, canonical."""
        if len(der) > MAX_SPKI_SIZE:
            raise MalformedError(f"a public key of {len(der)} bytes")
        try:
            key = serialization.load_der_public_key(der)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise MalformedError(f"not a public key we know: {error}") from error
        algorithm = _algorithm(key)
        assert isinstance(key, PublicKey)
        if _spki(key) != der:
            raise MalformedError("a public key that is not in its canonical DER encoding")
        return cls(der, hashlib.sha256(der).digest(), algorithm, check_of(key))

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return only if ``signature`` (64 bytes) is by this key over ``message``."""
        if len(signature) != SIGNATURE_SIZE:
            raise SignatureError(f"a signature of {len(signature)} bytes, not {SIGNATURE_SIZE}")
        if not is_signed(self._check, signature, message):
            raise SignatureError("the signature does not verify")

    def is_by(self, signature: bytes, message: bytes) -> bool:
        """Whether ``signature`` is by this key over ``message``; for whoever asks for many."""
        return is_signed(self._check, signature, message)


@dataclass(frozen=True, slots=True)
class PrivateKeySigner:
    """A signer whose key lies in memory; build it with ``from_private_key``."""

    kid: bytes
    algorithm: Algorithm
    spki: bytes
    _key: _PrivateKey = field(repr=False, compare=False)

    @classmethod
    def from_private_key(cls, key: object) -> PrivateKeySigner:
        """Wrap a private key of the cryptography package; UsageError for any other type."""
        if not isinstance(key, _PrivateKey):
            raise UsageError("a statement is signed with an Ed25519 or a P-256 key")
        try:
            public = VerificationKey.from_spki(_spki(key.public_key()))
        except MalformedError as error:
            raise UsageError("a statement is signed with an Ed25519 or a P-256 key") from error
        return cls(public.kid, public.algorithm, public.spki, key)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature over ``message``."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(message)
        r, s = decode_dss_signature(self._key.sign(message, ECDSA))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _algorithm(key: object) -> Algorithm:
    if isinstance(key, ed25519.Ed25519PublicKey):
        return Algorithm.ED25519
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return Algorithm.ESP256
    raise MalformedError("the key is neither Ed25519 nor P-256")


def _spki(key: PublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
