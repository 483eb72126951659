"""Tokens of a TSA as bytes: out of its answer, and into what verifiers read (RFC 3161, 2.4.2)."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat import asn1

from ledger.errors import MalformedError, ProofError

MAX_TOKEN = 1 << 16
MAX_REPLY = MAX_TOKEN

_STATUS = {
    1: "granted with modifications",
    2: "rejection",
    3: "waiting",
    4: "revocation warning",
    5: "revocation notification",
}
_GRANTED = bytes.fromhex("3003020100")  # PKIStatusInfo of status 0, without words


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


@asn1.sequence
class _ContentInfo:
    content_type: x509.ObjectIdentifier
    content: asn1.TLV


@asn1.sequence
class _SignedData:
    version: int
    algorithms: asn1.TLV
    content: asn1.TLV
    certificates: asn1.TLV
    signers: asn1.TLV


@asn1.sequence
class _Certificates:
    each: list[asn1.TLV]


def in_order(token: bytes) -> bytes:
    """Return the token with its set of certificates in the order DER asks for.

    OpenSSL writes it in any order, and no signature covers it; all else stays as it is.
    """
    try:
        outer = asn1.decode_der(_ContentInfo, token)
        inner = asn1.decode_der(_SignedData, bytes(outer.content.data))
        held = bytes(inner.certificates.data)
        each = asn1.decode_der(_Certificates, _element(b"\x30", _element(b"\x30", held))).each
    except ValueError:
        return token  # not of this shape: the parser says what it is
    ordered = b"".join(sorted(_element(one.tag_bytes, bytes(one.data)) for one in each))
    return token if ordered == held else token.replace(held, ordered, 1)


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
    return _element(b"\x30", _GRANTED + token)


def _length(length: int) -> bytes:
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
    return _element(element.tag_bytes, bytes(element.data))


def _element(tag: bytes, data: bytes) -> bytes:
    return tag + _length(len(data)) + data
