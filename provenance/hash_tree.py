"""The root over hashes that are leaves already (RFC 6962, section 2.1). Pure."""

import hashlib
from collections.abc import Iterable

_node = hashlib.sha256(b"\x01").copy  # every inner node begins so: taken in once


def root_of(leaves: Iterable[bytes]) -> bytes:
    """Return the root; of no leaves, the hash of nothing.

    Pairing level by level, an odd last node rising unchanged, gives the same tree as splitting
    at the largest power of two.
    """
    level = list(leaves)
    if not level:
        return hashlib.sha256().digest()
    while len(level) > 1:
        neighbours = iter(level)
        above = []
        for left, right in zip(neighbours, neighbours, strict=False):
            node = _node()
            node.update(left + right)
            above.append(node.digest())
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]
