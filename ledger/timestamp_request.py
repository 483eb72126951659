"""Asking for a timestamp, and taking the token out of the answer (RFC 3161, sections 2.4)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from cryptography import x509
from cryptography.hazmat import asn1

from ledger.errors import MalformedError, ProofError, UsageError

MAX_REQUEST = 1_024
MAX_TOKEN = 1 << 16
MAX_REPLY = MAX_TOKEN
NONCE_BITS = 64

_STATUS = {
    1: "granted with modifications",
    2: "rejection",
    3: "waiting",
    4: "revocation warning",
    5: "revocation notification",
}
_GRANTED = bytes.fromhex("3003020100")  # PKIStatusInfo of status 0, without words


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


@asn1.sequence
class _StatusInfo:
    status: int
    text: list[str] | None
    failure: asn1.BitString | None


@asn1.sequence
class _Answer:
    status: asn1.TLV
    token: asn1.TLV


@asn1.sequence
class _AnswerWithoutToken:
    status: _StatusInfo


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


def token_of(reply: bytes) -> bytes:
    """Return the token of a granted answer, unjudged.

    MalformedError for bytes that are no answer, ProofError if the TSA did not grant what it was
    asked for.
    """
    if len(reply) > MAX_REPLY:
        raise MalformedError(f"a timestamp answer of {len(reply)} bytes")
    try:
        parts = asn1.decode_der(_Answer, reply)
        status = asn1.decode_der(_StatusInfo, _raw(parts.status))
        token = _raw(parts.token)
    except ValueError:
        status, token = _refusal(reply), b""
    if status.status != 0:
        kind = _STATUS.get(status.status, f"status {status.status}")
        told = " ".join(status.text or ())[:200]
        raise ProofError(f"the TSA granted no timestamp: {kind}" + (f" ({told})" if told else ""))
    if not token:
        raise MalformedError("a timestamp answer that is granted and has no token")
    return token


def granted(token: bytes) -> bytes:
    """Return the answer that a token came in, without its words: what verifiers read."""
    return b"\x30" + der_length(len(_GRANTED) + len(token)) + _GRANTED + token


def der_length(length: int) -> bytes:
    """Return a length in DER."""
    if length < 0x80:
        return bytes([length])
    data = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(data)]) + data


def _refusal(reply: bytes) -> _StatusInfo:
    try:
        return asn1.decode_der(_AnswerWithoutToken, reply).status
    except ValueError as error:
        raise MalformedError("not a timestamp answer") from error


def _raw(element: asn1.TLV) -> bytes:
    return element.tag_bytes + der_length(len(element.data)) + bytes(element.data)
