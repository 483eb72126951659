"""The Merkle tree of RFC 6962: hashing, and proofs checked (RFC 9162, sections 2.1.3 and 2.1.4).

Pure functions of bytes. Hash and prefixes are fixed by the format; sizes come from signed heads,
never from a proof.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from ledger.errors import ProofError
from ledger.links import HASH_SIZE

EMPTY_ROOT = hashlib.sha256().digest()


def hash_leaf(entry: bytes) -> bytes:
    """Hash an entry; the prefix keeps an inner node from passing for one."""
    return hashlib.sha256(b"\x00" + entry).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Hash two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold_peaks(peaks: Sequence[bytes]) -> bytes:
    """Return the root over perfect subtrees, the largest (leftmost) first."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = hash_node(peak, root)
    return root


def merkle_root(leaf_hashes: Iterable[bytes]) -> bytes:
    """Return the root over ``leaf_hashes`` in one pass, with memory of the tree's height."""
    peaks: list[bytes] = []
    for size, leaf_hash in enumerate(leaf_hashes):
        node, carry = leaf_hash, size
        while carry & 1:
            node, carry = hash_node(peaks.pop(), node), carry >> 1
        peaks.append(node)
    return fold_peaks(peaks)


def inclusion_root(leaf_hash: bytes, *, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that ``path`` leads to; ProofError unless it fits index and size exactly."""
    _require_hashes(leaf_hash, *path)
    if not 0 <= index < size:
        raise ProofError(f"index {index} is outside a tree of {size} entries")
    here, last, digest = index, size - 1, leaf_hash
    for sibling in path:
        if last == 0:
            raise ProofError("the path is longer than the tree is high")
        if here & 1 or here == last:
            digest = hash_node(sibling, digest)
            while not here & 1 and here:  # the right edge skips levels that have no sibling
                here, last = here >> 1, last >> 1
        else:
            digest = hash_node(digest, sibling)
        here, last = here >> 1, last >> 1
    if last:
        raise ProofError("the path does not lead to the root")
    return digest


def verify_inclusion(
    leaf_hash: bytes, *, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Return only if ``leaf_hash`` is number ``index`` of the ``size`` entries under ``root``."""
    _require_hashes(root)
    if inclusion_root(leaf_hash, index=index, size=size, path=path) != root:
        raise ProofError("the path does not lead to the root")


def consistency_root(
    *, old_size: int, old_root: bytes, new_size: int, path: Sequence[bytes]
) -> bytes:
    """Return the root that ``path`` leads to from an older one; ProofError unless it fits both."""
    _require_hashes(old_root, *path)
    if not 0 < old_size <= new_size:
        raise ProofError(f"no tree of {old_size} entries grows to one of {new_size}")
    if old_size == new_size:
        if path:
            raise ProofError("two trees of one size must have one root and need no path")
        return old_root
    hashes = list(path)
    if old_size & (old_size - 1) == 0:  # the old tree is a subtree of the new one: its own root
        hashes.insert(0, old_root)
    if not hashes:
        raise ProofError("the path is empty")
    here, last = old_size - 1, new_size - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    old = new = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise ProofError("the path is longer than the tree is high")
        if here & 1 or here == last:
            old, new = hash_node(sibling, old), hash_node(sibling, new)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            new = hash_node(new, sibling)
        here, last = here >> 1, last >> 1
    if last or old != old_root:
        raise ProofError("the path does not join the two roots")
    return new


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Return only if the first ``old_size`` entries of the new tree are the old tree."""
    _require_hashes(new_root)
    if new_root != consistency_root(
        old_size=old_size, old_root=old_root, new_size=new_size, path=path
    ):
        raise ProofError("the path does not join the two roots")


def _require_hashes(*hashes: bytes) -> None:
    if any(len(each) != HASH_SIZE for each in hashes):
        raise ProofError("every hash of a proof has 32 bytes")
