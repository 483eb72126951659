"""Others say whether our FHIR resources are ones: who made neither them nor our rules.

R4: the StructureDefinitions of HL7, with their invariants, by the validator of Medplum. R4 and R5:
the models that HAPI FHIR generates for TypeScript, by its compiler. They are packages of npm:
`npm install --prefix tests/provenance/fhir_peers --no-package-lock --ignore-scripts`.
"""

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from audit_facts import REPORTER, example
from fhir_chain import chain

from provenance.audit_trail import What
from provenance.fhir import Release, custody_bundle, fact_audit_event

PEERS = Path(__file__).parents[1] / "fhir_peers"
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(
    NODE is None or not (PEERS / "node_modules").exists(),
    reason="node or its packages are not installed (see above)",
)
WRONG: dict[Release, dict[str, dict[str, object]]] = {
    Release.R4: {
        "no agent": {"agent": []},
        "another action": {"action": "Z"},
        "an element that is none": {"bogus": 1},
        "no source": {"source": None},
        "an entity with name and query (sev-1)": {"entity": [{"name": "x", "query": "eA=="}]},
    },
    Release.R5: {
        "another action": {"action": "Z"},
        "an element that is none": {"bogus": 1},
        "no source": {"source": None},
        "the outcome of R4": {"outcome": "8"},
        "the type of R4": {"type": {"code": "x"}},
    },
}


def check(resources: dict[Release, list[Any]]) -> dict[str, Any]:
    """Return what the others say is wrong with each resource."""
    assert NODE is not None
    given = json.dumps({release.value: found for release, found in resources.items()})
    done = subprocess.run(
        [NODE, "check.cjs"], cwd=PEERS, input=given, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def all_of(release: Release) -> list[Any]:
    """Return an AuditEvent of each fact, the Bundle of a whole chain, and what is in it."""
    bundle: Any = custody_bundle(
        [chain()],
        subject="000102030405060708090a0b",
        log="log.example/x",
        release=release,
        at=datetime(2026, 5, 6, tzinfo=UTC),
    )
    facts = [fact_audit_event(example(what), REPORTER, release) for what in What]
    return [*facts, bundle, *(entry["resource"] for entry in bundle["entry"])]


def test_they_take_what_we_make() -> None:
    resources = {release: all_of(release) for release in Release}
    said = check(resources)
    for problems in (said["definitions"], *said["types"].values()):
        assert problems == [[]] * len(problems)
    assert len(said["definitions"]) == len(resources[Release.R4]) > len(What) + 20
    assert len(said["types"]["r5"]) == len(resources[Release.R5]) > len(What) + 20


def test_they_refuse_what_is_wrong() -> None:
    events = {
        release: fact_audit_event(example(What.ALTERED), REPORTER, release) for release in Release
    }
    wrong = {
        release: [{**events[release], **change} for change in changes.values()]
        for release, changes in WRONG.items()
    }
    said = check(wrong)
    r4 = zip(WRONG[Release.R4], said["definitions"], said["types"]["r4"], strict=True)
    unnoticed = [name for name, by_definitions, by_types in r4 if not by_definitions + by_types]
    r5 = zip(WRONG[Release.R5], said["types"]["r5"], strict=True)
    unnoticed += [name for name, by_types in r5 if not by_types]
    assert unnoticed == []
    assert sum(map(bool, said["definitions"])) >= 4  # of R4, all but value sets
