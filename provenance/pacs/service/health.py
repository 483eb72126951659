"""How the service is: what is amiss, in words, and what it has done, in numbers."""

import asyncio
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Protocol

from starlette.concurrency import run_in_threadpool

from ledger import LedgerError
from provenance.errors import RadsealError
from provenance.pacs.arrivals import Kept, State
from provenance.pacs.custody.queue import CustodyState
from provenance.pacs.retrieve.asked import Shown
from provenance.pacs.service.desk import Workplace
from provenance.pacs.spool.spool import Spool
from provenance.servers.metrics import Metric, gauge

FRESH_SECONDS = 2.0
LOG_SECONDS = 10.0
NOBODYS_PSEUDONYM = bytes(32)


class Custody(Protocol):
    """Who writes custody events (CustodyThread)."""

    @property
    def overdue(self) -> bool:
        """Whether an event waits for the log longer than it may."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that a person must see to; ``stops`` if nothing is taken in before."""

    what: str
    words: str
    stops: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """What was found at one moment; ``custody`` is None where the spool cannot be read."""

    troubles: Sequence[Trouble]
    counts: dict[State, int]
    custody: CustodyState | None
    free: int
    unclaimed: int = 0
    forgotten: int = 0

    @property
    def takes(self) -> bool:
        """Whether objects are taken in."""
        return not any(each.stops for each in self.troubles)


@dataclass(slots=True)
class Tally:
    """Objects and seconds since the start."""

    objects: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    retrieved: Counter[tuple[str, str]] = field(default_factory=Counter)
    unfit: int = 0
    judged: int = 0
    seconds: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def took(self, kept: Kept, seconds: float) -> None:
        """Count an object that was taken in, or refused."""
        key = (kept.sender.route.value, kept.judged.action.value, kept.judged.word.value)
        with self._lock:  # those who answer and those who hear from the door are threads
            self.objects[key] += 1
        self.spent(seconds)

    def showed(self, found: Sequence[Shown]) -> None:
        """Count what somebody asked for, given or withheld."""
        self.retrieved.update((each.action.value, each.word.value) for each in found)

    def spent(self, seconds: float) -> None:
        """Count a judgement."""
        with self._lock:
            self.judged += 1
            self.seconds += seconds

    def metrics(self) -> tuple[Metric, ...]:
        """Return the values so far."""
        return (
            Metric(
                "radseal_objects_total",
                "counter",
                "Objects that came, by route, action and verdict.",
                [
                    (f'{{route="{route}",action="{action}",verdict="{word}"}}', count)
                    for (route, action, word), count in sorted(self.objects.items())
                ],
            ),
            Metric(
                "radseal_retrieved_total",
                "counter",
                "Objects that WADO-RS found, by action and verdict: accept and tag are given.",
                [
                    (f'{{action="{action}",verdict="{word}"}}', count)
                    for (action, word), count in sorted(self.retrieved.items())
                ],
            ),
            Metric(
                "radseal_objects_unfit_total",
                "counter",
                "Objects of STOW-RS that named no instance, or another study: not taken.",
                [("", self.unfit)],
            ),
            Metric("radseal_judgements_total", "counter", "Objects judged.", [("", self.judged)]),
            Metric(
                "radseal_judgement_seconds_total",
                "counter",
                "Seconds between the last byte of an object and its answer.",
                [("", self.seconds)],
            ),
        )


