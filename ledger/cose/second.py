"""A second signature over a statement, by ML-DSA-65 (FIPS 204): for whom one by a curve is too few.

A detached COSE_Sign1 (RFC 9052, section 4.1; RFC 9964) over the whole statement, its first
signature included (docs/spec/second-signature.md). Which key must make it, the statement says.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import mldsa

from ledger.cose.cbor import encode_cbor
from ledger.cose.sign1 import encode_sign1, parse_sign1, to_be_signed
from ledger.errors import MalformedError, SignatureError, UsageError

ALGORITHM = -49  # ML-DSA-65 (RFC 9964, section 7), pure, with an empty context
CONTENT_TYPE = "application/radseal-statement+cose"
TYPE = "application/radseal-second-signature+cose"
SIGNATURE_SIZE = 3309
SPKI_SIZE = 1974
MAX_SECOND_SIGNATURE = 4096  # bytes of the COSE_Sign1, of which there are less


@dataclass(frozen=True, slots=True)
class SecondKey:
    """An ML-DSA-65 public key whose encoding was checked; build it with ``from_spki``."""

    spki: bytes
    kid: bytes
    _key: mldsa.MLDSA65PublicKey = field(repr=False, compare=False)

    @classmethod
    def from_spki(cls, der: bytes) -> SecondKey:
        """Parse a DER SubjectPublicKeyInfo; MalformedError unless ML-DSA-65, canonical."""
        if len(der) != SPKI_SIZE:
            raise MalformedError(f"a public key of {len(der)} bytes is not one of ML-DSA-65")
        try:
            key = serialization.load_der_public_key(der)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise MalformedError(f"not a public key we know: {error}") from error
        if not isinstance(key, mldsa.MLDSA65PublicKey) or _spki(key) != der:
            raise MalformedError("the key is not one of ML-DSA-65 in its canonical encoding")
        return cls(der, hashlib.sha256(der).digest(), key)

    def verify(self, second: bytes, statement: bytes) -> None:
        """Return only if ``second`` is by this key over ``statement``.

        Raises MalformedError for what is no second signature, SignatureError for one by another
        key or over other bytes.
        """
        if len(second) > MAX_SECOND_SIGNATURE:
            raise MalformedError(f"a second signature of {len(second)} bytes")
        envelope = parse_sign1(second)
        if envelope.unprotected or envelope.payload is not None:
            raise MalformedError("a second signature has an empty header, and no payload")
        if envelope.protected != _protected(self.kid):
            raise SignatureError("the second signature says that another key made it")
        if len(envelope.signature) != SIGNATURE_SIZE:
            raise MalformedError(f"an ML-DSA-65 signature of {len(envelope.signature)} bytes")
        try:
            self._key.verify(envelope.signature, to_be_signed(envelope.protected, statement))
        except InvalidSignature as error:
            raise SignatureError("the second signature does not verify") from error


@dataclass(frozen=True, slots=True)
class SecondSigner:
    """A second key that lies in memory; build it with ``from_private_key``."""

    kid: bytes
    spki: bytes
    _key: mldsa.MLDSA65PrivateKey = field(repr=False, compare=False)

    @classmethod
    def from_private_key(cls, key: object) -> SecondSigner:
        """Wrap a private key of the cryptography package; UsageError unless ML-DSA-65."""
        if not isinstance(key, mldsa.MLDSA65PrivateKey):
            raise UsageError("the second signature of a statement is made with an ML-DSA-65 key")
        public = SecondKey.from_spki(_spki(key.public_key()))
        return cls(public.kid, public.spki, key)

    def sign(self, statement: bytes) -> bytes:
        """Return the COSE_Sign1 over ``statement``; other bytes each time (FIPS 204, hedged)."""
        protected = _protected(self.kid)
        return encode_sign1(protected, None, self._key.sign(to_be_signed(protected, statement)))


def _protected(kid: bytes) -> bytes:
    return encode_cbor({1: ALGORITHM, 3: CONTENT_TYPE, 4: kid, 16: TYPE})


def _spki(key: mldsa.MLDSA65PublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
