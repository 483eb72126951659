"""Timestamps in a log: asked for, kept, renewed, exported, copied by an auditor, audited."""

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from ledger import (
    BusyError,
    FindingCode,
    Monitor,
    NotFoundError,
    ProofError,
    StampHash,
    StoreError,
    TileFolder,
    TimestampAnchors,
    TrustedLogs,
    UsageError,
    ask_tsa,
    judge_timestamps,
    open_log,
    request_for,
)


@pytest.fixture(scope="module")
def tsa(make_time_authority: Callable[..., Any]) -> Any:
    return make_time_authority()


@pytest.fixture(scope="module")
def anchors(tsa: Any) -> TimestampAnchors:
    return TimestampAnchors.from_der([tsa.root.public_bytes(serialization.Encoding.DER)])


@pytest.fixture
def stamp(site: Any, tsa: Any, anchors: TimestampAnchors) -> Callable[..., int]:
    def stamp(size: int | None = None) -> int:
        stamped = site.log.stamped(size or site.log.head().size)
        request = request_for(stamped, hash=StampHash.SHA256, nonce=7)
        reply = ask_tsa(tsa.url, request)
        size, _ = site.log.add_timestamp(request, reply, anchors=anchors, at=datetime.now(UTC))
        return size

    return stamp


def test_stamped_renewed_and_exported(
    site: Any, stamp: Callable[..., int], anchors: TimestampAnchors, tmp_path: Path
) -> None:
    site.log.checkpoint()
    assert list(site.log.timestamps()) == []
    assert stamp() == 3
    site.seal()
    site.log.checkpoint()
    assert stamp() == 4
    assert stamp(3) == 3
    three, four = site.log.timestamps()
    assert [len(each.tokens) for each in (three, four)] == [2, 1]
    for each in (three, four):
        judged = judge_timestamps(each.note, each.tokens, anchors=anchors, at=datetime.now(UTC))
        assert all(one.timestamp is not None for one in judged)
    assert site.log.audit().ok
    site.log.export(tmp_path / "static")
    assert list(TileFolder(tmp_path / "static").timestamps()) == [three, four]
    (tmp_path / "static/timestamps/9").mkdir()  # a writer was stopped in it
    assert len(list(TileFolder(tmp_path / "static").timestamps())) == 2
    site.reopen()
    assert list(site.log.timestamps()) == [three, four]
    with pytest.raises(NotFoundError):
        site.log.stamped(99)


def test_the_note_as_it_was_stamped_stays(
    site: Any, stamp: Callable[..., int], anchors: TimestampAnchors
) -> None:
    """A checkpoint that is replaced by one with more cosignatures takes no timestamp with it."""
    site.log.checkpoint()
    stamp()
    before = site.log.stamped(3)
    raw = sqlite3.connect(site.path)
    note = site.keys.sign_checkpoint(size=3, root=site.log.head().root, timestamp=1)
    raw.execute("update radseal_checkpoint set note=? where size=3", (note,))
    raw.commit()
    raw.close()
    assert site.log.checkpoint() == note != before.note
    assert site.log.stamped(3) == before
    assert stamp() == 3
    assert site.log.audit().ok


def test_nothing_that_was_refused_is_kept(
    site: Any, tsa: Any, anchors: TimestampAnchors, make_time_authority: Callable[..., Any]
) -> None:
    site.log.checkpoint()
    stamped, at = site.log.stamped(3), datetime.now(UTC)
    request = request_for(stamped, hash=StampHash.SHA512, nonce=7)
    reply = ask_tsa(tsa.url, request)
    foreign = ask_tsa(make_time_authority().url, request)
    other = ask_tsa(tsa.url, replace(request, digest=bytes(64)))
    nonce = ask_tsa(tsa.url, replace(request, nonce=8))
    for wrong in (foreign, other, nonce):
        with pytest.raises(ProofError):
            site.log.add_timestamp(request, wrong, anchors=anchors, at=at)
    asked = replace(request, policy="1.2.3.5")
    with pytest.raises(ProofError, match=r"under the policy 1\.2\.3\.4, not 1\.2\.3\.5"):
        site.log.add_timestamp(asked, reply, anchors=anchors, at=at)
    asked = replace(request, digest=bytes(64))
    with pytest.raises(UsageError, match="for no checkpoint"):
        site.log.add_timestamp(asked, other, anchors=anchors, at=at)
    with pytest.raises(ProofError, match="no authority"):
        site.log.add_timestamp(request, reply, anchors=TimestampAnchors(), at=at)
    assert list(site.log.timestamps()) == []
    site.log.add_timestamp(request, reply, anchors=anchors, at=at)
    with pytest.raises(UsageError, match="for no checkpoint of this log as it is now"):
        site.log.add_timestamp(request, reply, anchors=anchors, at=at)
    assert len(site.log.stamped(3).tokens) == 1
    request = request_for(site.log.stamped(3), hash=StampHash.SHA256, nonce=7)
    reply = ask_tsa(tsa.url, request)
    with (
        open_log(site.path, keys=None, annex_key=None) as reading,
        pytest.raises(UsageError, match="for reading only"),
    ):
        reading.add_timestamp(request, reply, anchors=anchors, at=at)


