"""The log as its users meet it: append, links, look-ups, receipts, opening again."""

import json
import sqlite3
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ledger import (
    FIRST,
    MAY_SIGN,
    ConflictError,
    Event,
    LogKeys,
    MalformedError,
    NotFoundError,
    PrivateKeySigner,
    Query,
    RefusedError,
    Role,
    StoreError,
    Submission,
    TrustedLogs,
    UsageError,
    create_log,
    hash_leaf,
    key_added_body,
    key_revoked_body,
    make_genesis,
    merkle_root,
    open_log,
    open_receipt,
    parse_statement,
    verify_consistency,
)
from ledger.log import CHECKPOINT_EVERY
from ledger.storage.sqlite import SqliteDatabase

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "log"
HISTORIES = [json.loads(p.read_text(encoding="utf-8")) for p in VECTORS.glob("history*.json")]
OUTCOMES = {"refused": RefusedError, "conflict": ConflictError}

pytestmark = pytest.mark.both_databases


def test_there_are_histories() -> None:
    assert HISTORIES
    for history in HISTORIES:
        assert {step["expect"] for step in history["steps"]} == {"entry", *OUTCOMES}


@pytest.mark.parametrize("history", HISTORIES, ids=[h["origin"] for h in HISTORIES])
def test_a_frozen_history_is_admitted_and_refused_as_ever(history: dict, tmp_path: Path) -> None:
    keys = LogKeys.from_bytes(history["keys_file"].encode())
    assert list(keys.vkeys) == history["vkeys"]
    first, *steps = history["steps"]
    at = datetime(2026, 1, 1, tzinfo=UTC)
    genesis = bytes.fromhex(first["statement"])
    path = tmp_path / "log.db"
    with create_log(path, keys=keys, genesis=genesis, annex_key=bytes(32), at=at) as log:
        for step in steps:
            submission = Submission(bytes.fromhex(step["statement"]))
            if step["expect"] == "entry":
                (entry,) = log.append([submission], at=at)
                assert entry.index == step["index"], step["name"]
                if "root" in step:
                    assert log.head().root.hex() == step["root"], step["name"]
            else:
                size = log.size
                with pytest.raises(OUTCOMES[step["expect"]]):
                    log.append([submission], at=at)
                assert log.size == size, step["name"]
        assert log.audit().ok


def test_entries_come_back_with_receipts(site: Any) -> None:
    object_id, entry = site.seal()
    logs = TrustedLogs.from_vkeys(site.keys.vkeys)
    assert site.log.entry(entry.index) == entry
    assert entry.leaf_hash == hash_leaf(entry.statement)
    assert site.log.events(object_id) == (entry,)
    inclusion = open_receipt(entry.statement, site.log.prove(entry.index), logs=logs)
    assert (inclusion.index, inclusion.head) == (entry.index, site.log.head())
    assert inclusion.head.size == site.log.size == 4
    assert inclusion.head.cosigned_at == site.now


def test_old_receipts_stay_good_and_join_the_new_head(site: Any) -> None:
    _, entry = site.seal()
    logs = TrustedLogs.from_vkeys(site.keys.vkeys)
    old_receipt = site.log.prove(entry.index)
    old = open_receipt(entry.statement, old_receipt, logs=logs).head
    site.append(*site.seals(700))
    assert open_receipt(entry.statement, old_receipt, logs=logs).head == old
    assert (
        open_receipt(entry.statement, site.log.prove(entry.index, size=old.size), logs=logs).head
        == old
    )
    new = site.log.head()
    verify_consistency(
        old_size=old.size,
        old_root=old.root,
        new_size=new.size,
        new_root=new.root,
        path=site.log.consistency(old.size, new.size),
    )
    assert new.root == merkle_root(hash_leaf(e.statement) for e in site.log.entries())
    assert [e.index for e in site.log.entries(250, 260)] == list(range(250, 260))
    assert len(list(site.log.entries())) == new.size == 704


@pytest.mark.sqlite_alone
def test_an_append_leaves_at_most_so_many_entries_unsigned(site: Any) -> None:
    site.log.checkpoint()
    site.append(*site.seals(CHECKPOINT_EVERY - 1))
    with sqlite3.connect(site.path) as raw:
        before = raw.execute("select max(size) from radseal_checkpoint").fetchone()[0]
        assert before == 3
        site.append(*site.seals(1))
        after = raw.execute("select max(size) from radseal_checkpoint").fetchone()[0]
    raw.close()
    assert after == 3 + CHECKPOINT_EVERY


def test_a_second_submission_returns_the_first_entry(site: Any) -> None:
    (statement,) = site.seals(1)
    (first,) = site.append(statement)
    later = site.seals(1)
    again, new, twice = site.append(statement, later[0], later[0])
    assert (again, twice) == (first, new)
    assert site.log.size == 5
    site.append(
        site.statement(
            Event.KEY_REVOKED,
            site.archivist,
            body=key_revoked_body(site.device.kid, reason="retired"),
        )
    )
    assert site.append(statement) == [first]


