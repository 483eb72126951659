"""`radseal key request`, `sign-request`, `crl` and `revoke`: both ends of a device's enrolment."""

import json
import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st
from revocation_world import Authority

from ledger import Algorithm, PrivateKeySigner, Role
from provenance import Site, TrustStore, UsageError, verify
from provenance.cli.root import cli
from provenance.keys.signers import generate_key, load_key
from provenance.site.doctor import Health, examine_site
from provenance.site.enrolment import enrol, require_confirmed
from provenance.site.key_request import make_request, read_request, request_pem
from provenance.site.site_crl import Revoked, issue_list, newest_list
from provenance.trust.crl import parse_crl

IMAGE = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"
PEM = serialization.Encoding.PEM


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(cli, [*map(str, words)], env={"RADSEAL_SITE": None})
    assert result.exit_code == code, result.output
    return result.output


def answer(*words: object, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(*words, "--json", code=code))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Site.init(tmp_path / "own", name="own")
    return tmp_path / "own"


def word(path: Path, *how: object, code: int) -> str:
    (found,) = answer("verify", path, *how, code=code)["objects"]
    return str(found["verdict"])


def test_a_device_asks_and_is_granted(folder: Path, tmp_path: Path) -> None:
    csr = tmp_path / "ct-3.csr"
    asked = answer("key", "request", "device", "CT 3", "-o", csr)
    assert (asked["schema"], asked["made"]) == ("radseal/key-request/1", True)
    key = Path(asked["key"])
    assert key == tmp_path / "ct-3.key.pem"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert "PRIVATE" not in csr.read_text()

    words = ("key", "sign-request", csr, "--role", "device", "--site", folder)
    shown = run(*words, code=2)
    assert "nothing was signed: CT 3 asks to sign as device" in shown
    assert asked["fingerprint"] in shown.replace("\n", "")
    assert "another key" in run(*words, "--fingerprint", "0" * 64, code=2)
    assert "at least 32 digits" in run(*words, "--fingerprint", asked["fingerprint"][:31], code=2)
    granted = answer(*words, "--fingerprint", asked["fingerprint"][:32])
    assert (granted["schema"], granted["name"]) == ("radseal/key-sign-request/1", "CT 3")
    assert granted["key"] == asked["fingerprint"]
    again = answer(*words, "--fingerprint", asked["fingerprint"], "--force")
    assert again["added"] == granted["added"]
    assert "exists already" in run(*words, "--fingerprint", asked["fingerprint"], code=2)

    site = Site.open(folder)
    certificate = Path(granted["certificate"])
    device = tmp_path / "device"  # the device's own part of the site's folder
    shutil.copytree(folder, device, ignore=shutil.ignore_patterns("ca.key.pem"))
    shutil.copy(certificate, device / "certificates" / "device.pem")
    shutil.copy(key, device / "keys" / "device.key.pem")
    run("seal", IMAGE, "-o", tmp_path / "sealed", "--site", device)
    sealed = tmp_path / "sealed" / IMAGE.name
    assert verify(sealed, trust=site.trust).signer == "CT 3"
    assert word(sealed, "--trust", folder / "trust", code=0) == "AUTHENTIC"


def test_what_is_not_granted(folder: Path, tmp_path: Path) -> None:
    site, at = Site.open(folder), datetime.now(UTC)
    csr = tmp_path / "r.csr"
    asked = answer("key", "request", "operator", "Jo", "-o", csr, "--algorithm", "ed25519")
    words = ("key", "sign-request", csr, "--site", folder, "--fingerprint", asked["fingerprint"])
    assert "is for a operator" in run(*words, "--role", "device", code=2)
    csr.write_bytes(b"-----BEGIN CERTIFICATE REQUEST-----\n")
    assert "not a request" in run(*words, "--role", "operator", code=2)
    run("key", "request", "device", "x", "-o", csr, code=2)

    authority = PrivateKeySigner.from_private_key(load_key(folder / "keys" / "ca.key.pem"))
    device = site.signer(Role.DEVICE)
    for signer, problem in ((authority, "authority itself"), (device, "as that of a device")):
        request = read_request(make_request(signer, name="x", role=Role.OPERATOR))
        with pytest.raises(UsageError, match=problem):
            enrol(site, request, role=Role.OPERATOR, at=at)
    request = read_request(make_request(device, name="x", role=Role.DEVICE))
    run("key", "revoke", "device", "--yes", "--site", folder)
    with pytest.raises(UsageError, match="never comes again"):
        enrol(site, request, role=Role.DEVICE, at=at)


