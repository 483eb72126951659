"""COSE receipts: made by the log, read strictly, and read by other people's verifiers."""

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    LedgerError,
    LogKeys,
    MalformedError,
    ProofError,
    TrustedLogs,
    UnknownLogError,
    UsageError,
    VerificationKey,
    open_cose_receipt,
    parse_cose_receipt,
)
from ledger.receipts.cose_proof import MAX_COSE_RECEIPT
from ledger.receipts.cose_receipt import verify_cose_receipt

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "cose-receipt"
CASES = json.loads((VECTORS / "cases.json").read_text(encoding="utf-8"))["cases"]
ERRORS = {"proof": ProofError, "unknown-log": UnknownLogError, "malformed": MalformedError}
GOOD = next(case for case in CASES if case["name"] == "entry-2")


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_frozen_receipt_is_judged_as_ever(case: dict) -> None:
    logs = TrustedLogs.from_vkeys(case["vkeys"])
    statement, receipt = bytes.fromhex(case["statement"]), bytes.fromhex(case["receipt"])
    if case["expect"] == "included":
        found = open_cose_receipt(statement, receipt, logs=logs)
        assert (found.index, found.size, found.root.hex()) == (
            case["index"],
            case["size"],
            case["root"],
        )
        return
    with pytest.raises(ERRORS[case["expect"]]) as caught:
        open_cose_receipt(statement, receipt, logs=logs)
    assert type(caught.value) is ERRORS[case["expect"]] or case["expect"] == "proof"


def test_there_is_a_case_of_every_kind() -> None:
    assert {case["expect"] for case in CASES} == {"included", *ERRORS}


def test_every_entry_under_every_checkpoint(site: Any) -> None:
    logs = TrustedLogs.from_vkeys(site.keys.vkeys)
    sizes = []
    for _ in range(6):
        site.seal()
        site.log.checkpoint()
        sizes.append(site.log.head().size)
    for size in sizes:
        for index in range(size):
            receipt = site.log.prove_cose(index, keys=site.keys, size=size)
            statement = site.log.entry(index).statement
            found = open_cose_receipt(statement, receipt, logs=logs)
            assert (found.index, found.size) == (index, size)
            with pytest.raises(ProofError):
                open_cose_receipt(site.log.entry((index + 1) % size).statement, receipt, logs=logs)


def test_only_the_keys_of_the_log_sign(site: Any) -> None:
    other = LogKeys.generate(site.keys.origin)
    with pytest.raises(UsageError, match="not the keys"):
        site.log.prove_cose(0, keys=other)
    with pytest.raises(UnknownLogError, match="no Ed25519 key"):
        open_cose_receipt(
            site.log.entry(0).statement,
            site.log.prove_cose(0, keys=site.keys),
            logs=TrustedLogs.from_vkeys(site.keys.vkeys[1:]),
        )


def test_scitt_cose_accepts_ours(site: Any) -> None:
    verifier = pytest.importorskip("scitt_cose", reason="scitt-cose is not installed")
    site.append(*site.seals(20))
    site.log.checkpoint()
    raw = site.keys.sets[0][0].public
    spki = bytes.fromhex("302a300506032b6570032100") + raw
    pem = serialization.load_der_public_key(spki).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for index in (0, 7, 22):
        receipt = site.log.prove_cose(index, keys=site.keys)
        entry = site.log.entry(index).statement.hex()
        result = verifier.verify_receipt(receipt, leaf_entry_hex=entry, log_public_key_pem=pem)
        assert result.ok, result.errors
        assert (result.tree_size, result.leaf_index) == (23, index)
        assert result.root == site.log.head().root.hex()
        assert (result.issuer, result.subject) == (site.keys.origin, "urn:radseal:log")
        wrong = site.log.entry(index - 1 if index else 1).statement.hex()
        assert not verifier.verify_receipt(receipt, leaf_entry_hex=wrong, log_public_key_pem=pem).ok


