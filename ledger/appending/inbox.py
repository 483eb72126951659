"""The inbox of a log on PostgreSQL: requests of any process, until the lease holder takes them.

A request is what must be logged as a whole. Its name is a hash over what it holds, so to post it
again is to post it once. What it carries for erasable tables is encrypted while it waits.

A request whose signatures were verified before it was posted has a MAC over that hash for its name,
under a key that only holders of the log's signing keys can derive: the lease holder need not repeat
the arithmetic. A name that is no such MAC says nothing, and the signatures are verified.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Connection,
    any_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    literal,
    literal_column,
    null,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, insert

from ledger.annexes import KEY_SIZE, NONCE_SIZE, SealedAnnex, open_sealed, seal
from ledger.appending.draft import parse_submission
from ledger.appending.lease import HOLD, Lease
from ledger.entries import Entry, Submission
from ledger.errors import LeaseLostError, LedgerError, MalformedError, StoreError, UsageError
from ledger.remote.registration import (
    encode_problem,
    encode_submissions,
    error_of,
    parse_problem,
    parse_submissions,
    problem_of,
)
from ledger.statements.arrival import Arrival
from ledger.statements.statement import as_verified
from ledger.storage import schema
from ledger.storage.database import Database, transact
from ledger.storage.postgresql import PostgresqlDatabase
from ledger.storage.prepared import PreparedQuestion, PreparedWrite
from ledger.tree.merkle import hash_leaf

MOST_BYTES = 1 << 27  # of the bodies that are read at a time
MOST_ROWS = 256
SMALL = 1 << 16  # bytes of a body that is read with its name: so many times MOST_ROWS at most
UNCOLLECTED_SECONDS = 3600  # that the outcome of a refused request waits for its submitter

_I, _S = schema.inbox.c, schema.statement.c
_NOW = literal_column("(extract(epoch from clock_timestamp()) * 1000000)::bigint", schema.Number())
_ASSOCIATED = b"radseal-inbox-1"
_NAMED = b"radseal-inbox-name-1"
VERIFIED = b"radseal-inbox-verified-1"  # what the keys are derived for, and what they say
_POST = insert(schema.inbox).values(
    request=bindparam("request"),
    arrived_at=_NOW,
    place=bindparam("place"),
    statements=bindparam("statements"),
    body=bindparam("body"),
    nonce=bindparam("nonce"),
    wrapped=bindparam("wrapped"),
)
_POST_ONCE = PreparedWrite(
    _POST.on_conflict_do_update(
        index_elements=["request"],
        set_={"arrived_at": _NOW, "outcome": null()},
        where=_I.outcome.is_not(None),  # refused before: judged anew
    )
)
_OPEN = PreparedQuestion(
    select(
        _I.request,
        _I.statements,
        func.octet_length(_I.body),
        case((func.octet_length(_I.body) <= literal_column(str(SMALL)), _I.body)),
        _I.nonce,
        _I.wrapped,
    )
    .where(_I.outcome.is_(None))
    .order_by(_I.arrived_at, _I.place, _I.request)
    .limit(literal_column(str(MOST_ROWS)))
)
_NAMES = any_(cast(bindparam("names"), ARRAY(BYTEA)))
_LEAVES = any_(cast(bindparam("leaves"), ARRAY(BYTEA)))
# What waits or was refused, and what is in the log: of one moment, so nothing is in neither.
_LOOK = PreparedQuestion(
    union_all(
        select(_I.request, _I.outcome, literal(-1, schema.Number())).where(_I.request == _NAMES),
        select(_S.leaf_hash, cast(null(), BYTEA), _S.idx).where(_S.leaf_hash == _LEAVES),
    )
)
_PLACES = PreparedQuestion(select(_S.leaf_hash, _S.idx).where(_S.leaf_hash == _LEAVES))
_BODIES = PreparedQuestion(
    select(_I.request, _I.body, _I.nonce, _I.wrapped).where(_I.request == _NAMES)
)
_TAKE = delete(schema.inbox).where(_I.request == _NAMES)
_HELD = HOLD.returning(schema.lease.c.id).cte("held")
_TAKEN = _TAKE.where(exists(select(_HELD.c.id))).cte("taken")  # both in one round trip
_TAKE_THESE = PreparedQuestion(select(func.count()).select_from(_HELD).add_cte(_TAKEN))
_COLLECT = PreparedWrite(_TAKE.where(_I.outcome.is_not(None)))


@dataclass(frozen=True, slots=True)
class Letter:
    """A request on its way into the inbox."""

    name: bytes
    submissions: Sequence[Submission]
    leaves: Sequence[bytes]
    body: bytes
    secret: bool


class Inbox:
    """Requests in, entries or refusals out. Threads may share it."""

    def __init__(
        self,
        database: Database,
        *,
        site_key: bytes | None,
        verified_keys: Callable[[], Sequence[bytes]],
    ) -> None:
        """``verified_keys`` say what was verified: the first is used, each is believed."""
        if not isinstance(database, PostgresqlDatabase):
            raise UsageError("only a log on PostgreSQL has an inbox")
        self._database = database
        self._site_key = site_key
        self._verified_keys = verified_keys

    def letter(self, arrivals: Sequence[Arrival]) -> Letter:
        """Make a request, whose name says if all its signatures were verified.

        UsageError if there are more than one request may have, or if one brings an annex or
        names and the log was opened without its annex key.
        """
        submissions = [each.submission for each in arrivals]
        leaves = [each.parsed.leaf_hash for each in arrivals]
        body = encode_submissions(submissions)
        name = self._name(submissions, leaves, body)
        keys = self._verified_keys()
        if keys and all(each.verified is not None for each in arrivals):
            name = _verified_name(keys[0], name)
        return Letter(name, submissions, leaves, body, _is_secret(submissions))

    def _name(
        self, submissions: Sequence[Submission], leaves: Sequence[bytes], body: bytes
    ) -> bytes:
        """Return a hash over all that a request holds: over its statements, if that is all."""
        if not _is_secret(submissions):
            return hashlib.sha256(b"".join(leaves)).digest()
        if self._site_key is None:
            raise UsageError("the log was opened without its annex key")
        return hmac.digest(self._site_key, _NAMED + body, "sha256")  # tells nothing of the annex

    def post(self, letters: Sequence[Letter]) -> None:
        """Put requests in, in their order.

        They are not durable yet, and need not be: nothing is acknowledged before it is logged,
        and ``collect`` posts again what is lost.
        """
        rows = [self._row(letter, place) for place, letter in enumerate(letters)]
        with self._database.glance() as connection:
            _POST_ONCE.run(connection, rows)

    def _row(self, letter: Letter, place: int) -> dict[str, object]:
        row: dict[str, object] = {
            "request": letter.name,
            "place": place,
            "statements": len(letter.leaves),
            "body": letter.body,
            "nonce": None,
            "wrapped": None,
        }
        if letter.secret and self._site_key is not None:
            sealed = seal(
                letter.body,
                _ASSOCIATED + letter.name,
                site_key=self._site_key,
                data_key=secrets.token_bytes(KEY_SIZE),
                nonce=secrets.token_bytes(NONCE_SIZE),
            )
            row |= {
                "body": sealed.ciphertext,
                "nonce": sealed.nonce,
                "wrapped": sealed.wrapped_key,
            }
        return row

    def collect(self, letters: Mapping[bytes, Letter]) -> dict[bytes, list[Entry] | LedgerError]:
        """Return what became of requests; of those that still wait, nothing.

        A request that is neither here nor in the log was collected by another who had posted it,
        too: it is posted again.
        """
        if not letters:
            return {}
        places: dict[bytes, int] = {}
        states: dict[bytes, bytes | None] = {}
        with self._database.glance() as connection:
            first = [letter.leaves[0] for letter in letters.values()]
            asked = {"names": list(letters), "leaves": first}
            for name, outcome, index in _LOOK.all(connection, asked):
                if index < 0:
                    states[name] = outcome
                else:
                    places[name] = index
            more = [
                leaf
                for name, letter in letters.items()
                if name not in states and letter.leaves[0] in places
                for leaf in letter.leaves[1:]
            ]
            if more:
                places |= dict(_PLACES.all(connection, {"leaves": more}))
        found: dict[bytes, list[Entry] | LedgerError] = {}
        lost: list[Letter] = []
        for name, letter in letters.items():
            if name not in states:
                if all(leaf in places for leaf in letter.leaves):
                    found[name] = _entries(letter, places)
                else:
                    lost.append(letter)
        if lost:
            self.post(lost)
        refused = {name: outcome for name, outcome in states.items() if outcome is not None}
        if refused:
            with self._database.glance() as connection:
                _COLLECT.run(connection, [{"names": list(refused)}])
            found |= {name: _error(outcome) for name, outcome in refused.items()}
        return found

    def next(
        self, *, statements: int, known: Collection[bytes]
    ) -> dict[bytes, list[Submission] | list[Arrival] | LedgerError | None]:
        """Return the requests to be taken next, in their order: at least one, if there is any.

        As many as hold ``statements`` statements, by their names: what they hold, as arrivals if
        it was verified where it was posted, or why it cannot be read; None for a name that is
        ``known``.
        """
        with self._database.glance() as connection:
            rows = _as_many_as(_OPEN.all(connection, {}), statements)
            names = [row[0] for row in rows]
            sealed = {name: rest for name, _, _, *rest in rows if name not in known}
            large = [name for name, (body, *_) in sealed.items() if body is None]
            if large:
                sealed |= {name: rest for name, *rest in _BODIES.all(connection, {"names": large})}
        there = {name: rest for name, rest in sealed.items() if rest[0] is not None}
        found = {name: self._open(name, *rest) for name, rest in there.items()}
        return {name: found.get(name) for name in names if name in found or name in known}

    def _open(
        self, name: bytes, body: bytes, nonce: bytes | None, wrapped: bytes | None
    ) -> list[Submission] | list[Arrival] | LedgerError:
        try:
            if nonce is not None and wrapped is not None:
                if self._site_key is None:
                    return StoreError("the log was opened without its annex key")
                sealed = SealedAnnex(wrapped, nonce, body)
                body = open_sealed(sealed, _ASSOCIATED + name, site_key=self._site_key)
            submissions = parse_submissions(body)
            if not self._was_verified(name, submissions, body):
                return submissions
            parsed = [parse_submission(each) for each in submissions]
        except (MalformedError, StoreError, UsageError) as error:
            return error
        return [Arrival(s, p, as_verified(p)) for s, p in zip(submissions, parsed, strict=True)]

    def _was_verified(self, name: bytes, submissions: Sequence[Submission], body: bytes) -> bool:
        """Whether a holder of the log's keys says by the name that all signatures hold."""
        keys = self._verified_keys()
        if not keys or (self._site_key is None and _is_secret(submissions)):
            return False
        leaves = [hash_leaf(each.statement) for each in submissions]
        plain = self._name(submissions, leaves, body)
        names = [_verified_name(key, plain) for key in keys]
        return any(hmac.compare_digest(name, each) for each in names)

    def take(self, connection: Connection, names: Sequence[bytes], *, lease: Lease) -> None:
        """Renew the lease and remove requests, in the transaction that logs or drops them.

        LeaseLostError, and nothing is removed, if the lease is over or another's.
        """
        values = {"of_holder": lease.holder, "milliseconds": lease.milliseconds}
        found = _TAKE_THESE.first(connection, {**values, "names": list(names)})
        if found != (1,):
            raise LeaseLostError("another process takes from the inbox now")

    def drop(self, name: bytes, *, lease: Lease) -> None:
        """Remove a request whose submitter is told by the lease holder itself."""

        def work(connection: Connection) -> None:
            self.take(connection, [name], lease=lease)

        transact(self._database, work)

    def refuse(self, name: bytes, error: LedgerError, *, lease: Lease) -> None:
        """Note why a request is not logged, for its submitter to read."""
        outcome = encode_problem(problem_of(error), title="refused")

        def work(connection: Connection) -> None:
            lease.hold(connection)
            connection.execute(
                update(schema.inbox).where(_I.request == name).values(outcome=outcome)
            )

        transact(self._database, work)

    def try_lease(self, lease: Lease) -> bool:
        """Take or renew the lease, if that can be."""
        with self._database.glance() as connection:
            return lease.take(connection)

    def give_up_lease(self, lease: Lease) -> None:
        """Let another process take over at once."""
        with self._database.glance() as connection:
            lease.give_up(connection)

    def sweep(self) -> None:
        """Remove outcomes that nobody has collected."""
        old = _NOW - UNCOLLECTED_SECONDS * 1_000_000
        swept = delete(schema.inbox).where(_I.outcome.is_not(None), _I.arrived_at < old)
        with self._database.glance() as connection:
            connection.execute(swept)


def _is_secret(submissions: Sequence[Submission]) -> bool:
    return any(each.annex is not None or each.pseudonyms for each in submissions)


def _verified_name(key: bytes, name: bytes) -> bytes:
    return hmac.digest(key, VERIFIED + name, "sha256")


def _as_many_as(rows: Sequence[tuple[Any, ...]], statements: int) -> list[tuple[Any, ...]]:
    count = size = 0
    for at, (_, number, length, *_) in enumerate(rows):
        count, size = count + number, size + length
        if at and (count > statements or size > MOST_BYTES):
            return list(rows[:at])
    return list(rows)


def _entries(letter: Letter, places: Mapping[bytes, int]) -> list[Entry]:
    return [
        Entry(places[leaf], each.statement, leaf)
        for leaf, each in zip(letter.leaves, letter.submissions, strict=True)
    ]


def _error(outcome: bytes) -> LedgerError:
    try:
        return error_of(parse_problem(0, outcome))
    except MalformedError as error:
        return StoreError(f"the inbox holds an outcome that is none: {error}")
