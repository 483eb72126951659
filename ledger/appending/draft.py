"""One append: statements are judged one by one, then written together, or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from ledger.annexes import KEY_SIZE, NONCE_SIZE, SealedAnnex, seal_annex, unwrap_key
from ledger.entries import Entry, Submission
from ledger.errors import ConflictError, RefusedError, StoreError, UsageError
from ledger.links import FIRST, Link
from ledger.roles import ABOUT_THE_LOG, Event, Role
from ledger.statements import rules
from ledger.statements.arrival import Arrival
from ledger.statements.keyring import KeyRecord, Keyring
from ledger.statements.statement import Statement, UnverifiedStatement, as_verified, parse_statement
from ledger.statements.verifiers import WORTH_SHARING, Checking, Verifiers, check_here
from ledger.storage import chain_ends, erasable, persist, schema, store
from ledger.tree.tiles import TreeBuilder, builder_at


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a log as its writer remembers it; true as long as the head is still this one."""

    head: store.HeadRow
    tree: TreeBuilder
    keyring: Keyring
    actors: dict[bytes, Link] = field(default_factory=dict)


def load_tail(connection: Connection, remembered: Tail | None) -> Tail:
    """Return the tail this transaction sees, reading nothing if ``remembered`` is still it."""
    return _tail_at(connection, store.read_head(connection), remembered)


def _tail_at(connection: Connection, head: store.HeadRow, remembered: Tail | None) -> Tail:
    if remembered is not None and remembered.head == head:
        return remembered
    tree = builder_at(head.size, store.tile_reader(connection))
    if tree.root != head.root:
        raise StoreError("the tiles do not lead to the head: the log is damaged, audit it")
    if remembered is not None and remembered.head.key_events == head.key_events:
        return Tail(head, tree, remembered.keyring)
    return Tail(head, tree, store.read_keyring(connection))


def receive(
    submissions: Sequence[Submission], keyring: Keyring, verifiers: Verifiers | None = None
) -> list[Arrival]:
    """Do what needs no transaction: parse, and check the signatures whose keys are at hand."""
    if verifiers is None or len(submissions) < WORTH_SHARING:
        parsed = [parse_submission(each) for each in submissions]
        good = check_here(parsed, [keyring.key(each.kid) for each in parsed])
        return [
            Arrival(s, p, as_verified(p) if fine else _verify(p, keyring))
            for s, p, fine in zip(submissions, parsed, good, strict=True)
        ]
    middle = len(submissions) // 2
    halves = submissions[:middle], submissions[middle:]
    begun = [
        _begin(half, keyring, verifiers) for half in halves
    ]  # while one is parsed, one is checked
    return [
        Arrival(submission, statement, good or _verify(statement, keyring))
        for half, checking in zip(halves, begun, strict=True)
        for submission, (statement, good) in zip(half, checking.answers(), strict=True)
    ]


def _begin(half: Sequence[Submission], keyring: Keyring, verifiers: Verifiers) -> Checking:
    parsed = [parse_submission(each) for each in half]
    return verifiers.start(parsed, [keyring.key(each.kid) for each in parsed])


def parse_submission(submission: Submission) -> UnverifiedStatement:
    """Parse the statement; UsageError for an annex or pseudonyms of what names no object."""
    parsed = parse_statement(submission.statement)
    if parsed.object_id is None and (submission.annex is not None or submission.pseudonyms):
        raise UsageError("annex and pseudonyms belong to an object; the statement names none")
    return parsed


def _verify(statement: UnverifiedStatement, keyring: Keyring) -> Statement | None:
    record = keyring.records.get(statement.kid)
    return None if record is None else rules.check_signature(statement, record)


def open_draft(
    connection: Connection,
    remembered: Tail | None,
    arrivals: Sequence[Arrival],
    *,
    site_key: bytes | None,
) -> Draft:
    """Return a draft at the tail this transaction sees, which has looked up ``arrivals``."""
    head, objects = chain_ends.read_head_and_objects(connection, _objects_of(arrivals))
    draft = Draft(connection, _tail_at(connection, head, remembered), site_key=site_key)
    draft.look_up(arrivals, objects=objects)
    return draft


def _objects_of(arrivals: Sequence[Arrival]) -> list[bytes]:
    return [each.parsed.object_id for each in arrivals if each.parsed.object_id is not None]


