"""From policy, verdict and facts to what is done: pure, and closed where something is missing."""

import logging
from dataclasses import dataclass

from provenance.findings import Code
from provenance.judging.verdict import Status, Verdict, Word
from provenance.policy.demands import must_seal, not_accepted, not_admitted
from provenance.policy.facts import Facts
from provenance.policy.match import Candidates, Signer, Unsigned, candidates
from provenance.policy.policy import AcceptancePolicy, Rule
from provenance.policy.terms import Action

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done with an object, by which rule, and why, in words.

    ``may_fit`` names the other rules that may have been meant, where facts were missing.
    """

    action: Action
    rule: str | None
    reasons: tuple[str, ...]
    may_fit: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Weighed:
    """What one rule says of an object."""

    rule: Rule
    action: Action
    reasons: tuple[str, ...]


def decide(policy: AcceptancePolicy | None, verdict: Verdict | None, facts: Facts) -> Decision:
    """Return what to do with an object; quarantine where there is no policy or no verdict.

    Never raises: a defect in here keeps the object apart, and is logged.
    """
    if policy is None:
        return Decision(Action.QUARANTINE, None, ("no policy could be read",))
    if verdict is None:
        return Decision(Action.QUARANTINE, None, ("there is no verdict",))
    try:
        return _decide(policy, verdict, facts)
    except Exception as error:
        _logger.exception("deciding failed")
        reason = f"deciding failed ({type(error).__name__}): a defect, please report it"
        return Decision(Action.QUARANTINE, None, (reason,))


def _decide(policy: AcceptancePolicy, verdict: Verdict, facts: Facts) -> Decision:
    found = candidates(policy, facts, signer_of(verdict))
    return settle(found, tuple(weigh(rule, verdict, facts) for rule in found.rules))


def settle(found: Candidates, weighed: tuple[Weighed, ...]) -> Decision:
    """Return the decision that all candidates allow."""
    action = Action.agreed(each.action for each in weighed)
    if all(each.action is action for each in weighed):
        fits, others = weighed[-1], tuple(each.rule.name for each in weighed[:-1])
        return Decision(action, fits.rule.name, fits.reasons, others)
    strictest = Action.strictest(each.action for each in weighed)
    chosen = next(each for each in weighed if each.action is strictest)
    others = tuple(each.rule.name for each in weighed if each is not chosen)
    missing = " and ".join(fact.words for fact in found.missing)
    doubt = f"{missing} not known, so {len(weighed)} rules may fit: what all of them allow is done"
    return Decision(action, chosen.rule.name, (doubt, *chosen.reasons), others)


def weigh(rule: Rule, verdict: Verdict, facts: Facts) -> Weighed:
    """Return what a rule that fits says of an object (docs/spec/acceptance-policy.md)."""
    words = [verdict.word]
    reasons = [f"the verdict is {verdict.word}", *_demanded(verdict)]
    if _no_seal(verdict):
        due = must_seal(rule, facts)
        if due is not None:
            words.append(Word.STRIPPED)
            reasons.append(due)
    if verdict.seal_id is not None:
        problem = not_accepted(rule, verdict.signed_by)
        if problem is not None:
            words.append(Word.UNTRUSTED)
            reasons.append(problem)
    for counts_as, problem in not_admitted(rule, verdict.correctors):
        words.append(counts_as)
        reasons.append(problem)
    action = Action.strictest(map(rule.action, words))
    shallow = _too_shallow(rule, verdict)
    if action.lets_in and shallow is not None:
        action = Action.strictest((action, rule.action(Word.NOT_CHECKED)))
        reasons.append(shallow)
    if rule.require_attestation and verdict.seal_id is not None and not attested(verdict):
        action = Action.strictest((action, Action.QUARANTINE))
        reasons.append("nobody whose word counts has attested it")
    return Weighed(rule, action, tuple(dict.fromkeys(reasons)))


def signer_of(verdict: Verdict) -> Signer:
    """Return who sealed, as far as the verdict tells."""
    if verdict.signed_by is not None:
        return verdict.signed_by
    return Unsigned.NO_SEAL if _no_seal(verdict) and verdict.seal_id is None else Unsigned.UNKNOWN


def attested(verdict: Verdict) -> bool:
    """Whether an attestation counts."""
    return any(c.code is Code.ATTESTED and c.status is Status.PASS for c in verdict.checks)


def _no_seal(verdict: Verdict) -> bool:
    """Whether the object came without a seal, and nobody knows of one."""
    if verdict.word is Word.NOT_CHECKED:
        return verdict.seal_id is None
    return verdict.word is Word.UNSEALED


def _demanded(verdict: Verdict) -> tuple[str, ...]:
    """Return what the policy has done to the verdict already."""
    codes = (Code.MUST_BE_SEALED, Code.SIGNER_NOT_ACCEPTED)
    return tuple(check.detail for check in verdict.checks if check.code in codes)


def _too_shallow(rule: Rule, verdict: Verdict) -> str | None:
    if verdict.word is Word.UNREADABLE:
        return None
    if verdict.depth is not None and verdict.depth.reaches(rule.depth):
        return None
    looked = "not as deep" if verdict.depth is None else f"only as deep as {verdict.depth}"
    return f"the rule asks for the depth {rule.depth}, and it was looked {looked}"
