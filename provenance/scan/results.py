"""What a job has found: counts, and rows in the order of their numbers, a page at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, select

from provenance.judging.verdict import NOTHING_MATCHED, Word, gravest
from provenance.policy.terms import ACTION_EXIT_CODES, Action
from provenance.scan import tables
from provenance.scan.job import Job

PAGE = 1000
_O, _J = tables.object_.c, tables.job.c


@dataclass(frozen=True, slots=True)
class Counts:
    """How many objects a job has, by what was found of them; ``waiting`` are not judged yet."""

    listed: bool
    objects: int
    waiting: int
    by_verdict: tuple[tuple[Word, int], ...]
    by_action: tuple[tuple[Action, int], ...]
    apart: int

    @property
    def done(self) -> bool:
        """Whether everything is listed and judged."""
        return self.listed and not self.waiting

    def exit_code(self, *, by_policy: bool) -> int:
        """As `radseal verify` ends over many files; what is not judged is never success."""
        if not self.objects:
            return NOTHING_MATCHED
        if by_policy:
            actions = [action for action, _ in self.by_action]
            if not self.done:
                actions.append(Action.QUARANTINE)
            return ACTION_EXIT_CODES[Action.strictest(actions)]
        words = {word for word, _ in self.by_verdict}
        return gravest(frozenset(words if self.done else words | {Word.NOT_CHECKED}))


@dataclass(frozen=True, slots=True)
class Row:
    """The result of one object."""

    number: int
    uri: str
    verdict: str | None
    exit_code: int | None
    action: str | None
    rule: str | None
    sop_instance_uid: str | None
    seal_id: str | None
    codes: str | None
    why: str | None
    apart: str | None


def count(job: Job) -> Counts:
    """Count what is there now."""
    of_job = _O.job == job.id
    with job.database.read() as connection:
        listed, objects = connection.execute(
            select(_J.listed, _J.objects).where(_J.id == job.id)
        ).one()
        found = connection.execute(
            select(_O.verdict, _O.action, _O.apart, func.count())
            .where(of_job, _O.verdict.is_not(None))
            .group_by(_O.verdict, _O.action, _O.apart)
        ).all()
    words = [(word, sum(n for v, _, _, n in found if v == word.value)) for word in Word]
    actions = [(act, sum(n for _, a, _, n in found if a == act.value)) for act in Action]
    return Counts(
        listed=bool(listed),
        objects=objects,
        waiting=objects - sum(n for *_, n in found),
        by_verdict=tuple((word, n) for word, n in words if n),
        by_action=tuple((action, n) for action, n in actions if n),
        apart=sum(n for _, _, apart, n in found if apart is not None),
    )


def page(job: Job, *, after: int = -1, limit: int = PAGE, every: bool = False) -> list[Row]:
    """Return rows with numbers above ``after``: those not AUTHENTIC, or ``every`` one.

    What is not judged yet is not AUTHENTIC.
    """
    wanted = select(
        *(_O.number, _O.uri, _O.verdict, _O.exit_code, _O.action, _O.rule),
        *(_O.sop_instance_uid, _O.seal_id, _O.codes, _O.why, _O.apart),
    ).where(_O.job == job.id, _O.number > after)
    if not every:
        wanted = wanted.where(_O.verdict.is_distinct_from(Word.AUTHENTIC.value))
    with job.database.read() as connection:
        found = connection.execute(wanted.order_by(_O.number).limit(limit)).all()
    return [Row(*each) for each in found]


def rows(job: Job, *, every: bool = False) -> Iterator[Row]:
    """Yield all of them, holding one page at a time."""
    after = -1
    while found := page(job, after=after, every=every):
        yield from found
        after = found[-1].number