class Watch:
    """Looks at the place of work; one look serves whoever asks within two seconds."""

    def __init__(
        self,
        place: Workplace,
        custody: Custody,
        *,
        free_bytes: int,
        archives: Sequence[str],
        monotonic: Callable[[], float],
    ) -> None:
        self._place = place
        self._custody = custody
        self._free_bytes = free_bytes
        self._archives = archives
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._seen: Condition | None = None
        self._seen_at = 0.0

    async def condition(self) -> Condition:
        """Return how things are."""
        async with self._lock:
            if self._seen is None or self._monotonic() - self._seen_at > FRESH_SECONDS:
                log = asyncio.create_task(self._log())
                seen = await run_in_threadpool(self._look)
                troubles = [*seen.troubles, *await log]
                self._seen = replace(seen, troubles=troubles)
                self._seen_at = self._monotonic()
            return self._seen

    async def _log(self) -> list[Trouble]:
        words = f"the log did not answer within {LOG_SECONDS:.0f} s"
        try:
            await asyncio.wait_for(run_in_threadpool(self._ask_log), LOG_SECONDS)
        except TimeoutError:
            return [Trouble("log", words, stops=False)]
        except (LedgerError, RadsealError, OSError) as error:
            return [Trouble("log", f"the log cannot be asked: {error}", stops=False)]
        return []

    def _ask_log(self) -> None:
        log = self._place.records().log
        try:
            log.find(NOBODYS_PSEUDONYM)
        finally:
            log.close()

    def _look(self) -> Condition:
        troubles = []
        try:
            self._place.read_policy()
        except RadsealError as error:
            troubles.append(Trouble("policy", f"the policy cannot be read: {error}", stops=True))
        free = 0
        try:
            free = shutil.disk_usage(self._place.spool).free
        except OSError as error:
            troubles.append(Trouble("disk", f"the spool is gone: {error.strerror}", stops=True))
        if free < self._free_bytes:
            words = f"the disk has {free} bytes left, and takes nothing below {self._free_bytes}"
            troubles.append(Trouble("disk", words, stops=True))
        counts: dict[State, int] = {}
        unclaimed = forgotten = 0
        waiting: CustodyState | None = None
        try:
            with Spool.open(self._place.spool) as spool:
                counts, waiting = spool.counts(), spool.custody.state()
                unclaimed = spool.deliveries.unclaimed(self._archives)
                held = spool.held.counts()
                forgotten = sum(spool.memory.forgotten().values())
            for name, count in held.items():
                words = f"{name} refuses {count} objects: they are held"
                troubles.append(Trouble("archive", words, stops=False))
        except (RadsealError, OSError, sqlite3.Error) as error:
            troubles.append(Trouble("spool", f"the spool cannot be read: {error}", stops=True))
        if self._custody.overdue:
            since = "" if waiting is None or waiting.since is None else f" since {waiting.since}"
            words = f"custody events wait for the log{since}"
            troubles.append(Trouble("custody", words, stops=False))
        return Condition(troubles, counts, waiting, free, unclaimed, forgotten)


def condition_fields(seen: Condition) -> dict[str, object]:
    """Return a condition as JSON values."""
    waiting = seen.custody
    return {
        "schema": "radseal/service-health/1",
        "state": "ready" if not seen.troubles else "degraded" if seen.takes else "failing",
        "takes": seen.takes,
        "troubles": [{"what": t.what, "words": t.words} for t in seen.troubles],
        "spool": {state.value: count for state, count in seen.counts.items()},
        "custody_waiting": None if waiting is None else waiting.waiting,
        "custody_refused": None if waiting is None else waiting.refused,
        "free_bytes": seen.free,
    }


def condition_metrics(seen: Condition) -> tuple[Metric, ...]:
    """Return a condition as numbers."""
    waiting = seen.custody
    kinds = {trouble.what for trouble in seen.troubles}
    since = None if waiting is None else waiting.since
    return (
        Metric(
            "radseal_spool_objects",
            "gauge",
            "Objects so far, by what has become of them; forgotten ones count.",
            [(f'{{state="{state.value}"}}', count) for state, count in seen.counts.items()],
        ),
        Metric(
            "radseal_spool_forgotten_total",
            "counter",
            "Of those, objects that are done and whose rows were forgotten.",
            [("", seen.forgotten)],
        ),
        gauge(
            "radseal_spool_unclaimed",
            "Objects that were released, and wait until somebody fetches them.",
            seen.unclaimed,
        ),
        gauge(
            "radseal_custody_waiting",
            "Custody events that are not in the log yet.",
            0 if waiting is None else waiting.waiting,
        ),
        gauge(
            "radseal_custody_waiting_since_seconds",
            "Since when the oldest of them waits, in seconds since 1970; 0 if none does.",
            0 if since is None else since.timestamp(),
        ),
        gauge(
            "radseal_custody_overdue",
            "Whether one waits longer than it may: an alarm.",
            "custody" in kinds,
        ),
        gauge(
            "radseal_custody_refused",
            "Custody events that the log refused: an alarm.",
            0 if waiting is None else waiting.refused,
        ),
        gauge("radseal_spool_free_bytes", "Bytes free on the disk of the spool.", seen.free),
        gauge("radseal_takes", "Whether objects are taken in.", seen.takes),
        Metric(
            "radseal_trouble",
            "gauge",
            "What is amiss now (/health has the words).",
            [(f'{{what="{what}"}}', 1) for what in sorted(kinds)],
        ),
    )
