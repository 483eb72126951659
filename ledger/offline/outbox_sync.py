"""Sync: the statements of an outbox go to the log, in their order, each exactly once.

Any step may be cut off, on either side, and is done again with the same bytes: the log knows a
statement by its leaf hash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ledger.entries import Entry, Submission
from ledger.errors import Chain, ConflictError, RefusedError
from ledger.links import Link
from ledger.offline.outbox import Outbox
from ledger.offline.outbox_store import Kept
from ledger.remote.registration import MAX_SUBMISSIONS

MAX_BATCH_BYTES = 1 << 24
RECEIPTS = 64  # kept in one transaction
REFUSED = "refused"  # why a sync stopped, beside the disagreements


class Registrar(Protocol):
    """What a sync asks of a log: the site's own, or one behind a server."""

    def append(self, submissions: Sequence[Submission], *, at: datetime) -> list[Entry]:
        """Log statements in their order, all or none."""

    def receipt(self, entry: Entry) -> bytes:
        """Return the receipt of an entry."""

    def actor_link(self, kid: bytes) -> Link:
        """Return the link the next statement of a signer must have."""


class SyncStep(StrEnum):
    """The two passes of a sync."""

    REGISTER = "register"
    RECEIPTS = "receipts"


class Disagreement(StrEnum):
    """Why log and outbox do not agree; the codes are stable."""

    FORK = "fork"
    LOG_BEHIND = "log-behind"
    OBJECT = "object"


class OutboxConflictError(ConflictError):
    """The log does not go on where the outbox does; nothing was changed, nothing signed anew."""

    def __init__(
        self, words: str, *, current: Link, chain: Chain, disagreement: Disagreement
    ) -> None:
        super().__init__(words, current=current, chain=chain)
        self.disagreement = disagreement


@dataclass(frozen=True, slots=True)
class Synced:
    """What one sync has done."""

    registered: int
    received: int


def _silent(_step: SyncStep, _done: int, _total: int) -> None:
    return None


def sync_outbox(
    outbox: Outbox,
    log: Registrar,
    *,
    clock: Callable[[], datetime],
    progress: Callable[[SyncStep, int, int], None] = _silent,
    batch: int = MAX_SUBMISSIONS,
) -> Synced:
    """Register what waits, then fetch and keep receipts; returns when nothing is left to do.

    OutboxConflictError if the log knows another newest statement; RefusedError if it refuses one;
    ProofError for a receipt that proves nothing; BusyError, UnreachableError, WitnessError if the
    log cannot answer now. What was done before the error stays done: sync again.
    """
    try:
        registered = _register(outbox, log, clock, progress, batch)
    except OutboxConflictError as error:
        outbox.note_stopped(error.disagreement.value, str(error), at=clock())
        raise
    except RefusedError as error:
        outbox.note_stopped(REFUSED, str(error), at=clock())
        raise
    return Synced(registered, _receive(outbox, log, progress))


def _register(
    outbox: Outbox,
    log: Registrar,
    clock: Callable[[], datetime],
    progress: Callable[[SyncStep, int, int], None],
    batch: int,
) -> int:
    total, done = outbox.state().waiting, 0
    if not total:
        _compare(outbox, log.actor_link(outbox.kid))
        if outbox.state().stopped is not None:
            outbox.note_agreed()
    while ready := outbox.unregistered(most=batch, size=MAX_BATCH_BYTES):
        try:
            entries = log.append([submission for _, submission in ready], at=clock())
        except OutboxConflictError:
            raise
        except ConflictError as error:
            raise _explain(outbox, error) from error
        pairs = [(kept, entry) for (kept, _), entry in zip(ready, entries, strict=True)]
        outbox.note_registered(pairs)
        done += len(pairs)
        progress(SyncStep.REGISTER, done, max(total, done))
    return done


def _receive(outbox: Outbox, log: Registrar, progress: Callable[[SyncStep, int, int], None]) -> int:
    state, done = outbox.state(), 0
    total = state.registered - state.received
    while missing := outbox.unreceived(most=RECEIPTS):
        receipts: list[tuple[Kept, bytes]] = []
        try:
            for kept in missing:
                statement = kept.statement
                assert kept.index is not None  # what is registered has one
                entry = Entry(kept.index, statement.encoded, statement.leaf_hash)
                receipts.append((kept, log.receipt(entry)))
        finally:  # those before the one that failed are kept: a bad line still gets there
            outbox.note_receipts(receipts)
        done += len(receipts)
        progress(SyncStep.RECEIPTS, done, max(total, done))
    return done


def _explain(outbox: Outbox, error: ConflictError) -> OutboxConflictError:
    if error.chain is Chain.OBJECT:
        words = (
            "another statement about an object came first, and this log does not take seals "
            "that come late: its release is older than this one. The outbox keeps the batch; "
            "sync again once the log is upgraded"
        )
        return OutboxConflictError(
            words, current=error.current, chain=error.chain, disagreement=Disagreement.OBJECT
        )
    try:
        _compare(outbox, error.current)
    except OutboxConflictError as found:
        return found
    return OutboxConflictError(
        f"{error}: the log and the outbox agree up to number {error.current.seq}, and the log "
        "still refuses what follows",
        current=error.current,
        chain=error.chain,
        disagreement=Disagreement.FORK,
    )


def _compare(outbox: Outbox, current: Link) -> None:
    """Return only if the log's newest statement of the key is one that this outbox knows."""
    state = outbox.state()
    if current.seq < state.registered:
        words = (
            f"the log has acknowledged the statements of this key up to number "
            f"{state.registered - 1}, and now says the next is {current.seq}: it was cut back. "
            "Keep the outbox, prune nothing, and hold its receipts against the log"
        )
        found = Disagreement.LOG_BEHIND
    elif current.seq > state.stop or outbox.leaf_before(current.seq) != current.previous:
        words = (
            f"the log knows another statement number {current.seq - 1} of the key "
            f"{outbox.kid.hex()[:16]}: the key has signed elsewhere, directly or in a copy of "
            "this outbox"
        )
        found = Disagreement.FORK
    else:
        return
    raise OutboxConflictError(words, current=current, chain=Chain.ACTOR, disagreement=found)
