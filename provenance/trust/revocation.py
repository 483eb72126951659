"""Did a certificate stand when something was signed? A pure judgement (docs/spec/revocation.md).

What was signed existed by a moment that somebody else than the log proves, or else by the moment
of judging: its own date is only a claim. Nothing here is passed for want of an answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509

from ledger import Existence, ExistenceProof
from provenance.errors import TrustError
from provenance.findings import Code
from provenance.trust.certificates import NO_EXPIRY, certificate_name
from provenance.trust.crl import RevocationList, why_may_not_sign

_NEVER = datetime.max.replace(tzinfo=UTC)
_REASONS = 4  # lists that did not help, as many are named


@dataclass(frozen=True, slots=True)
class Notice:
    """Something an auditor should read, though it refutes nothing."""

    code: Code
    detail: str


@dataclass(frozen=True, slots=True, eq=False)
class Revocations:
    """The lists a verifier has. With ``required``, a certificate that none speaks of is unproven.

    A certificate that one of them lists does not pass in either case.
    """

    lists: tuple[RevocationList, ...] = ()
    required: bool = False


def require_standing(
    path: Sequence[x509.Certificate],
    *,
    existence: Existence,
    revocations: Revocations,
    at: datetime | None,
) -> tuple[Notice, ...]:
    """Return only if every certificate of a validated path, but the root, stood; else TrustError.

    ``at`` is the moment of judging; without it nothing passes that depends on it.
    """
    proof = existence.earliest(without_log=True)
    now = _NEVER if at is None else at
    by = now if proof is None else min(proof.moment, now)
    notices = list(_require_unexpired(path[:-1], existence, by))
    for certificate, issuer in pairwise(path):
        notices += _require_unrevoked(certificate, issuer, proof, revocations, by=by, at=at)
    return tuple(dict.fromkeys(notices))


def _require_unexpired(
    below: Sequence[x509.Certificate], existence: Existence, by: datetime
) -> Iterator[Notice]:
    """A certificate vouches until it ends: what existed before stays good, what may not does not.

    Here the log's own word counts: that a certificate ended is no sign that its key was lost.
    """
    first = min(below, key=lambda each: each.not_valid_after_utc, default=None)
    if first is None:
        return
    end = first.not_valid_after_utc
    if by <= end or end >= NO_EXPIRY:
        return
    logged = existence.earliest()
    ended = f"the certificate of {certificate_name(first)} ended at {_moment(end)}"
    if logged is None or logged.moment > end:
        shown = (
            "nothing shows when it was sealed"
            if logged is None
            else f"the first proof that the seal existed is of {_moment(logged.moment)}"
        )
        raise TrustError(f"{ended}, and {shown}", code=Code.EXPIRED_UNPROVEN)
    detail = f"{ended}; by the log's own word it was logged before, at {_moment(logged.moment)}"
    yield Notice(Code.EXPIRED_BY_LOG, detail)


def _require_unrevoked(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    proof: ExistenceProof | None,
    revocations: Revocations,
    *,
    by: datetime,
    at: datetime | None,
) -> Iterator[Notice]:
    lists, refused = _lists_of(issuer, revocations.lists)
    name, serial = certificate_name(certificate), certificate.serial_number
    yield from (Notice(Code.LIST_REFUSED, each) for each in refused)
    listed = [each for each in lists if serial in each.revoked]
    if listed:
        first = min(listed, key=lambda each: each.revoked[serial])
        yield _stands_though_listed(name, first.revoked[serial], first, proof)
        return
    if not revocations.required:
        return
    forbidden = why_may_not_sign(issuer)
    reasons = {e: forbidden or _why_silent(e, certificate, by=by, at=at) for e in lists}
    speaking = [each for each, reason in reasons.items() if reason is None]
    if not speaking:
        words = [f"{each.name}: {reason}" for each, reason in reasons.items()] + refused
        detail = f"no revocation list of {certificate_name(issuer)} speaks of {name}"
        few = "; ".join(words[:_REASONS]) or "there is none of this authority"
        raise TrustError(f"{detail} ({few})", code=Code.REVOCATION_UNKNOWN)
    newest = max(speaking, key=lambda each: each.this_update)
    detail = f"{name} is not on {newest.name} of {_moment(newest.this_update)}"
    yield Notice(Code.NOT_REVOKED, detail)


def _stands_though_listed(
    name: str, since: datetime, listing: RevocationList, proof: ExistenceProof | None
) -> Notice:
    """Return that what was sealed is older than the revocation, if somebody else proves it."""
    revoked = f"the certificate of {name} is revoked since {_moment(since)} ({listing.name})"
    if proof is None:
        detail = f"{revoked}, and nobody but its signer and the log says that the seal is older"
        raise TrustError(detail, code=Code.CERTIFICATE_REVOKED)
    seen = _moment(proof.moment)
    if proof.moment >= since:
        detail = f"{revoked}, and the seal is only proven to have existed at {seen}"
        raise TrustError(detail, code=Code.CERTIFICATE_REVOKED)
    return Notice(Code.REVOKED_LATER, f"{revoked}; the seal existed before, at {seen}")


def _lists_of(
    issuer: x509.Certificate, lists: Sequence[RevocationList]
) -> tuple[list[RevocationList], list[str]]:
    """Return the lists this authority has signed, and why others that bear its name are not."""
    signed: list[RevocationList] = []
    refused: list[str] = []
    for each in lists:
        if not each.names(issuer):
            continue
        reason = each.why_not_by(issuer)
        if reason is None:
            signed.append(each)
        else:
            refused.append(f"{each.name} counts for nothing: {reason}")
    return signed, refused


def _why_silent(
    each: RevocationList, certificate: x509.Certificate, *, by: datetime, at: datetime | None
) -> str | None:
    """Return why a list does not show that a certificate it leaves out stood at ``by``."""
    if each.unfit is not None:
        return each.unfit
    if at is None:
        return "the moment of judging is not known"
    if each.this_update > at:
        return f"it is from after the moment of judging, {_moment(each.this_update)}"
    assert each.next_update is not None  # else it were unfit
    if each.next_update < by:
        return f"it was good until {_moment(each.next_update)}, the question is of {_moment(by)}"
    end, kept = certificate.not_valid_after_utc, each.expired_since
    if each.this_update > end and (kept is None or kept > end):
        return f"the certificate had ended at {_moment(end)}, and ended ones may be left out"
    return None


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%SZ}"
