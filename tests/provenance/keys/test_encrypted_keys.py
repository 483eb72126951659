"""Key files under a passphrase: they sign with it and not without, and no kill loses a key."""

import json
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from click.testing import CliRunner

from ledger import Algorithm, Role
from provenance.cli.root import cli
from provenance.errors import KeyUnavailableError, UsageError
from provenance.keys.passphrases import MAX_SECRET, PASSPHRASE_FILE
from provenance.keys.signers import encrypt_key, generate_key, is_encrypted, load_signer, save_key
from provenance.site.actor_keys import renew_key
from provenance.site.doctor import Health, examine_site
from provenance.site.site import Site

IMAGE = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"
PASSPHRASE = "a passphrase drawn by chance, äöü"
CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Site.init(tmp_path_factory.mktemp("encrypted") / "own", name="own").folder


@pytest.fixture
def folder(pristine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(PASSPHRASE_FILE, raising=False)
    return Path(shutil.copytree(pristine, tmp_path / "own"))


@pytest.fixture
def passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "passphrase"
    path.touch(mode=0o600)
    path.write_text(f"{PASSPHRASE}\n", encoding="utf-8")
    monkeypatch.setenv(PASSPHRASE_FILE, str(path))
    return path


def now() -> datetime:
    return datetime.now(UTC)


def answer(*words: object, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(cli, [*map(str, words), "--json"], env={"RADSEAL_SITE": None})
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_a_site_with_encrypted_keys_seals(folder: Path, passphrase: Path, tmp_path: Path) -> None:
    kid = Site.open(folder).signer(Role.DEVICE).kid
    for role in ("archivist", "device", "ca"):
        found = answer("key", "encrypt", role, "--site", folder)
        assert found["file"] == str(folder / "keys" / f"{role}.key.pem")
    file = folder / "keys" / "device.key.pem"
    assert file.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Site.open(folder).signer(Role.DEVICE).kid == kid
    answer("seal", IMAGE, "-o", tmp_path / "out", "--site", folder)
    assert answer("verify", tmp_path / "out", "--site", folder)["exit_code"] == 0
    answer("key", "encrypt", "device", "--site", folder, code=2)
    answer("key", "renew", "device", "--site", folder)
    assert is_encrypted(file), "a new key in the place of an encrypted one is encrypted"
    assert Site.open(folder).signer(Role.DEVICE).kid != kid
    Site.open(folder).device().close()


def test_openssl_reads_it(folder: Path, passphrase: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")
    file = folder / "keys" / "device.key.pem"
    words = ["openssl", "pkey", "-pubout", "-in", str(file)]
    before = subprocess.run(words, check=True, capture_output=True).stdout
    answer("key", "encrypt", "device", "--site", folder)
    words += ["-passin", f"file:{passphrase}"]
    assert subprocess.run(words, check=True, capture_output=True).stdout == before


def test_the_passphrase(
    folder: Path, passphrase: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer("key", "encrypt", "device", "--site", folder)
    for content, said in (
        (b"another passphrase, as long", "does not open the key"),
        (PASSPHRASE.encode() + b"\n\n", "does not open the key"),
        (b"", "must hold one passphrase"),
        (b"\n", "must hold one passphrase"),
        (b"x" * (MAX_SECRET + 1), "must hold one passphrase"),
    ):
        passphrase.write_bytes(content)
        with pytest.raises(KeyUnavailableError, match=said) as raised:
            Site.open(folder).device()
        assert PASSPHRASE not in str(raised.value)
    passphrase.write_bytes(PASSPHRASE.encode() + b"\r\n")
    Site.open(folder).device().close()
    passphrase.unlink()
    with pytest.raises(KeyUnavailableError, match="cannot be read"):
        Site.open(folder).device()
    monkeypatch.delenv(PASSPHRASE_FILE)
    words = ["seal", str(IMAGE), "-o", str(tmp_path / "out"), "--site", str(folder)]
    refused = CliRunner().invoke(cli, words)
    assert refused.exit_code == 2
    assert "nobody is here to say its passphrase" in refused.stderr
    assert f"do:  set {PASSPHRASE_FILE}" in refused.stderr
    assert not (tmp_path / "out").exists()


def test_a_short_passphrase_encrypts_nothing(folder: Path, passphrase: Path) -> None:
    passphrase.write_text("hunter2\n")
    file = folder / "keys" / "device.key.pem"
    before = file.read_bytes()
    answer("key", "encrypt", "device", "--site", folder, code=2)
    assert file.read_bytes() == before
    assert not list((folder / "keys").glob("*.new"))


def test_it_is_asked_for_at_a_terminal(
    folder: Path, tmp_path: Path, on_a_terminal: Callable[..., str]
) -> None:
    words = ["key", "encrypt", "device", "--site", str(folder)]
    asked = on_a_terminal(words, ["one passphrase of many", "one passphrase of mans"])
    assert "the two passphrases differ" in asked
    assert not is_encrypted(folder / "keys" / "device.key.pem")
    said = on_a_terminal(words, ["one passphrase of many", "one passphrase of many"])
    assert "is encrypted" in said
    assert "of many" not in said, "what is typed is not shown"
    seal = ["seal", str(IMAGE), "-o", str(tmp_path / "out"), "--site", str(folder)]
    assert "1 sealed" in on_a_terminal(seal, ["one passphrase of many"])


def test_the_doctor_says_which_are_encrypted(
    folder: Path, passphrase: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def device() -> tuple[Health, str, str]:
        signing = [f for f in examine_site(folder, at=now()) if f.id == "signing"]
        return signing[1].health, signing[1].detail, signing[1].fix

    answer("key", "encrypt", "device", "--site", folder)
    file = folder / "keys" / "device.key.pem"
    assert device() == (Health.PASS, f"device: ED25519, {file}, encrypted: it signs", "")
    passphrase.chmod(0o644)
    assert device()[0] is Health.FAIL
    assert device()[2] == f"chmod 600 '{passphrase}'"
    monkeypatch.delenv(PASSPHRASE_FILE)
    assert device()[0] is Health.FAIL
    assert PASSPHRASE_FILE in device()[2]


def test_an_encryption_that_was_cut_off_leaves_the_key(
    folder: Path, passphrase: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "keys" / "device.key.pem"
    before = file.read_bytes()

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", cut)
        with pytest.raises(KeyboardInterrupt):
            encrypt_key(file, PASSPHRASE.encode())
    assert file.read_bytes() == before
    answer("key", "encrypt", "device", "--site", folder)
    assert is_encrypted(file)
    assert not file.with_name("device.key.pem.new").exists()


def test_killed_while_it_encrypts_no_key_is_lost(tmp_path: Path, passphrase: Path) -> None:
    files = [tmp_path / f"{number}.key.pem" for number in range(400)]
    key = generate_key(Algorithm.ED25519)
    for file in files:
        save_key(key, file)
    code = (
        "import sys; from pathlib import Path; from provenance.keys.signers import encrypt_key\n"
        "for name in sys.argv[1:]:\n"
        f"    encrypt_key(Path(name), {PASSPHRASE!r}.encode()); print(flush=True)\n"
    )
    words = [sys.executable, "-c", code, *map(str, files)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=CHECKOUT) as process:
        assert process.stdout is not None
        for _ in range(5):  # it is in the midst of it
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    encrypted = [is_encrypted(file) for file in files]
    assert 5 <= sum(encrypted) < len(files)
    assert {load_signer(file).kid for file in files} == {load_signer(files[0]).kid}
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


def test_an_older_manner_of_encrypting_is_named(tmp_path: Path) -> None:
    path = tmp_path / "old.pem"
    path.write_text(
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
        "DEK-Info: AES-128-CBC,00000000000000000000000000000000\n\nAAAA\n"
        "-----END EC PRIVATE KEY-----\n"
    )
    with pytest.raises(UsageError, match="PKCS#8"):
        load_signer(path)


def test_a_renewal_asks_for_no_short_passphrase(folder: Path, passphrase: Path) -> None:
    answer("key", "encrypt", "device", "--site", folder)
    passphrase.write_text("short\n")
    with pytest.raises(KeyUnavailableError):
        renew_key(Site.open(folder), Role.DEVICE, at=now())
    assert not list((folder / "keys").glob("*.next.*"))
