"""What shares tasks out to workers, here or on a cluster: the events that come of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from provenance.scan.outcome import Answer, Item


@dataclass(frozen=True, slots=True)
class Task:
    """Some items of one chunk; ``key`` is no other task's of this run."""

    key: int
    chunk: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """A worker has answered."""

    task: Task
    answer: Answer


@dataclass(frozen=True, slots=True)
class Died:
    """A worker has died over a task."""

    task: Task


@dataclass(frozen=True, slots=True)
class Stopped:
    """A worker cannot go on; ``defect`` unless source, ledger or trust are away."""

    why: str
    defect: bool


class Engine(Protocol):
    """Workers. An item over which ``tries`` of them died, one after the other, is set apart."""

    tries: int

    @property
    def room(self) -> int:
        """How many tasks it takes now."""

    def give(self, task: Task) -> None:
        """Give a task to a worker."""

    def wait(self, seconds: float) -> Sequence[Done | Died]:
        """Return what has happened, or nothing after so many seconds.

        OutOfReachError if the source is away, or there is nothing left to work with.
        """

    def close(self) -> None:
        """Stop all workers at once."""
