"""Erasure: nothing of the annex or its names is in any file, and every proof still holds."""

import sqlite3
from typing import Any

import pytest

from ledger import (
    BusyError,
    Event,
    FindingCode,
    RefusedError,
    TrustedLogs,
    UsageError,
    hash_leaf,
    open_log,
    open_receipt,
    sign_statement,
)
from ledger.storage.sqlite import SqliteDatabase

pytestmark = pytest.mark.both_databases
TEXT = b"a name that must not be found again "


def _kept(site: Any, object_id: bytes) -> list[bytes]:
    """Every secret the database holds of an object: wrapped key, nonce, ciphertext, names."""
    queries = (
        "select wrapped from radseal_annex_key where object_id = :object_id",
        "select nonce from radseal_annex where object_id = :object_id",
        "select ciphertext from radseal_annex where object_id = :object_id",
        "select pseudonym from radseal_pseudonym where object_id = :object_id",
    )
    return [row[0] for query in queries for row in site.ask(query, object_id=object_id)]


def _content(site: Any) -> bytes:
    return b"".join(site.files().values())


def test_erased_is_gone_from_every_file(site: Any) -> None:
    objects = {}
    for number in range(40):
        annex = TEXT + hash_leaf(bytes([number])) * (1 + number * 8)
        names = tuple(hash_leaf(bytes([number, part])) for part in range(3))
        object_id, entry = site.seal(annex=annex, pseudonyms=names)
        objects[object_id] = names, entry
    receipts = {o: site.log.prove(entry.index) for o, (_, entry) in objects.items()}
    erased = list(objects)[::3]
    secrets = {object_id: _kept(site, object_id) for object_id in objects}
    assert all(len(secret) == 6 for secret in secrets.values())
    for object_id in erased:
        site.log.erase(site.statement(Event.ERASED, site.archivist, object_id), at=site.now)
        files = site.files()
        if site.server is None:
            assert len(files[site.path.name + "-wal"]) < 10_000  # it was cut to nothing before
        for name, content in files.items():
            assert TEXT not in content, name
            for secret in secrets[object_id]:
                assert secret not in content, name
                # not even in part, as a b-tree leaves it when it moves a cell
                assert secret[:12] not in content, name
                assert secret[-12:] not in content, name
    logs = TrustedLogs.from_vkeys(site.keys.vkeys)
    for object_id, (names, entry) in objects.items():
        assert open_receipt(entry.statement, receipts[object_id], logs=logs).index == entry.index
        gone = object_id in erased
        assert (site.log.annex(object_id) is None) is gone
        assert site.log.find(names[0]) == (() if gone else (object_id,))
    assert site.log.audit().ok
    kept = {o: s for o, s in secrets.items() if o not in erased}
    site.log.close()
    content = _content(site)
    assert all(found[0] in content for found in kept.values())
    site.reopen()


@pytest.mark.sqlite_alone
def test_a_replaced_annex_is_gone_after_the_next_merge(site: Any) -> None:
    object_id, _ = site.seal(annex=TEXT)
    before = _kept(site, object_id)
    site.append(site.statement(Event.SENT, site.device, object_id), annex=b"other")
    site.log.close()
    content = _content(site)
    wrapped, nonce, ciphertext = before
    assert wrapped in content  # an object has one key for all its annexes
    assert nonce not in content
    assert ciphertext not in content
    site.reopen()
    site.log.erase(site.statement(Event.ERASED, site.archivist, object_id), at=site.now)
    content = _content(site)
    assert wrapped not in content


@pytest.mark.sqlite_alone
def test_copies_the_database_left_elsewhere_are_cleaned_too(site: Any) -> None:
    """SQLite copies cells when it balances pages, and may leave them where nothing points."""
    object_id, _ = site.seal(annex=TEXT, pseudonyms=(hash_leaf(b"a"), hash_leaf(b"b")))
    secrets = _kept(site, object_id)
    raw = sqlite3.connect(site.path)
    raw.execute("pragma secure_delete = off")
    raw.execute("create table copies (secret blob)")
    raw.executemany("insert into copies values (?)", [(secret,) for secret in secrets * 200])
    raw.commit()
    raw.execute("drop table copies")
    raw.commit()
    raw.close()
    site.log.close()
    content = site.path.read_bytes()
    assert all(content.count(secret) > 1 for secret in secrets)
    site.reopen()
    site.log.erase(site.statement(Event.ERASED, site.archivist, object_id), at=site.now)
    content = _content(site)
    assert not any(secret in content for secret in secrets)


