"""Makes tests/vectors/log-server/read-requests.json: run it as a script."""

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519

from ledger import PrivateKeySigner, sign_read_request
from ledger.remote.read_request import encode_authorization

TARGET = Path(__file__).parents[1] / "vectors/log-server/read-requests.json"


def main() -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    signer = PrivateKeySigner.from_private_key(key)
    fields = {"origin": "log.example/1", "path": "/annex/000102030405060708090a0b"}
    good = sign_read_request(**fields, nonce=bytes(range(32)), signer=signer)
    header = encode_authorization(good)
    asked = {**fields, "kid": signer.kid.hex(), "nonce": bytes(range(32)).hex()}
    cases = [
        {"name": "annex", "header": header, "expect": asked},
        {"name": "padded_fail", "header": f"{header}=", "expect": "malformed"},
        {"name": "other-scheme_fail", "header": header.lower(), "expect": "malformed"},
        {
            "name": "trailing-byte_fail",
            "header": encode_authorization(good + b"\x00"),
            "expect": "malformed",
        },
        {
            "name": "untagged_fail",
            "header": encode_authorization(good[1:]),
            "expect": "malformed",
        },
        {
            "name": "other-method_fail",
            "header": encode_authorization(good.replace(b"\x63GET", b"\x63PUT")),
            "expect": "malformed",
        },
        {
            "name": "statement-type_fail",
            "header": encode_authorization(
                good.replace(b"radseal-read+cose", b"radseal-xead+cose")
            ),
            "expect": "malformed",
        },
    ]
    about = "headers Authorization of docs/spec/log-server.md; the key is Ed25519 of 000102…1f"
    words = {"about": about, "spki": signer.spki.hex(), "cases": cases}
    TARGET.write_text(json.dumps(words, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
