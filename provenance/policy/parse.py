"""From the bytes of a policy file to a policy, strictly; all that is wrong is told at once."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace

from ledger import Role
from provenance.correcting.correction import Subject
from provenance.errors import PolicyError
from provenance.judging.depth import Depth
from provenance.judging.verdict import Word
from provenance.policy.advice import advise
from provenance.policy.depth_of_keys import MAX_PARTS, too_deep
from provenance.policy.facts import Fact
from provenance.policy.flaw import Flaw, Gravity, Place
from provenance.policy.fold import fold
from provenance.policy.lines import find_lines
from provenance.policy.overlap import find_unreachable
from provenance.policy.policy import DEFAULTS, AcceptancePolicy, Condition, Rule, SignerTerm
from provenance.policy.terms import CORRECTING_ROLES, FLOORS, SEALING_ROLES, WORD_KEYS, Action
from provenance.policy.values import MAX_NAME, Reading

VERSION = 1
MAX_FILE = 262_144
MAX_RULES = 1_000
MAX_TITLE = 16
_TOP = ("version", "defaults", "rules")
_TERMS = (
    "actions",
    "signers",
    "roles",
    "must_seal_since",
    "must_seal_ingest_since",
    "require_attestation",
    "depth",
    "correctors",
)
_RULE = ("name", "match", *_TERMS)
_TITLES = frozenset({Fact.CALLING_AE, Fact.CALLED_AE})
_ACTIONS: Mapping[str, Action] = {action.value: action for action in Action}
_DEPTHS: Mapping[str, Depth] = {depth.value: depth for depth in Depth}
_ROLES: Mapping[str, Role] = {role.value: role for role in SEALING_ROLES}
_CORRECTING: Mapping[str, Role] = {role.value: role for role in sorted(CORRECTING_ROLES)}
_SUBJECTS: Mapping[str, Subject] = {subject.value: subject for subject in Subject}
_ANY, _NOBODY = "any", "nobody"


def parse_acceptance_policy(data: bytes) -> AcceptancePolicy:
    """Return the policy that a file holds; PolicyError with every flaw of a faulty one."""
    policy, flaws = examine_policy(data)
    errors = tuple(flaw for flaw in flaws if flaw.gravity is Gravity.ERROR)
    if policy is None or errors:
        raise PolicyError(errors)
    return policy


def examine_policy(data: bytes) -> tuple[AcceptancePolicy | None, tuple[Flaw, ...]]:
    """Return the policy, None if it is faulty, and all that is to be said about the file."""
    if len(data) > MAX_FILE:
        says = f"{len(data)} bytes, where {MAX_FILE} are allowed"
        return None, (Flaw(Gravity.ERROR, "", None, says),)
    try:
        text = data.decode("utf-8")
        deep = too_deep(text)
        if deep is not None:
            says = f"a key of more than {MAX_PARTS} parts"
            return None, (Flaw(Gravity.ERROR, "", deep, says),)
        document = tomllib.loads(text)
    except (ValueError, RecursionError, OverflowError) as error:
        words = "nested too deep" if isinstance(error, RecursionError) else str(error)
        return None, (Flaw(Gravity.ERROR, "", None, f"this is no TOML: {words}"),)
    reading = Reading(find_lines(text))
    policy = _policy(document, reading)
    if any(flaw.gravity is Gravity.ERROR for flaw in reading.flaws):
        return None, reading.sorted()
    for number, says in find_unreachable(policy.rules):
        reading.flaw(("rules", number), says, "put it before them, or leave it out")
    if not reading.flaws:
        advise(policy, reading)
    faulty = any(flaw.gravity is Gravity.ERROR for flaw in reading.flaws)
    return None if faulty else policy, reading.sorted()


def _policy(document: Mapping[str, object], reading: Reading) -> AcceptancePolicy:
    reading.known(document, (), _TOP)
    version = document.get("version")
    if type(version) is not int or version != VERSION:
        reading.flaw(("version",), f"version = {VERSION} is expected", "no other is known")
    place: Place = ("defaults",)
    table = reading.table(document.get("defaults", {}), place)
    reading.known(table, place, _TERMS)
    defaults = _terms(Rule(DEFAULTS), table, place, reading)
    rules = document.get("rules", [])
    if not isinstance(rules, list) or len(rules) > MAX_RULES:
        reading.flaw(("rules",), f"at most {MAX_RULES} tables are expected", "[[rules]]")
        rules = []
    found = [_rule(each, ("rules", n), defaults, reading) for n, each in enumerate(rules)]
    seen = {DEFAULTS}
    for number, rule in enumerate(found):
        if rule.name in seen:
            reading.flaw(("rules", number, "name"), f"the name {rule.name} is taken already")
        seen.add(rule.name)
    return AcceptancePolicy(tuple(found), defaults)


def _rule(value: object, place: Place, defaults: Rule, reading: Reading) -> Rule:
    table = reading.table(value, place)
    reading.known(table, place, _RULE)
    name = reading.text(table.get("name", ""), (*place, "name"), MAX_NAME)
    conditions = _conditions(table.get("match", {}), (*place, "match"), reading)
    named = replace(defaults, name=name or f"rule {place[-1]}", conditions=conditions)
    rule = _terms(named, table, place, reading)
    if any(each.fact is Fact.SIGNER for each in conditions):
        for key in ("must_seal_since", "must_seal_ingest_since"):
            if key in table and table[key] != "never":
                says = "an object without a seal has no signer, so this never applies"
                reading.flaw((*place, key), says, "match by sender or device instead")
        rule = replace(rule, must_seal_since=None, must_seal_ingest_since=None)
    return rule


def _conditions(value: object, place: Place, reading: Reading) -> tuple[Condition, ...]:
    table = reading.table(value, place)
    reading.known(table, place, tuple(fact.value for fact in Fact))
    if not table:
        says = "a rule needs a condition"
        reading.flaw(place, says, "what holds for everything belongs into [defaults]")
    found = []
    for fact in Fact:
        if fact.value not in table:
            continue
        here = (*place, fact.value)
        if fact is Fact.SIGNER:
            values = reading.signers(table[fact.value], here)
        else:
            title = MAX_TITLE if fact in _TITLES else MAX_NAME
            values = reading.texts(table[fact.value], here, title)
        if values is not None:
            found.append(Condition(fact, frozenset(fold(fact, each) for each in values)))
    return tuple(found)


def _terms(base: Rule, table: Mapping[str, object], place: Place, reading: Reading) -> Rule:
    """Return ``base`` with what the table says; the rest stays."""
    rule = base
    if "actions" in table:
        rule = replace(rule, actions=_actions(base, table["actions"], (*place, "actions"), reading))
    if "signers" in table:
        rule = replace(rule, signers=_signers(table["signers"], (*place, "signers"), reading))
    if "roles" in table:
        here = (*place, "roles")
        names = reading.texts(table["roles"], here) or ()
        roles = [reading.choice(name, here, _ROLES) for name in names]
        rule = replace(rule, roles=frozenset(role for role in roles if role is not None))
    if "must_seal_since" in table:
        day = reading.day(table["must_seal_since"], (*place, "must_seal_since"))
        rule = replace(rule, must_seal_since=day)
    if "must_seal_ingest_since" in table:
        here = (*place, "must_seal_ingest_since")
        moment = reading.moment(table["must_seal_ingest_since"], here)
        rule = replace(rule, must_seal_ingest_since=moment)
    if "require_attestation" in table:
        flag = reading.flag(table["require_attestation"], (*place, "require_attestation"))
        rule = replace(rule, require_attestation=flag is not False)
    if "depth" in table:
        depth = reading.choice(table["depth"], (*place, "depth"), _DEPTHS)
        rule = replace(rule, depth=depth or Depth.MARK)
    if "correctors" in table:
        here = (*place, "correctors")
        rule = replace(rule, correctors=_correctors(base, table["correctors"], here, reading))
    if rule.require_attestation and rule.depth is Depth.SEAL:
        says = "attestations are in the ledger: at the depth seal none is ever found"
        reading.flaw((*place, "depth"), says, 'depth = "ledger"')
    return rule


def _signers(value: object, place: Place, reading: Reading) -> tuple[SignerTerm, ...] | None:
    if value == _ANY:
        return None
    return tuple(SignerTerm(text) for text in reading.signers(value, place) or ())


def _correctors(
    base: Rule, value: object, place: Place, reading: Reading
) -> dict[Subject, frozenset[Role]]:
    table = reading.table(value, place)
    reading.known(table, place, tuple(_SUBJECTS))
    found = dict(base.correctors)
    for key, subject in _SUBJECTS.items():
        if key not in table:
            continue
        here = (*place, key)
        names = () if table[key] == _NOBODY else reading.texts(table[key], here) or ()
        roles = [reading.choice(name, here, _CORRECTING) for name in names]
        found[subject] = frozenset(role for role in roles if role is not None)
    return found


def _actions(base: Rule, value: object, place: Place, reading: Reading) -> dict[Word, Action]:
    table = reading.table(value, place)
    reading.known(table, place, tuple(WORD_KEYS))
    found = dict(base.actions)
    for key, word in WORD_KEYS.items():
        if key not in table:
            continue
        here = (*place, key)
        action = reading.choice(table[key], here, _ACTIONS)
        if action is None:
            continue
        floor = FLOORS.get(word, Action.ACCEPT)
        if Action.strictest((action, floor)) is not action:
            reading.flaw(here, f"what is {word} is at least {floor}", _FLOOR_WHY[word])
        elif word is Word.UNREADABLE and action.lets_in and base.name == DEFAULTS:
            reading.flaw(here, "only a rule can let in what is UNREADABLE", "for one kind")
        found[word] = action
    return found


_FLOOR_WHY: Mapping[Word, str] = {
    Word.ALTERED: "a person may release it from quarantine",
    Word.UNREADABLE: "nobody has seen what is in it",
}
