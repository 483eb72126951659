"""What a valid policy leaves open, for those who write it: warnings and notes, never errors."""

from provenance.judging.verdict import Word
from provenance.policy.facts import Fact
from provenance.policy.flaw import Gravity, Place
from provenance.policy.overlap import find_overlaps
from provenance.policy.policy import AcceptancePolicy, Rule
from provenance.policy.terms import Action
from provenance.policy.values import Reading

MAX_OVERLAPS = 20
_SENDERS_WORD = "the sender writes what the rule asks for"


def advise(policy: AcceptancePolicy, reading: Reading) -> None:
    """Note what somebody could use, and where the order of the rules decides."""
    for number, rule in enumerate(policy.rules):
        _advise(rule, policy.defaults, ("rules", number), reading)
    _advise(policy.defaults, policy.defaults, ("defaults",), reading)
    overlaps = list(find_overlaps(policy.rules))
    for earlier, later in overlaps[:MAX_OVERLAPS]:
        one, other = policy.rules[earlier].name, policy.rules[later].name
        says = f'an object can fit both "{one}" and "{other}": "{one}" decides, as it comes first'
        reading.flaw(("rules", later), says, gravity=Gravity.NOTE)
    if len(overlaps) > MAX_OVERLAPS:
        says = f"and {len(overlaps) - MAX_OVERLAPS} more pairs of rules overlap"
        reading.flaw(("rules",), says, gravity=Gravity.NOTE)


def _advise(rule: Rule, defaults: Rule, place: Place, reading: Reading) -> None:
    def warn(says: str, do: str) -> None:
        reading.flaw(place, f'"{rule.name}": {says}', do, Gravity.WARNING)

    unsealed, stripped = rule.action(Word.UNSEALED), rule.action(Word.STRIPPED)
    from_afar = not any(each.fact is Fact.SIGNER for each in rule.conditions)
    for word in (Word.UNSEALED, Word.UNREADABLE):
        laxer = rule.action(word).lets_in and not defaults.action(word).lets_in
        if laxer and from_afar:
            warn(f"what is {word} is let in, and {_SENDERS_WORD}", "nothing here proves the sender")
    if Action.strictest((unsealed, stripped)) is not stripped:
        warn("what is STRIPPED is treated better than what is UNSEALED", "")
    if rule.action(Word.UNTRUSTED).lets_in and rule.signers is not None:
        warn("what is UNTRUSTED is let in, so the list of signers keeps nothing out", "")
    if rule.must_seal_since is not None and rule.must_seal_ingest_since is None:
        warn(
            "an object dated back needs no seal: the date is the sender's word",
            "set must_seal_ingest_since as well",
        )
