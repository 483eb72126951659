"""A site as it lies on disk: whole or not at all, its keys for its owner only."""

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger import Algorithm, LedgerError, Role, parse_statement
from provenance import Site, TrustStore, UsageError
from provenance.keys.signers import load_signer
from provenance.trust.certificates import certificate_spki


def test_what_init_makes(tmp_path: Path) -> None:
    site = Site.init(tmp_path / "s", algorithm=Algorithm.ESP256)
    assert site == Site.open(tmp_path / "s")
    assert site.name == "s"
    keys = tmp_path / "s" / "keys"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(f.stat().st_mode) == 0o600 for f in keys.iterdir())
    with site.records().log as log:
        roles = []
        for index in range(log.size):
            statement = parse_statement(log.entry(index).statement)
            assert statement.event.value == "key-added"
            roles.append(statement.body[3])
        assert log.audit().ok
    assert roles == ["archivist", "device", "operator", "gateway", "auditor"]
    for role in (Role.DEVICE, Role.OPERATOR, Role.GATEWAY, Role.AUDITOR):
        signer = load_signer(keys / f"{role}.key.pem")
        assert certificate_spki(site.certificate(role)) == signer.spki
        assert signer.algorithm is Algorithm.ESP256


def test_never_over_something(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        Site.init(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]


@pytest.mark.parametrize("name", ["", "two words", "a/b", "x" * 41, "Klinik-Ä"])
def test_names_that_no_origin_can_hold(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="name"):
        Site.init_at_time(tmp_path / "s", name=name, algorithm=Algorithm.ED25519, at=_now())


def _now():  # type: ignore[no-untyped-def]
    from datetime import UTC, datetime

    return datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", json.dumps({"schema": "radseal/site/9", "name": "a", "origin": "b"})],
)
def test_no_site(tmp_path: Path, content: str) -> None:
    with pytest.raises(UsageError, match="radseal init"):
        Site.open(tmp_path)
    (tmp_path / "site.json").write_text(content)
    with pytest.raises(UsageError):
        Site.open(tmp_path)


def test_trust_is_never_silently_empty(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no trust"):
        TrustStore.load(tmp_path)
    (tmp_path / "roots").mkdir()
    (tmp_path / "roots" / "a.pem").write_text("not a certificate")
    with pytest.raises(UsageError, match="not a PEM"):
        TrustStore.load(tmp_path)


def test_a_bad_verifier_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.vkeys").write_text("name+00000000+AAAA\n")
    with pytest.raises(UsageError, match="verifier key"):
        TrustStore.load(tmp_path)


def test_a_short_secret_is_refused(tmp_path: Path) -> None:
    site = Site.init(tmp_path / "s")
    (tmp_path / "s" / "keys" / "mark.key").write_bytes(b"short")
    with pytest.raises(UsageError, match="32 bytes"):
        _ = site.mark_key


def test_without_its_log_nothing_of_a_site_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    with pytest.raises(LedgerError, match=r"cannot connect|psycopg"):
        Site.init(folder, ledger="postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert list(folder.iterdir()) == []
    Site.init(folder)


def test_a_key_with_the_certificate_of_another_does_not_seal(tmp_path: Path) -> None:
    site = Site.init(tmp_path / "s")
    keys, outbox = tmp_path / "s" / "keys", tmp_path / "outbox"
    with site.writing_log() as log:
        site.make_outbox(outbox, log, at=datetime.now(UTC)).close()
    (keys / "device.key.pem").write_bytes((keys / "operator.key.pem").read_bytes())
    with pytest.raises(UsageError, match="not that of its key"):
        site.device()
    with pytest.raises(UsageError, match="not that of its key"):
        site.remote_device("http://127.0.0.1:1")
    with pytest.raises(UsageError, match="not that of its key"):
        site.outbox_device(outbox)
    site.device(Role.OPERATOR).close()


@pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_bad_key_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "k.pem"
    with pytest.raises(UsageError, match="cannot be read"):
        load_signer(path)
    path.write_bytes(content)
    with pytest.raises(UsageError, match="PEM"):
        load_signer(path)
