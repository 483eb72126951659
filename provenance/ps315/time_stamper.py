"""Ask a time-stamping authority for the timestamp of a PS3.15 signature, and judge its answer."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from ledger import (
    LedgerError,
    StampHash,
    Timestamp,
    TimestampAnchors,
    TimestampRequest,
    ask_tsa,
    token_of,
    verify_timestamp,
)
from provenance.errors import SealError, UsageError

NO_TIMESTAMP = "SE302"
NONCE_BITS = 64


@dataclass(frozen=True, slots=True)
class TimeStamper:
    """A TSA by its address, and the authorities that must vouch for it."""

    url: str
    anchors: TimestampAnchors

    def __post_init__(self) -> None:
        require_anchors(self.anchors)

    def __call__(self, signature: bytes, at: datetime) -> bytes:
        """Return a token over ``signature`` that holds at ``at``; SealError says why not."""
        request = request_for(signature, nonce=secrets.randbits(NONCE_BITS))
        try:
            reply = ask_tsa(self.url, request)
        except LedgerError as error:
            raise SealError(str(error), code=NO_TIMESTAMP) from error
        token, _ = accept(reply, request, signature, anchors=self.anchors, at=at)
        return token


def require_anchors(anchors: TimestampAnchors) -> None:
    """Raise UsageError where nobody's timestamps would count."""
    if not anchors.authorities:
        raise UsageError(
            "no authority of timestamps is trusted: put the certificate of the TSA's root into "
            "trust/tsa as NAME.pem"
        )


def request_for(
    signature: bytes, *, nonce: int, hash: StampHash = StampHash.SHA256
) -> TimestampRequest:
    """Return what to send to a TSA."""
    return TimestampRequest(hash, hash.digest(signature), nonce)


def accept(
    reply: bytes,
    request: TimestampRequest,
    signature: bytes,
    *,
    anchors: TimestampAnchors,
    at: datetime,
) -> tuple[bytes, Timestamp]:
    """Return the token of an answer, and what it proves; SealError unless it holds at ``at``."""
    if request.digest != request.hash.digest(signature):
        raise SealError("the request is not for this signature", code=NO_TIMESTAMP)
    try:
        token = token_of(reply)
        found = verify_timestamp(token, signature, anchors=anchors, at=at, nonce=request.nonce)
    except LedgerError as error:
        raise SealError(f"the TSA's answer was refused: {error}", code=NO_TIMESTAMP) from error
    return token, found