@given(told=st.text(st.sampled_from("0123456789abcdefABCDEF: "), max_size=70))
def test_only_the_fingerprint_confirms(told: str) -> None:
    signer = PrivateKeySigner.from_private_key(KEY)
    request = read_request(make_request(signer, name="x", role=Role.DEVICE))
    with pytest.raises(UsageError):
        require_confirmed(request, told)
    require_confirmed(request, request.fingerprint.upper())


KEY = generate_key(Algorithm.ED25519)


def test_a_key_that_lies_there_already(tmp_path: Path) -> None:
    key = tmp_path / "old.pem"
    first = answer("key", "request", "device", "a", "-o", tmp_path / "a.csr", "--key", key)
    content = key.read_bytes()
    again = answer("key", "request", "device", "b", "-o", tmp_path / "b.csr", "--key", key)
    assert (again["made"], again["fingerprint"]) == (False, first["fingerprint"])
    assert key.read_bytes() == content
    assert "exists already" in run(
        "key", "request", "device", "b", "-o", tmp_path / "b.csr", "--key", key, code=2
    )


def test_lists_follow_on_each_other(folder: Path, tmp_path: Path) -> None:
    site = Site.open(folder)
    first = answer("key", "crl", "--site", folder)
    assert (first["schema"], first["number"], first["entries"]) == ("radseal/key-crl/1", 1, 0)
    run("seal", IMAGE, "-o", tmp_path / "before", "--site", folder)
    sealed = tmp_path / "before" / IMAGE.name
    assert word(sealed, "--trust", folder / "trust", code=0) == "AUTHENTIC"
    device = site.folder / "certificates" / "device.pem"
    second = answer("key", "crl", "--revoke", device, "--site", folder)
    assert (second["number"], second["entries"]) == (2, 1)
    assert word(sealed, "--trust", folder / "trust", code=12) == "UNTRUSTED"
    third = answer("key", "crl", "--revoke", device, "--days", 30, "--site", folder)
    assert (third["number"], third["entries"]) == (3, 1)  # it is there already
    names = sorted(path.name for path in (folder / "trust" / "crls").iterdir())
    assert names == [f"site-00000{n}.crl" for n in (1, 2, 3)]
    assert "good until" in run("key", "crl", "--site", folder)
    found = newest_list(site)
    assert found is not None
    assert (found.number, found.entries) == (4, 1)


def test_a_list_of_another_stops_the_next(folder: Path, tmp_path: Path) -> None:
    other = Site.init(tmp_path / "other", name="other")
    run("key", "crl", "--site", folder)
    path = folder / "trust" / "crls" / "site-000001.crl"
    for content in (b"", issue(other)):
        path.write_bytes(content)
        run("key", "crl", "--site", folder, code=2)
    device = other.folder / "certificates" / "device.pem"
    path.unlink()
    output = run("key", "crl", "--revoke", device, "--site", folder, code=2)
    assert "from another authority" in output
    assert "name it" in run("key", "crl", "--since", "2026-05-01", "--site", folder, code=2)


def issue(site: Site) -> bytes:
    at = datetime.now(UTC)
    return issue_list(site, at=at, valid_until=at + timedelta(days=1)).path.read_bytes()


def test_revoked_in_the_log_alone_or_on_the_list_too(folder: Path, tmp_path: Path) -> None:
    run("seal", IMAGE, "-o", tmp_path / "a", "--site", folder)
    sealed = tmp_path / "a" / IMAGE.name
    renewed = answer("key", "renew", "device", "--site", folder)
    keys = answer("key", "list", "--site", folder)["keys"]
    old = keys[1]["key"]
    revoked = answer("key", "revoke", old, "--yes", "--site", folder)
    assert (revoked["revoked"] is None, revoked["list"]) == (False, None)
    assert not (folder / "trust" / "crls").exists()
    assert word(sealed, "--site", folder, code=0) == "AUTHENTIC"  # merely replaced

    run("seal", IMAGE, "-o", tmp_path / "b", "--site", folder)
    later = tmp_path / "b" / IMAGE.name
    run("key", "renew", "device", "--site", folder)
    words = ("key", "revoke", renewed["key"], "--yes", "--site", folder)
    run(*words, "--unlisted", "--since", "2026-05-01", code=2)
    stolen = answer(*words, "--since", "2026-05-01")
    assert (stolen["list"]["number"], stolen["list"]["entries"]) == (1, 1)
    data = (folder / "trust" / "crls" / "site-000001.crl").read_bytes()
    assert set(parse_crl(data).revoked.values()) == {datetime(2026, 5, 1, tzinfo=UTC)}
    assert word(later, "--site", folder, code=12) == "UNTRUSTED"
    assert word(sealed, "--site", folder, code=0) == "AUTHENTIC"  # of the first key
    again = answer(*words, "--since", "2026-04-01")  # it was lost earlier than was thought
    assert (again["revoked"], again["list"]["number"]) == (stolen["revoked"], 2)
    data = (folder / "trust" / "crls" / "site-000002.crl").read_bytes()
    assert set(parse_crl(data).revoked.values()) == {datetime(2026, 4, 1, tzinfo=UTC)}
    third = answer("key", "list", "--site", folder)["keys"][-1]["key"]
    listed = answer("key", "revoke", third, "--yes", "--site", folder)
    assert listed["list"]["entries"] == 3  # the site keeps a list now


