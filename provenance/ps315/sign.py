"""Put a digital signature into an object (PS3.15 C.1 to C.3, PS3.3 C.12.1.1.3).

Signs as it stands: whatever changes a signed element afterwards breaks the signature.
"""

import struct
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from provenance.dicom.instance import Instance
from provenance.dicom.items import Encoded, Item
from provenance.dicom.syntax import EXPLICIT_LITTLE
from provenance.errors import EvidenceError, MalformedError, SealError, UsageError
from provenance.ps315.algorithms import (
    CREATED_WITH,
    LEAST_RSA_BITS,
    MAX_RSA_BITS,
    MacAlgorithm,
    PrivateKey,
    mac_of,
    sign_mac,
)
from provenance.ps315.elements import Dataset, read_dataset, value_of
from provenance.ps315.mac_stream import (
    CERTIFICATE,
    MAC_PARAMETERS,
    SIGNATURE,
    SIGNATURES,
    is_known,
    mac_stream,
    may_be_signed,
)
from provenance.ps315.profiles import Profile, required_tags, tags_to_sign
from provenance.ps315.sequences import (
    CANNOT_SIGN,
    LITTLE,
    append_item,
    bulk_element,
    items_in,
    text_element,
)
from provenance.ps315.signature_items import (
    CERTIFICATE_TYPE,
    ELEMENTS_SIGNED,
    MAC_ALGORITHM,
    MAC_ID,
    MAC_SYNTAX,
    PURPOSE,
    SIGNATURE_UID,
    SIGNED_AT,
    X509,
)
from provenance.ps315.stamp import timestamp_elements
from provenance.trust.certificates import certificate_der, certificate_name, load_certificate

_CURVES = ("secp256r1", "secp384r1")
# CID 7007 Signature Purpose, of the scheme ASTM-sigpurpose
_PURPOSES = {
    Profile.CREATOR: ("14", "Source Signature"),
    Profile.AUTHORIZATION: ("5", "Verification Signature"),
}


Stamp = Callable[[bytes, datetime], bytes]


@dataclass(frozen=True, slots=True)
class DicomSigner:
    """A key with its certificate, and the profile to sign under.

    ``stamp`` is asked for a certified timestamp: given a signature and the time, it returns a token
    that holds, or raises SealError.
    """

    key: PrivateKey
    certificate: x509.Certificate
    profile: Profile
    algorithm: MacAlgorithm = MacAlgorithm.SHA256
    stamp: Stamp | None = None

    def __post_init__(self) -> None:
        key = self.key
        if self.certificate.public_key() != key.public_key():
            raise UsageError("the PS3.15 certificate is not that of the key")
        if isinstance(key, rsa.RSAPrivateKey):
            if not LEAST_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
                raise UsageError(
                    f"an RSA key of {key.key_size} bits is not used: "
                    f"{LEAST_RSA_BITS} to {MAX_RSA_BITS} are"
                )
        elif key.curve.name not in _CURVES:
            raise UsageError("a PS3.15 key on a curve must be P-256 or P-384")
        elif self.profile.only_rsa:
            raise UsageError(
                f"PS3.15 defines the {self.profile} profile for RSA keys only: "
                "give an RSA key, or sign unprofiled"
            )
        if self.algorithm not in CREATED_WITH:
            raise UsageError(f"{self.algorithm} is only verified: sign with SHA-2")

    @classmethod
    def load(
        cls,
        key: Path,
        certificate: Path,
        profile: Profile,
        algorithm: MacAlgorithm = MacAlgorithm.SHA256,
    ) -> Self:
        """Read both from PEM files; UsageError says what is wrong with them."""
        key_pem, certificate_pem = _read(key), _read(certificate)
        try:
            private = serialization.load_pem_private_key(key_pem, password=None)
        except (ValueError, TypeError) as error:
            raise UsageError(f"{key} is not an unencrypted PEM private key") from error
        if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise UsageError(f"{key} holds neither an RSA nor an EC key: PS3.15 knows no other")
        try:
            der = certificate_der(x509.load_pem_x509_certificate(certificate_pem))
            found = load_certificate(der)
        except (ValueError, MalformedError) as error:
            raise UsageError(f"{certificate} is not a PEM certificate that can be used") from error
        return cls(private, found, profile, algorithm)

    def check(self, instance: Instance, *, at: datetime) -> None:
        """Raise what `sign_object` would raise, before any work is done on ``instance``.

        Raises
        ------
        UsageError
            The certificate is not valid at that time.
        SealError
            What the profile wants signed cannot be, or there is no room for a signature.
        """
        if not self.certificate.not_valid_before_utc <= at <= self.certificate.not_valid_after_utc:
            name = certificate_name(self.certificate)
            raise UsageError(
                f"the PS3.15 certificate of {name} is not valid at {at:%Y-%m-%d %H:%M:%SZ}"
            )
        dataset = read_dataset(instance)
        item = _signature_item(self, _free_mac_id(instance), "2.25.0", at)
        for _ in _stream(dataset, _tags(dataset, self.profile), item):
            pass


