"""Checks a whole log again, from the bytes of every statement up, in one pass and flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Connection, select

from ledger import schema, store
from ledger.audit_aside import check_aside, check_database, check_types, check_types_from
from ledger.audit_chains import ChainAudit, StatementRow
from ledger.audit_start import check_earlier, grown_from, replay_keys
from ledger.audit_state import AuditState
from ledger.audit_tree import TreeAudit
from ledger.database import Database
from ledger.errors import StoreError, UsageError
from ledger.findings import AuditReport, FindingCode, Findings
from ledger.links import HASH_SIZE
from ledger.merkle import EMPTY_ROOT, hash_leaf
from ledger.tiles import TILE_WIDTH, TreeBuilder
from ledger.trusted_logs import TrustedHead, TrustedLogs, open_checkpoint

Progress = Callable[[int, int], None]

_PAGE = 512


def audit_log(
    database: Database,
    connection: Connection,
    row: store.LogRow,
    *,
    trusted: TrustedLogs,
    site_key: bytes | None,
    held: Sequence[bytes],
    progress: Progress | None,
) -> AuditReport:
    """Return what is not as it must be; the connection holds one snapshot throughout."""
    roots = _by_size([_open(note, row, trusted) for note in held])
    findings = Findings()
    check_types(connection, findings)
    if findings.all():  # what is not of its type cannot be read, let alone judged
        return AuditReport(0, EMPTY_ROOT, 0, findings.all())
    head = store.read_head(connection)
    check_database(database, connection, findings)
    chains = ChainAudit(connection, findings, row.genesis_kid)
    tree = TreeAudit(connection, findings, trusted, roots, TreeBuilder())
    covered = _read(connection, findings, chains, tree, head, start=0, progress=progress)
    check_aside(connection, findings, site_key=site_key, erased=chains.erased)
    state = _state(connection, findings, chains, covered)
    return AuditReport(head.size, tree.root, covered, findings.all(), state=state)


def audit_since(
    connection: Connection,
    row: store.LogRow,
    *,
    trusted: TrustedLogs,
    remembered: AuditState,
    held: Sequence[bytes],
    progress: Progress | None,
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
        chains = ChainAudit(connection, findings, row.genesis_kid, start=seen.size)
        replay_keys(connection, findings, chains, seen, key_events=remembered.key_events)
        later = check_earlier(connection, findings, seen, roots)
        grown = TreeAudit(connection, findings, trusted, later, tree)
        start = seen.size
        covered = _read(connection, findings, chains, grown, head, start=start, progress=progress)
    except StoreError as error:  # an older row of a wrong type
        findings.add(None, FindingCode.DATABASE, str(error))
        return AuditReport(head.size, head.root, 0, findings.all(), seen.size)
    state = _state(connection, findings, chains, covered)
    return AuditReport(head.size, grown.root, covered, findings.all(), start, state)


def _read(
    connection: Connection,
    findings: Findings,
    chains: ChainAudit,
    tree: TreeAudit,
    head: store.HeadRow,
    *,
    start: int,
    progress: Progress | None,
) -> int:
    """Check all statements from ``start`` on; return how many entries are under a checkpoint."""
    expected = start
    for page in _pages(connection, start):
        leaves: list[bytes] = []
        for each in page:
            if each.index >= head.size:
                words = f"a statement beyond the head, which ends at {head.size}"
                findings.add(each.index, FindingCode.STATEMENT_EXTRA, words)
                continue
            if each.index > expected:
                words = f"the statements up to {each.index - 1} are missing"
                findings.add(expected, FindingCode.STATEMENT_MISSING, words)
                leaves.extend(_stored_leaves(connection, expected, each.index))
            leaves.append(hash_leaf(each.encoded))
            expected = each.index + 1
        chains.check([each for each in page if 0 <= each.index < head.size])
        tree.extend(leaves)
        if progress is not None:
            progress(expected, head.size)
    if expected < head.size:
        words = f"the statements up to {head.size - 1} are missing"
        findings.add(expected, FindingCode.STATEMENT_MISSING, words)
        for at in range(expected, head.size, _PAGE):
            tree.extend(_stored_leaves(connection, at, min(at + _PAGE, head.size)))
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
    note = store.read_checkpoint(connection, covered)
    if findings.all() or note is None:
        return None
    return AuditState(chains.key_events_below(covered), note)


def _by_size(heads: Sequence[TrustedHead]) -> dict[int, list[bytes]]:
    roots: dict[int, list[bytes]] = {}
    for head in heads:
        roots.setdefault(head.size, []).append(head.root)
    return roots


def _pages(connection: Connection, start: int) -> Iterator[list[StatementRow]]:
    columns = schema.statement.c
    ordered = select(
        columns.idx,
        columns.encoded,
        columns.leaf_hash,
        columns.actor,
        columns.actor_seq,
        columns.object_id,
        columns.object_seq,
        columns.event,
        columns.claimed_at,
    ).order_by(columns.idx)
    after = start - 1 if start else -(2**63)
    while page := connection.execute(ordered.where(columns.idx > after).limit(_PAGE)).all():
        yield [StatementRow(*row) for row in page]
        after = page[-1].idx


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
