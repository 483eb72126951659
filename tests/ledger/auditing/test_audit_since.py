"""A second audit reads only what is new, and is not fooled about what was before."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    AuditReport,
    AuditState,
    Event,
    FindingCode,
    LedgerError,
    LogKeys,
    MalformedError,
    PrivateKeySigner,
    Role,
    SignatureError,
    hash_leaf,
    key_revoked_body,
    merkle_root,
    parse_audit_state,
)
from ledger.storage.schema import EVENT_NUMBERS
from ledger.tree.tiles import TreeBuilder

Raw = sqlite3.Connection


@pytest.fixture
def audited(site: Any) -> Any:
    """300 entries, audited; then 300 more of old and new signers about old and new objects."""
    site.append(*site.seals(290))
    object_id, _ = site.seal()
    site.log.checkpoint()
    site.first = site.log.audit()
    assert site.first.ok
    site.middle = site.log.size
    site.append(site.statement(Event.INGESTED, site.gateway, object_id))
    site.append(*site.seals(270))
    site.add_key(site.signer("late"), Role.GATEWAY)
    site.append(site.statement(Event.VERIFIED, site.signer("late"), object_id))
    site.log.checkpoint()
    return site


def _change(site: Any, change: Callable[[Raw], object]) -> None:
    raw = sqlite3.connect(site.path)
    raw.execute("pragma foreign_keys = off")
    change(raw)
    raw.commit()
    raw.close()


def _codes(report: AuditReport) -> set[tuple[int | None, FindingCode]]:
    assert report.ok is not bool(report.findings)
    assert (report.state is None) or report.ok
    return {(finding.index, finding.code) for finding in report.findings}


def _since(site: Any, **more: Any) -> set[tuple[int | None, FindingCode]]:
    return _codes(site.log.audit_since(site.first.state, **more))


def test_an_honest_log_goes_on_and_on(audited: Any) -> None:
    steps: list[tuple[int, int]] = []
    held = audited.log.checkpoint()
    report = audited.log.audit_since(
        audited.first.state, lambda done, total: steps.append((done, total)), held=[held]
    )
    assert report.ok
    assert (report.start, report.size, report.covered) == (
        audited.middle,
        audited.log.size,
        audited.log.size,
    )
    assert min(done for done, _ in steps) > audited.middle
    assert report.state == audited.log.audit().state  # the same as if all had been read
    for _ in range(3):
        audited.seal()
        audited.log.checkpoint()
        report = audited.log.audit_since(report.state)
        assert report.ok
    again = audited.log.audit_since(report.state)
    assert again.ok
    assert (again.start, again.size, again.state) == (report.size, report.size, report.state)


def test_it_does_not_read_old_statements(audited: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from ledger.auditing import audit

    read: list[object] = []
    question = audit._ROWS
    ask = question.all

    def asked(connection: Any, values: Any) -> list[tuple[Any, ...]]:
        read.append(values["after"])
        return ask(connection, values)

    monkeypatch.setattr(question, "all", asked)
    assert audited.log.audit_since(audited.first.state).ok
    assert read
    assert read[0] == audited.middle - 1


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 293])
def test_any_earlier_size_will_do(audited: Any, size: int) -> None:
    encoded = [entry.statement for entry in audited.log.entries(0, size)]
    note = audited.keys.sign_checkpoint(
        size=size, root=merkle_root(map(hash_leaf, encoded)), timestamp=1
    )
    state = AuditState(min(size, 3), note)
    report = audited.log.audit_since(state)
    assert report.ok, report.findings
    held = [audited.log.checkpoint(), *([note] if size > 1 else [])]
    assert audited.log.audit_since(audited.first.state, held=held).ok
    wrong = audited.keys.sign_checkpoint(size=size, root=bytes(32), timestamp=1)
    assert (None, FindingCode.HELD_CHECKPOINT) in _since(audited, held=[wrong])


def _rebuild(site: Any, raw: Raw, kept: list[bytes]) -> None:
    """What an operator with all keys of the log can do: make everything fit ``kept``."""
    raw.execute("delete from radseal_tile")
    tree = TreeBuilder()
    for (level, number), hashes in tree.extend(map(hash_leaf, kept)).items():
        raw.execute("insert into radseal_tile values (?, ?, ?)", (level, number, hashes))
    raw.execute("update radseal_head set size=?, root=?", (tree.size, tree.root))
    raw.execute("delete from radseal_checkpoint")
    note = site.keys.sign_checkpoint(size=tree.size, root=tree.root, timestamp=1)
    raw.execute("insert into radseal_checkpoint values (?, ?)", (tree.size, note))


def _encoded(raw: Raw) -> list[bytes]:
    rows = raw.execute("select encoded from radseal_statement order by idx")
    return [encoded for (encoded,) in rows]


def test_a_rewritten_past(audited: Any) -> None:
    def rewrite(raw: Raw) -> None:
        raw.execute("update radseal_statement set idx=-1 where idx=100")
        raw.execute("update radseal_statement set idx=100 where idx=101")
        raw.execute("update radseal_statement set idx=101 where idx=-1")
        _rebuild(audited, raw, _encoded(raw))

    _change(audited, rewrite)
    report = audited.log.audit_since(audited.first.state)
    assert _codes(report) == {(None, FindingCode.HELD_CHECKPOINT)}
    assert "rewritten" in report.findings[0].words


def test_a_cut_tail_that_was_seen(audited: Any) -> None:
    def cut(raw: Raw) -> None:
        raw.execute("delete from radseal_statement where idx >= 200")
        _rebuild(audited, raw, _encoded(raw))

    _change(audited, cut)
    report = audited.log.audit_since(audited.first.state)
    assert _codes(report) == {(None, FindingCode.HELD_CHECKPOINT)}
    assert "cut off" in report.findings[0].words


def test_swapped_and_deleted_among_the_new(audited: Any) -> None:
    at = audited.middle + 50

    def swap(raw: Raw) -> None:
        for old, new in ((at, -1), (at + 1, at), (-1, at + 1)):
            raw.execute("update radseal_statement set idx=? where idx=?", (new, old))
        _rebuild(audited, raw, _encoded(raw))

    _change(audited, swap)
    assert (at, FindingCode.ACTOR_LINK) in _since(audited)
    _change(audited, lambda raw: raw.execute(f"delete from radseal_statement where idx={at + 9}"))
    assert (at + 9, FindingCode.STATEMENT_MISSING) in _since(audited)


@pytest.mark.parametrize("place", [0, 1])
def test_swapped_over_the_edge_of_what_was_seen(audited: Any, place: int) -> None:
    at = audited.middle - place

    def swap(raw: Raw) -> None:
        for old, new in ((at, -1), (at + 1, at), (-1, at + 1)):
            raw.execute("update radseal_statement set idx=? where idx=?", (new, old))
        _rebuild(audited, raw, _encoded(raw))

    _change(audited, swap)
    if place:
        assert (None, FindingCode.HELD_CHECKPOINT) in _since(audited)
    else:  # entries of two signers about two objects: no chain is broken, and no one saw them
        assert _since(audited) == set()


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("update radseal_statement set encoded=x'00' where idx={new}", FindingCode.TILE),
        ("update radseal_statement set encoded='text' where idx={new}", FindingCode.DATABASE),
        ("update radseal_statement set event=6 where idx={new}", FindingCode.INDEX),
        ("update radseal_statement set actor=3 where idx={new}", FindingCode.INDEX),
        ("delete from radseal_statement where idx > {new}", FindingCode.STATEMENT_MISSING),
        ("update radseal_head set root=zeroblob(32)", FindingCode.HEAD),
        ("update radseal_head set key_events=9", FindingCode.KEYS),
        ("update radseal_key set role='auditor' where number=1", FindingCode.KEYS),
        ("delete from radseal_key where number=3", FindingCode.KEYS),
        ("update radseal_checkpoint set note=x'00' where size > {new}", FindingCode.CHECKPOINT),
        ("update radseal_tile set hashes='text' where number=1", FindingCode.TILE),
        ("update radseal_tile set hashes=zeroblob(2000) where number=2", FindingCode.TILE),
        ("delete from radseal_tile where level=1", FindingCode.TILE),
        ("insert into radseal_tile values (5, 0, x'00')", FindingCode.TILE),
    ],
)
def test_a_changed_row_of_what_is_read(audited: Any, sql: str, code: FindingCode) -> None:
    _change(audited, lambda raw: raw.execute(sql.format(new=audited.middle + 100)))
    found = {each for _, each in _since(audited)}
    assert code in found or FindingCode.HELD_CHECKPOINT in found, found
    assert found


def test_an_old_row_is_for_the_full_audit(audited: Any) -> None:
    _change(
        audited,
        lambda raw: raw.execute("update radseal_statement set encoded=x'00' where idx=50"),
    )
    assert _since(audited) == set()
    assert (50, FindingCode.TILE) in _codes(audited.log.audit())


def test_a_hidden_revocation(site: Any) -> None:
    spare: PrivateKeySigner = site.signer("spare")
    entry = site.add_key(spare, Role.GATEWAY)
    site.seal()
    body = key_revoked_body(spare.kid, reason="lost")
    (gone,) = site.append(site.statement(Event.KEY_REVOKED, site.archivist, body=body))
    site.log.checkpoint()
    first = site.log.audit()
    assert first.ok
    site.seal()
    site.log.checkpoint()
    number = EVENT_NUMBERS[Event.KEY_ADDED]

    def hide(raw: Raw) -> None:
        raw.execute("update radseal_statement set event=6 where idx=?", (gone.index,))
        raw.execute("update radseal_key set revoked_index=null where kid=?", (spare.kid,))

    _change(site, hide)
    codes = _codes(site.log.audit_since(first.state))
    assert (None, FindingCode.KEYS) in codes
    # and another entry in its place, so that the count is right
    _change(
        site,
        lambda raw: raw.execute(
            "update radseal_statement set event=? where idx=?", (number, entry.index + 1)
        ),
    )
    assert (entry.index + 1, FindingCode.KEYS) in _codes(site.log.audit_since(first.state))


def test_a_state_that_is_of_another_log_or_forged(audited: Any) -> None:
    other = LogKeys.generate("elsewhere.example")
    note = other.sign_checkpoint(size=1, root=bytes(32), timestamp=1)
    with pytest.raises(LedgerError):
        audited.log.audit_since(AuditState(1, note))
    forged = LogKeys.generate(audited.keys.origin)
    note = forged.sign_checkpoint(size=1, root=bytes(32), timestamp=1)
    with pytest.raises(SignatureError):
        audited.log.audit_since(AuditState(1, note))
    state = audited.first.state
    assert (None, FindingCode.KEYS) in _codes(
        audited.log.audit_since(AuditState(state.key_events + 1, state.checkpoint))
    )


def test_the_state_is_a_text_with_one_form(audited: Any) -> None:
    state = audited.first.state
    assert parse_audit_state(bytes(state)) == state
    good = bytes(state)
    for bad in (
        b"",
        good.replace(b"state 1", b"state 2"),
        good.replace(b"key-events 3", b"key-events 03"),
        good.replace(b"key-events 3", b"key-events -3"),
        good.replace(b"key-events 3\n", b"key-events 3\nmore\n"),
        good.partition(b"\n\n")[0] + b"\n\n",
        good * 100,
    ):
        with pytest.raises(MalformedError):
            parse_audit_state(bad)


@given(st.binary(max_size=200), st.integers(0, 60))
def test_arbitrary_states_raise_only_our_errors(data: bytes, cut: int) -> None:
    good = b"radseal audit state 1\nkey-events 3\n\n"
    try:
        state = parse_audit_state(good[:cut] + data)
    except LedgerError:
        return
    assert bytes(state) == good[:cut] + data
