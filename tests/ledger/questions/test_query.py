"""Questions to a log, beside a plain scan of all its statements; and logs of the first format."""

import sqlite3
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from ledger import Event, Query, Role, StoreError, UsageError, open_log, parse_statement


@pytest.fixture
def eventful(site: Any) -> Any:
    """Two devices, objects with and without later events, verdicts, clocks that jump."""
    other = site.signer("other device")
    site.add_key(other, Role.DEVICE)
    mine = [site.seal()[0] for _ in range(6)]
    site.now += timedelta(days=3)
    theirs = [site.new_object() for _ in range(5)]
    for object_id in theirs:
        site.append(site.statement(Event.SEALED, other, object_id))
    site.now -= timedelta(days=2)
    for number, object_id in enumerate((*mine, *theirs)):
        site.append(site.statement(Event.INGESTED, site.gateway, object_id))
        verdict = "ALTERED" if number % 3 == 0 else "AUTHENTIC"
        body: dict[int, object] = {1: verdict} if number % 4 else {}
        site.append(site.statement(Event.VERIFIED, site.gateway, object_id, body=body))
    site.append(site.statement(Event.QUARANTINED, site.gateway, None))
    site.mine, site.theirs, site.other = mine, theirs, other
    return site


def _scan(site: Any, query: Query) -> list[int]:
    """The same question, answered by reading everything."""
    found = []
    sealed_by: dict[bytes, bytes] = {}
    for entry in site.log.entries():
        each = parse_statement(entry.statement)
        if each.event is Event.SEALED:
            sealed_by[each.object_id or b""] = each.kid
        if (
            query.object_id in (None, each.object_id)
            and query.actor in (None, each.kid)
            and query.device in (None, sealed_by.get(each.object_id or b""))
            and query.event in (None, each.event)
            and (query.claimed_from is None or each.claimed_at >= query.claimed_from)
            and (query.claimed_before is None or each.claimed_at < query.claimed_before)
            and (
                query.verdict is None
                or (each.event is Event.VERIFIED and each.body.get(1) == query.verdict)
            )
        ):
            found.append(entry.index)
    return found


