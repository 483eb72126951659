"""Write the carrier's vectors: python tests/vectors/carrier/generate.py

Bytes by hand, so that the writer under test has no part in them; ``carrier`` is what must be read,
null where there is none, and vectors named ``_fail`` must be refused.
"""

import json
import struct
from pathlib import Path

HERE = Path(__file__).parent
LETTERS = {"OB": b"OB\0\0", "UN": b"UN\0\0"}


def element(tag: int, vr: str, value: bytes, syntax: str) -> bytes:
    """Return one element of a bare dataset."""
    order = ">" if "big" in syntax else "<"
    head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF)
    if syntax.startswith("implicit"):
        return head + struct.pack("<L", len(value)) + value
    if vr == "LO":
        return head + b"LO" + struct.pack(order + "H", len(value)) + value
    return head + LETTERS[vr] + struct.pack(order + "L", len(value)) + value


def framed(value: bytes) -> bytes:
    """Return a value preceded by its length, padded to an even one."""
    whole = struct.pack(">L", len(value)) + value
    return whole + bytes(len(whole) % 2)


def creator(block: int, syntax: str, name: bytes = b"RADSEAL 1 ") -> bytes:
    return element(0x52530000 | block, "LO", name, syntax)


def item(block: int, number: int, value: bytes, syntax: str, vr: str = "OB") -> bytes:
    return element(0x52530000 | block << 8 | number, vr, value, syntax)


def write(name: str, description: str, syntax: str, dataset: bytes, *values: bytes | None) -> None:
    names = ("statement", "annex", "receipt", "restore")
    found = dict(zip(names, (v if v is None else v.hex() for v in values), strict=False))
    content = {
        "description": description,
        "syntax": syntax,
        "dataset": dataset.hex(),
        **({} if name.endswith("_fail") else {"carrier": found or None}),
    }
    HERE.joinpath(f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", "ascii")


EXPLICIT, IMPLICIT, BIG = "explicit little endian", "implicit little endian", "explicit big endian"
STATEMENT, ANNEX, RECEIPT, RESTORE = b"seal", b"annex", b"receipt", b"restore"


def good() -> None:
    for syntax in (EXPLICIT, IMPLICIT, BIG):
        whole = creator(0x10, syntax) + b"".join(
            item(0x10, number, framed(value), syntax)
            for number, value in enumerate((STATEMENT, ANNEX, RECEIPT, RESTORE), 1)
        )
        name = "whole-" + syntax.replace(" ", "-")
        write(name, "All four values.", syntax, whole, STATEMENT, ANNEX, RECEIPT, RESTORE)
    least = item(0x10, 1, framed(STATEMENT), EXPLICIT) + item(0x10, 2, framed(ANNEX), EXPLICIT)
    least = creator(0x10, EXPLICIT) + least
    write("least", "Statement and annex only.", EXPLICIT, least, STATEMENT, ANNEX, None, None)
    moved = item(0x1F, 1, framed(STATEMENT), EXPLICIT) + item(0x1F, 2, framed(ANNEX), EXPLICIT)
    moved = creator(0x10, EXPLICIT, b"ACME") + creator(0x1F, EXPLICIT) + moved
    write("moved", "In block 1F, beside another's.", EXPLICIT, moved, STATEMENT, ANNEX, None, None)
    unknown = item(0x10, 1, framed(STATEMENT), EXPLICIT, "UN")
    unknown += item(0x10, 2, framed(ANNEX), EXPLICIT, "UN")
    unknown = creator(0x10, EXPLICIT) + unknown
    write("unknown-vr", "Values with VR UN.", EXPLICIT, unknown, STATEMENT, ANNEX, None, None)
    foreign = creator(0x10, EXPLICIT, b"ACME") + item(0x10, 1, framed(STATEMENT), EXPLICIT)
    write("foreign", "A block of another creator: no carrier.", EXPLICIT, foreign)
    version = creator(0x10, EXPLICIT, b"RADSEAL 2 ") + item(0x10, 1, framed(STATEMENT), EXPLICIT)
    write("other-version", "A creator this version does not know.", EXPLICIT, version)


def bad() -> None:
    def fail(name: str, description: str, *elements: bytes) -> None:
        dataset = creator(0x10, EXPLICIT) + b"".join(elements)
        write(f"{name}_fail", description, EXPLICIT, dataset)

    first, second = (item(0x10, n, framed(v), EXPLICIT) for n, v in ((1, STATEMENT), (2, ANNEX)))

    def statement(value: bytes) -> bytes:
        return item(0x10, 1, value, EXPLICIT)

    fail("creator-alone", "No values.")
    fail("no-annex", "No annex.", first)
    fail("no-statement", "No statement.", second)
    fail("two-blocks", "Two blocks of ours.", creator(0x11, EXPLICIT), first, second)
    extra = item(0x10, 5, framed(b"more"), EXPLICIT)
    fail("unknown-element", "An element 05.", first, second, extra)
    fail("short", "Shorter than its length.", statement(b"\0\0\0\x05seal"), second)
    fail("trailing", "Two bytes too many.", statement(framed(STATEMENT) + b"\0\0"), second)
    fail("padding", "A pad byte that is not zero.", statement(b"\0\0\0\x03sea!"), second)
    fail("empty", "A value of no bytes.", statement(b"\0\0\0\0"), second)
    fail("unframed", "No room for a length.", statement(b"\0\0"), second)
    fail("too-long", "A statement of 65,536 bytes.", statement(framed(bytes(65_536))), second)


if __name__ == "__main__":
    good()
    bad()
