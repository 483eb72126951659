"""Asking for a timestamp (RFC 3161, section 2.4.1)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1

from ledger.errors import MalformedError, UsageError

MAX_REQUEST = 1_024
NONCE_BITS = 64


class StampHash(StrEnum):
    """The hashes a timestamp may be over."""

    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"

    @property
    def oid(self) -> x509.ObjectIdentifier:
        """The number of the hash in ASN.1."""
        return x509.ObjectIdentifier(_OIDS[self])

    def digest(self, message: bytes) -> bytes:
        """Return the hash of a message."""
        return hashlib.new(self.value, message).digest()


_OIDS = {
    StampHash.SHA256: "2.16.840.1.101.3.4.2.1",
    StampHash.SHA384: "2.16.840.1.101.3.4.2.2",
    StampHash.SHA512: "2.16.840.1.101.3.4.2.3",
}
HASH_OF_OID = {oid: each for each, oid in _OIDS.items()}


@asn1.sequence
class _AlgorithmIdentifier:
    algorithm: x509.ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class _MessageImprint:
    algorithm: _AlgorithmIdentifier
    digest: bytes


@asn1.sequence
class _TimeStampReq:
    version: int
    imprint: _MessageImprint
    policy: x509.ObjectIdentifier | None
    nonce: int | None
    cert_req: Annotated[bool, asn1.Default(False)]


@dataclass(frozen=True, slots=True)
class TimestampRequest:
    """What a TSA is asked to stamp: a digest, never the message."""

    hash: StampHash
    digest: bytes
    nonce: int
    policy: str | None = None

    def __post_init__(self) -> None:
        if len(self.digest) != hashlib.new(self.hash.value).digest_size:
            raise UsageError(f"{len(self.digest)} bytes are no digest of {self.hash}")
        if not 0 <= self.nonce < 1 << NONCE_BITS:
            raise UsageError("a nonce has 64 bits")
        if self.policy is not None:
            parse_policy_oid(self.policy)

    def __bytes__(self) -> bytes:
        algorithm = _AlgorithmIdentifier(algorithm=self.hash.oid, parameters=asn1.Null())
        policy = None if self.policy is None else parse_policy_oid(self.policy)
        return asn1.encode_der(
            _TimeStampReq(
                version=1,
                imprint=_MessageImprint(algorithm=algorithm, digest=self.digest),
                policy=policy,
                nonce=self.nonce,
                cert_req=True,
            )
        )


def parse_policy_oid(text: str) -> x509.ObjectIdentifier:
    """Return the policy of a dotted number; UsageError for another text."""
    try:
        return x509.ObjectIdentifier(text)
    except ValueError as error:
        raise UsageError(f"{text[:80]!r} is no policy number, such as 1.2.3.4") from error


def parse_timestamp_request(data: bytes) -> TimestampRequest:
    """Read a request as we write it; MalformedError for other bytes."""
    if len(data) > MAX_REQUEST:
        raise MalformedError(f"a timestamp request of {len(data)} bytes")
    try:
        parts = asn1.decode_der(_TimeStampReq, data)
        name = HASH_OF_OID[parts.imprint.algorithm.algorithm.dotted_string]
        policy = None if parts.policy is None else parts.policy.dotted_string
        nonce = -1 if parts.nonce is None else parts.nonce
        request = TimestampRequest(name, parts.imprint.digest, nonce, policy)
    except (ValueError, KeyError, OverflowError) as error:
        raise MalformedError("not a timestamp request of radseal's") from error
    if bytes(request) != data:
        raise MalformedError("not a timestamp request of radseal's")
    return request
