"""Makes the cases in this folder: python tests/vectors/correction/generate.py

Fixed values stand in for what is random, so that the bytes never change. Each case has one failure
at most; cbor2 writes what must fail, since our own writer would refuse.
"""

import hashlib
import hmac
import json
from pathlib import Path

import cbor2

FOLDER = Path(__file__).parent
SEED, SALT = bytes(range(32)), bytes(range(0xF0, 0x100))
NAME, PATIENT_ID = 0x00100010, 0x00100020


def filled(text: str, size: int = 32) -> bytes:
    """Bytes that say where they come from."""
    return hashlib.shake_256(text.encode()).digest(size)


def leaf(salt: bytes, content: bytes) -> bytes:
    """An attribute leaf, by docs/spec/header-tree.md."""
    return hashlib.sha256(b"\0radseal-attribute-1" + salt + content).digest()


def signed_salt(tag: int) -> bytes:
    """The salt of a signed leaf."""
    return hmac.digest(SEED, tag.to_bytes(4, "big"), "sha256")[:16]


def main() -> None:
    """Write the cases."""
    was = cbor2.dumps(["identity", NAME, ["Test^Phantom"]])
    now = cbor2.dumps(["identity", NAME, ["Doe^Jane"]])
    old, new = leaf(signed_salt(NAME), was), leaf(SALT, now)
    other = [PATIENT_ID, filled("old"), filled("new")]
    change = [NAME, old, new]
    many = [[tag, filled("old"), filled("new")] for tag in range(0x00100000, 0x00100000 + 129)]
    bodies = {
        "body-name": {1: "CORRECT", 2: [change]},
        "body-two": {1: "COERCE", 2: [change, other]},
        "body-most": {1: "COERCE", 2: many[:128]},
        "body-reason_fail": {1: "ADD", 2: [change]},
        "body-no-change_fail": {1: "CORRECT", 2: []},
        "body-too-many_fail": {1: "CORRECT", 2: many},
        "body-order_fail": {1: "CORRECT", 2: [other, change]},
        "body-twice_fail": {1: "CORRECT", 2: [change, change]},
        "body-same-leaf_fail": {1: "CORRECT", 2: [[NAME, old, old]]},
        "body-short-hash_fail": {1: "CORRECT", 2: [[NAME, old, new[:31]]]},
        "body-tag_fail": {1: "CORRECT", 2: [[1 << 32, old, new]]},
        "body-tag-boolean_fail": {1: "CORRECT", 2: [[True, old, new]]},
        "body-more-keys_fail": {1: "CORRECT", 2: [change], 3: None},
        "body-no-reason_fail": {2: [change]},
    }
    annex = filled("annex", 40)
    opened = [[signed_salt(NAME), was], [SALT, now]]
    kept = {
        "kept-two": {1: 2, 2: annex, 3: opened},
        "kept-none_fail": {1: 2, 2: annex, 3: []},
        "kept-twice_fail": {1: 2, 2: annex, 3: [opened[0], opened[0]]},
        "kept-salt_fail": {1: 2, 2: annex, 3: [[SALT[:15], now]]},
        "kept-content_fail": {1: 2, 2: annex, 3: [[SALT, b""]]},
        "kept-long-content_fail": {1: 2, 2: annex, 3: [[SALT, bytes(65_537)]]},
        "kept-annex-text_fail": {1: 2, 2: "annex", 3: opened},
    }
    for name, value in (bodies | kept).items():
        case: dict[str, object] = {
            "what": name.split("-")[0],
            "encoded": cbor2.dumps(value, canonical=True).hex(),
        }
        if name == "kept-two":
            case |= {"annex": annex.hex(), "leaves": [old.hex(), new.hex()]}
        if name == "body-name":
            case |= {"seed": SEED.hex(), "salt": SALT.hex(), "was": was.hex(), "now": now.hex()}
        text = json.dumps(case, indent=1)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
