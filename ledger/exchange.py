"""One question to a server: no redirects, a bounded answer, an end to every wait; or several."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Timer
from urllib.parse import urlsplit

from ledger.errors import UnreachableError, UsageError

MAX_ANSWER = 1 << 16
ATTEMPTS = 8
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0

Pause = Callable[[float], None]
"""Sleeps that many seconds."""


def exchange(
    method: str,
    url: str,
    body: bytes | None,
    *,
    seconds: float,
    most: int = MAX_ANSWER,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, bytes]:
    """Return status and body of one request; all of it has ``seconds``, then the line is cut.

    ValueError for an answer of more than ``most`` bytes.
    """
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.connect()
        timer = Timer(seconds, _cut, (connection.sock,))
        timer.daemon = True
        timer.start()
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, body, {"Connection": "close", **(headers or {})})
            with connection.getresponse() as response:
                status, answer = response.status, response.read(most + 1)
        finally:
            timer.cancel()
    finally:
        connection.close()
    if len(answer) > most:
        raise ValueError(f"an answer of more than {most} bytes")
    return status, answer


def ask_again(
    ask: Callable[[], tuple[int, bytes]],
    *,
    url: str,
    again: Collection[int],
    pause: Pause,
    attempts: int = ATTEMPTS,
) -> tuple[int, bytes]:
    """Return the first answer whose status is not in ``again``, or the last of so many.

    UnreachableError if there was none at the end; at once for an answer that is too long.
    """
    wait = FIRST_PAUSE
    for attempt in range(attempts):
        if attempt:
            pause(wait)
            wait = min(2 * wait, LONGEST_PAUSE)
        outcome: tuple[int, bytes] | UnreachableError
        try:
            outcome = ask()
        except (OSError, HTTPException) as cause:
            outcome = UnreachableError(f"{url} cannot be reached: {cause}")
            continue
        except ValueError as cause:
            raise UnreachableError(f"{url}: {cause}") from cause
        if outcome[0] not in again:
            break
    if isinstance(outcome, UnreachableError):
        raise outcome
    return outcome


def log_address(url: str) -> str:
    """Return the prefix of a log's addresses without the last slash; UsageError if it is none."""
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError as error:
        raise UsageError(f"{url} is not the address of a log") from error
    if not named or parts.query or parts.fragment:
        raise UsageError(f"{url} is not the address of a log")
    return url.rstrip("/")


def _cut(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
