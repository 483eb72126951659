"""Verify one object and say what a policy does with it: the call of a gateway or a PACS plugin."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from provenance.judging.verdict import Verdict
from provenance.policy.decide import Decision
from provenance.policy.facts import Arrival
from provenance.policy.policy import AcceptancePolicy
from provenance.records import ReadableLog, Records
from provenance.trust.store import TrustStore
from provenance.verifying.examination import examine_source
from provenance.verifying.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Admission:
    """The verdict on an object, and what is done with it."""

    verdict: Verdict
    decision: Decision


def admit(
    source: bytes | Path | str,
    *,
    policy: AcceptancePolicy,
    arrival: Arrival,
    trust: TrustStore,
    records: Records[ReadableLog] | None = None,
    mark_key: bytes | None = None,
    former_mark_keys: Sequence[bytes] = (),
) -> Admission:
    """Return the verdict on one object and what the policy says. Never fails open; no network.

    ``arrival`` is how it came in: the titles of the association, and the time by your own clock.
    The rest is as for `verify`. Raises only for a mistake of the caller (UsageError), or when a
    file cannot be opened (OSError): nothing is let in then.
    """
    if trust.judged_at is None:
        trust = trust.as_of(datetime.now(UTC))
    path = Path(source) if isinstance(source, str) else source
    verifier = Verifier(trust, records, mark_key, tuple(former_mark_keys), policy)
    found = examine_source(path, verifier, arrival)
    assert found.decision is not None
    return Admission(found.verdict, found.decision)
