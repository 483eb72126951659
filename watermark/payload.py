"""The 144 bits a mark spells: an id, and a tag that only the key's holder can make."""

import hmac
from typing import Final

from watermark.errors import ArgumentError
from watermark.keys import Purpose, derive

ID_BYTES: Final = 12
TAG_BYTES: Final = 6
WORD_BYTES: Final = ID_BYTES + TAG_BYTES


def frame(payload: bytes, *, key: bytes) -> bytes:
    """Return id and tag: the first 6 bytes of HMAC-SHA-256 of the id."""
    if len(payload) != ID_BYTES:
        raise ArgumentError(f"a payload has {ID_BYTES} bytes, not {len(payload)}")
    return payload + _tag(payload, derive(key, Purpose.TAG))


def is_whole(word: bytes, *, key: bytes) -> bool:
    """Say whether the tag of an id is right."""
    return hmac.compare_digest(word[ID_BYTES:], _tag(word[:ID_BYTES], derive(key, Purpose.TAG)))


def _tag(payload: bytes, subkey: bytes) -> bytes:
    return hmac.digest(subkey, payload, "sha256")[:TAG_BYTES]
