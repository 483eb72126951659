"""A log behind a server (docs/spec/log-server.md): asked again until it answers, never believed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from ledger.checkpoints.trusted_logs import TrustedHead, TrustedLogs, open_checkpoint
from ledger.entries import Entry, Submission
from ledger.errors import (
    BusyError,
    LedgerError,
    MalformedError,
    ProofError,
    UnreachableError,
    UsageError,
)
from ledger.exchange import ATTEMPTS, Pause, ask_again, exchange, log_address
from ledger.links import Link
from ledger.receipts.receipt import open_receipt
from ledger.remote.read_request import encode_authorization
from ledger.remote.registration import (
    encode_submissions,
    error_of,
    parse_link,
    parse_problem,
    parse_registered,
)
from ledger.tree.merkle import hash_leaf

MAX_ANSWER = 1 << 20
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
        pause: Pause = time.sleep,
        attempts: int = ATTEMPTS,
    ) -> None:
        if len(logs.logs) != 1:
            raise UsageError("the client of a log is configured with the keys of that one log")
        self.url = log_address(url)
        self.origin = logs.logs[0].origin
        self._logs = logs
        self._seconds = seconds
        self._pause = pause
        self._attempts = attempts

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

    def _ask(
        self, method: str, path: str, body: bytes | None = None, *, most: int = MAX_ANSWER
    ) -> bytes:
        """Return the body of a 200; sends again where nothing was said, or "later"."""
        status, answer = self._answer(method, path, body, most=most)
        if status == 200:
            return answer
        raise self._error(status, answer)

    def _answer(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        most: int = MAX_ANSWER,
        signed: bytes | None = None,
    ) -> tuple[int, bytes]:
        headers = {} if signed is None else {"Authorization": encode_authorization(signed)}
        return ask_again(
            lambda: self._exchange(method, path, body, most, headers),
            url=self.url,
            again=_AGAIN,
            pause=self._pause,
            attempts=self._attempts,
        )

    def _exchange(
        self, method: str, path: str, body: bytes | None, most: int, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        url = self.url + path
        return exchange(method, url, body, seconds=self._seconds, most=most, headers=headers)

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
