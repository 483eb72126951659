"""What a seal asserts: the body of the statement `sealed`, and how it is opened.

A Claim is built by `open_claim` alone, so whoever holds one holds verified bytes and the very
certificate that signed them. Knows no file, no clock, no trust: see trust.py for who is believed.
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
from provenance.annex import Annex
from provenance.certificates import certificate_spki, load_certificate
from provenance.errors import EvidenceError, MalformedError
from provenance.seal_root import commit_descriptor, commit_object, commit_original
from provenance.second_signature import SecondClaim, SecondDoubt, open_second

MARK_KEY_ID_SIZE = 8
MAX_NAME = 64
_REQUIRED = frozenset(range(1, 6))
_KNOWN = _REQUIRED | {6}


@dataclass(frozen=True, slots=True)
class MarkTerms:
    """How the image was marked: scheme, profile, key, and what it cost the pixels."""

    scheme: str
    profile: str
    key_id: bytes
    max_change: int
    psnr_centibel: int

    def to_cbor(self) -> dict[int, object]:
        """Return the map of the statement's body."""
        return {
            1: self.scheme,
            2: self.profile,
            3: self.key_id,
            4: self.max_change,
            5: self.psnr_centibel,
        }

    @classmethod
    def from_cbor(cls, fields: object) -> Self:
        """Parse strictly; MalformedError."""
        if not isinstance(fields, dict) or len(fields) != 5:
            raise MalformedError("the seal's mark terms have not the five fields of their format")
        match fields:
            case {
                1: str(scheme),
                2: str(profile),
                3: bytes(key_id),
                4: int(max_change),
                5: int(psnr),
            } if (
                max(len(scheme), len(profile)) <= MAX_NAME
                and len(key_id) == MARK_KEY_ID_SIZE
                and min(max_change, psnr) >= 0
            ):
                return cls(scheme, profile, key_id, max_change, psnr)
            case _:
                raise MalformedError("the seal's mark terms are not of the format")


@dataclass(frozen=True, slots=True)
class SealBody:
    """The body of `sealed`: commitments, and nothing that says whose image it is.

    ``second`` is the id of an ML-DSA-65 key that has signed the seal too, if there is one.
    """

    certificate: bytes
    commitment: bytes
    original: bytes | None
    mark: MarkTerms | None
    descriptor: bytes | None
    second: bytes | None = None

    def to_cbor(self) -> dict[int, object]:
        """Return the map that the statement carries as its body."""
        fields: dict[int, object] = {
            1: self.certificate,
            2: self.commitment,
            3: self.original,
            4: self.mark.to_cbor() if self.mark else None,
            5: self.descriptor,
        }
        if self.second is not None:
            fields[6] = self.second
        return fields

    @classmethod
    def from_cbor(cls, body: Mapping[int, object]) -> Self:
        """Parse strictly; MalformedError."""
        if not _REQUIRED <= body.keys() <= _KNOWN:
            raise MalformedError("the seal's body has not the fields of its format")
        match body:
            case {
                1: bytes(certificate),
                2: bytes(commitment),
                3: None | bytes() as original,
                4: mark,
                5: None | bytes() as descriptor,
            }:
                pass
            case _:
                raise MalformedError("a field of the seal's body has not the type of its format")
        second = body.get(6)
        if 6 in body and not isinstance(second, bytes):
            raise MalformedError("the second key of the seal's body is not named by a hash")
        assert second is None or isinstance(second, bytes)
        hashes = (certificate, commitment, original, descriptor, second)
        if any(value is not None and len(value) != 32 for value in hashes):
            raise MalformedError("a hash in the seal's body is not 32 bytes long")
        return cls(
            certificate,
            commitment,
            original,
            None if mark is None else MarkTerms.from_cbor(mark),
            descriptor,
            second,
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """A seal whose signature verified, with an annex that fits its commitments.

    ``second`` is what became of the second signature; None if the seal names no second key.
    """

    statement: Statement
    seal_id: bytes
    body: SealBody
    annex: Annex = field(repr=False)
    chain: tuple[x509.Certificate, ...]
    second: SecondClaim | SecondDoubt | None = None

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate whose key signed the seal."""
        return self.chain[0]


def open_claim(unverified: UnverifiedStatement, annex: Annex) -> Claim:
    """Verify the seal's signature and that ``annex`` belongs to it.

    Raises MalformedError (not a seal), or EvidenceError (signature, certificate or annex do not
    fit). Whether the certificate is trusted is another question.
    """
    if unverified.event is not Event.SEALED or unverified.object_id is None:
        raise MalformedError(f"the statement is a {unverified.event} event, not a seal")
    body = SealBody.from_cbor(unverified.body)
    chain = tuple(load_certificate(der) for der in annex.certificates)
    if hashlib.sha256(annex.certificates[0]).digest() != body.certificate:
        raise EvidenceError("the certificate is not the one that the seal names")
    try:
        key = VerificationKey.from_spki(certificate_spki(chain[0]))
        statement = verify_statement(unverified, key)
    except LedgerError as error:
        raise EvidenceError(f"the seal's signature does not verify: {error}") from error
    _check_annex(body, annex)
    second = None
    if body.second is not None:
        second = open_second(statement.encoded, body.second, annex.second)
    return Claim(statement, unverified.object_id, body, annex, chain, second)


def _check_annex(body: SealBody, annex: Annex) -> None:
    if commit_object(annex.salt, annex.root) != body.commitment:
        raise EvidenceError("the annex's hashes are not those that were signed")
    original = annex.original
    if (original is None) != (body.original is None) or (
        original is not None and commit_original(original.salt, original.root) != body.original
    ):
        raise EvidenceError("the annex's original root is not the one that was signed")
    descriptor = annex.descriptor
    if (descriptor is None) != (body.descriptor is None) or (
        descriptor is not None and commit_descriptor(annex.salt, descriptor) != body.descriptor
    ):
        raise EvidenceError("the annex's descriptor is not the one that was signed")
    if annex.second is not None and body.second is None:
        raise EvidenceError("the annex holds a second signature that the seal does not name")