def test_proofbundle_accepts_our_tlog_proofs(site: Any) -> None:
    verifier = pytest.importorskip("proofbundle.tlogproof", reason="proofbundle is not installed")
    site.append(*site.seals(20))
    site.log.checkpoint()
    for index in (0, 7, 22):
        text = site.log.prove(index).decode()
        entry = site.log.entry(index).statement
        result = verifier.verify_tlog_proof(text, entry, site.keys.vkeys[0])
        assert result["ok"], result
        assert (result["index"], result["tree_size"]) == (index, 23)
        assert not verifier.verify_tlog_proof(text, entry + b"x", site.keys.vkeys[0])["ok"]


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["valid-eddsa", "fail-tampered-path", "fail-unsupported-vds"])
def test_published_receipts(name: str, corpus_vectors: Path) -> None:
    folder = corpus_vectors / "scitt" / "scitt-cose" / name
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    key = serialization.load_pem_public_key((folder / "log-key.pub").read_bytes())
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    entry, data = bytes.fromhex(expected["leaf_entry"]), (folder / "receipt.cose").read_bytes()
    if name == "fail-unsupported-vds":
        with pytest.raises(MalformedError, match="verifiable data structure"):
            parse_cose_receipt(data)
        return
    receipt = parse_cose_receipt(data)
    verification_key = VerificationKey.from_spki(der)
    if expected["receipt_valid"]:
        found = verify_cose_receipt(entry, receipt, verification_key)
        assert found.root.hex() == expected["reconstructed_root"]
        assert (found.index, found.size) == (expected["leaf_index"], expected["tree_size"])
    else:
        with pytest.raises(ProofError):
            verify_cose_receipt(entry, receipt, verification_key)


@pytest.mark.corpus
def test_the_example_of_the_working_group(corpus_vectors: Path) -> None:
    data = (corpus_vectors / "cose" / "receipts" / "inclusion-receipt.cbor").read_bytes()
    receipt = parse_cose_receipt(data)
    assert (receipt.algorithm, receipt.kid) == (-7, b"test-key-1")
    assert receipt.issuer == "https://transparency-service.example.com"
    assert (receipt.size, receipt.index, len(receipt.path)) == (5, 3, 3)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_only_our_errors(data: bytes) -> None:
    good = bytes.fromhex(GOOD["receipt"])
    for candidate in (data, b"\xd2\x84" + data, good[: len(data)] + data):
        try:
            parse_cose_receipt(candidate)
        except LedgerError:
            continue


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.binary(max_size=70)
        | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.integers(-2, 400) | st.text(max_size=3), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_any_value_in_any_place_raises_only_our_errors(value: Any) -> None:
    good = cbor2.loads(bytes.fromhex(GOOD["receipt"])).value
    for place in range(4):
        parts = list(good)
        parts[place] = value
        for part in (parts, [*parts[:1], {396: {-1: [cbor2.dumps(value)]}}, *parts[2:]]):
            try:
                parse_cose_receipt(cbor2.dumps(cbor2.CBORTag(18, part)))
            except LedgerError:
                continue


@given(st.data())
def test_mutated_receipts_prove_nothing_else(data: st.DataObject) -> None:
    original = bytes.fromhex(GOOD["receipt"])
    place = data.draw(st.integers(0, len(original) - 1))
    length = data.draw(st.integers(0, 4))
    changed = original[:place] + data.draw(st.binary(max_size=4)) + original[place + length :]
    logs = TrustedLogs.from_vkeys(GOOD["vkeys"])
    try:
        found = open_cose_receipt(bytes.fromhex(GOOD["statement"]), changed, logs=logs)
    except LedgerError:
        return
    # the size is the receipt's word, as far as a path of that shape fits it
    assert (found.index, found.root.hex()) == (GOOD["index"], GOOD["root"])


def test_too_long() -> None:
    with pytest.raises(MalformedError, match="bytes"):
        parse_cose_receipt(b"\xd2" * (MAX_COSE_RECEIPT + 1))
