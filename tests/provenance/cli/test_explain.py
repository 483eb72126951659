"""Every code that can be printed is explained, however it is typed."""

import json

import pytest
from click.testing import CliRunner

from provenance.cli.root import cli
from provenance.dicom.replace import CANNOT_WRITE
from provenance.errors import Unreadable
from provenance.explanations import EXPLANATIONS
from provenance.explanations.explain import UnknownCodeError, codes, explain
from provenance.findings import Code
from provenance.judging.verdict import EXIT_CODES, Word

SEAL_CODES = (
    "SE101",
    "SE102",
    "SE103",
    "SE104",
    CANNOT_WRITE,
    "SE301",
    "SE302",
    "no-private-block",
)


@pytest.mark.parametrize("code", [*EXPLANATIONS, *Code, *Word, *Unreadable, *SEAL_CODES])
def test_every_code_is_explained(code: str) -> None:
    found = explain(str(code))
    assert found.code == str(code)
    assert found.explanation.says
    assert found.exit_code == (EXIT_CODES[Word(code)] if code in set(Word) else None)


@pytest.mark.parametrize(
    "typed", ["NOT CHECKED", "NOT-CHECKED", "not_checked", "  Not   checked ", "not-CHECKED"]
)
def test_however_it_is_typed(typed: str) -> None:
    assert explain(typed).code == "NOT CHECKED"
    result = CliRunner().invoke(cli, ["explain", *typed.split()])
    assert result.exit_code == 0
    assert result.stdout.startswith("NOT CHECKED  (exit code 15)\n")


@pytest.mark.parametrize(
    ("typed", "near"), [("PX1O1", "PX101"), ("ALTERD", "ALTERED"), ("untrust", "UNTRUSTED")]
)
def test_near_matches(typed: str, near: str) -> None:
    with pytest.raises(UnknownCodeError) as caught:
        explain(typed)
    assert near in caught.value.near
    result = CliRunner().invoke(cli, ["explain", typed])
    assert result.exit_code == 2
    assert near in result.stderr


def test_nothing_near() -> None:
    result = CliRunner().invoke(cli, ["explain", "\x1b[2J~~~~"])
    assert result.exit_code == 2
    assert "\x1b" not in result.output


def test_codes_are_unambiguous() -> None:
    folded = [code.casefold().replace(" ", "-") for code in codes()]
    assert len(set(folded)) == len(folded)


def test_json() -> None:
    result = CliRunner().invoke(cli, ["explain", "px101", "--json"])
    answer = json.loads(result.stdout)
    words = EXPLANATIONS[Code.PIXELS_DIFFER]
    assert answer["schema"] == "radseal/explain/1"
    assert (answer["code"], answer["says"], answer["why"]) == ("PX101", words.says, words.why)
    assert (answer["do"], answer["does_not_mean"]) == (words.do, words.not_meant)
