"""Certificates at the edges of what is taken: moments, lengths, serial numbers, intermediates."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ledger import Algorithm, Role
from provenance import MalformedError, TrustError
from provenance.keys.signers import generate_key
from provenance.trust.certificates import (
    MAX_CERTIFICATE,
    certificate_der,
    issue_authority,
    issue_role,
    load_certificate,
    validate_path,
)

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
YEAR = timedelta(days=365)
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def authority_key() -> ec.EllipticCurvePrivateKey:
    key = generate_key(Algorithm.ESP256)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


@pytest.fixture(scope="module")
def authority(authority_key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return issue_authority(
        authority_key, name="Root", serial=1, valid_from=NOW, valid_until=NOW + 10 * YEAR
    )


@pytest.fixture(scope="module")
def device(
    authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    return issue_role(
        generate_key(Algorithm.ED25519).public_key(),
        name="scanner",
        role=Role.DEVICE,
        authority=authority,
        authority_key=authority_key,
        serial=2,
        valid_from=NOW,
        valid_until=NOW + YEAR,
    )


def test_the_first_and_the_last_moment(
    authority: x509.Certificate, device: x509.Certificate
) -> None:
    first, last = device.not_valid_before_utc, device.not_valid_after_utc
    # The authority must stand, too: it is made at the same moment.
    assert authority.not_valid_before_utc <= first
    for moment in (first, last):
        validate_path([device], roots=[authority], role=Role.DEVICE, at=moment)
    for moment in (first - SECOND, last + SECOND):
        words = f"the certificate of scanner is not valid at {moment:%Y-%m-%d %H:%M:%SZ}"
        with pytest.raises(TrustError, match=words):
            validate_path([device], roots=[authority], role=Role.DEVICE, at=moment)


def test_words(authority: x509.Certificate, device: x509.Certificate) -> None:
    with pytest.raises(TrustError) as caught:
        validate_path([device], roots=[], role=Role.DEVICE, at=NOW)
    assert str(caught.value) == "no trusted certificate authority is configured"
    with pytest.raises(TrustError) as caught:
        validate_path([device], roots=[authority], role=Role.AUDITOR, at=NOW)
    assert str(caught.value) == "the certificate of scanner is not that of a auditor"
    other = issue_authority(
        generate_key(Algorithm.ESP256),
        name="Other",
        serial=1,
        valid_from=NOW,
        valid_until=NOW + YEAR,
    )
    with pytest.raises(TrustError) as caught:
        validate_path([device], roots=[other], role=Role.DEVICE, at=NOW)
    moment = f"{NOW:%Y-%m-%d %H:%M:%SZ}"
    assert str(caught.value).startswith("no trusted authority vouches for scanner at")
    assert moment in str(caught.value)


def test_the_root_is_named_and_not_what_stands_between(
    authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey
) -> None:
    between_key = generate_key(Algorithm.ESP256)
    between = _between(between_key.public_key(), authority_key)
    device = issue_role(
        generate_key(Algorithm.ED25519).public_key(),
        name="scanner",
        role=Role.DEVICE,
        authority=between,
        authority_key=between_key,
        serial=9,
        valid_from=NOW,
        valid_until=NOW + YEAR,
    )
    root = validate_path([device, between], roots=[authority], role=Role.DEVICE, at=NOW)
    assert root == authority
    with pytest.raises(TrustError, match="no trusted authority"):
        validate_path([device], roots=[authority], role=Role.DEVICE, at=NOW)


def test_a_certificate_without_a_role(
    authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey
) -> None:
    plain = _signed(
        generate_key(Algorithm.ED25519).public_key(), "plain", "Root", authority_key, ca=False
    )
    with pytest.raises(TrustError) as caught:
        validate_path([plain], roots=[authority], role=Role.DEVICE, at=NOW)
    assert str(caught.value) == "the certificate of plain names no role"


def test_how_long_a_certificate_may_be() -> None:
    for size, words in ((MAX_CERTIFICATE, "cannot be parsed"), (MAX_CERTIFICATE + 1, "exceeds")):
        with pytest.raises(MalformedError, match=words):
            load_certificate(bytes(size))
    with pytest.raises(MalformedError) as caught:
        load_certificate(bytes(MAX_CERTIFICATE + 1))
    expected = f"a certificate of {MAX_CERTIFICATE + 1} bytes exceeds {MAX_CERTIFICATE}"
    assert str(caught.value) == expected


def test_serial_numbers(authority: x509.Certificate) -> None:
    der = certificate_der(authority)
    assert load_certificate(der).serial_number == 1
    one = der.index(b"\xa0\x03\x02\x01\x02\x02\x01\x01")  # version 3, then the serial number
    for number in (0x00, 0xFF):
        changed = der[: one + 7] + bytes([number]) + der[one + 8 :]
        with pytest.raises(MalformedError, match=r"serial number is not positive|cannot be parsed"):
            load_certificate(changed)


def _between(public: object, authority_key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return _signed(public, "Between", "Root", authority_key, ca=True)


def _signed(
    public: object, name: str, issuer: str, key: ec.EllipticCurvePrivateKey, *, ca: bool
) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    usage = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
            *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    usage["key_cert_sign" if ca else "digital_signature"] = True
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(public)  # type: ignore[arg-type]
        .serial_number(77)
        .not_valid_before(NOW - SECOND)
        .not_valid_after(NOW + 5 * YEAR)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(public),  # type: ignore[arg-type]
            critical=False,
        )
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
