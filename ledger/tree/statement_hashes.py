"""Statements hashed, tile by tile; also a process that does nothing else.

It imports nothing of the package, and ``rehash`` starts it as a file: a process that needs only
this is there in a twentieth of a second. It ends with its standard input, so with whoever started
it.
"""

from __future__ import annotations

import marshal
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from importlib import import_module
from typing import IO, Any

LENGTH = 4  # bytes before each question and each answer, big endian: how long it is
NOT_READ = b""  # the answer to a question that could not be answered

# The driver's module, and what its ``connect`` takes, by place and by name.
Place = tuple[str, Sequence[Any], dict[str, Any]]
# SQL for one tile, and its parameters. A row is a statement, or a statement and its leaf hash.
Question = tuple[str, Any]
# The leaf hashes of each tile, one hash over each full one, statements that were pruned, and
# whether the tile after the last was not made of bytes.
Hashed = tuple[list[bytes], bytes, int, bool]


def hash_tiles(tiles: Iterable[Sequence[tuple[Any, ...]]], *, full: int) -> Hashed:
    """Hash the rows of each tile; one of ``full`` bytes of hashes is hashed together as well."""
    leaves: list[bytes] = []
    above = bytearray()
    unread = 0
    for rows in tiles:
        try:
            if rows and len(rows[0]) == 2:  # pruned: a statement that is gone left its hash
                unread += sum(not encoded for encoded, _ in rows)
                hashes = b"".join([_leaf(encoded) if encoded else leaf for encoded, leaf in rows])
            else:
                hashes = b"".join([sha256(b"\x00" + encoded).digest() for (encoded,) in rows])
        except TypeError:  # asking each value for its type would cost as much as its hash
            return leaves, bytes(above), unread, True
        leaves.append(hashes)
        if len(hashes) == full:
            above += perfect_root(hashes)
    return leaves, bytes(above), unread, False


def _leaf(encoded: bytes) -> bytes:
    return sha256(b"\x00" + encoded).digest()


def perfect_root(hashes: bytes) -> bytes:
    """Return the root over hashes that lie side by side, as many as a perfect subtree has."""
    while len(hashes) > 32:
        pairs = range(0, len(hashes), 64)
        hashes = b"".join([sha256(b"\x01" + hashes[i : i + 64]).digest() for i in pairs])
    return hashes


def write(stream: IO[bytes], data: bytes) -> None:
    """Write a question or an answer."""
    stream.write(len(data).to_bytes(LENGTH, "big") + data)
    stream.flush()


def read(stream: IO[bytes]) -> bytes | None:
    """Read a question or an answer; None if there is no whole one."""
    head = stream.read(LENGTH)
    size = int.from_bytes(head, "big")
    data = stream.read(size)
    return data if len(head) == LENGTH and len(data) == size else None


def _rows(connection: Any, questions: Iterable[Question]) -> Iterator[Sequence[tuple[Any, ...]]]:
    for sql, parameters in questions:
        yield connection.execute(sql, parameters).fetchall()


def serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """Connect to the place that comes first, and answer questions until no more come."""
    if (first := read(asked)) is None:
        return
    (driver, arguments, names), full = marshal.loads(first)  # noqa: S302 - from who started this
    connection = None
    while (data := read(asked)) is not None:
        questions = marshal.loads(data)  # noqa: S302 - from who started this process
        try:
            if connection is None:
                connection = import_module(driver).connect(*arguments, **names)
            hashed = hash_tiles(_rows(connection, questions), full=full)
            connection.rollback()  # no snapshot is kept
        except Exception:  # noqa: BLE001 - whoever asked reads it, and learns what is wrong
            write(answers, NOT_READ)
        else:
            write(answers, marshal.dumps(hashed))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it decides when it ends
    serve(sys.stdin.buffer, sys.stdout.buffer)
