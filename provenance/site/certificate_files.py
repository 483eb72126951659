"""The certificates in a site's folder: of its authority, and of its actors by role."""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ledger import Role
from provenance.errors import UsageError


def authority_file(folder: Path) -> Path:
    """Return where the certificate of a site's own authority lies."""
    return folder / "trust" / "roots" / "site.pem"


def role_file(folder: Path, role: Role) -> Path:
    """Return where the certificate of a site's actor lies."""
    return folder / "certificates" / f"{role}.pem"


def read_certificate(path: Path) -> x509.Certificate:
    """Return the first certificate of a file; UsageError if there is none."""
    try:
        return x509.load_pem_x509_certificate(read_file(path))
    except ValueError as error:
        raise UsageError(f"{path} is not a PEM certificate") from error


def read_chain(path: Path) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a file; UsageError if it is none of them."""
    try:
        return tuple(x509.load_pem_x509_certificates(read_file(path)))
    except ValueError as error:
        raise UsageError(f"{path} is not a PEM file of certificates") from error


def write_certificate(path: Path, certificate: x509.Certificate) -> None:
    """Write a certificate where none is."""
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def read_file(path: Path) -> bytes:
    """Return what a file holds; UsageError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
