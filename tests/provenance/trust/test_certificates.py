"""Who vouches for whom: path, role and moment all have to fit."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from ledger import Algorithm, Role
from provenance import MalformedError, TrustError, UsageError
from provenance.keys.signers import generate_key
from provenance.trust.certificates import (
    ROLE_OIDS,
    AuthorityKey,
    PublicKey,
    certificate_der,
    certificate_name,
    find_lasting_path,
    find_path,
    is_issued_by,
    issue_authority,
    issue_role,
    load_certificate,
    validate_path,
)

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
YEAR = timedelta(days=365)


class Authority:
    """A CA with its key."""

    def __init__(self, name: str = "Root", key: AuthorityKey | None = None) -> None:
        self.key = key or generate_key(Algorithm.ESP256)
        self.certificate = issue_authority(
            self.key, name=name, serial=1, valid_from=NOW, valid_until=NOW + 10 * YEAR
        )

    def issue(self, role: Role, algorithm: Algorithm = Algorithm.ED25519) -> x509.Certificate:
        return self.issue_to(generate_key(algorithm).public_key(), role)

    def issue_to(self, public: PublicKey, role: Role) -> x509.Certificate:
        return issue_role(
            public,
            name=f"one {role}",
            role=role,
            authority=self.certificate,
            authority_key=self.key,
            serial=2,
            valid_from=NOW,
            valid_until=NOW + YEAR,
        )


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.mark.parametrize("algorithm", list(Algorithm))
@pytest.mark.parametrize("role", list(Role))
def test_each_role_and_algorithm(authority: Authority, role: Role, algorithm: Algorithm) -> None:
    leaf = authority.issue(role, algorithm)
    root = validate_path([leaf], roots=[authority.certificate], role=role, at=NOW)
    assert root == authority.certificate
    assert certificate_name(leaf) == f"one {role}"
    for other in set(Role) - {role}:
        with pytest.raises(TrustError, match="is not that of"):
            validate_path([leaf], roots=[authority.certificate], role=other, at=NOW)


def test_moment(authority: Authority) -> None:
    leaf = authority.issue(Role.DEVICE)
    roots = [authority.certificate]
    validate_path([leaf], roots=roots, role=Role.DEVICE, at=NOW + YEAR)
    for moment in (NOW - timedelta(days=1), NOW + YEAR + timedelta(seconds=1)):
        with pytest.raises(TrustError, match="not valid at"):
            validate_path([leaf], roots=roots, role=Role.DEVICE, at=moment)


def test_stranger(authority: Authority) -> None:
    leaf = Authority().issue(Role.DEVICE)  # the same names, another key
    with pytest.raises(TrustError, match="no trusted authority"):
        validate_path([leaf], roots=[authority.certificate], role=Role.DEVICE, at=NOW)
    with pytest.raises(TrustError, match="no trusted certificate authority is configured"):
        validate_path([leaf], roots=[], role=Role.DEVICE, at=NOW)


def test_a_device_cannot_issue(authority: Authority) -> None:
    middle = generate_key(Algorithm.ESP256)
    device = issue_role(
        middle.public_key(),
        name="middle",
        role=Role.DEVICE,
        authority=authority.certificate,
        authority_key=authority.key,
        serial=3,
        valid_from=NOW,
    )
    forged = issue_role(
        generate_key(Algorithm.ED25519).public_key(),
        name="forged",
        role=Role.DEVICE,
        authority=device,
        authority_key=middle,
        serial=4,
        valid_from=NOW,
    )
    with pytest.raises(TrustError, match="no trusted authority"):
        validate_path([forged, device], roots=[authority.certificate], role=Role.DEVICE, at=NOW)


def test_round_trip(authority: Authority) -> None:
    leaf = authority.issue(Role.GATEWAY)
    assert load_certificate(certificate_der(leaf)) == leaf


def said(certificate: x509.Certificate) -> list[tuple[bool, object]]:
    """Return what the extensions of a certificate say, beside the ids of its keys."""
    return [
        (each.critical, each.value)
        for each in certificate.extensions
        if not isinstance(each.value, x509.SubjectKeyIdentifier | x509.AuthorityKeyIdentifier)
    ]


def usage(*, issues: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not issues,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=issues,
        encipher_only=False,
        decipher_only=False,
    )


def test_what_a_certificate_says() -> None:
    """An authority issues, and nothing else; an actor signs in one role (RFC 5280, 4.2.1)."""
    authority = Authority()
    assert said(authority.certificate) == [
        (True, x509.BasicConstraints(ca=True, path_length=1)),
        (True, usage(issues=True)),
    ]
    leaf = authority.issue(Role.DEVICE)
    assert said(leaf) == [
        (True, x509.BasicConstraints(ca=False, path_length=None)),
        (True, usage(issues=False)),
        (False, x509.ExtendedKeyUsage([ROLE_OIDS[Role.DEVICE]])),
    ]
    ours = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    for each in (authority.certificate, leaf):
        found = each.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
        assert (found.critical, found.value) == (False, ours)
        own = x509.SubjectKeyIdentifier.from_public_key(each.public_key())  # type: ignore[arg-type]
        found = each.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        assert (found.critical, found.value) == (False, own)


def test_an_authority_of_another_curve_issues_nothing(authority: Authority) -> None:
    key = generate_key(Algorithm.ED25519)
    words = "^the CA key must be P-256: path validation admits no Ed25519 issuer$"
    with pytest.raises(UsageError, match=words):
        issue_authority(key, name="x", serial=1, valid_from=NOW, valid_until=NOW + YEAR)
    with pytest.raises(UsageError, match=words):
        issue_role(
            key.public_key(),
            name="x",
            role=Role.DEVICE,
            authority=authority.certificate,
            authority_key=key,
            serial=1,
            valid_from=NOW,
        )


def test_who_issued_it(authority: Authority) -> None:
    leaf, stranger = authority.issue(Role.DEVICE), Authority()
    assert is_issued_by(leaf, authority.certificate)
    assert not is_issued_by(leaf, stranger.certificate)  # of the same name
    assert not is_issued_by(leaf, leaf)


def test_a_lasting_path_is_one_of_lattices_alone(authority: Authority) -> None:
    lasting = Authority("Lasting", mldsa.MLDSA65PrivateKey.generate())
    root = lasting.certificate
    leaf = lasting.issue_to(mldsa.MLDSA65PrivateKey.generate().public_key(), Role.DEVICE)
    curve = lasting.issue(Role.DEVICE)
    roots = [authority.certificate, root]
    asked = {"role": Role.DEVICE, "at": NOW}
    assert find_lasting_path([leaf], roots=roots, **asked) == (leaf, root)
    assert find_path([curve], roots=roots, **asked) == (curve, root)
    words = "^the certificates of one device are not all of ML-DSA keys$"
    for chain in ([curve], [leaf, curve]):
        with pytest.raises(TrustError, match=words):
            find_lasting_path(chain, roots=roots, **asked)
    with pytest.raises(TrustError, match=r"^no trusted certificate authority has an ML-DSA key$"):
        find_lasting_path([leaf], roots=[authority.certificate], **asked)
    with pytest.raises(TrustError, match="not that of a auditor"):
        find_lasting_path([leaf], roots=roots, role=Role.AUDITOR, at=NOW)
    with pytest.raises(TrustError, match="not valid at"):
        find_lasting_path([leaf], roots=roots, role=Role.DEVICE, at=NOW + 2 * YEAR)


def test_a_name_of_a_certificate_without_a_common_name(authority: Authority) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(authority.key.public_key())
        .serial_number(5)
        .not_valid_before(NOW)
        .not_valid_after(NOW + YEAR)
        .sign(authority.key, hashes.SHA256())
    )
    assert certificate_name(made) == "O=Example"


@given(data=st.binary(max_size=200) | st.just(bytes(16_400)))
def test_garbage(data: bytes) -> None:
    with pytest.raises(MalformedError):
        load_certificate(data)


@given(at=st.integers(0, 600), flip=st.integers(1, 255))
def test_damaged_certificate(authority_der: bytes, at: int, flip: int) -> None:
    damaged = bytearray(authority_der)
    damaged[at % len(damaged)] ^= flip
    try:
        certificate = load_certificate(bytes(damaged))
    except MalformedError:
        return
    whole = load_certificate(authority_der)
    said = (certificate.tbs_certificate_bytes, certificate.signature)
    if said == (whole.tbs_certificate_bytes, whole.signature):
        return  # the signature's bit string calls zero bits at its end unused: nothing else differs
    with pytest.raises(TrustError):
        validate_path([certificate], roots=[ROOT.certificate], role=Role.DEVICE, at=NOW)


ROOT = Authority()


@pytest.fixture(scope="module")
def authority_der() -> bytes:
    return certificate_der(ROOT.issue(Role.DEVICE))
