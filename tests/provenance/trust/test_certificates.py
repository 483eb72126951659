"""Who vouches for whom: path, role and moment all have to fit."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from ledger import Algorithm, Role
from provenance import MalformedError, TrustError
from provenance.keys.signers import generate_key
from provenance.trust.certificates import (
    certificate_der,
    certificate_name,
    issue_authority,
    issue_role,
    load_certificate,
    validate_path,
)

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
YEAR = timedelta(days=365)


class Authority:
    """A CA with its key."""

    def __init__(self, name: str = "Root") -> None:
        self.key = generate_key(Algorithm.ESP256)
        self.certificate = issue_authority(
            self.key, name=name, serial=1, valid_from=NOW, valid_until=NOW + 10 * YEAR
        )

    def issue(self, role: Role, algorithm: Algorithm = Algorithm.ED25519) -> x509.Certificate:
        return issue_role(
            generate_key(algorithm).public_key(),
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
