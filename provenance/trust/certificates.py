"""Certificates of a site: a CA, and one certificate for each role (RFC 5280, IEEE 802.1AR style).

The role is an extended key usage, so that a path validator and a person see the same thing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID

from ledger import Role
from provenance.errors import MalformedError, TrustError, UsageError
from provenance.keys.signers import PrivateKey
from provenance.trust.paths import REMEMBERED, verified_path

PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | mldsa.MLDSA65PublicKey
AuthorityKey = ec.EllipticCurvePrivateKey | mldsa.MLDSA65PrivateKey

# Our arc under 2.25 (ITU-T X.667: an arc for anyone who holds a UUID); the last number is the role.
ROLE_ARC = "2.25.78858903844528368678006015515859386674"
ROLE_OIDS = {
    Role.DEVICE: x509.ObjectIdentifier(f"{ROLE_ARC}.1"),
    Role.OPERATOR: x509.ObjectIdentifier(f"{ROLE_ARC}.2"),
    Role.GATEWAY: x509.ObjectIdentifier(f"{ROLE_ARC}.3"),
    Role.ARCHIVIST: x509.ObjectIdentifier(f"{ROLE_ARC}.4"),
    Role.DEIDENTIFIER: x509.ObjectIdentifier(f"{ROLE_ARC}.5"),
    Role.AUDITOR: x509.ObjectIdentifier(f"{ROLE_ARC}.6"),
}
NO_EXPIRY = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # RFC 5280, section 4.1.2.5
MAX_CERTIFICATE = 16_384
MAX_CERTIFICATES = 8
# The last is a warning about serial numbers that RFC 5280, 4.1.2.2 forbids, where warnings raise.
_UNPARSEABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    x509.DuplicateExtension,
    CryptographyDeprecationWarning,
)
_FIELDS = (
    "version",
    "subject",
    "issuer",
    "extensions",
    "not_valid_before_utc",
    "not_valid_after_utc",
    "signature_algorithm_oid",
)
# A certificate made in the same second as the first signature must already be valid.
_BACKDATE = timedelta(minutes=5)


def issue_authority(
    key: PrivateKey | AuthorityKey,
    *,
    name: str,
    serial: int,
    valid_from: datetime,
    valid_until: datetime,
) -> x509.Certificate:
    """Make the self-signed certificate of a site's CA: P-256, or ML-DSA-65 for second keys."""
    if not isinstance(key, AuthorityKey):
        raise UsageError("the CA key must be P-256: path validation admits no Ed25519 issuer")
    builder = _builder(key.public_key(), subject=name, issuer=name, serial=serial)
    builder = builder.not_valid_before(valid_from - _BACKDATE).not_valid_after(valid_until)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
    )
    return builder.sign(key, _hash_of(key))


def issue_role(
    public_key: PublicKey,
    *,
    name: str,
    role: Role,
    authority: x509.Certificate,
    authority_key: PrivateKey | AuthorityKey,
    serial: int,
    valid_from: datetime,
    valid_until: datetime = NO_EXPIRY,
) -> x509.Certificate:
    """Make the certificate of one actor, signed by the CA."""
    if not isinstance(authority_key, AuthorityKey):
        raise UsageError("the CA key must be P-256: path validation admits no Ed25519 issuer")
    issuer = _common_name(authority)
    builder = _builder(public_key, subject=name, issuer=issuer, serial=serial)
    builder = builder.not_valid_before(valid_from - _BACKDATE).not_valid_after(valid_until)
    builder = builder.add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ROLE_OIDS[role]]), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
        critical=False,
    )
    return builder.sign(authority_key, _hash_of(authority_key))


def _hash_of(key: AuthorityKey) -> hashes.SHA256 | None:
    return hashes.SHA256() if isinstance(key, ec.EllipticCurvePrivateKey) else None


