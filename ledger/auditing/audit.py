"""Checks a whole log again, from the bytes of every statement up, in one pass and flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, bindparam, select

from ledger.auditing.audit_aside import check_aside, check_database, check_types, check_types_from
from ledger.auditing.audit_chains import ChainAudit, Page, StatementRow
from ledger.auditing.audit_stamps import check_timestamps
from ledger.auditing.audit_start import check_earlier, grown_from, replay_keys
from ledger.auditing.audit_state import AuditState
from ledger.auditing.audit_tree import TreeAudit
from ledger.auditing.findings import AuditReport, FindingCode, Findings
from ledger.checkpoints.trusted_logs import TrustedHead, TrustedLogs, open_checkpoint
from ledger.copies.pruning import Archives
from ledger.errors import StoreError, UsageError
from ledger.links import HASH_SIZE
from ledger.statements.verifiers import Verifiers
from ledger.storage import schema, store, stored_checkpoints
from ledger.storage.database import Database
from ledger.storage.prepared import PreparedQuestion
from ledger.tree.merkle import EMPTY_ROOT, hash_leaf
from ledger.tree.tiles import TILE_WIDTH, TreeBuilder

Progress = Callable[[int, int], None]

_PAGE = 512
_S = schema.statement.c
# the types of what is read were looked at before, on databases where a column may hold any
_ROWS = PreparedQuestion(
    select(
        _S.idx,
        _S.encoded,
        _S.leaf_hash,
        _S.actor,
        _S.actor_seq,
        _S.object_id,
        _S.object_seq,
        _S.event,
        _S.claimed_at,
    )
    .where(_S.idx > bindparam("after"))
    .order_by(_S.idx)
    .limit(_PAGE)
)


def audit_log(
    database: Database,
    connection: Connection,
    row: store.LogRow,
    *,
    trusted: TrustedLogs,
    site_key: bytes | None,
    held: Sequence[bytes],
    progress: Progress | None,
    verifiers: Verifiers | None,
    archives: Sequence[Path] = (),
) -> AuditReport:
    """Return what is not as it must be; the connection holds one snapshot throughout."""
    roots = _by_size([_open(note, row, trusted) for note in held])
    findings = Findings()
    check_types(connection, findings)
    if findings.all():  # what is not of its type cannot be read, let alone judged
        return AuditReport(0, EMPTY_ROOT, 0, findings.all())
    head = store.read_head(connection)
    check_database(database, connection, findings)
    chains = ChainAudit(connection, findings, row)
    tree = TreeAudit(connection, findings, trusted, roots, TreeBuilder())
    source = Source(connection, Archives(archives))
    reader = _Reader(source, findings, chains, verifiers)
    covered = _read(reader, tree, head, start=0, progress=progress)
    check_aside(connection, findings, site_key=site_key, erased=chains.erased)
    check_timestamps(connection, findings, trusted)
    state = None if source.unread else _state(connection, findings, chains, covered)
    return AuditReport(
        head.size,
        tree.root,
        covered,
        findings.all(),
        state=state,
        minimum_index=source.minimum,
        not_rehashed=source.unread,
    )


def audit_since(
    connection: Connection,
    row: store.LogRow,
    *,
    trusted: TrustedLogs,
    remembered: AuditState,
    held: Sequence[bytes],
    progress: Progress | None,
    verifiers: Verifiers | None,
    archives: Sequence[Path] = (),
) -> AuditReport:
    """Go on from an earlier audit: read what is new, and see that the log grew from what it was.

    Rows of entries that were read before, and what lies beside the statements, are not read again.
    """
    seen = _open(remembered.checkpoint, row, trusted)
    roots = _by_size([_open(note, row, trusted) for note in held])
    findings = Findings()
    check_types_from(connection, findings, seen.size)
    if findings.all():
        return AuditReport(0, EMPTY_ROOT, 0, findings.all(), seen.size)
    head = store.read_head(connection)
    tree = grown_from(connection, findings, seen, size=head.size)
    if tree is None:  # nothing that follows could be judged
        return AuditReport(head.size, head.root, 0, findings.all(), seen.size)
    try:
        chains = ChainAudit(connection, findings, row, start=seen.size)
        replay_keys(connection, findings, chains, seen, key_events=remembered.key_events)
        later = check_earlier(connection, findings, seen, roots)
        grown = TreeAudit(connection, findings, trusted, later, tree)
        start = seen.size
        source = Source(connection, Archives(archives))
        reader = _Reader(source, findings, chains, verifiers)
        covered = _read(reader, grown, head, start=start, progress=progress)
    except StoreError as error:  # an older row of a wrong type
        findings.add(None, FindingCode.DATABASE, str(error))
        return AuditReport(head.size, head.root, 0, findings.all(), seen.size)
    state = None if source.unread else _state(connection, findings, chains, covered)
    return AuditReport(
        head.size,
        grown.root,
        covered,
        findings.all(),
        start,
        state,
        minimum_index=source.minimum,
        not_rehashed=source.unread,
    )


class Source:
    """The statements of a log, those that were pruned from archives where they hold them."""

    def __init__(self, connection: Connection, archives: Archives) -> None:
        self.connection = connection
        self.minimum = store.minimum_index(connection)
        self.unread = 0
        self._archives = archives

    def pages(self, start: int) -> Iterator[list[StatementRow]]:
        """Yield all rows from ``start`` on, page by page."""
        for page in _pages(self.connection, start):
            if page[0].idx < self.minimum:
                page = [self._found(row) if self._is_pruned(row) else row for row in page]
            yield page

    def leaf(self, row: StatementRow) -> bytes:
        """Return the hash of what is no statement, or the stored one where nothing is to hash."""
        if not self._is_pruned(row):
            return hash_leaf(row.encoded)
        self.unread += 1
        return row.leaf_hash

    def _is_pruned(self, row: StatementRow) -> bool:
        return not row.encoded and 0 <= row.idx < self.minimum and len(row.leaf_hash) == HASH_SIZE

    def _found(self, row: StatementRow) -> StatementRow:
        encoded = self._archives.find(row.idx, row.leaf_hash)
        return row if encoded is None else row._replace(encoded=encoded)


@dataclass(frozen=True, slots=True)
class _Reader:
    source: Source
    findings: Findings
    chains: ChainAudit
    verifiers: Verifiers | None

    def pages(self, start: int) -> Iterator[Page]:
        """Yield pages one behind the reading, so that ``verifiers`` are at work meanwhile."""
        ahead: Page | None = None
        for rows in self.source.pages(start):
            page = self.chains.read(rows, self.verifiers, minimum=self.source.minimum)
            if ahead is not None:
                yield ahead
            ahead = page
        if ahead is not None:
            yield ahead


def _read(
    reader: _Reader,
    tree: TreeAudit,
    head: store.HeadRow,
    *,
    start: int,
    progress: Progress | None,
) -> int:
    """Check all statements from ``start`` on; return how many entries are under a checkpoint."""
    source, findings, chains = reader.source, reader.findings, reader.chains
    expected = start
    for page in reader.pages(start):
        leaves: list[bytes] = []
        for each, statement in zip(page.rows, page.parsed, strict=True):
            if each.idx >= head.size:
                words = f"a statement beyond the head, which ends at {head.size}"
                findings.add(each.idx, FindingCode.STATEMENT_EXTRA, words)
                continue
            if each.idx > expected:
                words = f"the statements up to {each.idx - 1} are missing"
                findings.add(expected, FindingCode.STATEMENT_MISSING, words)
                leaves.extend(_stored_leaves(source.connection, expected, each.idx))
            leaves.append(source.leaf(each) if statement is None else statement.leaf_hash)
            expected = each.idx + 1
        chains.check(page, below=head.size, minimum=source.minimum)
        tree.extend(leaves)
        if progress is not None:
            progress(expected, head.size)
    if expected < head.size:
        words = f"the statements up to {head.size - 1} are missing"
        findings.add(expected, FindingCode.STATEMENT_MISSING, words)
        for at in range(expected, head.size, _PAGE):
            tree.extend(_stored_leaves(source.connection, at, min(at + _PAGE, head.size)))
    covered = tree.finish(head)
    chains.finish(head)
    return covered


def _open(note: bytes, row: store.LogRow, trusted: TrustedLogs) -> TrustedHead:
    head = open_checkpoint(note, trusted)
    if head.origin != row.origin:
        raise UsageError("a held checkpoint is of another log")
    return head


def _state(
    connection: Connection, findings: Findings, chains: ChainAudit, covered: int
) -> AuditState | None:
    """Return what the next audit can go on from, if there is nothing to be found before."""
    note = stored_checkpoints.read_checkpoint(connection, covered)
    if findings.all() or note is None:
        return None
    return AuditState(chains.key_events_below(covered), note)


def _by_size(heads: Sequence[TrustedHead]) -> dict[int, list[bytes]]:
    roots: dict[int, list[bytes]] = {}
    for head in heads:
        roots.setdefault(head.size, []).append(head.root)
    return roots


def _pages(connection: Connection, start: int) -> Iterator[list[StatementRow]]:
    after = start - 1 if start else -(2**63)
    while rows := _ROWS.all(connection, {"after": after}):
        yield [StatementRow._make(row) for row in rows]
        after = rows[-1][0]


def _stored_leaves(connection: Connection, start: int, stop: int) -> Iterator[bytes]:
    """What the tiles say in place of statements that are gone, so that the rest can be judged."""
    read = store.tile_reader(connection)
    for index in range(start, stop):
        try:
            at = index % TILE_WIDTH * HASH_SIZE
            found = read(0, index // TILE_WIDTH)[at : at + HASH_SIZE]
        except StoreError:
            found = b""
        yield found if len(found) == HASH_SIZE else bytes(HASH_SIZE)
