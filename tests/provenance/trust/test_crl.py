"""Revocation lists are read strictly, and only whole ones speak for a certificate."""

import json
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from hypothesis import given
from hypothesis import strategies as st
from revocation_world import Authority, make_entry, make_list

from provenance import MalformedError, Site, TrustStore, UsageError
from provenance.trust import crl
from provenance.trust.crl import parse_crl

NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "revocation" / "lists.json"
CASES: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))
BY = Authority.make("vendor", NOW)
WHOLE = make_list(
    BY,
    since=NOW,
    until=NOW + timedelta(days=9),
    entries=[make_entry(5, NOW), make_entry(6, NOW, invalid=NOW, reason="keyCompromise")],
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_vectors(case: Mapping[str, Any]) -> None:
    data, by = b64decode(case["list"]), x509.load_der_x509_certificate(b64decode(case["by"]))
    if case["malformed"]:
        with pytest.raises(MalformedError):
            parse_crl(data)
        return
    found = parse_crl(data)
    assert found.names(by)
    assert (found.why_not_by(by) is None) is case["signed"]
    assert found.why_not_by(by) == found.why_not_by(by)
    assert (found.unfit is None) is (case["unfit"] is None)
    assert (case["unfit"] or "") in (found.unfit or "").replace("limited scope", "scoped")
    revoked = {str(serial): since.isoformat() for serial, since in found.revoked.items()}
    assert revoked == case["revoked"]


def test_there_are_vectors_of_each_kind() -> None:
    assert {case["malformed"] for case in CASES} == {True, False}
    assert sum(bool(case.get("unfit")) for case in CASES) >= 6


def test_pem_is_the_same() -> None:
    pem = x509.load_der_x509_crl(WHOLE).public_bytes(serialization.Encoding.PEM)
    assert parse_crl(pem).revoked == parse_crl(WHOLE).revoked
    for data in (pem + pem, pem[:-40], b"-----BEGIN X509 CRL-----\n"):
        with pytest.raises(MalformedError):
            parse_crl(data)


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MalformedError, match="are allowed"):
        parse_crl(bytes(crl.MAX_CRL + 1))
    monkeypatch.setattr(crl, "MAX_ENTRIES", 2)
    assert len(parse_crl(WHOLE).revoked) == 2
    monkeypatch.setattr(crl, "MAX_ENTRIES", 1)
    with pytest.raises(MalformedError, match="2 entries"):
        parse_crl(WHOLE)


@pytest.mark.parametrize(
    "value", [b"", b"\x18\x0f20200101000000+", b"\x18\x0f20201301000000Z", b"\x17\x0d200101000000Z"]
)
def test_a_time_that_is_none(value: bytes) -> None:
    builder = x509.CertificateRevocationListBuilder().issuer_name(BY.certificate.subject)
    builder = builder.last_update(NOW).next_update(NOW + timedelta(days=1))
    strange = x509.UnrecognizedExtension(crl.EXPIRED_CERTS_ON_CRL, value)
    made = builder.add_extension(strange, critical=False).sign(BY.key, hashes.SHA256())
    with pytest.raises(MalformedError, match="expiredCertsOnCRL"):
        parse_crl(made.public_bytes(serialization.Encoding.DER))


def test_who_it_is_by() -> None:
    found = parse_crl(WHOLE)
    namesake = Authority.make("vendor", NOW)
    assert not found.names(namesake.certificate)  # another key identifier
    assert found.why_not_by(namesake.certificate) == "its signature does not verify"
    assert not found.names(Authority.make("other", NOW).certificate)


def test_a_folder_of_lists(tmp_path: Path) -> None:
    (tmp_path / "roots").mkdir()
    pem = BY.certificate.public_bytes(serialization.Encoding.PEM)
    (tmp_path / "roots" / "root.pem").write_bytes(pem)
    assert not TrustStore.load(tmp_path).revocations.required
    folder = tmp_path / "crls"
    folder.mkdir()
    assert TrustStore.load(tmp_path).revocations.required
    (folder / "a.crl").write_bytes(WHOLE)
    (folder / "README").write_text("fetched each Monday")
    assert [each.name for each in TrustStore.load(tmp_path).revocations.lists] == ["a.crl"]
    (folder / "b.crl").write_bytes(WHOLE[:-1])
    with pytest.raises(UsageError, match=r"b\.crl: not a certificate revocation list"):
        TrustStore.load(tmp_path)


def test_what_is_wrong_with_a_list_keeps_nobody_from_sealing(tmp_path: Path) -> None:
    site = Site.init(tmp_path / "s", name="s")
    (site.folder / "trust" / "crls").mkdir()
    (site.folder / "trust" / "crls" / "a.crl").write_bytes(b"damaged")
    assert site.own_logs.logs
    with site.device() as device:
        assert device.log.head().size
    with pytest.raises(UsageError, match="not a certificate revocation list"):
        _ = site.trust


def test_too_much_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from provenance.trust import store

    (tmp_path / "roots").mkdir()
    pem = BY.certificate.public_bytes(serialization.Encoding.PEM)
    (tmp_path / "roots" / "root.pem").write_bytes(pem)
    (tmp_path / "crls").mkdir()
    for name in "ab":
        (tmp_path / "crls" / f"{name}.crl").write_bytes(WHOLE)
    monkeypatch.setattr(store, "MAX_LISTED", 3)
    with pytest.raises(UsageError, match="together"):
        TrustStore.load(tmp_path)
    monkeypatch.setattr(store, "MAX_LISTS", 1)
    with pytest.raises(UsageError, match="2 lists"):
        TrustStore.load(tmp_path)
    monkeypatch.setattr(store, "MAX_CRL", 50)
    monkeypatch.setattr(store, "MAX_LISTS", 2)
    with pytest.raises(UsageError, match="too large"):
        TrustStore.load(tmp_path)


@given(data=st.binary(max_size=300))
def test_noise(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_crl(data)


@given(at=st.integers(0, len(WHOLE) - 1), flip=st.integers(1, 255))
def test_a_byte_changed(at: int, flip: int) -> None:
    """Whatever is still read of a list that was changed is signed by nobody."""
    damaged = bytearray(WHOLE)
    damaged[at] ^= flip
    try:
        found = parse_crl(bytes(damaged))
    except MalformedError:
        return
    assert not found.names(BY.certificate) or found.why_not_by(BY.certificate) is not None
