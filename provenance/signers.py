"""Signing keys in files: PKCS#8 PEM, for their owner's eyes only."""

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ledger import Algorithm, PrivateKeySigner
from ledger import UsageError as LedgerUsageError
from provenance.errors import UsageError

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


def generate_key(algorithm: Algorithm) -> PrivateKey:
    """Make a new private key from the operating system's randomness."""
    match algorithm:
        case Algorithm.ED25519:
            return ed25519.Ed25519PrivateKey.generate()
        case Algorithm.ESP256:
            return ec.generate_private_key(ec.SECP256R1())


def load_key(path: Path) -> PrivateKey:
    """Read an unencrypted PKCS#8 PEM file; UsageError says what is wrong with it."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise UsageError(f"the key file {path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path} is not an unencrypted PEM private key") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
        raise UsageError(f"{path} holds neither an Ed25519 nor a P-256 key")
    return key


def load_signer(path: Path) -> PrivateKeySigner:
    """Read a key file as a signer of statements."""
    try:
        return PrivateKeySigner.from_private_key(load_key(path))
    except LedgerUsageError as error:
        raise UsageError(f"{path}: {error}") from error


def save_key(key: PrivateKey, path: Path) -> None:
    """Write ``key`` as PKCS#8 PEM, readable by its owner alone; never over another file."""
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_secret(path, pem)


def write_secret(path: Path, content: bytes) -> None:
    """Create ``path`` with mode 0600; FileExistsError rather than replace a secret."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
