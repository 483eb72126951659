"""Makes the frozen vectors below tests/vectors/timestamp with `openssl ts` as two authorities.

Every run draws other keys and times: only a new format is a reason to run it again.

    PYTHONPATH=. python tests/ledger/make_timestamp_vectors.py
"""

import base64
import importlib.util
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from ledger import LogKeys, StampHash, TimestampRequest, merkle_root, stamped_message, token_of

TESTS = Path(__file__).resolve().parents[1]


def _conftest() -> Any:
    spec = importlib.util.spec_from_file_location("timestamp_conftest", TESTS / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    keys = LogKeys.from_seeds(
        "archive.example/vectors", ed25519_seed=bytes(32), mldsa44_seed=bytes(32)
    )
    note = keys.sign_checkpoint(size=2, root=merkle_root([bytes(32)] * 2), timestamp=1)
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        make = _conftest().time_authority
        ec = make(Path(first), "ec", valid=timedelta(days=3650))
        rsa = make(Path(second), "rsa", digest="sha512", valid=timedelta(days=7300), between=True)

        def ask(tsa: Any, earlier: list[bytes], name: StampHash) -> bytes:
            request = TimestampRequest(name, name.digest(stamped_message(note, earlier)), 7)
            return token_of(tsa.reply(bytes(request)))

        one = ask(ec, [], StampHash.SHA256)
        two = ask(rsa, [one], StampHash.SHA512)
    roots = [each.root.public_bytes(serialization.Encoding.DER) for each in (ec, rsa)]
    now = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    flipped = two[:-1] + bytes([two[-1] ^ 1])
    cases = [
        _case("two-tokens", note, [one, two], roots, now, [True, True]),
        _case("one-token", note, [one], roots, now, [True]),
        _case("the-first-has-ended", note, [one, two], roots, _years(now, 15), [True, True]),
        _case("both-have-ended_fail", note, [one, two], roots, _years(now, 25), [False, False]),
        _case("one-has-ended_fail", note, [one], roots, _years(now, 15), [False]),
        _case("second-authority-only", note, [one, two], roots[1:], now, [False, True]),
        _case("no-authority_fail", note, [one, two], [], now, [False, False]),
        _case("another-note_fail", note + b"x", [one, two], roots, now, [False, False]),
        _case("swapped_fail", note, [two, one], roots, now, [False, False]),
        _case("first-missing_fail", note, [two], roots, now, [False]),
        _case("signature-bit", note, [one, flipped], roots, now, [True, False]),
        _case("before-it-was-made_fail", note, [one], roots, _years(now, -1), [False]),
    ]
    version = subprocess.run(
        ["openssl", "version"], check=True, capture_output=True, text=True
    ).stdout.split(" (")[0]
    folder = TESTS / "vectors" / "timestamp"
    folder.mkdir(exist_ok=True)
    text = json.dumps({"made_with": version.strip(), "cases": cases}, indent=1)
    (folder / "cases.json").write_text(text + "\n", encoding="utf-8")


def _years(moment: datetime, count: int) -> datetime:
    return moment + timedelta(days=365 * count)


def _case(
    name: str,
    note: bytes,
    tokens: list[bytes],
    roots: list[bytes],
    at: datetime,
    holds: list[bool],
) -> dict[str, object]:
    return {
        "name": name,
        "note": base64.b64encode(note).decode(),
        "tokens": [base64.b64encode(each).decode() for each in tokens],
        "authorities": [base64.b64encode(each).decode() for each in roots],
        "at": at.isoformat(),
        "holds": holds,
    }


if __name__ == "__main__":
    main()