def test_a_stale_link_names_the_current_one(site: Any) -> None:
    object_id, entry = site.seal()
    stale = site.statement(Event.SENT, site.gateway, object_id)
    (ingested,) = site.append(site.statement(Event.INGESTED, site.gateway, object_id))
    with pytest.raises(ConflictError) as caught:
        site.append(stale)
    assert caught.value.current == site.log.object_link(object_id)
    assert caught.value.current == FIRST.next(entry.leaf_hash).next(ingested.leaf_hash)
    forked = site.statement(
        Event.SENT, site.device, object_id, actor_link=FIRST.next(hash_leaf(b"elsewhere"))
    )
    with pytest.raises(ConflictError) as caught:
        site.append(forked)
    assert caught.value.current == site.log.actor_link(site.device.kid)
    site.append(site.statement(Event.SENT, site.device, object_id))
    assert [parse_statement(e.statement).event for e in site.log.events(object_id)] == [
        Event.SEALED,
        Event.INGESTED,
        Event.SENT,
    ]


def test_one_bad_statement_stops_the_whole_batch(site: Any) -> None:
    good = site.seals(3)
    head = site.log.head()
    forged = good[1][:-1] + bytes([good[1][-1] ^ 1])
    for batch in ([good[0], forged], [*good, b"nonsense"], [good[0], good[2]]):
        with pytest.raises((RefusedError, MalformedError, ConflictError)):
            site.append(*batch)
        assert site.log.head() == head
    assert [entry.index for entry in site.append(*good)] == [3, 4, 5]


def test_a_key_may_be_added_and_used_in_one_batch(
    bare_site: Any, spare_signer: PrivateKeySigner
) -> None:
    site = bare_site
    added = site.statement(
        Event.KEY_ADDED, site.archivist, body=key_added_body(spare_signer.spki, role=Role.DEVICE)
    )
    sealed = site.statement(Event.SEALED, spare_signer, site.new_object())
    with pytest.raises(RefusedError):
        site.append(sealed, added)
    assert [entry.index for entry in site.append(added, sealed)] == [1, 2]
    key = site.log.key(spare_signer.kid)
    assert (key.role, key.added_index, key.revoked_index) == (Role.DEVICE, 1, None)
    assert key.spki == spare_signer.spki
    assert [each.kid for each in site.log.keys()]  # noqa: SIM118 == [site.archivist.kid, spare_signer.kid]


def test_every_role_signs_what_it_may_and_nothing_else(site: Any) -> None:
    signers = {Role.DEVICE: site.device, Role.GATEWAY: site.gateway, Role.ARCHIVIST: site.archivist}
    for role in (Role.OPERATOR, Role.DEIDENTIFIER, Role.AUDITOR):
        signers[role] = site.signer(role)
        site.add_key(signers[role], role)
    object_id, _ = site.seal()
    outside = {Event.SEALED, Event.KEY_ADDED, Event.KEY_REVOKED, Event.ERASED, Event.LOG_KEYS}
    for role, signer in signers.items():
        for event in Event:
            statement = site.statement(event, signer, object_id)
            if event not in MAY_SIGN[role]:
                with pytest.raises(RefusedError, match=f"role {role} may not"):
                    site.append(statement)
            elif event not in outside:
                site.append(statement)


def test_pseudonyms_find_objects_oldest_first(site: Any) -> None:
    patient, other = bytes(32), bytes([1]) * 32
    first, _ = site.seal(pseudonyms=(patient, other))
    second, _ = site.seal(pseudonyms=(patient,))
    site.append(site.statement(Event.SENT, site.device, first), pseudonyms=(patient,))
    assert site.log.find(patient) == (first, second)
    assert site.log.find(other) == (first,)
    assert site.log.find(bytes([2]) * 32) == ()


def test_annexes_come_back_and_are_replaced(site: Any) -> None:
    object_id, _ = site.seal(annex=b"tile hashes")
    assert site.log.annex(object_id) == b"tile hashes"
    site.append(site.statement(Event.SENT, site.device, object_id))
    assert site.log.annex(object_id) == b"tile hashes"
    site.append(site.statement(Event.SENT, site.device, object_id), annex=b"")
    assert site.log.annex(object_id) == b""
    assert site.log.annex(bytes(12)) is None
    assert site.log.audit().ok


