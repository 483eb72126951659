"""The bytes of persons' signatures: as frozen, and as another implementation reads the page."""

import hashlib
import json
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_der_public_key
from make_custody_vectors import PATH, PURGED_PATH, cases, purged_cases

from ledger import Event
from provenance.errors import MalformedError
from provenance.pacs.custody.events import decided_by, read_custody_body

FROZEN: dict[str, Any] = json.loads(Path(PATH).read_text(encoding="ascii"))
PURGED: dict[str, Any] = json.loads(Path(PURGED_PATH).read_text(encoding="ascii"))
GOOD = [each for each in PURGED["cases"] if not each["name"].endswith("_fail")]
NAMES = [each["name"] for each in FROZEN["cases"]]


def test_what_is_written_now_are_the_frozen_bytes() -> None:
    assert cases() == FROZEN
    assert len(NAMES) == 9
    assert purged_cases() == PURGED
    assert (len(PURGED["cases"]), len(GOOD)) == (13, 1)


@pytest.mark.parametrize("case", FROZEN["cases"], ids=NAMES)
def test_it_is_read(case: dict[str, str]) -> None:
    body = read_custody_body(Event(case["event"]), bytes.fromhex(case["body"]))
    decided = decided_by(body)
    assert (decided is None) == (case["event"] == "verified")


@pytest.mark.parametrize("case", PURGED["cases"], ids=[each["name"] for each in PURGED["cases"]])
def test_purged_is_read_or_refused(case: dict[str, str]) -> None:
    event, body = Event(case["event"]), bytes.fromhex(case["body"])
    if case["name"].endswith("_fail"):
        with pytest.raises(MalformedError):
            read_custody_body(event, body)
        return
    decided = decided_by(read_custody_body(event, body))
    assert decided is not None
    assert (decided.step, decided.to_archives, len(decided.persons)) == ("purged", False, 1)


@pytest.mark.parametrize("case", [*FROZEN["cases"][:-1], *GOOD], ids=[*NAMES[:-1], "purged"])
def test_by_the_page_alone(case: dict[str, str]) -> None:
    """With cbor2, hashlib and cryptography, and nothing of radseal."""
    body = cbor2.loads(bytes.fromhex(case["body"]))
    file = bytes.fromhex(FROZEN["file_salt"]) + bytes.fromhex(FROZEN["file_sha256"])
    assert body[2] == hashlib.sha256(file).digest()
    reason = bytes.fromhex(FROZEN["reason_salt"]) + FROZEN["reason"].encode()
    assert body[11] == hashlib.sha256(reason).digest()
    keys = {hashlib.sha256(bytes.fromhex(k)).digest(): bytes.fromhex(k) for k in FROZEN["keys"]}
    steps = [body[9]] if len(body[10]) == 1 else ["proposed", body[9]]
    follows = None
    for step, person in zip(steps, body[10], strict=True):
        kid, at, signature = person
        payload = {1: 1, 2: FROZEN["origin"], 3: step, 4: body[2], 5: body[8], 6: body[11]}
        payload |= {7: at, 8: follows}
        name = "application/radseal-consent+c"
        protected = {1: -19, 3: name + "bor", 4: kid, 16: name + "ose"}
        signed = ["Signature1", cbor2.dumps(protected, canonical=True), b""]
        signed.append(cbor2.dumps(payload, canonical=True))
        message = cbor2.dumps(signed, canonical=True)
        key: Any = load_der_public_key(keys[kid])
        key.verify(signature, message)
        with pytest.raises(InvalidSignature):
            key.verify(signature, message[:-1] + bytes([message[-1] ^ 1]))
        follows = hashlib.sha256(cbor2.dumps(person, canonical=True)).digest()
