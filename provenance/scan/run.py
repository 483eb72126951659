"""One run of a job: take chunks, share them out, write down what comes back, until none is left.

After a worker has died over a chunk its items are given out one by one, so that the one that
kills is found, and the others are judged.
"""

import itertools
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from provenance.scan.chunks import Chunk, Claim
from provenance.scan.engine import Died, Done, Engine, Task
from provenance.scan.outcome import Item, Outcome

GLANCE_SECONDS = 1.0  # between two looks at what others do


@dataclass(slots=True)
class Ran:
    """What one run has done. ``busy`` are the seconds that workers worked, all together."""

    objects: int = 0
    chunks: int = 0
    busy: float = 0.0
    deaths: int = 0
    lost: int = 0  # chunks that another run had taken meanwhile
    stopped: bool = False
    by_verdict: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _InWork:
    """A chunk with what is known of it."""

    chunk: Chunk
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    deaths: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class Run:
    """Who claims, who works, who stops it, and who is told of objects that are done.

    ``crashed`` makes the result of an item that killed its workers.
    """

    claim: Claim
    engine: Engine
    crashed: Callable[[Item], Outcome]
    stop: Callable[[], bool]
    advance: Callable[[int], None]
    ran: Ran = field(default_factory=Ran)
    _in_work: dict[int, _InWork] = field(default_factory=dict)
    _again: deque[Task] = field(default_factory=deque)
    _given: set[int] = field(default_factory=set)
    _keys: "itertools.count[int]" = field(default_factory=itertools.count)

    def until_done(self) -> Ran:
        """Return once nothing is left to do, here or in other runs, or it was stopped.

        Stopped, it waits for what workers have begun; whatever ends it, chunks are given back.
        """
        renewed = time.monotonic()
        try:
            while True:
                if self.stop():
                    self.ran.stopped = True
                    self._again.clear()
                more = not self.ran.stopped and self._share_out()
                if not self._given and not more:
                    break
                for event in self.engine.wait(GLANCE_SECONDS):
                    self._hear(event)
                if time.monotonic() - renewed > self.claim.seconds / 4:
                    renewed = time.monotonic()
                    self.claim.renew()
        finally:
            self.claim.give_back([each.chunk for each in self._in_work.values()])
        return self.ran

    def _share_out(self) -> bool:
        """Give tasks to whoever has room; return whether there is more to wait for."""
        for _ in range(self.engine.room):
            while not self._again:
                chunk = self.claim.take()
                if chunk is None:
                    return bool(self._given) or self.claim.others() > 0
                self._begin(chunk)
            task = self._again.popleft()
            self._given.add(task.key)
            self.engine.give(task)
        return True

    def _begin(self, chunk: Chunk) -> None:
        self._in_work[chunk.number] = _InWork(chunk)
        if chunk.tries > 1:  # its run ended with it
            self._one_by_one(chunk.number, chunk.items)
        else:
            self._again.append(Task(next(self._keys), chunk.number, chunk.items))

    def _one_by_one(self, number: int, items: tuple[Item, ...]) -> None:
        self._again.extend(Task(next(self._keys), number, (item,)) for item in items)

    def _hear(self, event: Done | Died) -> None:
        task = event.task
        self._given.discard(task.key)
        work = self._in_work[task.chunk]
        match event:
            case Done(_, answer):
                self.ran.busy += answer.seconds
                work.outcomes.update((each.number, each) for each in answer.outcomes)
            case Died():
                self.ran.deaths += 1
                self._after_death(work, task)
        if len(work.outcomes) == len(work.chunk.items):
            self._complete(work)

    def _after_death(self, work: _InWork, task: Task) -> None:
        if len(task.items) > 1:
            self._one_by_one(task.chunk, task.items)
            return
        item = task.items[0]
        work.deaths[item.number] += 1
        if work.deaths[item.number] >= self.engine.tries:
            work.outcomes[item.number] = self.crashed(item)
        else:
            self._one_by_one(task.chunk, task.items)

    def _complete(self, work: _InWork) -> None:
        del self._in_work[work.chunk.number]
        outcomes = [work.outcomes[item.number] for item in work.chunk.items]
        if not self.claim.complete(work.chunk, outcomes):
            self.ran.lost += 1
            return
        self.ran.chunks += 1
        self.ran.objects += len(outcomes)
        self.ran.by_verdict.update(outcome.verdict for outcome in outcomes)
        self.advance(len(outcomes))
