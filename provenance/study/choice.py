"""Which of several closings to compare with: a ledger's, or those of Key Objects. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from provenance.findings import Code
from provenance.judging.verdict import Status
from provenance.study.closings import Closings, untrusted
from provenance.study.verdict import Finding

_NOT_HELD = "the ledger that was asked does not hold this closing"


def choose(asked: Closings | None, carried: Sequence[Closings]) -> Closings:
    """Return the closing to compare with: what a ledger says beats what is at hand.

    ``asked`` is None when no ledger was asked. A Key Object helps a ledger that has the statement
    and keeps its manifest no more, and one that need not know it: it was logged elsewhere.
    """
    said = tuple(finding for each in carried for finding in each.findings)
    opened = [each for each in carried if each.closing is not None]
    if asked is None:
        return _newest(opened, said, closed=bool(carried))
    if asked.leaf_hash is None:
        elsewhere = [e for e in opened if e.log_index is not None and e.origin != asked.origin]
        if elsewhere:
            return _newest(elsewhere, (*asked.findings, *said), closed=True)
        unknown = (untrusted(f"{each.source}: {_NOT_HELD}") for each in opened)
        answer = asked.saying(*said, *unknown)
        return replace(answer, closed=answer.closed or bool(carried))
    others = [each for each in opened if each.leaf_hash != asked.leaf_hash]
    answer = asked.saying(*said, *(_compare(each, asked) for each in others))
    same = next((each for each in opened if each.leaf_hash == asked.leaf_hash), None)
    if asked.closing is None and same is not None:
        kept = tuple(f for f in answer.findings if f.code is not Code.CLOSING_NOT_KEPT)
        return replace(answer, closing=same.closing, source=same.source, findings=kept)
    return answer


def _newest(opened: Sequence[Closings], said: tuple[Finding, ...], *, closed: bool) -> Closings:
    chosen = max(opened, key=_age, default=None)
    if chosen is None:
        return Closings(closed=closed, findings=said)
    older = (each for each in opened if each.leaf_hash != chosen.leaf_hash)
    return replace(chosen, findings=(*said, *(_superseded(each, chosen) for each in older)))


def _age(each: Closings) -> tuple[bool, int]:
    assert each.closing is not None
    link = each.closing.statement.object_link
    if each.log_index is not None:
        return True, each.log_index
    return False, link.seq if link else 0


def _compare(each: Closings, asked: Closings) -> Finding:
    """Say what a Key Object of another closing means beside the newest that the ledger holds."""
    same_log = each.origin == asked.origin and each.log_index is not None
    if same_log and (each.log_index or 0) > (asked.log_index or 0):
        detail = f"its receipt proves entry {each.log_index}, which the ledger does not show"
        return Finding(Status.FAIL, Code.CLOSING_NOT_LOGGED, f"{each.source}: {detail}")
    return _superseded(each, asked)


def _superseded(each: Closings, by: Closings) -> Finding:
    entry = "one that no receipt proves" if by.log_index is None else f"entry {by.log_index}"
    detail = f"{each.source} holds another closing than the newest; compared with {entry}"
    return Finding(Status.WARN, Code.CLOSING_SUPERSEDED, detail)
