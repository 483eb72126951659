"""What was submitted and has been looked at, before any rule of the log judges it."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.entries import Submission
from ledger.statements.statement import Statement, UnverifiedStatement


@dataclass(frozen=True, slots=True)
class Arrival:
    """A submission that was parsed and, if its key was known already, verified.

    A key id is the hash of its key, so what was verified stays so; whether the key is in force
    is for the append to judge.
    """

    submission: Submission
    parsed: UnverifiedStatement
    verified: Statement | None
