"""The policy file: vectors of docs/spec/acceptance-policy.md, lines, advice, hostile files."""

import importlib.util
import json
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger import Role
from provenance import PolicyError, UsageError, Word, load_policy
from provenance.judging.depth import Depth
from provenance.policy.example import example_policy
from provenance.policy.facts import Fact
from provenance.policy.flaw import Gravity
from provenance.policy.parse import MAX_FILE, MAX_RULES, examine_policy, parse_acceptance_policy
from provenance.policy.terms import WORD_KEYS, Action

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "acceptance-policy"
FAULTY = sorted(VECTORS.glob("*_fail.toml"))
GOOD = sorted((VECTORS / "good").glob("*.toml"))
assert FAULTY
assert GOOD


def errors(data: bytes) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_acceptance_policy(data)
    assert all(flaw.gravity is Gravity.ERROR for flaw in caught.value.flaws)
    return [f"{flaw.place}: {flaw.says}" for flaw in caught.value.flaws]


@pytest.mark.parametrize("path", FAULTY, ids=lambda path: path.stem)
def test_a_faulty_policy_says_all_that_is_wrong(path: Path) -> None:
    data = path.read_bytes()
    told = [line[3:] for line in data.decode().splitlines() if line.startswith("#! ")]
    assert told
    assert errors(data) == told


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", VECTORS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_policy_decides_as_it_did(path: Path) -> None:
    frozen = json.loads((VECTORS / "decisions.json").read_text(encoding="utf-8"))
    found = generator().decided(path.stem)
    wanted = frozen[path.stem]
    assert len(wanted) > 200
    assert {key: found[key] for key in wanted} == wanted


def test_what_is_read() -> None:
    policy = parse_acceptance_policy(
        b"""version = 1
[defaults]
depth = "ledger"
signers = ["CT 7"]
must_seal_since = 2026-01-01
[defaults.actions]
unsealed = "tag"
stripped = "refuse"
[[rules]]
name = "a"
match = {manufacturer = ["ACME  Medical"], calling_ae = [" CT7 "]}
roles = ["gateway"]
must_seal_since = "never"
must_seal_ingest_since = 2026-03-01T01:00:00+01:00
signers = "any"
actions.unsealed = "accept"
"""
    )
    (rule,) = policy.rules
    values = {each.fact: each.values for each in rule.conditions}
    assert values == {Fact.MANUFACTURER: {"acme medical"}, Fact.CALLING_AE: {"CT7"}}
    assert rule.roles == {Role.GATEWAY}
    assert rule.must_seal_since is None
    assert rule.must_seal_ingest_since == datetime(2026, 3, 1, tzinfo=UTC)
    assert rule.signers is None
    assert rule.depth is Depth.LEDGER  # of the defaults
    assert rule.action(Word.UNSEALED) is Action.ACCEPT
    assert rule.action(Word.STRIPPED) is Action.REFUSE
    assert rule.action(Word.AUTHENTIC) is Action.QUARANTINE
    assert policy.defaults.must_seal_since == date(2026, 1, 1)
    assert policy.defaults.roles == {Role.DEVICE}
    assert [term.text for term in policy.defaults.signers or ()] == ["CT 7"]


