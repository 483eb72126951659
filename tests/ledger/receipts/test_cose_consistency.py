"""COSE receipts of consistency: made by the log, read strictly, checked by another library."""

import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    Head,
    LedgerError,
    LogKeys,
    MalformedError,
    NotFoundError,
    ProofError,
    TrustedLogs,
    UnknownLogError,
    UsageError,
    open_cose_consistency,
    parse_cose_consistency,
    parse_cose_receipt,
)
from ledger.receipts.cose_consistency import sign_cose_consistency
from ledger.receipts.cose_proof import MAX_COSE_RECEIPT

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "cose-consistency"
CASES = json.loads((VECTORS / "cases.json").read_text(encoding="utf-8"))["cases"]
ERRORS = {"proof": ProofError, "unknown-log": UnknownLogError, "malformed": MalformedError}
GOOD = next(case for case in CASES if case["name"] == "from-3")
OLD = Head(GOOD["old_size"], bytes.fromhex(GOOD["old_root"]))


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_frozen_receipt_is_judged_as_ever(case: dict) -> None:
    logs = TrustedLogs.from_vkeys(case["vkeys"])
    old = Head(case["old_size"], bytes.fromhex(case["old_root"]))
    receipt = bytes.fromhex(case["receipt"])
    if case["expect"] == "consistent":
        found = open_cose_consistency(old, receipt, logs=logs)
        assert (found.size, found.root.hex()) == (case["size"], case["root"])
        return
    with pytest.raises(ERRORS[case["expect"]]) as caught:
        open_cose_consistency(old, receipt, logs=logs)
    assert type(caught.value) is ERRORS[case["expect"]] or case["expect"] == "proof"


def test_there_is_a_case_of_every_kind() -> None:
    assert {case["expect"] for case in CASES} == {"consistent", *ERRORS}


def test_every_pair_of_sizes(site: Any) -> None:
    logs, heads = TrustedLogs.from_vkeys(site.keys.vkeys), []
    for _ in range(8):
        site.log.checkpoint()
        head = site.log.head()
        heads.append(Head(head.size, head.root))
        site.seal()
    for place, old in enumerate(heads):
        for new in heads[place + 1 :]:
            receipt = site.log.prove_cose_consistency(old.size, keys=site.keys, size=new.size)
            assert open_cose_consistency(old, receipt, logs=logs) == new
            for other in heads:
                if other != old:
                    with pytest.raises(ProofError):
                        open_cose_consistency(other, receipt, logs=logs)
            forged = Head(old.size, bytes(32))
            with pytest.raises(ProofError):
                open_cose_consistency(forged, receipt, logs=logs)


def test_only_what_the_log_signed(site: Any) -> None:
    site.log.checkpoint()
    for old, size in ((3, None), (9, None), (1, 2)):
        with pytest.raises(NotFoundError):
            site.log.prove_cose_consistency(old, keys=site.keys, size=size)
    with pytest.raises(UsageError, match="not the keys"):
        site.log.prove_cose_consistency(1, keys=LogKeys.generate(site.keys.origin))
    for old, new, path in ((0, 3, (bytes(32),)), (3, 3, (bytes(32),)), (1, 3, ())):
        with pytest.raises(UsageError):
            sign_cose_consistency(site.keys, old_size=old, new_size=new, path=path, root=bytes(32))


def test_one_kind_does_not_pass_for_the_other(site: Any) -> None:
    """A receipt of the other kind has the same signature over the same root."""
    site.seal()
    site.log.checkpoint()
    consistency = site.log.prove_cose_consistency(2, keys=site.keys)
    inclusion = site.log.prove_cose(2, keys=site.keys)
    with pytest.raises(MalformedError, match="exactly one proof of inclusion"):
        parse_cose_receipt(consistency)
    with pytest.raises(MalformedError, match="exactly one proof of consistency"):
        parse_cose_consistency(inclusion)


def test_scitt_cose_checks_signature_and_path(site: Any) -> None:
    """It has no receipts of consistency: so its envelope and its Merkle proofs, one by one."""
    sign1 = pytest.importorskip("scitt_cose.cose_sign1", reason="scitt-cose is not installed")
    merkle = pytest.importorskip("scitt_cose.merkle", reason="scitt-cose is not installed")
    heads = {}
    for _ in range(12):
        site.log.checkpoint()
        heads[site.log.head().size] = site.log.head().root
        site.seal()
    site.log.checkpoint()
    new = site.log.head()
    entries = [entry.statement.hex() for entry in site.log.entries()]
    spki = bytes.fromhex("302a300506032b6570032100") + site.keys.sets[0][0].public
    pem = serialization.load_der_public_key(spki).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for size, root in heads.items():
        receipt = site.log.prove_cose_consistency(size, keys=site.keys)
        sign1.verify_sign1(receipt, public_key_pem=pem, detached_payload=new.root)
        (proof,) = cbor2.loads(receipt).value[1][396][-2]
        old_size, new_size, path = cbor2.loads(proof)
        assert (old_size, new_size) == (size, new.size)
        hexed = [each.hex() for each in path]
        assert hexed == merkle.consistency_proof(entries, size, new.size)
        assert merkle.verify_consistency(root.hex(), new.root.hex(), size, new.size, hexed)


def test_a_pruned_log_still_proves_it(site: Any, tmp_path: Path) -> None:
    site.append(*site.seals(300))
    before = site.log.prove_cose_consistency(5, keys=site.keys)
    site.log.prune(300, archive=tmp_path / "old", at=site.now)
    assert site.log.prove_cose_consistency(5, keys=site.keys) == before


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_only_our_errors(data: bytes) -> None:
    good = bytes.fromhex(GOOD["receipt"])
    for candidate in (data, b"\xd2\x84" + data, good[: len(data)] + data):
        try:
            parse_cose_consistency(candidate)
        except LedgerError:
            continue


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.binary(max_size=70),
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
        for part in (parts, [*parts[:1], {396: {-2: [cbor2.dumps(value)]}}, *parts[2:]]):
            try:
                parse_cose_consistency(cbor2.dumps(cbor2.CBORTag(18, part)))
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
        found = open_cose_consistency(OLD, changed, logs=logs)
    except LedgerError:
        return
    assert found.root.hex() == GOOD["root"]  # the size is the receipt's word alone


def test_too_long() -> None:
    with pytest.raises(MalformedError, match="bytes"):
        parse_cose_consistency(b"\xd2" * (MAX_COSE_RECEIPT + 1))
