"""The statement with which an object's life begins: `sealed`, `derived` or `deidentified`.

What its body says (docs/spec/seal.md, derivation.md), and how its signature is opened. Knows no
file, no clock, no trust: see trust/store.py for who is believed.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from cryptography import x509

from ledger import (
    BIRTHS,
    MAY_SIGN,
    Event,
    LedgerError,
    Role,
    Statement,
    UnverifiedStatement,
    VerificationKey,
    verify_statement,
)
from provenance.deidentification.declared import Declared
from provenance.errors import EvidenceError, MalformedError
from provenance.trust.certificates import certificate_spki, load_certificate
from provenance.trust.paths import REMEMBERED

MARK_KEY_ID_SIZE: Final = 8
MAX_NAME: Final = 64
MAX_PARENTS: Final = 1024
OBJECT_ID_SIZE: Final = 12
HASH_SIZE: Final = 32
_FIELDS_OF_COPY: Final = {Event.DERIVED: (7, 8), Event.DEIDENTIFIED: (7, 8, 9)}
_KIND: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")


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
class ParentLink:
    """Whose copy an object is: the leaf hash of the parent's birth statement, and its id."""

    leaf_hash: bytes
    object_id: bytes


@dataclass(frozen=True, slots=True)
class Origin:
    """How an object was made from others.

    Of `deidentified`, parents are a commitment alone, and there is what was declared.
    """

    kind: str
    parents: tuple[ParentLink, ...] = ()
    commitment: bytes | None = None
    declared: Declared | None = None

    def to_cbor(self) -> dict[int, object]:
        """Return fields 7 and 8 of the body, and 9 of `deidentified`."""
        if self.commitment is not None:
            declared = self.declared or Declared()
            return {7: self.kind, 8: self.commitment, 9: declared.to_cbor()}
        return {7: self.kind, 8: [[each.leaf_hash, each.object_id] for each in self.parents]}

    @classmethod
    def from_cbor(
        cls, event: Event, kind: object, parents: object, declared: object = None
    ) -> Self:
        """Parse fields 7, 8 and 9 of a `derived` or `deidentified` body; MalformedError."""
        if not isinstance(kind, str) or not _KIND.fullmatch(kind):
            raise MalformedError("the kind of a copy is a word of 1 to 32 small letters")
        if event is Event.DEIDENTIFIED:
            if not isinstance(parents, bytes) or len(parents) != HASH_SIZE:
                raise MalformedError("a de-identified copy commits to its parents with 32 bytes")
            return cls(kind, commitment=parents, declared=Declared.from_cbor(declared))
        if not isinstance(parents, list) or not 1 <= len(parents) <= MAX_PARENTS:
            raise MalformedError(f"a derived copy has 1 to {MAX_PARENTS} parents")
        links = tuple(_parent(each) for each in parents)
        if len({link.object_id for link in links}) != len(links):
            raise MalformedError("a derived copy names each parent once")
        return cls(kind, links)


def _parent(found: object) -> ParentLink:
    match found:
        case [bytes(leaf_hash), bytes(object_id)] if (
            len(leaf_hash) == HASH_SIZE and len(object_id) == OBJECT_ID_SIZE
        ):
            return ParentLink(leaf_hash, object_id)
        case _:
            raise MalformedError("a parent is named by a leaf hash and an object id")


@dataclass(frozen=True, slots=True)
class BirthBody:
    """The body of a birth: commitments, and nothing that says whose image it is.

    ``origin`` is None exactly for `sealed`. ``second`` is the id of an ML-DSA-65 key that has
    signed the birth too, if there is one.
    """

    certificate: bytes
    commitment: bytes
    original: bytes | None
    mark: MarkTerms | None
    descriptor: bytes | None
    origin: Origin | None = None
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
            fields |= {6: self.second}
        return fields if self.origin is None else fields | self.origin.to_cbor()

    @classmethod
    def from_cbor(cls, body: Mapping[int, object], event: Event = Event.SEALED) -> Self:
        """Parse the body of this kind of birth strictly; MalformedError."""
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
                raise MalformedError("a birth's body has not the fields of its format")
        own = {1, 2, 3, 4, 5, *_FIELDS_OF_COPY.get(event, ())}
        if event not in BIRTHS or set(body) - {6} != own:
            raise MalformedError("a birth's body has not the fields of its format")
        second = body.get(6)
        if 6 in body and not isinstance(second, bytes):
            raise MalformedError("the second key of a birth's body is not named by a hash")
        assert second is None or isinstance(second, bytes)
        hashes = (certificate, commitment, original, descriptor, second)
        if any(value is not None and len(value) != HASH_SIZE for value in hashes):
            raise MalformedError("a hash in a birth's body is not 32 bytes long")
        origin = None
        if event is not Event.SEALED:
            origin = Origin.from_cbor(event, body[7], body[8], body.get(9))
            if original is not None:
                raise MalformedError("a copy has no original root: its parents have")
        return cls(
            certificate,
            commitment,
            original,
            None if mark is None else MarkTerms.from_cbor(mark),
            descriptor,
            origin,
            second,
        )


@dataclass(frozen=True, slots=True)
class Birth:
    """A birth whose signature verified, and the very certificates that came with it."""

    statement: Statement
    object_id: bytes
    body: BirthBody
    chain: tuple[x509.Certificate, ...]

    @property
    def certificate(self) -> x509.Certificate:
        """The certificate whose key signed."""
        return self.chain[0]


def open_birth(unverified: UnverifiedStatement, certificates: Sequence[bytes]) -> Birth:
    """Verify a birth's signature under the first of ``certificates``, which it names.

    Raises MalformedError (no birth), or EvidenceError (signature or certificate do not fit).
    Whether the certificate is trusted is another question.
    """
    if unverified.event not in BIRTHS or unverified.object_id is None:
        raise MalformedError(f"the statement is a {unverified.event} event, not a seal")
    body = BirthBody.from_cbor(unverified.body, unverified.event)
    chain = tuple(load_certificate(der) for der in certificates)
    if hashlib.sha256(certificates[0]).digest() != body.certificate:
        raise EvidenceError("the certificate is not the one that the seal names")
    try:
        statement = verify_statement(unverified, _key_of(chain[0]))
    except LedgerError as error:
        raise EvidenceError(f"the seal's signature does not verify: {error}") from error
    return Birth(statement, unverified.object_id, body, chain)


@lru_cache(REMEMBERED)
def _key_of(certificate: x509.Certificate) -> VerificationKey:
    """Return the key of a certificate; MalformedError if it is none that signs statements."""
    return VerificationKey.from_spki(certificate_spki(certificate))


def roles_of(event: Event) -> tuple[Role, ...]:
    """Return the roles that may sign an event, in a fixed order."""
    return tuple(role for role in Role if event in MAY_SIGN[role])