def test_every_word_has_a_key() -> None:
    assert set(WORD_KEYS.values()) == set(Word)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("[defaults]\nrequire_atestation = true", "require_attestation"),
        ("[defaults]\nmust-seal-since = 2026-01-01", "must_seal_since"),
        ('[defaults.actions]\n"HEADER CHANGED" = "tag"', "header_changed"),
        ('[defaults.actions]\nauthentic = "quarantined"', "quarantine"),
        ('[[rules]]\nname = "a"\nmatch.modalities = ["CT"]', "modality"),
    ],
)
def test_the_nearest_name_is_told(typed: str, meant: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_acceptance_policy(f"version = 1\n{typed}\n".encode())
    assert f"did you mean {meant}?" in [flaw.do for flaw in caught.value.flaws]


def test_lines_are_told_where_they_are_known() -> None:
    text = '''version = 1  # the first

[defaults]
# depth = "seal"
depth = "sea"
[defaults.actions]
"x y" = 1
[[rules]]
name = """
depth = 5
"""
[[rules]]
name = "b"
  [rules.match]
  modality = ["CT"]
  colour = ["red"]
[[rules]]
name = "c"
match = {modality = [""]}
'''
    with pytest.raises(PolicyError) as caught:
        parse_acceptance_policy(text.encode())
    lines = {flaw.place: flaw.line for flaw in caught.value.flaws}
    assert lines == {
        "defaults.depth": 5,
        "defaults.actions.x y": 7,
        "rules[1].name": 8,  # the text has several lines: the table's
        "rules[1].match": 8,
        "rules[2].match.colour": 16,
        "rules[3].match.modality": 19,
    }
    assert str(caught.value).startswith("line 5: defaults.depth: sea is none of its values (did")
    assert "and 5 more" in str(caught.value)


def advice(text: str) -> list[tuple[str, str]]:
    policy, flaws = examine_policy(f"version = 1\n{text}".encode())
    assert policy is not None
    return [(flaw.gravity.value, flaw.says) for flaw in flaws]


def test_what_a_policy_leaves_open_is_told() -> None:
    assert advice("") == []
    (said,) = advice("[defaults]\nmust_seal_since = 2026-01-01")
    assert said[0] == "warning"
    assert "dated back" in said[1]
    (said,) = advice('[[rules]]\nname = "a"\nmatch.calling_ae = ["A"]\nactions.unsealed = "tag"')[
        :1
    ]
    assert "the sender writes what the rule asks for" in said[1]
    found = advice('[defaults]\nsigners = ["a"]\nactions.untrusted = "tag"')
    assert ["list of signers keeps nothing out" in says for _, says in found] == [True]
    (said,) = advice('[defaults.actions]\nstripped = "accept"')
    assert "treated better" in said[1]
    rules = '[[rules]]\nname = "a"\nmatch = {modality = ["CT"], calling_ae = ["A"]}\n'
    rules += '[[rules]]\nname = "b"\nmatch.modality = ["CT"]'
    ((gravity, says),) = advice(rules)
    assert gravity == "note"
    assert '"a" decides' in says


def test_the_example_is_in_order() -> None:
    policy, flaws = examine_policy(example_policy().encode())
    assert policy is not None
    assert flaws == ()
    assert len(policy.rules) == 4


def test_what_cannot_be_read_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_policy(tmp_path / "none.toml")
    with pytest.raises(UsageError, match="cannot be read"):
        load_policy(tmp_path)
    file = tmp_path / "radseal-policy.toml"
    file.write_text("version = 1\n")
    assert load_policy(file) == load_policy(str(file))
    file.write_bytes(b"version = 1\n#" + b" " * MAX_FILE)
    with pytest.raises(PolicyError, match="262144 are allowed"):
        load_policy(file)


@pytest.mark.parametrize(
    "hostile",
    [
        b"\xff\xfe",
        b"version = 1\n\x00",
        b"\xef\xbb\xbfversion = 1\n",
        b"a = " + b"[" * 100_000,
        b"a = " + b"{a=" * 50_000,
        b"a" + b".a" * 50_000 + b" = 1",
        b'"a,"' + b'."a,"' * 40_000 + b" = 1",
        b"'\\'" + b".'#'" * 40_000 + b" = 1",
        b"[" + b"a." * 50_000 + b"a]",
        b"version = " + b"1" * 10_000,
        b"version = 1e400",
        b"version = nan",
        b"version = 1\n[defaults]\nmust_seal_since = 9999-12-31",
        b"version = 1\n[defaults]\nmust_seal_ingest_since = 0001-01-01T00:00:00+23:59",
        b"version = 1\n[defaults]\nmust_seal_ingest_since = 2026-13-01",
        b"version = 1\nrules = [" + b"{}," * (MAX_RULES + 1) + b"]",
        b"version = 1\n[[rules]]\n[rules.match]\nmodality = [" + b'"a",' * 257 + b"]",
        b'version = 1\n"\x1b[2J" = 1',
    ],
)
def test_hostile_files(hostile: bytes) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_acceptance_policy(hostile)
    assert len(str(caught.value)) < 1_000
    assert str(caught.value).isprintable()


def test_many_rules_are_read() -> None:
    rules = "".join(
        f'[[rules]]\nname = "{n}"\nmatch.calling_ae = ["A{n}"]\nmatch.modality = ["CT", "MR"]\n'
        for n in range(MAX_RULES)
    )
    assert len(parse_acceptance_policy(f"version = 1\n{rules}".encode()).rules) == MAX_RULES


def read(data: bytes) -> None:
    """Whatever it is: a policy, or our own error; and the same is said by ``examine_policy``."""
    policy, flaws = examine_policy(data)
    if policy is None:
        assert errors(data)
    else:
        assert parse_acceptance_policy(data) == policy
        assert all(flaw.gravity is not Gravity.ERROR for flaw in flaws)
    assert all(flaw.says.isprintable() and flaw.place.isprintable() for flaw in flaws)


@settings(max_examples=300)
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes(data: bytes) -> None:
    read(data)


@settings(max_examples=300)
@given(st.data())
def test_an_example_with_bytes_changed(data: st.DataObject) -> None:
    text = bytearray(example_policy().encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        cut = data.draw(st.integers(0, 20))
        text[at : at + cut] = data.draw(st.binary(max_size=10) | st.just(b'"') | st.just(b"\n["))
    read(bytes(text))


KEYS = ["version", "defaults", "rules", "name", "match", "actions", "signers", "roles", "depth"]
KEYS += ["must_seal_since", "must_seal_ingest_since", "require_attestation", *WORD_KEYS, *Fact]
SCALARS = st.one_of(
    st.integers(-1, 3),
    st.booleans(),
    st.sampled_from(["accept", "refuse", "never", "any", "device", "ledger", "CT", "", "\u202e"]),
    st.text(max_size=5),
    st.just(date(2026, 1, 1)),
    st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    st.just(datetime(2026, 1, 1)),
    st.floats(),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=25,
)


@settings(max_examples=400)
@given(st.dictionaries(st.sampled_from(KEYS), TREES, max_size=5), TREES, TREES)
@example({}, {}, {})
def test_any_document(document: dict[str, Any], defaults: Any, rule: Any) -> None:
    document = {**document, "version": 1, "defaults": defaults, "rules": [rule]}
    text = "\n".join(f"{name} = {toml(value)}" for name, value in document.items())
    assert tomllib.loads(text).keys() == document.keys()
    read(text.encode())


def toml(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case datetime() | date():
            return value.isoformat()
        case float():
            return repr(value)
        case list():
            return f"[{', '.join(map(toml, value))}]"
        case dict():
            inner = ", ".join(f"{quoted(key)} = {toml(each)}" for key, each in value.items())
            return f"{{{inner}}}"
        case _:
            return str(value)


def quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(character):08x}" for character in text) + '"'


def test_a_rule_by_signer_asks_nothing_of_what_is_not_sealed() -> None:
    text = b"version = 1\n[defaults]\nmust_seal_since = 2026-01-01\n"
    text += b"must_seal_ingest_since = 2026-01-01\n"
    policy = parse_acceptance_policy(text + b'[[rules]]\nname = "a"\nmatch.signer = ["CT 7"]\n')
    (rule,) = policy.rules
    assert (rule.must_seal_since, rule.must_seal_ingest_since) == (None, None)
    assert policy.defaults.must_seal_since is not None
