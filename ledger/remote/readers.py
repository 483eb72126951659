"""Who may read what lies beside a log: judged before anything of it is looked at."""

from __future__ import annotations

from ledger.cose.keys import VerificationKey
from ledger.entries import LoggedKey
from ledger.errors import (
    ForbiddenError,
    MalformedError,
    NotFoundError,
    NotSignedError,
    ProofError,
)
from ledger.remote.nonces import Nonces
from ledger.remote.read_request import ReadRequest, parse_authorization, parse_read_request
from ledger.roles import MAY_READ_ASIDE
from ledger.view import LogView


class Readers:
    """The keys of a log that may read, and the questions they have asked."""

    def __init__(self, log: LogView, nonces: Nonces) -> None:
        self._log = log
        self._nonces = nonces

    def admit(self, authorization: str | None, *, path: str) -> LoggedKey:
        """Return the key that asks for ``path`` by its header, once for each signature.

        NotSignedError with a nonce to sign, ForbiddenError if the key was revoked or its role may
        not read. Neither says whether there is anything at ``path``.
        """
        try:
            if authorization is None:
                raise MalformedError("this is answered to signed questions")
            request = parse_read_request(parse_authorization(authorization))
            key = self._verified(request, path)
            if key.revoked_index is not None or key.role not in MAY_READ_ASIDE:
                raise ForbiddenError("the key was revoked, or its role may not read this")
            self._nonces.use(request.nonce)
        except (MalformedError, ProofError) as error:
            raise NotSignedError(str(error), nonce=self._nonces.issue()) from error
        return key

    def _verified(self, request: ReadRequest, path: str) -> LoggedKey:
        if request.origin != self._log.origin or request.path != path:
            raise MalformedError("a signature for another question")
        self._nonces.check(request.nonce)
        try:
            key = self._log.key(request.kid)
        except NotFoundError as error:
            raise MalformedError("a key that the log does not know") from error
        request.verify(VerificationKey.from_spki(key.spki))
        return key
