"""What a verifier remembers from one object to the next lets nothing pass that would not, alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.x509 import verification
from hypothesis import given, settings
from hypothesis import strategies as st
from revocation_world import Authority

from ledger import Algorithm, Role
from provenance import Site, TrustError, TrustStore, Word, seal, verify
from provenance.claims import birth
from provenance.findings import Code
from provenance.keys.signers import generate_key
from provenance.site.site_crl import Revoked, issue_list
from provenance.trust import certificates, paths
from provenance.trust.certificates import NO_EXPIRY, certificate_der, find_path, load_certificate

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def _device(above: Authority, begin: int, end: int) -> x509.Certificate:
    key = generate_key(Algorithm.ED25519).public_key()
    return above.certify(key, "CT 3", NOW + begin * DAY, NOW + end * DAY)


def _authority(name: str, begin: int, end: int, above: Authority | None = None) -> Authority:
    return Authority.make(name, NOW + begin * DAY, above=above, until=NOW + end * DAY)


OLD, NEW, FALSE = (_authority("root", *dates) for dates in ((-90, 20), (-30, 90), (-90, 90)))
RENEWED = Authority(OLD.key, _authority("root", 5, 90, OLD).certificate)
MIDDLE = _authority("middle", -40, 15, OLD)
ROOTS = [each.certificate for each in (OLD, NEW, FALSE)]
CHAINS = [
    [_device(OLD, -50, 30)],
    [_device(NEW, -50, 100)],
    [_device(FALSE, -20, 10)],
    [_device(MIDDLE, -20, 25), MIDDLE.certificate],
    [_device(MIDDLE, -20, 25), RENEWED.certificate, MIDDLE.certificate],
    [_device(MIDDLE, -20, 25)],
]
DATES = sorted(
    {
        date
        for each in (*ROOTS, *(one for chain in CHAINS for one in chain))
        for date in (each.not_valid_before_utc, each.not_valid_after_utc)
    }
)
moments = st.builds(
    lambda date, beside: date + beside,
    st.sampled_from(DATES),
    st.sampled_from([0 * SECOND, SECOND / 2, SECOND, -SECOND / 2, -SECOND, DAY, -DAY]),
)
questions = st.tuples(
    st.sampled_from(CHAINS),
    st.lists(st.sampled_from(ROOTS), min_size=1, unique=True),
    moments,
)


@settings(max_examples=300)
@given(st.lists(questions, min_size=2, max_size=6))
def test_a_remembered_path_is_the_one_that_is_found_anew(
    asked: list[tuple[list[x509.Certificate], list[x509.Certificate], datetime]],
) -> None:
    """Whatever was asked before: other roots, other certificates, before and after every date."""
    for chain, roots, at in asked:
        try:
            anew: object = paths._path.__wrapped__(tuple(chain), tuple(roots), at)
        except verification.VerificationError:
            anew = None
        try:
            found: object = paths.verified_path(tuple(chain), tuple(roots), at)
        except verification.VerificationError:
            found = None
        assert found == anew


@given(moments)
def test_a_moment_stands_for_those_alone_at_which_the_same_certificates_are_valid(
    at: datetime,
) -> None:
    everything = (*ROOTS, *(one for chain in CHAINS for one in chain))
    stands = paths.standing_for(at, everything)
    whole = at.replace(microsecond=0)  # in which certificates count
    for each in everything:
        begin, end = each.not_valid_before_utc, each.not_valid_after_utc
        assert (begin <= stands <= end) is (begin <= whole <= end)


def test_a_trust_store_without_the_root_does_not_believe_what_another_did() -> None:
    chain = CHAINS[0]
    assert find_path(chain, roots=[OLD.certificate], role=Role.DEVICE, at=NOW)[-1] == ROOTS[0]
    others: list[list[x509.Certificate]] = [[ROOTS[2]], ROOTS[1:], []]
    for roots in others:
        with pytest.raises(TrustError):
            find_path(chain, roots=roots, role=Role.DEVICE, at=NOW)
    assert find_path(chain, roots=[OLD.certificate], role=Role.DEVICE, at=NOW)[-1] == ROOTS[0]


def test_nothing_passes_once_any_certificate_of_the_path_has_ended() -> None:
    chain = CHAINS[3]
    find_path(chain, roots=ROOTS, role=Role.DEVICE, at=NOW)
    for end in (MIDDLE.certificate, OLD.certificate, chain[0]):
        with pytest.raises(TrustError):
            find_path(chain, roots=ROOTS, role=Role.DEVICE, at=end.not_valid_after_utc + SECOND)
    find_path(chain, roots=ROOTS, role=Role.DEVICE, at=MIDDLE.certificate.not_valid_after_utc)


def test_a_path_that_was_found_for_one_role_is_none_for_another() -> None:
    find_path(CHAINS[0], roots=ROOTS, role=Role.DEVICE, at=NOW)
    with pytest.raises(TrustError, match="not that of a gateway"):
        find_path(CHAINS[0], roots=ROOTS, role=Role.GATEWAY, at=NOW)


def test_what_is_remembered_has_an_end() -> None:
    for _ in range(paths.REMEMBERED + 3):
        device = load_certificate(certificate_der(_device(OLD, -50, 30)))
        birth._key_of(device)
        find_path([device], roots=ROOTS, role=Role.DEVICE, at=NOW)
    for each in (paths._path, paths._dates, certificates.load_certificate, birth._key_of):
        kept = each.cache_info()
        assert kept.maxsize == kept.currsize == paths.REMEMBERED


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site.init(tmp_path / "site", name="hospital")


@pytest.fixture
def sealed(site: Site, make_dicom: Callable[..., bytes]) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 4096, (64, 64), dtype=np.uint16)
    with site.device() as device:
        return seal(make_dicom(pixels), device=device).to_bytes()


def test_a_certificate_revoked_between_two_verifications(site: Site, sealed: bytes) -> None:
    before = site.trust
    assert verify(sealed, trust=before).word is Word.AUTHENTIC
    now = datetime.now(UTC)
    device = site.certificate(Role.DEVICE)
    issue_list(site, at=now - SECOND, valid_until=now + DAY, revoked=[Revoked(device)])
    found = verify(sealed, trust=TrustStore.load(site.folder / "trust"))
    assert found.word is Word.UNTRUSTED
    assert Code.CERTIFICATE_REVOKED in {check.code for check in found.checks}
    # who has no list yet is told what they were told before
    assert verify(sealed, trust=before).word is Word.AUTHENTIC


def test_a_list_that_ends_between_two_verifications(site: Site, sealed: bytes) -> None:
    now = datetime.now(UTC)
    issue_list(site, at=now - SECOND, valid_until=now + DAY)
    trust = TrustStore.load(site.folder / "trust")
    assert verify(sealed, trust=trust, at=now).word is Word.AUTHENTIC
    assert verify(sealed, trust=trust, at=now + 2 * DAY).word is Word.UNTRUSTED


def test_another_trust_folder(site: Site, sealed: bytes, tmp_path: Path) -> None:
    assert verify(sealed, trust=site.trust).word is Word.AUTHENTIC
    other = Site.init(tmp_path / "other", name="hospital")
    assert verify(sealed, trust=other.trust).word is Word.UNTRUSTED
    assert verify(sealed, trust=site.trust).word is Word.AUTHENTIC


def test_certificates_that_never_end_stand_to_the_last_second() -> None:
    root = Authority.make("root", NOW - DAY)
    device = root.certify(generate_key(Algorithm.ED25519).public_key(), "x", NOW, NO_EXPIRY)
    for at in (NO_EXPIRY - SECOND, NO_EXPIRY):
        find_path([device], roots=[root.certificate], role=Role.DEVICE, at=at)
