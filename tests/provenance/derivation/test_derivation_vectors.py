"""The frozen bytes of copies made on purpose, by a second reading of docs/spec/derivation.md."""

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import Event, decode_cbor, encode_cbor, parse_statement
from provenance import EvidenceError, MalformedError
from provenance.claims.annex import Annex
from provenance.claims.birth import BirthBody
from provenance.claims.claim import Claim, open_claim
from provenance.derivation.frame_match import MatchedFrames, match_frames
from provenance.derivation.lineage import Lineage
from provenance.image_tree import Region

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "tests" / "vectors" / "derivation"
CASES = {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in FOLDER.glob("*.json")}
SAMPLES = json.loads((FOLDER / "samples" / "frames.json").read_text(encoding="utf-8"))
assert CASES


def of_kind(*whats: str) -> list[str]:
    return sorted(name for name, case in CASES.items() if case["what"] in whats)


def opened(name: str, annex: bytes | None = None) -> Claim:
    case = CASES[name]
    statement = parse_statement(bytes.fromhex(case["statement"]))
    return open_claim(statement, Annex.decode(annex or bytes.fromhex(case["annex"])))


def matched(name: str, annex: bytes | None = None) -> MatchedFrames:
    claim = opened(name, annex)
    assert claim.parentage is not None
    assert claim.annex.image is not None
    geometry = claim.annex.image.geometry
    found = [
        np.frombuffer(bytes.fromhex(SAMPLES[each]), geometry.dtype).reshape(geometry.shape)
        for each in CASES[name]["frames"]
    ]
    return match_frames(claim.parentage, claim.annex.image, found)


@pytest.mark.parametrize("name", of_kind("body"))
def test_body(name: str) -> None:
    body = decode_cbor(bytes.fromhex(CASES[name]["encoded"]), max_size=65_535)
    assert isinstance(body, dict)
    event = Event(CASES[name]["event"])
    if name.endswith("_fail"):
        with pytest.raises(MalformedError):
            BirthBody.from_cbor(body, event)
    else:
        assert BirthBody.from_cbor(body, event).to_cbor() == body


@pytest.mark.parametrize("name", of_kind("claim", "pixels"))
def test_claim(name: str) -> None:
    if name.startswith("claim") and name.endswith("_fail"):
        with pytest.raises((EvidenceError, MalformedError)):
            opened(name)
    elif name.endswith("_fail"):
        assert opened(name)
        with pytest.raises(EvidenceError):
            matched(name)
    else:
        annex = Annex.decode(bytes.fromhex(CASES[name]["annex"]))
        assert annex.encode().hex() == CASES[name]["annex"]
        assert annex.lineage is not None
        assert Lineage.decode(annex.lineage).encode() == annex.lineage
        assert matched(name)


def test_what_is_proven() -> None:
    region = Region(frame=2, x=0, y=64, w=64, h=6)
    assert matched("claim-split") == MatchedFrames(equal=2, in_part=1, tiles=5, regions=(region,))
    assert matched("claim-word") == MatchedFrames()
    assert matched("claim-of-lossy").equal == 1


def test_whose_image_it_is() -> None:
    """What was signed under the copy's patient and study is shown so; nothing else agrees."""
    for name, told in (("claim-split", True), ("claim-silent-of-patient", False)):
        parentage = opened(name).parentage
        assert parentage is not None
        header = parentage.parents[0].header
        values = {0x00100010: "Test^Phantom", 0x00100020: "P-1", 0x0020000D: "1.2.3"}
        for tag, value in values.items():
            assert header.agrees(tag, (value,)) is told
            assert not header.agrees(tag, (value + "0",))
            assert not header.agrees(tag, None)


def test_the_worked_example() -> None:
    page = (ROOT / "docs" / "spec" / "derivation.md").read_text(encoding="utf-8")
    body = encode_cbor({7: "split", 8: [[b"\x11" * 32, b"\x22" * 12]]}).hex()[2:]
    shown = re.sub(r"\s", "", page).replace("1111…11", "11" * 32).replace("2222…22", "22" * 12)
    for part in (body[:14], body[14:]):
        assert part in shown
    assert encode_cbor({4: [[0, 0, 5, 3]]}).hex()[2:] in shown


def test_an_annex_is_of_a_seal_or_of_a_copy() -> None:
    fields = cbor2.loads(bytes.fromhex(CASES["claim-split"]["annex"]))
    seven = {key: value for key, value in fields.items() if key != 8}
    for wrong in (
        fields | {1: 1},
        fields | {1: 2},
        fields | {1: 4},
        fields | {1: True},
        fields | {8: ""},
        fields | {8: b""},
        seven,
        seven | {9: None},
    ):
        with pytest.raises(MalformedError):
            Annex.decode(cbor2.dumps(wrong, canonical=True))
    Annex.decode(cbor2.dumps(seven | {1: 1}, canonical=True))


def test_a_seal_has_no_parents() -> None:
    seal = CASES["body-derived"]
    body = cbor2.loads(bytes.fromhex(seal["encoded"]))
    with pytest.raises(MalformedError):
        BirthBody.from_cbor(body)


LINEAGE = Annex.decode(bytes.fromhex(CASES["claim-split"]["annex"])).lineage
assert LINEAGE is not None
FIELDS = cbor2.loads(LINEAGE)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 1 << 33) | st.text(max_size=4)
    | st.binary(max_size=70),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.integers(0, 6), inner, max_size=5)
    ),
    max_leaves=12,
)  # fmt: skip


@given(field=st.integers(1, 5), value=VALUES)
def test_any_field(field: int, value: object) -> None:
    encoded = cbor2.dumps(FIELDS | {field: value}, canonical=True)
    with contextlib.suppress(MalformedError):
        assert Lineage.decode(encoded).encode() == encoded


@given(at=st.integers(0, len(LINEAGE) * 8 - 1))
def test_one_flipped_bit_of_what_shows_the_parents(at: int) -> None:
    """It is refused; of a salt or a name of patient or study it shows less, and nothing else."""
    assert LINEAGE is not None
    changed = bytearray(LINEAGE)
    changed[at // 8] ^= 1 << at % 8
    fields: dict[int, Any] = cbor2.loads(bytes.fromhex(CASES["claim-split"]["annex"]))
    annex = cbor2.dumps(fields | {8: bytes(changed)}, canonical=True)
    try:
        found = matched("claim-split", annex)
    except (EvidenceError, MalformedError):
        return
    assert found == matched("claim-split")
    parentage = opened("claim-split", annex).parentage
    assert parentage is not None
    header = parentage.parents[0].header
    values = {0x00100010: "Test^Phantom", 0x00100020: "P-1", 0x0020000D: "1.2.3"}
    assert not all(header.agrees(tag, (value,)) for tag, value in values.items())


GOOD = cbor2.loads(bytes.fromhex(CASES["body-derived"]["encoded"]))


@given(
    event=st.sampled_from([Event.DERIVED, Event.DEIDENTIFIED, Event.SEALED, Event.SENT]),
    field=st.integers(1, 9),
    value=VALUES | st.binary(min_size=32, max_size=32) | st.just("crop"),
)
def test_any_field_of_a_body(event: Event, field: int, value: object) -> None:
    body = GOOD | {field: value}
    try:
        parsed = BirthBody.from_cbor(body, event)
    except MalformedError:
        return
    assert parsed.to_cbor() == body
    assert event in (Event.DERIVED, Event.DEIDENTIFIED)


@given(st.binary(max_size=200))
def test_garbage(data: bytes) -> None:
    with pytest.raises(MalformedError):
        Lineage.decode(data)
