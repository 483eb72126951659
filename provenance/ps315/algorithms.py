"""The six MAC algorithms of (0400,0015), and the signatures over a MAC (PS3.15 C.1)."""

import hashlib
from collections.abc import Iterable
from enum import StrEnum

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from provenance.errors import EvidenceError, EvidenceMissingError

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
MAX_RSA_BITS = 8192
LEAST_RSA_BITS = 2048  # fewer are reported as weak (NIST SP 800-131A)
_CURVES = ("secp256r1", "secp384r1", "secp521r1")


class MacAlgorithm(StrEnum):
    """The defined terms of (0400,0015) MAC Algorithm."""

    RIPEMD160 = "RIPEMD160"
    MD5 = "MD5"
    SHA1 = "SHA1"
    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"

    @property
    def weak(self) -> bool:
        """Whether two objects with one MAC can be made, or are feared to be."""
        return self in (MacAlgorithm.RIPEMD160, MacAlgorithm.MD5, MacAlgorithm.SHA1)


# DigestInfo before the digest itself: RFC 8017, section 9.2, note 1; RIPEMD-160: 1.3.36.3.2.1.
_DIGEST_INFO = {
    MacAlgorithm.RIPEMD160: bytes.fromhex("3021300906052b2403020105000414"),
    MacAlgorithm.MD5: bytes.fromhex("3020300c06082a864886f70d020505000410"),
    MacAlgorithm.SHA1: bytes.fromhex("3021300906052b0e03021a05000414"),
    MacAlgorithm.SHA256: bytes.fromhex("3031300d060960864801650304020105000420"),
    MacAlgorithm.SHA384: bytes.fromhex("3041300d060960864801650304020205000430"),
    MacAlgorithm.SHA512: bytes.fromhex("3051300d060960864801650304020305000440"),
}
_NEW: dict[MacAlgorithm, hashes.HashAlgorithm] = {
    MacAlgorithm.SHA256: hashes.SHA256(),
    MacAlgorithm.SHA384: hashes.SHA384(),
    MacAlgorithm.SHA512: hashes.SHA512(),
}
CREATED_WITH = frozenset(_NEW)
# ECDSA uses nothing of the hash but its size, and RIPEMD-160 has that of SHA-1.
_BY_SIZE: dict[int, hashes.HashAlgorithm] = {
    16: hashes.MD5(),  # noqa: S303 - to verify what was signed so, reported as weak
    20: hashes.SHA1(),  # noqa: S303
    32: hashes.SHA256(),
    48: hashes.SHA384(),
    64: hashes.SHA512(),
}


def mac_of(stream: Iterable[bytes | memoryview], algorithm: MacAlgorithm) -> bytes:
    """Hash the stream; EvidenceMissingError where the machine's OpenSSL lacks the algorithm."""
    try:
        digest = hashlib.new(algorithm.value.lower(), usedforsecurity=algorithm in CREATED_WITH)
    except ValueError as error:
        raise EvidenceMissingError(f"OpenSSL of this machine has no {algorithm}") from error
    for part in stream:
        digest.update(part)
    return digest.digest()


def sign_mac(mac: bytes, algorithm: MacAlgorithm, key: PrivateKey) -> bytes:
    """Sign a MAC: RSA with PKCS#1 v1.5, or ECDSA in DER."""
    digest = Prehashed(_NEW[algorithm])
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(mac, padding.PKCS1v15(), digest)
    return key.sign(mac, ec.ECDSA(digest))


def verify_mac(signature: bytes, mac: bytes, algorithm: MacAlgorithm, key: object) -> None:
    """Return only if ``signature``, an OB value perhaps padded, is that of ``mac`` under ``key``.

    Raises
    ------
    EvidenceError
        It is not.
    EvidenceMissingError
        The key is of a kind or size that is not checked.
    """
    try:
        if isinstance(key, rsa.RSAPublicKey):
            _verify_rsa(signature, mac, algorithm, key)
        elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
            digest = Prehashed(_BY_SIZE[len(mac)])
            key.verify(der_value(signature), mac, ec.ECDSA(digest))
        else:
            raise EvidenceMissingError("the signer's key is neither RSA nor on a NIST curve")
    except InvalidSignature as error:
        raise EvidenceError("what was signed is not what is here") from error
    except UnsupportedAlgorithm as error:
        raise EvidenceMissingError("OpenSSL of this machine cannot check the signature") from error


def _verify_rsa(
    signature: bytes, mac: bytes, algorithm: MacAlgorithm, key: rsa.RSAPublicKey
) -> None:
    if key.key_size > MAX_RSA_BITS:
        raise EvidenceMissingError(f"an RSA key of {key.key_size} bits is not checked")
    value = signature_value(signature, key)
    found = key.recover_data_from_signature(value, padding.PKCS1v15(), None)
    if found != _DIGEST_INFO[algorithm] + mac:
        raise InvalidSignature


def signature_value(signature: bytes, key: object) -> bytes:
    """Cut the pad byte of an OB value off a signature: by its DER, or by the size of an RSA key."""
    if not isinstance(key, rsa.RSAPublicKey):
        return der_value(signature)
    size = (key.key_size + 7) // 8
    if len(signature) - size not in (0, 1) or any(signature[size:]):
        raise EvidenceError("the signature is not of the length of the key")
    return signature[:size]


def key_words(key: object) -> str:
    """Name the kind and size of a public key."""
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return "unknown"


def der_value(value: bytes) -> bytes:
    """Cut the pad byte of an OB value off a DER structure: its own length says where it ends."""
    if len(value) < 2 or value[0] != 0x30:
        raise EvidenceError("the value does not begin as DER does")
    first = value[1]
    if first < 0x80:
        end = 2 + first
    else:
        count = first & 0x7F
        if not 0 < count <= 4 or len(value) < 2 + count:
            raise EvidenceError("the value does not begin as DER does")
        end = 2 + count + int.from_bytes(value[2 : 2 + count], "big")
    if len(value) - end not in (0, 1) or any(value[end:]):
        raise EvidenceError("the value is not of the length that its DER claims")
    return value[:end]
