"""The log: appended to, erased from, pruned, its keys changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType

from sqlalchemy import Connection

from ledger.appending.draft import Draft, Tail, open_draft, receive
from ledger.appending.inbox import VERIFIED, Inbox
from ledger.checkpoints.key_sets import KeySuccession, key_lines
from ledger.checkpoints.log_keys import LogKeys
from ledger.checkpoints.trusted_logs import TrustedHead
from ledger.copies.export import export_tiles
from ledger.copies.pruning import Pruned, Pruning, check_archive, drop, whole_bundles
from ledger.entries import Entry, Submission
from ledger.errors import (
    BusyError,
    ConflictError,
    ProofError,
    RolledBackError,
    StoreError,
    UsageError,
)
from ledger.instants import to_milliseconds
from ledger.published_log import PublishedLog
from ledger.questions.alarm_store import note_refused
from ledger.roles import Event
from ledger.statements.arrival import Arrival
from ledger.statements.key_events import read_log_keys
from ledger.statements.keyring import Keyring
from ledger.statements.statement import parse_statement
from ledger.statements.verifiers import Verifiers
from ledger.storage import erasable, persist, store, stored_checkpoints
from ledger.storage.database import Database, transact
from ledger.timestamps.stamped import find_asked, write_timestamp
from ledger.timestamps.timestamp import Timestamp, TimestampAnchors, verify_timestamp
from ledger.timestamps.timestamp_request import TimestampRequest
from ledger.timestamps.timestamp_token import token_of
from ledger.witnessing.witnesses import Witnesses

CHECKPOINT_EVERY = 256  # entries an append may leave without a signed checkpoint
SEARCHED = 64  # secrets that are searched for after an erasure; of more the file is written anew

Beside = Callable[[Connection], None]

_logger = logging.getLogger(__name__)


class Log(PublishedLog):
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
        super().__init__(database, row, keys=keys, site_key=site_key, witnesses=witnesses)
        self._verifiers = verifiers
        self._tail: Tail | None = None
        self._derived: tuple[LogKeys | None, tuple[bytes, ...]] = None, ()
        self._checkpoint_every = checkpoint_every

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

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
        draft = open_draft(connection, self._tail, arrivals, site_key=self._site_key)
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
                    raise StoreError(
                        "another process changed the keys of the log: start this one again"
                    )
                draft = open_draft(connection, self._tail, [arrival], site_key=None)
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
        return Inbox(self._database, site_key=self._site_key, verified_keys=self._keys_of_the_inbox)

    def _keys_of_the_inbox(self) -> tuple[bytes, ...]:
        """Return what the keys in force derive for it, once for each change of them."""
        keys, derived = self._derived
        if keys is not self._keys:
            derived = () if self._keys is None else self._keys.derive(VERIFIED)
            self._derived = self._keys, derived
        return derived

    def _finish_erasures(self, fresh: Collection[int], destroyed: Sequence[bytes]) -> None:
        """Clean the files of what was erased; of the ``fresh`` entries it is known what that is."""
        with self._database.read() as connection:
            pending = erasable.unfinished_erasures(connection)
        if not pending:
            return
        known = set(pending) <= set(fresh) and len(destroyed) <= SEARCHED
        self._database.scrub(destroyed if known else None)
        transact(self._database, lambda connection: persist.write_scrubbed(connection, pending))

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
        note = stored_checkpoints.read_checkpoint(connection, head.size)
        if note is None:
            raise StoreError(f"the checkpoint of {head.size} is gone")
        return note

    def _checkpoint_after_append(self) -> None:
        """Sign what is not signed; the entries are on the disk, whatever comes of it."""
        try:
            self.checkpoint_if_witnessed()
        except RolledBackError:
            raise
        except (BusyError, StoreError) as error:
            _logger.error("no checkpoint was stored: %s", error)