def sign_object(instance: Instance, signer: DicomSigner, *, uid: str, at: datetime) -> None:
    """Add a signature to the dataset of ``instance``, beside any that is there.

    ``uid`` is the Digital Signature UID, ``at`` the time the signature claims.

    Raises
    ------
    UsageError
        The certificate is not valid at that time.
    SealError
        What the profile wants signed cannot be, there is no room for a signature, or no timestamp
        was to be had.
    """
    signer.check(instance, at=at)
    dataset = read_dataset(instance)
    tags = _tags(dataset, signer.profile)
    mac_id = _free_mac_id(instance)
    syntax = dataset.transfer_syntax if dataset.encapsulated else EXPLICIT_LITTLE
    item = _signature_item(signer, mac_id, uid, at)
    mac = mac_of(_stream(dataset, tags, item), signer.algorithm)
    signature = sign_mac(mac, signer.algorithm, signer.key)
    item += [
        bulk_element(CERTIFICATE, certificate_der(signer.certificate)),
        bulk_element(SIGNATURE, signature),
    ]
    if signer.stamp is not None:
        item += timestamp_elements(signer.stamp(signature, at))
    parameters = [
        Encoded(MAC_ID, "US", struct.pack("<H", mac_id), LITTLE),
        text_element(MAC_SYNTAX, "UI", syntax),
        text_element(MAC_ALGORITHM, "CS", signer.algorithm),
        Encoded(ELEMENTS_SIGNED, "AT", _at_values(tags), LITTLE),
    ]
    for tag, new in ((MAC_PARAMETERS, parameters), (SIGNATURES, item)):
        append_item(instance, tag, new)


def signature_uid(seal_id: bytes) -> str:
    """Return the UID of the signature beside a seal: unique as the seal's own random id is."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, 'radseal-ps315-' + seal_id.hex()).int}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error


def _tags(dataset: Dataset, profile: Profile) -> tuple[int, ...]:
    """Return what is signed; SealError when the profile wants what cannot be."""
    present = [tag for tag in dataset.elements if may_be_signed(tag)]
    try:
        known = [tag for tag in present if is_known(dataset.elements[tag], dataset)]
    except EvidenceError as error:
        raise SealError(f"the object cannot be signed: {error}", code=CANNOT_SIGN) from error
    tags = tags_to_sign(profile, known)
    missing = sorted(required_tags(profile, present) - set(tags))
    if missing:
        raise SealError(
            f"the {profile} profile wants ({missing[0] >> 16:04X},{missing[0] & 0xFFFF:04X}) "
            "signed, which is missing or of unknown VR",
            code=CANNOT_SIGN,
        )
    return tags


def _stream(dataset: Dataset, tags: tuple[int, ...], item: Item) -> Iterator[bytes]:
    try:
        yield from mac_stream(dataset.elements, tags, item, dataset)
    except EvidenceError as error:
        raise SealError(f"the object cannot be signed: {error}", code=CANNOT_SIGN) from error


def _signature_item(signer: DicomSigner, mac_id: int, uid: str, at: datetime) -> list[Encoded]:
    """Return the item as far as the MAC covers it."""
    item = [
        Encoded(MAC_ID, "US", struct.pack("<H", mac_id), LITTLE),
        text_element(SIGNATURE_UID, "UI", uid),
        text_element(SIGNED_AT, "DT", f"{at.astimezone(UTC):%Y%m%d%H%M%S.%f}+0000"),
        text_element(CERTIFICATE_TYPE, "CS", X509),
    ]
    purpose = _PURPOSES.get(signer.profile)
    if purpose is not None:
        code = [
            text_element(0x00080100, "SH", purpose[0]),
            text_element(0x00080102, "SH", "ASTM-sigpurpose"),
            text_element(0x00080104, "LO", purpose[1]),
        ]
        item.append(Encoded(PURPOSE, "SQ", (code,), LITTLE))
    return item


def _at_values(tags: tuple[int, ...]) -> bytes:
    return b"".join(struct.pack("<HH", tag >> 16, tag & 0xFFFF) for tag in tags)


def _free_mac_id(instance: Instance) -> int:
    """Return the smallest MAC ID Number that nothing uses."""
    used: set[int] = set()
    for tag in (MAC_PARAMETERS, SIGNATURES):
        items = items_in(instance, tag)
        try:
            numbers = [value_of(e, "US") for item in items for e in item if e.tag == MAC_ID]
        except MalformedError as error:
            raise SealError(
                f"the object carries digital signatures that cannot be read: {error}",
                code=CANNOT_SIGN,
            ) from error
        used.update(int.from_bytes(value, "little") for value in numbers)
    free = next((number for number in range(1 << 16) if number not in used), None)
    if free is None:
        raise SealError("the object has no room for another signature", code=CANNOT_SIGN)
    return free
