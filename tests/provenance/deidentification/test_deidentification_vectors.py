"""The formats of docs/spec/deidentification.md against their vectors, and against noise."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import encode_cbor
from provenance.claims.kept_annex import KeptAnnex, OpenedLeaf
from provenance.deidentification.declared import Declared, commit_parent
from provenance.deidentification.opening import Opening
from provenance.errors import EvidenceError, MalformedError

CHECKOUT = Path(__file__).resolve().parents[3]
FOLDER = CHECKOUT / "tests" / "vectors" / "deidentification"
PAGE = (CHECKOUT / "docs" / "spec" / "deidentification.md").read_text(encoding="utf-8")


def cases(what: str) -> list[Any]:
    found = [
        pytest.param(case, path.stem.endswith("_fail"), id=path.stem)
        for path in sorted(FOLDER.glob("*.json"))
        if (case := json.loads(path.read_text(encoding="utf-8")))["what"] == what
    ]
    assert found, f"no vectors of {what}"
    return found


def unhex(case: dict[str, str]) -> dict[str, bytes]:
    return {name: bytes.fromhex(value) for name, value in case.items() if name != "what"}


@pytest.mark.parametrize(("case", "fails"), cases("commitment"))
def test_commitments(case: dict[str, str], fails: bool) -> None:
    assert not fails
    given = unhex(case)
    made = commit_parent(given["salt"], given["leaf_hash"], given["object_id"])
    assert made == given["commitment"]
    assert made.hex() in PAGE.replace(" ", "").replace("\n", "")


@pytest.mark.parametrize(("case", "fails"), cases("declared"))
def test_what_is_declared(case: dict[str, str], fails: bool) -> None:
    encoded = unhex(case)["encoded"]
    if fails:
        with pytest.raises(MalformedError):
            Declared.from_cbor(cbor2.loads(encoded))
        return
    declared = Declared.from_cbor(cbor2.loads(encoded))
    assert encode_cbor(declared.to_cbor()) == encoded


@pytest.mark.parametrize(("case", "fails"), cases("opening"))
def test_the_way_back(case: dict[str, str], fails: bool) -> None:
    given = unhex(case)
    if fails:
        with pytest.raises(EvidenceError):
            Opening.unseal(given["sealed"], given["copy_id"], key=given["key"])
        return
    opening = Opening.unseal(given["sealed"], given["copy_id"], key=given["key"])
    assert opening == Opening(given["salt"], given["leaf_hash"], given["object_id"])
    sealed = opening.seal(given["copy_id"], key=given["key"], nonce=given["nonce"])
    assert sealed == given["sealed"]
    assert sealed.hex() in PAGE.replace(" ", "").replace("\n", "")


@pytest.mark.parametrize(("case", "fails"), cases("kept"))
def test_what_is_kept(case: dict[str, str], fails: bool) -> None:
    encoded = unhex(case)["encoded"]
    if fails:
        with pytest.raises(MalformedError):
            KeptAnnex.decode(encoded)
        return
    assert KeptAnnex.decode(encoded).encode() == encoded


def test_leaves_leave_the_way_back_in_place() -> None:
    kept = KeptAnnex(b"annex", opening=b"way").with_leaves([OpenedLeaf(bytes(16), b"x")])
    assert KeptAnnex.decode(kept.encode()).opening == b"way"


@given(st.binary(max_size=300))
def test_noise_is_no_way_back(noise: bytes) -> None:
    with pytest.raises(EvidenceError):
        Opening.unseal(noise, bytes(12), key=bytes(32))


def things() -> st.SearchStrategy[Any]:
    plain = st.none() | st.booleans() | st.integers() | st.binary(max_size=8) | st.text(max_size=8)
    return st.recursive(
        plain, lambda inner: st.lists(inner) | st.dictionaries(st.integers(0, 4), inner)
    )


@given(things())
def test_nothing_else_is_a_declaration(thing: Any) -> None:
    try:
        declared = Declared.from_cbor(thing)
    except MalformedError:
        return
    assert declared.to_cbor() == thing


def test_the_generator_makes_these(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("generate", FOLDER / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    module.main()

    def read(folder: Path) -> Iterator[tuple[str, str]]:
        return ((p.name, p.read_text(encoding="utf-8")) for p in sorted(folder.glob("*.json")))

    assert dict(read(tmp_path)) == dict(read(FOLDER))