class Draft:
    """The statements of one transaction on their way into the log."""

    def __init__(self, connection: Connection, tail: Tail, *, site_key: bytes | None) -> None:
        self._connection = connection
        self._tail = tail
        self._site_key = site_key
        self._keyring = tail.keyring
        self._key_events = tail.head.key_events
        self._actors: dict[bytes, Link] = {}
        self._objects: dict[bytes, Link] = {}
        self._entries: dict[bytes, Entry] = {}
        self._statements: list[persist.Row] = []
        self._pseudonyms: dict[tuple[bytes, bytes], int] = {}
        self._annexes: dict[bytes, tuple[int, SealedAnnex]] = {}
        self.erased: dict[bytes, int] = {}
        self.destroyed: tuple[bytes, ...] = ()

    @property
    def _index(self) -> int:
        return self._tail.head.size + len(self._statements)

    def look_up(
        self, arrivals: Sequence[Arrival], *, objects: dict[bytes, Link] | None = None
    ) -> None:
        """Read the ends of all chains the arrivals continue, in as few questions as possible.

        Those of ``objects`` are known.
        """
        parsed = [arrival.parsed for arrival in arrivals]
        if objects is None:
            named = _objects_of(arrivals)
            objects = chain_ends.next_object_links(self._connection, named) if named else {}
        self._objects = objects
        known = self._keyring.records
        missing = {
            known[each.kid].number: each.kid
            for each in parsed
            if each.kid in known and each.kid not in self._tail.actors
        }
        if missing:
            links = chain_ends.next_actor_links(self._connection, list(missing))
            self._tail.actors.update({missing[number]: links[number] for number in links})

    def admit(self, arrival: Arrival, *, from_operator: bool = False) -> Entry:
        """Judge one statement; a statement that is in the log already returns its entry.

        What keys the log itself has, only its operator can say.
        """
        try:
            statement = self._judge(arrival)
            if statement.event is Event.LOG_KEYS and not from_operator:
                raise RefusedError("the keys of a log are changed where it is kept")
        except (ConflictError, RefusedError):
            # A statement already logged breaks a rule by its second coming: its links are used.
            known = self._entries.get(arrival.parsed.leaf_hash) or store.find_leaf(
                self._connection, arrival.parsed.leaf_hash
            )
            if known is None:
                raise
            return Entry(known.index, arrival.parsed.encoded, known.leaf_hash)
        return self._take(statement, arrival.submission)

    def found(self, genesis: Statement, keyring: Keyring) -> None:
        """Take statement 0, which ``open_genesis`` has judged."""
        self._keyring = keyring
        self._take(genesis, Submission(genesis.encoded))

    def _judge(self, arrival: Arrival) -> Statement:
        parsed = arrival.parsed
        signer = self._keyring.signer(parsed.kid, index=self._index)
        statement = arrival.verified or rules.check_signature(parsed, signer)
        rules.check_role(statement, signer.role)
        rules.check_subject(statement)
        object_id = statement.object_id
        late = self._is_late(statement, signer)
        rules.check_links(
            statement,
            actor_next=self._actor_next(statement.kid),
            object_next=None if object_id is None else self._objects[object_id],
            late=late,
        )
        if (
            not late
            and object_id is not None
            and self._touches_erased(statement, arrival.submission)
        ):
            raise RefusedError(f"the object {object_id.hex()} was erased")
        self._keyring = rules.follow_keys(statement, self._keyring, index=self._index)
        return statement

    def _is_late(self, statement: Statement, signer: KeyRecord) -> bool:
        """Whether a device goes on from its own newest about the object, as others came between."""
        object_id = statement.object_id
        if object_id is None or statement.object_link == self._objects[object_id]:
            return False
        if signer.role is not Role.DEVICE:
            return False
        own = chain_ends.own_link(self._connection, object_id, signer.number, below=self._index)
        for row in self._statements:  # of this transaction, not written yet
            if row["object_id"] == object_id and row["actor"] == signer.number:
                own = own.next(schema.require_bytes(row["leaf_hash"]))
        return rules.names_own(statement, signer.role, own)

    def _actor_next(self, kid: bytes) -> Link:
        return self._actors.get(kid) or self._tail.actors.get(kid, FIRST)

    def _touches_erased(self, statement: Statement, submission: Submission) -> bool:
        """Whether it would erase again, or bring back what an erasure has removed."""
        keeps = submission.annex is not None or bool(submission.pseudonyms)
        if not keeps and statement.event is not Event.ERASED:
            return False
        if statement.object_link == FIRST or statement.object_id is None:
            return False
        return statement.object_id in self.erased or erasable.is_erased(
            self._connection, statement.object_id
        )

    def _take(self, statement: Statement, submission: Submission) -> Entry:
        entry = Entry(self._index, statement.encoded, statement.leaf_hash)
        link, object_id = statement.object_link, statement.object_id
        place = None if object_id is None else self._objects[object_id]  # in the order of the log
        kept_aside = place is not None and (place == link or self._is_first_seal(statement))
        self._statements.append(
            {
                "idx": entry.index,
                "encoded": entry.statement,
                "leaf_hash": entry.leaf_hash,
                "actor": self._keyring.records[statement.kid].number,
                "actor_seq": statement.actor_link.seq,
                "object_id": object_id,
                "object_seq": None if place is None else place.seq,
                "annexed": int(kept_aside and submission.annex is not None),
                "event": schema.EVENT_NUMBERS[statement.event],
                "claimed_at": statement.claimed_milliseconds,
            }
        )
        self._entries[entry.leaf_hash] = entry
        self._actors[statement.kid] = statement.actor_link.next(entry.leaf_hash)
        if statement.event in ABOUT_THE_LOG:
            self._key_events += 1
        if object_id is not None and place is not None:
            self._objects[object_id] = place.next(entry.leaf_hash)
            if kept_aside:
                self._keep_aside(entry.index, object_id, submission)
            if statement.event is Event.ERASED:
                self._forget(entry.index, object_id)
        return entry

    def _is_first_seal(self, late: Statement) -> bool:
        """Whether a late statement seals what nobody has sealed, and what was not erased."""
        object_id, sealed = late.object_id, schema.EVENT_NUMBERS[Event.SEALED]
        if late.event is not Event.SEALED or object_id is None or object_id in self.erased:
            return False
        if any(
            row["object_id"] == object_id and row["event"] == sealed for row in self._statements
        ):
            return False
        connection = self._connection
        return not (
            store.is_sealed(connection, object_id) or erasable.is_erased(connection, object_id)
        )

    def _keep_aside(self, index: int, object_id: bytes, submission: Submission) -> None:
        for pseudonym in submission.pseudonyms:
            self._pseudonyms.setdefault((pseudonym, object_id), index)
        if submission.annex is None:
            return
        if self._site_key is None:
            raise UsageError("the log was opened without its annex key")
        sealed = seal_annex(
            submission.annex,
            object_id,
            site_key=self._site_key,
            data_key=self._data_key(object_id, self._site_key),
            nonce=secrets.token_bytes(NONCE_SIZE),
        )
        self._annexes[object_id] = index, sealed

    def _data_key(self, object_id: bytes, site_key: bytes) -> bytes:
        """One key for all annexes an object ever has: destroying it destroys them all."""
        pending = self._annexes.get(object_id)
        wrapped = (
            pending[1].wrapped_key
            if pending is not None
            else erasable.read_wrapped_key(self._connection, object_id)
        )
        if wrapped is None:
            return secrets.token_bytes(KEY_SIZE)
        return unwrap_key(wrapped, site_key=site_key)

    def _forget(self, index: int, object_id: bytes) -> None:
        self.erased[object_id] = index
        self._annexes.pop(object_id, None)
        for pair in [pair for pair in self._pseudonyms if pair[1] == object_id]:
            del self._pseudonyms[pair]

    def write(self, *, at: int) -> Tail:
        """Write everything; the new tail holds once the transaction is committed."""
        if not self._statements:
            return self._tail
        old = self._tail.head
        tree = self._tail.tree.copy()
        changed = tree.extend(entry.leaf_hash for entry in self._entries.values())
        head = store.HeadRow(tree.size, tree.root, self._key_events, max(at, old.updated_at))
        connection = self._connection
        persist.write_keys(connection, self._tail.keyring, self._keyring)
        persist.write_statements(connection, self._statements)
        self.destroyed = persist.write_erasures(connection, self.erased)
        persist.write_annexes(connection, self._annexes)
        persist.write_pseudonyms(connection, self._pseudonyms)
        persist.move_head(connection, old, head, changed)
        return Tail(head, tree, self._keyring, {**self._tail.actors, **self._actors})
