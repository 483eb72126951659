"""Checks a whole log again, from the bytes of every statement up, in one pass and flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Connection, select

from ledger import schema, store
from ledger.audit_aside import check_aside, check_database, check_types
from ledger.audit_chains import ChainAudit, StatementRow
from ledger.audit_tree import TreeAudit
from ledger.errors import StoreError, UsageError
from ledger.findings import AuditReport, FindingCode, Findings
from ledger.links import HASH_SIZE
from ledger.merkle import EMPTY_ROOT, hash_leaf
from ledger.tiles import TILE_WIDTH
from ledger.trusted_logs import TrustedHead, TrustedLogs, open_checkpoint

_PAGE = 512


def audit_log(
    connection: Connection,
    row: store.LogRow,
    *,
    trusted: TrustedLogs,
    site_key: bytes | None,
    held: Sequence[bytes],
    progress: Callable[[int, int], None] | None,
) -> AuditReport:
    """Return what is not as it must be; the connection holds one snapshot throughout."""
    heads = [open_checkpoint(note, trusted) for note in held]
    if any(head.origin != row.origin for head in heads):
        raise UsageError("a held checkpoint is of another log")
    findings = Findings()
    check_types(connection, findings)
    if findings.all():  # what is not of its type cannot be read, let alone judged
        return AuditReport(0, EMPTY_ROOT, 0, findings.all())
    head = store.read_head(connection)
    check_database(connection, findings)
    chains = ChainAudit(connection, findings, row.genesis_kid)
    tree = TreeAudit(connection, findings, trusted, _by_size(heads))
    expected = 0
    for page in _pages(connection):
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
        for start in range(expected, head.size, _PAGE):
            tree.extend(_stored_leaves(connection, start, min(start + _PAGE, head.size)))
    covered = tree.finish(head)
    chains.finish(head)
    check_aside(connection, findings, site_key=site_key, erased=chains.erased)
    return AuditReport(head.size, tree.root, covered, findings.all())


def _by_size(heads: Sequence[TrustedHead]) -> dict[int, list[bytes]]:
    roots: dict[int, list[bytes]] = {}
    for head in heads:
        roots.setdefault(head.size, []).append(head.root)
    return roots


def _pages(connection: Connection) -> Iterator[list[StatementRow]]:
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
    after = -(2**63)
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
