"""A log whose heads are signed, cosigned by witnesses if it has any, and then stored."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import RLock

from sqlalchemy import Connection

from ledger.checkpoints.key_sets import KeySet
from ledger.checkpoints.log_keys import LogKeys
from ledger.checkpoints.note import parse_note
from ledger.checkpoints.trusted_logs import TrustedLogs, open_checkpoint
from ledger.errors import (
    NotFoundError,
    StoreError,
    UsageError,
    WitnessError,
)
from ledger.storage import persist, store, stored_checkpoints
from ledger.storage.database import Database, transact
from ledger.storage.thinning import thin
from ledger.tree.tiles import root_at
from ledger.view import LogView
from ledger.witnessing.publication import Publication
from ledger.witnessing.witnesses import Witnesses

_logger = logging.getLogger(__name__)


class PublishedLog(LogView):
    """A log with the keys its checkpoints are signed with; without them it can only be read."""

    def __init__(
        self,
        database: Database,
        row: store.LogRow,
        *,
        keys: LogKeys | None,
        site_key: bytes | None,
        witnesses: Witnesses | None = None,
    ) -> None:
        super().__init__(database, row, site_key=site_key)
        self._keys = keys
        self._publication = (
            None if witnesses is None else Publication(database, self._trusted, witnesses)
        )
        self._read_keys: Callable[[Sequence[KeySet]], LogKeys] | None = None
        self._signed = 0
        self._lock = RLock()

    def close(self) -> None:
        """Sign what is not signed yet, and let go of the file."""
        try:
            if self._keys is not None:
                self.checkpoint_if_witnessed()
        finally:
            self._database.close()

    def checkpoint(self) -> bytes:
        """Return the newest signed checkpoint; with keys, one over all that is committed.

        With witnesses, one that a quorum of them has cosigned: WitnessError if there is none over
        all that is committed, RolledBackError if a witness has seen more than this log holds.
        """
        if self._keys is None:
            return super().checkpoint()
        if self._publication is not None:
            with self._publication.asking:
                return self._witnessed_checkpoint(self._publication)
        with self._lock:
            size, note, fresh = self._signed_head()
            if fresh:
                note = self._store(size, note)
            self._signed = size
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

    def require_witnesses_as_before(self) -> None:
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

    def checkpoint_if_witnessed(self) -> None:
        """Sign what is not signed; if no quorum of witnesses answers, that can wait."""
        try:
            self.checkpoint()
        except WitnessError as error:
            _logger.warning("no checkpoint was published: %s", error)

    def require_known_to_witnesses(self, keys: LogKeys) -> None:
        """Return only if a quorum of witnesses cosigns what ``keys``, some of those in force, sign.

        They are shown the newest checkpoint once more, without the other signatures. WitnessError,
        with what each of them says, if no quorum does. Without witnesses nobody is asked.
        """
        if self._keys is None or not set(keys.sets) <= set(self._keys.sets):
            raise UsageError("not keys that the log signs with")
        if self._publication is None:
            return
        with self._publication.asking:
            head = self._open(self._witnessed_checkpoint(self._publication))
            with self._database.read() as connection:
                seconds = store.read_head(connection).updated_at // 1000
            note = keys.sign_checkpoint(size=head.size, root=head.root, timestamp=seconds)
            self._publication.show(note, self.consistency)

    def follow_keys(self, read: Callable[[Sequence[KeySet]], LogKeys]) -> None:
        """Sign, from the next checkpoint on, with the keys that another process gives the log.

        ``read`` returns the private keys of those sets of the log that are in force. Without it
        nothing is signed any more once the keys have changed.
        """
        self._read_keys = read

    def _take_over(self, vkeys: tuple[str, ...]) -> None:
        if self._keys is None:
            super()._take_over(vkeys)
            return
        changed = "another process changed the keys of the log"
        if self._read_keys is None:
            raise StoreError(f"{changed}: start this one again")
        sets = TrustedLogs.from_vkeys(vkeys).find(self.origin).sets
        found = self._read_keys(sets)
        if found.sets != tuple(each.keys for each in sets if each.last_size is None):
            raise StoreError(f"{changed}, and the private ones are not where they were")
        super()._take_over(vkeys)
        self._keys = found
        if self._publication is not None:
            self._publication.trust(self._trusted)
        _logger.warning("the keys of the log have changed, and it signs with the new ones")

    def _signed_head(self) -> tuple[int, bytes, bool]:
        """Return size and checkpoint of the head, and whether the signature is new."""
        with self._database.read() as connection:
            head = store.read_head(connection)
            newest = stored_checkpoints.newest_checkpoint(connection)
            self._trust(connection)
            if newest is not None and newest[0] >= head.size:
                return *newest, False
            self._check_growth(connection, head, None if newest is None else newest[1])
        if self._keys is None:
            raise UsageError("the log was opened without its keys, for reading only")
        note = self._keys.sign_checkpoint(
            size=head.size, root=head.root, timestamp=head.updated_at // 1000
        )
        return head.size, note, True

    def _witnessed_checkpoint(self, publication: Publication) -> bytes:
        """Commit, sign, ask, publish. The database is not held while witnesses are asked."""
        publication.compare(self.origin)
        for last_try in (False, True):
            with self._lock:
                size, note, fresh = self._signed_head()
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
            stored = stored_checkpoints.read_checkpoint(connection, size)
            if stored is not None:  # another process was quicker
                return stored
            thin(connection, size=size)
            persist.write_checkpoint(connection, size, note)
            return note

        return transact(self._database, work)
