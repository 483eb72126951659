"""A log behind a server (docs/spec/log-server.md): asked again until it answers, never believed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from http.client import HTTPException
from typing import TypeVar
from urllib.parse import urlsplit

from ledger.entries import Entry, Submission
from ledger.errors import (
    BusyError,
    LedgerError,
    MalformedError,
    ProofError,
    UnreachableError,
    UsageError,
)
from ledger.links import Link
from ledger.merkle import hash_leaf
from ledger.receipt import open_receipt
from ledger.registration import (
    encode_submissions,
    error_of,
    parse_link,
    parse_problem,
    parse_registered,
)
from ledger.trusted_logs import TrustedHead, TrustedLogs, open_checkpoint
from ledger.witness_client import exchange

MAX_ANSWER = 1 << 20
ATTEMPTS = 8
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0
SECONDS = 40.0  # more than a server lets anyone wait

_AGAIN = (429, 503)

_T = TypeVar("_T")


class LogClient:
    """A log by its address and its keys. ``pause`` sleeps that many seconds."""

    def __init__(
        self,
        url: str,
        logs: TrustedLogs,
        *,
        seconds: float = SECONDS,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        if len(logs.logs) != 1:
            raise UsageError("the client of a log is configured with the keys of that one log")
        self.url = url.rstrip("/")
        try:
            parts = urlsplit(self.url)
            named = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError as error:
            raise UsageError(f"{url} is not the address of a log") from error
        if not named or parts.query or parts.fragment:
            raise UsageError(f"{url} is not the address of a log")
        self.origin = logs.logs[0].origin
        self._logs = logs
        self._seconds = seconds
        self._pause = pause

    def append(self, submissions: Sequence[Submission], *, at: datetime) -> list[Entry]:
        """Register statements; ``at`` is the server's to say. See ``register``."""
        del at
        return self.register(submissions)

    def register(self, submissions: Sequence[Submission]) -> list[Entry]:
        """Log statements in their order, all or none; returns once they are on the server's disk.

        A statement that is in the log already returns its entry, so the call may be repeated.
        Errors as ``Log.append``, and BusyError or UnreachableError if the server has not taken
        them after several attempts: then they may be in the log all the same.

        The index of an entry is the server's word; ``receipt`` proves it.
        """
        body = self._ask("POST", "/submissions", encode_submissions(submissions))
        entries = self._read(parse_registered, body).entries
        leaves = [hash_leaf(each.statement) for each in submissions]
        if [leaf for _, leaf in entries] != leaves:
            raise UnreachableError(f"{self.url} answered for other statements than were sent")
        return [
            Entry(index, each.statement, leaf)
            for (index, leaf), each in zip(entries, submissions, strict=True)
        ]

    def receipt(self, entry: Entry) -> bytes:
        """Return the receipt of an entry, verified; waits until it is published.

        ProofError, or MalformedError, for one that does not prove this entry in this log.
        """
        receipt = self._ask("GET", f"/receipt/{entry.index}")
        included = open_receipt(entry.statement, receipt, logs=self._logs)
        if included.index != entry.index:
            raise ProofError(f"a receipt of entry {included.index}, not of {entry.index}")
        return receipt

    def checkpoint(self) -> bytes:
        """Return the newest published checkpoint, verified."""
        note = self._ask("GET", "/checkpoint")
        open_checkpoint(note, self._logs)
        return note

    def head(self) -> TrustedHead:
        """Return what the newest published checkpoint says."""
        return open_checkpoint(self._ask("GET", "/checkpoint"), self._logs)

    def object_link(self, object_id: bytes) -> Link:
        """Return the link the next statement about an object must have; the server's word."""
        return self._read(parse_link, self._ask("GET", f"/link/object/{object_id.hex()}"))

    def actor_link(self, kid: bytes) -> Link:
        """Return the link the next statement of a signer must have; the server's word."""
        return self._read(parse_link, self._ask("GET", f"/link/actor/{kid.hex()}"))

    def close(self) -> None:
        """Nothing is held open between two questions."""

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Return the body of a 200; sends again where nothing was said, or "later"."""
        pause = FIRST_PAUSE
        for attempt in range(ATTEMPTS):
            if attempt:
                self._pause(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            error: LedgerError
            try:
                status, answer = self._exchange(method, path, body)
            except (OSError, HTTPException) as cause:
                error = UnreachableError(f"{self.url} cannot be reached: {cause}")
                continue
            if status == 200:
                return answer
            error = self._error(status, answer)
            if status not in _AGAIN:
                break
        raise error

    def _exchange(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        try:
            return exchange(method, self.url + path, body, seconds=self._seconds, most=MAX_ANSWER)
        except ValueError as error:
            raise UnreachableError(f"{self.url}: {error}") from error

    def _error(self, status: int, answer: bytes) -> LedgerError:
        try:
            return error_of(parse_problem(status, answer))
        except MalformedError:
            if status == 503:  # the server has more connections than it may
                return BusyError(f"{self.url} answered {status}")
            return UnreachableError(f"{self.url} answered {status}")

    def _read(self, parse: Callable[[bytes], _T], body: bytes) -> _T:
        try:
            return parse(body)
        except MalformedError as error:
            raise UnreachableError(f"{self.url}: {error}") from error
