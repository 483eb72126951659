"""Proofs: published vectors, a second implementation, and laws."""

import base64
import json
from pathlib import Path

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import ProofError
from ledger.tree.merkle import (
    EMPTY_ROOT,
    hash_leaf,
    merkle_root,
    verify_consistency,
    verify_inclusion,
)


def _load(folder: Path) -> list[dict]:
    cases = [json.loads(p.read_text()) for p in sorted(folder.rglob("*.json"))]
    assert cases, f"no vector below {folder}"
    return cases


def _b64(text: str | None) -> bytes:
    return base64.b64decode(text or "")


@pytest.mark.corpus
def test_published_inclusion_proofs(corpus_vectors: Path) -> None:
    accepted = 0
    for case in _load(corpus_vectors / "merkle" / "inclusion"):

        def check(case: dict = case) -> None:
            verify_inclusion(
                _b64(case["leafHash"]),
                index=case["leafIdx"],
                size=case["treeSize"],
                path=[_b64(each) for each in case["proof"] or []],
                root=_b64(case["root"]),
            )

        if case["wantErr"]:
            with pytest.raises(ProofError):
                check()
        else:
            check()
            accepted += 1
    assert accepted


@pytest.mark.corpus
def test_published_consistency_proofs(corpus_vectors: Path) -> None:
    accepted = 0
    for case in _load(corpus_vectors / "merkle" / "consistency"):

        def check(case: dict = case) -> None:
            verify_consistency(
                old_size=case["size1"],
                new_size=case["size2"],
                old_root=_b64(case["root1"]),
                new_root=_b64(case["root2"]),
                path=[_b64(each) for each in case["proof"] or []],
            )

        if case["wantErr"]:
            with pytest.raises(ProofError):
                check()
        else:
            check()
            accepted += 1
    assert accepted


@pytest.mark.corpus
def test_reference_roots(corpus_vectors: Path) -> None:
    (path,) = (corpus_vectors / "merkle").glob("rfc6962-reference-roots.json")
    reference = json.loads(path.read_text())
    leaves = [hash_leaf(bytes.fromhex(each)) for each in reference["leaf_inputs_hex"]]
    assert EMPTY_ROOT.hex() == reference["empty_root_hex"]
    for size, root in enumerate(reference["root_hex_after_each_append"], 1):
        assert merkle_root(leaves[:size]).hex() == root


def test_roots_are_those_of_a_second_implementation() -> None:
    oracle = pymerkle.InmemoryTree(algorithm="sha256")
    entries = [f"entry {number}".encode() for number in range(300)]
    for size, entry in enumerate(entries, 1):
        oracle.append_entry(entry)
        if size < 20 or size % 37 == 0 or size == 256:
            assert merkle_root(map(hash_leaf, entries[:size])) == oracle.get_root(size)


def test_an_inner_node_cannot_pass_for_an_entry() -> None:
    left, right = hash_leaf(b"a"), hash_leaf(b"b")
    assert hash_leaf(left + right) != merkle_root([left, right])


@given(st.binary(min_size=0, max_size=64), st.lists(st.binary(max_size=40), max_size=5))
def test_bytes_that_are_no_hash_are_refused(leaf: bytes, path: list[bytes]) -> None:
    with pytest.raises(ProofError):
        verify_inclusion(leaf, index=0, size=2, path=path, root=bytes(32))
