"""Does a public key's signature hold? Also a process that answers nothing else.

It imports nothing of the package, and ``Verifiers`` starts it as a file: a process that needs only
this is there in a tenth of a second. It ends with its standard input, so with whoever started it.
"""

from __future__ import annotations

import marshal
import signal
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key

SIGNATURE_SIZE = 64
LENGTH = 4  # bytes before each question, big endian: how long it is
NUMBER = 8  # bytes with which a question and its answer begin

PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey
Check = Callable[[bytes, bytes], None]  # signature and message: returns, or InvalidSignature
Task = tuple[bytes, bytes, bytes]  # public key, signature, what is signed

ECDSA = ec.ECDSA(hashes.SHA256())


def check_of(key: PublicKey) -> Check:
    """Return the check of one key: of which kind it is, is asked once, not for each signature."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key.verify

    def check(signature: bytes, message: bytes) -> None:
        key.verify(_der_from_raw(signature), message, ECDSA)

    return check


def is_signed(check: Check, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` (64 bytes: Ed25519, or r and s of P-256) is by the key of ``check``."""
    if len(signature) != SIGNATURE_SIZE:
        return False
    try:
        check(signature, message)
    except InvalidSignature:
        return False
    return True


def _der_from_raw(signature: bytes) -> bytes:
    """RFC 9053, section 2.1 carries r and s as two 32-byte numbers; OpenSSL wants DER."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    return encode_dss_signature(r, s)


@lru_cache(maxsize=4096)
def _load(spki: bytes) -> Check:
    """Load a key that was looked at before, where ``VerificationKey`` was built of it."""
    key = load_der_public_key(spki)
    assert isinstance(key, PublicKey)
    return check_of(key)


def answer(tasks: list[Task]) -> bytes:
    """Return a one for each signature that holds, else a zero."""
    return bytes([is_signed(_load(spki), *rest) for spki, *rest in tasks])


def serve(asked: BinaryIO, answers: BinaryIO) -> None:
    """Answer lists of tasks in their order, until no more come."""
    while len(head := asked.read(LENGTH)) == LENGTH:
        size = int.from_bytes(head, "big")
        data = asked.read(size)
        if len(data) != size:
            return
        tasks = marshal.loads(data[NUMBER:])  # noqa: S302 - from who started this process
        answers.write(data[:NUMBER] + answer(tasks))
        answers.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it decides when it ends
    serve(sys.stdin.buffer, sys.stdout.buffer)
