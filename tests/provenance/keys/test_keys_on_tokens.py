"""A site whose keys lie on a token: sealed with, verified, taken away, moved to, cut off."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

import pydicom.data
import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from benchmarks.softhsm import PIN, SoftHsm
from ledger import Role
from provenance.cli.root import cli
from provenance.errors import KeyUnavailableError, UsageError
from provenance.keys.key_places import KeyPlace
from provenance.keys.signers import generate_key, load_key, public_key, save_key
from provenance.keys.token_keys import TokenSigner
from provenance.sealing.batch import Done, seal_file
from provenance.site import actor_keys
from provenance.site.actor_keys import add_key, renew_key, revoke_key
from provenance.site.doctor import Health, examine_site
from provenance.site.site import Site
from provenance.trust.certificates import certificate_spki, issue_role
from provenance.walk import walk

IMAGE = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"
_NUMBERS = count()


@dataclass(frozen=True)
class Tokened:
    """A site, a token that can be taken away, and the URI of a key on it."""

    folder: Path
    token: Path
    uri: str

    @property
    def site(self) -> Site:
        return Site.open(self.folder)

    @property
    def place(self) -> KeyPlace:
        return KeyPlace.parse(self.uri)

    def take_away(self) -> Callable[[], object]:
        """Take the token away; return what brings it back."""
        away = self.token.parent.parent / f"{self.token.name}-away"
        self.token.rename(away)
        return lambda: away.rename(self.token)


@pytest.fixture
def here(hsm: SoftHsm, tmp_path: Path) -> Tokened:
    label = f"site-{next(_NUMBERS)}"
    token = hsm.make_token(label)
    hsm.make_key(label, "P256", "seal")
    Site.init(tmp_path / "own", name="own")
    return Tokened(tmp_path / "own", token, hsm.uri(label, "seal"))


def now() -> datetime:
    return datetime.now(UTC)


def answer(*words: object, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(cli, [*map(str, words), "--json"], env={"RADSEAL_SITE": None})
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def size(site: Site) -> int:
    with site.public_log() as log:
        return log.size


def certificate(here: Tokened) -> x509.Certificate:
    return issue_role(
        public_key(here.place.signer()),
        name="ct 3",
        role=Role.DEVICE,
        authority=here.site.authority(),
        authority_key=load_key(here.folder / "keys" / "ca.key.pem"),
        serial=7,
        valid_from=now(),
    )


@pytest.mark.parametrize("kind", ["P256", "ED25519"])
def test_a_device_moves_to_a_token_and_seals(
    hsm: SoftHsm, here: Tokened, tmp_path: Path, kind: str
) -> None:
    token = here.place.where.token[0][1]  # type: ignore[union-attr]
    hsm.make_key(token, kind, "other", key_id=2)
    before = answer("key", "list", "--site", here.folder)["keys"]
    uri = hsm.uri(token, "other")
    renewed = answer("key", "renew", "device", "--key", uri, "--site", here.folder)
    assert renewed["algorithm"] == {"P256": "ESP256", "ED25519": "ED25519"}[kind]
    after = answer("key", "list", "--site", here.folder)["keys"]
    assert after[:-1] == before
    assert after[-1]["name"] == "own device 2"
    device = [path.name for path in (here.folder / "keys").glob("device.*")]
    assert device == ["device.key.uri"], "and no private key in the folder"
    answer("seal", IMAGE, "-o", tmp_path / "out", "--site", here.folder)
    found = answer("verify", tmp_path / "out", "--site", here.folder)
    assert found["summary"]["by_verdict"] == {"AUTHENTIC": 1}
    assert answer("log", "audit", "--site", here.folder)["ok"]


def test_without_its_token_nothing_is_sealed_and_nothing_logged(
    here: Tokened, tmp_path: Path
) -> None:
    renew_key(here.site, Role.DEVICE, at=now(), place=here.place)
    image = Path(shutil.copy(IMAGE, tmp_path / "image.dcm"))
    entries = size(here.site)
    back = here.take_away()
    words = ["seal", str(image), "-o", str(tmp_path / "out"), "--site", str(here.folder)]
    refused = CliRunner().invoke(cli, words, env={"RADSEAL_SITE": None})
    assert refused.exit_code == 2
    assert refused.stderr.startswith("radseal: the key cannot sign\n  why: the token (token site-")
    assert "is not there\n  do:  put it in" in refused.stderr
    assert image.read_bytes() == IMAGE.read_bytes()
    assert not (tmp_path / "out").exists()
    assert size(here.site) == entries
    back()
    answer(*words)
    assert size(here.site) == entries + 1
    assert answer("verify", tmp_path / "out", "--site", here.folder)["exit_code"] == 0


def test_a_token_that_goes_in_the_middle_of_a_run(here: Tokened, tmp_path: Path) -> None:
    renew_key(here.site, Role.DEVICE, at=now(), place=here.place)
    (file,) = walk([IMAGE]).files
    with here.site.device() as device:

        def sealed(name: str) -> tuple[Done, Exception | None]:
            done = seal_file(
                file, tmp_path / name, device=device, profile=None, at=now(), overwrite=False
            )
            return done.done, done.error

        assert sealed("1") == (Done.SEALED, None)
        entries = size(here.site)
        back = here.take_away()
        done, error = sealed("2")
        assert done is Done.REFUSED
        assert isinstance(error, KeyUnavailableError)
        assert not (tmp_path / "2").exists()
        assert size(here.site) == entries
        back()
        assert sealed("2") == (Done.SEALED, None)


def test_an_archivist_on_a_token(here: Tokened) -> None:
    first = here.site.signer(Role.ARCHIVIST).kid
    renewed = renew_key(here.site, Role.ARCHIVIST, at=now(), place=here.place)
    assert here.site.signer(Role.ARCHIVIST).kid == renewed.kid
    revoke_key(here.site, first, reason="moved", at=now())
    back = here.take_away()
    entries = size(here.site)
    with pytest.raises(KeyUnavailableError, match="is not there"):
        renew_key(here.site, Role.DEVICE, at=now())
    assert size(here.site) == entries
    back()
    renew_key(here.site, Role.DEVICE, at=now())  # what was cut off goes on
    with here.site.public_log() as log:
        assert log.audit().ok


def test_a_vendors_certificate_for_the_key_on_the_token(here: Tokened, tmp_path: Path) -> None:
    path = tmp_path / "ct-3.pem"
    path.write_bytes(certificate(here).public_bytes(Encoding.PEM))
    words = ("key", "add", path, "--role", "device", "--site", here.folder)
    added = answer(*words)  # known to the log first, used later: the same end
    assert answer(*words, "--key", here.uri) == added
    assert answer(*words, "--key", here.uri) == added
    answer(*words, code=15)
    assert certificate_spki(here.site.certificate(Role.DEVICE)) == here.place.signer().spki
    answer("seal", IMAGE, "-o", tmp_path / "out", "--site", here.folder)
    assert answer("verify", tmp_path / "out", "--site", here.folder)["exit_code"] == 0


def test_what_is_not_used(hsm: SoftHsm, here: Tokened, tmp_path: Path) -> None:
    issued = certificate(here)
    entries = size(here.site)
    save_key(generate_key(here.site.signer(Role.DEVICE).algorithm), tmp_path / "other.pem")
    other = KeyPlace(tmp_path / "other.pem")
    for place, chain, role, said in (
        (other, [issued], Role.DEVICE, "not that of the certificate"),
    ):
        with pytest.raises(UsageError, match=said):
            add_key(here.site, chain, role=role, at=now(), place=place)
    inside = KeyPlace(here.folder / "keys" / "operator.key.pem")
    with pytest.raises(UsageError, match="knows this key already"):
        renew_key(here.site, Role.DEVICE, at=now(), place=inside)
    back = here.take_away()
    with pytest.raises(KeyUnavailableError):
        renew_key(here.site, Role.DEVICE, at=now(), place=here.place)
    back()
    assert size(here.site) == entries
    assert not list((here.folder / "keys").glob("*.next.*"))
    add_key(here.site, [issued], role=Role.DEVICE, at=now())
    revoke_key(here.site, here.place.signer().kid, reason="lost", at=now())
    with pytest.raises(UsageError, match="revoked"):
        add_key(here.site, [issued], role=Role.DEVICE, at=now(), place=here.place)
    answer("key", "renew", "device", "--key", "keys/a.pem", "--site", here.folder, code=2)
    pin = here.uri.partition("?")[0] + "?pin-value=5678"
    refused = CliRunner().invoke(
        cli, ["key", "renew", "device", "--key", pin, "--site", str(here.folder)]
    )
    assert refused.exit_code == 2
    assert "must not hold a PIN" in refused.stderr


def test_the_pin_is_asked_for_at_a_terminal(
    here: Tokened, tmp_path: Path, on_a_terminal: Callable[[list[str], list[str]], str]
) -> None:
    uri = here.uri.partition("&")[0]
    renew_key(here.site, Role.DEVICE, at=now(), place=here.place)
    (here.folder / "keys" / "device.key.uri").write_text(uri)
    words = ["seal", str(IMAGE), "-o", str(tmp_path / "out"), "--site", str(here.folder)]
    assert "does not accept the PIN" in on_a_terminal(words, ["9999"])
    shown = on_a_terminal(words, [PIN])
    assert "PIN of the token (token site-" in shown
    assert "1 sealed" in shown
    assert shown.splitlines()[0].endswith("): "), "what is typed is not shown"


def test_radseal_makes_no_key_on_a_token(here: Tokened) -> None:
    renew_key(here.site, Role.DEVICE, at=now(), place=here.place)
    with pytest.raises(UsageError, match="give it with --key"):
        renew_key(here.site, Role.DEVICE, at=now())


def test_from_the_token_to_a_file_elsewhere(here: Tokened, tmp_path: Path) -> None:
    renew_key(here.site, Role.DEVICE, at=now(), place=here.place)
    elsewhere = tmp_path / "elsewhere.pem"
    save_key(generate_key(here.place.signer().algorithm), elsewhere)
    answer("key", "renew", "device", "--key", elsewhere, "--site", here.folder)
    assert here.site.signer(Role.DEVICE).kid != here.place.signer().kid
    here.site.device().close()
    elsewhere.chmod(0o644)
    (found,) = (f for f in examine_site(here.folder, at=now()) if f.health is Health.FAIL)
    assert f"others may read {elsewhere}" in found.detail


@pytest.mark.parametrize("step", ["_record", "write_whole"])
def test_a_move_that_was_cut_off_goes_on(
    here: Tokened, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(actor_keys, step, _cut)
        with pytest.raises(KeyboardInterrupt):
            renew_key(here.site, Role.DEVICE, at=now(), place=here.place)
    here.site.device().close()
    renewed = renew_key(here.site, Role.DEVICE, at=now())
    assert renewed.kid == here.place.signer().kid == here.site.signer(Role.DEVICE).kid


@pytest.mark.parametrize("replaced", [0, 1, 2])
def test_cut_off_before_any_file_is_replaced(
    here: Tokened, replaced: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, done = Path.replace, count()

    def some(path: Path, target: Path) -> Path:
        return _cut() if next(done) == replaced else replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", some)
        with pytest.raises(KeyboardInterrupt):
            renew_key(here.site, Role.DEVICE, at=now(), place=here.place)
    renewed = renew_key(here.site, Role.DEVICE, at=now(), place=here.place)
    assert renewed.kid == here.place.signer().kid == here.site.signer(Role.DEVICE).kid
    with here.site.public_log() as log:
        keys = log.keys()
        assert log.audit().ok
    assert [each.role for each in keys].count(Role.DEVICE) == 2


def test_cut_off_when_the_old_key_is_gone(here: Tokened, tmp_path: Path) -> None:
    renewed = renew_key(here.site, Role.DEVICE, at=now(), place=here.place)
    keys = here.folder / "keys"
    (keys / "device.key.uri").rename(keys / "device.next.key.uri")
    with pytest.raises(UsageError, match="radseal key renew device ends it"):
        here.site.device()
    save_key(generate_key(renewed.algorithm), tmp_path / "other.pem")
    with pytest.raises(UsageError, match="another key was cut off"):
        renew_key(here.site, Role.DEVICE, at=now(), place=KeyPlace(tmp_path / "other.pem"))
    assert renew_key(here.site, Role.DEVICE, at=now(), place=here.place) == renewed
    here.site.device().close()


def test_two_places_are_none(here: Tokened) -> None:
    (here.folder / "keys" / "device.key.uri").write_text(here.uri)
    with pytest.raises(UsageError, match="only one can be the key"):
        here.site.device()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "one line"),
        (b"device.key.pem\n", "neither a pkcs11: URI nor an absolute path"),
        (b"pkcs11:token=a;object=b?pin-value=1", "must not hold a PIN"),
        (b"/a\n/b\n", "one line"),
        (b"/a" * 4000, "one line"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_uri_files_that_name_no_key(here: Tokened, content: bytes, said: str) -> None:
    (here.folder / "keys" / "device.key.pem").unlink()
    (here.folder / "keys" / "device.key.uri").write_bytes(content)
    with pytest.raises(UsageError, match=said):
        here.site.signer(Role.DEVICE)


def test_the_doctor_says_where_keys_lie(hsm: SoftHsm, here: Tokened) -> None:
    def device() -> tuple[Health, str, str]:
        signing = [f for f in examine_site(here.folder, at=now()) if f.id == "signing"]
        return signing[1].health, signing[1].detail, signing[1].fix

    file = here.folder / "keys" / "device.key.pem"
    assert device() == (Health.PASS, f"device: ED25519, {file}, plain: it signs", "")
    renew_key(here.site, Role.DEVICE, at=now(), place=here.place)
    assert isinstance(here.site.signer(Role.DEVICE), TokenSigner)
    label = here.place.where.token[0][1]  # type: ignore[union-attr]
    words = f"device: ESP256, on the token (token {label}), object seal: it signs"
    assert device() == (Health.PASS, words, "")
    pin = hsm.folder / "pin"
    pin.chmod(0o640)
    assert device()[0] is Health.FAIL
    assert device()[2] == f"chmod 600 '{pin}'"
    pin.chmod(0o600)
    back = here.take_away()
    health, detail, fix = device()
    assert (health, detail) == (Health.FAIL, f"device: the token (token {label}) is not there")
    assert fix.startswith("put it in")
    back()
    assert device()[0] is Health.PASS


def test_the_doctor_warns_of_a_key_that_can_leave(hsm: SoftHsm, here: Tokened) -> None:
    label = here.place.where.token[0][1]  # type: ignore[union-attr]
    hsm.make_key(label, "OPEN", "open", key_id=3)
    renew_key(here.site, Role.DEVICE, at=now(), place=KeyPlace.parse(hsm.uri(label, "open")))
    (warned,) = (f for f in examine_site(here.folder, at=now()) if f.health is Health.WARN)
    assert "gives the key away" in warned.detail


def _cut(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


@pytest.mark.parametrize("kind", ["P256", "ED25519"])
def test_a_key_on_a_token_asks_is_granted_and_used(
    hsm: SoftHsm, here: Tokened, tmp_path: Path, kind: str
) -> None:
    token = here.place.where.token[0][1]  # type: ignore[union-attr]
    hsm.make_key(token, kind, "asking", key_id=3)
    uri, csr = hsm.uri(token, "asking"), tmp_path / "ct.csr"
    asked = answer("key", "request", "device", "CT 3", "-o", csr, "--key", uri)
    assert (asked["made"], "PRIVATE" in csr.read_text()) == (False, False)
    words = ("key", "sign-request", csr, "--role", "device", "--site", here.folder)
    granted = answer(*words, "--fingerprint", asked["fingerprint"])
    before = size(here.site)
    words = ("key", "add", granted["certificate"], "--role", "device", "--site", here.folder)
    used = answer(*words, "--key", uri)
    assert (used["key"], size(here.site)) == (granted["key"], before), "it is logged once"
    answer("seal", IMAGE, "-o", tmp_path / "out", "--site", here.folder)
    found = answer("verify", tmp_path / "out", "--site", here.folder)
    assert found["objects"][0]["signer"] == "CT 3"
    answer("key", "revoke", "own device", "--unlisted", "--yes", "--site", here.folder)
    assert answer("verify", tmp_path / "out", "--site", here.folder)["exit_code"] == 0
