"""The audit trail of the service, and of those who decide: a real rsyslog hears them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rsyslog_receiver import Certificates, Rsyslog, rsyslog_missing, wait_for
from service_world import altered, archive_table, audit_table
from stow_world import STUDY, image, parts, store, uid_of
from wado_world import ONE, get, hostile, http

from ledger import Role
from provenance.cli.root import cli
from provenance.pacs.arrivals import State
from provenance.pacs.custody.writer import CustodyWriter

__all__ = ["image"]


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Rsyslog]:
    """A receiver that was not started yet."""
    if rsyslog_missing():
        pytest.skip(rsyslog_missing())
    receiver = Rsyslog(tmp_path / "rsyslog", Certificates(tmp_path / "certificates"))
    yield receiver
    receiver.stop(kill=True)


def of(lines: list[str], *words: str) -> list[str]:
    """Return the messages in which all of the words stand."""
    return [line for line in lines if all(word in line for word in words)]


def test_a_collector_hears_what_comes_goes_and_is_decided(
    run_service: Callable[..., Any], collector: Rsyslog, image: Any
) -> None:
    collector.start()
    sealed, plain, bad = image(1, sealed=True), image(2), altered(image(3, sealed=True))
    multipart = 'multipart/related; type="application/dicom"; boundary=radseal'
    with hostile(lambda _asked: http(200, parts(bad), multipart)) as port:
        running = run_service(archives=audit_table(collector) + archive_table(web=port))
        assert store(running, parts(sealed, plain, bad)).status_code == 202
        assert get(running, ONE + uid_of(sealed)).status_code == 200
        assert get(running, ONE + uid_of(bad)).status_code == 403
        (running.spool / "persons").write_text("1\n")
        (kept,) = running.ask("GET", "/objects?state=quarantined").json()["objects"]
        words = json.dumps({"person": "on duty", "reason": "the sender was asked"}).encode()
        done = running.ask("POST", f"/objects/{kept['number']}/reject", words)
        assert done.status_code == 200
        assert running.server.stop() == 0
    wait_for(lambda: of(collector.lines(), "110121"), "it hears of the end")
    lines = collector.lines()
    assert all("radseal-service@" in line for line in lines)
    assert len(of(lines, "110120")) == 1
    (received,) = of(lines, 'EventActionCode="C"', "110104")
    assert STUDY in received
    (verified,) = of(lines, 'csd-code="verified"')
    assert "1 ALTERED, 1 AUTHENTIC, 1 " in verified
    assert len(of(lines, 'csd-code="quarantined"')) == 1
    assert len(of(lines, 'csd-code="refused"')) == 1
    (given,) = of(lines, 'EventActionCode="R"', "110104")
    assert "1 AUTHENTIC" in given
    assert "127.0.0.1" in given
    assert len(of(lines, 'csd-code="altered"', "when a reader asked for it")) == 1
    (rejected,) = of(lines, 'csd-code="rejected"')
    assert "on duty" in rejected
    assert "the sender was asked" in rejected
    text = "".join(lines)
    assert all(name not in text for name in ("Test^Phantom", "P-1"))


@pytest.fixture
def config(door: Any, tmp_path: Path, collector: Rsyslog) -> Path:
    file = tmp_path / "radseal-gateway.toml"
    head = f'version = 1\nsite = "{door.site.folder}"\npolicy = "policy.toml"\n'
    head += f'spool = "{door.spool.folder}"\n[listen]\nae_title = "RADSEAL"\nport = 0\n'
    file.write_text(head + audit_table(collector) + archive_table())
    return file


def decide(config: Path, name: str, *words: object, code: int = 0) -> None:
    line = ["quarantine", name, *map(str, words), "--config", str(config)]
    result = CliRunner().invoke(cli, line, catch_exceptions=False)
    assert result.exit_code == code, result.output


def test_a_collector_hears_who_has_decided(
    door: Any, config: Path, collector: Rsyslog, unsealed: bytes
) -> None:
    collector.start()
    first, second = door.take(unsealed, "SEALS"), door.take(unsealed + b"\0\0", "SEALS")
    decide(config, "release", first.number, "--reason", "CT 3 was serviced")
    assert collector.lines() == []  # nothing is decided yet
    decide(config, "confirm", first.number, code=2)
    decide(config, "confirm", first.number, "--as", "archivist")
    wait_for(collector.lines, "it hears of the release")
    (released,) = collector.lines()
    assert 'csd-code="released"' in released
    assert released.count("<ActiveParticipant") == 2
    assert "operator, key" in released
    assert "archivist, key" in released
    assert "STRIPPED: CT 3 was serviced" in released
    (door.spool.folder / "persons").write_text("1\n")
    decide(config, "reject", second.number, "--alone", "--reason", "sent twice")
    wait_for(lambda: len(collector.lines()) == 2, "it hears of the rejection")
    assert of(collector.lines(), 'csd-code="rejected"', "STRIPPED: sent twice")


def test_a_collector_hears_who_has_purged(
    door: Any, config: Path, collector: Rsyslog, unsealed: bytes
) -> None:
    collector.start()
    number = door.take(unsealed, "SEALS").number
    decide(config, "reject", number, "--reason", "sent twice")
    decide(config, "confirm", number, "--as", "archivist")
    with door.site.device(Role.GATEWAY) as gateway:
        while CustodyWriter(door.spool.custody, gateway).write():
            pass
    days = 41 * 86_400_000
    door.spool._database.execute("update custody set at = at - ?", (days,))
    decide(config, "purge", "--older-than", 40, "--dry-run")
    decide(config, "purge", "--older-than", 40, "--reason", "a month is enough")
    wait_for(lambda: len(collector.lines()) == 2, "it hears of the purge")
    (purged,) = of(collector.lines(), 'csd-code="purged"', 'EventActionCode="D"', "110103")
    assert "STRIPPED, rejected before: a month is enough" in purged
    assert 'ParticipantObjectDataLifeCycle="15"' in purged
    assert "operator, key" in purged


def test_decisions_wait_for_a_collector_and_nobody_waits_for_it(
    door: Any, config: Path, collector: Rsyslog, unsealed: bytes
) -> None:
    kept = [door.take(unsealed + bytes(2 * n), "SEALS").number for n in range(2)]
    (door.spool.folder / "persons").write_text("1\n")
    decide(config, "reject", kept[0], "--alone", "--reason", "first")
    assert door.spool.object(kept[0]).state is State.REJECTED
    collector.start()
    decide(config, "reject", kept[1], "--alone", "--reason", "second")
    wait_for(lambda: len(collector.lines()) == 2, "it hears of both")
    assert [("first" in line, "second" in line) for line in collector.lines()] == [
        (True, False), (False, True),
    ]  # fmt: skip


def test_files_that_cannot_be_used_let_nothing_be_decided(
    door: Any, config: Path, collector: Rsyslog, unsealed: bytes
) -> None:
    kept = door.take(unsealed, "SEALS")
    (door.spool.folder / "persons").write_text("1\n")
    collector.certificates.ca.write_text("none")
    decide(config, "reject", kept.number, "--alone", "--reason", "x", code=2)
    assert door.spool.object(kept.number).state is State.QUARANTINED
