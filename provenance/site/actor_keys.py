"""Keys of those who sign: added to a site's log, renewed, revoked, always by its archivist."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ledger import Entry, Event, LoggedKey, Role, Signer, key_added_body, key_revoked_body
from provenance.errors import UsageError
from provenance.keys.key_places import (
    KeyPlace,
    key_file,
    next_of,
    present_key,
    read_uri_file,
    uri_file,
)
from provenance.keys.passphrases import new_passphrase
from provenance.keys.signers import (
    generate_key,
    is_encrypted,
    key_pem,
    load_key,
    public_key,
    put_secret,
)
from provenance.site.founding import ROLES
from provenance.site.second_keys import SecondKeyWish, follow_with_second
from provenance.site.site import LATER_ROLES, Site
from provenance.trust.certificates import (
    certificate_der,
    certificate_spki,
    issue_role,
    load_certificate,
)
from provenance.whole_file import write_whole


def add_key(
    site: Site,
    chain: Sequence[x509.Certificate],
    *,
    role: Role,
    at: datetime,
    place: KeyPlace | None = None,
) -> int:
    """Let the key of ``chain[0]`` sign in the log from here on; return the index of the entry.

    With ``place``, where its private key lies, it becomes the site's own in that role; that goes on
    where it was cut off. TrustError unless an authority of the site's trust folder vouches for it
    in that role; ledger's RefusedError for a key that was ever there.
    """
    standing = site.trust.as_of(at).judge_signer(chain, role=role, at=at)
    if place is None:
        return _add(site, chain[0], role=role, at=at)
    if role not in (*ROLES, *LATER_ROLES):
        raise UsageError(f"a site has no {role} of its own")
    signer, certificate = place.signer(), certificate_der(chain[0])
    if signer.spki != certificate_spki(chain[0]):
        raise UsageError("the key is not that of the certificate: nothing was logged")
    logged = _logged(site, signer)
    if logged is not None and (logged.role, logged.revoked_index, logged.certificate) != (
        *(role, None),
        certificate,
    ):
        raise UsageError(
            "the log knows this key already, but revoked, in another role or by another "
            "certificate: make a new one"
        )
    following = _begun(site, role, place) or _begin_at(site, role, place)
    index = logged.added_index if logged else _add(site, chain[0], role=role, at=at)
    _put_in_use(
        site,
        role,
        signer,
        following,
        between=standing.between,
        wish=SecondKeyWish.AS_BEFORE,
        at=at,
    )
    return index


def revoke_key(site: Site, kid: bytes, *, reason: str, at: datetime) -> int:
    """Let a key sign nothing more from here on; return the index of the entry.

    ``reason`` is public and stays for ever. What was signed before stays as it is.
    """
    return _record(site, Event.KEY_REVOKED, key_revoked_body(kid, reason=reason), at=at)


def renew_key(
    site: Site,
    role: Role,
    *,
    at: datetime,
    place: KeyPlace | None = None,
    second: SecondKeyWish = SecondKeyWish.AS_BEFORE,
) -> LoggedKey:
    """Give the site's actor in ``role`` a new key, log it, and use it; return it.

    An actor that the site has not yet, its de-identifier, gets its first one so. The key is the
    one at ``place``, or a new file. The old one stays in force until it is revoked, so what is
    signed with it and waits in an outbox can still be logged. A renewal that was cut off goes on.
    A device's key can get a second one beside it (second_keys.py), a new one each time.
    """
    if second is SecondKeyWish.WITH and role is not Role.DEVICE:
        raise UsageError(f"a device alone seals, so the {role} needs no second key")
    following = _begun(site, role, place)
    if following is None and place is not None:
        if _logged(site, place.signer()) is not None:
            raise UsageError("the log knows this key already: make a new one")
        following = _begin_at(site, role, place)
    if following is None:
        following = _begin(site, role)
    signer = _place_of(following).signer()
    if _logged(site, signer) is None:
        with site.public_log() as log:
            known = log.keys()
        number = sum(each.role is role for each in known) + 1
        certificate = issue_role(
            public_key(signer),
            name=f"{site.name} {role} {number}",
            role=role,
            authority=site.authority(),
            authority_key=load_key(site.folder / "keys" / "ca.key.pem"),
            serial=x509.random_serial_number(),
            valid_from=at,
        )
        _add(site, certificate, role=role, at=at)
    return _put_in_use(site, role, signer, following, wish=second, at=at)


def _logged(site: Site, signer: Signer) -> LoggedKey | None:
    with site.public_log() as log:
        keys = log.keys()
    return next((each for each in keys if each.kid == signer.kid), None)


def _begun(site: Site, role: Role, place: KeyPlace | None) -> Path | None:
    """Return the file of the key that was to follow when a renewal was cut off."""
    present = (key_file(site.folder, role), uri_file(site.folder, role))
    begun = [following for path in present if (following := next_of(path)).exists()]
    if not begun:
        return None
    if len(begun) > 1 or (place is not None and _place_of(begun[0]) != place):
        raise UsageError(
            f"a renewal to another key was cut off ({begun[0]}): end it first with "
            f"radseal key renew {role}, or delete that file if its key is not in the log"
        )
    return begun[0]


def _begin_at(site: Site, role: Role, place: KeyPlace) -> Path:
    following = next_of(uri_file(site.folder, role))
    put_secret(following, f"{place}\n".encode())
    return following


def _begin(site: Site, role: Role) -> Path:
    """Make a new key of the same kind; encrypted, if the old one is."""
    if role in LATER_ROLES and not (site.folder / "certificates" / f"{role}.pem").exists():
        following = next_of(key_file(site.folder, role))
        algorithm = present_key(site.folder, Role.ARCHIVIST).signer().algorithm
        put_secret(following, key_pem(generate_key(algorithm), None))
        return following
    old = present_key(site.folder, role)
    if old.where != key_file(site.folder, role):
        raise UsageError(
            f"the key of the {role} lies elsewhere ({old}), where radseal makes none: make a new "
            "one there and give it with --key"
        )
    following = next_of(old.where)
    passphrase = new_passphrase(following) if is_encrypted(old.where) else None
    put_secret(following, key_pem(generate_key(old.signer().algorithm), passphrase))
    return following


def _place_of(following: Path) -> KeyPlace:
    return read_uri_file(following) if following.suffix == ".uri" else KeyPlace(following)


def _put_in_use(
    site: Site,
    role: Role,
    signer: Signer,
    following: Path,
    *,
    wish: SecondKeyWish,
    at: datetime,
    between: Sequence[x509.Certificate] = (),
) -> LoggedKey:
    with site.public_log() as log:
        logged = log.key(signer.kid)
    assert logged.certificate is not None
    chain = (load_certificate(logged.certificate), *between)
    follow_with_second(site.folder, role, chain[0], wish=wish, at=at)
    pem = b"".join(each.public_bytes(Encoding.PEM) for each in chain)
    write_whole(site.folder / "certificates" / f"{role}.pem", pem, overwrite=True)
    old, target = uri_file(site.folder, role), key_file(site.folder, role)
    if following == next_of(old):
        old, target = target, old
    old.unlink(missing_ok=True)  # its key is in no use any more
    following.replace(target)  # last: until then the renewal is begun again
    return logged


def _add(site: Site, certificate: x509.Certificate, *, role: Role, at: datetime) -> int:
    body = key_added_body(
        certificate_spki(certificate), role=role, certificate=certificate_der(certificate)
    )
    return _record(site, Event.KEY_ADDED, body, at=at)


def _record(site: Site, event: Event, body: dict[int, object], *, at: datetime) -> int:
    with site.device(Role.ARCHIVIST) as archivist:
        entry = archivist.record(event, object_id=None, body=body, at=at)
    assert isinstance(entry, Entry)  # the archivist writes to the log itself
    return entry.index