def test_a_list_that_cannot_be_signed_revokes_nothing(folder: Path) -> None:
    (folder / "keys" / "ca.key.pem").unlink()
    words = ("key", "revoke", "device", "--listed", "--yes", "--site", folder)
    run(*words, code=2)
    found = answer("key", "list", "--site", folder)["keys"]
    assert all(each["revoked"] is None for each in found)


def test_a_certificate_of_another_authority_is_listed_there(folder: Path, tmp_path: Path) -> None:
    site, at = Site.open(folder), datetime.now(UTC)
    root = Authority.make("vendor", at - timedelta(days=9))
    plant = Authority.make("plant", at - timedelta(days=9), above=root)
    vendor = folder / "trust" / "roots" / "vendor.pem"
    vendor.write_bytes(root.certificate.public_bytes(PEM))
    key = tmp_path / "key.pem"
    answer("key", "request", "device", "CT 9", "-o", tmp_path / "a.csr", "--key", key)
    request = read_request((tmp_path / "a.csr").read_bytes())
    public = load_key(key).public_key()
    until = at + timedelta(days=900)
    leaf = plant.certify(public, request.name, at - timedelta(days=8), until)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(leaf.public_bytes(PEM) + plant.certificate.public_bytes(PEM))
    words = ("key", "add", chain, "--role", "device", "--key", key, "--site", folder)
    assert answer(*words)["name"] == "CT 9"
    assert [each.subject for each in site.chain(Role.DEVICE)] == [
        leaf.subject,
        plant.certificate.subject,
    ]
    run("seal", IMAGE, "-o", tmp_path / "a", "--site", folder)
    sealed = tmp_path / "a" / IMAGE.name
    assert word(sealed, "--trust", folder / "trust", code=0) == "AUTHENTIC"
    vendor.unlink()
    assert word(sealed, "--trust", folder / "trust", code=12) == "UNTRUSTED"
    words = ("key", "revoke", "CT 9", "--yes", "--site", folder)
    assert "not of this site's authority" in run(*words, "--listed", code=2)
    assert answer(*words)["list"] is None


def test_the_doctor_says_when_the_list_ends(folder: Path) -> None:
    site, at = Site.open(folder), datetime.now(UTC)

    def health(at: datetime) -> list[Health]:
        found = examine_site(folder, at=at)
        return [each.health for each in found if each.id == "revocation"]

    assert health(at) == []
    (folder / "trust" / "crls").mkdir()
    assert health(at) == [Health.FAIL]
    issue_list(site, at=at, valid_until=at + timedelta(days=90))
    assert health(at) == [Health.PASS]
    assert health(at + timedelta(days=61)) == [Health.WARN]
    assert health(at + timedelta(days=91)) == [Health.FAIL]
    (folder / "trust" / "crls" / "site-000002.crl").write_bytes(b"")
    assert Health.FAIL in [each.health for each in examine_site(folder, at=at)]


def test_nothing_is_taken_off_a_list(folder: Path) -> None:
    site, at = Site.open(folder), datetime.now(UTC)
    certificates = [site.certificate(role) for role in (Role.DEVICE, Role.OPERATOR)]
    for certificate in certificates:
        issue_list(site, at=at, valid_until=at + timedelta(1), revoked=[Revoked(certificate)])
    trust = TrustStore.load(folder / "trust")
    newest = max(trust.revocations.lists, key=lambda each: each.number or 0)
    assert newest.revoked.keys() == {each.serial_number for each in certificates}
    assert (newest.unfit, newest.number) == (None, 2)
    assert newest.expired_since == site.authority().not_valid_before_utc
    assert newest.why_not_by(site.authority()) is None
    with pytest.raises(UsageError, match="some time"):
        issue_list(site, at=at, valid_until=at)
    assert isinstance(certificates[0], x509.Certificate)
    assert request_pem(make_request(site.signer(Role.DEVICE), name="x", role=Role.DEVICE))
