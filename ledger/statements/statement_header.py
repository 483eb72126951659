"""The protected header of a statement: all of it but kid and object id is fixed."""

from __future__ import annotations

from ledger.cose.cbor import encode_cbor
from ledger.cose.keys import Algorithm
from ledger.errors import MalformedError
from ledger.links import HASH_SIZE

CONTENT_TYPE = "application/radseal-event+cbor"
TYPE = "application/radseal-statement+cose"

# {1: alg, 3: content type, 4: kid, 15: {1: iss, 2: sub}, 16: typ} in parts (docs/spec/statement.md)
BEFORE_KID = {
    algorithm: b"\xa5\x01" + encode_cbor(int(algorithm)) + b"\x03" + encode_cbor(CONTENT_TYPE)
    + b"\x04\x58\x20"
    for algorithm in Algorithm
}  # fmt: skip
ISSUER = b"\x0f\xa2\x01\x78\x50urn:radseal:key:"  # text of 80 bytes, 64 of them hex
ABOUT_AN_OBJECT = b"\x02\x78\x2burn:radseal:object:"  # text of 43 bytes, 24 of them hex
ABOUT_THE_LOG = b"\x02" + encode_cbor("urn:radseal:log")
TYP = b"\x10" + encode_cbor(TYPE)


def protected_header(algorithm: Algorithm, kid: bytes, object_id: bytes | None) -> bytes:
    """Return the one header of this signer and object, joined from parts encoded once."""
    subject = ABOUT_THE_LOG if object_id is None else ABOUT_AN_OBJECT + object_id.hex().encode()
    issuer = kid.hex().encode()
    return b"".join((BEFORE_KID[algorithm], kid, ISSUER, issuer, subject, TYP))


def read_header(protected: bytes, object_id: bytes | None) -> tuple[Algorithm, bytes]:
    """Take algorithm and key id from their places, and compare all of the rest."""
    for algorithm, before in BEFORE_KID.items():
        kid = protected[len(before) : len(before) + HASH_SIZE]
        if protected.startswith(before) and len(kid) == HASH_SIZE:
            if protected != protected_header(algorithm, kid, object_id):
                break
            return algorithm, kid
    raise MalformedError("the protected header is not one of an allowed algorithm, key and object")
