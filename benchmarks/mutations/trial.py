"""One mutant: made from seed and number alone, verified, and judged against the oracle."""

import os
import resource
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from types import FrameType

from benchmarks.mutations.attributes import NotPossibleError, change_header, change_pixels
from benchmarks.mutations.carrier import change_carrier, change_labels
from benchmarks.mutations.classes import UNEXPLAINED, classes_of
from benchmarks.mutations.damage import damage_bytes, damage_elements
from benchmarks.mutations.layout import Layout, layout_of
from benchmarks.mutations.oracle import Meaning, OracleError, differences, read_meaning
from benchmarks.mutations.subjects import Stage, Subject, open_stage
from provenance import Records, TrustStore, Verdict, Word, verify

SECONDS = 20
MEMORY = 4 << 30
ACCEPTED = (Word.AUTHENTIC, Word.CORRECTED)
WITH_LEDGER, WITH_MARK = 5, 50  # every so many mutants
_ATTEMPTS = 50


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed file, and what was done to it."""

    number: int
    subject: str
    part: str
    kind: str
    data: bytes = field(repr=False)


@dataclass(slots=True)
class Result:
    """What became of a mutant; ``wrong`` is what must not happen."""

    number: int
    subject: str
    part: str
    kind: str
    words: dict[str, str]
    classes: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def row(self) -> dict[str, object]:
        """Return what JSON is to hold."""
        return asdict(self)


class TimeOutError(BaseException):
    """A verification that took too long: no handler of `Exception` may swallow it."""


@dataclass(slots=True)
class Trials:
    """The subjects, and all that is read of them once."""

    stage: Stage
    layouts: dict[str, Layout]
    meanings: dict[str, tuple[Meaning, ...]]
    honest: dict[tuple[str, str], Verdict]
    records: dict[str, Records]  # type: ignore[type-arg]
    trust: dict[str, TrustStore]
    mark_key: dict[str, bytes]

    @classmethod
    def open(cls, folder: Path) -> "Trials":
        """Open or make the subjects, and see that each is what it must be before it is changed."""
        stage = open_stage(folder)
        sites = {name: stage.site(name) for name in {s.site for s in stage.subjects}}
        trials = cls(
            stage,
            {s.name: layout_of(s.data) for s in stage.subjects},
            {s.name: tuple(read_meaning(d) for d in s.genuine) for s in stage.subjects},
            {},
            {name: site.records() for name, site in sites.items()},
            {name: site.trust for name, site in sites.items()},
            {name: site.mark_key for name, site in sites.items()},
        )
        for subject in stage.subjects:
            for way in ("offline", "ledger"):
                verdict = trials.verify(subject, subject.data, way)
                if verdict.word not in ACCEPTED and not (subject.needs_ledger and way == "offline"):
                    raise RuntimeError(f"{subject.name} is {verdict.word} {way}")
                trials.honest[subject.name, way] = verdict
        return trials

    def close(self) -> None:
        """Close the ledgers."""
        for records in self.records.values():
            records.log.close()

    def verify(self, subject: Subject, data: bytes, way: str) -> Verdict:
        """Verify as the public API does: offline, with the ledger, or with the mark key as well."""
        site = subject.site
        if way == "offline":
            return verify(data, trust=self.trust[site])
        key = self.mark_key[site] if way == "mark" else None
        return verify(data, trust=self.trust[site], records=self.records[site], mark_key=key)

    def mutant(self, seed: int, number: int) -> Mutant:
        """Make a mutant; the same each time."""
        chance = Random(f"{seed}:{number}")
        subject = self.stage.subjects[number % len(self.stage.subjects)]
        for _ in range(_ATTEMPTS):
            try:
                part, kind, data = chance.choice(_MAKERS)(chance, subject, self)
            except Exception:  # noqa: BLE001 - pydicom cannot write all that is asked of it
                continue
            if data != subject.data:
                return Mutant(number, subject.name, part, kind, data)
        raise RuntimeError(f"no mutant {number} of {subject.name}")

    def run(self, seed: int, number: int) -> Result:
        """Make one mutant, verify it in the ways its number says, and compare."""
        mutant = self.mutant(seed, number)
        subject = self.stage.subjects[number % len(self.stage.subjects)]
        result = Result(number, subject.name, mutant.part, mutant.kind, {})
        for way in self._ways(subject, number):
            self._try(subject, mutant, way, result)
        return result

    @staticmethod
    def _ways(subject: Subject, number: int) -> list[str]:
        turn = number // 16
        ways = ["offline"]
        if subject.needs_ledger or turn % WITH_LEDGER == 0:
            ways.append("ledger")
        if turn % WITH_MARK == 0:
            ways.append("mark")
        return ways

    def _try(self, subject: Subject, mutant: Mutant, way: str, result: Result) -> None:
        start = time.perf_counter()
        try:
            with limited(SECONDS):
                verdict = self.verify(subject, mutant.data, way)
        except TimeOutError:
            result.words[way] = "HANG"
            result.wrong.append(f"{way}: no verdict in {SECONDS} s")
            return
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            last = traceback.extract_tb(error.__traceback__)[-1]
            result.words[way] = "TRACEBACK"
            where = f"{Path(last.filename).name}:{last.lineno}"
            result.wrong.append(f"{way}: {type(error).__name__} at {where}: {error}")
            return
        result.seconds = max(result.seconds, time.perf_counter() - start)
        result.words[way] = str(verdict.word)
        if verdict.word in ACCEPTED:
            self._compare(subject, mutant, way, verdict, result)

    def _compare(
        self, subject: Subject, mutant: Mutant, way: str, verdict: Verdict, result: Result
    ) -> None:
        honest = self.honest[subject.name, "offline" if way == "offline" else "ledger"]
        for name in ("seal_id", "signer", "sealed_at", "log_index"):
            if getattr(verdict, name) != getattr(honest, name):
                result.wrong.append(f"{way}: the verdict says another {name}")
        try:
            now = read_meaning(mutant.data)
        except OracleError as error:
            result.wrong.append(f"{way}: {verdict.word}, but another reader says {error}")
            return
        differing = [differences(was, now) for was in self.meanings[subject.name]]
        if all(differing):
            result.wrong.append(f"{way}: {verdict.word}, but {', '.join(differing[0])}")
            return
        known = subject.genuine[differing.index([])]
        result.classes = list(classes_of(known, mutant.data)) if known != mutant.data else []
        if UNEXPLAINED in result.classes:
            result.wrong.append(f"{way}: {verdict.word}, unexplained")


def _bytes(chance: Random, subject: Subject, trials: Trials) -> tuple[str, str, bytes]:
    return damage_bytes(chance, trials.layouts[subject.name])


def _elements(chance: Random, subject: Subject, trials: Trials) -> tuple[str, str, bytes]:
    return damage_elements(chance, trials.layouts[subject.name])


def _header(chance: Random, subject: Subject, trials: Trials) -> tuple[str, str, bytes]:
    return change_header(chance, subject.data)


def _samples(chance: Random, subject: Subject, trials: Trials) -> tuple[str, str, bytes]:
    return change_pixels(chance, subject.data)


def _carrier(chance: Random, subject: Subject, trials: Trials) -> tuple[str, str, bytes]:
    return change_carrier(chance, subject.data)


def _labels(chance: Random, subject: Subject, trials: Trials) -> tuple[str, str, bytes]:
    return change_labels(chance, subject.data)


_MAKERS: tuple[Callable[[Random, Subject, Trials], tuple[str, str, bytes]], ...] = (
    *(_bytes, _bytes, _bytes, _elements, _elements),
    *(_header, _header, _header, _samples, _carrier, _carrier, _labels),
)


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TimeOutError in here after so many seconds."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeOutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def bound_memory() -> None:
    """Let this process have so much memory and no more: one that asks for more gets an error."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def peak_memory() -> int:
    """Return the most bytes this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@cache
def trials_of(folder: Path, _process: int = os.getpid()) -> Trials:
    """Open the trials once in a process."""
    return Trials.open(folder)


__all__ = ["NotPossibleError", "Result", "Trials", "bound_memory", "peak_memory", "trials_of"]
