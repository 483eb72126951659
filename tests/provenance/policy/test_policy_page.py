"""docs/policy.md: its policies are in order, its table is what happens, its Python runs."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pydicom.data
import pytest

from ledger import Role
from provenance import AcceptancePolicy, Arrival, Facts, Outcome, Site, Verdict, Word, seal
from provenance.judging.depth import Depth
from provenance.judging.signed_by import SignedBy
from provenance.policy.explain import terms_of
from provenance.policy.facts import Fact
from provenance.policy.parse import examine_policy
from provenance.policy.policy import Rule
from provenance.policy.terms import Action

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "policy.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
CODE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
CT = Path(pydicom.data.__file__).parent / "test_files" / "CT_small.dcm"
ENDOSCOPY = "1.2.840.10008.5.1.4.1.1.77.1.1.1"


def read(text: str) -> AcceptancePolicy:
    policy, flaws = examine_policy(text.encode())
    assert policy is not None, flaws
    assert flaws == () or "UNREADABLE" in flaws[0].says
    return policy


def test_its_policies_are_in_order() -> None:
    assert len(EXAMPLES) == 2
    assert [len(read(text).rules) for text in EXAMPLES] == [0, 2]


@pytest.mark.parametrize(
    ("ae", "word", "name", "action"),
    [
        ("CT7", Word.AUTHENTIC, "CT 7 in radiology", Action.ACCEPT),
        ("CT7", Word.AUTHENTIC, "MR 1", Action.QUARANTINE),
        ("CT7", Word.UNSEALED, None, Action.QUARANTINE),
        ("MR1", Word.UNSEALED, None, Action.TAG),
        ("ENDO", Word.UNREADABLE, None, Action.TAG),
    ],
)
def test_its_table(ae: str, word: Word, name: str | None, action: Action) -> None:
    arrival = Arrival(ae, "PACS", datetime(2026, 5, 4, tzinfo=UTC))
    facts = Facts(arrival, sop_class=ENDOSCOPY, own_date=date(2026, 5, 4))
    unknown = Outcome.UNKNOWN
    verdict = Verdict(word, unknown, unknown, unknown, (), depth=Depth.LEDGER)
    if name is not None:
        signed_by = SignedBy(name, bytes(32), bytes(32), Role.DEVICE)
        verdict = replace(verdict, seal_id=bytes(12), signed_by=signed_by)
    assert read(EXAMPLES[1]).decide(verdict, facts).action is action
    assert f"| `{ae}` | " in PAGE


def test_it_names_every_fact_term_action_and_word() -> None:
    terms = {"signers", "roles", "must_seal_since", "must_seal_ingest_since"}
    for name in (*Fact, *Action, *Depth, *terms, "require_attestation"):
        assert f"`{name}`" in PAGE or f'`"{name}"`' in PAGE, name
    assert len(terms_of(Rule("x"))) == 2


def test_its_python_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    site = Site.init(tmp_path / "site")
    with site.device() as device:
        seal(CT, device=device).write(tmp_path / "new.dcm")
    (tmp_path / "radseal-policy.toml").write_text(EXAMPLES[1])
    (code,) = CODE
    exec(code, {})
    assert "UNTRUSTED CT 7" in capsys.readouterr().out
