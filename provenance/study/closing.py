"""What a `study-closed` statement says, and how it is opened.

A Closing is built by `open_closing` alone, so whoever holds one holds verified bytes, a manifest
that fits them, and the certificate that signed. Knows no log and no trust.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from cryptography import x509

from ledger import (
    Event,
    LedgerError,
    Statement,
    UnverifiedStatement,
    VerificationKey,
    verify_statement,
)
from provenance.errors import EvidenceError, MalformedError
from provenance.study.listed import HASH_SIZE
from provenance.study.manifest import MAX_INSTANCES, Manifest
from provenance.trust.certificates import certificate_name, certificate_spki, load_certificate

MAX_CLASS = (MAX_INSTANCES - 1).bit_length()


@dataclass(frozen=True, slots=True)
class ClosingBody:
    """The body of `study-closed`: a commitment, and nothing that says which study it is."""

    certificate: bytes
    commitment: bytes
    size_class: int

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """Return what is signed of a manifest."""
        digest = hashlib.sha256(manifest.certificates[0]).digest()
        return cls(digest, manifest.commitment, manifest.size_class)

    def to_cbor(self) -> dict[int, object]:
        """Return the map that the statement carries as its body."""
        return {1: self.certificate, 2: self.commitment, 3: self.size_class}

    @classmethod
    def from_cbor(cls, body: Mapping[int, object]) -> Self:
        """Parse strictly; MalformedError."""
        match body:
            case {1: bytes(certificate), 2: bytes(commitment), 3: int(size_class)} if (
                len(body) == 3 and len(certificate) == len(commitment) == HASH_SIZE
            ):
                pass
            case _:
                raise MalformedError("the body of a closing has not the fields of its format")
        if type(size_class) is not int or not 0 <= size_class <= MAX_CLASS:
            raise MalformedError(f"the size class of a closing is 0 to {MAX_CLASS}")
        return cls(certificate, commitment, size_class)


@dataclass(frozen=True, slots=True)
class Closing:
    """A closing whose signature verified, with the manifest that fits its commitment."""

    statement: Statement
    object_id: bytes
    manifest: Manifest = field(repr=False)
    chain: tuple[x509.Certificate, ...] = field(repr=False)

    @property
    def signer(self) -> str:
        """The name of who closed the study, as the certificate has it."""
        return certificate_name(self.chain[0])


def open_closing(unverified: UnverifiedStatement, manifest: Manifest) -> Closing:
    """Verify a closing's signature and that ``manifest`` belongs to it.

    Raises MalformedError (no closing), or EvidenceError (signature, certificate or manifest do
    not fit). Whether the certificate is trusted is another question.
    """
    if unverified.event is not Event.STUDY_CLOSED or unverified.object_id is None:
        raise MalformedError(f"the statement is a {unverified.event} event, and closes no study")
    body = ClosingBody.from_cbor(unverified.body)
    if hashlib.sha256(manifest.certificates[0]).digest() != body.certificate:
        raise EvidenceError("the certificate is not the one that the closing names")
    chain = tuple(load_certificate(der) for der in manifest.certificates)
    try:
        key = VerificationKey.from_spki(certificate_spki(chain[0]))
        statement = verify_statement(unverified, key)
    except LedgerError as error:
        raise EvidenceError(f"the closing's signature does not verify: {error}") from error
    if manifest.commitment != body.commitment or manifest.size_class != body.size_class:
        raise EvidenceError("the manifest is not the one that was signed")
    return Closing(statement, unverified.object_id, manifest, chain)
