"""Where objects are judged: trust, records and source, opened once in each worker."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from provenance.errors import OutOfReachError
from provenance.judging.verdict import EXIT_CODES, Status, Word
from provenance.policy.decide import Decision, decide
from provenance.policy.facts import Arrival, Facts
from provenance.policy.policy import AcceptancePolicy
from provenance.policy.terms import ACTION_EXIT_CODES
from provenance.scan.outcome import Answer, Apart, Item, Outcome
from provenance.scan.source import NotGivenError, Source, open_source
from provenance.scan.terms import Terms
from provenance.verifying.examination import (
    Examination,
    examine,
    examine_nothing,
    examine_source,
)
from provenance.verifying.verifier import Verifier

_logger = logging.getLogger(__name__)
_TOLD = (Status.FAIL, Status.WARN)

Judge = Callable[[Sequence[Item], Callable[[], None]], Answer]
"""Judges items one after the other, and calls what it is given before each."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a worker needs to open one: names only, so that it travels between processes."""

    source: str
    terms: Terms
    at: datetime

    @contextmanager
    def opened(self) -> Iterator[Judge]:
        """Open trust, records and source; yield what judges items with them."""
        with self.terms.opened(self.at) as verifier, closing(open_source(self.source)) as source:
            arrival = Arrival(arrived_at=self.at)

            def judge(items: Sequence[Item], before: Callable[[], None]) -> Answer:
                began = time.monotonic()
                outcomes = []
                for item in items:
                    before()
                    outcomes.append(judge_item(item, source, verifier, arrival))
                return Answer(tuple(outcomes), time.monotonic() - began)

            yield judge


def judge_item(item: Item, source: Source, verifier: Verifier, arrival: Arrival) -> Outcome:
    """Return the result of one object, whatever it is; OutOfReachError if the source is away."""
    try:
        if item.problem is not None:
            found = examine_nothing(f"it cannot be read: {item.problem}", verifier, arrival)
        else:
            given = source.fetch(item.uri)
            if isinstance(given, Path):
                found = examine(given, verifier, arrival)
            else:
                found = examine_source(given, verifier, arrival)
    except OutOfReachError:
        raise
    except NotGivenError as error:
        return set_apart(item, error.apart, str(error), verifier.policy)
    except Exception as error:
        _logger.exception("judging failed")
        words = f"{type(error).__name__}: a defect, please report it"
        return set_apart(item, Apart.FAILED, words, verifier.policy)
    return _outcome(item, found)


def set_apart(item: Item, apart: Apart, why: str, policy: AcceptancePolicy | None) -> Outcome:
    """Return the result of an object whose content was not judged; a policy keeps it apart."""
    decision = None if policy is None else decide(policy, None, Facts())
    return _with_decision(
        Outcome(
            item.number,
            Word.NOT_CHECKED.value,
            EXIT_CODES[Word.NOT_CHECKED],
            why=f"{apart.value}: {why}",
            apart=apart,
        ),
        decision,
    )


def _outcome(item: Item, found: Examination) -> Outcome:
    verdict = found.verdict
    told = [check for check in verdict.checks if check.status in _TOLD]
    first = next((c for c in told if c.status is Status.FAIL), told[0] if told else None)
    return _with_decision(
        Outcome(
            item.number,
            verdict.word.value,
            verdict.exit_code,
            sop_instance_uid=found.sop_instance_uid,
            seal_id=None if verdict.seal_id is None else verdict.seal_id.hex(),
            codes=tuple(dict.fromkeys(check.code.value for check in told)),
            why=None if first is None else first.detail,
        ),
        found.decision,
    )


def _with_decision(outcome: Outcome, decision: Decision | None) -> Outcome:
    if decision is None:
        return outcome
    return replace(
        outcome,
        exit_code=ACTION_EXIT_CODES[decision.action],
        action=decision.action.value,
        rule=decision.rule,
    )
