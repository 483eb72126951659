"""By when something certainly existed: from its receipt, and from a ledger (docs/revocation.md)."""

from collections.abc import Iterable

from cryptography import x509

from ledger import (
    Entry,
    Existence,
    Role,
    StampedReceipt,
    TimeSource,
    find_existence,
    parse_statement,
)
from provenance.records import ReadableLog
from provenance.trust.store import TrustStore


def existence_in_log(entry: Entry, log: ReadableLog, trust: TrustStore) -> Existence:
    """Return what a ledger shows of an entry's time, verified under ``trust``. Raises LedgerError.

    The earliest checkpoints are looked at until one has what is sought.
    """
    policy = trust.logs.policy
    witnessed = policy is not None and policy.quorum is not None
    sought = TimeSource.WITNESSES if witnessed else TimeSource.LOG
    found = _first(entry, log.early_receipts(entry), trust, sought)
    if trust.timestamping.authorities:
        stamped = _first(entry, log.stamped_receipts(entry), trust, TimeSource.TIMESTAMP)
        found = found.joined(stamped)
    return found


def vouch_for_entry(
    entry: Entry, certificate: x509.Certificate, *, role: Role, log: ReadableLog, trust: TrustStore
) -> None:
    """Return only if a trusted authority vouches for who signed an entry; else TrustError."""
    chain = (certificate,)
    existence = existence_in_log(entry, log, trust) if trust.asks_for_time(chain) else None
    claimed_at = parse_statement(entry.statement).claimed_at
    trust.vouch(chain, role=role, at=claimed_at, existence=existence)


def _first(
    entry: Entry, receipts: Iterable[StampedReceipt], trust: TrustStore, sought: TimeSource
) -> Existence:
    found = Existence()
    for each in receipts:
        proven = find_existence(
            entry.statement,
            each,
            logs=trust.logs,
            anchors=trust.timestamping,
            at=trust.judged_at,
        )
        found = found.joined(proven)
        if proven.has(sought):
            break
    return found
