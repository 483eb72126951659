"""Mark keys: one in use at a time, and those that were in use before (docs/mark-security.md)."""

import hashlib

_LABEL = b"radseal-mark-key-1"
_ID_SIZE = 8


def mark_key_id(key: bytes) -> bytes:
    """Return eight bytes that name a mark key without revealing it (docs/spec/seal.md)."""
    return hashlib.sha256(_LABEL + key).digest()[:_ID_SIZE]
