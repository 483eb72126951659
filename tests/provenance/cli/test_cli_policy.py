"""`radseal policy`, and `radseal verify --policy`: exit codes, words, JSON by its schemas."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pydicom
import pydicom.data
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance import Arrival, Facts, Word
from provenance.cli.root import cli
from provenance.policy.example import example_policy
from provenance.policy.explain import explain_policy
from provenance.policy.parse import parse_acceptance_policy
from provenance.policy.terms import Action
from provenance.schema import schema_text

IMAGES = Path(pydicom.data.__file__).parent / "test_files"
CT, PLAN = IMAGES / "CT_small.dcm", IMAGES / "rtplan.dcm"
POLICY = """version = 1
[defaults]
depth = "seal"
[defaults.actions]
unsealed = "tag"
[[rules]]
name = "ct 7"
signers = ["north device"]
must_seal_ingest_since = 2026-01-01
[rules.match]
calling_ae = ["CT7"]
[rules.actions]
authentic = "accept"
stripped = "refuse"
"""


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(w) for w in words], env={"RADSEAL_SITE": None})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("policy") / "site"
    assert run("init", folder, "--name", "north").exit_code == 0
    return folder


@pytest.fixture(scope="module")
def sealed(site: Path) -> Path:
    out = site.parent / "sealed"
    assert run("seal", CT, "-o", out, "--site", site).exit_code == 0
    return out / CT.name


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    file = tmp_path / "radseal-policy.toml"
    file.write_text(POLICY)
    return file


def answer(*words: object, schema: str) -> dict[str, Any]:
    result = run(*words, "--json")
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["exit_code"] == result.exit_code
    assert result.stdout.isascii()
    assert result.stderr == ""
    fits(found, json.loads(schema_text(schema)))
    return found


def fits(value: Any, schema: Mapping[str, Any]) -> None:
    """As much of JSON Schema as these three use; an unknown keyword fails."""
    for keyword, rule in schema.items():
        match keyword:
            case "const":
                assert value == rule
            case "enum":
                assert value in rule
            case "anyOf":
                assert any(is_kind(value, each["type"]) for each in rule)
            case "type":
                kinds = [rule] if isinstance(rule, str) else rule
                assert any(is_kind(value, kind) for kind in kinds)
            case "minimum":
                assert value is None or value >= rule
            case "required":
                assert set(rule) <= value.keys()
            case "properties":
                assert value.keys() <= rule.keys()
                for name in value:
                    fits(value[name], rule[name])
            case "items":
                for each in value:
                    fits(each, rule)
            case _:
                assert keyword in ("$schema", "$id", "title", "description")


def is_kind(value: Any, kind: str) -> bool:
    kinds: dict[str, type] = {"object": dict, "array": list, "string": str, "boolean": bool}
    kinds |= {"integer": int, "null": type(None)}
    return isinstance(value, kinds[kind])


def verified(*words: object) -> tuple[int, dict[str, Any]]:
    result = run("verify", *words, "--json")
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["exit_code"] == result.exit_code
    return result.exit_code, found


def test_check(policy: Path, tmp_path: Path) -> None:
    result = run("policy", "check", policy)
    assert result.exit_code == 0
    assert result.stdout == f"{policy}: 1 rule; 0 errors, 0 warnings, 0 notes\n"
    found = answer("policy", "check", policy, schema="policy-check-1")
    assert (found["valid"], found["rules"], found["flaws"]) == (True, ["ct 7"], [])
    faulty = tmp_path / "faulty.toml"
    faulty.write_text(POLICY.replace("signers", "signer").replace("tag", "tug"))
    result = run("policy", "check", faulty)
    assert result.exit_code == 2
    assert f"FAIL  {faulty}:5  defaults.actions.unsealed: tug is none" in result.stdout
    assert f"FAIL  {faulty}:8  rules[1].signer: unknown key\n  do: did you mean signers?" in (
        result.stdout
    )
    assert result.stdout.endswith("refused; 2 errors, 0 warnings, 0 notes\n")
    found = answer("policy", "check", faulty, schema="policy-check-1")
    assert (found["valid"], found["rules"], len(found["flaws"])) == (False, None, 2)


def test_example(tmp_path: Path) -> None:
    file = tmp_path / "radseal-policy.toml"
    result = run("policy", "example")
    assert result.exit_code == 0
    file.write_text(result.stdout)
    assert run("policy", "check", file).exit_code == 0
    assert json.loads(run("policy", "example", "--json").stdout)["text"] == result.stdout


def test_explain(policy: Path) -> None:
    result = run("policy", "explain", policy, "--calling-ae", "CT7")
    assert result.exit_code == 0
    assert "ct 7 fits: sealed by north device, as device" in result.stdout
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["AUTHENTIC", "accept", "ct", "7"] in rows
    assert ["UNSEALED", "refuse", "ct", "7"] in rows  # it arrives now: it must be sealed
    for word in Word:
        assert f"\n{word}" in result.stdout
    words = ("policy", "explain", policy, "--calling-ae", "CT7", "--verdict", "unsealed")
    found = answer(*words, "--arrived", "2025-12-31", schema="policy-explain-1")
    (row,) = found["verdicts"]
    assert (row["verdict"], row["action"]) == ("UNSEALED", "tag")
    found = answer("policy", "explain", policy, schema="policy-explain-1")
    assert found["not_known"] == ["calling_ae"]
    assert [rule["name"] for rule in found["rules"]] == ["ct 7", "defaults"]
    actions = {row["verdict"]: row["action"] for row in found["verdicts"]}
    assert actions["AUTHENTIC"] == "quarantine"  # the defaults do not let it in
    assert run("policy", "explain", policy, "--verdict", "fine").exit_code == 2
    assert (
        "did you mean unsealed?" in run("policy", "explain", policy, "--verdict", "unseald").stderr
    )


def test_explain_who_sealed(policy: Path) -> None:
    words = ("policy", "explain", policy, "--calling-ae", "CT7", "--verdict", "AUTHENTIC")
    for signer, action in (("north device", "accept"), ("other", "quarantine")):
        found = answer(*words, "--signer", signer, schema="policy-explain-1")
        assert found["verdicts"][0]["action"] == action


def test_verify_tells_the_action_by_its_exit_code(site: Path, sealed: Path, policy: Path) -> None:
    ct7 = ("--site", site, "--policy", policy, "--calling-ae", "CT7")
    code, found = verified(sealed, *ct7)
    assert code == 0
    (one,) = found["objects"]
    assert (one["verdict"], one["exit_code"], one["depth"]) == ("AUTHENTIC", 0, "seal")
    assert one["policy"] == {
        "action": "accept",
        "rule": "ct 7",
        "reasons": ["the verdict is AUTHENTIC"],
        "may_fit": [],
    }
    assert one["signed_by"]["role"] == "device"
    assert found["summary"]["by_action"] == {"accept": 1}
    code, found = verified(sealed, "--site", site, "--policy", policy, "--calling-ae", "MR1")
    assert (code, found["objects"][0]["policy"]["rule"]) == (21, "defaults")
    # unsealed: by the defaults tagged, from the modality refused as stripped
    code, found = verified(PLAN, "--site", site, "--policy", policy, "--calling-ae", "MR1")
    assert (code, found["verdict"]) == (20, "UNSEALED")
    code, found = verified(PLAN, *ct7)
    assert (code, found["verdict"]) == (22, "STRIPPED")
    assert "PO101" in [check["code"] for check in found["objects"][0]["checks"]]
    code, found = verified(PLAN, *ct7, "--arrived", "2025-12-31")
    assert (code, found["verdict"]) == (20, "UNSEALED")
    # without titles it is not known whether it is the modality: kept apart, and not called stripped
    code, found = verified(PLAN, "--site", site, "--policy", policy)
    assert (code, found["verdict"]) == (21, "UNSEALED")
    assert "PO103" in [check["code"] for check in found["objects"][0]["checks"]]


def test_the_strictest_action_is_that_of_many(
    site: Path, sealed: Path, policy: Path, tmp_path: Path
) -> None:
    words = ("--site", site, "--policy", policy, "--calling-ae", "CT7")
    folder = tmp_path / "many"
    folder.mkdir()
    assert verified(folder, *words)[0] == 16
    shutil.copy(sealed, folder)
    assert verified(folder, *words)[0] == 0
    assert verified(folder, tmp_path / "none", *words)[0] == 16
    (folder / "garbage").write_bytes(b"none")
    assert verified(folder, *words)[0] == 21
    shutil.copy(PLAN, folder)
    code, found = verified(folder, *words)
    assert code == 22
    assert found["summary"]["by_action"] == {"accept": 1, "quarantine": 1, "refuse": 1}
    shown = run("verify", folder, *words).stdout
    assert '  quarantine by the rule "ct 7": the verdict is UNREADABLE\n' in shown
    assert shown.splitlines()[-1].endswith("1 to accept, 1 to quarantine, 1 to refuse")


def test_what_cannot_be_opened_is_kept_apart(site: Path, policy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "link.dcm").symlink_to(tmp_path / "gone")
    code, found = verified(folder, "--site", site, "--policy", policy, "--calling-ae", "CT7")
    assert code == 21
    assert found["objects"][0]["policy"]["action"] == "quarantine"


def test_a_faulty_policy_verifies_nothing(site: Path, sealed: Path, policy: Path) -> None:
    policy.write_text(POLICY + "[[rules]]\n")
    result = run("verify", sealed, "--site", site, "--policy", policy)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "is no acceptance policy: nothing was done" in result.stderr
    assert run("policy", "explain", policy).stderr == result.stderr
    assert f"radseal policy check {policy}" in result.stderr
    assert json.loads(run("verify", sealed, "--policy", policy, "--json").stdout)["schema"] == (
        "radseal/error/1"
    )


def test_without_a_policy_nothing_changes(site: Path, sealed: Path) -> None:
    code, found = verified(sealed, "--site", site)
    assert code == 0
    assert "policy" not in found["objects"][0]
    assert "by_action" not in found["summary"]
    assert found["objects"][0]["depth"] == "mark"
    trust = verified(sealed, "--trust", site / "trust")[1]
    assert trust["objects"][0]["depth"] == "seal"


def test_names_in_a_policy_cannot_reach_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text('version = 1\n"\x1b[2J" = 1\n["\\u202e"]\n')
    file.write_text('version = 1\n"\\u001b[2J" = 1\n["\\u202e"]\n"\\u0007" = 2\n')
    for words in (("policy", "check", file), ("policy", "explain", file)):
        assert not {"\x1b", "\x07", "\u202e"} & set(run(*words).output)


EXAMPLE = parse_acceptance_policy(example_policy().encode())
PIECES = st.none() | st.sampled_from(["CT7", "IMPORT", "CT-7", "MG", "x"])


@settings(max_examples=100)
@given(st.builds(Facts, st.builds(Arrival, PIECES), PIECES, station_name=PIECES))
def test_explain_never_promises_what_its_rules_do_not(facts: Facts) -> None:
    rows = {row.word: row.decision for row in explain_policy(EXAMPLE, facts)}
    assert set(rows) == set(Word)
    assert not rows[Word.ALTERED].action.lets_in
    for word, decision in rows.items():
        if decision.action is Action.ACCEPT:
            (rule,) = [r for r in (*EXAMPLE.rules, EXAMPLE.defaults) if r.name == decision.rule]
            assert rule.action(word) is Action.ACCEPT
