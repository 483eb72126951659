"""Rules that never decide, since earlier ones fit wherever they do; rules that overlap. Pure."""

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod

from provenance.policy.facts import Fact
from provenance.policy.policy import Rule

MAX_COMBINATIONS = 10_000
_Values = dict[Fact, frozenset[str]]


def find_unreachable(rules: Sequence[Rule]) -> Iterator[tuple[int, str]]:
    """Yield the number of each rule that never decides, and why."""
    tables = [_values(rule) for rule in rules]
    for number, own in enumerate(tables):
        earlier = [
            (rule.name, values)
            for rule, values in zip(rules[:number], tables[:number], strict=True)
            if values.keys() <= own.keys() and _meet(values, own)
        ]
        covering = _covering(own, earlier)
        if covering:
            names = ", ".join(f'"{name}"' for name in covering)
            yield number, f'"{rules[number].name}" never decides: {names} fit wherever it does'


def find_overlaps(rules: Sequence[Rule]) -> Iterator[tuple[int, int]]:
    """Yield each pair of rules that both may fit an object and ask for the same facts."""
    tables = [_values(rule) for rule in rules]
    for later, own in enumerate(tables):
        for earlier, other in enumerate(tables[:later]):
            if own.keys() & other.keys() and _meet(own, other):
                yield earlier, later


def _covering(own: _Values, earlier: list[tuple[str, _Values]]) -> tuple[str, ...]:
    """Return the names of the rules that together fit wherever ``own`` does; else nothing."""
    for name, values in earlier:
        if all(own[fact] <= each for fact, each in values.items()):
            return (name,)
    facts = sorted({fact for _, values in earlier for fact in values})
    if not facts or prod(len(own[fact]) for fact in facts) > MAX_COMBINATIONS:
        return ()
    used: set[str] = set()
    for combination in product(*(sorted(own[fact]) for fact in facts)):
        said = dict(zip(facts, combination, strict=True))
        fits = [n for n, values in earlier if all(said[f] in each for f, each in values.items())]
        if not fits:
            return ()
        used.add(fits[0])
    return tuple(name for name, _ in earlier if name in used)


def _meet(one: _Values, other: _Values) -> bool:
    return all(one[fact] & other[fact] for fact in one.keys() & other.keys())


def _values(rule: Rule) -> _Values:
    return {each.fact: each.values for each in rule.conditions}
