"""The keys of a site's log change while images are sealed; a crash at any step is made good."""

import json
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pydicom.data
import pytest
from click.testing import CliRunner

from ledger import FIRST, Event, LogKeys, Role, StoreError, parse_note, sign_statement
from provenance import Word, seal, verify
from provenance.cli.root import cli
from provenance.errors import UsageError
from provenance.keys import log_key_files
from provenance.keys.signers import write_secret
from provenance.servers.witness_folder import WitnessFolder
from provenance.site.device import Device
from provenance.site.log_key_change import add_log_keys, retire_log_keys
from provenance.site.site import Site

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def answer(*words: object, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(cli, [*map(str, words), "--json"], env={"RADSEAL_SITE": None})
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def verdicts(*words: object) -> dict[str, int]:
    found: dict[str, int] = answer("verify", *words)["summary"]["by_verdict"]
    return found


@pytest.fixture
def own(tmp_path: Path) -> Path:
    answer("init", tmp_path / "own", "--name", "own")
    return tmp_path / "own"


@pytest.fixture
def sealed(own: Path, tmp_path: Path) -> Path:
    image = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"
    answer("seal", image, "-o", tmp_path / "sealed", "--site", own)
    return tmp_path / "sealed" / image.name


def test_what_was_sealed_before_stays_authentic(own: Path, sealed: Path) -> None:
    old = Site.open(own).log_keys()
    added = answer("log", "add-keys", "--site", own)
    assert added["signing"][:2] == [*old.vkeys]
    assert verdicts(sealed, "--site", own) == {"AUTHENTIC": 1}
    answer("log", "add-keys", "--site", own, code=2)
    retired = answer("log", "retire-keys", "--site", own)
    assert retired["signing"] == added["signing"][2:]
    assert retired["vkeys"].splitlines()[3:] == [*old.vkeys]
    assert retired["vkeys"].splitlines()[2].startswith("retired ")
    assert verdicts(sealed, "--site", own) == {"AUTHENTIC": 1}
    assert verdicts(sealed, "--trust", own / "trust") == {"AUTHENTIC": 1}
    assert answer("log", "audit", "--site", own)["ok"]
    answer("log", "retire-keys", "--site", own, code=2)
    assert [*Site.open(own).log_keys().vkeys] == retired["signing"]


def test_a_second_change_follows_the_first(own: Path, sealed: Path) -> None:
    site = Site.open(own)
    for _ in range(2):
        add_log_keys(site, at=NOW)
        retire_log_keys(site, at=NOW)
    assert answer("log", "audit", "--site", own)["ok"]
    assert verdicts(sealed, "--trust", own / "trust") == {"AUTHENTIC": 1}


def test_a_device_that_stays_open_follows(own: Path) -> None:
    """It seals before, while and after the keys change, and each seal has a receipt that holds."""
    site = Site.open(own)
    image = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"

    def signers_now(device: Device) -> set[bytes]:
        made = seal(image, device=device, profile="none").to_bytes()
        assert verify(made, trust=site.trust).word == Word.AUTHENTIC
        with site.public_log() as log:
            return set(signers(log.checkpoint()))

    with site.device() as device:
        old = signers_now(device)
        add_log_keys(site, at=NOW)
        both = signers_now(device)
        retire_log_keys(site, at=NOW)
        new = signers_now(device)
    assert old < both
    assert new == both - old


def test_cut_off_before_the_statement_it_goes_on_with_the_same_keys(own: Path) -> None:
    site = Site.open(own)
    following = LogKeys.generate(site.origin)
    write_secret(own / "keys" / "log.next.keys", following.to_bytes())
    assert len(site.log_keys().sets) == 1
    assert add_log_keys(site, at=NOW).sets[1:] == following.sets


@pytest.mark.parametrize("step", ["publish", "put_in_place"])
def test_cut_off_after_the_statement(own: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site.open(own)
    add_log_keys(site, at=NOW)
    with monkeypatch.context() as patch:
        patch.setattr(log_key_files.LogKeyFiles, step, _cut)
        with pytest.raises(KeyboardInterrupt):
            retire_log_keys(site, at=NOW)
    with site.writing_log() as log:
        assert log.audit().ok
    new = retire_log_keys(site, at=NOW)
    assert len(new.sets) == 1
    assert not (own / "keys" / "log.next.keys").exists()
    with pytest.raises(UsageError, match="begins a change"):
        retire_log_keys(site, at=NOW)
    assert answer("log", "audit", "--site", own)["ok"]
    assert "retired " in site.log_key_files.published.read_text(encoding="utf-8")


def test_cut_off_before_the_file_for_others_it_is_written_again(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site.open(own)
    with monkeypatch.context() as patch:
        patch.setattr(log_key_files.LogKeyFiles, "publish", _cut)
        with pytest.raises(KeyboardInterrupt):
            add_log_keys(site, at=NOW)
    with pytest.raises(UsageError, match="ends the change"):
        add_log_keys(site, at=NOW)
    lines = site.log_key_files.published.read_text(encoding="utf-8").split()
    assert lines == [*site.log_keys().vkeys]


def _cut(*_: object) -> None:
    raise KeyboardInterrupt


def signers(checkpoint: bytes) -> list[bytes]:
    """The ids of the keys that have signed a checkpoint."""
    return [each.key_id for each in parse_note(checkpoint).signatures]


def seal_there(server: Any, site: Site) -> list[bytes]:
    """Let a server log a seal; return who has signed the checkpoint that covers it."""
    device = site.signer(Role.DEVICE)
    with site.reading_log() as log:
        actor_link = log.actor_link(device.kid)
    statement = sign_statement(
        event=Event.SEALED,
        object_id=random.randbytes(12),
        object_link=FIRST,
        actor_link=actor_link,
        claimed_at=NOW,
        head_seen=None,
        body={},
        signer=device,
    )
    status, _, body = server.ask("POST", "/statements", statement)
    assert status == 200, body
    index = json.loads(body)["entries"][0]["index"]
    while (status := server.ask("GET", f"/receipt/{index}")[0]) == 503:
        time.sleep(0.05)
    assert status == 200
    return signers(server.ask("GET", "/checkpoint")[2])


def test_a_server_follows_a_change_without_a_restart(
    own: Path, log_server: Callable[..., Any]
) -> None:
    site = Site.open(own)
    server = log_server(own)
    first = seal_there(server, site)
    answer("log", "add-keys", "--site", own)
    both = seal_there(server, site)
    assert (both[:2], len(set(both))) == (first, 4)
    answer("log", "retire-keys", "--site", own)
    assert seal_there(server, site) == both[2:]
    status, _, health = server.ask("GET", "/health")
    assert (status, json.loads(health)["accepts"]) == (200, True)
    assert server.ask("GET", "/alarms")[0] == 200
    assert server.stop() == 0
    assert answer("log", "audit", "--site", own)["ok"]


def test_keys_that_are_not_where_they_were_sign_nothing(
    own: Path, log_server: Callable[..., Any]
) -> None:
    site = Site.open(own)
    with site.writing_log() as log:
        add_log_keys(site, at=NOW)
        hidden = own / "keys" / "log.next.keys"
        kept = hidden.read_bytes()
        hidden.unlink()
        with pytest.raises(StoreError, match="not where they were"):
            log.checkpoint()
        write_secret(hidden, kept)
        assert len(signers(log.checkpoint())) == 4


def witnesses_of(site: Site, folder: Path, witness_server: Callable[..., Any]) -> list[Any]:
    """Two witnesses that know the log's present keys, and a policy that counts one of them."""
    vkeys = site.log_key_files.published.read_text(encoding="utf-8").splitlines()
    servers, lines = [], []
    for name in ("w0", "w1"):
        made = WitnessFolder.make(folder / name, name=f"{name}.example", logs=vkeys)
        servers.append(witness_server(folder / name))
        lines.append(f"witness {name} {made.cosigner.vkeys[1]} {servers[-1].url}\n")
    policy = "".join(lines) + "group g any w0 w1\nquorum g\n"
    (site.folder / "trust" / "policy").write_text(policy, encoding="utf-8")
    return servers


def test_keys_are_not_retired_before_a_quorum_of_witnesses_knows_the_new_ones(
    own: Path, tmp_path: Path, witness_server: Callable[..., Any]
) -> None:
    site = Site.open(own)
    servers = witnesses_of(site, tmp_path, witness_server)
    signing = answer("log", "add-keys", "--site", own)["signing"]
    refused = answer("log", "retire-keys", "--site", own, code=15)
    assert "nothing was changed" in str(refused)
    assert str(refused).count("answered 403") == 2
    assert str(site.log_key_files.published) in str(refused)
    assert [*site.log_keys().vkeys] == signing
    with site.reading_log() as log:
        assert [each.last_size for each in log.key_sets] == [None, None]
    for server in servers:
        server.stop()
    refused = answer("log", "retire-keys", "--site", own, code=15)  # nobody answers
    assert "cannot be reached" in str(refused)
    assert [*site.log_keys().vkeys] == signing
    place = servers[0].url.removeprefix("http://")
    with (tmp_path / "w0" / "logs").open("a", encoding="utf-8") as logs:
        logs.write("".join(f"{each}\n" for each in signing[2:]))
    again = witness_server(tmp_path / "w0", place)
    assert answer("log", "retire-keys", "--site", own)["signing"] == signing[2:]
    with site.reading_log() as log:
        found = parse_note(log.checkpoint()).signatures
    assert [each.name for each in found] == [site.origin, site.origin, "w0.example"]
    assert answer("log", "audit", "--site", own)["ok"]
    again.stop()
