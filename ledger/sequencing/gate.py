"""Who may take a place in the queue of a log: whoever holds one of its keys."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.cose.keys import VerificationKey
from ledger.entries import Submission
from ledger.errors import MalformedError, NotFoundError, RefusedError, SignatureError
from ledger.roles import Event
from ledger.statements.arrival import Arrival
from ledger.statements.statement import (
    Statement,
    UnverifiedStatement,
    parse_statement,
    verify_statement,
)
from ledger.view import LogView


class Gate:
    """Parses what arrives and checks its signatures; the rules of the log are judged later.

    Keys are remembered: a key id stands for one key for ever. Whether it is in force is not asked
    here, as a statement that is in the log already may come again after its key was revoked.
    """

    def __init__(self, log: LogView) -> None:
        self._log = log
        self._known: dict[bytes, VerificationKey] = {}

    def check(self, submissions: Sequence[Submission]) -> list[Arrival]:
        """Parse and verify; MalformedError or RefusedError if one of them is not to wait.

        After a statement that adds a key, others are not checked: the key may be theirs.
        """
        arrivals = []
        adds = False
        for each in submissions:
            statement = parse_statement(each.statement)
            if statement.object_id is None and (each.annex is not None or each.pseudonyms):
                raise MalformedError("annex or pseudonyms of a statement that names no object")
            known = not adds or statement.kid in self._known
            verified = self._verify(statement) if known else None
            adds = adds or statement.event is Event.KEY_ADDED
            arrivals.append(Arrival(each, statement, verified))
        return arrivals

    def _verify(self, statement: UnverifiedStatement) -> Statement:
        try:
            return verify_statement(statement, self._key(statement.kid))
        except SignatureError as error:
            raise RefusedError(f"the signature of the statement: {error}") from error
        except NotFoundError as error:
            raise RefusedError(str(error)) from error

    def _key(self, kid: bytes) -> VerificationKey:
        if kid not in self._known:
            self._known[kid] = VerificationKey.from_spki(self._log.key(kid).spki)
        return self._known[kid]
