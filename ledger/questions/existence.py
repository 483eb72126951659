"""By when a statement certainly existed, and who says so. Pure functions of bytes.

The log's own word is told apart from that of others: it proves nothing against its operator.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from ledger.checkpoints.trusted_logs import TrustedHead, TrustedLogs
from ledger.errors import LedgerError, QuorumError
from ledger.receipts.receipt import Inclusion, open_receipt, parse_receipt
from ledger.timestamps.timestamp import TimestampAnchors, proven_time


class TimeSource(StrEnum):
    """Who says that a statement existed."""

    LOG = "log"
    WITNESSES = "witnesses"
    TIMESTAMP = "timestamp"

    @property
    def counts_against_the_log(self) -> bool:
        """Whether it is somebody else than the log itself."""
        return self is not TimeSource.LOG


@dataclass(frozen=True, slots=True)
class ExistenceProof:
    """A statement existed not later than ``moment``, under a checkpoint of ``size`` entries.

    ``by`` names who says so. ``find_existence`` builds it, of what it has verified.
    """

    moment: datetime
    source: TimeSource
    size: int
    by: str


@dataclass(frozen=True, slots=True)
class StampedReceipt:
    """A receipt, and the timestamps of the very checkpoint in it; none of them believed yet."""

    receipt: bytes
    tokens: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Existence:
    """What was proven, the earliest of each source; and in words what proves nothing."""

    proofs: tuple[ExistenceProof, ...] = ()
    refused: tuple[str, ...] = ()

    def earliest(self, *, without_log: bool = False) -> ExistenceProof | None:
        """Return the earliest proof, by anybody or by others than the log."""
        counting = (p for p in self.proofs if p.source.counts_against_the_log or not without_log)
        return min(counting, key=lambda proof: proof.moment, default=None)

    def has(self, source: TimeSource) -> bool:
        """Whether this source has proven something."""
        return any(proof.source is source for proof in self.proofs)

    def joined(self, other: Existence) -> Existence:
        """Return both, with the earliest proof of each source."""
        best: dict[TimeSource, ExistenceProof] = {}
        for proof in (*self.proofs, *other.proofs):
            known = best.get(proof.source)
            if known is None or proof.moment < known.moment:
                best[proof.source] = proof
        refused = dict.fromkeys((*self.refused, *other.refused))
        return Existence(tuple(best[s] for s in TimeSource if s in best), tuple(refused))


def find_existence(
    statement: bytes,
    evidence: StampedReceipt,
    *,
    logs: TrustedLogs,
    anchors: TimestampAnchors,
    at: datetime | None,
) -> Existence:
    """Return what one receipt and its timestamps prove of a statement, to who trusts these.

    Bad evidence proves nothing and is named. ``at`` is the moment of judging, by which the
    authorities of timestamps are judged; without it none of them is.
    """
    try:
        inclusion = _open(statement, evidence.receipt, logs)
    except LedgerError as error:
        return Existence(refused=(f"a receipt proves no time: {error}",))
    head, found = inclusion.head, existence_under(inclusion.head)
    if not evidence.tokens or not anchors.authorities:
        return found
    if at is None:
        words = "timestamps are judged at a moment, and none is given"
        return replace(found, refused=(words,))
    note = parse_receipt(evidence.receipt).checkpoint
    try:
        stamp = proven_time(note, evidence.tokens, anchors=anchors, at=at)
        moment = stamp.time + stamp.accuracy
    except (LedgerError, OverflowError) as error:
        words = f"the timestamps of the checkpoint of {head.size} prove no time: {error}"
        return replace(found, refused=(words,))
    stamped = ExistenceProof(moment, TimeSource.TIMESTAMP, head.size, stamp.tsa)
    return replace(found, proofs=(*found.proofs, stamped))


def existence_under(head: TrustedHead) -> Existence:
    """Return what a verified checkpoint proves by itself of all that it covers."""
    proofs = []
    if head.cosigned_at is not None:
        proofs.append(ExistenceProof(head.cosigned_at, TimeSource.LOG, head.size, head.origin))
    if head.witnessed_at is not None:
        by = "a quorum of witnesses"
        proofs.append(ExistenceProof(head.witnessed_at, TimeSource.WITNESSES, head.size, by))
    return Existence(tuple(proofs))


def _open(statement: bytes, receipt: bytes, logs: TrustedLogs) -> Inclusion:
    """Open a receipt; a checkpoint from before the witnesses still says what the log does."""
    try:
        return open_receipt(statement, receipt, logs=logs)
    except QuorumError:
        return open_receipt(statement, receipt, logs=replace(logs, policy=None))