@pytest.mark.parametrize("few", [0, 10_000])
def test_every_combination_is_what_a_scan_finds(
    eventful: Any, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr("ledger.view._PAGE", 3)
    monkeypatch.setattr("ledger.questions.query.FEW", few)
    site = eventful
    base = site.log.entry(4)
    start = parse_statement(base.statement).claimed_at + timedelta(days=1)
    hits = 0
    for object_id, actor, device, event, since, until, verdict in product(
        (None, site.mine[0], bytes(12)),
        (None, site.device.kid, site.gateway.kid, bytes(32)),
        (None, site.device.kid, site.other.kid, bytes(32)),
        (None, Event.SEALED, Event.VERIFIED),
        (None, start),
        (None, start + timedelta(days=1)),
        (None, "ALTERED"),
    ):
        if verdict and event is Event.SEALED:
            continue
        query = Query(
            object_id=object_id,
            actor=actor,
            device=device,
            event=event,
            claimed_from=since,
            claimed_before=until,
            verdict=verdict,
        )
        expected = _scan(site, query)
        hits += bool(expected)
        found = [entry.index for entry in site.log.query(query)]
        assert found == expected, query
        for after in (expected[len(expected) // 2] if expected else 7, 20):
            rest = [entry.index for entry in site.log.query(query, after=after)]
            assert rest == [index for index in expected if index > after], query
    assert hits > 60


def test_no_question_reads_the_whole_table_where_an_index_leads(eventful: Any) -> None:
    asked: list[str] = []
    from sqlalchemy import event as events

    engine = eventful.log._database._engine
    events.listen(
        engine,
        "before_cursor_execute",
        lambda *got: asked.append((got[2], got[3])),  # type: ignore[arg-type]
    )
    at = eventful.now - timedelta(minutes=1)
    for query in (
        Query(object_id=eventful.mine[0]),
        Query(actor=eventful.device.kid),
        Query(event=Event.QUARANTINED),
        Query(device=eventful.device.kid),
        Query(claimed_from=at, claimed_before=at + timedelta(days=1)),
    ):
        list(eventful.log.query(query))
    raw = sqlite3.connect(eventful.path)
    questions = [(sql, args) for sql, args in asked if "FROM radseal_statement" in sql]
    assert len(questions) >= 5
    for sql, args in questions:
        plan = " ".join(row[3] for row in raw.execute(f"explain query plan {sql}", args))
        assert "SCAN radseal_statement" not in plan, (sql, plan)
    raw.close()


def test_a_question_that_makes_no_sense(site: Any) -> None:
    with pytest.raises(UsageError):
        Query(object_id=b"short")
    with pytest.raises(UsageError):
        Query(event=Event.SEALED, verdict="ALTERED")
    with pytest.raises(UsageError):
        list(site.log.query(Query(claimed_from=site.now.replace(tzinfo=None))))


def _make_first_format(path: Any) -> None:
    raw = sqlite3.connect(path)
    for name in ("by_event", "by_time", "late_seal"):
        raw.execute(f"drop index radseal_statement_{name}")
    for name in ("event", "claimed_at"):
        raw.execute(f"alter table radseal_statement drop column {name}")
    for name in ("timestamp", "pruning", "alarm", "inbox", "lease"):
        raw.execute(f"drop table radseal_{name}")
    raw.execute("update radseal_log set format=1")
    raw.commit()
    raw.close()


def test_a_log_of_the_first_format_is_brought_up_in_place(eventful: Any) -> None:
    site = eventful
    before = [entry.index for entry in site.log.query(Query(verdict="ALTERED"))]
    root, receipt = site.log.checkpoint(), site.log.prove(5)
    site.log.close()
    raw = sqlite3.connect(site.path)
    fresh = sorted(raw.execute("select name, sql from sqlite_master where type='index'"))
    raw.close()
    _make_first_format(site.path)
    with pytest.raises(StoreError, match="format 1; this release reads 4: open it once"):
        open_log(site.path, keys=None, annex_key=None)
    site.log = open_log(site.path, keys=site.keys, annex_key=site.annex_key)
    assert [entry.index for entry in site.log.query(Query(verdict="ALTERED"))] == before
    assert (site.log.checkpoint(), site.log.prove(5)) == (root, receipt)
    assert site.log.audit().ok
    site.seal()
    assert site.log.audit().ok
    raw = sqlite3.connect(site.path)
    assert sorted(raw.execute("select name, sql from sqlite_master where type='index'")) == fresh
    raw.close()


def test_a_log_of_the_second_format_is_brought_up_in_place(site: Any) -> None:
    root = site.log.checkpoint()
    site.log.close()
    raw = sqlite3.connect(site.path)
    tables = sorted(raw.execute("select name, sql from sqlite_master where type='table'"))
    for name in ("timestamp", "pruning", "alarm", "inbox", "lease"):
        raw.execute(f"drop table radseal_{name}")
    raw.execute("drop index radseal_statement_late_seal")
    raw.execute("update radseal_log set format=2")
    raw.commit()
    with pytest.raises(StoreError, match="format 2; this release reads 4: open it once"):
        open_log(site.path, keys=None, annex_key=None)
    site.log = open_log(site.path, keys=site.keys, annex_key=site.annex_key)
    assert (site.log.checkpoint(), list(site.log.timestamps())) == (root, [])
    assert sorted(raw.execute("select name, sql from sqlite_master where type='table'")) == tables
    raw.close()
    assert site.log.alarms() == ()
    assert site.log.audit().ok


def test_a_log_of_a_later_format_is_refused(site: Any) -> None:
    raw = sqlite3.connect(site.path)
    raw.execute("update radseal_log set format=5")
    raw.commit()
    raw.close()
    for keys in (None, site.keys):
        with pytest.raises(StoreError, match="format 5; this release knows 4"):
            open_log(site.path, keys=keys, annex_key=None)
