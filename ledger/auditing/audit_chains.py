"""Audit of statements: signature, role, key range and both chains of each, and the query index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, select

from ledger.auditing.findings import FindingCode, Findings
from ledger.checkpoints.key_sets import KeySuccession, key_lines
from ledger.cose.keys import VerificationKey
from ledger.errors import LedgerError, MalformedError, RefusedError, StoreError
from ledger.links import FIRST
from ledger.roles import ABOUT_THE_LOG, Event
from ledger.statements import rules
from ledger.statements.key_events import read_log_keys
from ledger.statements.keyring import Keyring
from ledger.statements.statement import UnverifiedStatement, parse_statement
from ledger.statements.verifiers import Verifiers, check_here
from ledger.storage import chain_ends, schema, store
from ledger.storage.prepared import PreparedQuestion


class StatementRow(NamedTuple):
    """A statement as it is stored, with the columns that index it."""

    idx: int
    encoded: bytes
    leaf_hash: bytes
    actor: int
    actor_seq: int
    object_id: bytes | None
    object_seq: int | None
    event: int
    claimed_at: int


@dataclass(frozen=True, slots=True)
class Page:
    """Statements that follow each other: as stored, as parsed, and whose signature holds.

    ``good`` says for each statement that could be parsed whether its signature is known to hold.
    """

    rows: Sequence[StatementRow]
    parsed: Sequence[UnverifiedStatement | None]
    good: Callable[[], Sequence[bool]]


_ERASED, _LOG_KEYS = Event.ERASED, Event.LOG_KEYS  # the name of a member is slow to find

# Signer, event, whether it names an object, whether it is a first one: with a good signature all
# that the rules look at, as long as no key comes or goes.
_Kind = tuple[bytes, Event, bool, bool]
_Place = tuple[int, bytes | None]  # in a chain: number, and leaf hash of the statement before
_FIRST: _Place = FIRST.seq, FIRST.previous

_S = schema.statement.c
_LEAVES = [f"leaf{number}" for number in range(128)]  # that are asked for at once
_BY_LEAF = PreparedQuestion(
    select(_S.leaf_hash, _S.idx, _S.object_id, _S.object_seq).where(
        _S.leaf_hash.in_([bindparam(name) for name in _LEAVES])
    )
)
_BY_PLACE = select(_S.idx).where(
    _S.object_id == bindparam("object_id"), _S.object_seq == bindparam("place")
)

_EVENT_NUMBERS = schema.EVENT_NUMBERS
_ABOUT_KEYS = frozenset(schema.EVENT_NUMBERS[event] for event in ABOUT_THE_LOG)
_LAST_OF_ACTOR = select(_S.actor_seq, _S.leaf_hash).order_by(_S.actor_seq.desc()).limit(1)


class ChainAudit:
    """Replays the log statement by statement, with the rules of the append.

    It reads from entry ``start`` on; of the entries before, it is given those about keys.
    """

    def __init__(
        self, connection: Connection, findings: Findings, log: store.LogRow, *, start: int = 0
    ) -> None:
        self._connection = connection
        self._findings = findings
        self._log = log
        self._succession = KeySuccession(log.origin)
        self._keyring = Keyring()
        self._key_events: list[int] = []
        self._start = start
        self._actors: dict[bytes, _Place] = {}
        self._admitted: set[_Kind] = set()
        self.erased: dict[int, bytes] = {}

    def replay(self, index: int, statement: UnverifiedStatement) -> None:
        """Take over a statement about keys from before the start."""
        self._check_rules(index, statement, good=False)

    def key_events_below(self, size: int) -> int:
        """Return how many of the first ``size`` entries change keys."""
        return sum(1 for index in self._key_events if index < size)

    def read(
        self, rows: Sequence[StatementRow], verifiers: Verifiers | None, *, minimum: int
    ) -> Page:
        """Parse a page of statements and check their signatures, or let ``verifiers`` begin.

        Those without bytes below the log's ``minimum`` index were pruned.
        """
        parsed = self._parse(rows, minimum)
        there = [statement for statement in parsed if statement is not None]
        if verifiers is None:  # later, when the keys of the page before are known as well
            return Page(rows, parsed, lambda: check_here(there, self._keys_of(there)))
        return Page(rows, parsed, verifiers.start(there, self._keys_of(there)).good)

    def check(self, page: Page, *, below: int, minimum: int) -> None:
        """Check a page of statements, in their order, as far as their numbers are of the log.

        Of those that were pruned only the numbers are followed.
        """
        before = self._predecessors([each for each in page.parsed if each is not None])
        known = iter(page.good())
        for row, statement in zip(page.rows, page.parsed, strict=True):
            index = row[0]
            if statement is None:
                if not row.encoded and 0 <= index < minimum:
                    self._follow_pruned(row)
                continue
            good = next(known)
            if not 0 <= index < below:
                continue
            self._check_rules(index, statement, good=good)
            self._check_actor_link(index, statement)
            late = self._is_late(row, statement)
            if late:
                self._check_late(index, statement)
            else:
                self._check_object_link(index, statement, before)
            self._check_index(row, statement, late=late)
            if statement.event is _ERASED and statement.object_id is not None:
                self.erased[index] = statement.object_id

    def finish(self, head: store.HeadRow) -> None:
        """Compare the keys the statements add and revoke with the table of keys."""
        try:
            stored = store.read_keyring(self._connection)
        except StoreError as error:
            self._findings.add(None, FindingCode.KEYS, str(error))
            return
        for kid in stored.records.keys() | self._keyring.records.keys():
            if stored.records.get(kid) != self._keyring.records.get(kid):
                words = f"the table of keys differs from the statements about {kid.hex()}"
                self._findings.add(None, FindingCode.KEYS, words)
        self._check_log_keys()
        if head.key_events != len(self._key_events):
            words = (
                f"{len(self._key_events)} statements change keys; the head says {head.key_events}"
            )
            self._findings.add(None, FindingCode.KEYS, words)

    def _check_log_keys(self) -> None:
        """Compare the log's own keys with what was announced; the first ones never were."""
        announced = self._succession.sets
        lines = key_lines(announced)
        agree = lines == self._log.vkeys if announced else len(self._log.vkeys) == 2
        if not agree:
            words = "the keys of the log itself are not those its statements announce"
            self._findings.add(None, FindingCode.KEYS, words)

    def _parse(
        self, rows: Sequence[StatementRow], minimum: int
    ) -> list[UnverifiedStatement | None]:
        parsed: list[UnverifiedStatement | None] = []
        for row in rows:
            statement = None
            try:
                if row.encoded or row.idx >= minimum:
                    statement = parse_statement(row.encoded)
            except MalformedError as error:
                self._findings.add(row.idx, FindingCode.STATEMENT_MALFORMED, str(error))
            parsed.append(statement)
        return parsed

    def _keys_of(
        self, statements: Sequence[UnverifiedStatement]
    ) -> Sequence[VerificationKey | None]:
        known = {kid: self._keyring.key(kid) for kid in {each.kid for each in statements}}
        return [known[each.kid] for each in statements]

    def _predecessors(
        self, statements: Sequence[UnverifiedStatement]
    ) -> dict[bytes, tuple[int, bytes | None, int | None]]:
        links = [each.object_link for each in statements]
        leaves = list({link.previous for link in links if link is not None and link.previous})
        found: dict[bytes, tuple[int, bytes | None, int | None]] = {}
        for at in range(0, len(leaves), len(_LEAVES)):
            asked = dict.fromkeys(_LEAVES, leaves[at])  # the last places may all be the same
            asked.update(zip(_LEAVES, leaves[at : at + len(_LEAVES)], strict=False))
            for leaf, index, object_id, seq in _BY_LEAF.all(self._connection, asked):
                about = None if object_id is None else schema.require_bytes(object_id)
                found[leaf] = index, about, seq
        return found

    def _check_rules(self, index: int, statement: UnverifiedStatement, *, good: bool) -> None:
        event, link = statement.event, statement.object_link
        kind = statement.kid, event, link is None, link is None or not link.seq
        if kind in self._admitted and (good or self._is_signed(statement)):
            return
        if index == 0:
            self._check_genesis(statement)
        elif self._is_admitted(index, statement, good=good) and event not in ABOUT_THE_LOG:
            self._admitted.add(kind)
        if event in ABOUT_THE_LOG:
            self._admitted.clear()

    def _is_signed(self, statement: UnverifiedStatement) -> bool:
        """Whether the signature holds, of a kind that was admitted: its key is in force."""
        (good,) = check_here([statement], self._keys_of([statement]))
        return good

    def _is_admitted(self, index: int, statement: UnverifiedStatement, *, good: bool) -> bool:
        """Whether no rule is broken; a finding for each that is."""
        add, event = self._findings.add, statement.event
        try:
            signer = self._keyring.signer(statement.kid, index=index)
        except RefusedError as error:
            add(index, FindingCode.KEY_RANGE, str(error))
            return False
        try:
            if not good:
                rules.require_signature(statement, signer)
        except RefusedError as error:
            add(index, FindingCode.SIGNATURE, str(error))
            return False
        fine = True
        try:
            rules.check_role(statement, signer.role)
        except RefusedError as error:
            add(index, FindingCode.ROLE, str(error))
            fine = False
        try:
            rules.check_subject(statement)
            self._keyring = rules.follow_keys(statement, self._keyring, index=index)
            if event is _LOG_KEYS:
                self._succession.follow(read_log_keys(statement.body), index=index)
        except RefusedError as error:
            add(index, FindingCode.EVENT, str(error))
            fine = False
        if event in ABOUT_THE_LOG:
            self._key_events.append(index)
        return fine

    def _check_genesis(self, statement: UnverifiedStatement) -> None:
        try:
            _, self._keyring = rules.open_genesis(statement)
        except LedgerError as error:
            self._findings.add(0, FindingCode.GENESIS, str(error))
        self._key_events.append(0)
        if statement.kid != self._log.genesis_kid:
            words = "the log does not begin with the key its configuration names"
            self._findings.add(0, FindingCode.GENESIS, words)

    def _check_actor_link(self, index: int, statement: UnverifiedStatement) -> None:
        kid, link = statement.kid, statement.actor_link
        seq, previous = self._actors.get(kid) or self._actor_before(kid)
        if link.seq != seq or link.previous != previous:
            words = f"the signer's statement number {seq} was due, not this one"
            self._findings.add(index, FindingCode.ACTOR_LINK, words)
        self._actors[kid] = link.seq + 1, statement.leaf_hash

    def _follow_pruned(self, row: StatementRow) -> None:
        """Take a row at its word: its number in the signer's chain has to be the next."""
        kid = next(
            (kid for kid, each in self._keyring.records.items() if each.number == row.actor), None
        )
        if kid is None:
            words = "a pruned entry of a key that no entry before added"
            self._findings.add(row.idx, FindingCode.KEY_RANGE, words)
            return
        seq, _ = self._actors.get(kid) or self._actor_before(kid)
        if row.actor_seq != seq:
            words = f"the signer's statement number {seq} was due, not this one"
            self._findings.add(row.idx, FindingCode.ACTOR_LINK, words)
        self._actors[kid] = row.actor_seq + 1, row.leaf_hash
        if row.event == schema.EVENT_NUMBERS[Event.ERASED] and row.object_id is not None:
            self.erased[row.idx] = row.object_id
        if row.event in _ABOUT_KEYS:
            words = "a statement about keys was pruned: those are kept"
            self._findings.add(row.idx, FindingCode.KEYS, words)

    def _actor_before(self, kid: bytes) -> _Place:
        """Return the link a signer's first statement from the start on must have."""
        record = self._keyring.records.get(kid)
        if not self._start or record is None:
            return _FIRST
        asked = _LAST_OF_ACTOR.where(_S.actor == record.number, _S.idx < self._start)
        row = self._connection.execute(asked).one_or_none()
        return _FIRST if row is None else (row.actor_seq + 1, row.leaf_hash)

    def _check_object_link(
        self,
        index: int,
        statement: UnverifiedStatement,
        before: dict[bytes, tuple[int, bytes | None, int | None]],
    ) -> None:
        link = statement.object_link
        if link is None or link.previous is None:
            return  # that no other statement is number 0, a unique key of the table holds
        found = before.get(link.previous)
        if found is None or found[0] >= index:
            words = "the object's previous statement is not in the log before this one"
        elif found[1:] != (statement.object_id, link.seq - 1):
            words = f"the statement before is not number {link.seq - 1} of the same object"
        else:
            return
        self._findings.add(index, FindingCode.OBJECT_LINK, words)

    def _is_late(self, row: StatementRow, statement: UnverifiedStatement) -> bool:
        """Whether it stands where the log's order put it, and names an older one of the object."""
        link, place = statement.object_link, row.object_seq
        if link is None or not isinstance(place, int) or place <= link.seq:
            return False
        asked = {"object_id": statement.object_id, "place": place - 1}
        before = self._connection.execute(_BY_PLACE, asked).scalar_one_or_none()
        return before is not None and before < row.idx

    def _check_late(self, index: int, statement: UnverifiedStatement) -> None:
        """Only a device may do that, and goes on from its own newest."""
        record = self._keyring.records.get(statement.kid)
        if record is None or statement.object_id is None:
            return  # there is a finding about its key already
        number = record.number
        own = chain_ends.own_link(self._connection, statement.object_id, number, below=index)
        if not rules.names_own(statement, record.role, own):
            words = (
                "it names neither the object's newest statement nor, of a device, its own newest"
            )
            self._findings.add(index, FindingCode.OBJECT_LINK, words)

    def _check_index(
        self, row: StatementRow, statement: UnverifiedStatement, *, late: bool
    ) -> None:
        record = self._keyring.records.get(statement.kid)
        link = statement.object_link
        said = (
            statement.leaf_hash,
            row.actor if record is None else record.number,
            statement.actor_link.seq,
            statement.object_id,
            row.object_seq if late or link is None else link.seq,
            _EVENT_NUMBERS[statement.event],
            statement.claimed_milliseconds,
        )
        if row[2:] != said:
            words = (
                "the query index differs from the statement: hash, signer, object, event or time"
            )
            self._findings.add(row.idx, FindingCode.INDEX, words)