@pytest.mark.sqlite_alone
def test_an_annex_belongs_to_its_object(site: Any) -> None:
    one, _ = site.seal(annex=b"one")
    two, _ = site.seal(annex=b"two")
    raw = sqlite3.connect(site.path)
    swapped = raw.execute("select object_id, nonce, ciphertext from radseal_annex").fetchall()
    for (object_id, *_), (_, nonce, ciphertext) in zip(swapped, reversed(swapped), strict=True):
        raw.execute(
            "update radseal_annex set nonce = ?, ciphertext = ? where object_id = ?",
            (nonce, ciphertext, object_id),
        )
    raw.commit()
    raw.close()
    for object_id in (one, two):
        with pytest.raises(StoreError):
            site.log.annex(object_id)


def test_opened_again_it_goes_on(site: Any) -> None:
    site.append(*site.seals(300))
    head = site.log.head()
    site.reopen()
    assert site.log.head() == head
    _, entry = site.seal()
    assert entry.index == head.size
    assert site.log.audit().ok


def test_read_only(site: Any) -> None:
    object_id, entry = site.seal(annex=b"a")
    site.log.checkpoint()
    with open_log(site.path, keys=None, annex_key=None) as log:
        assert (log.origin, log.vkeys) == (site.keys.origin, site.keys.vkeys)
        assert log.head() == site.log.head()
        assert log.prove(entry.index)
        assert log.audit().ok
        with pytest.raises(UsageError):
            log.append([Submission(entry.statement)], at=site.now)
        with pytest.raises(UsageError):
            log.annex(object_id)
        site.seal()
        with pytest.raises(NotFoundError):  # not under a checkpoint yet, and nobody to sign one
            log.prove(entry.index + 1)
    assert site.log.prove(entry.index + 1)


@pytest.mark.sqlite_alone
def test_a_copy_on_a_medium_nobody_can_write_to(site: Any, tmp_path: Path) -> None:
    site.seal()
    site.log.close()
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    copy = shelf / "copy.db"
    copy.write_bytes(site.path.read_bytes())
    copy.chmod(0o400)
    shelf.chmod(0o500)
    try:
        with open_log(copy, keys=None, annex_key=None) as log:
            assert log.audit().ok
    finally:
        shelf.chmod(0o700)
    site.reopen()


@pytest.mark.sqlite_alone
def test_what_cannot_be_created(site: Any, tmp_path: Path) -> None:
    genesis = make_genesis(site.archivist, claimed_at=site.now)
    arguments: dict = {"keys": site.keys, "annex_key": site.annex_key, "at": site.now}
    with pytest.raises(UsageError):
        create_log(site.path, genesis=genesis, **arguments)
    with pytest.raises(StoreError):
        create_log(tmp_path / "no" / "folder.db", genesis=genesis, **arguments)
    with pytest.raises(UsageError):
        create_log(tmp_path / "a.db", genesis=genesis, **(arguments | {"at": datetime(2026, 1, 1)}))
    with pytest.raises(UsageError):
        create_log(tmp_path / "a.db", genesis=genesis, **(arguments | {"annex_key": b""}))
    other_first = make_genesis(site.archivist, role=Role.DEVICE, claimed_at=site.now)
    with pytest.raises(RefusedError):
        create_log(tmp_path / "a.db", genesis=other_first, **arguments)
    forged = genesis[:-1] + bytes([genesis[-1] ^ 1])
    with pytest.raises(RefusedError):
        create_log(tmp_path / "a.db", genesis=forged, **arguments)
    assert not (tmp_path / "a.db").exists()
    mode = stat.S_IMODE(site.path.stat().st_mode)
    assert mode == 0o600


