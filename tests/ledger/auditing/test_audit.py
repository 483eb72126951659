"""Whoever changes the database is found out: by the audit, and by what others hold."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from ledger import (
    Event,
    FindingCode,
    ProofError,
    TrustedLogs,
    hash_leaf,
    open_log,
    open_receipt,
)
from ledger.auditing.findings import Findings
from ledger.tree.tiles import TreeBuilder

Raw = sqlite3.Connection


@pytest.fixture
def busy_site(site: Any) -> Any:
    """300 sealed images; two of them with more to tell, an annex and a name."""
    site.append(*site.seals(300))
    for _ in range(2):
        object_id, _ = site.seal(annex=b"annex", pseudonyms=(hash_leaf(b"%d" % site.objects),))
        site.append(site.statement(Event.INGESTED, site.gateway, object_id))
        site.append(site.statement(Event.VERIFIED, site.gateway, object_id))
    site.log.checkpoint()
    return site


def _codes(site: Any, **held: Any) -> set[tuple[int | None, FindingCode]]:
    report = site.log.audit(**held)
    assert report.ok is not bool(report.findings)
    return {(finding.index, finding.code) for finding in report.findings}


def _change(site: Any, change: Callable[[Raw], object]) -> None:
    raw = sqlite3.connect(site.path)
    raw.execute("pragma foreign_keys = off")
    change(raw)
    raw.commit()
    raw.close()


def _edit(raw: Raw, index: int) -> None:
    (encoded,) = raw.execute(
        "select encoded from radseal_statement where idx=?", (index,)
    ).fetchone()
    encoded = encoded[:-1] + bytes([encoded[-1] ^ 1])
    raw.execute("update radseal_statement set encoded=? where idx=?", (encoded, index))


def _swap(raw: Raw, one: int, two: int) -> None:
    for old, new in ((one, -1), (two, one), (-1, two)):
        raw.execute("update radseal_statement set idx=? where idx=?", (new, old))


def test_an_honest_log_has_no_findings_and_says_how_far_it_is_signed(busy_site: Any) -> None:
    steps: list[tuple[int, int]] = []
    report = busy_site.log.audit(progress=lambda done, total: steps.append((done, total)))
    assert report.ok
    assert (report.size, report.covered) == (309, 309)
    assert report.root == busy_site.log.head().root
    assert steps[-1] == (309, 309)
    busy_site.seal()
    report = busy_site.log.audit(held=[busy_site.log.checkpoint()])
    assert report.ok


def test_an_edited_statement(busy_site: Any) -> None:
    entry = busy_site.log.entry(100)
    receipt = busy_site.log.prove(100)
    _change(busy_site, lambda raw: _edit(raw, 100))
    codes = _codes(busy_site)
    assert (100, FindingCode.SIGNATURE) in codes
    assert (100, FindingCode.TILE) in codes
    assert (None, FindingCode.HEAD) in codes
    assert (None, FindingCode.CHECKPOINT) in codes
    logs = TrustedLogs.from_vkeys(busy_site.keys.vkeys)
    open_receipt(entry.statement, receipt, logs=logs)
    with pytest.raises(ProofError):
        open_receipt(busy_site.log.entry(100).statement, receipt, logs=logs)


def test_an_edited_statement_on_each_page(site: Any) -> None:
    places = [5, 511, 512, 700, 1023, 1024, 1100]
    for _ in range(4):
        site.append(*site.seals(280))

    def edit(raw: Raw) -> None:
        for place in places:
            _edit(raw, place)

    _change(site, edit)
    found = [(place, FindingCode.SIGNATURE) for place in places]
    report = site.log.audit()
    assert [(f.index, f.code) for f in report.findings if f.code is FindingCode.SIGNATURE] == found
    assert found == [
        (f.index, f.code)
        for f in site.log.audit(jobs=2).findings
        if f.code is FindingCode.SIGNATURE
    ]


def test_a_deleted_statement(busy_site: Any) -> None:
    _change(busy_site, lambda raw: raw.execute("delete from radseal_statement where idx=100"))
    codes = _codes(busy_site)
    assert (100, FindingCode.STATEMENT_MISSING) in codes
    assert (101, FindingCode.ACTOR_LINK) in codes
    assert (None, FindingCode.HEAD) not in codes  # the tiles still hold its hash


def test_the_last_statements_deleted(busy_site: Any) -> None:
    _change(busy_site, lambda raw: raw.execute("delete from radseal_statement where idx>=307"))
    assert (307, FindingCode.STATEMENT_MISSING) in _codes(busy_site)


def test_swapped_statements(busy_site: Any) -> None:
    first, second = busy_site.log.entry(50), busy_site.log.entry(51)
    receipt = busy_site.log.prove(50)
    _change(busy_site, lambda raw: _swap(raw, 50, 51))
    codes = _codes(busy_site)
    assert {(50, FindingCode.TILE), (50, FindingCode.ACTOR_LINK)} <= codes
    logs = TrustedLogs.from_vkeys(busy_site.keys.vkeys)
    assert busy_site.log.entry(50).statement == second.statement
    with pytest.raises(ProofError):
        open_receipt(second.statement, receipt, logs=logs)
    open_receipt(first.statement, receipt, logs=logs)


def test_a_statement_beyond_the_head(busy_site: Any) -> None:
    _change(
        busy_site,
        lambda raw: raw.execute(
            "insert into radseal_statement select 999, encoded, x'00', 9, 9, null, null, 0, 1, 0"
            " from radseal_statement where idx=5"
        ),
    )
    codes = _codes(busy_site)
    assert (999, FindingCode.STATEMENT_EXTRA) in codes
    assert (None, FindingCode.DATABASE) in codes  # it names a key that is not there


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        (
            "update radseal_statement set leaf_hash=x'00' where idx=20",
            (20, FindingCode.INDEX),
        ),
        ("update radseal_statement set object_id=x'00' where idx=20", (20, FindingCode.INDEX)),
        ("update radseal_statement set object_seq=7 where idx=20", (20, FindingCode.INDEX)),
        ("update radseal_statement set actor_seq=9999 where idx=20", (20, FindingCode.INDEX)),
        ("update radseal_statement set actor=2 where idx=20", (20, FindingCode.INDEX)),
        ("update radseal_statement set event=6 where idx=20", (20, FindingCode.INDEX)),
        ("update radseal_statement set claimed_at=7 where idx=20", (20, FindingCode.INDEX)),
        (
            "update radseal_statement set encoded=x'd284' where idx=20",
            (20, FindingCode.STATEMENT_MALFORMED),
        ),
        ("update radseal_statement set encoded='text' where idx=20", (20, FindingCode.DATABASE)),
        ("update radseal_statement set leaf_hash=7 where idx=20", (20, FindingCode.DATABASE)),
        ("update radseal_key set certificate='text' where number=1", (None, FindingCode.DATABASE)),
        ("update radseal_head set root=zeroblob(32)", (None, FindingCode.HEAD)),
        ("update radseal_head set key_events=9", (None, FindingCode.KEYS)),
        ("update radseal_key set role='gateway' where number=1", (None, FindingCode.KEYS)),
        ("update radseal_key set revoked_index=1 where number=1", (None, FindingCode.KEYS)),
        ("update radseal_key set spki=x'00' where number=1", (None, FindingCode.KEYS)),
        ("delete from radseal_tile where level=1", (None, FindingCode.TILE)),
        ("update radseal_tile set hashes=zeroblob(8192) where number=0", (0, FindingCode.TILE)),
        ("insert into radseal_tile values (5, 0, x'00')", (None, FindingCode.TILE)),
        ("update radseal_checkpoint set note=x'00'", (None, FindingCode.CHECKPOINT)),
        ("update radseal_checkpoint set size=2 where size=1", (None, FindingCode.CHECKPOINT)),
        ("update radseal_checkpoint set size=2000 where size=1", (None, FindingCode.CHECKPOINT)),
        ("update radseal_log set genesis_kid=zeroblob(32)", None),
        ("update radseal_pseudonym set idx=20", (20, FindingCode.PSEUDONYM)),
        ("update radseal_pseudonym set idx=5000", (5000, FindingCode.PSEUDONYM)),
        ("delete from radseal_annex", (303, FindingCode.ANNEX)),
        ("delete from radseal_annex_key", (303, FindingCode.ANNEX)),
        ("update radseal_annex set ciphertext=zeroblob(40)", (303, FindingCode.ANNEX)),
        ("update radseal_annex set idx=20", (303, FindingCode.ANNEX)),
        ("insert into radseal_annex values (x'01', 20, x'', x'')", (None, FindingCode.ANNEX)),
        ("insert into radseal_annex_key values (x'01', x'')", (None, FindingCode.ANNEX)),
        (
            "insert into radseal_erased select object_id, 303, 1 from radseal_annex limit 1",
            (303, FindingCode.ERASURE),
        ),
        (
            "delete from radseal_statement where idx=304",
            (305, FindingCode.OBJECT_LINK),
        ),
    ],
)
def test_a_changed_row(busy_site: Any, sql: str, found: tuple[int | None, FindingCode]) -> None:
    assert busy_site.log.audit().ok
    _change(busy_site, lambda raw: raw.execute(sql))
    if found is None:
        busy_site.log.close()
        busy_site.log = open_log(busy_site.path, keys=busy_site.keys, annex_key=busy_site.annex_key)
        found = (0, FindingCode.GENESIS)
    assert found in _codes(busy_site)


@pytest.mark.parametrize(
    "sql",
    [
        "update radseal_annex set idx={old}",
        "delete from radseal_annex",
        "delete from radseal_annex_key",
        "update radseal_statement set annexed=0 where idx={new}",
    ],
)
def test_an_annex_that_replaced_another_is_gone(site: Any, sql: str) -> None:
    object_id, sealed = site.seal(annex=b"annex")
    (sent,) = site.append(site.statement(Event.SENT, site.device, object_id), annex=b"other")
    site.append(site.statement(Event.SENT, site.device, object_id))
    assert site.log.audit().ok
    _change(site, lambda raw: raw.execute(sql.format(old=sealed.index, new=sent.index)))
    owing = sealed if "annexed" in sql else sent
    assert _codes(site) == {(owing.index, FindingCode.ANNEX)}


def test_an_erasure_that_was_taken_back(site: Any) -> None:
    object_id, _ = site.seal(annex=b"annex")
    raw = sqlite3.connect(site.path)
    annex = raw.execute("select * from radseal_annex").fetchone()
    key = raw.execute("select * from radseal_annex_key").fetchone()
    raw.close()
    site.log.erase(site.statement(Event.ERASED, site.archivist, object_id), at=site.now)
    assert site.log.audit().ok

    def restore(raw: Raw) -> None:
        raw.execute("insert into radseal_annex values (?, ?, ?, ?)", annex)
        raw.execute("insert into radseal_annex_key values (?, ?)", key)

    _change(site, restore)
    assert (4, FindingCode.ERASURE) in _codes(site)
    _change(site, lambda raw: raw.execute("delete from radseal_erased"))
    assert (4, FindingCode.ERASURE) in _codes(site)


def _forge(site: Any, raw: Raw) -> None:
    """What an operator with all keys of the log can do: drop entry 200 and make the rest fit."""
    rows = raw.execute("select encoded from radseal_statement order by idx").fetchall()
    tree = TreeBuilder()
    kept = [encoded for index, (encoded,) in enumerate(rows) if index != 200]
    raw.execute("delete from radseal_statement where idx=200")
    raw.execute("update radseal_statement set idx=-idx where idx>200")
    raw.execute("update radseal_statement set idx=-idx-1 where idx<-200")
    tiles = tree.extend(map(hash_leaf, kept))
    raw.execute("delete from radseal_tile")
    for (level, number), hashes in tiles.items():
        raw.execute("insert into radseal_tile values (?, ?, ?)", (level, number, hashes))
    raw.execute("update radseal_head set size=?, root=?", (tree.size, tree.root))
    raw.execute("delete from radseal_checkpoint")
    note = site.keys.sign_checkpoint(size=tree.size, root=tree.root, timestamp=1)
    raw.execute("insert into radseal_checkpoint values (?, ?)", (tree.size, note))


def test_an_operator_who_makes_everything_fit_is_caught_by_what_others_hold(
    busy_site: Any,
) -> None:
    held_early = busy_site.keys.sign_checkpoint(
        size=150, root=_root_at(busy_site, 150), timestamp=1
    )
    held_late = busy_site.log.checkpoint()
    receipt, entry = busy_site.log.prove(200), busy_site.log.entry(200)
    _change(busy_site, lambda raw: _forge(busy_site, raw))
    codes = {code for _, code in _codes(busy_site)}
    assert codes == {FindingCode.ACTOR_LINK, FindingCode.ANNEX}
    assert (None, FindingCode.HELD_CHECKPOINT) not in _codes(busy_site, held=[held_early])
    assert (None, FindingCode.HELD_CHECKPOINT) in _codes(busy_site, held=[held_late])
    logs = TrustedLogs.from_vkeys(busy_site.keys.vkeys)
    assert open_receipt(entry.statement, receipt, logs=logs).index == 200
    assert busy_site.log.entry(200) != entry


def test_a_tail_that_was_cut_is_seen_by_whoever_holds_a_checkpoint(busy_site: Any) -> None:
    held = busy_site.log.checkpoint()
    old = busy_site.path.with_suffix(".old")
    busy_site.log.close()
    old.write_bytes(busy_site.path.read_bytes())
    busy_site.reopen()
    busy_site.append(*busy_site.seals(4))
    newer = busy_site.log.checkpoint()
    busy_site.log.close()
    busy_site.path.write_bytes(old.read_bytes())
    busy_site.log = open_log(busy_site.path, keys=busy_site.keys, annex_key=busy_site.annex_key)
    assert busy_site.log.audit(held=[held]).ok
    assert _codes(busy_site, held=[newer]) == {(None, FindingCode.HELD_CHECKPOINT)}


def _root_at(site: Any, size: int) -> bytes:
    tree = TreeBuilder()
    tree.extend(entry.leaf_hash for entry in site.log.entries(0, size))
    return tree.root


def test_findings_stop_before_they_fill_the_memory() -> None:
    findings = Findings()
    for index in range(5_000):
        findings.add(index, FindingCode.INDEX, "broken")
    assert len(findings.all()) == Findings.LIMIT + 1
    assert findings.all()[-1].code is FindingCode.TOO_MANY
