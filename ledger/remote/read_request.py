"""A signed question for what is not public (docs/spec/log-server.md): exact bytes, one purpose."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field

from ledger.cose.cbor import decode_cbor, encode_cbor
from ledger.cose.keys import SIGNATURE_SIZE, Algorithm, Signer, VerificationKey
from ledger.cose.sign1 import encode_sign1, parse_sign1, to_be_signed
from ledger.errors import MalformedError, SignatureError, UsageError
from ledger.links import HASH_SIZE

VERSION = 1
METHOD = "GET"
NONCE_SIZE = 32
MAX_REQUEST = 1024
MAX_HEADER = 2048
CONTENT_TYPE = "application/radseal-read+cbor"
TYPE = "application/radseal-read+cose"

_SCHEME = "Radseal "


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """What is asked, of which log, by which key; nothing is verified yet."""

    algorithm: Algorithm
    kid: bytes
    origin: str
    path: str
    nonce: bytes
    signature: bytes = field(repr=False)
    signed: bytes = field(repr=False)

    def verify(self, key: VerificationKey) -> None:
        """Return only if ``key`` has signed this; else SignatureError."""
        if self.kid != key.kid or self.algorithm is not key.algorithm:
            raise SignatureError("the question names another key than the one it is checked with")
        key.verify(self.signature, self.signed)


def sign_read_request(*, origin: str, path: str, nonce: bytes, signer: Signer) -> bytes:
    """Return the bytes of a question; UsageError for values that make none."""
    payload = encode_cbor({1: VERSION, 2: origin, 3: METHOD, 4: path, 5: nonce})
    protected = _protected_header(signer.algorithm, signer.kid)
    signature = signer.sign(to_be_signed(protected, payload))
    encoded = encode_sign1(protected, payload, signature)
    try:
        parse_read_request(encoded)
    except MalformedError as error:
        raise UsageError(f"these values make no question: {error}") from error
    return encoded


def parse_read_request(encoded: bytes) -> ReadRequest:
    """Read a question strictly, without judging it; MalformedError for any other bytes."""
    if len(encoded) > MAX_REQUEST:
        raise MalformedError(f"{len(encoded)} bytes, where a question has at most {MAX_REQUEST}")
    envelope = parse_sign1(encoded)
    if envelope.unprotected or envelope.payload is None:
        raise MalformedError("a question has an empty unprotected header and carries its payload")
    if len(envelope.signature) != SIGNATURE_SIZE:
        raise MalformedError(f"a signature of {len(envelope.signature)} bytes")
    match decode_cbor(envelope.payload, max_size=MAX_REQUEST):
        case {1: version, 2: str(origin), 3: "GET", 4: str(path), 5: bytes(nonce), **unknown} if (
            not unknown
        ):
            pass
        case _:
            raise MalformedError("the payload is not a map of the five fields of a question")
    if version != VERSION or isinstance(version, bool):
        raise MalformedError("the version of the question is not known")
    if len(nonce) != NONCE_SIZE:
        raise MalformedError(f"a nonce of {len(nonce)} bytes")
    algorithm, kid = _read_header(envelope.protected)
    return ReadRequest(
        algorithm=algorithm,
        kid=kid,
        origin=origin,
        path=path,
        nonce=nonce,
        signature=envelope.signature,
        signed=to_be_signed(envelope.protected, envelope.payload),
    )


def _protected_header(algorithm: Algorithm, kid: bytes) -> bytes:
    return encode_cbor({1: int(algorithm), 3: CONTENT_TYPE, 4: kid, 16: TYPE})


def _read_header(protected: bytes) -> tuple[Algorithm, bytes]:
    match decode_cbor(protected, max_size=MAX_REQUEST):
        case {4: bytes(kid)} if len(kid) == HASH_SIZE:
            for algorithm in Algorithm:
                if protected == _protected_header(algorithm, kid):
                    return algorithm, kid
    raise MalformedError("the protected header is not one of an allowed algorithm and a key")


def encode_authorization(encoded: bytes) -> str:
    """Return the value of the header that carries a question."""
    return _SCHEME + urlsafe_b64encode(encoded).rstrip(b"=").decode("ascii")


def parse_authorization(value: str) -> bytes:
    """Read such a value; MalformedError for another scheme, or another spelling of the bytes."""
    text = value.removeprefix(_SCHEME)
    if text == value or len(value) > MAX_HEADER:
        raise MalformedError("an authorization of another scheme, or too long")
    try:
        encoded = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, UnicodeError) as error:
        raise MalformedError("an authorization that is not base64url") from error
    if encode_authorization(encoded) != value:
        raise MalformedError("an authorization that is not base64url in its one spelling")
    return encoded
