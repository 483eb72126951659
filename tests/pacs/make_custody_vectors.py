"""Write tests/vectors/custody-event/*.json: `python tests/pacs/make_custody_vectors.py`.

Ed25519 signs without chance, so the same bytes come out again.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import Event, PrivateKeySigner, encode_cbor
from provenance.judging.verdict import Word
from provenance.pacs.custody.events import Decided, Witnessed
from provenance.pacs.quarantine.consents import Consent, Matter, Step, commit_reason, consent

FOLDER = Path(__file__).resolve().parents[1] / "vectors" / "custody-event"
PATH, PURGED_PATH = FOLDER / "persons.json", FOLDER / "purged.json"
ORIGIN = "radseal.invalid/vectors"
REASON, SALT = "nachgefragt: Röntgen 3 war in Wartung", bytes(range(16))
AT = datetime(2026, 3, 1, 12, 5, 0, 250_000, tzinfo=UTC)
ABOUT = Witnessed(None, bytes(range(16, 32)), bytes(range(32)))


def signer(number: int) -> PrivateKeySigner:
    """Return a key that everybody knows."""
    return PrivateKeySigner.from_private_key(
        Ed25519PrivateKey.from_private_bytes(bytes([number] * 32))
    )


def cases() -> dict[str, Any]:
    """Return what the file holds."""
    reason = commit_reason(REASON, SALT)
    found = []
    for to_archives in (True, False):
        matter = Matter(ORIGIN, ABOUT.meant, to_archives, reason)
        first = consent(matter, Step.PROPOSED, signer=signer(1), at=AT)
        later = AT + timedelta(hours=1)
        alone = consent(matter, Step.ALONE, signer=signer(1), at=AT)
        ends = {
            step: consent(matter, step, signer=signer(2), at=later, follows=first)
            for step in (Step.CONFIRMED, Step.WITHDRAWN)
        }
        persons: dict[Step, tuple[Consent, ...]] = {
            Step.PROPOSED: (first,),
            Step.WITHDRAWN: (first, ends[Step.WITHDRAWN]),
            Step.CONFIRMED: (first, ends[Step.CONFIRMED]),
            Step.ALONE: (alone,),
        }
        for step, signed in persons.items():
            decided = Decided(step, to_archives, signed, reason)
            if step in (Step.CONFIRMED, Step.ALONE):
                event = ABOUT.released(to_archives=to_archives, at=later, decided=decided)
            else:
                event = ABOUT.considered(Word.UNSEALED, decided, at=later)
            name = f"{step}-to-{'release' if to_archives else 'reject'}"
            found.append({"name": name, "event": event.event.value, "body": event.encoded.hex()})
    earlier = {"name": "verified-as-decided-before", "event": Event.VERIFIED.value}
    return {
        "origin": ORIGIN,
        "keys": [signer(number).spki.hex() for number in (1, 2)],
        "reason": REASON,
        "reason_salt": SALT.hex(),
        "file_salt": ABOUT.salt.hex(),
        "file_sha256": ABOUT.sha256.hex(),
        "cases": [*found, {**earlier, "body": _verified().hex()}],
    }


def _verified() -> bytes:
    from provenance.policy.terms import Action

    return ABOUT.verified(
        Word.UNSEALED, Action.ACCEPT, policy=bytes(32), at=AT, earlier=ABOUT.meant
    ).encoded


def purged_cases() -> dict[str, Any]:
    """Return what the file about `purged` holds: one case is good, each other has one fault."""
    reason = commit_reason(REASON, SALT)
    matter = Matter(ORIGIN, ABOUT.meant, False, reason)
    good = consent(matter, Step.PURGED, signer=signer(1), at=AT)
    second = consent(matter, Step.PURGED, signer=signer(2), at=AT)
    event = ABOUT.purged(Word.UNSEALED, Decided(Step.PURGED, False, (good,), reason), at=AT)
    body = dict(event.body)
    changes: dict[str, dict[int, object]] = {
        "purged": {},
        "to-archives_fail": {8: True},
        "no-outcome_fail": {8: None},
        "confirmed_fail": {9: "confirmed"},
        "alone_fail": {9: "alone"},
        "no-step_fail": {9: None},
        "nobody_fail": {10: []},
        "no-persons_fail": {10: None},
        "two-persons_fail": {10: [good.fields, second.fields]},
        "no-reason_fail": {11: None},
        "no-verdict_fail": {1: None},
        "no-file_fail": {2: None},
    }
    found = []
    for name, change in changes.items():
        fields = {key: value for key, value in {**body, **change}.items() if value is not None}
        found.append({"name": name, "event": "purged", "body": encode_cbor(fields).hex()})
    released = encode_cbor(body).hex()
    found.append({"name": "purged-said-by-released_fail", "event": "released", "body": released})
    return {**{key: value for key, value in cases().items() if key != "cases"}, "cases": found}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, made in ((PATH, cases()), (PURGED_PATH, purged_cases())):
        path.write_text(json.dumps(made, indent=1) + "\n", encoding="ascii")
