"""What persons sign about an object in quarantine (docs/spec/custody-event.md, "Persons").

Pure: bytes and keys in, consents out. A consent is the signature of a detached COSE_Sign1
(RFC 9052, 4.1); what it signs is put together from the event it stands in, never sent along.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self

from ledger import Algorithm, SignatureError, Signer, VerificationKey, encode_cbor
from provenance.errors import MalformedError, UsageError

VERSION = 1
CONTENT_TYPE = "application/radseal-consent+cbor"
TYPE = "application/radseal-consent+cose"
SIGNATURE_SIZE = 64
HASH_SIZE = 32
MAX_REASON = 500  # characters
MOST_PERSONS = 2
_LATEST = 253_402_300_800_000  # the year 10000, in milliseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Step(StrEnum):
    """What a person does about an object in quarantine."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"
    ALONE = "alone"
    PURGED = "purged"


@dataclass(frozen=True, slots=True)
class Matter:
    """What persons consent to: ``file`` is key 2 of the event, ``reason`` the salted commitment."""

    origin: str
    file: bytes
    to_archives: bool
    reason: bytes


@dataclass(frozen=True, slots=True)
class Consent:
    """The signature of one person, by the id of the key; ``at`` in whole milliseconds."""

    kid: bytes
    at: datetime
    signature: bytes

    @property
    def fields(self) -> list[object]:
        """What stands in the log."""
        return [self.kid, _milliseconds(self.at), self.signature]

    @classmethod
    def parse(cls, fields: object) -> Self:
        """Read the same strictly; MalformedError for anything else."""
        match fields:
            case [bytes(kid), int(at), bytes(signature)] if (
                len(kid) == HASH_SIZE
                and len(signature) == SIGNATURE_SIZE
                and type(at) is int
                and 0 <= at < _LATEST
            ):
                return cls(kid, _EPOCH + timedelta(milliseconds=at), signature)
        raise MalformedError("a person is a key id, a moment and a signature")


def commit_reason(reason: str, salt: bytes) -> bytes:
    """Return what the log holds of a reason: SHA-256 over 16 random bytes and the text."""
    return hashlib.sha256(salt + reason.encode()).digest()


def require_reason(reason: str) -> str:
    """Return a reason without space around it; UsageError if it is none, or too long."""
    words = reason.strip()
    try:
        words.encode()
    except UnicodeEncodeError as error:
        raise UsageError("the reason is not text") from error
    if not 1 <= len(words) <= MAX_REASON:
        raise UsageError(f"say why, in 1 to {MAX_REASON} characters")
    return words


def consent(
    matter: Matter, step: Step, *, signer: Signer, at: datetime, follows: Consent | None = None
) -> Consent:
    """Sign a step; ``follows`` is the proposal that it confirms or withdraws."""
    made = Consent(signer.kid, _EPOCH + timedelta(milliseconds=_milliseconds(at)), b"")
    message = _to_be_signed(matter, step, made, signer.algorithm, follows)
    return replace(made, signature=signer.sign(message))


def verify_consent(
    matter: Matter, step: Step, made: Consent, key: VerificationKey, *, follows: Consent | None
) -> None:
    """Return only if the holder of ``key`` took this very step in this matter; SignatureError."""
    if made.kid != key.kid:
        raise SignatureError("the consent names another key than the one it is checked with")
    key.verify(made.signature, _to_be_signed(matter, step, made, key.algorithm, follows))


def steps_of(last: Step, count: int) -> Sequence[Step]:
    """Return which steps ``count`` persons took whose last one is ``last``; MalformedError."""
    match last, count:
        case ((Step.PROPOSED | Step.ALONE | Step.PURGED), 1):
            return (last,)
        case ((Step.CONFIRMED | Step.WITHDRAWN), 2):
            return (Step.PROPOSED, last)
    raise MalformedError(f"{count} persons, and the step is {last}")


def _to_be_signed(
    matter: Matter, step: Step, made: Consent, algorithm: Algorithm, follows: Consent | None
) -> bytes:
    """Return the Sig_structure (RFC 9052, 4.4)."""
    protected = encode_cbor({1: int(algorithm), 3: CONTENT_TYPE, 4: made.kid, 16: TYPE})
    earlier = None
    if follows is not None:
        earlier = hashlib.sha256(encode_cbor(follows.fields)).digest()
    payload = encode_cbor(
        {
            1: VERSION,
            2: matter.origin,
            3: step.value,
            4: matter.file,
            5: matter.to_archives,
            6: matter.reason,
            7: _milliseconds(made.at),
            8: earlier,
        }
    )
    return encode_cbor(["Signature1", protected, b"", payload])


def _milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)
