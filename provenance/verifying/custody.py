"""What receipt and ledger say of a seal: is it logged, its chain whole, its key standing?"""

from collections.abc import Sequence
from dataclasses import replace

from ledger import (
    BIRTHS,
    Entry,
    Event,
    Inclusion,
    LedgerError,
    NotFoundError,
    ObjectChain,
    PrunedError,
    Role,
    SignatureError,
    UnverifiedStatement,
    VerificationKey,
    existence_under,
    open_receipt,
    parse_statement,
    verify_statement,
)
from provenance.claims.claim import Claim
from provenance.findings import Code
from provenance.judging.evidence import Custody, Problem
from provenance.records import ReadableLog, Records
from provenance.sealing.attestation import find_attestations
from provenance.trust.existence import existence_in_log
from provenance.trust.store import TrustStore

_NOT_HELD = "the ledger does not hold it; a device that was offline has not synced its outbox yet"


def find_custody(
    claim: Claim, receipt: bytes | None, *, trust: TrustStore, records: Records[ReadableLog] | None
) -> Custody:
    """Open the receipt, and ask the ledger if there is one."""
    custody = Custody()
    proven: Inclusion | None = None
    statement = claim.statement.encoded
    if receipt is not None:
        try:
            proven = open_receipt(statement, receipt, logs=trust.logs)
        except LedgerError as error:
            custody = replace(custody, receipt=Problem(Code.RECEIPT_BAD, str(error)))
        else:
            custody = replace(
                custody,
                log_index=proven.index,
                logged_before=proven.head.cosigned_at,
                existence=existence_under(proven.head),
            )
    elif records is None:
        custody = replace(
            custody, receipt=Problem(Code.NO_RECEIPT, "no receipt, and no ledger was asked")
        )
    if records is None:
        return custody
    return _ask_ledger(custody, claim, records, proven, trust)


def _ask_ledger(
    custody: Custody,
    claim: Claim,
    records: Records[ReadableLog],
    proven: Inclusion | None,
    trust: TrustStore,
) -> Custody:
    log = records.log
    own = proven is not None and proven.head.origin == log.origin
    try:
        entries = log.events(claim.seal_id)
    except PrunedError:
        if proven is None or not own:
            raise
        return _with_key(custody, claim, log, proven.index)  # the receipt stands for the chain
    if not entries:
        if proven is not None and own:
            detail = f"its receipt proves entry {proven.index}, but the ledger has none: cut back?"
            return replace(custody, ledger=Problem(Code.CHAIN_BROKEN, detail))
        if proven is not None:
            # Logged elsewhere, by a receipt that holds: this ledger need not know it.
            return custody
        return replace(custody, ledger=Problem(Code.NOT_LOGGED, _NOT_HELD))
    chain = [parse_statement(entry.statement) for entry in entries]
    # A copy's birth is the first of all; beside a seal only other seals count.
    rivals = frozenset({Event.SEALED}) if claim.event is Event.SEALED else BIRTHS
    seals = [each for each, said in zip(entries, chain, strict=True) if said.event in rivals]
    seal = next((e for e in seals if e.leaf_hash == claim.statement.leaf_hash), None)
    if seal is None and not seals and (proven is None or not own):
        detail = f"{len(entries)} event(s) about it are logged, its seal is not: {_NOT_HELD}"
        return replace(custody, ledger=Problem(Code.NOT_LOGGED, detail))
    if seal is None or seal is not seals[0]:
        detail = "the ledger holds another seal under this seal id"
        detail += "" if seal is None else f", which came first: entry {seals[0].index}"
        return replace(custody, ledger=Problem(Code.CHAIN_BROKEN, detail))
    if proven is not None and own and proven.index != seal.index:
        detail = f"its receipt proves entry {proven.index}, the ledger says {seal.index}"
        return replace(custody, ledger=Problem(Code.CHAIN_BROKEN, detail))
    custody = replace(custody, log_index=seal.index, order=_order(entries, seals))
    if trust.asks_for_time(claim.chain):
        existence = custody.existence.joined(existence_in_log(seal, log, trust))
        custody = replace(custody, existence=existence)
    broken = break_in(chain, log)
    if broken is not None:
        return replace(custody, ledger=Problem(Code.CHAIN_BROKEN, broken))
    pairs = zip(entries, chain, strict=True)
    custody = replace(
        custody,
        chain_events=len(entries),
        bracket=log.bracket(seal),
        attestations=find_attestations(entries, log, trust),
        corrections=tuple(
            entry
            for entry, said in pairs
            if said.event is Event.CORRECTED and entry.index > seal.index
        ),
    )
    return _with_key(custody, claim, log, seal.index)


def _order(entries: Sequence[Entry], seals: Sequence[Entry]) -> tuple[Problem, ...]:
    """Say what the order of the log shows of the first seal: others before it, rivals after."""
    found = []
    before = [each.index for each in entries if each.index < seals[0].index]
    if before:
        detail = f"{len(before)} event(s) about it came first, from entry {before[0]} on"
        found.append(Problem(Code.SEALED_LATE, detail))
    if len(seals) > 1:
        detail = f"entry {seals[1].index} seals under the same id, for another device"
        found.append(Problem(Code.RIVAL_SEAL, detail))
    return tuple(found)


def _with_key(custody: Custody, claim: Claim, log: ReadableLog, index: int) -> Custody:
    """Judge the key of the seal at its place in the log."""
    try:
        key = log.key(claim.statement.kid)
    except NotFoundError:
        return replace(custody, key=Problem(Code.KEY_REVOKED, "its key is not in the log"))
    if key.revoked_index is not None and key.revoked_index <= index:
        detail = f"its key was revoked at entry {key.revoked_index}"
        return replace(custody, key=Problem(Code.KEY_REVOKED, detail))
    return custody


def break_in(chain: Sequence[UnverifiedStatement], log: ReadableLog) -> str | None:
    """Say where an object's chain does not hold, from the bytes of its statements alone."""
    keys: dict[bytes, tuple[Role, VerificationKey]] = {}
    so_far = ObjectChain()
    for number, statement in enumerate(chain):
        try:
            if statement.kid not in keys:
                found = log.key(statement.kid)
                keys[statement.kid] = found.role, VerificationKey.from_spki(found.spki)
            role, key = keys[statement.kid]
            if not so_far.follow(statement, role):
                return f"event {number} of the object does not name its predecessor"
            verify_statement(statement, key)
        except NotFoundError:
            return f"event {number} of the object is signed by a key that is not in the log"
        except SignatureError:
            return f"the signature of event {number} of the object does not verify"
    return None