def test_a_name_that_others_have_too_stays_theirs(site: Any) -> None:
    name = hash_leaf(b"study")
    first, _ = site.seal(pseudonyms=(name,))
    second, _ = site.seal(pseudonyms=(name,))
    site.log.erase(site.statement(Event.ERASED, site.archivist, first), at=site.now)
    assert site.log.find(name) == (second,)
    content = _content(site)
    between = b"" if site.server is None else b"\x1b"  # how PostgreSQL begins 12 bytes
    assert name + between + first not in content
    assert name + between + second in content


def test_an_erasure_cut_off_by_a_crash_is_finished_at_the_next_opening(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    object_id, _ = site.seal(annex=TEXT)
    secrets = _kept(site, object_id)
    statement = site.statement(Event.ERASED, site.archivist, object_id)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(site.log._database), "scrub", crash)
        with pytest.raises(KeyboardInterrupt):
            site.log.erase(statement, at=site.now)
    assert {finding.code for finding in site.log.audit().findings} == {FindingCode.ERASURE}
    site.reopen()
    assert site.log.audit().ok
    content = _content(site)
    assert not any(secret in content for secret in secrets)


def test_what_cannot_be_erased(site: Any) -> None:
    object_id, _ = site.seal(annex=TEXT)
    with pytest.raises(UsageError):
        site.log.erase(site.statement(Event.SENT, site.device, object_id), at=site.now)
    with pytest.raises(RefusedError):
        site.log.erase(site.statement(Event.ERASED, site.device, object_id), at=site.now)
    unknown = site.statement(Event.ERASED, site.archivist, bytes(12))
    with pytest.raises(RefusedError):
        site.log.erase(unknown, at=site.now)
    assert site.log.annex(object_id) == TEXT


def test_nothing_comes_back_after_erasure(site: Any) -> None:
    object_id, entry = site.seal(annex=TEXT, pseudonyms=(bytes(32),))
    statement = site.statement(Event.ERASED, site.archivist, object_id)
    erased = site.log.erase(statement, at=site.now)
    assert site.log.erase(statement, at=site.now) == erased
    assert site.append(entry.statement, annex=TEXT, pseudonyms=(bytes(32),)) == [entry]
    for aside in ({"annex": TEXT}, {"pseudonyms": (bytes(32),)}):
        with pytest.raises(RefusedError, match="erased"):
            site.append(site.statement(Event.SENT, site.device, object_id), **aside)
    with pytest.raises(RefusedError, match="erased"):
        site.append(site.statement(Event.ERASED, site.archivist, object_id))
    site.append(site.statement(Event.SENT, site.device, object_id))
    assert site.log.annex(object_id) is None
    assert site.log.find(bytes(32)) == ()
    assert [e.index for e in site.log.events(object_id)] == [3, 4, 5]
    assert site.log.audit().ok


def test_sealed_and_erased_in_one_batch_leaves_nothing(site: Any) -> None:
    object_id = site.new_object()
    sealed = site.statement(Event.SEALED, site.device, object_id)
    site.append(sealed, annex=TEXT)
    link = site.log.object_link(object_id)
    sent = site.statement(Event.SENT, site.device, object_id, object_link=link)
    erased = site.statement(
        Event.ERASED, site.archivist, object_id, object_link=link.next(hash_leaf(sent))
    )
    site.append(sent, erased)
    assert site.log.annex(object_id) is None
    assert site.log.audit().ok


