"""What can be asked of a log without changing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from ledger.annexes import open_annex
from ledger.auditing.audit import audit_log, audit_since
from ledger.auditing.audit_state import AuditState
from ledger.auditing.findings import AuditReport
from ledger.auditing.rehash import rehash_log
from ledger.checkpoints.key_sets import KeySet
from ledger.checkpoints.log_keys import LogKeys
from ledger.checkpoints.trusted_logs import TrustedHead, TrustedLogs, open_checkpoint
from ledger.copies.export import entry_bundle, export_tiles
from ledger.copies.pruning import Pruning, pruned_error, read_prunings
from ledger.entries import Entry, LoggedKey
from ledger.errors import (
    MalformedError,
    NotFoundError,
    ProofError,
    PrunedError,
    StoreError,
    UsageError,
)
from ledger.links import FIRST, HASH_SIZE, Link
from ledger.questions.alarm_store import read_alarms, read_rivals, read_silence
from ledger.questions.alarms import Alarm, Expectation
from ledger.questions.bracket import Bracket
from ledger.questions.bracket_store import Brackets
from ledger.questions.existence import StampedReceipt
from ledger.questions.query import Query, bind_query
from ledger.receipts.cose_consistency import sign_cose_consistency
from ledger.receipts.cose_receipt import sign_cose_receipt
from ledger.receipts.receipt import Receipt
from ledger.statements.keyring import KeyRecord
from ledger.statements.verifiers import Verifiers
from ledger.storage import chain_ends, erasable, store, stored_checkpoints
from ledger.storage.database import Database
from ledger.timestamps.stamped import Stamped, read_stamped, stamped_covering, stamped_sizes
from ledger.tree.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    consistency_path,
    inclusion_path,
    inclusion_paths,
    parse_tile_path,
)

_PAGE = 512  # entries read at a time
EARLY = 8  # checkpoints after an entry among which a proof of its time is sought

_Key = TypeVar("_Key")
_Answer = TypeVar("_Answer")


class LogView:
    """A log opened for questions; every answer comes from one snapshot of the database."""

    def __init__(self, database: Database, row: store.LogRow, *, site_key: bytes | None) -> None:
        self._database = database
        self._site_key = site_key
        self._opened: tuple[bytes, TrustedHead] | None = None
        self._configure(row)

    def _configure(self, row: store.LogRow) -> None:
        self._row = row
        self._trusted = TrustedLogs.from_vkeys(row.vkeys)

    @property
    def origin(self) -> str:
        """The name of the log, as its checkpoints give it."""
        return self._row.origin

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The verifier keys of the log, to configure those who check its receipts.

        Retired ones stand below a line ``retired <size>`` (docs/spec/receipt.md).
        """
        return self._row.vkeys

    @property
    def key_sets(self) -> tuple[KeySet, ...]:
        """The same keys in the sets that sign together."""
        return self._trusted.find(self.origin).sets

    def _holds(self, keys: LogKeys) -> bool:
        """Whether these are all the keys the log signs with now."""
        in_force = tuple(each.keys for each in self.key_sets if each.last_size is None)
        return (keys.origin, keys.sets) == (self.origin, in_force)

    @property
    def size(self) -> int:
        """How many entries the log has, under a signed checkpoint or not yet."""
        with self._database.read() as connection:
            return store.read_head(connection).size

    @property
    def minimum_index(self) -> int:
        """The first entry that was not pruned; 0 if none was."""
        with self._database.read() as connection:
            return store.minimum_index(connection)

    def prunings(self) -> tuple[Pruning, ...]:
        """Return what was pruned and where its archives were written, oldest first."""
        with self._database.read() as connection:
            return read_prunings(connection)

    def checkpoint(self) -> bytes:
        """Return the newest signed checkpoint; NotFoundError before the first."""
        with self._database.read() as connection:
            newest = stored_checkpoints.newest_checkpoint(connection)
        if newest is None:
            raise NotFoundError("no checkpoint was signed yet")
        return newest[1]

    def head(self) -> TrustedHead:
        """Return what the newest checkpoint says, after checking its signatures."""
        return self._open(self.checkpoint())

    def prove(self, index: int, *, size: int | None = None) -> bytes:
        """Return the receipt of an entry: a tlog-proof under the newest checkpoint.

        ``size`` asks for the stored checkpoint of exactly that size. NotFoundError if the
        checkpoint is not there or does not reach the entry.
        """
        return self.prove_each((index,), size=size)[0]

    def prove_each(self, indices: Sequence[int], *, size: int | None = None) -> tuple[bytes, ...]:
        """Return the receipts of entries under one checkpoint, as ``prove``; tiles are read once.

        For the history of an image, say: a hundred receipts cost little more than ten.
        """
        note, _, paths = self._places(indices, size)
        return tuple(
            bytes(Receipt(index, path, note)) for index, path in zip(indices, paths, strict=True)
        )

    def receipt(self, entry: Entry) -> bytes:
        """Return the receipt of an entry, as ``prove``; a log elsewhere has this, too."""
        return self.prove(entry.index)

    def prove_cose(self, index: int, *, keys: LogKeys, size: int | None = None) -> bytes:
        """Return the same proof as a COSE receipt, which ``keys`` sign anew (RFC 9942)."""
        self._require_own(keys)
        _, head, (path,) = self._places((index,), size)
        return sign_cose_receipt(keys, index=index, size=head.size, path=path, root=head.root)

    def prove_cose_consistency(self, old: int, *, keys: LogKeys, size: int | None = None) -> bytes:
        """Return the COSE receipt that the first ``old`` entries grew to a signed checkpoint.

        To the newest one, or that of ``size``; ``keys`` sign its root anew (RFC 9942).
        NotFoundError if there is no such checkpoint above ``old``.
        """
        self._require_own(keys)
        note = self.checkpoint() if size is None else self._note_of(size)
        head = self._open(note)
        if not 0 < old < head.size:
            raise NotFoundError(f"the checkpoint of {head.size} did not grow from {old} entries")
        path = self.consistency(old, head.size)
        return sign_cose_consistency(
            keys, old_size=old, new_size=head.size, path=path, root=head.root
        )

    def _require_own(self, keys: LogKeys) -> None:
        if not self._holds(keys):
            raise UsageError(f"these are not the keys of the log {self.origin}")

    def _note_of(self, size: int) -> bytes:
        note = self._ask(stored_checkpoints.read_checkpoint, size)
        if note is None:
            raise NotFoundError(f"no checkpoint of size {size} was signed")
        return note

    def _places(
        self, indices: Sequence[int], size: int | None
    ) -> tuple[bytes, TrustedHead, list[tuple[bytes, ...]]]:
        """Return a signed checkpoint, what it says, and the paths from entries to its root."""
        note = self.checkpoint() if size is None else self._note_of(size)
        head = self._open(note)
        for index in indices:
            if not 0 <= index < head.size:
                raise NotFoundError(f"no entry {index} under the checkpoint of {head.size}")
        with self._database.read() as connection:
            read = store.tile_reader(connection)
            return note, head, list(inclusion_paths(indices, head.size, read))

    def stamped(self, size: int) -> Stamped:
        """Return the checkpoint of a size with its timestamps; NotFoundError if there is none."""
        return self._ask(read_stamped, size)

    def timestamps(self) -> Iterator[Stamped]:
        """Yield every stamped checkpoint, by its size."""
        with self._database.read() as connection:
            sizes = stamped_sizes(connection)
        return (self.stamped(size) for size in sizes)

    def early_receipts(self, entry: Entry) -> Iterator[StampedReceipt]:
        """Yield the receipts of an entry under the first checkpoints that cover it."""
        with self._database.read() as connection:
            notes = stored_checkpoints.checkpoints_covering(connection, entry.index, EARLY)
        for size, note in notes:
            yield StampedReceipt(self._under(entry.index, size, note))

    def stamped_receipts(self, entry: Entry) -> Iterator[StampedReceipt]:
        """Yield the receipts of an entry under the first stamped ones, with their timestamps."""
        with self._database.read() as connection:
            found = stamped_covering(connection, entry.index, EARLY)
        for each in found:
            yield StampedReceipt(self._under(entry.index, each.size, each.note), each.tokens)

    def _under(self, index: int, size: int, note: bytes) -> bytes:
        """Return the receipt of an entry under a checkpoint that was stored, or stamped, here."""
        with self._database.read() as connection:
            path = inclusion_path(index, size, store.tile_reader(connection))
        return bytes(Receipt(index, path, note))

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """Return the hashes that join the roots at two sizes (RFC 9162, section 2.1.4)."""
        with self._database.read() as connection:
            size = store.read_head(connection).size
            if not 0 < old <= new <= size:
                raise UsageError(f"no proof from {old} to {new} in a log of {size} entries")
            return consistency_path(old, new, store.tile_reader(connection))

    def entry(self, index: int) -> Entry:
        """Return one entry; NotFoundError past the end, PrunedError if its statement was pruned."""
        with self._database.read() as connection:
            found = store.find_index(connection, index)
            if found is None:
                raise NotFoundError(f"no entry {index} in the log")
            return _whole(connection, [found])[0]

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        """Yield entries in their order, page by page; without ``stop`` up to the present end.

        PrunedError at the first whose statement was pruned; ``minimum_index`` is where none was.
        """
        stop = self.size if stop is None else stop
        while start < stop:
            with self._database.read() as connection:
                page = store.read_entries(connection, start, stop, count=_PAGE)
                _whole(connection, page)
            if not page:
                return
            yield from page
            start = page[-1].index + 1

    def statements(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes of the entries of a range, as a monitor copies them."""
        return (entry.statement for entry in self.entries(start, stop))

    def events(self, object_id: bytes) -> tuple[Entry, ...]:
        """Return the history of an object, oldest first; empty if the log has none.

        PrunedError, which names the archive, if some of it was pruned.
        """
        with self._database.read() as connection:
            return tuple(_whole(connection, store.entries_of_object(connection, object_id)))

    def history(self, object_id: bytes, start: int, *, count: int) -> list[Entry]:
        """Return a page of it: at most ``count`` entries from the object's number ``start`` on."""
        with self._database.read() as connection:
            return store.page_of_object(connection, object_id, start, count=count)

    def query(self, query: Query, *, after: int = -1) -> Iterator[Entry]:
        """Yield the entries above the index ``after`` that answer a question, in their order.

        Page by page, each from its own snapshot: memory does not grow with the answer. Entries
        that were pruned are left out: see ``prunings``.
        """
        with self._database.read() as connection:
            bound = bind_query(connection, query)
        following: int | None = after
        while following is not None:
            with self._database.read() as connection:
                found, following = bound.page(connection, after=following, count=_PAGE)
            yield from found

    def find(self, pseudonym: bytes) -> tuple[bytes, ...]:
        """Return the ids of the objects logged under a pseudonym, oldest first."""
        return self._ask(erasable.find_pseudonym, pseudonym)

    def annex(self, object_id: bytes) -> bytes | None:
        """Return the annex kept for an object; None if there is none, or it was erased."""
        if self._site_key is None:
            raise UsageError("the log was opened without its annex key")
        sealed = self._ask(erasable.read_annex, object_id)
        return None if sealed is None else open_annex(sealed, object_id, site_key=self._site_key)

    def is_erased(self, object_id: bytes) -> bool:
        """Whether what lay beside the log for an object was erased."""
        return self._ask(erasable.is_erased, object_id)

    def object_link(self, object_id: bytes) -> Link:
        """Return the link the next statement about an object must have."""
        return self._ask(chain_ends.next_object_links, (object_id,))[object_id]

    def actor_link(self, kid: bytes) -> Link:
        """Return the link the next statement of a signer must have."""
        with self._database.read() as connection:
            record = store.find_key(connection, kid)
            if record is None:
                return FIRST
            return chain_ends.next_actor_links(connection, (record.number,))[record.number]

    def key(self, kid: bytes) -> LoggedKey:
        """Return what the log knows of a key; NotFoundError if it was never added."""
        record = self._ask(store.find_key, kid)
        if record is None:
            raise NotFoundError(f"key {kid.hex()} is not in the log")
        return _logged(record)

    def keys(self) -> tuple[LoggedKey, ...]:
        """Return every key that was ever added, in that order."""
        with self._database.read() as connection:
            records = store.read_keyring(connection).records.values()
        return tuple(_logged(record) for record in records)

    def alarms(self) -> tuple[Alarm, ...]:
        """Return gaps, forks and rival seals of this log, open and closed, as of now."""
        with self._database.read() as connection:
            rivals = read_rivals(connection, trusted=self._trust(connection))
            return (*read_alarms(connection), *rivals)

    def silence(self, expected: Sequence[Expectation], *, at: datetime) -> tuple[Alarm, ...]:
        """Return the keys that were not heard for longer than they shall be, until ``at``.

        Heard is what a signed checkpoint covers, at the time of the first that does.
        """
        with self._database.read() as connection:
            return tuple(read_silence(connection, expected, trusted=self._trust(connection), at=at))

    def bracket(self, entry: Entry) -> Bracket:
        """Return between which checkpoints one entry was signed and logged."""
        return self.brackets((entry,))[0]

    def brackets(self, entries: Sequence[Entry]) -> list[Bracket]:
        """Return for each entry between which checkpoints it was signed and logged."""
        with self._database.read() as connection:
            found = Brackets(connection, self._trust(connection))
            return [found.of(each) for each in entries]

    def audit(
        self,
        progress: Callable[[int, int], None] | None = None,
        *,
        held: Sequence[bytes] = (),
        archives: Sequence[Path] = (),
        jobs: int = 1,
    ) -> AuditReport:
        """Check everything again, from the bytes of every statement up.

        ``held`` are checkpoints of this log that somebody kept elsewhere. They are what an audit
        has to hold against an operator, who could otherwise have rewritten everything.
        ``archives`` are folders with statements that were pruned; what they lack is counted as not
        re-hashed. With more than one of ``jobs``, so many processes check signatures.
        """
        with _verifiers(jobs) as verifiers, self._database.read() as connection:
            return audit_log(
                self._database,
                connection,
                self._row,
                trusted=self._trusted,
                site_key=self._site_key,
                held=held,
                progress=progress,
                archives=archives,
                verifiers=verifiers,
            )

    def audit_since(
        self,
        remembered: AuditState,
        progress: Callable[[int, int], None] | None = None,
        *,
        held: Sequence[bytes] = (),
        archives: Sequence[Path] = (),
        jobs: int = 1,
    ) -> AuditReport:
        """Check what is new since an audit that found nothing, and that the log grew from there.

        What was changed in rows read before is found by ``audit`` alone, unless it shows in the
        tree; so is what lies beside the statements.
        """
        with _verifiers(jobs) as verifiers, self._database.read() as connection:
            return audit_since(
                connection,
                self._row,
                trusted=self._trusted,
                remembered=remembered,
                held=held,
                progress=progress,
                archives=archives,
                verifiers=verifiers,
            )

    def rehash(
        self,
        progress: Callable[[int, int], None] | None = None,
        *,
        held: Sequence[bytes] = (),
        jobs: int = 1,
    ) -> AuditReport:
        """Hash every statement again and compare tiles, head, newest checkpoint and ``held``.

        Neither signatures of statements nor links are looked at: that is what ``audit`` is for.
        """
        with self._database.read() as connection:
            return rehash_log(
                connection,
                self._row,
                trusted=self._trusted,
                held=held,
                progress=progress,
                jobs=jobs,
            )

    def export(self, directory: Path | str) -> None:
        """Write the log up to its newest checkpoint as a tlog-tiles folder, whole or not at all."""
        note = self.checkpoint()
        with self._database.read() as connection:
            export_tiles(connection, note, self._open(note), Path(directory))

    def static_file(self, path: str) -> bytes:
        """Return the file that tlog-tiles has at ``path``: a tile or bundle of the published tree.

        Every width is there that this tree or one before it has. NotFoundError for the rest.
        """
        try:
            level, number, width = parse_tile_path(path)
        except MalformedError as error:
            raise NotFoundError(str(error)) from error
        height = 0 if isinstance(level, str) else level
        with self._database.read() as connection:
            newest = stored_checkpoints.newest_checkpoint(connection)
            published = (0 if newest is None else newest[0]) >> TILE_HEIGHT * height
            if number * TILE_WIDTH + width > published:
                raise NotFoundError(f"the published tree has no {path}")
            minimum = store.minimum_index(connection)
            if height == 0 and number * TILE_WIDTH < minimum:
                raise PrunedError(f"{path} was pruned; the minimum index is {minimum}")
            if isinstance(level, str):
                return entry_bundle(connection, number, width)
            hashes = store.tile_reader(connection)(level, number)[: width * HASH_SIZE]
        if len(hashes) != width * HASH_SIZE:
            raise StoreError(f"tile {number} of level {level} is shorter than the tree needs")
        return hashes

    def _open(self, note: bytes) -> TrustedHead:
        """Check a checkpoint's signatures, once for many receipts under it."""
        opened = self._opened
        if opened is None or opened[0] != note:
            try:
                head = open_checkpoint(note, self._trusted)
            except ProofError:  # others may have changed the keys of the log since it was opened
                before = self._row
                with self._database.read() as connection:
                    trusted = self._trust(connection)
                if self._row == before:
                    raise
                head = open_checkpoint(note, trusted)
            opened = self._opened = note, head
        return opened[1]

    def _trust(self, connection: Connection) -> TrustedLogs:
        """Return the keys of the log as a snapshot names them: another process may change them."""
        vkeys = store.read_vkeys(connection)
        if vkeys != self._row.vkeys:
            self._take_over(vkeys)
        return self._trusted

    def _take_over(self, vkeys: tuple[str, ...]) -> None:
        """Believe other keys of the log, which its database names."""
        self._configure(replace(self._row, vkeys=vkeys))

    def _ask(self, question: Callable[[Connection, _Key], _Answer], key: _Key) -> _Answer:
        with self._database.read() as connection:
            return question(connection, key)


def _whole(connection: Connection, entries: Sequence[Entry]) -> Sequence[Entry]:
    """Return the entries if all of them have their statements; else PrunedError."""
    for each in entries:
        if not each.statement:
            raise pruned_error(connection, each.index)
    return entries


def _verifiers(jobs: int) -> AbstractContextManager[Verifiers | None]:
    return nullcontext() if jobs == 1 else Verifiers(jobs)


def _logged(record: KeyRecord) -> LoggedKey:
    return LoggedKey(
        record.key.kid,
        record.key.algorithm,
        record.role,
        record.key.spki,
        record.certificate,
        record.added_index,
        record.revoked_index,
    )
