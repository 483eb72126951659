"""Signing keys in files: PKCS#8 PEM, plain or encrypted, for their owner's eyes only."""

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa

from ledger import Algorithm, PrivateKeySigner, SecondSigner, Signer
from ledger import UsageError as LedgerUsageError
from provenance.errors import KeyUnavailableError, UsageError
from provenance.keys.passphrases import PASSPHRASE_FILE, key_passphrase

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
StoredKey = PrivateKey | mldsa.MLDSA65PrivateKey  # the last is a second key (second_keys.py)
_ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"


def generate_key(algorithm: Algorithm) -> PrivateKey:
    """Make a new private key from the operating system's randomness."""
    match algorithm:
        case Algorithm.ED25519:
            return ed25519.Ed25519PrivateKey.generate()
        case Algorithm.ESP256:
            return ec.generate_private_key(ec.SECP256R1())


def load_key(path: Path) -> PrivateKey:
    """Read a PKCS#8 PEM file; an encrypted one is opened with the passphrase of ``passphrases``.

    UsageError says what is wrong with the file, KeyUnavailableError what is with the passphrase.
    """
    key = load_stored_key(path)
    if not isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
        raise UsageError(f"{path} holds neither an Ed25519 nor a P-256 key")
    return key


def load_second_key(path: Path) -> mldsa.MLDSA65PrivateKey:
    """The same for the key of second signatures."""
    key = load_stored_key(path)
    if not isinstance(key, mldsa.MLDSA65PrivateKey):
        raise UsageError(f"{path} holds no ML-DSA-65 key")
    return key


def load_second_signer(path: Path) -> SecondSigner:
    """Read a key file as a signer of second signatures."""
    return SecondSigner.from_private_key(load_second_key(path))


def load_stored_key(path: Path) -> StoredKey:
    """Read a key file of any of our kinds."""
    pem = _read(path)
    password = key_passphrase(path) if _ENCRYPTED in pem else None
    try:
        key = serialization.load_pem_private_key(pem, password=password)
    except (ValueError, TypeError) as error:
        if password is None:
            raise UsageError(
                f"{path} is not a PEM private key (PKCS#8, unencrypted or encrypted)"
            ) from error
        raise KeyUnavailableError(
            f"the passphrase does not open the key in {path}",
            do=f"give the right one, at a terminal or in the file that {PASSPHRASE_FILE} names",
        ) from error
    if not isinstance(key, StoredKey):
        raise UsageError(f"{path} holds neither an Ed25519, a P-256 nor an ML-DSA-65 key")
    return key


def load_signer(path: Path) -> PrivateKeySigner:
    """Read a key file as a signer of statements."""
    try:
        return PrivateKeySigner.from_private_key(load_key(path))
    except LedgerUsageError as error:
        raise UsageError(f"{path}: {error}") from error


def public_key(signer: Signer) -> ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey:
    """Return the public key of a signer, as a certificate takes it."""
    return load_public_key(signer.spki)


def load_public_key(spki: bytes) -> ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey:
    """Return a public key that was found to be one of ours."""
    key = serialization.load_der_public_key(spki)
    assert isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey)
    return key


def is_encrypted(path: Path) -> bool:
    """Whether the key file is encrypted; UsageError if it cannot be read."""
    return _ENCRYPTED in _read(path)


def save_key(key: StoredKey, path: Path) -> None:
    """Write ``key`` as plain PKCS#8 PEM, readable by its owner alone; never over another file."""
    write_secret(path, key_pem(key))


def encrypt_key(path: Path, passphrase: bytes) -> None:
    """Put an encrypted key file in the place of a plain one, which is there until it is."""
    key = load_stored_key(path)
    encrypted = key_pem(key, passphrase)
    serialization.load_pem_private_key(encrypted, password=passphrase)  # it can be read again
    put_secret(path, encrypted)


def key_pem(key: StoredKey, passphrase: bytes | None = None) -> bytes:
    """Return PKCS#8 PEM; with ``passphrase`` encrypted: PBES2, PBKDF2, AES-256 (RFC 8018)."""
    kind: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        kind = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, kind)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"the key file {path} cannot be read: {error.strerror}") from error


def put_secret(path: Path, content: bytes) -> None:
    """Put a file with mode 0600 there, whole or not at all, in the place of another if there is."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)  # of a run that was cut off
    write_secret(fresh, content)
    fresh.replace(path)


def write_secret(path: Path, content: bytes) -> None:
    """Create ``path`` with mode 0600; FileExistsError rather than replace a secret."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
