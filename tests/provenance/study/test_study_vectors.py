"""The vectors of docs/spec/study.md, and hostile manifests."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import cbor2
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from ledger import parse_statement
from provenance.dicom.read import read_instance
from provenance.errors import EvidenceError, MalformedError
from provenance.study.closing import ClosingBody, open_closing
from provenance.study.closing_block import ClosingBlock, read_closing_block, write_closing_block
from provenance.study.key_references import EVIDENCE, read_references
from provenance.study.listed import Listed
from provenance.study.manifest import MAX_INSTANCES, Manifest

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "study"
CASES = sorted(FOLDER.glob("*.json"))


def load(path: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found


def of(what: str) -> list[Path]:
    found = [path for path in CASES if load(path)["what"] == what]
    assert len(found) > 5
    return found


def name(path: Path) -> str:
    return path.stem


TWO = bytes.fromhex(load(FOLDER / "manifest-two.json")["encoded"])


@pytest.mark.parametrize("path", of("manifest"), ids=name)
def test_manifests(path: Path) -> None:
    case = load(path)
    encoded = bytes.fromhex(case["encoded"])
    if path.stem.endswith("_fail"):
        with pytest.raises(MalformedError):
            Manifest.decode(encoded)
        return
    manifest = Manifest.decode(encoded)
    assert manifest.encode() == encoded
    assert manifest.root.hex() == case["root"]
    assert manifest.commitment.hex() == case["commitment"]


@pytest.mark.parametrize("path", of("body"), ids=name)
def test_bodies(path: Path) -> None:
    body = cbor2.loads(bytes.fromhex(load(path)["encoded"]))
    if path.stem.endswith("_fail"):
        with pytest.raises(MalformedError):
            ClosingBody.from_cbor(body)
        return
    assert ClosingBody.from_cbor(body).to_cbor() == body


@pytest.mark.parametrize("path", of("closing"), ids=name)
def test_closings(path: Path) -> None:
    case = load(path)
    statement = parse_statement(bytes.fromhex(case["statement"]))
    manifest = Manifest.decode(bytes.fromhex(case["encoded"]))
    if path.stem.endswith("_fail"):
        with pytest.raises(EvidenceError):
            open_closing(statement, manifest)
        return
    assert open_closing(statement, manifest).signer == "vector archivist"


def test_every_vector_is_one_of_the_generator() -> None:
    source = (FOLDER / "generate.py").read_text(encoding="utf-8")
    assert all(f'"{path.stem}"' in source for path in CASES)
    assert len(CASES) > 60


@given(st.binary(max_size=300))
def test_no_bytes_bring_a_reader_down(data: bytes) -> None:
    with pytest.raises(MalformedError):
        Manifest.decode(data)


@given(st.data())
@settings(max_examples=400)
def test_no_mutation_of_a_manifest_keeps_its_commitment(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(TWO) - 1))
    byte = data.draw(st.integers(0, 255))
    changed = TWO[:place] + bytes([byte]) + TWO[place + 1 :]
    was = Manifest.decode(TWO)
    try:
        now = Manifest.decode(changed)
    except MalformedError:
        return
    assert now.encode() == changed
    bound = replace(now, certificates=was.certificates)  # what the statement binds by itself
    assert (bound.commitment == was.commitment) is (bound == was)


UIDS = st.from_regex(r"[0-9.]{1,64}", fullmatch=True)
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.binary(max_size=33)


@given(st.lists(SCALARS | st.lists(SCALARS, max_size=3), max_size=12))
def test_no_row_brings_a_reader_down(fields: list[object]) -> None:
    with pytest.raises(MalformedError):
        Listed.from_cbor(fields)


@given(st.lists(st.tuples(UIDS, UIDS, UIDS), min_size=1, max_size=9, unique_by=lambda row: row[0]))
def test_what_is_written_is_read(uids: list[tuple[str, str, str]]) -> None:
    like = Manifest.decode(TWO).instances[0]
    rows = [
        replace(like, instance_uid=one, class_uid=two, series_uid=three)
        for one, two, three in sorted(uids)
    ]
    manifest = replace(Manifest.decode(TWO), instances=tuple(rows))
    assert Manifest.decode(manifest.encode()) == manifest
    assert 2**manifest.size_class >= len(rows) > 2**manifest.size_class // 2


def test_the_most_instances_are_read_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    like = Manifest.decode(TWO)
    first = like.instances[0]
    most = [replace(first, instance_uid=f"1.2.{number:06}") for number in range(MAX_INSTANCES)]
    full = replace(like, instances=tuple(most))
    rows = [cbor2.dumps(each.to_cbor()) for each in most]
    empty = cbor2.dumps({1: 1, 2: like.salt, 3: like.study_uid, 4: list(like.certificates)})
    front = b"\xa5" + empty[1:] + b"\x05\x9a"
    encoded = front + MAX_INSTANCES.to_bytes(4, "big") + b"".join(rows)
    assert len(encoded) < 64 << 20
    assert Manifest.decode(encoded) == full
    assert full.size_class == 17
    monkeypatch.setattr("provenance.study.manifest.MAX_INSTANCES", 1)
    with pytest.raises(MalformedError, match="of 2 instances"):
        Manifest.decode(TWO)


@given(st.binary(max_size=200))
def test_no_references_bring_a_reader_down(data: bytes) -> None:
    dataset = Dataset()
    tag = BaseTag(EVIDENCE)
    dataset._dict[tag] = RawDataElement(tag, "SQ", len(data), data, 0, False, True)
    with suppress(MalformedError):
        assert read_references(dataset) == frozenset()


def test_blocks() -> None:
    dataset = Dataset()
    assert read_closing_block(dataset) is None
    block = ClosingBlock(b"statement", b"manifest", b"receipt!")
    write_closing_block(dataset, block)
    assert read_closing_block(dataset) == block
    write_closing_block(dataset, block)
    with pytest.raises(MalformedError, match="2 private blocks"):
        read_closing_block(dataset)


@pytest.mark.parametrize(
    ("element", "value"),
    [
        (0x02, None),
        (0x01, b"\0\0\0\x05ab"),
        (0x01, b"\0\0\0\x02ab\0\0"),
        (0x01, b"\0\0\0\x01a\x01"),
        (0x01, b"\0\0\0\0"),
        (0x01, b"\0\x01\0\0"),
        (0x01, b"ab"),
        (0x04, b"\0\0\0\x02ab"),
    ],
)
def test_broken_blocks(element: int, value: bytes | None) -> None:
    dataset = Dataset()
    write_closing_block(dataset, ClosingBlock(b"statement", b"manifest"))
    tag = BaseTag(0x52531000 | element)
    if value is None:
        del dataset[tag]
    else:
        dataset[tag] = pydicom.DataElement(tag, "OB", value)
    with pytest.raises(MalformedError):
        read_closing_block(dataset)


def test_a_key_object_without_references_is_refused(make_dicom: object) -> None:
    assert callable(make_dicom)
    with pytest.raises(MalformedError):
        read_references(read_instance(make_dicom()).dataset)
