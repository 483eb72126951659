"""What rules demand and an object lacks: a seal that must be there, a signer who is accepted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ledger import Event, Role
from provenance.correcting.correction import Subject
from provenance.findings import Code
from provenance.judging.evidence import Demands, Problem
from provenance.judging.signed_by import SignedBy
from provenance.judging.verdict import Word
from provenance.policy.facts import Facts
from provenance.policy.match import Signer, candidates
from provenance.policy.policy import AcceptancePolicy, Rule


def must_seal(rule: Rule, facts: Facts) -> str | None:
    """Return why an object that fits must have been sealed; None if it need not.

    A date that is not known excuses nobody. The header's date is the sender's word, the arrival
    is the verifier's own: either suffices.
    """
    by = f'by "{rule.name}"'
    arrived, since = facts.arrival.arrived_at, rule.must_seal_ingest_since
    if since is not None and (arrived is None or arrived >= since):
        when = "at a time not known" if arrived is None else f"{arrived:%Y-%m-%d}"
        return f"{by} what arrives since {since:%Y-%m-%d} must be sealed; it arrived {when}"
    first, own = rule.must_seal_since, facts.own_date
    if first is not None and (own is None or own >= first):
        when = "no date of its own can be read" if own is None else f"it is of {own:%Y-%m-%d}"
        return f"{by} what was made since {first:%Y-%m-%d} must be sealed; {when}"
    return None


def not_accepted(rule: Rule, signed_by: SignedBy | None) -> str | None:
    """Return why the signer of a seal is not one that the rule accepts; None if it is."""
    by = f'by "{rule.name}"'
    if signed_by is None:
        return f"{by} the signer counts, and it is not known"
    if rule.signers is not None and not any(term.names(signed_by) for term in rule.signers):
        return f"{by} seals of {signed_by.name} are not accepted here"
    if signed_by.event is Event.SEALED and signed_by.role not in rule.roles:
        role = "nobody vouched for" if signed_by.role is None else f"a {signed_by.role}"
        return f"{by} seals of {role} are not accepted here"
    return None


_UNDOCUMENTED: Mapping[Subject, Word] = {
    Subject.IDENTITY: Word.HEADER_CHANGED,
    Subject.SIDE: Word.ALTERED,
    Subject.CALIBRATION: Word.ALTERED,
    Subject.OTHER: Word.HEADER_CHANGED,
}


def not_admitted(
    rule: Rule, correctors: frozenset[tuple[Subject, Role]]
) -> Iterator[tuple[Word, str]]:
    """Yield the corrections that the rule does not admit: as what they count, and why."""
    for subject, role in sorted(correctors):
        if role not in rule.correctors.get(subject, frozenset()):
            words = f'by "{rule.name}" {subject} is not corrected by the {role}'
            yield _UNDOCUMENTED[subject], words


def demands_of(
    policy: AcceptancePolicy, facts: Facts, signer: Signer, *, lacks_seal: bool
) -> Demands:
    """Return what every rule that may fit demands in vain, and whether only some do.

    ``lacks_seal``: the object has a place for a seal, and none there. Of a signer whom no authority
    vouches for nothing is said: that is refuted already.
    """
    found = candidates(policy, facts, signer)
    seals, signers = _Said(), _Said()
    if lacks_seal:
        seals = _Said(tuple(must_seal(rule, facts) for rule in found.rules))
    if isinstance(signer, SignedBy) and signer.role is not None:
        signers = _Said(tuple(not_accepted(rule, signer) for rule in found.rules))
    unclear = None
    if seals.divided or signers.divided:
        what = "it must be sealed" if seals.divided else "its signer is accepted"
        missing = " and ".join(fact.words for fact in found.missing)
        unclear = Problem(Code.RULE_UNCLEAR, f"{missing} not known: nor, then, whether {what}")
    # A gateway's seal counts where a rule says so; in doubt it does not.
    strict = (
        isinstance(signer, SignedBy)
        and signer.event is Event.SEALED
        and signer.role is not Role.DEVICE
    )
    return Demands(
        seal=seals.problem(Code.MUST_BE_SEALED),
        signer=signers.problem(Code.SIGNER_NOT_ACCEPTED, some=strict),
        unclear=unclear,
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """What each candidate says is wrong."""

    words: tuple[str | None, ...] = ()

    @property
    def divided(self) -> bool:
        return None in self.words and any(self.words)

    def problem(self, code: Code, *, some: bool = False) -> Problem | None:
        """Return the first words, if all have some; or if ``some`` do."""
        said = [each for each in self.words if each is not None]
        if not said or (len(said) < len(self.words) and not some):
            return None
        return Problem(code, said[0])
