"""Annexes: what an image needs to be checked and a log must not show, encrypted and erasable.

Each has a key of its own, wrapped by the site's; destroying the wrapped key destroys the annex in
every copy of the database, too.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

from ledger.errors import StoreError, UsageError

KEY_SIZE = 32
NONCE_SIZE = 12
MAX_ANNEX = 1 << 26


@dataclass(frozen=True, slots=True)
class SealedAnnex:
    """An annex as it is stored: AES-256-GCM, and its key under RFC 3394."""

    wrapped_key: bytes
    nonce: bytes
    ciphertext: bytes


def seal_annex(
    annex: bytes, object_id: bytes, *, site_key: bytes, data_key: bytes, nonce: bytes
) -> SealedAnnex:
    """Encrypt ``annex`` under the random key of its object; ``nonce`` is fresh each time."""
    if len(annex) > MAX_ANNEX:
        raise UsageError(f"an annex of {len(annex)} bytes, where {MAX_ANNEX} are allowed")
    return seal(annex, _associated(object_id), site_key=site_key, data_key=data_key, nonce=nonce)


def open_annex(sealed: SealedAnnex, object_id: bytes, *, site_key: bytes) -> bytes:
    """Return the annex; StoreError if it is damaged or belongs to another object."""
    try:
        return open_sealed(sealed, _associated(object_id), site_key=site_key)
    except StoreError as error:
        raise StoreError(f"the annex of {object_id.hex()} is damaged") from error


def seal(
    text: bytes, associated: bytes, *, site_key: bytes, data_key: bytes, nonce: bytes
) -> SealedAnnex:
    """Encrypt ``text`` under ``data_key``, and that under the site's key."""
    return SealedAnnex(
        wrapped_key=aes_key_wrap(site_key, data_key),
        nonce=nonce,
        ciphertext=AESGCM(data_key).encrypt(nonce, text, associated),
    )


def open_sealed(sealed: SealedAnnex, associated: bytes, *, site_key: bytes) -> bytes:
    """Return what was sealed; StoreError if it is damaged or was sealed as something else."""
    data_key = unwrap_key(sealed.wrapped_key, site_key=site_key)
    try:
        return AESGCM(data_key).decrypt(sealed.nonce, sealed.ciphertext, associated)
    except (InvalidTag, ValueError) as error:
        raise StoreError("what was sealed is damaged") from error


def unwrap_key(wrapped: bytes, *, site_key: bytes) -> bytes:
    """Return an object's annex key; StoreError if it is damaged."""
    try:
        return aes_key_unwrap(site_key, wrapped)
    except (InvalidUnwrap, ValueError) as error:
        raise StoreError("an annex key is damaged") from error


def check_site_key(site_key: bytes) -> bytes:
    """Return the value by which a log recognises its annex key; it tells nothing about it."""
    if len(site_key) != KEY_SIZE:
        raise UsageError(f"an annex key has {KEY_SIZE} bytes")
    return hmac.digest(site_key, b"radseal-annex-key-check-1", "sha256")[:16]


def _associated(object_id: bytes) -> bytes:
    return b"radseal-annex-1" + object_id
