"""The carrier's vectors, read twice: by radseal and by a reader that knows only the page."""

import json
import struct
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom.filereader import read_dataset

from provenance.dicom.carrier import read_carrier
from provenance.errors import MalformedError

FOLDER = Path(__file__).parents[2] / "vectors" / "carrier"
VECTORS = {path.stem: json.loads(path.read_text("ascii")) for path in FOLDER.glob("*.json")}
GOOD = sorted(name for name in VECTORS if not name.endswith("_fail"))
BAD = sorted(name for name in VECTORS if name.endswith("_fail"))
LIMITS = {1: 65_535, 2: 1 << 26, 3: 1 << 20, 4: 1 << 28}


def test_there_are_vectors() -> None:
    assert len(GOOD) >= 8
    assert len(BAD) >= 11


def _first(vector: dict[str, Any]) -> dict[str, str | None] | None:
    implicit = vector["syntax"].startswith("implicit")
    content = BytesIO(bytes.fromhex(vector["dataset"]))
    carrier = read_carrier(read_dataset(content, implicit, "little" in vector["syntax"]))
    if carrier is None:
        return None
    parts = (carrier.statement, carrier.annex, carrier.receipt, carrier.restore)
    names = ("statement", "annex", "receipt", "restore")
    return {n: p if p is None else p.hex() for n, p in zip(names, parts, strict=True)}


def _second(vector: dict[str, Any]) -> dict[str, str | None] | None:
    data, position = bytes.fromhex(vector["dataset"]), 0
    order = ">" if "big" in vector["syntax"] else "<"
    elements: dict[int, bytes] = {}
    while position < len(data):
        group, number = struct.unpack_from(order + "HH", data, position)
        if vector["syntax"].startswith("implicit"):
            (length,) = struct.unpack_from("<L", data, position + 4)
            position += 8
        elif data[position + 4 : position + 6] in (b"OB", b"UN"):
            (length,) = struct.unpack_from(order + "L", data, position + 8)
            position += 12
        else:
            (length,) = struct.unpack_from(order + "H", data, position + 6)
            position += 8
        assert group == 0x5253
        elements[number] = data[position : position + length]
        position += length
    own = [n for n, v in elements.items() if n < 0x100 and v.strip() == b"RADSEAL 1"]
    if not own:
        return None
    assert len(own) == 1
    values = {n & 0xFF: v for n, v in elements.items() if n >> 8 == own[0]}
    assert {1, 2} <= values.keys() <= LIMITS.keys()
    found: dict[int, str] = {}
    for number, value in values.items():
        length = int.from_bytes(value[:4], "big")
        assert len(value) >= 4
        assert 0 < length <= LIMITS[number]
        assert value[4 + length :] in (b"", b"\0")
        assert len(value) - 4 - length == length % 2
        found[number] = value[4 : 4 + length].hex()
    names = ("statement", "annex", "receipt", "restore")
    return {name: found.get(number) for number, name in enumerate(names, 1)}


@pytest.mark.parametrize("name", GOOD)
def test_good_ones_are_read(name: str) -> None:
    assert _first(VECTORS[name]) == VECTORS[name]["carrier"]
    assert _second(VECTORS[name]) == VECTORS[name]["carrier"]


@pytest.mark.parametrize("name", BAD)
def test_bad_ones_are_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        _first(VECTORS[name])
    with pytest.raises(AssertionError):
        _second(VECTORS[name])


def test_the_worked_example_of_the_page() -> None:
    page = FOLDER.parents[2] / "docs" / "spec" / "carrier.md"
    example = page.read_text("utf-8").split("explicit VR little endian:")[1].split("Vectors")[0]
    lines = [line.split("(")[0].replace(" ", "") for line in example.split("\n") if "(" in line]
    assert bytes.fromhex("".join(lines)).hex() == VECTORS["least"]["dataset"]
