"""Base64 and decimal numbers in text formats: one spelling per value."""

from __future__ import annotations

import base64
import binascii

from ledger.errors import MalformedError


def encode_base64(data: bytes) -> str:
    """Return standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(data).decode("ascii")


def decode_base64(text: str, *, size: int | None = None) -> bytes:
    """Return the bytes; MalformedError for any spelling but the encoder's, or another size."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError(f"not base64: {text[:60]!r}") from error
    if encode_base64(data) != text:
        raise MalformedError(f"base64 in another than its one spelling: {text[:60]!r}")
    if size is not None and len(data) != size:
        raise MalformedError(f"{len(data)} bytes in base64, where {size} belong")
    return data


def decode_decimal(text: str, *, bits: int) -> int:
    """Return the number; no sign, no space, no leading zero, less than ``2**bits``."""
    digits = text.isascii() and text.isdigit() and len(text) <= 20
    if not digits or (text[0] == "0" and text != "0") or int(text) >> bits:
        raise MalformedError(f"not a decimal number of {bits} bits: {text[:60]!r}")
    return int(text)
