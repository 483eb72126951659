"""A log behind a server, asked by whoever verifies: what was logged is proven, the rest is said."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ledger.annexes import MAX_ANNEX
from ledger.checkpoints.trusted_logs import TrustedLogs
from ledger.cose.keys import Signer
from ledger.entries import Entry, LoggedKey
from ledger.errors import NotFoundError, NotSignedError, UnreachableError
from ledger.exchange import Pause
from ledger.questions.existence import StampedReceipt
from ledger.remote.log_client import MAX_ANSWER, SECONDS, LogClient
from ledger.remote.read_request import sign_read_request
from ledger.remote.reading import (
    HISTORY_PAGE,
    MAX_HISTORY,
    parse_history,
    parse_key,
    parse_objects,
)
from ledger.statements.statement import parse_statement

READ_ATTEMPTS = 5  # in three seconds: nothing is lost by a read that was given up
SIGNATURES = 3  # of one question: an answer may get lost, and a nonce is good once


class LogReader(LogClient):
    """A log by its address and its keys, for whom it holds a key that may read annexes.

    Every entry is proven to be in the log. That nothing was left out, and that a key was not
    revoked, is the server's word: an auditor's copy of the log shows it.
    """

    def __init__(
        self,
        url: str,
        logs: TrustedLogs,
        *,
        signer: Signer,
        seconds: float = SECONDS,
        pause: Pause = time.sleep,
    ) -> None:
        super().__init__(url, logs, seconds=seconds, pause=pause, attempts=READ_ATTEMPTS)
        self._signer = signer

    def events(self, object_id: bytes) -> tuple[Entry, ...]:
        """Return the history of an object, oldest first; empty if the log has none.

        ProofError if an entry is not in the log; BusyError while one is not published.
        """
        entries: list[Entry] = []
        page: list[Entry] | None = None
        while page is None or len(page) == HISTORY_PAGE:
            path = f"/history/{object_id.hex()}/{len(entries)}"
            page = self._read(parse_history, self._ask("GET", path, most=MAX_HISTORY))
            for entry in page:
                if self._read(parse_statement, entry.statement).object_id != object_id:
                    raise UnreachableError(f"{self.url} answered about another object")
                self.receipt(entry)
            entries += page
        return tuple(entries)

    def key(self, kid: bytes) -> LoggedKey:
        """Return what the log knows of a key; NotFoundError if it was never added."""
        key = self._read(parse_key, self._ask("GET", f"/key/{kid.hex()}"))
        if key.kid != kid:
            raise UnreachableError(f"{self.url} answered about another key")
        return key

    def bracket(self, _entry: Entry) -> None:
        """A server does not tell it; the receipt of an entry bounds its time from above."""

    def early_receipts(self, entry: Entry) -> Iterator[StampedReceipt]:
        """Yield the receipt that a server has of an entry: under its newest checkpoint."""
        yield StampedReceipt(self.receipt(entry))

    def stamped_receipts(self, _entry: Entry) -> Iterator[StampedReceipt]:
        """A server does not show its timestamps; a copy of the log does."""
        return iter(())

    def annex(self, object_id: bytes) -> bytes | None:
        """Return the annex kept for an object; None if there is none, or it was erased.

        NotSignedError or ForbiddenError if the log does not let the signer read. What comes is
        the server's word: the seal's commitments say whether it fits.
        """
        try:
            return self._ask_signed(f"/annex/{object_id.hex()}", most=MAX_ANNEX)
        except NotFoundError:
            return None

    def find(self, pseudonym: bytes) -> tuple[bytes, ...]:
        """Return the ids of the objects logged under a pseudonym, oldest first; as ``annex``."""
        answer = self._ask_signed(f"/objects/{pseudonym.hex()}", most=MAX_ANSWER)
        return self._read(parse_objects, answer)

    def _ask_signed(self, path: str, *, most: int) -> bytes:
        """Ask, and sign the nonce that the server gives."""
        status, answer = self._answer("GET", path, most=most)
        for _ in range(SIGNATURES):
            if status != 401:
                break
            error = self._error(status, answer)
            if not isinstance(error, NotSignedError):
                raise error
            encoded = sign_read_request(
                origin=self.origin, path=path, nonce=error.nonce, signer=self._signer
            )
            status, answer = self._answer("GET", path, most=most, signed=encoded)
        if status == 200:
            return answer
        raise self._error(status, answer)
