"""From two trees to one root, and from roots to the salted commitments a log may show.

Pure functions of bytes; docs/spec/statement.md, section "sealed".
"""

import hashlib
from typing import NewType

ObjectRoot = NewType("ObjectRoot", bytes)
Commitment = NewType("Commitment", bytes)

NO_PIXELS = bytes(32)
SALT_SIZE = 32


def object_root(*, image_root: bytes | None, header_root: bytes) -> ObjectRoot:
    """Bind pixels and header together; an object without pixels has 32 zero bytes for them."""
    return ObjectRoot(_hash(b"radseal-object-1", image_root or NO_PIXELS, header_root))


def commit_object(salt: bytes, root: ObjectRoot) -> Commitment:
    """Hide the object's root: an unsalted one would name a de-identified copy."""
    return Commitment(_hash(b"radseal-commitment-1", salt, root))


def commit_original(salt: bytes, image_root: bytes) -> Commitment:
    """Hide the root of the image as it was before it was marked."""
    return Commitment(_hash(b"radseal-original-1", salt, image_root))


def commit_descriptor(salt: bytes, descriptor: bytes) -> Commitment:
    """Hide the thumbnail by which a derived copy is recognised."""
    return Commitment(_hash(b"radseal-descriptor-1", salt, descriptor))


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + b"".join(parts)).digest()
