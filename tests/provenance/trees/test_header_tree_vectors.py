"""The header tree's vectors, and a second implementation that knows the specification only."""

import csv
import hashlib
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import cbor2
import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

import provenance.dicom.attributes as module
from provenance.dicom.attributes import canonical_attributes
from provenance.errors import MalformedError
from provenance.header_tree import HeaderTree, changed_attributes, hash_header

FOLDER = Path(__file__).parents[2] / "vectors" / "header-tree"
VECTORS = {path.stem: json.loads(path.read_text("ascii")) for path in FOLDER.glob("*.json")}
ROOTS = {name: vector for name, vector in VECTORS.items() if "root" in vector}
EDITS = {name: vector for name, vector in VECTORS.items() if "changes" in vector}
FAILS = {name: vector for name, vector in VECTORS.items() if name.endswith("_fail")}
GROUPS = ("instance", "identity", "geometry", "display", "acquisition", "rest", "private")


def test_there_are_vectors() -> None:
    assert len(ROOTS) >= 10
    assert len(EDITS) >= 5
    assert len(FAILS) >= 6
    assert len(ROOTS) + len(EDITS) + len(FAILS) == len(VECTORS)


def _dataset(vector: dict[str, Any]) -> Dataset:
    implicit = vector["syntax"].startswith("implicit")
    little = "little" in vector["syntax"]
    return read_dataset(BytesIO(bytes.fromhex(vector["dataset"])), implicit, little)


def _to_json(value: object) -> object:
    if isinstance(value, tuple):
        return [_to_json(part) for part in value]
    return {"bytes": value.hex()} if isinstance(value, bytes) else value


@pytest.mark.parametrize("name", sorted(ROOTS))
def test_values_and_root(name: str) -> None:
    vector = ROOTS[name]
    attributes = canonical_attributes(_dataset(vector))
    values = [
        [f"{a.tag:08X}", a.group.value, _to_json(a.value)]
        for a in attributes
        if a.value is not None
    ]
    assert values == vector["values"]
    assert hash_header(attributes, bytes.fromhex(vector["seed"])).root.hex() == vector["root"]


@pytest.mark.parametrize("name", sorted(EDITS))
def test_changes(name: str) -> None:
    vector = EDITS[name]
    tree = HeaderTree.from_cbor(cbor2.loads(bytes.fromhex(vector["tree"])))
    changes = changed_attributes(tree, canonical_attributes(_dataset(vector)))
    assert [
        [f"{c.tag:08X}", c.keyword, c.group.value, c.severity.value, c.kind.value] for c in changes
    ] == vector["changes"]


@pytest.mark.parametrize("name", sorted(FAILS))
def test_malformed_trees(name: str) -> None:
    with pytest.raises(MalformedError):
        HeaderTree.from_cbor(cbor2.loads(bytes.fromhex(FAILS[name]["tree"])))


def test_what_must_agree_agrees() -> None:
    for names in (
        [name for name in ROOTS if name.startswith("radiograph-")],
        ["kinds-explicit", "kinds-implicit"],
        ["japanese-iso-2022", "japanese-utf-8"],
        ["greek-iso-ir-126", "greek-utf-8"],
    ):
        assert len({ROOTS[name]["root"] for name in names}) == 1
    assert len({vector["root"] for vector in ROOTS.values()}) == 5


# The second implementation: from canonical values to the root, by hand.


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | code]) + number.to_bytes(size, "big")
    raise AssertionError(number)


def _cbor(value: Any) -> bytes:
    match value:
        case None:
            return b"\xf6"
        case int():
            return _head(0, value) if value >= 0 else _head(1, -1 - value)
        case {"bytes": digits}:
            return _head(2, len(digits) // 2) + bytes.fromhex(digits)
        case str():
            return _head(3, len(value.encode())) + value.encode()
        case _:
            return _head(4, len(value)) + b"".join(map(_cbor, value))


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _hmac(key: bytes, message: bytes) -> bytes:
    key = key.ljust(64, b"\0")
    inner = _hash(bytes(byte ^ 0x36 for byte in key), message)
    return _hash(bytes(byte ^ 0x5C for byte in key), inner)


def _root(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else _hash()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return _hash(b"\1", _root(leaves[:split]), _root(leaves[split:]))


def _second_root(values: list[list[Any]], seed: bytes) -> bytes:
    table = Path(module.__file__).with_name("attributes.csv").read_text("ascii")
    leaves: dict[str, dict[int, Any]] = {group: {} for group in GROUPS}
    for row in csv.DictReader(table.splitlines()):
        if row["group"] in GROUPS and "x" not in row["tag"]:
            leaves[row["group"]][int(row["tag"], 16)] = None
    leaves["private"][0] = None
    for tag, group, value in values:
        leaves[group][int(tag, 16)] = value
    roots = []
    for group in GROUPS:
        hashes = []
        for tag, value in sorted(leaves[group].items()):
            salt = _hmac(seed, tag.to_bytes(4, "big"))[:16]
            hashes.append(_hash(b"\0radseal-attribute-1", salt, _cbor([group, tag, value])))
        roots.append(_hash(b"\0radseal-group-1", group.encode(), _root(hashes)))
    return _root(roots)


@pytest.mark.parametrize("name", sorted(ROOTS))
def test_a_second_implementation_finds_the_same_root(name: str) -> None:
    vector = ROOTS[name]
    assert _second_root(vector["values"], bytes.fromhex(vector["seed"])).hex() == vector["root"]


def test_the_worked_example_of_the_page() -> None:
    page = FOLDER.parents[2] / "docs" / "spec" / "header-tree.md"
    words = set(page.read_text("utf-8").split())
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName = "Müller^Jörg^"
    dataset.ImagerPixelSpacing = ["0.143", "0.1430"]
    dataset.ImageLaterality = "L "
    tree = hash_header(canonical_attributes(dataset), bytes(range(32)))
    leaves = {tag: digest.hex() for tag, _, digest in tree.leaves}
    assert {leaves[tag] for tag in (0x00100010, 0x00181164, 0x00200060, 0)} <= words
    assert tree.root.hex() in words
    assert len(tree.leaves) == 314
