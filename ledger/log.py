"""The log: created, opened, appended to, erased from."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import RLock
from types import TracebackType

from sqlalchemy import Connection

from ledger.annexes import check_site_key
from ledger.appending.draft import Draft, Tail, load_tail, receive
from ledger.appending.inbox import Inbox
from ledger.checkpoints.key_sets import KeySuccession, key_lines
from ledger.checkpoints.log_keys import LogKeys
from ledger.checkpoints.note import parse_note
from ledger.checkpoints.trusted_logs import TrustedHead, open_checkpoint
from ledger.copies.export import export_tiles
from ledger.copies.pruning import Pruned, Pruning, check_archive, drop, whole_bundles
from ledger.entries import Entry, Submission
from ledger.errors import (
    BusyError,
    ConflictError,
    NotFoundError,
    ProofError,
    RolledBackError,
    StoreError,
    UsageError,
    WitnessError,
)
from ledger.instants import to_milliseconds
from ledger.questions.alarm_store import note_refused
from ledger.roles import Event
from ledger.statements import rules
from ledger.statements.arrival import Arrival
from ledger.statements.key_events import read_log_keys
from ledger.statements.keyring import Keyring
from ledger.statements.statement import parse_statement
from ledger.statements.verifiers import Verifiers
from ledger.storage import persist, schema, store
from ledger.storage.database import Database, create_database, open_database, transact
from ledger.storage.migration import bring_up_to_date
from ledger.timestamps.stamped import find_asked, write_timestamp
from ledger.timestamps.timestamp import Timestamp, TimestampAnchors, verify_timestamp
from ledger.timestamps.timestamp_request import TimestampRequest
from ledger.timestamps.timestamp_token import token_of
from ledger.tree.tiles import TreeBuilder, root_at
from ledger.view import LogView
from ledger.witnessing.publication import Publication
from ledger.witnessing.witnesses import Witnesses

CHECKPOINT_EVERY = 256  # entries an append may leave without a signed checkpoint
SEARCHED = 64  # secrets that are searched for after an erasure; of more the file is written anew

Beside = Callable[[Connection], None]

_logger = logging.getLogger(__name__)


class Log(LogView):
    """An open log. Threads may share it; each process opens it for itself."""

    def __init__(
        self,
        database: Database,
        row: store.LogRow,
        *,
        keys: LogKeys | None,
        site_key: bytes | None,
        witnesses: Witnesses | None = None,
        checkpoint_every: int | None = CHECKPOINT_EVERY,
        verifiers: Verifiers | None = None,
    ) -> None:
        super().__init__(database, row, site_key=site_key)
        self._keys = keys
        self._verifiers = verifiers
        self._publication = (
            None if witnesses is None else Publication(database, self._trusted, witnesses)
        )
        self._tail: Tail | None = None
        self._signed = 0
        self._checkpoint_every = checkpoint_every
        self._lock = RLock()

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Sign what is not signed yet, and let go of the file."""
        try:
            if self._keys is not None:
                self._checkpoint_if_witnessed()
        finally:
            self._database.close()

    def append(self, submissions: Sequence[Submission], *, at: datetime) -> list[Entry]:
        """Log statements in their order, all or none; returns once they are on the disk.

        A statement that is in the log already returns its entry. MalformedError for other bytes,
        RefusedError if a rule forbids one, ConflictError if a back link is not the newest,
        BusyError if another process holds the log.
        """
        if self._keys is None:
            raise UsageError("the log was opened without its keys, for reading only")
        return self.append_received(self.receive(submissions), at=at)

    def receive(self, submissions: Sequence[Submission]) -> list[Arrival]:
        """Parse submissions, and check signatures of the keys that the last append has seen."""
        tail = self._tail
        keyring = Keyring() if tail is None else tail.keyring
        return receive(submissions, keyring, self._verifiers)

    def append_received(
        self, arrivals: Sequence[Arrival], *, at: datetime, beside: Beside | None = None
    ) -> list[Entry]:
        """The same for submissions that a ``Gate`` has looked at: no signature is checked twice.

        ``beside`` is done in the same transaction, before anything is judged.
        """
        with self._lock:
            entries, draft = self._append(arrivals, at=at, beside=beside)
            if any(each.parsed.event is Event.ERASED for each in arrivals):
                self._finish_erasures(draft.erased.values(), draft.destroyed)
        self._checkpoint_if_due()
        return entries

    def _append(
        self, arrivals: Sequence[Arrival], *, at: datetime, beside: Beside | None = None
    ) -> tuple[list[Entry], Draft]:
        if self._keys is None:
            raise UsageError("the log was opened without its keys, for reading only")
        milliseconds = to_milliseconds(at)
        with self._lock:
            try:
                draft, entries, tail = transact(
                    self._database,
                    lambda connection: self._draft(connection, arrivals, milliseconds, beside),
                )
            except ConflictError:
                self._note_refused(arrivals, at)
                raise
            self._tail = tail
        return entries, draft

    def _checkpoint_if_due(self) -> None:
        every, tail = self._checkpoint_every, self._tail
        if every is None or tail is None or tail.head.size - self._signed < every:
            return
        self._signed = tail.head.size  # if it fails, not tried again at the next append
        self._checkpoint_after_append()

    def _note_refused(self, arrivals: Sequence[Arrival], at: datetime) -> None:
        """Keep what refused statements show of their signers; the refusal stands in any case."""
        try:
            transact(self._database, lambda connection: note_refused(connection, arrivals, at=at))
        except (BusyError, StoreError) as error:
            _logger.warning("what refused statements show was not kept: %s", error)

    def _draft(
        self, connection: Connection, arrivals: Sequence[Arrival], at: int, beside: Beside | None
    ) -> tuple[Draft, list[Entry], Tail]:
        if beside is not None:
            beside(connection)
        tail = load_tail(connection, self._tail)
        draft = Draft(connection, tail, site_key=self._site_key)
        draft.look_up(arrivals)
        entries = [draft.admit(each) for each in arrivals]
        return draft, entries, draft.write(at=at)

    def erase(self, statement: bytes, *, at: datetime) -> Entry:
        """Log ``erased``, and destroy annex key, annex and pseudonyms of its object.

        Afterwards they are in no file of the database. BusyError if a reader keeps old pages
        alive: the event is logged, and the same call again finishes the work.
        """
        if parse_statement(statement).event is not Event.ERASED:
            raise UsageError("to erase takes a statement of the event erased")
        (entry,) = self.append([Submission(statement)], at=at)
        return entry

    def change_keys(self, statement: bytes, keys: LogKeys, *, at: datetime) -> Entry:
        """Log ``log-keys``, and sign from the next checkpoint on with ``keys``.

        One set joins those in force, or the oldest leave: so there is a time in which old and new
        sign together, and whoever trusts one of them can follow. RefusedError for other changes.
        """
        if self._keys is None:
            raise UsageError("the log was opened without its keys, for reading only")
        parsed = parse_statement(statement)
        if parsed.event is not Event.LOG_KEYS or read_log_keys(parsed.body) != keys.sets:
            raise UsageError("the statement does not announce these keys")
        (arrival,) = receive([Submission(statement)], Keyring())
        with self._lock:

            def change(connection: Connection) -> tuple[Entry, Tail, tuple[str, ...]]:
                if store.read_vkeys(connection) != self._row.vkeys:
                    raise StoreError("another process changed the keys of the log: open it again")
                draft = Draft(connection, load_tail(connection, self._tail), site_key=None)
                draft.look_up([arrival])
                entry = draft.admit(arrival, from_operator=True)
                succession = KeySuccession(self.origin, self.key_sets)
                succession.follow(keys.sets, index=entry.index)
                vkeys = key_lines(succession.sets)
                persist.write_vkeys(connection, vkeys)
                return entry, draft.write(at=to_milliseconds(at)), vkeys

            entry, tail, vkeys = transact(self._database, change)
            self._tail = tail
            self._keys = keys
            self._configure(replace(self._row, vkeys=vkeys))
            if self._publication is not None:
                self._publication.trust(self._trusted)
        return entry

    def erase_all(self, batches: Iterable[Sequence[bytes]], *, at: datetime) -> Iterator[Entry]:
        """The same for many objects, whose files are cleaned once, at the end.

        Each batch is logged all or none, and its entries are yielded; it is asked for when those
        before it are in the log. What an interruption leaves is finished at the next opening.
        """
        fresh: list[int] = []
        destroyed: list[bytes] = []
        for batch in batches:
            if any(parse_statement(each).event is not Event.ERASED for each in batch):
                raise UsageError("to erase takes statements of the event erased")
            arrivals = receive([Submission(each) for each in batch], Keyring())
            entries, draft = self._append(arrivals, at=at)
            fresh += draft.erased.values()
            destroyed += draft.destroyed
            yield from entries
        self._finish_erasures(fresh, destroyed)
        self._checkpoint_if_due()

    def finish_erasures(self) -> None:
        """Clean the files of what erasures have left there; BusyError if that cannot be now."""
        self._finish_erasures((), ())

    @property
    def is_shared(self) -> bool:
        """Whether the log has an inbox, from which one of many processes takes."""
        return self._database.shared

    def inbox(self) -> Inbox:
        """Return the inbox of a log on PostgreSQL; UsageError for any other."""
        return Inbox(self._database, site_key=self._site_key)

    def _finish_erasures(self, fresh: Collection[int], destroyed: Sequence[bytes]) -> None:
        """Clean the files of what was erased; of the ``fresh`` entries it is known what that is."""
        with self._database.read() as connection:
            pending = store.unfinished_erasures(connection)
        if not pending:
            return
        known = set(pending) <= set(fresh) and len(destroyed) <= SEARCHED
        self._database.scrub(destroyed if known else None)
        transact(self._database, lambda connection: persist.write_scrubbed(connection, pending))

    def checkpoint(self) -> bytes:
        """Return the newest signed checkpoint; with keys, one over all that is committed.

        With witnesses, one that a quorum of them has cosigned: WitnessError if there is none over
        all that is committed, RolledBackError if a witness has seen more than this log holds.
        """
        if self._keys is None:
            return super().checkpoint()
        if self._publication is not None:
            with self._publication.asking:
                return self._witnessed_checkpoint(self._keys, self._publication)
        with self._lock:
            size, note, fresh = self._signed_head(self._keys)
            if fresh:
                note = self._store(size, note)
            self._signed = size
            return note

    def add_timestamp(
        self, request: TimestampRequest, reply: bytes, *, anchors: TimestampAnchors, at: datetime
    ) -> tuple[int, Timestamp]:
        """Keep the token in a TSA's answer to ``request``; return the checkpoint's size, and it.

        MalformedError or ProofError for an answer that is none, or that does not hold at ``at``
        for what was asked; UsageError if no checkpoint is as it was when the request was made.
        """
        token = token_of(reply)
        with self._database.read() as connection:
            stamped = find_asked(connection, request)
        found = verify_timestamp(
            token, stamped.message(), anchors=anchors, at=at, nonce=request.nonce
        )
        if request.policy is not None and found.policy != request.policy:
            raise ProofError(f"a timestamp under the policy {found.policy}, not {request.policy}")
        transact(self._database, lambda connection: write_timestamp(connection, stamped, token))
        return stamped.size, found

    def prune(self, below: int, *, archive: Path | str, at: datetime) -> Pruned:
        """Drop the statements below an index, after an archive of them was written and checked.

        Only whole bundles go, so the new minimum index may be smaller than ``below``; statements
        about keys stay. ``archive`` becomes a tlog-tiles folder of everything from the present
        minimum index up to the newest checkpoint, which with a policy has to be cosigned.
        UsageError if there is nothing to drop or it is not all under that checkpoint.
        """
        if self._keys is None:
            raise UsageError("the log was opened without its keys, for reading only")
        minimum, place = whole_bundles(below), Path(archive).absolute()
        head = self._open(self.checkpoint())
        start = self.minimum_index
        if not start < minimum <= head.size:
            words = f"from {start} on, up to the checkpoint of {head.size}"
            raise UsageError(f"no whole bundle of 256 entries is below {below} ({words})")
        with self._database.read() as connection:
            export_tiles(connection, self._stored(connection, head), head, place)
        check_archive(place, head, start=start, trusted=self._trusted)
        pruning = Pruning(start, minimum, str(place))
        with self._lock:
            dropped = transact(
                self._database,
                lambda connection: drop(connection, pruning, at=to_milliseconds(at)),
            )
        with suppress(BusyError):  # a reader is in the way: the room is used again all the same
            self._database.scrub(None)
        return Pruned(pruning, dropped)

    def _stored(self, connection: Connection, head: TrustedHead) -> bytes:
        note = store.read_checkpoint(connection, head.size)
        if note is None:
            raise StoreError(f"the checkpoint of {head.size} is gone")
        return note

    def prove_each(self, indices: Sequence[int], *, size: int | None = None) -> tuple[bytes, ...]:
        """Return the receipts of entries: tlog-proofs under the newest checkpoint.

        ``size`` asks for the stored checkpoint of exactly that size. NotFoundError if the
        checkpoint is not there or does not reach an entry. While witnesses cannot be reached,
        the checkpoint that was published last will do, if it reaches the entries.
        """
        try:
            return super().prove_each(indices, size=size)
        except WitnessError:
            note = super().checkpoint()
            published = self._open(note).size
            if self._publication is None or not self._publication.holds(note):
                raise
            if any(index >= published for index in indices):
                raise
            return super().prove_each(indices, size=published)

    def _require_witnesses_as_before(self) -> None:
        """Return only if the log has a policy, or published without one so far."""
        if self._publication is not None:
            return
        try:
            note = parse_note(super().checkpoint())
        except NotFoundError:
            return
        own = {(key.name, key.key_id) for each in self.key_sets for key in each.keys}
        if any((each.name, each.key_id) not in own for each in note.signatures):
            raise UsageError(
                f"witnesses cosigned what {self.origin} published last: it signs nothing without "
                "a policy (one with `quorum none` says that none is asked any more)"
            )

    def _checkpoint_after_append(self) -> None:
        """Sign what is not signed; the entries are on the disk, whatever comes of it."""
        try:
            self._checkpoint_if_witnessed()
        except RolledBackError:
            raise
        except (BusyError, StoreError) as error:
            _logger.error("no checkpoint was stored: %s", error)

    def _checkpoint_if_witnessed(self) -> None:
        """Sign what is not signed; if no quorum of witnesses answers, that can wait."""
        try:
            self.checkpoint()
        except WitnessError as error:
            _logger.warning("no checkpoint was published: %s", error)

    def _signed_head(self, keys: LogKeys) -> tuple[int, bytes, bool]:
        """Return size and checkpoint of the head, and whether the signature is new."""
        with self._database.read() as connection:
            head = store.read_head(connection)
            newest = store.newest_checkpoint(connection)
            if store.read_vkeys(connection) != self._row.vkeys:
                raise StoreError("another process changed the keys of the log: open it again")
            if newest is not None and newest[0] >= head.size:
                return *newest, False
            self._check_growth(connection, head, None if newest is None else newest[1])
        note = keys.sign_checkpoint(
            size=head.size, root=head.root, timestamp=head.updated_at // 1000
        )
        return head.size, note, True

    def _witnessed_checkpoint(self, keys: LogKeys, publication: Publication) -> bytes:
        """Commit, sign, ask, publish. The database is not held while witnesses are asked."""
        publication.compare(self.origin)
        for last_try in (False, True):
            with self._lock:
                size, note, fresh = self._signed_head(keys)
            if not fresh and publication.holds(note):
                break
            try:
                note = publication.publish(size, note, self.consistency)
            except WitnessError:
                if last_try or self.size == size:
                    raise
                continue  # another process may have shown the witnesses a larger tree
            break
        self._signed = size
        return note

    def _check_growth(
        self, connection: Connection, head: store.HeadRow, newest: bytes | None
    ) -> None:
        """Return only if the head is the tiles' root and goes on from the last checkpoint."""
        read = store.tile_reader(connection)
        if root_at(head.size, read) != head.root:
            raise StoreError("the tiles do not lead to the head: nothing is signed, audit the log")
        if newest is None:
            return
        last = open_checkpoint(newest, self._trusted)
        if root_at(last.size, read) != last.root:
            raise StoreError("the log does not go on from its last checkpoint: nothing is signed")

    def _store(self, size: int, note: bytes) -> bytes:
        def work(connection: Connection) -> bytes:
            stored = store.read_checkpoint(connection, size)
            if stored is not None:  # another process was quicker
                return stored
            persist.write_checkpoint(connection, size, note)
            return note

        return transact(self._database, work)