@pytest.mark.sqlite_alone
def test_a_reader_in_the_way_is_said_and_the_work_can_be_finished(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.storage.sqlite.BUSY_SECONDS", 0.1)
    object_id, _ = site.seal(annex=TEXT)
    secrets = _kept(site, object_id)
    site.reopen()
    reader = sqlite3.connect(site.path, isolation_level=None)
    reader.execute("begin")
    reader.execute("select count(*) from radseal_statement").fetchone()
    statement = site.statement(Event.ERASED, site.archivist, object_id)
    with pytest.raises(BusyError):
        site.log.erase(statement, at=site.now)
    assert site.log.annex(object_id) is None
    reader.execute("rollback")
    reader.close()
    site.log.erase(statement, at=site.now)
    content = _content(site)
    assert not any(secret in content for secret in secrets)


def test_without_the_site_key_no_annex_can_be_kept(site: Any) -> None:
    site.log.close()
    with open_log(site.path, keys=site.keys, annex_key=None) as log:
        site.log = log
        with pytest.raises(UsageError):
            site.seal(annex=TEXT)
        site.seal()
        assert log.audit().ok
    site.reopen()


def test_the_erased_event_needs_no_annex_to_have_been(site: Any) -> None:
    object_id, _ = site.seal()
    statement = sign_statement(
        event=Event.ERASED,
        object_id=object_id,
        object_link=site.log.object_link(object_id),
        actor_link=site.log.actor_link(site.archivist.kid),
        claimed_at=site.now,
        head_seen=None,
        body={1: "requested"},
        signer=site.archivist,
    )
    assert site.log.erase(statement, at=site.now).index == 4


@pytest.mark.sqlite_alone
def test_only_what_is_found_or_unknown_makes_the_file_be_written_anew(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scrubbed: list[object] = []
    real = SqliteDatabase.scrub

    def watched(self: SqliteDatabase, secrets: Any) -> None:
        scrubbed.append(secrets)
        real(self, secrets)

    monkeypatch.setattr(SqliteDatabase, "scrub", watched)
    bare, _ = site.seal()
    full, _ = site.seal(pseudonyms=(hash_leaf(b"a"),))
    statement = site.statement(Event.ERASED, site.archivist, bare)
    site.log.erase(statement, at=site.now)
    site.log.erase(site.statement(Event.ERASED, site.archivist, full), at=site.now)
    site.log.erase(statement, at=site.now)
    assert scrubbed == [(), (hash_leaf(b"a"), hash_leaf(b"a")[-6:] + full[:6])]


@pytest.mark.sqlite_alone
def test_many_are_erased_with_one_cleaning(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scrubbed: list[int | None] = []
    real = SqliteDatabase.scrub

    def watched(self: SqliteDatabase, secrets: Any) -> None:
        scrubbed.append(None if secrets is None else len(secrets))
        real(self, secrets)

    monkeypatch.setattr(SqliteDatabase, "scrub", watched)
    objects = [site.seal(annex=TEXT, pseudonyms=(hash_leaf(b"%d" % n),))[0] for n in range(20)]
    secrets = [secret for object_id in objects for secret in _kept(site, object_id)]

    def batches(of: list[bytes]) -> Any:
        for object_id in of:
            yield [site.statement(Event.ERASED, site.archivist, object_id)]

    (few,) = site.log.erase_all(batches(objects[:1]), at=site.now)
    entries = list(site.log.erase_all(batches(objects[1:]), at=site.now))
    assert [entry.index for entry in entries] == list(range(few.index + 1, few.index + 20))
    assert scrubbed == [4, None], "a few are searched for; of many the file is written anew"
    content = _content(site)
    assert not any(secret[:12] in content for secret in secrets)
    assert site.log.audit().ok
    with pytest.raises(UsageError):
        list(
            site.log.erase_all([[site.statement(Event.SENT, site.device, objects[0])]], at=site.now)
        )


def test_many_erasures_that_break_off_are_finished_at_the_next_opening(site: Any) -> None:
    objects = [site.seal(annex=TEXT)[0] for _ in range(3)]
    secrets = [secret for object_id in objects for secret in _kept(site, object_id)]

    def batches() -> Any:
        for object_id in objects:
            yield [site.statement(Event.ERASED, site.archivist, object_id)]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(site.log.erase_all(batches(), at=site.now))
    assert {finding.code for finding in site.log.audit().findings} == {FindingCode.ERASURE}
    site.reopen()
    assert site.log.audit().ok
    content = _content(site)
    assert not any(secret in content for secret in secrets)
