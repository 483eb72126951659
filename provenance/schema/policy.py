"""Decisions and flaws of an acceptance policy as JSON values, the same in every answer."""

from provenance.policy.decide import Decision
from provenance.policy.flaw import Flaw


def decision_fields(decision: Decision) -> dict[str, object]:
    """Return a decision: ``policy`` of an object in `radseal/verify/1`."""
    return {
        "action": decision.action.value,
        "rule": decision.rule,
        "reasons": list(decision.reasons),
        "may_fit": list(decision.may_fit),
    }


def flaw_fields(flaw: Flaw) -> dict[str, object]:
    """Return what is wrong with a policy file."""
    return {
        "gravity": flaw.gravity.value,
        "place": flaw.place,
        "line": flaw.line,
        "says": flaw.says,
        "do": flaw.do,
    }
