"""A time-stamping authority over HTTP (RFC 3161, section 3.4): bounded in time and bytes."""

from __future__ import annotations

from http.client import HTTPException
from urllib.parse import urlsplit

from ledger.errors import UnreachableError, UsageError
from ledger.exchange import exchange
from ledger.timestamps.timestamp_request import TimestampRequest
from ledger.timestamps.timestamp_token import MAX_REPLY

SECONDS = 30.0


def ask_tsa(url: str, request: TimestampRequest, *, seconds: float = SECONDS) -> bytes:
    """Return the answer of the TSA at ``url``, unjudged; UnreachableError if there is none."""
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        named = False
    if not named:
        raise UsageError(f"{url} is not the address of a TSA")
    try:
        status, answer = exchange(
            "POST",
            url,
            bytes(request),
            seconds=seconds,
            most=MAX_REPLY,
            headers={"Content-Type": "application/timestamp-query"},
        )
    except (OSError, HTTPException, ValueError) as error:
        raise UnreachableError(f"the TSA at {url} cannot be reached: {error}") from error
    if status != 200:
        raise UnreachableError(f"the TSA at {url} answered {status}")
    return answer
