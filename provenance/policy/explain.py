"""What a policy would do with an object of given facts, for every verdict; pure."""

from dataclasses import dataclass, replace

from ledger import Role
from provenance.findings import Code
from provenance.judging.depth import Depth
from provenance.judging.signed_by import SignedBy
from provenance.judging.verdict import GRAVEST_FIRST, Check, Outcome, Status, Verdict, Word
from provenance.policy.decide import Decision, settle, weigh
from provenance.policy.facts import Facts
from provenance.policy.match import Candidates, Unsigned, candidates
from provenance.policy.policy import AcceptancePolicy, Rule
from provenance.policy.terms import CORRECTING_ROLES

_SEALED = frozenset(
    {
        Word.AUTHENTIC,
        Word.CORRECTED,
        Word.HEADER_CHANGED,
        Word.DERIVED,
        Word.UNTRUSTED,
        Word.ALTERED,
        Word.STRIPPED,
        Word.NOT_CHECKED,
    }
)
_ID = bytes(12)
_ATTESTED = Check("attested", Status.PASS, Code.ATTESTED, "supposed")


@dataclass(frozen=True, slots=True)
class Row:
    """What would be done with an object of one verdict."""

    word: Word
    decision: Decision


def explain_policy(
    policy: AcceptancePolicy,
    facts: Facts,
    *,
    words: tuple[Word, ...] = tuple(reversed(GRAVEST_FIRST)),
    signer: str | None = None,
) -> tuple[Row, ...]:
    """Return what would be done, verdict by verdict.

    ``signer`` is a signer term, for whom an authority vouches as a device. Without one, who sealed
    is taken to be accepted by each rule. What else a rule asks of a sealed object, that it is
    attested and was looked at as deep, is taken to be so.
    """
    return tuple(Row(word, _decision(policy, facts, word, signer)) for word in words)


def possible_rules(policy: AcceptancePolicy, facts: Facts, signer: str | None) -> Candidates:
    """Return the rules that may fit an object whose seal can be read, or is of nobody named."""
    return candidates(policy, facts, Unsigned.UNKNOWN if signer is None else _named(signer))


def terms_of(rule: Rule) -> tuple[str, ...]:
    """Return what a rule asks beside the verdict, in plain words."""
    signers = "anyone the trust folder vouches for"
    if rule.signers is not None:
        signers = " or ".join(term.text for term in rule.signers)
    roles = " or ".join(sorted(rule.roles))
    found = [f"sealed by {signers}, as {roles}", f"looked at to the depth {rule.depth}"]
    if rule.must_seal_since is not None:
        found.append(f"what was made since {rule.must_seal_since} must be sealed, by its own date")
    if rule.must_seal_ingest_since is not None:
        found.append(
            f"what arrives since {rule.must_seal_ingest_since:%Y-%m-%d %H:%MZ} must be, too"
        )
    for subject, admitted in rule.correctors.items():
        if admitted != CORRECTING_ROLES:
            who = " or ".join(sorted(admitted)) or "nobody"
            found.append(f"{subject} may be corrected by {who} alone")
    if rule.require_attestation:
        found.append("what is sealed must be attested by a person")
    return tuple(found)


def _decision(policy: AcceptancePolicy, facts: Facts, word: Word, signer: str | None) -> Decision:
    sealed = word in _SEALED
    if signer is not None and sealed:
        found = candidates(policy, facts, _named(signer))
    elif word is Word.UNSEALED:
        found = candidates(policy, facts, Unsigned.NO_SEAL)
    else:
        found = candidates(policy, facts, Unsigned.UNKNOWN)
    weighed = []
    for rule in found.rules:
        signed_by = (_accepted(rule) if signer is None else _named(signer)) if sealed else None
        weighed.append(weigh(rule, _supposed(word, signed_by), facts))
    return settle(found, tuple(weighed))


def _supposed(word: Word, signed_by: SignedBy | None) -> Verdict:
    return Verdict(
        word=word,
        integrity=Outcome.UNKNOWN,
        trust=Outcome.UNKNOWN,
        custody=Outcome.UNKNOWN,
        checks=(_ATTESTED,),
        seal_id=_ID if signed_by is not None else None,
        signed_by=signed_by,
        depth=Depth.MARK,
    )


def _accepted(rule: Rule) -> SignedBy:
    """Return somebody whom a rule accepts."""
    signed_by = _named(rule.signers[0].text if rule.signers else "")
    return replace(signed_by, role=min(rule.roles, default=Role.DEVICE))


def _named(term: str) -> SignedBy:
    """Return somebody whom a signer term names."""
    prefix, _, digits = term.partition(":")
    if prefix in ("sha256", "key"):
        try:
            named = bytes.fromhex(digits)
        except ValueError:
            named = b""
        return SignedBy("", *((named, b"") if prefix == "sha256" else (b"", named)), Role.DEVICE)
    return SignedBy(term, b"", b"", Role.DEVICE)
