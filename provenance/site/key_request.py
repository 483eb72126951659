"""Requests for a certificate (PKCS#10, RFC 2986): a device shows its key, and that it holds it.

Made for a key in a file or on a token alike. Read strictly: whoever sends one is a stranger
(docs/spec/key-request.md).
"""

import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID

from ledger import Algorithm, LedgerError, Role, Signer, VerificationKey
from provenance.errors import MalformedError, UsageError
from provenance.trust.certificates import ROLE_OIDS

MAX_REQUEST = 8_192
MAX_NAME = 64  # bytes in UTF-8; RFC 5280, ub-common-name, has characters
_SEQUENCE, _SET, _BITS, _OCTETS, _ATTRIBUTES = b"\x30", b"\x31", b"\x03", b"\x04", b"\xa0"
_VERSION_1 = b"\x02\x01\x00"
_EXTENSION_REQUEST = bytes.fromhex("06092a864886f70d01090e")  # 1.2.840.113549.1.9.14
_EXTENDED_KEY_USAGE = bytes.fromhex("0603551d25")  # 2.5.29.37
_ALGORITHMS = {
    Algorithm.ED25519: bytes.fromhex("300506032b6570"),
    Algorithm.ESP256: bytes.fromhex("300a06082a8648ce3d040302"),  # ecdsa-with-SHA256
}
_PEM = re.compile(rb"-----BEGIN (NEW )?CERTIFICATE REQUEST-----\s")
_REQUESTED = x509.ObjectIdentifier("1.2.840.113549.1.9.14")
_ROLES = {oid: role for role, oid in ROLE_OIDS.items()}
_UNPARSEABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
    x509.DuplicateExtension,
    CryptographyDeprecationWarning,
)


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """What was asked for, by who holds the private key; ``read_request`` builds it.

    ``role`` is None where the request names none.
    """

    name: str
    role: Role | None
    key: VerificationKey

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key, in hexadecimal: what a person compares."""
        return self.key.kid.hex()


def make_request(signer: Signer, *, name: str, role: Role) -> bytes:
    """Return the request (DER) for the key of ``signer``, which signs it."""
    usage = x509.ExtendedKeyUsage([ROLE_OIDS[role]]).public_bytes()
    extension = _tlv(_SEQUENCE, _EXTENDED_KEY_USAGE + _tlv(_OCTETS, usage))
    extensions = _tlv(_SET, _tlv(_SEQUENCE, extension))
    attribute = _tlv(_SEQUENCE, _EXTENSION_REQUEST + extensions)
    info = _tlv(_SEQUENCE, _VERSION_1 + _subject(name) + signer.spki + _tlv(_ATTRIBUTES, attribute))
    signature = signer.sign(info)
    if signer.algorithm is Algorithm.ESP256:
        r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
        signature = encode_dss_signature(r, s)
    return _tlv(_SEQUENCE, info + _ALGORITHMS[signer.algorithm] + _tlv(_BITS, b"\x00" + signature))


def request_pem(der: bytes) -> bytes:
    """Return a request as PEM."""
    return x509.load_der_x509_csr(der).public_bytes(serialization.Encoding.PEM)


def read_request(data: bytes) -> KeyRequest:
    """Read DER or PEM; MalformedError for a key, a name, an attribute that is not taken here.

    The signature holds: whoever made the request has the private key.
    """
    if len(data) > MAX_REQUEST:
        raise MalformedError(f"a request of {len(data)} bytes, where {MAX_REQUEST} are allowed")
    try:
        csr = _load(data)
        spki = csr.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        key = VerificationKey.from_spki(spki)
        name, role = _name(csr), _role(csr)
        strong = csr.signature_hash_algorithm is None or isinstance(
            csr.signature_hash_algorithm, hashes.SHA256 | hashes.SHA384 | hashes.SHA512
        )
        signed = csr.is_signature_valid
    except LedgerError as error:
        raise MalformedError(f"no certificate for such a key: {error}") from error
    except _UNPARSEABLE as error:
        raise MalformedError("not a request for a certificate (PKCS#10)") from error
    if not strong or not signed:
        raise MalformedError("the request is not signed with its own key: it proves nothing")
    return KeyRequest(name, role, key)


def _load(data: bytes) -> x509.CertificateSigningRequest:
    if not data.startswith(b"-----BEGIN"):
        return x509.load_der_x509_csr(data)
    if len(_PEM.findall(data)) != 1:
        raise ValueError("not one request")
    return x509.load_pem_x509_csr(data)


def _name(csr: x509.CertificateSigningRequest) -> str:
    names = csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if len(names) != 1:
        raise MalformedError(f"the request has {len(names)} common names, where one is taken")
    return _checked(names[0].value)


def _checked(name: str | bytes) -> str:
    if not isinstance(name, str) or not name.isprintable():
        raise MalformedError("a name has characters that can be printed, and no others")
    if not 0 < len(name.encode()) <= MAX_NAME:
        raise MalformedError(f"a name has 1 to {MAX_NAME} bytes")
    if name != name.strip():
        raise MalformedError("a name begins and ends with no space")
    return name


def _role(csr: x509.CertificateSigningRequest) -> Role | None:
    if any(each.oid != _REQUESTED for each in csr.attributes):
        raise MalformedError("the request has an attribute that is not taken: ask for less")
    role = None
    for extension in csr.extensions:
        if not isinstance(extension.value, x509.ExtendedKeyUsage):
            asked = extension.oid.dotted_string
            raise MalformedError(f"the request asks for the extension {asked}, which is not given")
        usages = list(extension.value)
        if len(usages) != 1 or usages[0] not in _ROLES:
            raise MalformedError("the request asks for another use of the key than one role")
        role = _ROLES[usages[0]]
    return role


def _subject(name: str) -> bytes:
    try:
        checked = _checked(name)
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, checked)]).public_bytes()
    except (MalformedError, ValueError) as error:
        raise UsageError(f"{name[:80]!r} is no name for a key: {error}") from error


def _tlv(tag: bytes, content: bytes) -> bytes:
    """Return DER (X.690, section 8.1) of one element; here none is longer than 65,535 bytes."""
    size = len(content)
    if size < 0x80:
        return tag + bytes([size]) + content
    if size < 0x100:
        return tag + b"\x81" + bytes([size]) + content
    return tag + b"\x82" + size.to_bytes(2, "big") + content
