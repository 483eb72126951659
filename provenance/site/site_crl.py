"""The revocation list of a site's own authority: one file for each, none is ever replaced.

SITE/trust/crls/site-NUMBER.crl    PEM; the highest number is the newest
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from provenance.errors import MalformedError, UsageError
from provenance.keys.signers import PrivateKey, load_key
from provenance.site.site import Site
from provenance.trust.certificates import certificate_name, is_issued_by
from provenance.trust.crl import EXPIRED_CERTS_ON_CRL, MAX_CRL, parse_crl
from provenance.whole_file import write_whole

_NAME = re.compile(r"site-([0-9]{6,15})\.crl")


@dataclass(frozen=True, slots=True)
class Revoked:
    """A certificate that stands no longer; ``since`` if its key was lost before that was known."""

    certificate: x509.Certificate
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class SiteList:
    """A list as it lies in the trust folder."""

    path: Path
    number: int
    entries: int
    next_update: datetime


def keeps_lists(site: Site) -> bool:
    """Whether those who verify with the site's trust folder require revocation lists."""
    return _folder(site).exists()


def issue_list(
    site: Site, *, at: datetime, valid_until: datetime, revoked: Sequence[Revoked] = ()
) -> SiteList:
    """Sign the next list: all that the newest has, and ``revoked``. UsageError if one is not ours.

    From the first one on, whoever verifies with the trust folder requires a list that is good.
    """
    authority = site.authority()
    for each in revoked:
        if not is_issued_by(each.certificate, authority):
            raise UsageError(
                f"{certificate_name(each.certificate)} has its certificate from another "
                "authority, which has to revoke it"
            )
    if valid_until <= at:
        raise UsageError("a list must be good for some time")
    key = load_key(site.folder / "keys" / "ca.key.pem")
    newest = _newest(_folder(site))
    number = 1 if newest is None else newest[0] + 1
    entries = [] if newest is None else _entries(newest[1], authority)
    listed = {each.serial_number for each in entries}
    entries += [_entry(each, at) for each in revoked if _is_new(each, listed)]
    crl = sign_list(authority, key, entries=entries, number=number, at=at, valid_until=valid_until)
    path = _folder(site) / f"site-{number:06}.crl"
    path.parent.mkdir(exist_ok=True)
    write_whole(path, crl.public_bytes(serialization.Encoding.PEM))
    return SiteList(path, number, len(entries), valid_until)


def sign_list(
    authority: x509.Certificate,
    key: PrivateKey,
    *,
    entries: Sequence[x509.RevokedCertificate],
    number: int,
    at: datetime,
    valid_until: datetime,
) -> x509.CertificateRevocationList:
    """Sign a whole list of an authority (P-256). It keeps what has ended, and says so."""
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    begin = authority.not_valid_before_utc.astimezone(UTC)
    kept = b"\x18\x0f" + f"{begin:%Y%m%d%H%M%SZ}".encode()
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(at)
        .next_update(valid_until)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .add_extension(x509.UnrecognizedExtension(EXPIRED_CERTS_ON_CRL, kept), critical=False)
    )
    for entry in entries:
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, hashes.SHA256())


def newest_list(site: Site) -> SiteList | None:
    """Return the newest list of the site's own authority; None if there is none."""
    newest = _newest(_folder(site))
    if newest is None:
        return None
    number, path = newest
    found = _read(path, site.authority())
    assert found.next_update_utc is not None
    return SiteList(path, number, len(found), found.next_update_utc)


def _folder(site: Site) -> Path:
    return site.folder / "trust" / "crls"


def _newest(folder: Path) -> tuple[int, Path] | None:
    numbered = [
        (int(match[1]), path)
        for path in folder.glob("site-*.crl")
        if (match := _NAME.fullmatch(path.name))
    ]
    return max(numbered, default=None)


def _entries(path: Path, authority: x509.Certificate) -> list[x509.RevokedCertificate]:
    """Return what a list of ours has: nothing is ever taken off a list."""
    return list(_read(path, authority))


def _read(path: Path, authority: x509.Certificate) -> x509.CertificateRevocationList:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CRL + 1)
        found = parse_crl(data, path.name)
    except (OSError, MalformedError) as error:
        raise UsageError(f"{path} cannot be read, and the next list follows on it") from error
    wrong = found.why_not_by(authority) or (found.unfit and "it is not a whole list")
    if wrong:
        raise UsageError(f"{path} is no list of this site's authority: {wrong}")
    return x509.load_pem_x509_crl(data)


def _is_new(each: Revoked, listed: set[int]) -> bool:
    """Whether it says more than the list does; a date of invalidity is always said."""
    return each.since is not None or each.certificate.serial_number not in listed


def _entry(each: Revoked, at: datetime) -> x509.RevokedCertificate:
    builder = (
        x509.RevokedCertificateBuilder()
        .serial_number(each.certificate.serial_number)
        .revocation_date(at)
    )
    if each.since is not None:
        builder = builder.add_extension(
            x509.CRLReason(x509.ReasonFlags.key_compromise), critical=False
        ).add_extension(x509.InvalidityDate(each.since), critical=False)
    return builder.build()
