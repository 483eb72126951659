"""Every statement hashed again, by several processes if wanted: does the tree stand on them?

Each part is a subtree of 65,536 entries: its tiles of the two lowest levels are made again and
compared. What stands above, and head and checkpoints, is few hashes. No signature of a statement
and no link is looked at; whoever holds a checkpoint learns that no byte of any statement changed.
"""

from __future__ import annotations

import marshal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from sqlalchemy import Connection, bindparam, select

from ledger.auditing.findings import AuditReport, Finding, FindingCode, Findings
from ledger.checkpoints.trusted_logs import TrustedLogs, open_checkpoint
from ledger.errors import StoreError, UsageError
from ledger.links import HASH_SIZE
from ledger.storage import schema, store, stored_checkpoints
from ledger.storage.prepared import PreparedQuestion, driver_place
from ledger.tree import statement_hashes
from ledger.tree.statement_hashes import Hashed, hash_tiles, perfect_root
from ledger.tree.tiles import TILE_BYTES, TILE_HEIGHT, TILE_WIDTH, TileReader, root_at

PART = TILE_WIDTH**2  # entries under one tile of level 1

_S, _T = schema.statement.c, schema.tile.c
_STATEMENTS = PreparedQuestion(
    select(_S.encoded)
    .where(_S.idx >= bindparam("start"), _S.idx < bindparam("stop"))
    .order_by(_S.idx)
)
_WITH_LEAVES = PreparedQuestion(
    select(_S.encoded, _S.leaf_hash)
    .where(_S.idx >= bindparam("start"), _S.idx < bindparam("stop"))
    .order_by(_S.idx)
)
_TILE = PreparedQuestion(
    select(_T.hashes).where(_T.level == bindparam("level"), _T.number == bindparam("number"))
)


@dataclass(frozen=True, slots=True)
class _Part:
    start: int
    stop: int
    minimum: int  # entries below have no statement, if they were pruned

    def tiles(self) -> Iterator[tuple[PreparedQuestion, dict[str, int]]]:
        """For each tile of level 0, the question after its rows."""
        for first in range(self.start, self.stop, TILE_WIDTH):
            question = _WITH_LEAVES if first < self.minimum else _STATEMENTS
            yield question, {"start": first, "stop": min(first + TILE_WIDTH, self.stop)}


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
    jobs: int,
) -> AuditReport:
    """Return where the tree is not the one over the statements.

    Other processes read the log for themselves: what is below the head never changes any more.
    """
    heads = [open_checkpoint(note, trusted) for note in held]
    if any(head.origin != row.origin for head in heads):
        raise UsageError("a held checkpoint is of another log")
    findings = Findings()
    head, minimum = store.read_head(connection), store.minimum_index(connection)
    parts = [
        _Part(start, min(start + PART, head.size), minimum) for start in range(0, head.size, PART)
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
    others = min(jobs, len(parts)) - 1
    if others < 1:
        for part in parts:
            yield part, _judge(connection, part, _hash_here(connection, part))
        return
    idle: SimpleQueue[_Hasher] = SimpleQueue()

    def hash_elsewhere(part: _Part) -> Hashed | None:
        hasher = idle.get()
        try:
            return hasher.ask(connection, part)
        finally:
            idle.put(hasher)

    with ExitStack() as stack:
        for _ in range(others):
            hasher = _Hasher(connection)
            stack.callback(hasher.close)
            idle.put(hasher)
        pool = stack.enter_context(ThreadPoolExecutor(others))  # each waits for one process
        waiting = {pool.submit(hash_elsewhere, part): part for part in parts}
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        while waiting:
            # the last part that no process has begun is done here
            mine = next((each for each in reversed(waiting) if each.cancel()), None)
            if mine is not None:
                part = waiting.pop(mine)
                yield part, _judge(connection, part, _hash_here(connection, part))
            done = [each for each in waiting if each.done()] if mine else list(waiting)
            for each in done:
                part = waiting.pop(each)
                # what a process could not say is asked here
                hashed = each.result() or _hash_here(connection, part)
                yield part, _judge(connection, part, hashed)


class _Hasher:
    """One process that hashes; it connects to the database by itself."""

    def __init__(self, connection: Connection) -> None:
        command = [sys.executable, "-P", str(Path(statement_hashes.__file__).absolute())]
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and a file of ours
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._asked, self._answers = self._process.stdin, self._process.stdout
        self._tell((driver_place(connection), TILE_BYTES))

    def _tell(self, question: Any) -> None:
        with suppress(OSError):  # it is gone: nothing will be read
            statement_hashes.write(self._asked, marshal.dumps(question))

    def ask(self, connection: Connection, part: _Part) -> Hashed | None:
        """Return the hashes of a part; None if the process could not read it, or is gone."""
        self._tell([question.on(connection, values) for question, values in part.tiles()])
        answer = statement_hashes.read(self._answers)
        if not answer:
            return None
        hashed: Hashed = marshal.loads(answer)  # noqa: S302 - from a process of ours
        return hashed

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._asked, self._answers):
            with suppress(OSError):
                pipe.close()


def _hash_here(connection: Connection, part: _Part) -> Hashed:
    rows = (question.all(connection, values) for question, values in part.tiles())
    return hash_tiles(rows, full=TILE_BYTES)


def _judge(connection: Connection, part: _Part, hashed: Hashed) -> _Answer:
    """Compare the two lowest levels of tiles with the hashes of the statements."""
    findings = Findings()
    tiles, above, unread, unreadable = hashed
    for first, hashes in zip(range(part.start, part.stop, TILE_WIDTH), tiles, strict=False):
        last = min(first + TILE_WIDTH, part.stop)
        count = len(hashes) // HASH_SIZE
        if count != last - first:
            words = f"of the statements {first} to {last - 1} only {count} are there"
            findings.add(first, FindingCode.STATEMENT_MISSING, words)
            return _Answer(findings.all(), unread)
        if first >= part.minimum:
            _compare(connection, 0, first // TILE_WIDTH, hashes, findings)
    if unreadable:
        first = part.start + len(tiles) * TILE_WIDTH
        words = "a statement that is text or a number: audit the log"
        findings.add(first, FindingCode.DATABASE, words)
        return _Answer(findings.all(), unread)
    if above:
        _compare(connection, 1, part.start // PART, above, findings)
    return _Answer(findings.all(), unread)


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
    row = _TILE.first(connection, {"level": level, "number": number})
    stored = None if row is None or row[0] is None else schema.require_bytes(row[0])
    if stored == hashes:
        return
    if stored is None:
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


def _covered(
    connection: Connection,
    trusted: TrustedLogs,
    size: int,
    read: TileReader,
    findings: Findings,
) -> int:
    """Return how many entries the newest checkpoint covers, if it is over this tree."""
    newest = stored_checkpoints.newest_checkpoint(connection)
    if newest is None:
        return 0
    head = open_checkpoint(newest[1], trusted)
    if head.size != newest[0] or head.size > size or root_at(head.size, read) != head.root:
        words = f"the checkpoint of {newest[0]} is not over these statements"
        findings.add(None, FindingCode.CHECKPOINT, words)
        return 0
    return head.size
