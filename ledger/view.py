"""What can be asked of a log without changing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection

from ledger import store
from ledger.annexes import open_annex
from ledger.audit import audit_log, audit_since
from ledger.audit_state import AuditState
from ledger.cose_receipt import sign_cose_receipt
from ledger.database import Database
from ledger.entries import Entry, LoggedKey
from ledger.errors import MalformedError, NotFoundError, StoreError, UsageError
from ledger.export import entry_bundle, export_tiles
from ledger.findings import AuditReport
from ledger.keyring import KeyRecord
from ledger.links import FIRST, HASH_SIZE, Link
from ledger.log_keys import LogKeys
from ledger.query import Query, bind_query
from ledger.receipt import Receipt
from ledger.tiles import TILE_HEIGHT, TILE_WIDTH, consistency_path, inclusion_path, parse_tile_path
from ledger.trusted_logs import TrustedHead, TrustedLogs, open_checkpoint

_PAGE = 512  # entries read at a time

_Key = TypeVar("_Key")
_Answer = TypeVar("_Answer")


class LogView:
    """A log opened for questions; every answer comes from one snapshot of the database."""

    def __init__(self, database: Database, row: store.LogRow, *, site_key: bytes | None) -> None:
        self._database = database
        self._row = row
        self._site_key = site_key
        self._trusted = TrustedLogs.from_vkeys(row.vkeys)
        self._opened: tuple[bytes, TrustedHead] | None = None

    @property
    def origin(self) -> str:
        """The name of the log, as its checkpoints give it."""
        return self._row.origin

    @property
    def vkeys(self) -> tuple[str, ...]:
        """The verifier keys of the log, to configure those who check its receipts."""
        return self._row.vkeys

    @property
    def size(self) -> int:
        """How many entries the log has, under a signed checkpoint or not yet."""
        with self._database.read() as connection:
            return store.read_head(connection).size

    def checkpoint(self) -> bytes:
        """Return the newest signed checkpoint; NotFoundError before the first."""
        with self._database.read() as connection:
            newest = store.newest_checkpoint(connection)
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
        note, _, path = self._place(index, size)
        return bytes(Receipt(index, path, note))

    def receipt(self, entry: Entry) -> bytes:
        """Return the receipt of an entry, as ``prove``; a log elsewhere has this, too."""
        return self.prove(entry.index)

    def prove_cose(self, index: int, *, keys: LogKeys, size: int | None = None) -> bytes:
        """Return the same proof as a COSE receipt, which ``keys`` sign anew (RFC 9942)."""
        if (keys.origin, keys.vkeys) != (self._row.origin, self._row.vkeys):
            raise UsageError(f"these are not the keys of the log {self.origin}")
        _, head, path = self._place(index, size)
        return sign_cose_receipt(keys, index=index, size=head.size, path=path, root=head.root)

    def _place(self, index: int, size: int | None) -> tuple[bytes, TrustedHead, tuple[bytes, ...]]:
        """Return a signed checkpoint, what it says, and the path from an entry to its root."""
        newest = self.checkpoint() if size is None else None
        with self._database.read() as connection:
            note = newest or store.read_checkpoint(connection, size or 0)
            if note is None:
                raise NotFoundError(f"no checkpoint of size {size} was signed")
            head = self._open(note)
            if not 0 <= index < head.size:
                raise NotFoundError(f"no entry {index} under the checkpoint of {head.size}")
            return note, head, inclusion_path(index, head.size, store.tile_reader(connection))

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """Return the hashes that join the roots at two sizes (RFC 9162, section 2.1.4)."""
        with self._database.read() as connection:
            size = store.read_head(connection).size
            if not 0 < old <= new <= size:
                raise UsageError(f"no proof from {old} to {new} in a log of {size} entries")
            return consistency_path(old, new, store.tile_reader(connection))

    def entry(self, index: int) -> Entry:
        """Return one entry; NotFoundError past the end."""
        found = self._ask(store.find_index, index)
        if found is None:
            raise NotFoundError(f"no entry {index} in the log")
        return found

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        """Yield entries in their order, page by page; without ``stop`` up to the present end."""
        stop = self.size if stop is None else stop
        while start < stop:
            with self._database.read() as connection:
                page = store.read_entries(connection, start, stop, count=_PAGE)
            if not page:
                return
            yield from page
            start = page[-1].index + 1

    def statements(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes of the entries of a range, as a monitor copies them."""
        return (entry.statement for entry in self.entries(start, stop))

    def events(self, object_id: bytes) -> tuple[Entry, ...]:
        """Return the history of an object, oldest first; empty if the log has none."""
        return self._ask(store.entries_of_object, object_id)

    def query(self, query: Query, *, after: int = -1) -> Iterator[Entry]:
        """Yield the entries above the index ``after`` that answer a question, in their order.

        Page by page, each from its own snapshot: memory does not grow with the answer.
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
        return self._ask(store.find_pseudonym, pseudonym)

    def annex(self, object_id: bytes) -> bytes | None:
        """Return the annex kept for an object; None if there is none, or it was erased."""
        if self._site_key is None:
            raise UsageError("the log was opened without its annex key")
        sealed = self._ask(store.read_annex, object_id)
        return None if sealed is None else open_annex(sealed, object_id, site_key=self._site_key)

    def object_link(self, object_id: bytes) -> Link:
        """Return the link the next statement about an object must have."""
        return self._ask(store.next_object_links, (object_id,))[object_id]

    def actor_link(self, kid: bytes) -> Link:
        """Return the link the next statement of a signer must have."""
        with self._database.read() as connection:
            record = store.read_keyring(connection).records.get(kid)
            if record is None:
                return FIRST
            return store.next_actor_links(connection, (record.number,))[record.number]

    def key(self, kid: bytes) -> LoggedKey:
        """Return what the log knows of a key; NotFoundError if it was never added."""
        for key in self.keys():
            if key.kid == kid:
                return key
        raise NotFoundError(f"key {kid.hex()} is not in the log")

    def keys(self) -> tuple[LoggedKey, ...]:
        """Return every key that was ever added, in that order."""
        with self._database.read() as connection:
            records = store.read_keyring(connection).records.values()
        return tuple(_logged(record) for record in records)

    def audit(
        self,
        progress: Callable[[int, int], None] | None = None,
        *,
        held: Sequence[bytes] = (),
    ) -> AuditReport:
        """Check everything again, from the bytes of every statement up.

        ``held`` are checkpoints of this log that somebody kept elsewhere. They are what an audit
        has to hold against an operator, who could otherwise have rewritten everything.
        """
        with self._database.read() as connection:
            return audit_log(
                self._database,
                connection,
                self._row,
                trusted=self._trusted,
                site_key=self._site_key,
                held=held,
                progress=progress,
            )

    def audit_since(
        self,
        remembered: AuditState,
        progress: Callable[[int, int], None] | None = None,
        *,
        held: Sequence[bytes] = (),
    ) -> AuditReport:
        """Check what is new since an audit that found nothing, and that the log grew from there.

        What was changed in rows read before is found by ``audit`` alone, unless it shows in the
        tree; so is what lies beside the statements.
        """
        with self._database.read() as connection:
            return audit_since(
                connection,
                self._row,
                trusted=self._trusted,
                remembered=remembered,
                held=held,
                progress=progress,
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
            newest = store.newest_checkpoint(connection)
            published = (0 if newest is None else newest[0]) >> TILE_HEIGHT * height
            if number * TILE_WIDTH + width > published:
                raise NotFoundError(f"the published tree has no {path}")
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
            opened = self._opened = note, open_checkpoint(note, self._trusted)
        return opened[1]

    def _ask(self, question: Callable[[Connection, _Key], _Answer], key: _Key) -> _Answer:
        with self._database.read() as connection:
            return question(connection, key)


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
