"""Judging timestamps (RFC 3161) and chains of them (docs/spec/timestamp.md).

Nothing here reads a clock, a file or the network; without trusted authorities nothing is accepted.
Judging needs the package rfc3161-client (radseal[tsa]).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509 import verification

from ledger.checkpoints.note import MAX_NOTE
from ledger.errors import (
    LedgerError,
    MalformedError,
    ProofError,
    UnknownTsaError,
    UsageError,
)
from ledger.timestamps.timestamp_request import HASH_OF_OID, StampHash, parse_policy_oid
from ledger.timestamps.timestamp_token import MAX_TOKEN, granted, in_order

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

MAX_TOKENS = 64
AHEAD = timedelta(seconds=300)  # what a TSA's clock may be ahead of ours

_RENEWAL = b"radseal timestamp renewal 1\n"
# Whatever a certificate of somebody else can raise when its fields are looked at.
_BROKEN = (
    ValueError,
    TypeError,
    LookupError,  # of rfc3161-client, where a sequence of a name holds nothing
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    CryptographyDeprecationWarning,
)


@dataclass(frozen=True, slots=True)
class TimestampAnchors:
    """Whose timestamps count: authorities, and policies if not every one of theirs will do."""

    authorities: tuple[x509.Certificate, ...] = field(repr=False, default=())
    policies: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for policy in self.policies:
            parse_policy_oid(policy)

    @classmethod
    def from_der(
        cls, authorities: Iterable[bytes], *, policies: Iterable[str] = ()
    ) -> TimestampAnchors:
        """Build from certificates in DER; UsageError if one is none."""
        try:
            loaded = tuple(x509.load_der_x509_certificate(each) for each in authorities)
        except _BROKEN as error:
            raise UsageError("an authority of timestamps is no certificate") from error
        return cls(loaded, frozenset(policies))


@dataclass(frozen=True, slots=True)
class Timestamp:
    """What a token proved; ``verify_timestamp`` builds it. Times are aware, in UTC.

    The message existed not later than ``time`` plus ``accuracy``. ``good_until`` is when the path
    to the authority ends: renew before.
    """

    time: datetime
    accuracy: timedelta
    hash: StampHash
    policy: str
    serial: int
    tsa: str
    good_until: datetime


@dataclass(frozen=True, slots=True)
class JudgedToken:
    """One token of a chain: what it proved, or in words why it proves nothing."""

    number: int
    timestamp: Timestamp | None
    words: str


def stamped_message(note: bytes, earlier: Sequence[bytes]) -> bytes:
    """Return what the token after ``earlier`` ones of a note is over; UsageError if too many."""
    if len(note) > MAX_NOTE or len(earlier) >= MAX_TOKENS:
        raise UsageError(f"a note of {len(note)} bytes with {len(earlier)} timestamps has no more")
    if not earlier:
        return note
    parts = (len(each).to_bytes(4, "big") + each for each in (note, *earlier))
    return _RENEWAL + b"".join(parts)


def judge_timestamps(
    note: bytes, tokens: Sequence[bytes], *, anchors: TimestampAnchors, at: datetime
) -> tuple[JudgedToken, ...]:
    """Judge a chain of tokens, each at the time of the next that holds, the last at ``at``."""
    judged: list[JudgedToken] = []
    moment = at
    for number in reversed(range(len(tokens))):
        message = stamped_message(note, tokens[:number])
        try:
            found = verify_timestamp(tokens[number], message, anchors=anchors, at=moment)
        except UsageError:
            raise
        except LedgerError as error:
            judged.append(JudgedToken(number, None, str(error)))
            continue
        judged.append(JudgedToken(number, found, ""))
        moment = min(moment, found.time)
    return tuple(reversed(judged))


def proven_time(
    note: bytes, tokens: Sequence[bytes], *, anchors: TimestampAnchors, at: datetime
) -> Timestamp:
    """Return the earliest timestamp of a note that holds at ``at``; ProofError if none does."""
    judged = judge_timestamps(note, tokens, anchors=anchors, at=at)
    for each in judged:
        if each.timestamp is not None:
            return each.timestamp
    raise ProofError(judged[-1].words if judged else "the checkpoint has no timestamp")


def verify_timestamp(
    token: bytes,
    message: bytes,
    *,
    anchors: TimestampAnchors,
    at: datetime,
    nonce: int | None = None,
) -> Timestamp:
    """Return what a token proves of ``message``, judged at the aware moment ``at``.

    MalformedError for bytes that are no token; ProofError for another message or nonce, or a
    signature that does not hold; UnknownTsaError for a TSA no authority vouches for at that moment,
    another policy, or a hash that is not trusted.
    """
    if at.tzinfo is None:
        raise UsageError("the moment of judging needs a time zone")
    if not anchors.authorities:
        raise UnknownTsaError("no authority of timestamps is trusted")
    answer = _parse(token)
    try:
        info = answer.tst_info
        name = HASH_OF_OID.get(info.message_imprint.hash_algorithm.dotted_string)
        digests = {each.dotted_string for each in answer.signed_data.digest_algorithms}
        policy, time, accuracy = info.policy.dotted_string, info.gen_time, _accuracy(answer)
        imprint = info.message_imprint.message
    except (*_BROKEN, OverflowError) as error:
        raise MalformedError("a timestamp whose fields cannot be read") from error
    if name is None or not digests <= HASH_OF_OID.keys():
        raise UnknownTsaError("a timestamp with a hash other than SHA-256, SHA-384 or SHA-512")
    if imprint != name.digest(message):
        raise ProofError("the timestamp does not hold: it is over something else")
    if anchors.policies and policy not in anchors.policies:
        raise UnknownTsaError(f"a timestamp under the policy {policy}, which is not a trusted one")
    if time > at + AHEAD:
        raise ProofError(f"a timestamp of {time:%Y-%m-%d %H:%M:%SZ}, later than it is judged")
    leaf, others = _certificates(answer)
    path = _path(leaf, others, anchors, max(at, time))
    _verify_signature(answer, name.digest(message), anchors, nonce)
    return Timestamp(
        time,
        accuracy,
        name,
        policy,
        info.serial_number,
        leaf.subject.rfc4514_string(),
        min(each.not_valid_after_utc for each in path),
    )


def stamped_time(token: bytes) -> datetime:
    """Return the time that a token claims, unjudged; MalformedError for bytes that are none."""
    try:
        return _parse(token).tst_info.gen_time
    except (*_BROKEN, OverflowError) as error:
        raise MalformedError("a timestamp whose fields cannot be read") from error


def _parse(token: bytes) -> TimeStampResponse:
    try:
        from rfc3161_client import decode_timestamp_response
    except ImportError as error:
        raise UsageError("timestamps need the package rfc3161-client: radseal[tsa]") from error
    if len(token) > MAX_TOKEN:
        raise MalformedError(f"a timestamp of {len(token)} bytes, where {MAX_TOKEN} are allowed")
    try:
        return decode_timestamp_response(granted(in_order(token)))
    except ValueError as error:
        raise MalformedError(f"not a timestamp token: {error}") from error


def _verify_signature(
    answer: TimeStampResponse, digest: bytes, anchors: TimestampAnchors, nonce: int | None
) -> None:
    from rfc3161_client import VerificationError, VerifierBuilder

    # A fresh one each time: builders share their lists with their copies.
    verifier = VerifierBuilder(roots=list(anchors.authorities), nonce=nonce).build()
    try:
        verifier.verify(answer, digest)
    except VerificationError as error:
        words = str(error).partition(": ErrorStack")[0]  # of OpenSSL, for its developers
        raise ProofError(f"the timestamp does not hold: {words}") from error
    except _BROKEN as error:
        raise MalformedError("a timestamp whose certificates cannot be read") from error


def _certificates(
    answer: TimeStampResponse,
) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """Return the certificate that the signer names as its own, and the others."""
    try:
        (signer,) = answer.signed_data.signer_infos
        loaded = [x509.load_der_x509_certificate(each) for each in answer.signed_data.certificates]
        for leaf in loaded:
            if (leaf.issuer, leaf.serial_number) == (signer.issuer, signer.serial_number):
                return leaf, [each for each in loaded if each is not leaf]
    except (*_BROKEN, OverflowError) as error:
        raise MalformedError("a timestamp whose certificates cannot be read") from error
    raise ProofError("the timestamp lacks the certificate of its signer")


def _path(
    leaf: x509.Certificate,
    others: list[x509.Certificate],
    anchors: TimestampAnchors,
    at: datetime,
) -> list[x509.Certificate]:
    policy = (
        verification.PolicyBuilder()
        .store(verification.Store(list(anchors.authorities)))
        .time(at)
        .extension_policies(
            ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(),
            ee_policy=verification.ExtensionPolicy.permit_all(),
        )
    )
    try:
        return policy.build_client_verifier().verify(leaf, others).chain
    except verification.VerificationError as error:
        words = f"no trusted authority vouches for the TSA at {at:%Y-%m-%d %H:%M:%SZ}: {error}"
        raise UnknownTsaError(words) from error
    except _BROKEN as error:
        raise MalformedError("a timestamp whose certificates cannot be read") from error


def _accuracy(answer: TimeStampResponse) -> timedelta:
    told: Any = answer.tst_info.accuracy  # None if the token says nothing
    if told is None:
        return timedelta()
    return timedelta(
        seconds=told.seconds or 0, milliseconds=told.millis or 0, microseconds=told.micros or 0
    )