def create_log(
    place: Path | str, *, keys: LogKeys, genesis: bytes, annex_key: bytes, at: datetime
) -> Log:
    """Make a new log whose first statement is ``genesis``, and open it.

    ``place`` is the path of a file (SQLite) or a URL ``postgresql+psycopg://...``.
    UsageError if the file or a log exists there, RefusedError if the genesis is not an
    archivist's key that adds itself.
    """
    created_at = to_milliseconds(at)
    statement, keyring = rules.open_genesis(parse_statement(genesis))
    if len(keys.sets) != 1:
        raise UsageError("a new log signs with one set of keys")
    row = store.LogRow(keys.origin, statement.kid, keys.vkeys, check_site_key(annex_key))
    database = create_database(place)
    try:
        with database.write() as connection:
            schema.metadata.create_all(connection)
            persist.write_log(connection, row, created_at=created_at)
            persist.write_first_head(
                connection, store.HeadRow(0, TreeBuilder().root, 0, created_at)
            )
            draft = Draft(connection, load_tail(connection, None), site_key=None)
            draft.found(statement, keyring)
            draft.write(at=created_at)
        log = Log(database, row, keys=keys, site_key=annex_key)
        log.checkpoint()
    except BaseException:
        database.discard()
        raise
    return log


def open_log(
    place: Path | str,
    *,
    keys: LogKeys | None,
    annex_key: bytes | None,
    witnesses: Witnesses | None = None,
    checkpoint_every: int | None = CHECKPOINT_EVERY,
    verifiers: Verifiers | None = None,
) -> Log:
    """Open a log. Without ``keys`` it can be read only, without ``annex_key`` no annex can be.

    A head that was committed but not signed, because of a crash, is signed now, and a log of an
    earlier format is brought up to this one. With ``witnesses``, only cosigned checkpoints are
    published; RolledBackError if one of them has seen more of this log, or another one: then
    nothing is signed. A log that had witnesses before is refused without: UsageError. An append
    that would leave ``checkpoint_every`` entries without a checkpoint asks for one; with None
    somebody else sees to that. ``verifiers`` share the signatures of a
    batch; the caller closes them.
    """
    database = open_database(place, writable=keys is not None)
    try:
        if keys is not None:
            bring_up_to_date(database)
        with database.read() as connection:
            row = store.read_log(connection)
        if annex_key is not None and not hmac.compare_digest(
            check_site_key(annex_key), row.annex_key_check
        ):
            raise UsageError(f"this is not the annex key of the log {row.origin}")
        log = Log(
            database,
            row,
            keys=keys,
            site_key=annex_key,
            witnesses=witnesses,
            checkpoint_every=checkpoint_every,
            verifiers=verifiers,
        )
        if keys is not None:
            if not log._holds(keys):
                raise UsageError(f"these are not the keys of the log {row.origin}")
            log._require_witnesses_as_before()
            log._checkpoint_if_witnessed()
            with suppress(BusyError):  # a reader is in the way: an audit will still say so
                log.finish_erasures()
    except BaseException:
        database.close()
        raise
    return log
