"""Sealing while the log cannot be reached: custody is pending, never proven by accident."""

import json
import shutil
import stat
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pydicom
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric import ed25519

from ledger import (
    FIRST,
    Event,
    PrivateKeySigner,
    Role,
    Submission,
    key_added_body,
    parse_statement,
    sign_statement,
)
from provenance import Outcome, Site, Word, seal, verify
from provenance.cli.root import cli
from provenance.cli.session import Session
from provenance.dicom.carrier import read_carrier

NEEDED = (
    *("site.json", "trust", "certificates/device.pem"),
    *("keys/device.key.pem", "keys/lookup.key", "keys/mark.key"),
)


class Offline:
    """An archive with the log, and a modality with an outbox that was made while it was there."""

    def __init__(self, folder: Path, make_dicom: Callable[..., bytes]) -> None:
        self.folder, self.make_dicom = folder, make_dicom
        self.archive = Site.init(folder / "archive", name="here")
        for name in NEEDED:
            source, target = self.archive.folder / name, folder / "modality" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        self.outbox, self.sealed = folder / "outbox", folder / "sealed"

    def run(self, *words: object, site: str = "archive", code: int = 0) -> Result:
        named = ["--site", str(self.folder / site)]
        result = CliRunner().invoke(cli, [*map(str, words), *named])
        assert result.exit_code == code, result.output
        return result

    def init(self) -> None:
        self.run("outbox", "init", self.outbox)
        key = self.folder / "modality/keys/outbox.key"
        shutil.copy(self.archive.folder / "keys/outbox.key", key)

    def seal(self, *names: str) -> list[Path]:
        (self.folder / "in").mkdir(exist_ok=True)
        for name in names:
            (self.folder / "in" / name).write_bytes(self.make_dicom())
        inputs = [self.folder / "in" / name for name in names]
        self.run("seal", *inputs, "-o", self.sealed, "--outbox", self.outbox, site="modality")
        return [self.sealed / name for name in names]

    def judge(self, path: Path, *, ledger: bool = False) -> Any:
        if not ledger:
            return verify(path, trust=self.archive.trust)
        records = self.archive.records()
        with records.log:
            return verify(path, trust=self.archive.trust, records=records)


@pytest.fixture
def offline(tmp_path: Path, make_dicom: Callable[..., bytes]) -> Offline:
    return Offline(tmp_path, make_dicom)


def test_from_the_device_to_authentic(offline: Offline) -> None:
    offline.init()
    assert stat.S_IMODE(offline.outbox.stat().st_mode) == 0o600
    first, second = offline.seal("a.dcm", "b.dcm")
    for path in (first, second):
        verdict = offline.judge(path)
        assert (verdict.word, verdict.custody) == (Word.NOT_CHECKED, Outcome.UNKNOWN)
        assert offline.judge(path, ledger=True).word is Word.UNTRUSTED
    status = json.loads(offline.run("outbox", "status", offline.outbox, "--json").stdout)
    assert (status["schema"], status["waiting"]) == ("radseal/outbox-status/1", 2)
    second.rename(offline.folder / "moved.dcm")
    (offline.sealed / "notes.txt").write_text("no image")
    words = ("outbox", "sync", offline.outbox, "--receipts", offline.sealed, "--json")
    answer = json.loads(offline.run(*words).stdout)
    assert (answer["registered"], answer["received"], answer["waiting"]) == (2, 2, 0)
    assert [(Path(each["path"]).name, each["result"]) for each in answer["files"]] == [
        ("a.dcm", "receipt written"),
        ("notes.txt", "not sealed here"),
    ]
    assert len(answer["seals_without_file"]) == 1
    assert offline.judge(first).word is Word.AUTHENTIC
    assert offline.judge(first, ledger=True).word is Word.AUTHENTIC
    assert offline.judge(offline.folder / "moved.dcm").word is Word.NOT_CHECKED
    (offline.folder / "moved.dcm").rename(second)
    result = offline.run("outbox", "sync", offline.outbox, "--receipts", offline.sealed, "--prune")
    assert "removed 2 statements" in result.output
    assert offline.judge(second).word is Word.AUTHENTIC
    with offline.archive.records().log as log:
        assert log.audit().ok
        assert all(log.annex(bytes.fromhex(each)) for each in answer["seals_without_file"])


def test_a_seal_in_the_file_is_what_the_outbox_holds_or_it_stays_out(offline: Offline) -> None:
    offline.init()
    (path,) = offline.seal("a.dcm")
    with (
        offline.archive.device() as device,
        pytest.raises(Exception, match="carries a seal already"),
    ):
        seal(path, device=device)
    with Site.open(offline.folder / "modality").outbox_device(offline.outbox) as device:
        sealed = seal(offline.make_dicom(), device=device)
    assert (sealed.log_index, sealed.outbox_seq) == (None, 1)


