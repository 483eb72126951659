"""JSON as it goes over the line: one object, hexadecimal in its one spelling."""

from __future__ import annotations

import json
from collections.abc import Mapping

from ledger.errors import MalformedError

_HEX_DIGITS = frozenset("0123456789abcdef")


def encode_object(fields: Mapping[str, object]) -> bytes:
    """Return an object as text that ends in a line feed."""
    return json.dumps(fields, ensure_ascii=False).encode("utf-8") + b"\n"


def decode_object(body: bytes) -> dict[str, object]:
    """Return the fields of an object; MalformedError for anything else."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedError("an answer that is no JSON") from error
    if not isinstance(fields, dict):
        raise MalformedError("an answer that is no JSON object")
    return fields


def decode_hex(text: object, size: int | None) -> bytes:
    """Return so many bytes, or however many; MalformedError unless they are lowercase digits."""
    if not isinstance(text, str) or len(text) % 2 or not set(text) <= _HEX_DIGITS:
        raise MalformedError("not hexadecimal digits")
    if size is not None and len(text) != 2 * size:
        raise MalformedError(f"not {2 * size} hexadecimal digits")
    return bytes.fromhex(text)


def is_number(value: int) -> bool:
    """Whether an integer is one of a log: no truth value, and of 63 bits."""
    return not isinstance(value, bool) and 0 <= value < 2**63
