"""Every statement hashed again, by several processes if wanted: does the tree stand on them?

Each part is a subtree of 65,536 entries: its tiles of the two lowest levels are made again and
compared. What stands above, and head and checkpoints, is few hashes. No signature of a statement
and no link is looked at; whoever holds a checkpoint learns that no byte of any statement changed.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sqlalchemy import BLOB, Connection, bindparam, select, type_coerce

from ledger.auditing.findings import AuditReport, Finding, FindingCode, Findings
from ledger.checkpoints.trusted_logs import TrustedLogs, open_checkpoint
from ledger.errors import StoreError, UsageError
from ledger.links import HASH_SIZE
from ledger.storage import schema, store
from ledger.storage.database import open_database
from ledger.tree.tiles import TILE_BYTES, TILE_HEIGHT, TILE_WIDTH, TileReader, perfect_root, root_at

PART = TILE_WIDTH**2  # entries under one tile of level 1

_S, _T = schema.statement.c, schema.tile.c
# the plain type: hashing refuses text by itself, and asking each value costs as much as its hash
_STATEMENTS = (
    select(type_coerce(_S.encoded, BLOB), _S.leaf_hash)
    .where(_S.idx >= bindparam("start"), _S.idx < bindparam("stop"))
    .order_by(_S.idx)
)


@dataclass(frozen=True, slots=True)
class _Part:
    place: Path | str
    start: int
    stop: int
    minimum: int  # entries below have no statement, if they were pruned


@dataclass(frozen=True, slots=True)
class _Answer:
    findings: Sequence[Finding]
    unread: int  # entries that were pruned


def rehash_log(
    connection: Connection,
    row: store.LogRow,
    *,
    trusted: TrustedLogs,
    held: Sequence[bytes],
    progress: Callable[[int, int], None] | None,
    place: Path | str,
    jobs: int,
) -> AuditReport:
    """Return where the tree is not the one over the statements.

    Other processes open the log for themselves: what is below the head never changes any more.
    """
    heads = [open_checkpoint(note, trusted) for note in held]
    if any(head.origin != row.origin for head in heads):
        raise UsageError("a held checkpoint is of another log")
    findings = Findings()
    head, minimum = store.read_head(connection), store.minimum_index(connection)
    parts = [
        _Part(place, start, min(start + PART, head.size), minimum)
        for start in range(0, head.size, PART)
    ]
    done = unread = 0
    found: dict[int, Sequence[Finding]] = {}
    for part, answer in _each(connection, parts, jobs):
        found[part.start] = answer.findings
        unread += answer.unread
        done += part.stop - part.start
        if progress is not None:
            progress(done, head.size)
    for finding in (finding for start in sorted(found) for finding in found[start]):
        findings.add(finding.index, finding.code, finding.words)
    read = store.tile_reader(connection)
    try:
        _compare_above(head.size, read, findings)
        if root_at(head.size, read) != head.root:
            words = "the head is not the root over the statements"
            findings.add(None, FindingCode.HEAD, words)
        for each in heads:
            if each.size > head.size or root_at(each.size, read) != each.root:
                words = f"the log is not the one whose checkpoint of {each.size} entries is held"
                findings.add(None, FindingCode.HELD_CHECKPOINT, words)
        covered = _covered(connection, trusted, head.size, read, findings)
    except StoreError as error:
        findings.add(None, FindingCode.TILE, str(error))
        covered = 0
    return AuditReport(
        head.size,
        head.root,
        covered,
        findings.all(),
        minimum_index=minimum,
        not_rehashed=unread,
    )


def _each(
    connection: Connection, parts: Sequence[_Part], jobs: int
) -> Iterator[tuple[_Part, _Answer]]:
    if jobs < 1:
        raise UsageError("hashes are made by at least one process")
    if jobs == 1:
        for part in parts:
            yield part, _rehash(connection, part)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs - 1, mp_context=context) as pool:
        waiting = {pool.submit(_rehash_elsewhere, part): part for part in parts}
        while waiting:
            # the last part that no process has begun is done here
            mine = next((each for each in reversed(waiting) if each.cancel()), None)
            if mine is not None:
                part = waiting.pop(mine)
                yield part, _rehash(connection, part)
            done = [each for each in waiting if each.done()] if mine else list(waiting)
            for each in done:
                try:
                    yield waiting.pop(each), each.result()
                except BrokenProcessPool as error:
                    raise StoreError("a process that hashed was killed: ask again") from error


def _rehash_elsewhere(part: _Part) -> _Answer:
    database = open_database(part.place, writable=False)
    try:
        with database.read() as connection:
            return _rehash(connection, part)
    finally:
        database.close()


def _rehash(connection: Connection, part: _Part) -> _Answer:
    """Hash statements, and compare the two lowest levels of their tiles."""
    findings = Findings()
    above = bytearray()
    unread = 0
    for first in range(part.start, part.stop, TILE_WIDTH):
        last = min(first + TILE_WIDTH, part.stop)
        rows = connection.execute(_STATEMENTS, {"start": first, "stop": last}).all()
        if len(rows) != last - first:
            words = f"of the statements {first} to {last - 1} only {len(rows)} are there"
            findings.add(first, FindingCode.STATEMENT_MISSING, words)
            return _Answer(findings.all(), unread)
        pruned = first < part.minimum
        try:
            if pruned:
                unread += sum(not encoded for encoded, _ in rows)
                hashes = b"".join([_hash(encoded) if encoded else leaf for encoded, leaf in rows])
            else:
                hashes = b"".join([_hash(encoded) for encoded, _ in rows])
        except TypeError:
            words = "a statement that is text or a number: audit the log"
            findings.add(first, FindingCode.DATABASE, words)
            return _Answer(findings.all(), unread)
        if not pruned:
            _compare(connection, 0, first // TILE_WIDTH, hashes, findings)
        if len(hashes) == TILE_BYTES:
            above += perfect_root(hashes)
    if above:
        _compare(connection, 1, part.start // PART, bytes(above), findings)
    return _Answer(findings.all(), unread)


def _hash(encoded: bytes) -> bytes:
    return sha256(b"\x00" + encoded).digest()


def _compare_above(size: int, read: TileReader, findings: Findings) -> None:
    """Compare every tile of level 2 and more with those below it."""
    level, count = 2, size >> 2 * TILE_HEIGHT
    while count:
        for number in range(-(-count // TILE_WIDTH)):
            first = number * TILE_WIDTH
            below = range(first, min(first + TILE_WIDTH, count))
            hashes = b"".join(perfect_root(read(level - 1, each)) for each in below)
            if read(level, number)[: len(hashes)] != hashes:
                words = f"tile {number} of level {level} is not the one of the tiles below it"
                findings.add(None, FindingCode.TILE, words)
        level, count = level + 1, count >> TILE_HEIGHT


def _compare(
    connection: Connection, level: int, number: int, hashes: bytes, findings: Findings
) -> None:
    stored = connection.execute(
        _TILE, {"of_level": level, "of_number": number}
    ).scalar_one_or_none()
    if stored == hashes:
        return
    if not isinstance(stored, bytes):
        words = f"tile {number} of level {level} is missing"
        findings.add(None, FindingCode.TILE, words)
        return
    place = next(
        (
            at
            for at in range(0, len(hashes), HASH_SIZE)
            if stored[at : at + HASH_SIZE] != hashes[at : at + HASH_SIZE]
        ),
        len(hashes),
    )
    entry = number * TILE_WIDTH + place // HASH_SIZE
    words = f"hash {entry} of level {level} is not the one of the statements"
    findings.add(entry if level == 0 else None, FindingCode.TILE, words)


_TILE = select(_T.hashes).where(
    _T.level == bindparam("of_level"), _T.number == bindparam("of_number")
)


def _covered(
    connection: Connection,
    trusted: TrustedLogs,
    size: int,
    read: TileReader,
    findings: Findings,
) -> int:
    """Return how many entries the newest checkpoint covers, if it is over this tree."""
    newest = store.newest_checkpoint(connection)
    if newest is None:
        return 0
    head = open_checkpoint(newest[1], trusted)
    if head.size != newest[0] or head.size > size or root_at(head.size, read) != head.root:
        words = f"the checkpoint of {newest[0]} is not over these statements"
        findings.add(None, FindingCode.CHECKPOINT, words)
        return 0
    return head.size
