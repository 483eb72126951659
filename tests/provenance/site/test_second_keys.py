"""Second keys of a site: made, renewed, encrypted, lost; what command and JSON say of them."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import mldsa
from hypothesis import given
from hypothesis import strategies as st

from ledger import Role
from provenance import Site, UsageError, seal, verify
from provenance.claims.second_signature import SecondSignature
from provenance.cli.root import cli
from provenance.errors import MalformedError
from provenance.judging.verdict import Word
from provenance.site import actor_keys
from provenance.site.actor_keys import renew_key
from provenance.site.second_keys import SecondKeyWish, second_certificate_file, second_key_file
from provenance.trust.second_demand import SecondDemand, demand

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
    Site.init(tmp_path / "own", name="own", hybrid=True)
    return tmp_path / "own"


def word(data: bytes, folder: Path) -> Word:
    site = Site.open(folder)
    records = site.records()
    with records.log:
        return verify(data, trust=site.trust, records=records).word


def sealed(folder: Path) -> bytes:
    with Site.open(folder).device() as device:
        return seal(IMAGE, device=device).to_bytes()


def test_what_init_makes(folder: Path) -> None:
    names = {str(p.relative_to(folder)) for p in folder.rglob("*second*")}
    assert names == {
        "keys/device.second.key.pem",
        "keys/ca.second.key.pem",
        "certificates/device.second.pem",
        "trust/roots/site.second.pem",
        "trust/second-signatures",
    }
    if os.name == "posix":
        modes = {p.stat().st_mode & 0o777 for p in (folder / "keys").glob("*second*")}
        assert modes == {0o600}
    site = Site.open(folder)
    demanded = site.trust.second
    assert demanded == SecondDemand(frozenset({site.signer(Role.DEVICE).kid}))
    with site.device(Role.GATEWAY) as gateway:
        assert gateway.second is None


def test_an_ordinary_site_has_none(site: Site) -> None:
    assert not list(site.folder.rglob("*second*"))


def test_the_commands(tmp_path: Path) -> None:
    folder, made = tmp_path / "own", tmp_path / "sealed"
    assert answer("init", folder, "--hybrid")["hybrid"] is True
    answer("seal", IMAGE, "-o", made, "--site", folder)
    file = made / IMAGE.name
    (found,) = answer("verify", file, "--trust", folder / "trust")["objects"]
    second = found["second_signature"]
    assert second | {"key": None} == {
        "state": "trusted",
        "demanded": True,
        "algorithm": "ML-DSA-65",
        "key": None,
        "signer": "own device",
        "authority": "CN=own CA ML-DSA",
    }
    shown = answer("inspect", file)
    assert shown["statement"]["second_key_id"] == second["key"]
    assert [c["subject"] for c in shown["certificates"]] == ["own device"] * 2
    assert shown["annex"]["second_signature"].endswith(" bytes")
    lines = answer("doctor", "--site", folder)["findings"]
    assert any("ML-DSA-65 beside it" in each["detail"] for each in lines)


def test_renewed_both_are_new(folder: Path) -> None:
    before, old = sealed(folder), second_key_file(folder, Role.DEVICE).read_bytes()
    renew_key(Site.open(folder), Role.DEVICE, at=now())
    assert second_key_file(folder, Role.DEVICE).read_bytes() != old
    after = sealed(folder)
    assert [word(each, folder) for each in (before, after)] == [Word.AUTHENTIC] * 2
    assert len(Site.open(folder).trust.second.kids) == 2


def test_from_one_key_to_two_and_back(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    Site.init(folder, name="own")
    classical = sealed(folder)
    answer("key", "renew", "device", "--hybrid", "--site", folder)
    hybrid = sealed(folder)
    assert len(hybrid) > len(classical) + 8000
    answer("key", "renew", "device", "--classical", "--site", folder)
    again = sealed(folder)
    assert len(again) < len(classical) + 500
    everything = (classical, hybrid, again)
    assert [word(each, folder) for each in everything] == [Word.AUTHENTIC] * 3
    answer("key", "renew", "operator", "--hybrid", "--site", folder, code=2)


@pytest.mark.parametrize("step", ["follow_with_second", "write_whole"])
@pytest.mark.parametrize("wish", [SecondKeyWish.AS_BEFORE, SecondKeyWish.WITHOUT])
def test_a_renewal_that_was_cut_off_seals_nothing_until_it_ends(
    step: str, wish: SecondKeyWish, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = getattr(actor_keys, step)

    def cut_off(*words: Any, **more: Any) -> None:
        if step == "follow_with_second":
            done(*words, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(actor_keys, step, cut_off)
        with pytest.raises(KeyboardInterrupt):
            renew_key(Site.open(folder), Role.DEVICE, at=now(), second=wish)
    with pytest.raises(UsageError, match="key renew device"):
        sealed(folder)
    renew_key(Site.open(folder), Role.DEVICE, at=now(), second=wish)
    assert word(sealed(folder), folder) is Word.AUTHENTIC


@pytest.mark.parametrize("lost", ["key", "certificate", "both"])
def test_without_its_second_key_the_device_seals_nothing(lost: str, folder: Path) -> None:
    if lost != "certificate":
        second_key_file(folder, Role.DEVICE).unlink()
    if lost != "key":
        second_certificate_file(folder, Role.DEVICE).unlink()
    with pytest.raises(UsageError):
        sealed(folder)
    assert answer("doctor", "--site", folder, code=2)["problems"] > 0


def test_a_second_key_of_another(folder: Path) -> None:
    key = mldsa.MLDSA65PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    second_key_file(folder, Role.DEVICE).write_bytes(pem)
    with pytest.raises(UsageError, match="do not belong together"):
        sealed(folder)
    second_key_file(folder, Role.DEVICE).write_bytes(
        (folder / "keys" / "device.key.pem").read_bytes()
    )
    with pytest.raises(UsageError, match="holds no ML-DSA-65 key"):
        sealed(folder)


def test_encrypted(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "passphrase"
    source.write_bytes(b"drawn by chance, not at all")
    monkeypatch.setenv("RADSEAL_KEY_PASSPHRASE_FILE", str(source))
    for name in ("device.second", "ca.second"):
        answer("key", "encrypt", name, "--site", folder)
    assert b"ENCRYPTED" in second_key_file(folder, Role.DEVICE).read_bytes()
    assert word(sealed(folder), folder) is Word.AUTHENTIC
    renew_key(Site.open(folder), Role.DEVICE, at=now())
    assert b"ENCRYPTED" in second_key_file(folder, Role.DEVICE).read_bytes()
    assert word(sealed(folder), folder) is Word.AUTHENTIC
    monkeypatch.delenv("RADSEAL_KEY_PASSPHRASE_FILE")
    answer("seal", IMAGE, "-o", tmp_path / "out", "--site", folder, code=2)


def test_kept_in_an_outbox(folder: Path, tmp_path: Path) -> None:
    answer("outbox", "init", tmp_path / "outbox", "--site", folder)
    words = ("--outbox", tmp_path / "outbox", "--site", folder)
    answer("seal", IMAGE, "-o", tmp_path / "out", *words)
    answer("outbox", "sync", tmp_path / "outbox", "--site", folder)
    site = Site.open(folder)
    records = site.records()
    with records.log:
        found = verify(tmp_path / "out" / IMAGE.name, trust=site.trust, records=records)
    assert found.word is Word.AUTHENTIC
    assert found.second is not None


KID = "ab" * 32


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", SecondDemand()),
        ("# nobody\n\n", SecondDemand()),
        (f"{KID}\n", SecondDemand(frozenset({bytes.fromhex(KID)}))),
        (f"  {KID}\r\n*\n", SecondDemand(frozenset({bytes.fromhex(KID)}), every=True)),
    ],
)
def test_the_file_of_demands(text: str, meant: SecondDemand) -> None:
    assert SecondDemand.parse(text) == meant


@pytest.mark.parametrize(
    "line", [KID[:-1], KID + "0", KID.upper(), "**", "all", f"{KID} {KID}", ";"]
)
def test_a_line_that_is_none_makes_the_folder_unusable(
    line: str, folder: Path, tmp_path: Path
) -> None:
    file = folder / "trust" / "second-signatures"
    file.write_text(f"{KID}\n{line}\n")
    with pytest.raises(UsageError, match="line 2"):
        _ = Site.open(folder).trust
    answer("verify", IMAGE, "--trust", folder / "trust", code=2)


@pytest.mark.parametrize("content", [b"\xff" * 64, b"#" * (1 << 20) + b"#"])
def test_no_text_no_trust(content: bytes, folder: Path) -> None:
    (folder / "trust" / "second-signatures").write_bytes(content)
    with pytest.raises(UsageError, match="second-signatures"):
        _ = Site.open(folder).trust


@given(text=st.text(alphabet="0123456789abcdefABC*# \n\r", max_size=200))
def test_any_text(text: str) -> None:
    try:
        found = SecondDemand.parse(text)
    except UsageError:
        return
    lines = {each.strip() for each in text.split("\n")}
    assert found.every is ("*" in lines)
    assert {kid.hex() for kid in found.kids} <= lines


def test_a_demand_is_added_once_and_keeps_what_is_there(tmp_path: Path) -> None:
    file = tmp_path / "second-signatures"
    file.write_text("# ours\n*")
    for _ in range(2):
        demand(file, bytes.fromhex(KID))
    assert file.read_text() == f"# ours\n*\n{KID}\n"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 9) | st.binary(max_size=9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


@given(found=VALUES)
def test_any_field_of_the_annex(found: object) -> None:
    try:
        second = SecondSignature.from_cbor(found)
    except MalformedError:
        return
    assert second.to_cbor() == found


@pytest.mark.parametrize(
    "found",
    [
        [b"", [b"c"]],
        [b"s" * 4097, [b"c"]],
        [b"s", []],
        [b"s", [b"c"] * 9],
        [b"s", [b""]],
        [b"s", [b"c" * 16_385]],
        [b"s", [b"c"], None],
        ["s", [b"c"]],
        [b"s", [1]],
    ],
)
def test_outside_its_bounds(found: object) -> None:
    with pytest.raises(MalformedError):
        SecondSignature.from_cbor(found)
