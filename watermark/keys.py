"""Secrets of the mark: one subkey a purpose, and the bit streams drawn from them."""

from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from watermark.errors import ArgumentError

KEY_BYTES: Final = 32
_SALT: Final = b"radseal-mark-2"


class Purpose(StrEnum):
    """HKDF ``info`` labels (docs/spec/mark.md, 1)."""

    CHIPS = "chips"
    SLOTS = "slots"
    TAG = "tag"
    ORIGINAL = "original"
    GEOMETRY = "geometry"


def derive(key: bytes, purpose: Purpose) -> bytes:
    """Return the 32-byte subkey of ``key`` for one purpose (HKDF-SHA-256, RFC 5869)."""
    if len(key) != KEY_BYTES:
        raise ArgumentError(f"a mark key has {KEY_BYTES} bytes, not {len(key)}")
    return HKDF(SHA256(), KEY_BYTES, _SALT, purpose.encode("ascii")).derive(key)


def keystream(subkey: bytes, length: int) -> bytes:
    """Return the first ``length`` bytes of AES-256-CTR from counter zero (NIST SP 800-38A)."""
    encryptor = Cipher(algorithms.AES256(subkey), modes.CTR(bytes(16))).encryptor()
    return encryptor.update(bytes(length)) + encryptor.finalize()
