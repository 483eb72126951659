"""A policy as it was read: rules in their order, and the defaults behind them. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

from ledger import Role
from provenance.correcting.correction import Subject
from provenance.judging.depth import Depth
from provenance.judging.signed_by import SignedBy
from provenance.judging.verdict import Verdict, Word
from provenance.policy.facts import Fact, Facts
from provenance.policy.terms import CORRECTING_ROLES, FLOORS, Action

if TYPE_CHECKING:
    from provenance.policy.decide import Decision

DEFAULTS = "defaults"
_CERTIFICATE, _KEY = "sha256:", "key:"


@dataclass(frozen=True, slots=True)
class SignerTerm:
    """One way to name a signer: a common name, or the SHA-256 of certificate or public key."""

    text: str

    def names(self, signed_by: SignedBy) -> bool:
        """Whether this is who signed."""
        if self.text.startswith(_CERTIFICATE):
            return self.text == _CERTIFICATE + signed_by.certificate.hex()
        if self.text.startswith(_KEY):
            return self.text == _KEY + signed_by.key.hex()
        return self.text == signed_by.name


@dataclass(frozen=True, slots=True)
class Condition:
    """A fact, and the values of which it must be one; all are folded already."""

    fact: Fact
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is asked of the objects that fit; ``signers`` None is whom the trust folder vouches for.

    The defaults are a rule without conditions. A word without an action is quarantined; what a
    correction is about is corrected by nobody, if ``correctors`` do not say by whom.
    """

    name: str
    conditions: tuple[Condition, ...] = ()
    actions: Mapping[Word, Action] = field(default_factory=dict, hash=False)
    signers: tuple[SignerTerm, ...] | None = None
    roles: frozenset[Role] = frozenset({Role.DEVICE})
    must_seal_since: date | None = None
    must_seal_ingest_since: datetime | None = None
    require_attestation: bool = False
    depth: Depth = Depth.MARK
    correctors: Mapping[Subject, frozenset[Role]] = field(
        default_factory=lambda: dict.fromkeys(Subject, CORRECTING_ROLES), hash=False
    )

    def action(self, word: Word) -> Action:
        """Return what is done with a verdict; some words have a floor, whoever built the rule."""
        written = self.actions.get(word, Action.QUARANTINE)
        return Action.strictest((written, FLOORS.get(word, Action.ACCEPT)))


@dataclass(frozen=True, slots=True)
class AcceptancePolicy:
    """What a PACS asks of objects; `provenance.load_policy` reads one, and refuses a faulty one."""

    rules: tuple[Rule, ...]
    defaults: Rule = Rule(DEFAULTS)

    def decide(self, verdict: Verdict | None, facts: Facts) -> "Decision":
        """Return what to do with an object. Never raises, never fails open."""
        from provenance.policy.decide import decide

        return decide(self, verdict, facts)
