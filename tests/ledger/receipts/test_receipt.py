"""Receipts: frozen and published vectors, hostile bytes."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    LedgerError,
    MalformedError,
    NoteKey,
    ProofError,
    Receipt,
    TrustedLogs,
    UnknownLogError,
    UsageError,
    open_receipt,
    parse_note,
    parse_receipt,
    verify_inclusion,
    verify_note,
)
from ledger.checkpoints.checkpoint import parse_checkpoint
from ledger.checkpoints.note_keys import KeyType
from ledger.tree.merkle import hash_leaf

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "receipt"
CASES = [
    case
    for path in sorted(VECTORS.glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))["cases"]
]
ERRORS = {"proof": ProofError, "unknown-log": UnknownLogError, "malformed": MalformedError}


def test_there_are_vectors() -> None:
    assert {case["expect"] for case in CASES} == {"included", *ERRORS}
    assert all((c["expect"] == "included") is not c["name"].endswith("_fail") for c in CASES)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_vector(case: dict) -> None:
    statement, receipt = bytes.fromhex(case["statement"]), case["receipt"].encode()
    logs = TrustedLogs.from_vkeys(case["vkeys"])
    if case["expect"] in ERRORS:
        with pytest.raises(ERRORS[case["expect"]]):
            open_receipt(statement, receipt, logs=logs)
        return
    inclusion = open_receipt(statement, receipt, logs=logs)
    assert inclusion.index == case["index"] < inclusion.head.size
    assert bytes(parse_receipt(receipt)) == receipt


@pytest.mark.corpus
def test_published_text_forms(corpus_vectors: Path) -> None:
    found = 0
    for path in sorted((corpus_vectors / "tlog-proof").glob("*.json")):
        cases = json.loads(path.read_text())
        for case in cases["ok"]:
            receipt = Receipt(
                case["index"],
                tuple(base64.b64decode(each) for each in case["hashes"]),
                case["checkpoint"].encode(),
                base64.b64decode(case["extra_b64"]) if "extra_b64" in case else None,
            )
            assert bytes(receipt) == case["text"].encode()
            assert parse_receipt(case["text"].encode()) == receipt
            found += 1
        for text in cases["bad"]:
            with pytest.raises(MalformedError):
                parse_receipt(text.encode())
            found += 1
    assert found


@pytest.mark.corpus
def test_a_published_proof_with_its_witnesses(corpus_vectors: Path) -> None:
    found = 0
    for path in sorted((corpus_vectors / "tlog-proof").glob("*/*.tlog-proof")):
        receipt = parse_receipt(path.read_bytes())
        lines = (path.parent / "keys.txt").read_text().splitlines()
        keys = [NoteKey.parse(line) for line in lines if line.strip() and line[0] != "#"]
        leaf = (path.parent / "leaf.raw").read_bytes()
        note = parse_note(receipt.checkpoint)
        signed_by = dict(verify_note(note, keys).signed_by)
        assert set(signed_by) == set(keys), "every configured key has signed"
        types = [key.type for key in signed_by]
        assert types.count(KeyType.ED25519_COSIGNATURE) == 5
        assert types.count(KeyType.MLDSA44_COSIGNATURE) == 2
        assert len(note.signatures) - len(signed_by) == 3
        head = parse_checkpoint(note.text)
        verify_inclusion(
            hash_leaf(leaf),
            index=receipt.index,
            size=head.size,
            path=receipt.path,
            root=head.root,
        )
        logs = TrustedLogs.from_vkeys([str(key) for key in keys if key.name == head.origin])
        assert open_receipt(leaf, path.read_bytes(), logs=logs).index == receipt.index
        with pytest.raises(ProofError):
            open_receipt(leaf + b" ", path.read_bytes(), logs=logs)
        found += 1
    assert found


def test_bytes_too_long_for_a_statement_are_a_usage_error() -> None:
    with pytest.raises(UsageError):
        open_receipt(bytes(65_536), b"", logs=TrustedLogs())


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_only_our_errors(data: bytes) -> None:
    for candidate in (data, b"c2sp.org/tlog-proof@v1\n" + data):
        try:
            receipt = parse_receipt(candidate)
        except LedgerError:
            continue
        assert bytes(receipt) == candidate


GOOD = next(case for case in CASES if case["name"] == "entry-2")


@given(st.data())
def test_mutated_receipts_prove_nothing_else(data: st.DataObject) -> None:
    original = GOOD["receipt"].encode()
    place = data.draw(st.integers(0, len(original) - 1))
    length = data.draw(st.integers(0, 4))
    filling = data.draw(st.binary(max_size=4))
    changed = original[:place] + filling + original[place + length :]
    logs = TrustedLogs.from_vkeys(GOOD["vkeys"])
    try:
        inclusion = open_receipt(bytes.fromhex(GOOD["statement"]), changed, logs=logs)
    except LedgerError:
        return
    assert inclusion.index == GOOD["index"]
