"""Keys of a site's actors: listed, added by certificate, renewed, revoked; cut off at any step."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ledger import Algorithm, RefusedError, Role
from provenance.cli.root import cli
from provenance.errors import TrustError, UsageError
from provenance.keys.signers import generate_key, load_key
from provenance.site import actor_keys
from provenance.site.actor_keys import add_key, renew_key, revoke_key
from provenance.site.site import Site
from provenance.trust.certificates import issue_role

IMAGE = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"


def now() -> datetime:
    return datetime.now(UTC)


def answer(*words: object, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(cli, [*map(str, words), "--json"], env={"RADSEAL_SITE": None})
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Site.init(tmp_path / "own", name="own")
    return tmp_path / "own"


def verdict(path: Path, folder: Path) -> str:
    found = answer("verify", path, "--site", folder, code=VERDICTS[path.parent.name])
    (word,) = found["summary"]["by_verdict"]
    return str(word)


VERDICTS = {"before": 0, "between": 0, "after": 0}


def issued(site: Site, role: Role, *, authority: Site | None = None) -> x509.Certificate:
    key = generate_key(Algorithm.ED25519)
    by = authority or site
    return issue_role(
        key.public_key(),
        name="ct 3",
        role=role,
        authority=by.authority(),
        authority_key=load_key(by.folder / "keys" / "ca.key.pem"),
        serial=7,
        valid_from=now(),
    )


def test_a_renewed_device_seals_and_what_it_sealed_before_stays(
    folder: Path, tmp_path: Path
) -> None:
    old = answer("key", "list", "--site", folder)["keys"][1]
    assert (old["role"], old["revoked"]) == ("device", None)
    answer("seal", IMAGE, "-o", tmp_path / "before", "--site", folder)
    renewed = answer("key", "renew", "device", "--site", folder)
    assert renewed["name"] == "own device 2"
    answer("seal", IMAGE, "-o", tmp_path / "between", "--site", folder)
    answer("key", "revoke", old["key"][:8], "--site", folder, code=2)
    revoked = answer(
        "key", "revoke", old["key"][:8], "--reason", "renewed", "--yes", "--site", folder
    )
    assert (revoked["key"], revoked["revoked"]) == (old["key"], 8)
    answer("seal", IMAGE, "-o", tmp_path / "after", "--site", folder)
    for name in VERDICTS:
        assert verdict(tmp_path / name / IMAGE.name, folder) == "AUTHENTIC"
    assert answer("log", "audit", "--site", folder)["ok"]
    roles = [each["role"] for each in answer("key", "list", "--site", folder)["keys"]]
    assert roles.count("device") == 2


def test_the_archivist_renews_itself_and_the_last_one_stays(folder: Path) -> None:
    site = Site.open(folder)
    first = site.signer(Role.ARCHIVIST).kid
    with pytest.raises(RefusedError, match="last archivist"):
        revoke_key(site, first, reason="", at=now())
    second = renew_key(site, Role.ARCHIVIST, at=now())
    assert site.signer(Role.ARCHIVIST).kid == second.kid != first
    revoke_key(site, first, reason="renewed", at=now())
    with site.public_log() as log:
        assert log.audit().ok


@pytest.mark.parametrize("step", ["_record", "write_whole"])
def test_a_renewal_that_was_cut_off_goes_on(
    folder: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site.open(folder)
    with monkeypatch.context() as patch:
        patch.setattr(actor_keys, step, _cut)
        with pytest.raises(KeyboardInterrupt):
            renew_key(site, Role.DEVICE, at=now())
    with site.device() as device:
        assert device.signer.kid == site.signer(Role.DEVICE).kid
    renewed = renew_key(site, Role.DEVICE, at=now())
    assert renewed.kid == site.signer(Role.DEVICE).kid
    with site.public_log() as log:
        keys = log.keys()
        assert [each.role for each in keys].count(Role.DEVICE) == 2
        assert log.audit().ok


def test_cut_off_between_certificate_and_key_nothing_is_signed(folder: Path) -> None:
    site = Site.open(folder)
    key = (folder / "keys" / "device.key.pem").read_bytes()
    renewed = renew_key(site, Role.DEVICE, at=now())
    new = (folder / "keys" / "device.key.pem").read_bytes()
    (folder / "keys" / "device.key.pem").write_bytes(key)
    (folder / "keys" / "device.next.key.pem").write_bytes(new)
    with pytest.raises(UsageError, match="cut off"):
        site.device()
    assert renew_key(site, Role.DEVICE, at=now()) == renewed
    site.device().close()


def test_a_certificate_must_be_vouched_for_in_its_role(folder: Path, tmp_path: Path) -> None:
    site = Site.open(folder)
    certificate = issued(site, Role.GATEWAY)
    with pytest.raises(TrustError):
        add_key(site, [certificate], role=Role.DEVICE, at=now())
    stranger = Site.init(tmp_path / "other", name="other")
    with pytest.raises(TrustError):
        add_key(site, [issued(site, Role.GATEWAY, authority=stranger)], role=Role.GATEWAY, at=now())
    path = tmp_path / "gateway.pem"
    path.write_bytes(certificate.public_bytes(Encoding.PEM))
    added = answer("key", "add", path, "--role", "gateway", "--site", folder)
    assert (added["name"], added["added"], added["role"]) == ("ct 3", 5, "gateway")
    with pytest.raises(RefusedError, match="added once"):
        add_key(site, [certificate], role=Role.GATEWAY, at=now())
    path.write_text("no certificate")
    answer("key", "add", path, "--role", "gateway", "--site", folder, code=2)
    answer("key", "revoke", "nobody", "--yes", "--site", folder, code=16)


def _cut(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
