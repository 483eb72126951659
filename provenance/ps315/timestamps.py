"""Certified timestamps of signatures: CMS_TSP, an RFC 3161 token over the Signature value.

PS3.3 C.12.1.1.3.1.3; docs/spec/ps315.md, "Time". Judged at the time that the token itself gives,
since nothing here reads a clock.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ledger import (
    LedgerError,
    TimestampAnchors,
    UnknownTsaError,
    stamped_time,
    verify_timestamp,
)
from ledger import UsageError as LedgerUsageError
from provenance.errors import EvidenceError, MalformedError
from provenance.ps315.algorithms import der_value, signature_value
from provenance.ps315.elements import value_of
from provenance.ps315.signature_items import SignatureItem

CMS_TSP = "CMS_TSP"
NOBODY = TimestampAnchors()


class TimestampState(StrEnum):
    """What became of a timestamp."""

    VERIFIED = "verified"
    BROKEN = "broken"
    UNTRUSTED = "untrusted"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class SignatureTimestamp:
    """When a signature existed by somebody else's clock, or in words why that is not shown.

    A verified one says: not later than ``time`` plus ``accuracy``, by ``tsa``.
    """

    state: TimestampState
    reason: str = ""
    time: datetime | None = None
    accuracy: timedelta = timedelta()
    tsa: str | None = None


def examine_timestamp(
    signature: SignatureItem, key: object, anchors: TimestampAnchors
) -> SignatureTimestamp | None:
    """Judge the timestamp of a signature by ``key``, None if it has none."""
    kind, token = signature.timestamp_type, signature.timestamp
    if kind is None and token is None:
        return None
    if kind is None or token is None:
        return _broken("it has a type or a token, not both")
    try:
        named = value_of(kind, "CS").strip(b"\0 ")
        if named != CMS_TSP.encode():
            shown = named[:16].decode("ascii", "replace")
            return SignatureTimestamp(
                TimestampState.NOT_CHECKED, f"timestamps of type {shown!r} are not known"
            )
        encoded = der_value(value_of(token, "OB"))
        signed = signature_value(signature.signature, key)
    except (EvidenceError, MalformedError) as error:
        return _broken(str(error))
    return judge_token(encoded, signed, anchors)


def judge_token(token: bytes, signed: bytes, anchors: TimestampAnchors) -> SignatureTimestamp:
    """Judge a token over the signature ``signed``, at the time that it gives."""
    try:
        at = stamped_time(token)
        found = verify_timestamp(token, signed, anchors=anchors, at=at)
    except LedgerUsageError as error:
        return SignatureTimestamp(TimestampState.NOT_CHECKED, str(error))
    except UnknownTsaError as error:
        return SignatureTimestamp(TimestampState.UNTRUSTED, str(error))
    except LedgerError as error:
        return _broken(str(error))
    return SignatureTimestamp(TimestampState.VERIFIED, "", found.time, found.accuracy, found.tsa)


def _broken(reason: str) -> SignatureTimestamp:
    return SignatureTimestamp(TimestampState.BROKEN, reason)