def test_over_the_line(offline: Offline, log_server: Callable[..., Any]) -> None:
    server = log_server(offline.archive.folder)
    with urllib.request.urlopen(f"{server.url}/alarms") as answer:
        fields = json.load(answer)
    assert fields == {"schema": "radseal/log-alarms/1", "open": 0, "alarms": []}
    offline.run("outbox", "init", offline.outbox, "--log", server.url, site="modality")
    (path,) = offline.seal("a.dcm")
    words = ("outbox", "sync", offline.outbox, "--log", server.url, "--receipts", offline.sealed)
    assert "logged 1 statement, fetched 1 receipt" in offline.run(*words, site="modality").output
    assert offline.judge(path).word is Word.AUTHENTIC


def test_a_key_that_signed_at_the_log_meanwhile(offline: Offline) -> None:
    offline.init()
    offline.seal("a.dcm")
    with offline.archive.device() as device:
        seal(offline.make_dicom(), device=device)
    result = offline.run("outbox", "sync", offline.outbox, code=10)
    assert "signed elsewhere" in result.output
    answer = json.loads(offline.run("outbox", "sync", offline.outbox, "--json", code=10).stdout)
    assert answer["error"]["code"] == "fork"
    status = json.loads(offline.run("outbox", "status", offline.outbox, "--json", code=10).stdout)
    assert (status["waiting"], status["stopped"]["code"]) == (1, "fork")
    alarms = json.loads(offline.run("log", "alarms", "--json", code=10).stdout)
    (fork,) = [each for each in alarms["alarms"] if each["open"]]
    assert (fork["kind"], fork["numbers"], fork["actor"]) == ("fork", [[0, 0]], "here device")
    assert "fork" in offline.run("log", "alarms", code=10).output


def test_without_a_log_nothing_is_lost(offline: Offline) -> None:
    offline.init()
    offline.seal("a.dcm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ledger.remote.log_client.ATTEMPTS", 1)
        words = ("outbox", "sync", offline.outbox, "--log", "http://127.0.0.1:1")
        offline.run(*words, site="modality", code=15)
    assert "not logged  1" in offline.run("outbox", "status", offline.outbox).output


def test_silence_is_expected_by_the_operator(offline: Offline) -> None:
    with offline.archive.records().log as log:
        known = log.keys()
    kids = [key.kid.hex() for key in known]
    lines = "".join(f"{kid} 1h\n" for kid in kids)
    (offline.archive.folder / "expectations").write_text(f"radseal expectations 1\n{lines}")
    answer = json.loads(offline.run("log", "alarms", "--json").stdout)
    assert answer["alarms"] == []
    (offline.archive.folder / "expectations").write_text("radseal expectations 2\n")
    offline.run("log", "alarms", code=2)


def test_a_week_later_it_says_so(offline: Offline) -> None:
    offline.init()
    (path,) = offline.seal("a.dcm")
    later = Session(started=datetime.now(UTC) + timedelta(days=7))
    site = ["--site", str(offline.archive.folder)]
    synced = CliRunner().invoke(cli, ["outbox", "sync", str(offline.outbox), *site], obj=later)
    assert synced.exit_code == 0, synced.output
    words = "claimed 7.0 days before it was logged, last head seen 5 entries, 7.0 days earlier"
    for asked in (("log", "query", "--event", "sealed"), ("trace", path)):
        assert words in offline.run(*asked).output
        answer = json.loads(offline.run(*asked, "--json").stdout)
        (entry,) = answer["entries"] if "entries" in answer else answer["objects"][0]["events"]
        bracket = entry["bracket"]
        assert (bracket["finding"], bracket["head_seen"], bracket["head_known"]) == (None, 5, True)
        assert abs(bracket["width_seconds"] - 7 * 86_400) < 600
    checks = offline.judge(path, ledger=True).checks
    assert [c.status.value for c in checks if c.code.value == "LG108"] == ["pass"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("outbox", "status", "nowhere"), 2),
        (("seal", "x.dcm", "-o", "o", "--outbox", "nowhere"), 16),
        (("seal", ".", "-o", "/x/y", "--outbox", "a", "--log", "http://b"), 2),
    ],
)
def test_usage(offline: Offline, words: tuple[str, ...], code: int) -> None:
    offline.run(*words, code=code)


def _log(site: Site, event: Event, role: Role, seal_id: bytes) -> None:
    signer = site.signer(role)
    with site.writing_log() as log:
        statement = sign_statement(
            event=event,
            object_id=seal_id,
            object_link=log.object_link(seal_id),
            actor_link=log.actor_link(signer.kid),
            claimed_at=datetime.now(UTC),
            head_seen=None,
            body={},
            signer=signer,
        )
        log.append([Submission(statement)], at=datetime.now(UTC))