@lru_cache(REMEMBERED)
def load_certificate(der: bytes) -> x509.Certificate:
    """Parse DER; MalformedError for anything else."""
    if len(der) > MAX_CERTIFICATE:
        raise MalformedError(f"a certificate of {len(der)} bytes exceeds {MAX_CERTIFICATE}")
    try:
        certificate = x509.load_der_x509_certificate(der)
        # cryptography parses most fields when they are asked for: all here, none later.
        certificate.public_key()
        for field in _FIELDS:
            getattr(certificate, field)
        serial = certificate.serial_number
    except _UNPARSEABLE as error:
        raise MalformedError("the certificate cannot be parsed") from error
    if serial <= 0:
        raise MalformedError("the certificate's serial number is not positive")
    return certificate


def certificate_der(certificate: x509.Certificate) -> bytes:
    """Return the DER bytes."""
    return certificate.public_bytes(serialization.Encoding.DER)


def certificate_spki(certificate: x509.Certificate) -> bytes:
    """Return the DER SubjectPublicKeyInfo."""
    return certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def certificate_name(certificate: x509.Certificate) -> str:
    """Return the common name, or the whole subject where there is none."""
    return _common_name(certificate) or certificate.subject.rfc4514_string()


def is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether this authority signed the certificate."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def find_lasting_path(
    chain: Sequence[x509.Certificate],
    *,
    roots: Sequence[x509.Certificate],
    role: Role,
    at: datetime,
) -> tuple[x509.Certificate, ...]:
    """The same as ``find_path``, by ML-DSA keys alone, from the signer to the root.

    A path with one curve in it would be worth no more than that curve.
    """
    if not all(is_lasting(each) for each in chain):
        raise TrustError(
            f"the certificates of {certificate_name(chain[0])} are not all of ML-DSA keys"
        )
    lasting = [root for root in roots if is_lasting(root)]
    if not lasting:
        raise TrustError("no trusted certificate authority has an ML-DSA key")
    return find_path(chain, roots=lasting, role=role, at=at)


def is_lasting(certificate: x509.Certificate) -> bool:
    """Whether the key of ``certificate`` is one of ML-DSA."""
    return isinstance(
        certificate.public_key(),
        mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey,
    )


def validate_path(
    chain: Sequence[x509.Certificate],
    *,
    roots: Sequence[x509.Certificate],
    role: Role,
    at: datetime,
) -> x509.Certificate:
    """Return the root that vouches for ``chain[0]`` in ``role`` at the moment ``at``.

    Raises TrustError as ``find_path``.
    """
    return find_path(chain, roots=roots, role=role, at=at)[-1]


def find_path(
    chain: Sequence[x509.Certificate],
    *,
    roots: Sequence[x509.Certificate],
    role: Role,
    at: datetime,
) -> tuple[x509.Certificate, ...]:
    """Return the path from ``chain[0]``, in ``role`` and valid at ``at``, to the root above it.

    Raises TrustError: no path, not valid at that moment, or another role (RFC 5280, section 6).
    Whether one of them was revoked is another question (revocation.py).
    """
    if not roots:
        raise TrustError("no trusted certificate authority is configured")
    leaf = chain[0]
    if not leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc:
        raise TrustError(
            f"the certificate of {certificate_name(leaf)} is not valid at {at:%Y-%m-%d %H:%M:%SZ}"
        )
    try:
        path = verified_path(tuple(chain), tuple(roots), at)
    except verification.VerificationError as error:
        raise TrustError(
            f"no trusted authority vouches for {certificate_name(leaf)} at {at:%Y-%m-%d %H:%M:%SZ}"
        ) from error
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound as error:
        raise TrustError(f"the certificate of {certificate_name(leaf)} names no role") from error
    if ROLE_OIDS[role] not in usages:
        raise TrustError(f"the certificate of {certificate_name(leaf)} is not that of a {role}")
    return path


def _builder(
    public_key: PublicKey, *, subject: str, issuer: str, serial: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_named(subject))
        .issuer_name(_named(issuer))
        .public_key(public_key)
        .serial_number(serial)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""
