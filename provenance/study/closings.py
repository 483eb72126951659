"""Find the closing of a study that counts: in the ledger, or in the Key Objects at hand.

Decides whom to believe, and compares nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ledger import (
    Entry,
    Event,
    Existence,
    LedgerError,
    NotFoundError,
    Role,
    UnverifiedStatement,
    existence_under,
    open_receipt,
    parse_statement,
)
from provenance.errors import EvidenceError, MalformedError, TrustError
from provenance.findings import Code
from provenance.judging.verdict import Status
from provenance.records import Lookup, ReadableLog, Records
from provenance.study.closing import Closing, open_closing
from provenance.study.closing_block import ClosingBlock
from provenance.study.manifest import Manifest
from provenance.study.verdict import Finding
from provenance.trust.certificates import certificate_spki, load_certificate
from provenance.trust.existence import vouch_for_entry
from provenance.trust.store import TrustStore
from provenance.verifying.custody import break_in

LEDGER = "the ledger"


@dataclass(frozen=True, slots=True)
class Closings:
    """What was found: the closing to compare with, if any, and what there is to say of it.

    ``log_index`` is None where nothing shows that it was logged, in the log ``origin``; ``closed``
    says whether anything at all shows that the study was closed.
    """

    closing: Closing | None = None
    source: str = LEDGER
    log_index: int | None = None
    origin: str | None = None
    leaf_hash: bytes | None = None
    closed: bool = False
    findings: tuple[Finding, ...] = field(default=())

    def saying(self, *findings: Finding) -> "Closings":
        """Return the same with more to say."""
        return replace(self, findings=(*self.findings, *findings))


def ask_ledger(
    study_uids: Sequence[str],
    records: Records[ReadableLog],
    trust: TrustStore,
    *,
    also: Iterable[bytes] = (),
) -> Closings:
    """Return the newest closing that counts, of all objects under the study's pseudonym.

    ``study_uids`` are the UID that the study has and those that it had before it was moved;
    ``also`` are objects that Key Objects name: the pseudonym of what was erased is gone.
    Raises LedgerError when the ledger cannot be read.
    """
    log = records.log
    answer = Closings(origin=log.origin)
    newest: tuple[Entry, int] | None = None
    names = [uid.encode("ascii", "replace") for uid in study_uids]
    object_ids = [each for name in names for each in records.find(Lookup.MANIFEST, name)]
    for object_id in dict.fromkeys((*object_ids, *also)):
        entries = log.events(object_id)
        chain = [parse_statement(entry.statement) for entry in entries]
        closings = [
            (entry, said)
            for entry, said in zip(entries, chain, strict=True)
            if said.event is Event.STUDY_CLOSED
        ]
        if not closings:
            continue  # somebody put another object under this name
        answer = replace(answer, closed=True)
        broken = break_in(chain, log)
        if broken is not None:
            answer = answer.saying(untrusted(f"its chain in the ledger does not hold: {broken}"))
            continue
        good, problems = _counting(closings, log, trust)
        answer = answer.saying(*problems)
        if good and (newest is None or good[-1].index > newest[0].index):
            newest = good[-1], len(good)
    return answer if newest is None else _open_kept(answer, *newest, study_uids, log=log)


def _counting(
    closings: Sequence[tuple[Entry, UnverifiedStatement]], log: ReadableLog, trust: TrustStore
) -> tuple[list[Entry], list[Finding]]:
    good: list[Entry] = []
    problems: list[Finding] = []
    for entry, statement in closings:
        try:
            _require_closer(statement, entry, log, trust)
        except (TrustError, MalformedError) as error:
            problems.append(untrusted(f"entry {entry.index} does not count: {error}"))
        else:
            good.append(entry)
    return good, problems


def _require_closer(
    statement: UnverifiedStatement, entry: Entry, log: ReadableLog, trust: TrustStore
) -> None:
    """Return only if its signer may close studies, by log and by trust; else TrustError."""
    try:
        key = log.key(statement.kid)
    except NotFoundError as error:
        raise TrustError("its key is not in the log") from error
    if key.role is not Role.ARCHIVIST:
        raise TrustError(f"its key is that of a {key.role}, not of an archivist")
    if key.added_index >= entry.index:
        raise TrustError(f"its key was added later, at entry {key.added_index}")
    if key.revoked_index is not None and key.revoked_index <= entry.index:
        raise TrustError(f"its key was revoked at entry {key.revoked_index}")
    if key.certificate is None:
        raise TrustError("its key has no certificate in the log")
    certificate = load_certificate(key.certificate)
    if certificate_spki(certificate) != key.spki:
        raise TrustError("the certificate logged with its key is that of another")
    vouch_for_entry(entry, certificate, role=Role.ARCHIVIST, log=log, trust=trust)


def _open_kept(
    answer: Closings, entry: Entry, count: int, study_uids: Sequence[str], *, log: ReadableLog
) -> Closings:
    """Open the newest closing with the manifest that the ledger keeps."""
    statement = parse_statement(entry.statement)
    assert statement.object_id is not None
    answer = replace(answer, log_index=entry.index, leaf_hash=entry.leaf_hash)
    if count > 1:
        detail = f"closed {count} times; entry {entry.index} is the newest, and supersedes"
        answer = answer.saying(Finding(Status.PASS, Code.CLOSING_SUPERSEDES, detail))
    kept = log.annex(statement.object_id)
    if kept is None:
        return answer.saying(_not_kept(f"the manifest of entry {entry.index} is not kept any more"))
    try:
        closing = open_closing(statement, Manifest.decode(kept))
    except EvidenceError as error:
        detail = f"what is kept for entry {entry.index} is not its manifest: {error}"
        return answer.saying(_not_kept(detail))
    if closing.manifest.study_uid not in study_uids:
        return answer.saying(_broken(f"entry {entry.index} is of another study"))
    return replace(answer, closing=closing)


def read_key_object(
    block: ClosingBlock, study_uids: Sequence[str], *, source: str, trust: TrustStore
) -> Closings:
    """Open the closing in a Key Object: signature, manifest, trust, receipt."""
    answer = Closings(source=source, closed=True)
    try:
        closing = open_closing(parse_statement(block.statement), Manifest.decode(block.manifest))
    except (LedgerError, EvidenceError) as error:
        return answer.saying(_broken(f"{source}: {error}"))
    if closing.manifest.study_uid not in study_uids:
        return answer.saying(_broken(f"{source}: its manifest is that of another study"))
    try:
        trust.vouch(
            closing.chain,
            role=Role.ARCHIVIST,
            at=closing.statement.claimed_at,
            existence=_existence(block, trust),
        )
    except TrustError as error:
        return answer.saying(untrusted(f"{source}: {error}"))
    answer = replace(answer, closing=closing, leaf_hash=closing.statement.leaf_hash)
    if block.receipt is None:
        return answer
    try:
        proven = open_receipt(block.statement, block.receipt, logs=trust.logs)
    except LedgerError as error:
        detail = f"{source}: its receipt does not hold: {error}"
        return answer.saying(Finding(Status.WARN, Code.CLOSING_NOT_LOGGED, detail))
    return replace(answer, log_index=proven.index, origin=proven.head.origin)


def _existence(block: ClosingBlock, trust: TrustStore) -> Existence | None:
    """Return what the receipt shows of its time; nothing, if it does not hold."""
    if block.receipt is None:
        return None
    try:
        return existence_under(open_receipt(block.statement, block.receipt, logs=trust.logs).head)
    except LedgerError:
        return None


def untrusted(detail: str) -> Finding:
    """Say that a closing does not count."""
    return Finding(Status.FAIL, Code.CLOSER_UNTRUSTED, detail)


def _broken(detail: str) -> Finding:
    return Finding(Status.FAIL, Code.CLOSING_BROKEN, detail)


def _not_kept(detail: str) -> Finding:
    return Finding(Status.SKIP, Code.CLOSING_NOT_KEPT, detail)
