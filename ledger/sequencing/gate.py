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
    as_verified,
    parse_statement,
    verify_statement,
)
from ledger.statements.verifiers import WORTH_SHARING, Verifiers, check_here
from ledger.view import LogView


class Gate:
    """Parses what arrives and checks its signatures; the rules of the log are judged later.

    Keys are remembered: a key id stands for one key for ever. Whether it is in force is not asked
    here, as a statement that is in the log already may come again after its key was revoked.
    """

    def __init__(self, log: LogView, verifiers: Verifiers | None = None) -> None:
        """Ask ``log`` for keys; ``verifiers`` share the signatures of a request."""
        self._log = log
        self._verifiers = verifiers
        self._known: dict[bytes, VerificationKey] = {}

    def check(self, submissions: Sequence[Submission]) -> list[Arrival]:
        """Parse and verify; MalformedError or RefusedError if one of them is not to wait.

        After a statement that adds a key, others are not checked: the key may be theirs.
        """
        parsed: list[UnverifiedStatement] = []
        keys: list[VerificationKey | None] = []
        adds, refusal = False, None
        try:
            for each in submissions:
                statement = parse_statement(each.statement)
                if statement.object_id is None and (each.annex is not None or each.pseudonyms):
                    words = "annex or pseudonyms of a statement that names no object"
                    raise MalformedError(words)
                known = not adds or statement.kid in self._known
                keys.append(self._key(statement.kid) if known else None)
                parsed.append(statement)
                adds = adds or statement.event is Event.KEY_ADDED
        except (MalformedError, RefusedError) as error:
            refusal = error  # of the first that is bad: a signature before it comes first
        verified = self._verified(parsed, keys)
        if refusal is not None:
            raise refusal
        return [Arrival(*each) for each in zip(submissions, parsed, verified, strict=True)]

    def _verified(
        self, parsed: Sequence[UnverifiedStatement], keys: Sequence[VerificationKey | None]
    ) -> list[Statement | None]:
        """Return those whose key is given as verified; RefusedError for the first that is not."""
        if self._verifiers is None or len(parsed) < WORTH_SHARING:
            good = check_here(parsed, keys)
        else:
            good = self._verifiers.start(parsed, keys).good()
        found: list[Statement | None] = []
        for statement, key, fine in zip(parsed, keys, good, strict=True):
            if fine:
                found.append(as_verified(statement))
            else:
                found.append(None if key is None else _verify(statement, key))
        return found

    def _key(self, kid: bytes) -> VerificationKey:
        if kid not in self._known:
            try:
                self._known[kid] = VerificationKey.from_spki(self._log.key(kid).spki)
            except NotFoundError as error:
                raise RefusedError(str(error)) from error
        return self._known[kid]


def _verify(statement: UnverifiedStatement, key: VerificationKey) -> Statement:
    try:
        return verify_statement(statement, key)
    except SignatureError as error:
        raise RefusedError(f"the signature of the statement: {error}") from error