@pytest.mark.sqlite_alone
def test_what_cannot_be_opened(site: Any, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        open_log(tmp_path / "missing.db", keys=None, annex_key=None)
    with pytest.raises(UsageError):
        open_log(site.path, keys=LogKeys.generate(site.keys.origin), annex_key=None)
    with pytest.raises(UsageError):
        open_log(site.path, keys=site.keys, annex_key=bytes(32))
    text = tmp_path / "text.db"
    text.write_text("not a database, but long enough to be taken for one" * 40)
    foreign = tmp_path / "foreign.db"
    connection = sqlite3.connect(foreign)
    connection.execute("create table t (a)")
    connection.commit()
    connection.close()
    for path in (text, foreign):
        with pytest.raises(StoreError):
            open_log(path, keys=None, annex_key=None)


def test_a_file_whose_creation_was_interrupted_is_no_log(tmp_path: Path) -> None:
    SqliteDatabase.create(tmp_path / "half.db").close()
    with pytest.raises(StoreError):
        open_log(tmp_path / "half.db", keys=None, annex_key=None)


def test_questions_without_an_answer(site: Any) -> None:
    for index in (-1, 3):
        with pytest.raises(NotFoundError):
            site.log.entry(index)
        with pytest.raises(NotFoundError):
            site.log.prove(index)
    with pytest.raises(NotFoundError):
        site.log.prove(0, size=2)
    with pytest.raises(NotFoundError):
        site.log.key(bytes(32))
    for old, new in ((0, 1), (2, 1), (1, 4)):
        with pytest.raises(UsageError):
            site.log.consistency(old, new)
    assert site.log.events(bytes(12)) == ()
    assert site.log.object_link(bytes(12)) == FIRST
    assert site.log.actor_link(bytes(32)) == FIRST
    assert site.log.append([], at=site.now) == []


def test_submissions_that_can_never_be_right(site: Any) -> None:
    statement = site.statement(Event.STUDY_CLOSED, site.archivist)
    for bad in ((bytes(31),), (bytes(32),) * 65):
        with pytest.raises(UsageError):
            Submission(statement, pseudonyms=bad)
    with pytest.raises(UsageError):
        site.append(statement, annex=b"of nothing")
    with pytest.raises(UsageError):
        site.log.append([Submission(statement)], at=datetime(2026, 1, 1))


def test_the_clock_of_the_log_does_not_run_backwards(site: Any) -> None:
    site.seal()
    latest = site.now
    site.now -= timedelta(days=30)
    site.seal()
    assert site.log.head().cosigned_at == latest


@pytest.mark.sqlite_alone
def test_it_refuses_to_sign_what_does_not_go_on_from_its_last_checkpoint(site: Any) -> None:
    site.seal()
    site.log.checkpoint()
    site.seal()
    raw = sqlite3.connect(site.path)
    (hashes,) = raw.execute("select hashes from radseal_tile where level = 0").fetchone()
    raw.execute("update radseal_tile set hashes = ?", (bytes([hashes[0] ^ 1]) + hashes[1:],))
    raw.commit()
    raw.close()
    with pytest.raises(StoreError, match="nothing is signed"):
        site.log.checkpoint()
    site.log._database.close()
    with pytest.raises(StoreError):
        open_log(site.path, keys=site.keys, annex_key=None)
    site.log._keys = None


def test_log_keys_have_one_text_form(fixed_log_keys: LogKeys) -> None:
    text = fixed_log_keys.to_bytes()
    again = LogKeys.from_bytes(text)
    assert again == fixed_log_keys
    assert again.to_bytes() == text
    assert "PRIVATE" not in repr(again)
    for bad in (
        b"",
        text + b"\n",
        text[:-1],
        text.replace(b"keys 1", b"keys 2"),
        text.replace(b"origin ", b"origin  "),
        text.replace(b"\n", b"\r\n"),
        bytes(10_000),
    ):
        with pytest.raises(MalformedError):
            LogKeys.from_bytes(bad)
    for origin in ("", "two words", "a+b", "line\nend", "x" * 256, "\u00a0"):
        with pytest.raises(MalformedError):
            LogKeys.generate(origin)
    with pytest.raises(UsageError):
        LogKeys.from_seeds("a", ed25519_seed=b"", mldsa44_seed=b"")


def test_receipts_of_many_are_those_of_each(site: Any) -> None:
    site.append(*site.seals(20))
    indices = [3, 17, 0, 3]
    assert site.log.prove_each(indices) == tuple(site.log.prove(index) for index in indices)
    assert site.log.prove_each([]) == ()
    with pytest.raises(NotFoundError):
        site.log.prove_each([3, site.log.size])


def test_a_device_is_heard_late_and_a_rival_is_named(
    site: Any, spare_signer: PrivateKeySigner
) -> None:
    site.add_key(spare_signer, Role.DEVICE)
    object_id, other = site.new_object(), site.new_object()
    for about in (object_id, other):
        site.append(site.statement(Event.INGESTED, site.gateway, about))
    sealed = site.statement(Event.SEALED, site.device, object_id, object_link=FIRST)
    own = FIRST.next(hash_leaf(sealed))
    next_one = site.log.actor_link(site.device.kid).next(hash_leaf(sealed))
    sent = site.statement(Event.SENT, site.device, object_id, object_link=own, actor_link=next_one)
    first, _ = site.append(sealed, sent, annex=b"annex")
    (rival,) = site.append(
        site.statement(Event.SEALED, spare_signer, object_id, object_link=FIRST), annex=b"other"
    )
    site.append(site.statement(Event.EXPORTED, site.gateway, object_id))
    assert site.log.annex(object_id) == b"annex"
    told = [parse_statement(e.statement).event for e in site.log.events(object_id)]
    assert told == [Event.INGESTED, Event.SEALED, Event.SENT, Event.SEALED, Event.EXPORTED]
    (alarm,) = site.log.alarms()
    assert (alarm.kid, alarm.other, alarm.leaf_hash) == (
        spare_signer.kid,
        first.index,
        rival.leaf_hash,
    )
    for signer in (site.device, spare_signer):
        assert len(list(site.log.query(Query(device=signer.kid)))) == 5
    assert not list(site.log.query(Query(object_id=other, device=site.device.kid)))
    assert site.log.audit().ok
