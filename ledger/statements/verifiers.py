"""Processes that check signatures beside the one that judges: half of an append, most of an audit.

A library that checks one signature holds Python's lock while it does, so threads would not help.
"""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from types import TracebackType

from ledger.cose.keys import VerificationKey
from ledger.errors import SignatureError, UsageError
from ledger.statements.statement import Statement, UnverifiedStatement, as_verified

_logger = logging.getLogger(__name__)

_Task = tuple[bytes, bytes, bytes]  # public key, signature, what is signed


class Verifiers:
    """A pool of processes; use it in a ``with``. Threads may share it."""

    def __init__(self, processes: int) -> None:
        """Start no process yet: they come with the first signatures."""
        if processes < 1:
            raise UsageError("signatures are checked by at least one process")
        self._processes = processes
        context = multiprocessing.get_context("spawn")  # a fork would share locks and databases
        self._pool = ProcessPoolExecutor(processes, mp_context=context)

    def __enter__(self) -> Verifiers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the processes."""
        self._pool.shutdown(cancel_futures=True)

    def start(
        self,
        statements: Sequence[UnverifiedStatement],
        keys: Sequence[VerificationKey | None],
    ) -> Checking:
        """Let the signature of each statement be checked whose key is given."""
        known = [place for place, key in enumerate(keys) if _fits(statements[place], key)]
        size = max(1, -(-len(known) // self._processes))
        parts: list[tuple[list[int], Future[bytes]]] = []
        for at in range(0, len(known), size):
            places = known[at : at + size]
            tasks = [
                (key.spki, statements[place].signature, statements[place].signed)
                for place in places
                if (key := keys[place]) is not None
            ]
            try:
                parts.append((places, self._pool.submit(_check, tasks)))
            except BrokenProcessPool:
                _logger.warning("the processes that check signatures are gone")
                break
        return Checking(statements, parts)


class Checking:
    """Signatures that are being checked."""

    def __init__(
        self,
        statements: Sequence[UnverifiedStatement],
        parts: Sequence[tuple[list[int], Future[bytes]]],
    ) -> None:
        self._statements = statements
        self._parts = parts

    def answers(self) -> Iterator[tuple[UnverifiedStatement, Statement | None]]:
        """Yield the statements, each with what ``verified`` says of it."""
        return zip(self._statements, self.verified(), strict=True)

    def verified(self) -> list[Statement | None]:
        """Return each statement that verified; None for any other, which says nothing about it.

        Whoever judges the statement checks that one again, and learns what is wrong.
        """
        found: list[Statement | None] = [None] * len(self._statements)
        for places, future in self._parts:
            try:
                answers = future.result()
            except BrokenProcessPool:
                continue
            for place, good in zip(places, answers, strict=True):
                if good:
                    found[place] = as_verified(self._statements[place])
        return found


def _fits(statement: UnverifiedStatement, key: VerificationKey | None) -> bool:
    return key is not None and statement.kid == key.kid and statement.algorithm is key.algorithm


_from_spki = lru_cache(maxsize=4096)(VerificationKey.from_spki)


def _check(tasks: Sequence[_Task]) -> bytes:
    """Return a one for each signature that verifies, else a zero."""
    return bytes(_is_good(*task) for task in tasks)


def _is_good(spki: bytes, signature: bytes, signed: bytes) -> bool:
    try:
        _from_spki(spki).verify(signature, signed)
    except SignatureError:
        return False
    return True
