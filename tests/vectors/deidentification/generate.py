"""Makes the cases in this folder: python tests/vectors/deidentification/generate.py

A second implementation of docs/spec/deidentification.md (cbor2, hashlib and cryptography alone),
with fixed values for what is random, so that the bytes never change. Each case has one failure at
most; names that end in _fail must be refused.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import cbor2
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FOLDER = Path(__file__).parent
SALT, LEAF, PARENT = bytes(range(32)), b"\x11" * 32, b"\x22" * 12
COPY, KEY, NONCE = b"\x33" * 12, b"\x44" * 32, b"\x55" * 12
NAME, SEX, KVP = 0x00100010, 0x00100040, 0x00180060
BOX = [0, 10, 20, 30, 40]


def dumps(value: object) -> bytes:
    """Deterministic CBOR."""
    return cbor2.dumps(value, canonical=True)


def declared(**fields: Any) -> dict[int, Any]:
    """What is declared, with some of it changed."""
    return {1: [], 2: [], 3: []} | {int(name[1:]): value for name, value in fields.items()}


DECLARED: dict[str, object] = {
    "nothing": declared(),
    "all": declared(f1=[NAME, SEX], f2=[KVP], f3=[BOX, [0, 10, 21, 1, 1], [1, 0, 0, 65535, 1]]),
    "most-tags": declared(f1=list(range(128))),
    "tags-too-many_fail": declared(f1=list(range(129))),
    "tags-order_fail": declared(f1=[SEX, NAME]),
    "tags-twice_fail": declared(f2=[KVP, KVP]),
    "tag-too-large_fail": declared(f1=[1 << 32]),
    "tag-negative_fail": declared(f1=[-1]),
    "tag-bool_fail": declared(f1=[True]),
    "tag-text_fail": declared(f1=["PatientName"]),
    "boxes-too-many_fail": declared(f3=[[0, 0, y, 1, 1] for y in range(257)]),
    "boxes-order_fail": declared(f3=[[0, 10, 21, 1, 1], BOX]),
    "boxes-twice_fail": declared(f3=[BOX, BOX]),
    "box-empty_fail": declared(f3=[[0, 10, 20, 0, 40]]),
    "box-short_fail": declared(f3=[[0, 10, 20, 30]]),
    "box-outside_fail": declared(f3=[[0, 65536, 20, 30, 40]]),
    "box-bool_fail": declared(f3=[[False, 10, 20, 30, 40]]),
    "field-missing_fail": {1: [], 2: []},
    "field-more_fail": declared(f4=[]),
    "no-map_fail": [[], [], []],
    "null_fail": None,
}


def sealed(text: bytes, *, copy: bytes = COPY, key: bytes = KEY) -> bytes:
    """Encipher what leads back."""
    return NONCE + AESGCM(key).encrypt(NONCE, text, b"radseal-opening-1" + copy)


GOOD = dumps([1, SALT, LEAF, PARENT])
OPENINGS: dict[str, bytes] = {
    "good": sealed(GOOD),
    "of-another-copy_fail": sealed(GOOD, copy=b"\x34" * 12),
    "under-another-key_fail": sealed(GOOD, key=b"\x45" * 32),
    "changed_fail": sealed(GOOD)[:-1] + b"\0",
    "cut_fail": sealed(GOOD)[:12],
    "long_fail": sealed(dumps([1, SALT, LEAF, bytes(200)])),
    "version_fail": sealed(dumps([2, SALT, LEAF, PARENT])),
    "version-bool_fail": sealed(dumps([True, SALT, LEAF, PARENT])),
    "salt-short_fail": sealed(dumps([1, SALT[:-1], LEAF, PARENT])),
    "leaf-short_fail": sealed(dumps([1, SALT, LEAF[:-1], PARENT])),
    "id-long_fail": sealed(dumps([1, SALT, LEAF, PARENT + b"\0"])),
    "field-more_fail": sealed(dumps([1, SALT, LEAF, PARENT, 0])),
    "not-deterministic_fail": sealed(GOOD[:1] + b"\x18\x01" + GOOD[2:]),
    "trailing_fail": sealed(GOOD + b"\0"),
    "empty_fail": sealed(b""),
}
ANNEX, WAY = b"annex", sealed(GOOD)
LEAVES = [[bytes(16), b"content"]]
KEPT: dict[str, bytes] = {
    "way": dumps({1: 4, 2: ANNEX, 3: [], 4: WAY}),
    "way-and-leaves": dumps({1: 4, 2: ANNEX, 3: LEAVES, 4: WAY}),
    "leaves": dumps({1: 2, 2: ANNEX, 3: LEAVES}),
    "annex-alone": ANNEX,
    "way-empty_fail": dumps({1: 4, 2: ANNEX, 3: [], 4: b""}),
    "way-long_fail": dumps({1: 4, 2: ANNEX, 3: [], 4: bytes(257)}),
    "way-null_fail": dumps({1: 4, 2: ANNEX, 3: [], 4: None}),
    "leaves-twice_fail": dumps({1: 4, 2: ANNEX, 3: LEAVES * 2, 4: WAY}),
    "trailing_fail": dumps({1: 4, 2: ANNEX, 3: [], 4: WAY}) + b"\0",
    "field-5_fail": dumps({1: 4, 2: ANNEX, 3: [], 5: WAY}),
}


def main() -> None:
    """Write the cases."""
    commitment = hashlib.sha256(b"\0radseal-parent-1" + SALT + LEAF + PARENT).digest()
    link = {"salt": SALT.hex(), "leaf_hash": LEAF.hex(), "object_id": PARENT.hex()}
    write("commitment", {"what": "commitment", **link, "commitment": commitment.hex()})
    for name, value in DECLARED.items():
        write(f"declared-{name}", {"what": "declared", "encoded": dumps(value).hex()})
    for name, data in OPENINGS.items():
        place = {"copy_id": COPY.hex(), "key": KEY.hex(), "nonce": NONCE.hex()}
        opening = {"what": "opening", **place, "sealed": data.hex(), **link}
        write(f"opening-{name}", opening)
    for name, data in KEPT.items():
        write(f"kept-{name}", {"what": "kept", "encoded": data.hex()})


def write(name: str, case: dict[str, Any]) -> None:
    """Write one case."""
    (FOLDER / f"{name}.json").write_text(json.dumps(case, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
