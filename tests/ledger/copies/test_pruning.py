"""Pruning by minimum index: what goes, what stays provable, and what nobody may keep silent."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ledger import (
    Cosigner,
    Event,
    FindingCode,
    LedgerError,
    Monitor,
    NotFoundError,
    PrunedError,
    Query,
    Role,
    StoreError,
    Submission,
    TileFolder,
    TrustedLogs,
    UsageError,
    WitnessError,
    Witnesses,
    key_revoked_body,
    open_log,
    open_receipt,
    parse_policy,
    parse_statement,
    verify_consistency,
)
from ledger.tree.tiles import tile_path

COUNT = 700


@pytest.fixture
def grown(site: Any) -> Any:
    """Some 700 entries, of which number 300 adds a key and number 301 revokes it."""
    site.append(*site.seals(297))
    spare = site.signer("spare")
    assert site.add_key(spare, Role.AUDITOR).index == 300
    body = key_revoked_body(spare.kid, reason="lost")
    site.append(site.statement(Event.KEY_REVOKED, site.archivist, body=body))
    site.append(*site.seals(COUNT - 302))
    site.log.checkpoint()
    return site


def prune(site: Any, below: int, archive: Path) -> Any:
    return site.log.prune(below, archive=archive, at=site.now)


def test_the_root_and_every_proof_stay(grown: Any, tmp_path: Path) -> None:
    logs = TrustedLogs.from_vkeys(grown.keys.vkeys)
    statements = [entry.statement for entry in grown.log.entries()]
    receipts = [grown.log.prove(index) for index in (0, 100, 300, 600, COUNT - 1)]
    head, roots = grown.log.head(), {}
    for size in (5, 256, 511, 512, 600):
        roots[size] = grown.log.consistency(size, COUNT)
    done = prune(grown, 600, tmp_path / "old")
    assert (done.pruning.below, done.dropped) == (512, 512 - 5)  # five are about keys
    assert grown.log.head() == head
    assert grown.log.minimum_index == 512
    for size, path in roots.items():
        assert grown.log.consistency(size, COUNT) == path
    for index, receipt in zip((0, 100, 300, 600, COUNT - 1), receipts, strict=True):
        assert grown.log.prove(index) == receipt
        assert open_receipt(statements[index], receipt, logs=logs).index == index
    grown.reopen()
    grown.append(*grown.seals(100))
    new = grown.log.head()
    assert new.size == COUNT + 100
    verify_consistency(
        old_size=COUNT,
        old_root=head.root,
        new_size=new.size,
        new_root=new.root,
        path=grown.log.consistency(COUNT, new.size),
    )
    for index in range(512, COUNT):
        assert grown.log.entry(index).statement == statements[index]
    assert [grown.log.entry(index).index for index in (0, 300, 301)] == [0, 300, 301]
    raw = grown.path.read_bytes() + Path(f"{grown.path}-wal").read_bytes()
    assert statements[100] not in raw
    assert statements[512] in raw


def test_what_is_pruned_says_where_it_is(grown: Any, tmp_path: Path) -> None:
    chained, _ = grown.seal()
    link = grown.log.object_link(chained)
    old = grown.log.entry(10)
    of_old = parse_statement(old.statement).object_id
    assert of_old is not None
    due = grown.log.object_link(of_old)
    prune(grown, 300, tmp_path / "old")
    words = f"archive {tmp_path / 'old'}"
    for question in (
        lambda: grown.log.entry(10),
        lambda: grown.log.events(of_old),
        lambda: list(grown.log.statements(0, 20)),
        lambda: list(grown.log.entries()),
    ):
        with pytest.raises(PrunedError, match=words):
            question()
    assert len(list(grown.log.entries(256))) == COUNT + 1 - 256
    with pytest.raises(NotFoundError, match="no entry 9999"):
        grown.log.entry(9999)
    assert [e.index for e in grown.log.query(Query())][:4] == [0, 1, 2, 256]
    # A pruned chain can be gone on with, and not forked.
    assert grown.log.object_link(of_old) == due
    assert grown.log.object_link(chained) == link
    viewed = grown.statement(Event.SENT, grown.gateway, of_old)
    (entry,) = grown.append(viewed)
    assert entry.index == COUNT + 1
    # What was logged and pruned comes back as itself, not again.
    (again,) = grown.log.append([Submission(old.statement)], at=grown.now)
    assert again == old
    for path in ("tile/0/000", "tile/entries/000", "tile/entries/000.p/7", "tile/0/000.p/255"):
        with pytest.raises(PrunedError, match="minimum index is 256"):
            grown.log.static_file(path)
    for path in ("tile/0/001", "tile/entries/001", "tile/1/000.p/2"):
        assert grown.log.static_file(path)


def test_an_auditor_reads_the_archive_and_then_the_log(grown: Any, tmp_path: Path) -> None:
    logs = TrustedLogs.from_vkeys(grown.keys.vkeys)
    statements = [entry.statement for entry in grown.log.entries()]
    prune(grown, 300, tmp_path / "first")
    prune(grown, 520, tmp_path / "second")
    grown.append(*grown.seals(20))
    grown.log.export(tmp_path / "static")
    assert not (tmp_path / "static" / tile_path("entries", 1, 256)).exists()
    assert not (tmp_path / "second" / tile_path("entries", 0, 256)).exists()
    with pytest.raises(PrunedError, match="first"):
        Monitor(tmp_path / "copy", logs=logs).follow(grown.log)
    with pytest.raises(StoreError, match="read its archive first"):
        Monitor(tmp_path / "copy", logs=logs).follow(TileFolder(tmp_path / "static"))
    for shown in ("first", "second", "static"):
        found = Monitor(tmp_path / "copy", logs=logs).follow(TileFolder(tmp_path / shown))
        assert found.alarm is None
    assert found.size == COUNT + 20
    assert Monitor(tmp_path / "copy", logs=logs).follow(grown.log).alarm is None
    assert list(TileFolder(tmp_path / "copy").statements(0, COUNT)) == statements


def test_an_audit_says_what_it_could_not_hash(grown: Any, tmp_path: Path) -> None:
    before = grown.log.audit()
    assert before.state is not None
    prune(grown, 300, tmp_path / "first")
    prune(grown, 520, tmp_path / "second")
    report = grown.log.audit()
    assert report.findings == ()
    assert (report.minimum_index, report.not_rehashed) == (512, 512 - 5)
    assert (report.root, report.state) == (before.root, None)
    partly = grown.log.audit(archives=[tmp_path / "second"])
    assert (partly.findings, partly.not_rehashed) == ((), 256 - 3)
    both = [tmp_path / "first", tmp_path / "second"]
    whole = grown.log.audit(archives=both)
    assert (whole.findings, whole.not_rehashed) == ((), 0)
    assert whole.state == before.state
    grown.append(*grown.seals(9))
    grown.log.checkpoint()
    since = grown.log.audit_since(before.state)
    assert (since.findings, since.not_rehashed, since.start) == ((), 0, COUNT)
    # An archive that was changed is not believed.
    both = [tmp_path / "first"]
    assert grown.log.audit(archives=both).not_rehashed == 0
    bundle = tmp_path / "first" / tile_path("entries", 0, 256)
    bundle.write_bytes(bundle.read_bytes().replace(grown.device.kid, bytes(32)))
    assert grown.log.audit(archives=both).not_rehashed > 0


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("update radseal_statement set leaf_hash=zeroblob(32) where idx=10", None),
        ("update radseal_statement set encoded=x'' where idx=300", FindingCode.KEYS),
        ("update radseal_statement set encoded=x'' where idx=600", None),
        ("update radseal_statement set actor_seq=9999 where idx=10", FindingCode.ACTOR_LINK),
        ("delete from radseal_statement where idx=10", FindingCode.STATEMENT_MISSING),
        ("delete from radseal_tile where level=0 and number=2", FindingCode.TILE),
        ("delete from radseal_pruning", FindingCode.STATEMENT_MALFORMED),
    ],
)
def test_an_audit_of_a_pruned_log_still_finds(
    grown: Any, tmp_path: Path, sql: str, code: FindingCode | None
) -> None:
    prune(grown, 520, tmp_path / "old")
    raw = sqlite3.connect(grown.path)
    raw.execute(sql)
    raw.commit()
    raw.close()
    codes = {each.code for each in grown.log.audit().findings}
    assert codes
    assert code is None or code in codes


def test_nothing_goes_without_a_checked_archive(
    grown: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "note").write_text("mine")
    for below, place in ((255, "a"), (COUNT + 300, "a"), (300, "full")):
        with pytest.raises(UsageError):
            prune(grown, below, tmp_path / place)
    import ledger.copies.export as module

    real = module._write

    def torn(path: Path, data: bytes) -> None:
        real(path, data[:-1] if "entries" in str(path) else data)

    monkeypatch.setattr(module, "_write", torn)
    with pytest.raises(StoreError):
        prune(grown, 300, tmp_path / "torn")
    monkeypatch.setattr(
        module, "_write", lambda p, d: real(p, d.replace(grown.device.kid, bytes(32)))
    )
    with pytest.raises(StoreError, match=r"does not lead to its checkpoint|another tile"):
        prune(grown, 300, tmp_path / "changed")
    monkeypatch.setattr(module, "_write", real)
    assert grown.log.minimum_index == 0
    assert grown.log.audit(archives=[]).not_rehashed == 0
    assert len(list(grown.log.entries())) == COUNT
    prune(grown, 300, tmp_path / "old")
    with pytest.raises(UsageError, match="no whole bundle"):
        prune(grown, 400, tmp_path / "again")
    with (
        open_log(grown.path, keys=None, annex_key=None) as reading,
        pytest.raises(UsageError, match="for reading only"),
    ):
        reading.prune(600, archive=tmp_path / "x", at=grown.now)


def test_a_log_of_whole_bundles_is_pruned_to_its_end(grown: Any, tmp_path: Path) -> None:
    grown.append(*grown.seals(768 - COUNT))
    last = grown.log.entry(767).statement
    receipt = grown.log.prove(767)
    assert prune(grown, 768, tmp_path / "old").pruning.below == 768
    assert grown.log.prove(767) == receipt
    grown.reopen()
    (entry,) = grown.append(*grown.seals(1))
    assert entry.index == 768
    logs = TrustedLogs.from_vkeys(grown.keys.vkeys)
    assert open_receipt(last, grown.log.prove(767), logs=logs).index == 767
    assert open_receipt(entry.statement, grown.log.prove(768), logs=logs).index == 768
    report = grown.log.audit()
    assert (report.findings, report.not_rehashed) == ((), 768 - 5)
    grown.log.export(tmp_path / "static")
    found = Monitor(tmp_path / "copy", logs=logs).follow(TileFolder(tmp_path / "old"))
    assert (found.size, found.alarm) == (768, None)
    found = Monitor(tmp_path / "copy", logs=logs).follow(TileFolder(tmp_path / "static"))
    assert (found.size, found.alarm) == (769, None)


def test_two_who_prune_at_once(grown: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ledger.log as module

    real = module.check_archive

    def meanwhile(*words: Any, **more: Any) -> None:
        real(*words, **more)
        monkeypatch.setattr(module, "check_archive", real)
        prune(grown, 520, tmp_path / "theirs")

    monkeypatch.setattr(module, "check_archive", meanwhile)
    with pytest.raises(UsageError, match="by somebody else"):
        prune(grown, 300, tmp_path / "ours")
    assert grown.log.minimum_index == 512


def test_stopped_in_the_middle_nothing_is_lost(
    grown: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between any two writes of the transaction, the log is as it was."""
    import ledger.copies.pruning as module

    class KilledError(Exception):
        pass

    def killed(*_: object) -> None:
        raise KilledError

    before = grown.log.audit()
    for step in ("insert", "update", "delete"):
        with monkeypatch.context() as patch:
            patch.setattr(module, step, killed)
            with pytest.raises(KilledError):
                prune(grown, 300, tmp_path / step)
        grown.reopen()
        assert grown.log.audit() == before
        assert grown.log.minimum_index == 0
    prune(grown, 300, tmp_path / "old")
    assert grown.log.audit(archives=[tmp_path / "old"]).not_rehashed == 0


