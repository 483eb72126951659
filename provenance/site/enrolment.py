"""A key joins a site: its holder asks, a person looks, the authority certifies, the log says.

docs/keys.md has both ends of it.
"""

from datetime import datetime
from pathlib import Path

from cryptography import x509

from ledger import Algorithm, LoggedKey, NotFoundError, Role
from provenance.errors import UsageError
from provenance.keys.key_places import KeyPlace
from provenance.keys.signers import generate_key, load_key, load_public_key, save_key
from provenance.site.actor_keys import add_key
from provenance.site.key_request import KeyRequest
from provenance.site.site import Site
from provenance.trust.certificates import (
    NO_EXPIRY,
    certificate_der,
    certificate_spki,
    is_issued_by,
    issue_role,
    load_certificate,
)

LEAST_CONFIRMED = 32  # hexadecimal digits of a fingerprint: 128 bits


def place_for_request(place: KeyPlace, algorithm: Algorithm) -> bool:
    """Make a new key where there is no file yet; return whether one was made."""
    match place.where:
        case Path() as path if not path.exists():
            save_key(generate_key(algorithm), path)
            return True
        case _:
            return False


def require_confirmed(request: KeyRequest, fingerprint: str) -> None:
    """Return only if a person has named the key of the request; else UsageError."""
    told = fingerprint.replace(":", "").replace(" ", "").lower()
    if len(told) < LEAST_CONFIRMED:
        raise UsageError(
            f"give at least {LEAST_CONFIRMED} digits of the fingerprint, as the device shows it"
        )
    if not request.fingerprint.startswith(told):
        raise UsageError(
            "the fingerprint is not that of the request: it is another key, so nothing was signed"
        )


def enrol(
    site: Site, request: KeyRequest, *, role: Role, at: datetime, valid_until: datetime = NO_EXPIRY
) -> tuple[LoggedKey, x509.Certificate]:
    """Certify the key of a request in a role, log it, and return both.

    The same request again gives the same certificate again. UsageError for another role than was
    asked for, the authority's own key, or a key that was revoked or is there in another role.
    """
    if request.role not in (None, role):
        raise UsageError(f"the request is for a {request.role}, not for a {role}")
    authority = site.authority()
    if request.key.spki == certificate_spki(authority):
        raise UsageError("the request is for the key of the authority itself")
    with site.public_log() as log:
        try:
            known = log.key(request.key.kid)
        except NotFoundError:
            known = None
    if known is not None:
        return known, _issued_before(known, role, authority)
    certificate = issue_role(
        load_public_key(request.key.spki),
        name=request.name,
        role=role,
        authority=authority,
        authority_key=load_key(site.folder / "keys" / "ca.key.pem"),
        serial=x509.random_serial_number(),
        valid_from=at,
        valid_until=valid_until,
    )
    add_key(site, [certificate], role=role, at=at)
    with site.public_log() as log:
        logged = log.key(request.key.kid)
    assert logged.certificate == certificate_der(certificate)
    return logged, certificate


def _issued_before(known: LoggedKey, role: Role, authority: x509.Certificate) -> x509.Certificate:
    if known.revoked_index is not None:
        raise UsageError("the key was revoked, and a key never comes again: make a new one")
    if known.role is not role or known.certificate is None:
        raise UsageError(f"the log knows the key already, as that of a {known.role}")
    certificate = load_certificate(known.certificate)
    if not is_issued_by(certificate, authority):
        raise UsageError("the log knows the key already, by the certificate of another authority")
    return certificate
