"""A second signature on a seal, by ML-DSA-65 (docs/spec/second-signature.md): how it is opened.

The seal says which key must have made it, so that it cannot be taken off unnoticed. What is missing
or does not verify is a doubt about who sealed, never a reason to go on without.
"""

import hashlib
from dataclasses import dataclass
from typing import Self

from cryptography import x509

from ledger import LedgerError, SecondKey
from provenance.errors import MalformedError
from provenance.findings import Code
from provenance.trust.certificates import (
    MAX_CERTIFICATE,
    MAX_CERTIFICATES,
    certificate_spki,
    load_certificate,
)

MAX_SIGNATURE = 4096


@dataclass(frozen=True, slots=True)
class SecondSignature:
    """What travels in the annex: the signature, and its certificates (signer first, no root)."""

    signature: bytes
    certificates: tuple[bytes, ...]

    def to_cbor(self) -> list[object]:
        """Return the field of the annex."""
        return [self.signature, list(self.certificates)]

    @classmethod
    def from_cbor(cls, found: object) -> Self:
        """Parse strictly; MalformedError."""
        match found:
            case [bytes(signature), list(listed)] if 0 < len(signature) <= MAX_SIGNATURE:
                pass
            case _:
                raise MalformedError("the annex's second signature is not of its format")
        certificates = tuple(
            c for c in listed if isinstance(c, bytes) and 1 <= len(c) <= MAX_CERTIFICATE
        )
        if len(certificates) != len(listed) or not 1 <= len(certificates) <= MAX_CERTIFICATES:
            raise MalformedError(
                f"a second signature must carry 1 to {MAX_CERTIFICATES} certificates"
            )
        return cls(signature, certificates)


@dataclass(frozen=True, slots=True)
class SecondClaim:
    """A second signature that verified, with the certificates of its very key."""

    kid: bytes
    chain: tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class SecondDoubt:
    """That the second signature which the seal names is not there, or does not hold."""

    kid: bytes
    code: Code
    detail: str


def open_second(
    statement: bytes, kid: bytes, found: SecondSignature | None
) -> SecondClaim | SecondDoubt:
    """Verify that the key ``kid``, which the seal names, has signed ``statement`` too."""
    if found is None:
        detail = f"the seal names a second key, {kid.hex()[:16]}, whose signature is missing"
        return SecondDoubt(kid, Code.SECOND_MISSING, detail)
    try:
        chain = tuple(load_certificate(der) for der in found.certificates)
        spki = certificate_spki(chain[0])
        if hashlib.sha256(spki).digest() != kid:
            detail = "its certificate is that of another key than the seal names"
            return SecondDoubt(kid, Code.SECOND_BROKEN, detail)
        SecondKey.from_spki(spki).verify(found.signature, statement)
    except (LedgerError, MalformedError) as error:
        return SecondDoubt(kid, Code.SECOND_BROKEN, str(error))
    return SecondClaim(kid, chain)