def test_a_log_without_its_quorum_is_not_pruned(grown: Any, tmp_path: Path) -> None:
    """With a policy nothing goes that no quorum of witnesses has cosigned."""
    vkey = Cosigner.generate("dead.example").vkeys[0]
    policy = f"witness w {vkey} http://127.0.0.1:9\nquorum w\n"
    grown.log.close()
    grown.log = open_log(
        grown.path,
        keys=grown.keys,
        annex_key=grown.annex_key,
        witnesses=Witnesses(parse_policy(policy.encode()), seconds=1.0),
    )
    with pytest.raises(WitnessError):
        prune(grown, 300, tmp_path / "old")
    assert grown.log.minimum_index == 0
    assert not (tmp_path / "old").exists()


def test_a_lost_archive_is_told_apart_from_a_lost_statement(grown: Any, tmp_path: Path) -> None:
    prune(grown, 300, tmp_path / "old")
    shutil.rmtree(tmp_path / "old")
    assert grown.log.audit().not_rehashed == 256 - 3
    raw = sqlite3.connect(grown.path)
    raw.execute("update radseal_statement set encoded=x'' where idx=400")
    raw.commit()
    raw.close()
    with pytest.raises(StoreError, match="the statement of entry 400 is gone"):
        grown.log.entry(400)
    with pytest.raises(LedgerError):
        grown.log.static_file("tile/entries/001")