def _seal_id(path: Path) -> bytes:
    values = read_carrier(pydicom.dcmread(path))
    assert values is not None
    object_id = parse_statement(values.statement).object_id
    assert object_id is not None
    return object_id


def test_an_archive_that_is_quicker_than_the_device(offline: Offline) -> None:
    offline.init()
    path, other = offline.seal("a.dcm", "b.dcm")
    seal_id = _seal_id(path)
    _log(offline.archive, Event.INGESTED, Role.ARCHIVIST, seal_id)
    verdict = offline.judge(path, ledger=True)
    assert verdict.word is Word.UNTRUSTED
    (said,) = [c for c in verdict.checks if c.code.value == "LG103"]
    assert "1 event(s) about it are logged, its seal is not" in said.detail
    assert "no seal of it is in the log" in offline.run("trace", path).output
    offline.run("outbox", "sync", offline.outbox, "--receipts", offline.sealed)
    for each in (path, other):
        assert offline.judge(each).word is Word.AUTHENTIC
        assert offline.judge(each, ledger=True).word is Word.AUTHENTIC
    (late,) = [c for c in offline.judge(path, ledger=True).checks if c.code.value == "LG112"]
    assert (late.status.value, late.detail[:31]) == ("warn", "1 event(s) about it came first,")
    told = offline.run("trace", path).output
    assert told.index("ingested") < told.index("sealed"), "in the order of the log"
    assert "the chain is complete" in told
    assert "signed without knowing the entries above" in told
    (found,) = json.loads(offline.run("trace", path, "--json").stdout)["objects"]
    assert [each["order"] for each in found["events"]] == [None, "late"]
    offline.run("log", "alarms")


def test_a_rival_seal_is_told_and_does_not_count(offline: Offline) -> None:
    offline.init()
    (path,) = offline.seal("a.dcm")
    seal_id, site = _seal_id(path), offline.archive
    spare = PrivateKeySigner.from_private_key(ed25519.Ed25519PrivateKey.generate())
    archivist = site.signer(Role.ARCHIVIST)

    def say(event: Event, signer: Any, about: bytes | None, body: dict[int, object]) -> None:
        with site.writing_log() as log:
            statement = sign_statement(
                event=event,
                object_id=about,
                object_link=None if about is None else FIRST,
                actor_link=log.actor_link(signer.kid),
                claimed_at=datetime.now(UTC),
                head_seen=None,
                body=body,
                signer=signer,
            )
            log.append([Submission(statement)], at=datetime.now(UTC))

    say(Event.KEY_ADDED, archivist, None, key_added_body(spare.spki, role=Role.DEVICE))
    offline.run("outbox", "sync", offline.outbox, "--receipts", offline.sealed)
    say(Event.SEALED, spare, seal_id, {})
    verdict = offline.judge(path, ledger=True)
    assert verdict.word is Word.AUTHENTIC, "the first one counts"
    assert [c.status.value for c in verdict.checks if c.code.value == "LG113"] == ["warn"]
    assert "another birth of it came first" in offline.run("trace", path).output
    answer = json.loads(offline.run("log", "alarms", "--json", code=10).stdout)
    (rival,) = answer["alarms"]
    assert (rival["kind"], rival["key"]) == ("rival", spare.kid.hex())
    assert "revoke the other's key" in offline.run("log", "alarms", code=10).output


def test_a_sync_that_found_a_fork_is_shown(offline: Offline) -> None:
    offline.init()
    (path,) = offline.seal("a.dcm")
    _log(offline.archive, Event.SEALED, Role.DEVICE, _seal_id(path)[::-1])
    result = offline.run("outbox", "sync", offline.outbox, code=10)
    assert "signed elsewhere" in result.output
    status = offline.run("outbox", "status", offline.outbox, code=10).output
    assert "STOPPED  fork, at number 0, since 20" in status


def test_what_a_revoked_key_has_waiting_is_shown(offline: Offline) -> None:
    offline.init()
    offline.seal("a.dcm")
    with offline.archive.records().log as log:
        keys = log.keys()
    (device,) = [each for each in keys if each.role is Role.DEVICE]
    offline.run("key", "revoke", device.kid.hex(), "--reason", "lost", "--yes")
    assert "STOPPED" not in offline.run("outbox", "status", offline.outbox).output
    assert "was revoked" in offline.run("outbox", "sync", offline.outbox, code=10).output
    told = offline.run("outbox", "status", offline.outbox, code=10).output
    assert "STOPPED  refused, at number 0, since 20" in told
    assert "do: keep the outbox as it is; see radseal log query" in told
    status = json.loads(offline.run("outbox", "status", offline.outbox, "--json", code=10).stdout)
    assert (status["waiting"], status["stopped"]["code"]) == (1, "refused")
