"""Keys of those who sign: added to a site's log, renewed, revoked, always by its archivist."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ledger import Entry, Event, LoggedKey, Role, key_added_body, key_revoked_body
from provenance.certificates import (
    certificate_der,
    certificate_spki,
    issue_role,
    load_certificate,
)
from provenance.signers import generate_key, load_key, load_signer, save_key
from provenance.site import Site
from provenance.whole_file import write_whole


def add_key(site: Site, chain: Sequence[x509.Certificate], *, role: Role, at: datetime) -> int:
    """Let the key of ``chain[0]`` sign in the log from here on; return the index of the entry.

    TrustError unless an authority of the site's trust folder vouches for it in that role; ledger's
    RefusedError for a key that was ever there.
    """
    site.trust.vouch(chain, role=role, at=at)
    certificate = certificate_der(chain[0])
    body = key_added_body(certificate_spki(chain[0]), role=role, certificate=certificate)
    return _record(site, Event.KEY_ADDED, body, at=at)


def revoke_key(site: Site, kid: bytes, *, reason: str, at: datetime) -> int:
    """Let a key sign nothing more from here on; return the index of the entry.

    ``reason`` is public and stays for ever. What was signed before stays as it is.
    """
    return _record(site, Event.KEY_REVOKED, key_revoked_body(kid, reason=reason), at=at)


def renew_key(site: Site, role: Role, *, at: datetime) -> LoggedKey:
    """Make a new key for the site's actor in ``role``, log it, and use it; return it.

    The old one stays in force until it is revoked, so what is signed with it and waits in an outbox
    can still be logged. A renewal that was cut off goes on.
    """
    keys = site.folder / "keys"
    key_file, following = keys / f"{role}.key.pem", keys / f"{role}.next.key.pem"
    if not following.exists():
        save_key(generate_key(load_signer(key_file).algorithm), following)
    key = load_key(following)
    signer = load_signer(following)
    with site.public_log() as log:
        known = log.keys()
    if not any(each.kid == signer.kid for each in known):
        number = sum(each.role is role for each in known) + 1
        certificate = issue_role(
            key.public_key(),
            name=f"{site.name} {role} {number}",
            role=role,
            authority=site.authority(),
            authority_key=load_key(keys / "ca.key.pem"),
            serial=x509.random_serial_number(),
            valid_from=at,
        )
        body = key_added_body(signer.spki, role=role, certificate=certificate_der(certificate))
        _record(site, Event.KEY_ADDED, body, at=at)
    with site.public_log() as log:
        logged = log.key(signer.kid)
    assert logged.certificate is not None
    pem = load_certificate(logged.certificate).public_bytes(Encoding.PEM)
    write_whole(site.folder / "certificates" / f"{role}.pem", pem, overwrite=True)
    following.replace(key_file)  # last: until then the renewal is begun again
    return logged


def _record(site: Site, event: Event, body: dict[int, object], *, at: datetime) -> int:
    with site.device(Role.ARCHIVIST) as archivist:
        entry = archivist.record(event, object_id=None, body=body, at=at)
    assert isinstance(entry, Entry)  # the archivist writes to the log itself
    return entry.index
