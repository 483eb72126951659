"""The text in which a pair of private keys is kept: a heading, a name, two PKCS #8 blocks."""

from __future__ import annotations

from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from ledger.errors import MalformedError

MAX_KEY_FILE = 4_096

_END = "-----END PRIVATE KEY-----\n"


class KeyPair(NamedTuple):
    """An Ed25519 key for today, an ML-DSA-44 key for the years to come."""

    ed25519: ed25519.Ed25519PrivateKey
    mldsa44: mldsa.MLDSA44PrivateKey


def write_key_file(heading: str, label: str, name: str, keys: KeyPair) -> bytes:
    """Return the text: secret, to be kept with mode 0600."""
    blocks = [
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        for key in keys
    ]
    return f"{heading}\n{label} {name}\n".encode() + b"".join(blocks)


def read_key_file(data: bytes, heading: str, label: str) -> tuple[str, KeyPair]:
    """Return name and keys; MalformedError for all but what ``write_key_file`` returns."""
    if len(data) > MAX_KEY_FILE:
        raise MalformedError(f"{len(data)} bytes are no file of {label} keys")
    try:
        _, named, rest = data.decode("utf-8").split("\n", 2)
        first, end, second = rest.partition(_END)
        keys = [
            serialization.load_pem_private_key(pem.encode(), password=None)
            for pem in (first + end, second)
        ]
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise MalformedError(f"not a file with a heading {heading!r}") from error
    match keys:
        case [ed25519.Ed25519PrivateKey() as classic, mldsa.MLDSA44PrivateKey() as lasting]:
            pair = KeyPair(classic, lasting)
        case _:
            raise MalformedError(f"{heading!r} holds an Ed25519 and an ML-DSA-44 key")
    name = named.removeprefix(f"{label} ")
    if write_key_file(heading, label, name, pair) != data:
        raise MalformedError(f"{heading!r} in another than its one form")
    return name, pair
