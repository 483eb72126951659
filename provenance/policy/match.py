"""Which rules may decide about an object: pure, with three answers where facts are missing."""

from dataclasses import dataclass
from enum import Enum, auto

from provenance.judging.signed_by import SignedBy
from provenance.policy.facts import Fact, Facts
from provenance.policy.fold import fold
from provenance.policy.policy import AcceptancePolicy, Condition, Rule, SignerTerm


class Fit(Enum):
    """Whether a rule fits an object. Not known is not no."""

    YES = auto()
    MAYBE = auto()
    NO = auto()


class Unsigned(Enum):
    """Why there is no signer: nothing was sealed, or it cannot be told by whom."""

    NO_SEAL = auto()
    UNKNOWN = auto()


Signer = SignedBy | Unsigned


@dataclass(frozen=True, slots=True)
class Candidates:
    """The rules that may decide, in their order, and the facts that would tell which."""

    rules: tuple[Rule, ...]
    missing: tuple[Fact, ...]


def candidates(policy: AcceptancePolicy, facts: Facts, signer: Signer) -> Candidates:
    """Return every rule that may be the first to fit; the defaults always fit."""
    found: list[Rule] = []
    missing: dict[Fact, None] = {}
    for rule in (*policy.rules, policy.defaults):
        unknown = _unknown(rule, facts, signer)
        if unknown is None:
            continue
        found.append(rule)
        if not unknown:
            break
        missing.update(dict.fromkeys(unknown))
    return Candidates(tuple(found), tuple(missing))


def fit(rule: Rule, facts: Facts, signer: Signer) -> Fit:
    """Return whether a rule fits."""
    unknown = _unknown(rule, facts, signer)
    if unknown is None:
        return Fit.NO
    return Fit.MAYBE if unknown else Fit.YES


def _unknown(rule: Rule, facts: Facts, signer: Signer) -> tuple[Fact, ...] | None:
    """Return the facts that are missing to say that the rule fits; None if it does not."""
    fits = {each.fact: _meets(each, facts, signer) for each in rule.conditions}
    if Fit.NO in fits.values():
        return None
    return tuple(fact for fact, met in fits.items() if met is Fit.MAYBE)


def _meets(condition: Condition, facts: Facts, signer: Signer) -> Fit:
    if condition.fact is Fact.SIGNER:
        return _signed(condition, signer)
    text = facts.text(condition.fact)
    said = None if text is None else fold(condition.fact, text)
    if not said:
        return Fit.MAYBE
    return Fit.YES if said in condition.values else Fit.NO


def _signed(condition: Condition, signer: Signer) -> Fit:
    if signer is Unsigned.NO_SEAL:
        return Fit.NO
    if signer is Unsigned.UNKNOWN or signer.role is None:
        return Fit.MAYBE  # whom nobody vouches for can bear any name
    named = any(SignerTerm(text).names(signer) for text in condition.values)
    return Fit.YES if named else Fit.NO
