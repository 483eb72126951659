"""Where the chain of an object or an actor ends, asked for many at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, bindparam, cast, func, literal_column, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from ledger.links import FIRST, Link
from ledger.storage import schema, store
from ledger.storage.prepared import PreparedQuestion

IN_LIMIT = 500  # values in one IN (...); SQLite binds at most 32,766

_S = schema.statement.c
_T = TypeVar("_T")


def _newest(column: str, seq: str) -> Select[Any, int, bytes]:
    """Of each asked-for chain, the statement with the highest number."""
    group = schema.statement.alias()
    newest = (
        select(group.c[column].label("chain"), func.max(group.c[seq]).label("seq"))
        .where(group.c[column].in_(bindparam("chains", expanding=True)))
        .group_by(group.c[column])
        .subquery()
    )
    return select(newest.c.chain, newest.c.seq, _S.leaf_hash).join(
        schema.statement, (_S[column] == newest.c.chain) & (_S[seq] == newest.c.seq)
    )


def _newest_of_array(column: str, seq: str) -> Select[Any, int, bytes]:
    """The same where an array can be asked with: one text, and so one plan, for any number."""
    kind = ARRAY(_S[column].type)
    chains = (
        func.unnest(cast(bindparam("chains", type_=kind), kind))
        .table_valued("chain")
        .render_derived()
    )
    newest = (
        select(_S[seq], _S.leaf_hash)
        .where(_S[column] == chains.c.chain)
        .order_by(_S[seq].desc())
        .limit(literal_column("1"))
        .lateral()
    )
    return select(chains.c.chain, newest.c[seq], newest.c.leaf_hash).join_from(
        chains, newest, true()
    )


_ONE_OBJECT = PreparedQuestion(
    select(_S.object_seq, _S.leaf_hash)
    .where(_S.object_id == bindparam("object_id"))
    .order_by(_S.object_seq.desc())
    .limit(1)
)
_OBJECTS = "object_id", "object_seq"
_ACTORS = "actor", "actor_seq"
_IN = {chain: _newest(*chain) for chain in (_OBJECTS, _ACTORS)}
_OF_ARRAY = {chain: PreparedQuestion(_newest_of_array(*chain)) for chain in (_OBJECTS, _ACTORS)}
_ENDS = _newest_of_array(*_OBJECTS).subquery()
_HEAD_AND_ENDS = PreparedQuestion(
    store.HEAD_COLUMNS.add_columns(*_ENDS.c).select_from(schema.head).outerjoin(_ENDS, true())
)


def _newest_of(
    connection: Connection, kind: tuple[str, str], chains: Sequence[Any]
) -> Iterator[Any]:
    if connection.dialect.name == "postgresql":
        yield from _OF_ARRAY[kind].all(connection, {"chains": list(chains)})
        return
    for chunk in _chunks(list(chains)):
        yield from connection.execute(_IN[kind], {"chains": chunk})


def next_object_links(connection: Connection, objects: Sequence[bytes]) -> dict[bytes, Link]:
    """Return for each object the link its next statement must have."""
    links = dict.fromkeys(objects, FIRST)
    if len(links) == 1:  # the one image of a modality: the plain question is the quicker one
        (object_id,) = links
        row = _ONE_OBJECT.first(connection, {"object_id": object_id})
        if row is not None:
            links[object_id] = Link(row[0] + 1, schema.require_bytes(row[1]))
        return links
    for chain, seq, leaf_hash in _newest_of(connection, _OBJECTS, list(links)):
        links[chain] = Link(seq + 1, leaf_hash)
    return links


def read_head_and_objects(
    connection: Connection, objects: Sequence[bytes]
) -> tuple[store.HeadRow, dict[bytes, Link]]:
    """Return the head, and ``next_object_links``; from a server, in one round trip."""
    if not objects:
        return store.read_head(connection), {}
    if connection.dialect.name != "postgresql":
        return store.read_head(connection), next_object_links(connection, objects)
    links = dict.fromkeys(objects, FIRST)
    rows = _HEAD_AND_ENDS.all(connection, {"chains": list(links)})
    for *_, chain, seq, leaf_hash in rows:
        if chain is not None:
            links[chain] = Link(seq + 1, leaf_hash)
    return store.head_row(rows[0][:4] if rows else None), links


_OWN = select(_S.leaf_hash, func.count().over()).where(
    _S.object_id == bindparam("object_id"),
    _S.actor == bindparam("actor"),
    _S.idx < bindparam("below"),
)


def own_link(connection: Connection, object_id: bytes, actor: int, *, below: int) -> Link:
    """Return the link that goes on from what a key itself has said of an object.

    Its number counts what the key has said in the entries below an index.
    """
    asked = _OWN.order_by(_S.idx.desc()).limit(1)
    values = {"object_id": object_id, "actor": actor, "below": below}
    row = connection.execute(asked, values).one_or_none()
    return FIRST if row is None else Link(row[1], schema.require_bytes(row[0]))


def next_actor_links(connection: Connection, numbers: Sequence[int]) -> dict[int, Link]:
    """Return for each key, by its number, the link its next statement must have."""
    links = dict.fromkeys(numbers, FIRST)
    for chain, seq, leaf_hash in _newest_of(connection, _ACTORS, list(links)):
        links[chain] = Link(seq + 1, leaf_hash)
    return links


def _chunks(values: list[_T]) -> Iterator[list[_T]]:
    for at in range(0, len(values), IN_LIMIT):
        yield values[at : at + IN_LIMIT]
