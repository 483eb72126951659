"""What receipt and ledger say of a seal: is it logged, its chain whole, its key standing?"""

from dataclasses import replace

from ledger import (
    Inclusion,
    LedgerError,
    NotFoundError,
    TrustedLogs,
    open_receipt,
    parse_statement,
)
from provenance.claim import Claim
from provenance.evidence import Custody, Problem
from provenance.findings import Code
from provenance.records import Records

_NOT_HELD = "the ledger does not hold it; a device that was offline has not synced its outbox yet"


def find_custody(
    claim: Claim, receipt: bytes | None, *, logs: TrustedLogs, records: Records | None
) -> Custody:
    """Open the receipt, and ask the ledger if there is one."""
    custody = Custody()
    proven: Inclusion | None = None
    statement = claim.statement.encoded
    if receipt is not None:
        try:
            proven = open_receipt(statement, receipt, logs=logs)
        except LedgerError as error:
            custody = replace(custody, receipt=Problem(Code.RECEIPT_BAD, str(error)))
        else:
            custody = replace(
                custody, log_index=proven.index, logged_before=proven.head.cosigned_at
            )
    elif records is None:
        custody = replace(
            custody, receipt=Problem(Code.NO_RECEIPT, "no receipt, and no ledger was asked")
        )
    if records is None:
        return custody
    return _ask_ledger(custody, claim, records, proven)


def _ask_ledger(
    custody: Custody, claim: Claim, records: Records, proven: Inclusion | None
) -> Custody:
    log = records.log
    own = proven is not None and proven.head.origin == log.origin
    entries = log.events(claim.seal_id)
    if not entries:
        if proven is not None and own:
            detail = f"its receipt proves entry {proven.index}, but the ledger has none: cut back?"
            return replace(custody, ledger=Problem(Code.CHAIN_BROKEN, detail))
        if proven is not None:
            # Logged elsewhere, by a receipt that holds: this ledger need not know it.
            return custody
        return replace(custody, ledger=Problem(Code.NOT_LOGGED, _NOT_HELD))
    if entries[0].leaf_hash != claim.statement.leaf_hash:
        detail = "the ledger holds another seal under this seal id"
        return replace(custody, ledger=Problem(Code.CHAIN_BROKEN, detail))
    if proven is not None and own and proven.index != entries[0].index:
        detail = f"its receipt proves entry {proven.index}, the ledger says {entries[0].index}"
        return replace(custody, ledger=Problem(Code.CHAIN_BROKEN, detail))
    custody = replace(custody, log_index=entries[0].index)
    previous = None
    for number, entry in enumerate(entries):
        link = parse_statement(entry.statement).object_link
        if link is None or link.seq != number or link.previous != previous:
            detail = f"event {number} of the object does not name its predecessor"
            return replace(custody, ledger=Problem(Code.CHAIN_BROKEN, detail))
        previous = entry.leaf_hash
    (bracket,) = log.brackets(entries[:1])
    custody = replace(custody, chain_events=len(entries), bracket=bracket)
    try:
        key = log.key(claim.statement.kid)
    except NotFoundError:
        return replace(custody, key=Problem(Code.KEY_REVOKED, "its key is not in the log"))
    if key.revoked_index is not None and key.revoked_index <= entries[0].index:
        detail = f"its key was revoked at entry {key.revoked_index}"
        return replace(custody, key=Problem(Code.KEY_REVOKED, detail))
    return custody
