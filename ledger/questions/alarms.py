"""Alarms of a log: numbers that are missing, keys that signed twice, keys that fell silent.

Pure: what a refused statement shows is compared with what the log holds; whether an alarm is open
is read off the log as it is now, so that nothing has to be closed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from ledger.errors import MalformedError
from ledger.links import HASH_SIZE, Link
from ledger.statements.statement import Statement

MAX_EXPECTATIONS = 10_000
_HEADER = "radseal expectations 1"
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1)}
_LONGEST = timedelta(days=3650)


class AlarmKind(StrEnum):
    """What is wrong with the chain of an actor; the codes are stable."""

    GAP = "gap"
    FORK = "fork"
    SILENCE = "silence"
    RIVAL = "rival"


@dataclass(frozen=True, slots=True)
class Run:
    """Statements of one actor that were presented and refused, each after the other.

    ``statement`` is the last of them: by its signature it vouches for all numbers before.
    """

    first: int
    last: int
    statement: bytes = field(repr=False)
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class Presented:
    """What the refused statements of one actor show: runs beyond the log, and forks."""

    runs: tuple[Run, ...]
    forks: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm about a key: which of its numbers, since which size of the log, until which entry.

    ``numbers`` are ranges, both ends included. ``evidence`` is the signed statement that shows it;
    for a fork, ``other`` is the entry that the log holds in its place; for rivals, where the second
    seals are numbered, the seal that came first. ``closed_by`` is the entry that filled the gap, in
    which the signer has said the same again at the right place, or that revoked a rival.
    """

    kind: AlarmKind
    kid: bytes
    numbers: tuple[tuple[int, int], ...]
    raised_at: datetime
    raised_size: int
    evidence: bytes | None = field(repr=False)
    leaf_hash: bytes | None = None
    other: int | None = None
    closed_by: int | None = None
    last_heard: datetime | None = None

    @property
    def open(self) -> bool:
        """Whether somebody has to look."""
        return self.closed_by is None


def presented(
    statements: Sequence[Statement], next_link: Link, leaves: Collection[bytes]
) -> Presented:
    """Tell what refused statements of one actor show, given the link the log waits for.

    ``leaves`` are the leaf hashes of those that are in the log already. A fork is a number below
    the next one, or the next one after another predecessor; what lies beyond makes runs.
    """
    fresh = {each.leaf_hash: each for each in statements if each.leaf_hash not in leaves}
    ordered = sorted(fresh.values(), key=lambda each: each.actor_link.seq)
    forks = [each for each in ordered if _forks(each, next_link)]
    runs: list[Run] = []
    for each in ordered:
        link = each.actor_link
        if _forks(each, next_link):
            continue
        new = Run(link.seq, link.seq, each.encoded, each.leaf_hash)
        if runs and runs[-1].last == link.seq - 1 and runs[-1].leaf_hash == link.previous:
            runs[-1] = Run(runs[-1].first, link.seq, each.encoded, each.leaf_hash)
        elif runs and runs[-1].last >= link.seq:
            forks.append(each)  # two of one number in one request
        else:
            runs.append(new)
    return Presented(tuple(runs), tuple(forks))


def _forks(statement: Statement, next_link: Link) -> bool:
    link = statement.actor_link
    return link.seq < next_link.seq or (
        link.seq == next_link.seq and link.previous != next_link.previous
    )


def missing_numbers(next_seq: int, runs: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the ranges of numbers that are neither in the log nor in any run before the last."""
    gaps, at = [], next_seq
    for first, last in sorted(runs):
        if first > at:
            gaps.append((at, first - 1))
        at = max(at, last + 1)
    return tuple(gaps)


@dataclass(frozen=True, slots=True)
class Expectation:
    """That a key is heard at least once in every ``period``; the operator's word."""

    kid: bytes
    period: timedelta


def parse_expectations(data: bytes) -> tuple[Expectation, ...]:
    """Read the operator's expectations (docs/spec/log.md); MalformedError for anything else."""
    try:
        header, *lines = data.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise MalformedError("expectations that are not ASCII") from error
    if header != _HEADER or not lines or lines.pop() != "":
        raise MalformedError(f"expectations begin with the line {_HEADER!r} and end with a line")
    if len(lines) > MAX_EXPECTATIONS:
        raise MalformedError(f"more than {MAX_EXPECTATIONS} expectations")
    found = [_expectation(line) for line in lines if line and not line.startswith("#")]
    if len({each.kid for each in found}) != len(found):
        raise MalformedError("two expectations of one key")
    return tuple(found)


def _expectation(line: str) -> Expectation:
    parts = line.split(" ")
    if len(parts) != 2 or len(parts[0]) != 2 * HASH_SIZE:
        raise MalformedError(f"not a key and a period: {line[:80]!r}")
    kid, period = parts
    count, unit = period[:-1], period[-1:]
    if not set(kid) <= set("0123456789abcdef") or unit not in _UNITS:
        raise MalformedError(f"not a key and a period in h or d: {line[:80]!r}")
    if not (count.isascii() and count.isdigit() and len(count) <= 5 and count[0] != "0"):
        raise MalformedError(f"not a number of hours or days: {line[:80]!r}")
    length = int(count) * _UNITS[unit]
    if length > _LONGEST:
        raise MalformedError(f"a period of more than ten years: {line[:80]!r}")
    return Expectation(bytes.fromhex(kid), length)
