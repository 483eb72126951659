"""Processes that check signatures beside the one that judges: half of an append, most of an audit.

A library that checks one signature holds Python's lock while it does, so threads would not help.
Questions and answers go through plain pipes: with a thread between, which had to wait for the same
lock, they would arrive when the work is done.
"""

from __future__ import annotations

import logging
import marshal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType

from ledger.cose import signatures
from ledger.cose.keys import VerificationKey
from ledger.errors import UsageError
from ledger.statements.statement import Statement, UnverifiedStatement, as_verified

WORTH_SHARING = 8  # statements; fewer are verified sooner than they are handed over

_logger = logging.getLogger(__name__)


class Verifiers:
    """A pool of processes; use it in a ``with``. Threads may share it."""

    def __init__(self, processes: int) -> None:
        """Start no process yet: they come with the first signatures."""
        if processes < 1:
            raise UsageError("signatures are checked by at least one process")
        self._count = processes
        self._lock = Lock()
        self._workers: list[_Worker] = []

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
        with self._lock:
            for worker in self._workers:
                worker.close()
            self._workers.clear()
            self._count = 0

    @property
    def processes(self) -> tuple[int, ...]:
        """The process ids of those that were started."""
        return tuple(worker.pid for worker in self._workers)

    def start(
        self,
        statements: Sequence[UnverifiedStatement],
        keys: Sequence[VerificationKey | None],
    ) -> Checking:
        """Let the signature of each statement be checked whose key is given."""
        known = [place for place, key in enumerate(keys) if _fits(statements[place], key)]
        parts: list[tuple[list[int], _Answer]] = []
        if known:
            workers = self._running()
            size = -(-len(known) // max(1, len(workers)))
            for worker, at in zip(workers, range(0, len(known), size), strict=False):
                places = known[at : at + size]
                tasks = [
                    (key.spki, statements[place].signature, statements[place].signed)
                    for place in places
                    if (key := keys[place]) is not None
                ]
                parts.append((places, worker.ask(tasks)))
        return Checking(statements, parts)

    def _running(self) -> list[_Worker]:
        with self._lock:
            while len(self._workers) < self._count:
                try:
                    self._workers.append(_Worker())
                except OSError as error:
                    _logger.warning("no process that checks signatures can be started: %s", error)
                    self._count = len(self._workers)
            return [worker for worker in self._workers if not worker.gone]


class _Worker:
    """One process, asked and read in one order: its answers come as it was asked."""

    def __init__(self) -> None:
        command = [sys.executable, "-P", str(Path(signatures.__file__).absolute())]
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and a file of ours
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._asked, self._answers = self._process.stdin, self._process.stdout
        self._asking, self._reading = Lock(), Lock()
        self._waiting: deque[_Answer] = deque()
        self._asked_count = 0
        self.gone = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, tasks: Sequence[signatures.Task]) -> _Answer:
        """Hand tasks over; while the process has others, this may wait until it takes them."""
        data = marshal.dumps(list(tasks))
        with self._asking:
            self._asked_count += 1
            answer = _Answer(self, self._asked_count, len(tasks))
            size = (signatures.NUMBER + len(data)).to_bytes(signatures.LENGTH, "big")
            try:
                self._waiting.append(answer)
                self._asked.write(size + answer.number + data)
                self._asked.flush()
            except (OSError, ValueError):  # it was killed, or closed by another thread
                self._lose()
            except BaseException:
                self._lose()  # a question that was cut short: no answer can be believed
                raise
        return answer

    def read_until(self, answer: _Answer) -> bytes:
        """Return what ``answer`` is; zeros if the process is gone."""
        with self._reading:
            while answer.found is None:
                next_one = self._waiting.popleft()
                try:
                    next_one.found = self._read(next_one)
                except BaseException:
                    next_one.found = bytes(next_one.count)
                    self._lose()  # what comes next may be of another question
                    raise
        return answer.found

    def _read(self, answer: _Answer) -> bytes:
        found = b""
        if not self.gone:
            with suppress(OSError, ValueError):
                found = self._answers.read(signatures.NUMBER + answer.count)
            if len(found) == signatures.NUMBER + answer.count and found.startswith(answer.number):
                return found[signatures.NUMBER :]
            self._lose()
        return bytes(answer.count)

    def _lose(self) -> None:
        if not self.gone:
            _logger.warning("a process that checked signatures is gone")
        self.gone = True

    def close(self) -> None:
        """End it; what it was asked and did not answer is not known."""
        self.gone = True
        self._process.kill()
        self._process.wait()
        for pipe in (self._asked, self._answers):
            with suppress(OSError):
                pipe.close()


class _Answer:
    """A one for each signature that holds, once ``found``."""

    def __init__(self, worker: _Worker, number: int, count: int) -> None:
        self._worker = worker
        self.number = number.to_bytes(signatures.NUMBER, "big")
        self.count = count
        self.found: bytes | None = None

    def wait(self) -> bytes:
        return self._worker.read_until(self)


def check_here(
    statements: Sequence[UnverifiedStatement], keys: Sequence[VerificationKey | None]
) -> list[bool]:
    """Return for each statement whether its key is given and made the signature.

    One after the other, with nothing in between, is quicker than as each is judged.
    """
    return [
        key is not None
        and statement.kid == key.kid
        and statement.algorithm is key.algorithm
        and key.is_by(statement.signature, statement.signed)
        for statement, key in zip(statements, keys, strict=True)
    ]


class Checking:
    """Signatures that are being checked."""

    def __init__(
        self,
        statements: Sequence[UnverifiedStatement],
        parts: Sequence[tuple[list[int], _Answer]],
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
        return [
            as_verified(statement) if good else None
            for statement, good in zip(self._statements, self.good(), strict=True)
        ]

    def good(self) -> list[bool]:
        """Return for each statement whether it is known that its signature holds."""
        found = [False] * len(self._statements)
        for places, answer in self._parts:
            for place, good in zip(places, answer.wait(), strict=True):
                found[place] = good == 1
        return found


def _fits(statement: UnverifiedStatement, key: VerificationKey | None) -> bool:
    return key is not None and statement.kid == key.kid and statement.algorithm is key.algorithm
