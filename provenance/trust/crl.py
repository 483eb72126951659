"""Revocation lists (X.509 CRLs, RFC 5280, section 5), read strictly (docs/spec/revocation.md).

Knows no file and no clock. What a list is worth is said here; what it means, in revocation.py.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID

from provenance.errors import MalformedError
from provenance.trust.certificates import certificate_spki

MAX_CRL = 8 << 20
MAX_ENTRIES = 100_000
EXPIRED_CERTS_ON_CRL = x509.ObjectIdentifier("2.5.29.60")  # X.509, 9.5.2.8
_PEM = re.compile(rb"-----BEGIN X509 CRL-----\s")
_GENERALIZED_TIME = re.compile(rb"\x18\x0f([0-9]{14})Z")
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_UNPARSEABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    x509.DuplicateExtension,
    CryptographyDeprecationWarning,
)


@dataclass(frozen=True, slots=True, eq=False)
class RevocationList:
    """A list as it was read; nobody has checked its signature yet (``is_by``).

    Attributes
    ----------
    name : str
        Of the file, for people.
    this_update, next_update : datetime
        When it was made, and when the next one is due at the latest, if it says so.
    number : int or None
        Its CRL number.
    revoked : Mapping
        For each serial number since when its certificate is revoked: the earliest date there is,
        of revocation or invalidity. Whatever the reason: a certificate on hold counts.
    expired_since : datetime or None
        Certificates that ended after this are still listed (expiredCertsOnCRL).
    unfit : str or None
        Why it shows of no certificate that it is *not* revoked: it is not a whole list.
    """

    name: str
    this_update: datetime
    next_update: datetime | None
    number: int | None
    revoked: Mapping[int, datetime] = field(repr=False)
    expired_since: datetime | None
    unfit: str | None
    _issuer: x509.Name = field(repr=False)
    _crl: x509.CertificateRevocationList = field(repr=False)
    _checked: dict[bytes, str | None] = field(default_factory=dict, repr=False)

    def names(self, issuer: x509.Certificate) -> bool:
        """Whether it says to be by this authority, by name and, if it has one, key identifier."""
        if self._issuer != issuer.subject:
            return False
        try:
            by = self._crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
            own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        except (x509.ExtensionNotFound, *_UNPARSEABLE):
            return True
        return by.key_identifier is None or by.key_identifier == own.digest

    def why_not_by(self, issuer: x509.Certificate) -> str | None:
        """Return why the key of this authority has not signed it; None if it has."""
        spki = certificate_spki(issuer)
        if spki not in self._checked:
            self._checked[spki] = self._why_not_signed(issuer)
        return self._checked[spki]

    def _why_not_signed(self, issuer: x509.Certificate) -> str | None:
        try:
            if not self._crl.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
                return "its signature does not verify"
        except (InvalidSignature, *_UNPARSEABLE):
            return "its signature cannot be verified"
        return None


def parse_crl(data: bytes, name: str = "CRL") -> RevocationList:
    """Read DER or PEM, one list and nothing else; MalformedError for anything else, or too much."""
    if len(data) > MAX_CRL:
        raise MalformedError(f"{name}: a list of {len(data)} bytes, where {MAX_CRL} are allowed")
    try:
        crl = _load(data)
        # cryptography parses most fields when they are asked for: all here, none later.
        issuer, algorithm = crl.issuer, crl.signature_hash_algorithm
        extensions = tuple(crl.extensions)
        this_update, next_update = crl.last_update_utc, crl.next_update_utc
        revoked, strange = _entries(crl, name)
    except _UNPARSEABLE as error:
        raise MalformedError(f"{name}: not a certificate revocation list") from error
    if algorithm is not None and not isinstance(algorithm, _HASHES):
        raise MalformedError(f"{name}: signed over {algorithm.name}, which is too weak")
    if next_update is not None and next_update < this_update:
        raise MalformedError(f"{name}: its next update is before this one")
    return RevocationList(
        name,
        this_update,
        next_update,
        next((e.value.crl_number for e in extensions if isinstance(e.value, x509.CRLNumber)), None),
        revoked,
        _expired_since(extensions, name),
        _why_unfit(extensions) or strange or _why_no_end(next_update),
        issuer,
        crl,
    )


def _load(data: bytes) -> x509.CertificateRevocationList:
    if not data.startswith(b"-----BEGIN"):
        return x509.load_der_x509_crl(data)
    if len(_PEM.findall(data)) != 1:
        raise ValueError("not one list")
    return x509.load_pem_x509_crl(data)


def _entries(
    crl: x509.CertificateRevocationList, name: str
) -> tuple[dict[int, datetime], str | None]:
    """Return since when each certificate is revoked, and what makes the entries unusable."""
    if len(crl) > MAX_ENTRIES:
        raise MalformedError(f"{name}: {len(crl)} entries, where {MAX_ENTRIES} are allowed")
    revoked: dict[int, datetime] = {}
    strange = None
    for entry in crl:
        since = entry.revocation_date_utc
        for extension in entry.extensions:
            match extension.value:
                case x509.InvalidityDate() as invalid:
                    since = min(since, invalid.invalidity_date_utc)
                case x509.CertificateIssuer():
                    strange = "it lists certificates of other authorities"
                case x509.CRLReason():
                    pass
                case _ if extension.critical:
                    strange = "an entry has a critical extension that is not known"
        known = revoked.get(entry.serial_number)
        revoked[entry.serial_number] = since if known is None else min(known, since)
    return revoked, strange


def _why_unfit(extensions: tuple[x509.Extension[x509.ExtensionType], ...]) -> str | None:
    for extension in extensions:
        match extension.value:
            case x509.DeltaCRLIndicator():
                return "it is a delta list, which says what changed and no more"
            case x509.IssuingDistributionPoint() as scope:
                if scope.indirect_crl:
                    return "it is an indirect list, for certificates of other authorities"
                return "it is a list of limited scope, which leaves certificates out"
            case _ if extension.critical:
                return f"it has a critical extension that is not known ({_dotted(extension)})"
    return None


def _why_no_end(next_update: datetime | None) -> str | None:
    return "it does not say when the next one is due" if next_update is None else None


def _dotted(extension: x509.Extension[x509.ExtensionType]) -> str:
    return extension.oid.dotted_string


def _expired_since(
    extensions: tuple[x509.Extension[x509.ExtensionType], ...], name: str
) -> datetime | None:
    for extension in extensions:
        value = extension.value
        if extension.oid != EXPIRED_CERTS_ON_CRL or not isinstance(
            value, x509.UnrecognizedExtension
        ):
            continue
        told = _GENERALIZED_TIME.fullmatch(value.value)
        try:
            if told is None:
                raise ValueError
            return datetime.strptime(told[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError as error:
            raise MalformedError(f"{name}: expiredCertsOnCRL is no time") from error
    return None


def why_may_not_sign(issuer: x509.Certificate) -> str | None:
    """Return why an authority's lists count for nothing good; None if it may sign them."""
    try:
        usage = issuer.extensions.get_extension_for_oid(ExtensionOID.KEY_USAGE).value
    except x509.ExtensionNotFound:
        return None
    assert isinstance(usage, x509.KeyUsage)
    return None if usage.crl_sign else "its authority may not sign revocation lists"
