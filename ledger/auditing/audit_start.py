"""Where an audit goes on: the log must still begin with what the last audit saw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import Connection, select

from ledger.auditing.audit_chains import ChainAudit
from ledger.auditing.findings import FindingCode, Findings
from ledger.checkpoints.trusted_logs import TrustedHead
from ledger.errors import MalformedError, ProofError, StoreError
from ledger.roles import ABOUT_THE_LOG
from ledger.statements.statement import parse_statement
from ledger.storage import schema, store
from ledger.tree.merkle import hash_leaf, verify_consistency, verify_inclusion
from ledger.tree.tiles import TileReader, TreeBuilder, builder_at, consistency_path, inclusion_path

_S = schema.statement.c
_ABOUT_KEYS = (
    select(_S.idx, _S.encoded)
    .where(_S.event.in_([schema.EVENT_NUMBERS[event] for event in sorted(ABOUT_THE_LOG)]))
    .order_by(_S.idx)
)


def grown_from(
    connection: Connection, findings: Findings, seen: TrustedHead, *, size: int
) -> TreeBuilder | None:
    """Return the tree of the last audit, from the tiles; None, and a finding, if it is another."""
    if size < seen.size:
        words = f"the last audit saw {seen.size} entries; the log has {size}: its end was cut off"
        findings.add(None, FindingCode.HELD_CHECKPOINT, words)
        return None
    try:
        tree = builder_at(seen.size, store.tile_reader(connection))
    except StoreError as error:
        findings.add(None, FindingCode.TILE, str(error))
        return None
    if tree.root != seen.root:
        words = f"the first {seen.size} entries are not those the last audit saw: rewritten"
        findings.add(None, FindingCode.HELD_CHECKPOINT, words)
        return None
    return tree


def check_earlier(
    connection: Connection,
    findings: Findings,
    seen: TrustedHead,
    held: Mapping[int, list[bytes]],
) -> dict[int, list[bytes]]:
    """Join held checkpoints below the last audit to it; return those above it."""
    read = store.tile_reader(connection)
    for size in sorted(size for size in held if size <= seen.size):
        for root in held[size]:
            try:
                verify_consistency(
                    old_size=size,
                    old_root=root,
                    new_size=seen.size,
                    new_root=seen.root,
                    path=consistency_path(size, seen.size, read),
                )
            except (ProofError, StoreError) as error:
                words = f"the log does not go on from the held checkpoint of {size}: {error}"
                findings.add(None, FindingCode.HELD_CHECKPOINT, words)
    return {size: roots for size, roots in held.items() if size > seen.size}


def replay_keys(
    connection: Connection,
    findings: Findings,
    chains: ChainAudit,
    seen: TrustedHead,
    *,
    key_events: int,
) -> None:
    """Give ``chains`` the keys in force after ``seen``, each proven to be in that tree.

    The number the last audit counted makes sure that none is hidden, such as a revocation.
    """
    count = 0
    for index, encoded, proven in _key_statements(connection, seen):
        try:
            statement = parse_statement(encoded)
        except MalformedError as error:
            findings.add(index, FindingCode.STATEMENT_MALFORMED, str(error))
            continue
        if not proven or statement.event not in ABOUT_THE_LOG:
            words = "a statement about keys is not the one the last audit saw"
            findings.add(index, FindingCode.KEYS, words)
            continue
        chains.replay(index, statement)
        count += 1
    if count != key_events:
        words = f"the last audit saw {key_events} statements that change keys; now there are"
        findings.add(None, FindingCode.KEYS, f"{words} {count} of its entries")


def _key_statements(connection: Connection, seen: TrustedHead) -> Iterator[tuple[int, bytes, bool]]:
    read = store.tile_reader(connection)
    rows = connection.execute(_ABOUT_KEYS.where(_S.idx < seen.size)).all()
    for index, encoded in rows:
        yield index, encoded, _is_in(encoded, index, seen, read)


def _is_in(encoded: bytes, index: int, seen: TrustedHead, read: TileReader) -> bool:
    try:
        path = inclusion_path(index, seen.size, read)
        verify_inclusion(hash_leaf(encoded), index=index, size=seen.size, path=path, root=seen.root)
    except (ProofError, StoreError):
        return False
    return True
