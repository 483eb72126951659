"""The path from a signer to a root (RFC 5280, section 6), found once while nothing changes.

Images of one device come with the same certificates, and differ in when they were signed. A path
depends on that moment only through the dates between which each certificate is valid, so a moment
stands for all between the same dates. Nothing else is remembered: no failure, no role, and no
revocation, which the caller judges anew each time (revocation.py).
"""

from bisect import bisect_right
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.x509 import verification

Certificates = tuple[x509.Certificate, ...]

REMEMBERED: Final = 128  # paths, and sets of dates
_SECOND = timedelta(seconds=1)  # in which the dates of certificates are counted


def verified_path(chain: Certificates, roots: Certificates, at: datetime) -> Certificates:
    """Return the path from ``chain[0]`` to one of ``roots``, valid at the aware moment ``at``.

    The rest of ``chain`` may help on the way. Raises VerificationError if there is none.
    """
    return _path(chain, roots, standing_for(at, chain + roots))


def standing_for(at: datetime, certificates: Certificates) -> datetime:
    """Return a moment, the same for all between two dates, at which the same ones are valid."""
    whole = at.replace(microsecond=0)
    dates = _dates(certificates)
    place = bisect_right(dates, whole)
    if place == 0:
        return whole
    last = dates[place - 1]
    return last if whole == last else last + _SECOND


@lru_cache(REMEMBERED)
def _dates(certificates: Certificates) -> tuple[datetime, ...]:
    """Return when any of the certificates begins or ends to be valid, in order."""
    begun = {each.not_valid_before_utc for each in certificates}
    return tuple(sorted(begun | {each.not_valid_after_utc for each in certificates}))


@lru_cache(REMEMBERED)
def _path(chain: Certificates, roots: Certificates, at: datetime) -> Certificates:
    # A fresh verifier each time: builders of path verifiers share state with their copies.
    policy = (
        verification.PolicyBuilder()
        .store(verification.Store(list(roots)))
        .time(at)
        .extension_policies(
            ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(),
            ee_policy=verification.ExtensionPolicy.permit_all(),
        )
    )
    return tuple(policy.build_client_verifier().verify(chain[0], list(chain[1:])).chain)