def test_two_who_renew_at_once(
    site: Any, tsa: Any, anchors: TimestampAnchors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is over a chain that the first has made longer: it is not kept."""
    site.log.checkpoint()
    request = request_for(site.log.stamped(3), hash=StampHash.SHA256, nonce=7)
    reply, at = ask_tsa(tsa.url, request), datetime.now(UTC)
    import ledger.log as module

    real = module.verify_timestamp

    def meanwhile(*words: Any, **more: Any) -> Any:
        monkeypatch.setattr(module, "verify_timestamp", real)
        site.log.add_timestamp(request, reply, anchors=anchors, at=at)
        return real(*words, **more)

    monkeypatch.setattr(module, "verify_timestamp", meanwhile)
    with pytest.raises(BusyError, match="another timestamp in the meantime"):
        site.log.add_timestamp(request, reply, anchors=anchors, at=at)
    assert len(site.log.stamped(3).tokens) == 1


def test_an_auditor_keeps_them(site: Any, stamp: Callable[..., int], tmp_path: Path) -> None:
    logs = TrustedLogs.from_vkeys(site.keys.vkeys)
    monitor = Monitor(tmp_path / "copy", logs=logs)
    site.log.checkpoint()
    with pytest.raises(UsageError, match="follow one first"):
        monitor.keep_timestamps(site.log)
    stamp()
    monitor.follow(site.log)
    assert (monitor.keep_timestamps(site.log).added, stamp(3)) == (1, 3)
    old = list(site.log.timestamps())
    kept = monitor.keep_timestamps(site.log)
    assert (kept.added, kept.alarms) == (1, ())
    site.seal()
    site.log.checkpoint()
    stamp()
    assert monitor.keep_timestamps(site.log).added == 0  # of a checkpoint not copied yet
    monitor.follow(site.log)
    assert monitor.keep_timestamps(site.log).added == 1
    copied = list(TileFolder(tmp_path / "copy").timestamps())
    assert copied == list(site.log.timestamps())
    # A log that lost a token takes none from the copy; one that shows others is told apart.
    fewer = SimpleNamespace(timestamps=lambda: iter([replace(old[0], tokens=old[0].tokens[:1])]))
    assert monitor.keep_timestamps(fewer).alarms
    others = SimpleNamespace(timestamps=lambda: iter([replace(old[0], tokens=(b"x", b"y", b"z"))]))
    (alarm,) = monitor.keep_timestamps(others).alarms
    assert "other timestamps of 3" in alarm
    assert list(TileFolder(tmp_path / "copy").timestamps()) == copied


def test_a_stamped_checkpoint_of_another_tree_is_an_alarm(
    site: Any, stamp: Callable[..., int], tmp_path: Path
) -> None:
    site.log.checkpoint()
    stamp()
    monitor = Monitor(tmp_path / "copy", logs=TrustedLogs.from_vkeys(site.keys.vkeys))
    monitor.follow(site.log)
    (good,) = site.log.timestamps()
    note = site.keys.sign_checkpoint(size=2, root=bytes(32), timestamp=1)
    shown = SimpleNamespace(timestamps=lambda: iter([replace(good, size=2, note=note)]))
    (alarm,) = monitor.keep_timestamps(shown).alarms
    assert "is not over those copied" in alarm
    assert [p.read_bytes() for p in (tmp_path / "copy/alarms").iterdir()] == [note]
    wrong = SimpleNamespace(timestamps=lambda: iter([replace(good, size=2)]))
    with pytest.raises(StoreError, match="another checkpoint"):
        monitor.keep_timestamps(wrong)
    raw = sqlite3.connect(site.path)
    raw.execute("update radseal_timestamp set size=2, note=?", (note,))
    raw.commit()
    raw.close()
    (finding,) = site.log.audit().findings
    assert finding.code is FindingCode.TIMESTAMP
    assert "not over this log" in finding.words


@pytest.mark.parametrize(
    "sql",
    [
        "update radseal_timestamp set number=1",
        "update radseal_timestamp set note=cast('x' as blob)",
        "update radseal_timestamp set size=2",
        "insert into radseal_timestamp values (3, 1, cast('x' as blob), cast('y' as blob))",
    ],
)
def test_an_audit_finds_a_chain_that_was_changed(
    site: Any, stamp: Callable[..., int], sql: str
) -> None:
    site.log.checkpoint()
    stamp()
    raw = sqlite3.connect(site.path)
    raw.execute(sql)
    raw.commit()
    raw.close()
    assert [each.code for each in site.log.audit().findings] == [FindingCode.TIMESTAMP]


def test_the_time_is_proven_beyond_the_clock_of_the_log(
    site: Any, tsa: Any, anchors: TimestampAnchors, stamp: Callable[..., int]
) -> None:
    """A log may sign any time; the TSA's is later than every checkpoint it has seen."""
    past = datetime(2020, 1, 1, tzinfo=UTC)
    raw = sqlite3.connect(site.path)
    raw.execute("delete from radseal_checkpoint")
    raw.execute("update radseal_head set updated_at=?", (int(past.timestamp() * 1000),))
    raw.commit()
    raw.close()
    site.log.checkpoint()
    assert site.log.head().cosigned_at == past
    stamp()
    stamped = site.log.stamped(3)
    (judged,) = judge_timestamps(
        stamped.note, stamped.tokens, anchors=anchors, at=datetime.now(UTC)
    )
    assert judged.timestamp is not None
    assert judged.timestamp.time > past + timedelta(days=365)
