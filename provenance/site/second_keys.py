"""Second keys of a site's actors, of ML-DSA-65: made with the first ones, never apart from them.

keys/ROLE.second.key.pem         the second key of an actor, PKCS#8
keys/ca.second.key.pem           of the authority that vouches for second keys
certificates/ROLE.second.pem     its certificate: another key, the same name as in ROLE.pem
trust/roots/site.second.pem      the authority's
trust/second-signatures          the first keys that are never without a second one

A first key gets its second one before it is used at all, or never: so verifiers can demand both of
whatever it has sealed.
"""

import hashlib
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.hazmat.primitives.serialization import Encoding

from ledger import Role
from provenance.errors import UsageError
from provenance.keys.passphrases import new_passphrase
from provenance.keys.signers import (
    is_encrypted,
    key_pem,
    load_second_key,
    load_second_signer,
    put_secret,
)
from provenance.site.device import SecondIdentity
from provenance.trust.certificates import (
    NO_EXPIRY,
    certificate_der,
    certificate_name,
    certificate_spki,
    issue_authority,
    issue_role,
)
from provenance.trust.second_demand import FILE, SecondDemand, demand
from provenance.whole_file import write_whole


class SecondKeyWish(StrEnum):
    """Whether a key that is made anew gets a second one beside it."""

    AS_BEFORE = "as before"
    WITH = "with"
    WITHOUT = "without"


def second_key_file(site: Path, role: Role) -> Path:
    """Where the second key of ``role`` is, if it has one."""
    return site / "keys" / f"{role}.second.key.pem"


def second_certificate_file(site: Path, role: Role) -> Path:
    """Where its certificate is."""
    return site / "certificates" / f"{role}.second.pem"


def second_identity(site: Path, role: Role, first: x509.Certificate) -> SecondIdentity | None:
    """Return the second key beside the certificate ``first``; None if the actor has none.

    UsageError if key and certificates do not fit each other: what they sign would verify nowhere.
    """
    key, path = second_key_file(site, role), second_certificate_file(site, role)
    if not key.exists() and not path.exists():
        if role is Role.DEVICE and SecondDemand.load(site / "trust" / FILE).of(_kid(first)):
            raise UsageError(
                f"{site / 'trust' / FILE} demands a second signature of the {role}, whose second "
                f"key is not there: restore {key.name} and {path.name} from a backup, or make new "
                f"keys (radseal key renew {role} --hybrid)"
            )
        return None
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path} is not a PEM certificate") from error
    signer = load_second_signer(key)
    if certificate_spki(certificate) != signer.spki or certificate.subject != first.subject:
        raise UsageError(
            f"the second key of the {role}, its certificate {path.name} and {role}.pem do not "
            "belong together: what they seal would verify nowhere (if a renewal was cut off, "
            f"radseal key renew {role} ends it)"
        )
    return SecondIdentity(signer, (certificate_der(certificate),))


def follow_with_second(
    site: Path, role: Role, first: x509.Certificate, *, wish: SecondKeyWish, at: datetime
) -> None:
    """Give the first key that is about to be used its second key, or take the old one away."""
    path = second_key_file(site, role)
    if wish is SecondKeyWish.WITHOUT or (wish is SecondKeyWish.AS_BEFORE and not path.exists()):
        second_certificate_file(site, role).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        return
    encrypted = path if path.exists() else site / "keys" / f"{role}.key.pem"
    passphrase = None
    if encrypted.exists() and is_encrypted(encrypted):
        passphrase = new_passphrase(path)
    make_second(site, role, first, at=at, passphrase=passphrase)


def make_second(
    site: Path,
    role: Role,
    first: x509.Certificate,
    *,
    at: datetime,
    passphrase: bytes | None = None,
) -> None:
    """Make a second key for the holder of ``first``, and have verifiers demand it."""
    authority_key = _authority_key(site)
    authority = _authority(site, authority_key, at)
    key = mldsa.MLDSA65PrivateKey.generate()
    certificate = issue_role(
        key.public_key(),
        name=certificate_name(first),
        role=role,
        authority=authority,
        authority_key=authority_key,
        serial=x509.random_serial_number(),
        valid_from=at,
    )
    if certificate.subject != first.subject:
        raise UsageError(
            f"the certificate of the {role} names more than a common name, which the site's own "
            "authority cannot repeat: there is no second key for it"
        )
    put_secret(second_key_file(site, role), key_pem(key, passphrase))
    pem = certificate.public_bytes(Encoding.PEM)
    write_whole(second_certificate_file(site, role), pem, overwrite=True)
    demand(site / "trust" / FILE, _kid(first))


def _kid(certificate: x509.Certificate) -> bytes:
    return hashlib.sha256(certificate_spki(certificate)).digest()


def _authority_key(site: Path) -> mldsa.MLDSA65PrivateKey:
    path = site / "keys" / "ca.second.key.pem"
    if not path.exists():
        put_secret(path, key_pem(mldsa.MLDSA65PrivateKey.generate()))
    return load_second_key(path)


def _authority(site: Path, key: mldsa.MLDSA65PrivateKey, at: datetime) -> x509.Certificate:
    """Return the authority's certificate; made with the key, or after it if that was cut off."""
    path = site / "trust" / "roots" / "site.second.pem"
    if path.exists():
        return x509.load_pem_x509_certificate(path.read_bytes())
    first = x509.load_pem_x509_certificate((path.with_name("site.pem")).read_bytes())
    certificate = issue_authority(
        key,
        name=f"{certificate_name(first)} ML-DSA",
        serial=x509.random_serial_number(),
        valid_from=at,
        valid_until=NO_EXPIRY,
    )
    write_whole(path, certificate.public_bytes(Encoding.PEM))
    return certificate
