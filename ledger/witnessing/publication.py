"""What a log may publish under its witnesses, and whether it may sign at all."""

from __future__ import annotations

import logging
from threading import Lock

from sqlalchemy import Connection

from ledger.checkpoints.trusted_logs import TrustedLogs, open_checkpoint
from ledger.errors import MalformedError, ProofError, RolledBackError
from ledger.storage import persist, store
from ledger.storage.database import Database, transact
from ledger.storage.thinning import thin
from ledger.tree.tiles import root_at
from ledger.witnessing.witness_client import Prover
from ledger.witnessing.witnesses import Witnesses

_logger = logging.getLogger(__name__)


class Publication:
    """A log's dealings with its witnesses. Whoever asks holds ``asking``."""

    def __init__(self, database: Database, own: TrustedLogs, witnesses: Witnesses) -> None:
        self.asking = Lock()
        self._database = database
        self._witnesses = witnesses
        self.trust(own)
        self._compared = False
        self._newest: bytes | None = None

    def trust(self, own: TrustedLogs) -> None:
        """Take over other keys of the log itself."""
        self._own = own
        self._counted = TrustedLogs(own.logs, self._witnesses.policy)

    def compare(self, origin: str) -> None:
        """Return only if a quorum of witnesses has seen no more than the log holds; asks once.

        WitnessError if no quorum answers, RolledBackError if one has seen more, or others.
        """
        if not self._compared:
            for held in self._witnesses.last_checkpoints(origin):
                self._require_not_behind(held)
            self._compared = True

    def publish(self, size: int, note: bytes, prove: Prover) -> bytes:
        """Have a signed checkpoint cosigned, store it, and return it; errors as ``compare``."""
        cosigned = self._witnesses.cosign(note, prove=prove, on_held=self._require_not_behind)

        def store_it(connection: Connection) -> None:
            thin(connection, size=size)
            persist.replace_checkpoint(connection, size, cosigned)

        transact(self._database, store_it)
        self._newest = cosigned
        return cosigned

    def show(self, note: bytes, prove: Prover) -> None:
        """Have a checkpoint cosigned by a quorum, and keep nothing of it; errors as ``compare``."""
        self._witnesses.cosign(note, prove=prove, on_held=self._require_not_behind)

    def holds(self, note: bytes) -> bool:
        """Whether a quorum has cosigned a stored checkpoint: not those from before the policy."""
        if note == self._newest:
            return True
        try:
            open_checkpoint(note, self._counted)
        except ProofError:
            return False
        self._newest = note
        return True

    def _require_not_behind(self, held: bytes) -> None:
        """Compare what a witness holds. It counts only if the log itself has signed it."""
        try:
            head = open_checkpoint(held, self._own)
        except (MalformedError, ProofError) as error:
            _logger.warning("a witness holds a checkpoint that this log has not signed: %s", error)
            return
        with self._database.read() as connection:
            size = store.read_head(connection).size
            if head.size > size:
                raise RolledBackError(
                    f"a witness has seen {head.size} entries of {head.origin}, and here are {size}:"
                    " the database is an old copy, nothing is signed"
                )
            if root_at(head.size, store.tile_reader(connection)) != head.root:
                raise RolledBackError(
                    f"a witness has seen other {head.size} entries of {head.origin} than are here:"
                    " nothing is signed"
                )
