"""Evidence for alarms, kept; and the alarms, as the log stands now (docs/spec/log.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, literal_column, select

from ledger.checkpoints.trusted_logs import TrustedLogs, open_checkpoint
from ledger.errors import LedgerError, MalformedError, RefusedError, StoreError
from ledger.instants import from_milliseconds, to_milliseconds
from ledger.questions.alarms import Alarm, AlarmKind, Expectation, Run, missing_numbers, presented
from ledger.roles import Event
from ledger.statements import rules
from ledger.statements.arrival import Arrival
from ledger.statements.keyring import KeyRecord, Keyring
from ledger.statements.statement import Statement, parse_statement
from ledger.storage import chain_ends, schema, store, stored_checkpoints

MAX_OF_ACTOR = 1_000  # rows of one kind; the oldest that are closed make room

_S, _A = schema.statement.c, schema.alarm.c


def note_refused(connection: Connection, arrivals: Sequence[Arrival], *, at: datetime) -> None:
    """Keep what statements show that were refused for their back links.

    Only what keys in force have signed counts: a stranger raises nothing.
    """
    keyring, head = store.read_keyring(connection), store.read_head(connection)
    verified = sorted(_verified(arrivals, keyring, head.size), key=lambda each: each.kid)
    for kid, group in groupby(verified, key=lambda each: each.kid):
        number, statements = keyring.records[kid].number, list(group)
        link = chain_ends.next_actor_links(connection, (number,))[number]
        known = {
            each.leaf_hash
            for each in statements
            if each.actor_link.seq < link.seq  # what lies beyond is not in the log
            and store.find_leaf(connection, each.leaf_hash) is not None
        }
        shown = presented(statements, link, known)
        if missing_numbers(link.seq, ((run.first, run.last) for run in shown.runs)):
            for run in shown.runs:
                for rival in _rivals(connection, number, run):
                    _keep(connection, AlarmKind.FORK, number, rival, link.seq, head.size, at)
                values = (run.first, run.last, run.leaf_hash, run.statement)
                _keep(connection, AlarmKind.GAP, number, values, link.seq, head.size, at)
        for fork in shown.forks:
            seq = fork.actor_link.seq
            values = (seq, seq, fork.leaf_hash, fork.encoded)
            _keep(connection, AlarmKind.FORK, number, values, link.seq, head.size, at)


def _rivals(connection: Connection, actor: int, run: Run) -> list[tuple[int, int, bytes, bytes]]:
    """Return both statements, where another one of that number was shown before; or nothing."""
    asked = select(_A.leaf_hash, _A.evidence).where(
        _A.actor == actor, _A.last == run.last, _A.leaf_hash != run.leaf_hash
    )
    shown = [(run.last, run.last, row[0], row[1]) for row in connection.execute(asked)]
    return [*shown, (run.last, run.last, run.leaf_hash, run.statement)] if shown else []


def _verified(arrivals: Sequence[Arrival], keyring: Keyring, index: int) -> Iterator[Statement]:
    for each in arrivals:
        try:
            record = keyring.signer(each.parsed.kid, index=index)
            yield each.verified or rules.check_signature(each.parsed, record)
        except RefusedError:
            continue


def _keep(
    connection: Connection,
    kind: AlarmKind,
    actor: int,
    values: tuple[int, int, bytes, bytes],
    awaited: int,
    size: int,
    at: datetime,
) -> None:
    first, last, leaf_hash, evidence = values
    of_actor = (_A.actor == actor, _A.kind == kind.value)
    if connection.execute(select(_A.actor).where(*of_actor, _A.leaf_hash == leaf_hash)).first():
        return
    if kind is AlarmKind.GAP:  # a run that goes on from another swallows it
        connection.execute(
            delete(schema.alarm).where(*of_actor, _A.first >= first, _A.last <= last)
        )
    count = connection.execute(select(func.count()).where(*of_actor)).scalar_one()
    if count >= MAX_OF_ACTOR and not _make_room(connection, kind, actor):
        return  # the alarm is open, and says enough
    connection.execute(
        insert(schema.alarm).values(
            actor=actor,
            kind=kind.value,
            first=first,
            last=last,
            awaited=awaited,
            leaf_hash=leaf_hash,
            evidence=evidence,
            raised_size=size,
            raised_at=to_milliseconds(at),
        )
    )


def _make_room(connection: Connection, kind: AlarmKind, actor: int) -> bool:
    """Forget filled gaps; forks are never forgotten."""
    if kind is not AlarmKind.GAP:
        return False
    next_seq = chain_ends.next_actor_links(connection, (actor,))[actor].seq
    gone = connection.execute(
        delete(schema.alarm).where(_A.actor == actor, _A.kind == kind.value, _A.last < next_seq)
    )
    return gone.rowcount > 0


def read_alarms(connection: Connection) -> Iterator[Alarm]:
    """Yield every gap and fork of this snapshot, by key, then by kind and number."""
    records = {each.number: each for each in store.read_keyring(connection).records.values()}
    rows = connection.execute(
        select(schema.alarm).order_by(_A.actor, _A.kind, _A.first, _A.leaf_hash)
    ).all()
    for (actor, kind), group in groupby(rows, key=lambda row: (row.actor, row.kind)):
        if actor not in records:
            raise StoreError(f"an alarm about key number {actor}, which the log does not have")
        kid, evidence = records[actor].key.kid, list(group)
        if kind == AlarmKind.GAP.value:
            yield from _gaps(connection, actor, kid, evidence)
        elif kind == AlarmKind.FORK.value:
            for each in evidence:  # of two rivals one may have been logged: the other is the fork
                if store.find_leaf(connection, each.leaf_hash) is None:
                    yield _fork(connection, actor, kid, each)
        else:
            raise StoreError(f"an alarm of the kind {kind!r}, which is not known")


def read_rivals(connection: Connection, *, trusted: TrustedLogs) -> Iterator[Alarm]:
    """Yield one alarm for each two keys of which one has sealed what the other had sealed before.

    Both seals are in the log, which cannot tell who lies. It is closed once either is revoked.
    """
    records = {each.number: each for each in store.read_keyring(connection).records.values()}
    rows = connection.execute(_RIVALS).all()
    for (second, first), group in groupby(rows, key=lambda row: (row.second, row.first)):
        pairs, keys = list(group), (records.get(second), records.get(first))
        if keys[0] is None or keys[1] is None:
            raise StoreError("a seal of a key that the log does not have")
        numbers = sorted(pair.second_seq for pair in pairs)
        revoked = [each.revoked_index for each in keys if each and each.revoked_index is not None]
        oldest = pairs[0]
        yield Alarm(
            AlarmKind.RIVAL,
            keys[0].key.kid,
            _ranges(numbers),
            _raised(connection, oldest.idx, trusted),
            oldest.idx + 1,
            oldest.encoded or None,
            leaf_hash=oldest.leaf_hash,
            other=oldest.first_idx,
            closed_by=min(revoked, default=None),
        )


_FIRST_SEAL = schema.statement.alias()
_SEALED: ColumnElement[int] = literal_column(str(schema.EVENT_NUMBERS[Event.SEALED]))
_RIVALS = (
    select(
        _S.actor.label("second"),
        _S.actor_seq.label("second_seq"),
        _S.idx,
        _S.encoded,
        _S.leaf_hash,
        _FIRST_SEAL.c.actor.label("first"),
        _FIRST_SEAL.c.idx.label("first_idx"),
    )
    .join_from(
        schema.statement,
        _FIRST_SEAL,
        (_FIRST_SEAL.c.object_id == _S.object_id)
        & (_FIRST_SEAL.c.object_seq < _S.object_seq)
        & (_FIRST_SEAL.c.event + 0 == _SEALED),  # not by the index over events
    )
    .where(_S.event == _SEALED, _S.object_seq > literal_column("0"))
    .order_by("second", "first", _S.idx)
)


def _raised(connection: Connection, index: int, trusted: TrustedLogs) -> datetime:
    """Return when a checkpoint first covered an entry; until then, when the log grew last."""
    note = stored_checkpoints.checkpoint_covering(connection, index)
    signed = None if note is None else open_checkpoint(note, trusted).cosigned_at
    return signed or from_milliseconds(store.read_head(connection).updated_at)


def _ranges(numbers: Sequence[int]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] >= number - 1:
            found[-1] = found[-1][0], number
        else:
            found.append((number, number))
    return tuple(found)


def read_silence(
    connection: Connection,
    expected: Sequence[Expectation],
    *,
    trusted: TrustedLogs,
    at: datetime,
) -> Iterator[Alarm]:
    """Yield the keys in force that were not heard, until ``at``, for longer than expected."""
    records = store.read_keyring(connection).records
    for each in expected:
        record = records.get(each.kid)
        if record is not None and record.revoked_index is None:
            yield from _silence(connection, record, each, trusted, at)


def _gaps(
    connection: Connection, actor: int, kid: bytes, rows: Sequence[Row[Any]]
) -> Iterator[Alarm]:
    """Closed ones each for itself; what is open now is one alarm that names all numbers."""
    next_seq = chain_ends.next_actor_links(connection, (actor,))[actor].seq
    for row in rows:
        if row.awaited < row.first <= next_seq:
            closed = _entry_at(connection, actor, row.first - 1)
            numbers = ((row.awaited, row.first - 1),)
            yield _alarm(AlarmKind.GAP, kid, row, numbers, closed_by=closed)
    beyond = [row for row in rows if row.first > next_seq]
    missing = missing_numbers(next_seq, ((row.first, row.last) for row in rows))
    if beyond and missing:
        yield _alarm(AlarmKind.GAP, kid, beyond[-1], missing, since=beyond)


def _fork(connection: Connection, actor: int, kid: bytes, row: Row[Any]) -> Alarm:
    try:
        statement = parse_statement(row.evidence)
    except MalformedError as error:
        raise StoreError(f"the evidence of an alarm is damaged: {error}") from error
    # the number, or if that is still free, the predecessor that the log has another one of
    other = _entry_at(connection, actor, row.first)
    if other is None:
        other = _entry_at(connection, actor, row.first - 1)
    asked = (
        select(_S.idx, _S.encoded)
        .where(_S.actor == actor, _S.claimed_at == to_milliseconds(statement.claimed_at))
        .where(_S.actor_seq > row.first)
        .order_by(_S.idx)
    )
    again = None
    for index, encoded in connection.execute(asked):
        said = parse_statement(encoded)
        if (said.event, said.object_id, said.body) == (
            statement.event,
            statement.object_id,
            statement.body,
        ):
            again = index
            break
    numbers = ((row.first, row.last),)
    return _alarm(AlarmKind.FORK, kid, row, numbers, other=other, closed_by=again)


def _silence(
    connection: Connection,
    record: KeyRecord,
    expected: Expectation,
    trusted: TrustedLogs,
    at: datetime,
) -> Iterator[Alarm]:
    newest = connection.execute(
        select(_S.idx, _S.actor_seq)
        .where(_S.actor == record.number)
        .order_by(_S.actor_seq.desc())
        .limit(1)
    ).one_or_none()
    index, seq = (record.added_index, -1) if newest is None else (newest[0], newest[1])
    note = stored_checkpoints.checkpoint_covering(connection, index)
    if note is None:
        return  # not published yet: heard just now
    heard = open_checkpoint(note, trusted).cosigned_at
    if heard is None or at - heard <= expected.period:
        return
    size = store.read_head(connection).size
    next_seq = seq + 1
    yield Alarm(
        AlarmKind.SILENCE,
        record.key.kid,
        ((next_seq, next_seq),),
        at,
        size,
        None,
        other=None if seq < 0 else index,
        last_heard=heard,
    )


def _alarm(
    kind: AlarmKind,
    kid: bytes,
    row: Row[Any],
    numbers: tuple[tuple[int, int], ...],
    *,
    other: int | None = None,
    closed_by: int | None = None,
    since: Sequence[Row[Any]] = (),
) -> Alarm:
    oldest = min(since or [row], key=lambda each: int(each.raised_at))
    try:
        raised = from_milliseconds(oldest.raised_at)
    except LedgerError as error:
        raise StoreError("an alarm without a time") from error
    return Alarm(
        kind,
        kid,
        numbers,
        raised,
        oldest.raised_size,
        row.evidence,
        leaf_hash=row.leaf_hash,
        other=other,
        closed_by=closed_by,
    )


def _entry_at(connection: Connection, actor: int, seq: int) -> int | None:
    asked = select(_S.idx).where(_S.actor == actor, _S.actor_seq == seq)
    return connection.execute(asked).scalar_one_or_none()
