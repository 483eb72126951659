"""A log is made, or opened."""

from __future__ import annotations

import hmac
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from ledger.annexes import check_site_key
from ledger.appending.draft import Draft, load_tail
from ledger.checkpoints.log_keys import LogKeys
from ledger.errors import (
    BusyError,
    UsageError,
)
from ledger.instants import to_milliseconds
from ledger.log import CHECKPOINT_EVERY, Log
from ledger.statements import rules
from ledger.statements.statement import parse_statement
from ledger.statements.verifiers import Verifiers
from ledger.storage import persist, schema, store
from ledger.storage.database import create_database, open_database
from ledger.storage.migration import bring_up_to_date
from ledger.tree.tiles import TreeBuilder
from ledger.witnessing.witnesses import Witnesses


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
    somebody else sees to that. ``verifiers`` share the signatures of a batch; the caller closes
    them.
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
            log.require_witnesses_as_before()
            log.checkpoint_if_witnessed()
            with suppress(BusyError):  # a reader is in the way: an audit will still say so
                log.finish_erasures()
    except BaseException:
        database.close()
        raise
    return log
