"""Write decisions.json: what the policies under good/ decide, with the release that runs this."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path

from ledger import Role
from provenance import Arrival, Facts, Outcome, Verdict, Word
from provenance.findings import Code
from provenance.judging.depth import Depth
from provenance.judging.signed_by import SignedBy
from provenance.judging.verdict import Check, Status
from provenance.policy.parse import parse_acceptance_policy

HERE = Path(__file__).parent
TITLES = (None, "OLD", "CT7", "OTHER")
MODALITIES = (None, "CT", "MR")
DATES = (None, date(2025, 12, 31), date(2026, 1, 1))
ARRIVALS = (None, datetime(2026, 2, 28, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
DEVICE = SignedBy("CT 7", bytes([0x11] * 32), bytes([0x22] * 32), Role.DEVICE)
SIGNERS = {
    "device": DEVICE,
    "other": SignedBy("MR 2", bytes(32), bytes(32), Role.DEVICE),
    "gateway": replace(DEVICE, role=Role.GATEWAY),
    "nobody": None,
}
ATTESTED = Check("attested", Status.PASS, Code.ATTESTED, "by a person")


def decided(name: str) -> dict[str, str]:
    """Return the action and the rule of a policy for some hundred objects, by their description."""
    policy = parse_acceptance_policy((HERE / "good" / f"{name}.toml").read_bytes())
    found = {}
    for title, modality, day, arrived in product(TITLES, MODALITIES, DATES, ARRIVALS):
        facts = Facts(Arrival(title, "PACS", arrived), modality=modality, own_date=day)
        for word, (who, signer), depth in product(Word, SIGNERS.items(), (Depth.SEAL, Depth.MARK)):
            seal = None if signer is None else bytes(12)
            checks = (ATTESTED,) if modality == "CT" else ()
            unknown = Outcome.UNKNOWN
            verdict = Verdict(word, unknown, unknown, unknown, checks, seal_id=seal)
            decision = policy.decide(replace(verdict, signed_by=signer, depth=depth), facts)
            key = (title, modality, day, arrived and arrived.date(), word, who, depth)
            found[" ".join(str(part).replace(" ", "_") for part in key)] = (
                f"{decision.action} {decision.rule}"
            )
    return found


def sampled(name: str) -> dict[str, str]:
    """Return every 37th of them: all cases of a policy together are some thousands."""
    return dict(list(decided(name).items())[::37])


if __name__ == "__main__":
    policies = {path.stem: sampled(path.stem) for path in sorted((HERE / "good").glob("*.toml"))}
    text = json.dumps(policies, indent=1)
    (HERE / "decisions.json").write_text(text + "\n", encoding="utf-8")
