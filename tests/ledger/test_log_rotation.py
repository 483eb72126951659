"""The log's own keys change: both sign for a while, and what was proven before stays proven."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ledger
from ledger import (
    Event,
    LedgerError,
    LogKeys,
    MalformedError,
    NoteKey,
    RefusedError,
    SignatureError,
    StoreError,
    TrustedLogs,
    UsageError,
    key_lines,
    log_keys_body,
    open_checkpoint,
    open_cose_receipt,
    open_receipt,
    read_key_lines,
    read_log_keys,
)
from ledger.checkpoints.key_sets import KeySuccession, group_keys
from ledger.checkpoints.note_keys import KeyType

ORIGIN = "archive.example/2026"


def other_keys(number: int) -> LogKeys:
    return LogKeys.from_seeds(
        ORIGIN, ed25519_seed=bytes([number]) * 32, mldsa44_seed=bytes([number + 100]) * 32
    )


FIRST, SECOND, THIRD = other_keys(1), other_keys(2), other_keys(3)


def announce(site: Any, keys: LogKeys) -> bytes:
    made: bytes = site.statement(Event.LOG_KEYS, site.archivist, body=log_keys_body(keys.sets))
    return made


def change(site: Any, keys: LogKeys) -> int:
    entry = site.log.change_keys(announce(site, keys), keys, at=site.now)
    site.keys = keys
    index: int = entry.index
    return index


def write_vkeys(site: Any, lines: Sequence[str]) -> None:
    """As an operator might, past the log."""
    site.log.close()
    with closing(sqlite3.connect(site.path)) as raw, raw:
        raw.execute("update radseal_log set vkeys = ?", ["\n".join(lines)])
    site.log = ledger.open_log(site.path, keys=site.keys, annex_key=site.annex_key)


def trusting(*lines: str) -> TrustedLogs:
    return TrustedLogs.from_vkeys(lines)


def test_during_the_overlap_old_and_new_configuration_both_hold(site: Any) -> None:
    old = site.keys
    change(site, old.joined_by(SECOND))
    note = site.log.checkpoint()
    for keys in (old, SECOND, site.keys):
        assert open_checkpoint(note, trusting(*keys.vkeys)).size == site.log.size
    assert site.log.audit().ok


def test_receipts_made_before_a_change_still_verify_after_it(site: Any) -> None:
    _, entry = site.seal()
    receipt, old = site.log.prove(entry.index), site.keys
    cose = site.log.prove_cose(entry.index, keys=old)
    change(site, old.joined_by(SECOND))
    _, during = site.seal()
    between = site.log.prove(during.index)
    last = change(site, SECOND)
    _, after = site.seal()
    logs = TrustedLogs.from_vkeys(site.log.vkeys)
    for statement, made in ((entry, receipt), (during, between), (after, site.log.prove(last + 1))):
        assert open_receipt(statement.statement, made, logs=logs).index == statement.index
    assert open_cose_receipt(entry.statement, cose, logs=logs).index == entry.index
    again = site.log.prove_cose(after.index, keys=SECOND)
    assert open_cose_receipt(after.statement, again, logs=logs).index == after.index
    assert site.log.audit(held=[site.log.checkpoint()]).ok


def test_retired_keys_sign_nothing_larger(site: Any) -> None:
    """A thief of old keys can only speak of the time before; a quorum of witnesses stops that."""
    old = site.keys
    change(site, old.joined_by(SECOND))
    last = change(site, SECOND)
    logs = TrustedLogs.from_vkeys(site.log.vkeys)
    forged = old.sign_checkpoint(size=last + 1, root=bytes(32), timestamp=0)
    with pytest.raises(SignatureError):
        open_checkpoint(forged, logs)
    earlier = old.sign_checkpoint(size=last, root=bytes(32), timestamp=0)
    assert open_checkpoint(earlier, logs).size == last
    with pytest.raises(SignatureError):
        open_checkpoint(site.log.checkpoint(), trusting(*old.vkeys))


def test_keys_of_two_sets_do_not_make_one(site: Any) -> None:
    mixed = (str(site.keys.sets[0][0]), str(SECOND.sets[0][1]))
    logs = TrustedLogs.from_vkeys([*site.keys.vkeys, *SECOND.vkeys])
    classic = site.keys.sign_checkpoint(size=1, root=bytes(32), timestamp=0)
    lasting = SECOND.sign_checkpoint(size=1, root=bytes(32), timestamp=0)
    lines = (classic.split(b"\n")[4], lasting.split(b"\n")[5])
    note = b"\n".join((*classic.split(b"\n")[:4], *lines, b""))
    assert open_checkpoint(note, trusting(*mixed)).size == 1, "both lines do verify"
    with pytest.raises(SignatureError):
        open_checkpoint(note, logs)


def test_opened_again_with_the_keys_in_force_and_no_others(site: Any) -> None:
    old = site.keys
    change(site, old.joined_by(SECOND))
    site.reopen()
    site.log.close()
    for wrong in (old, SECOND, SECOND.joined_by(old)):
        with pytest.raises(UsageError, match="not the keys"):
            ledger.open_log(site.path, keys=wrong, annex_key=None)
    site.log = ledger.open_log(site.path, keys=site.keys, annex_key=site.annex_key)
    change(site, SECOND)
    site.reopen()
    assert site.log.audit().ok


def test_only_one_set_joins_or_the_oldest_leave(site: Any) -> None:
    old = site.keys
    for wrong in (SECOND, SECOND.joined_by(THIRD), SECOND.joined_by(old), old):
        with pytest.raises(RefusedError):
            site.log.change_keys(announce(site, wrong), wrong, at=site.now)
    change(site, old.joined_by(SECOND))
    change(site, site.keys.joined_by(THIRD))
    with pytest.raises(RefusedError):
        change(site, old.joined_by(SECOND))
    change(site, THIRD)
    with pytest.raises(RefusedError, match="retired"):
        change(site, THIRD.joined_by(SECOND))
    site.keys = THIRD
    assert site.log.audit().ok


def test_keys_of_another_log_do_not_join(site: Any) -> None:
    foreign = LogKeys.from_seeds("other.example", ed25519_seed=bytes(32), mldsa44_seed=bytes(32))
    with pytest.raises(UsageError):
        site.keys.joined_by(foreign)
    with pytest.raises(RefusedError):
        site.log.change_keys(announce(site, foreign), foreign, at=site.now)
    assert site.log.audit().ok


def test_a_client_cannot_change_the_keys_of_the_log(site: Any) -> None:
    size = site.log.size
    with pytest.raises(RefusedError, match="where it is kept"):
        site.append(announce(site, site.keys.joined_by(SECOND)))
    assert site.log.size == size


def test_a_process_that_does_not_know_of_the_change_signs_nothing(site: Any) -> None:
    late = ledger.open_log(site.path, keys=site.keys, annex_key=None)
    change(site, site.keys.joined_by(SECOND))
    with pytest.raises(StoreError, match="open it again"):
        late.checkpoint()
    with pytest.raises(StoreError, match="open it again"):
        late.change_keys(announce(site, SECOND), SECOND, at=site.now)
    late._keys = None  # else closing it would try to sign
    late.close()


def test_the_audit_compares_the_keys_with_what_was_announced(site: Any) -> None:
    old = site.keys
    change(site, old.joined_by(SECOND))
    state = site.log.audit().state
    change(site, SECOND)
    assert site.log.audit_since(state).ok
    write_vkeys(site, (*SECOND.vkeys, "retired 900", *old.vkeys))
    for report in (site.log.audit(), site.log.audit_since(state)):
        assert [each.code for each in report.findings] == [ledger.FindingCode.KEYS]


def test_keys_that_were_never_announced_are_a_finding(site: Any) -> None:
    lines = (*site.keys.vkeys, *SECOND.vkeys)
    site.keys = site.keys.joined_by(SECOND)
    write_vkeys(site, lines)
    codes = {each.code for each in site.log.audit().findings}
    assert ledger.FindingCode.KEYS in codes


def test_a_key_that_is_retired_anywhere_is_not_in_force() -> None:
    lines = [*SECOND.vkeys, "retired 7", *FIRST.vkeys]
    logs = TrustedLogs.from_keys([*read_key_lines(FIRST.vkeys), *read_key_lines(lines)])
    note = FIRST.sign_checkpoint(size=8, root=bytes(32), timestamp=0)
    with pytest.raises(SignatureError):
        open_checkpoint(note, logs)


def test_lines_of_keys_are_read_as_they_are_written() -> None:
    succession = KeySuccession(ORIGIN)
    succession.follow((*FIRST.sets, *SECOND.sets), index=5)
    succession.follow(SECOND.sets, index=9)
    succession.follow((*SECOND.sets, *THIRD.sets), index=12)
    succession.follow(THIRD.sets, index=20)
    lines = key_lines(succession.sets)
    assert lines == (*THIRD.vkeys, "retired 20", *SECOND.vkeys, "retired 9", *FIRST.vkeys)
    assert group_keys(read_key_lines(lines)) == {ORIGIN: succession.sets}


@pytest.mark.parametrize("line", ["retired", "retired x", "retired 01", "retired -1", "expired 7"])
def test_other_lines_are_refused(line: str) -> None:
    with pytest.raises(MalformedError):
        read_key_lines([*FIRST.vkeys, line])


_VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=8) | st.sampled_from(FIRST.vkeys + SECOND.vkeys),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.integers(0, 3), _VALUES, max_size=3))
def test_any_body_raises_only_our_errors(body: dict[int, object]) -> None:
    try:
        sets = read_log_keys(body)
    except MalformedError:
        return
    assert log_keys_body(sets) == body


@given(st.lists(st.text(max_size=20) | st.sampled_from(FIRST.vkeys), max_size=4))
def test_any_lines_raise_only_our_errors(lines: list[str]) -> None:
    with suppress(LedgerError):
        TrustedLogs.from_vkeys(lines)


def test_a_body_with_a_witness_key_or_one_type_is_refused() -> None:
    classic, lasting = FIRST.sets[0]
    witness = NoteKey.from_public_bytes(ORIGIN, KeyType.ED25519_COSIGNATURE, classic.public)
    for keys in ((lasting, classic), (classic, classic), (witness, lasting)):
        with pytest.raises(MalformedError):
            read_log_keys({1: [[str(key) for key in keys]]})


def test_several_pairs_are_not_kept_in_one_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        FIRST.joined_by(SECOND).to_bytes()
    with pytest.raises(UsageError):
        FIRST.joined_by(FIRST)
