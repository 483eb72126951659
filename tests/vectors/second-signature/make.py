"""Makes vectors.json in this folder: python tests/vectors/second-signature/make.py

ML-DSA signs with fresh randomness (FIPS 204, hedged), so each run makes other signatures; the keys
and the statements stay the same.
"""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import cbor2
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

from ledger import FIRST, Event, PrivateKeySigner, SecondSigner, sign_statement


def seed(text: str) -> bytes:
    """A key that says where it comes from."""
    return hashlib.sha256(f"vector {text}".encode()).digest()


def statement(number: int, second: SecondSigner) -> bytes:
    """A seal that names ``second``; its commitments open nothing."""
    body = {n: seed(f"{number}.{n}") for n in (1, 2)} | {3: None, 4: None, 5: None, 6: second.kid}
    return sign_statement(
        event=Event.SEALED,
        object_id=seed(str(number))[:12],
        object_link=FIRST,
        actor_link=FIRST,
        claimed_at=datetime(2026, 3, 1, 12, number, tzinfo=UTC),
        head_seen=None,
        body=body,
        signer=PrivateKeySigner.from_private_key(
            ed25519.Ed25519PrivateKey.from_private_bytes(seed("device"))
        ),
    )


def main() -> None:
    """Write the vectors."""
    key = mldsa.MLDSA65PrivateKey.from_seed_bytes(seed("second"))
    signer = SecondSigner.from_private_key(key)
    other = SecondSigner.from_private_key(
        mldsa.MLDSA65PrivateKey.from_seed_bytes(seed("another second"))
    )
    one, two = statement(1, signer), statement(2, signer)
    good = signer.sign(one)
    protected, _, _, signature = cbor2.loads(good).value
    header = cbor2.loads(protected)

    def whole(header: dict[int, object], *, payload: bytes | None = None) -> bytes:
        encoded = cbor2.dumps(header, canonical=True)
        signed = key.sign(cbor2.dumps(["Signature1", encoded, b"", one]))
        return cbor2.dumps(cbor2.CBORTag(18, [encoded, {}, payload, signed]))

    flipped = bytearray(good)
    flipped[-1] ^= 1
    cases: dict[str, tuple[bytes, bytes, str]] = {
        "plain": (one, good, "verified"),
        "of-another-statement_fail": (two, good, "signature"),
        "by-another-key_fail": (one, other.sign(one), "signature"),
        "one-bit_fail": (one, bytes(flipped), "signature"),
        "a-bit-of-the-statement_fail": (one[:-1] + bytes([one[-1] ^ 1]), good, "signature"),
        "of-another-algorithm_fail": (one, whole(header | {1: -48}), "signature"),
        "of-another-type_fail": (
            one,
            whole(header | {16: "application/radseal-statement+cose"}),
            "signature",
        ),
        "one-header-more_fail": (one, whole(header | {5: b"iv"}), "signature"),
        "attached_fail": (one, whole(header, payload=one), "malformed"),
        "unprotected_fail": (
            one,
            cbor2.dumps(cbor2.CBORTag(18, [protected, {4: b"k"}, None, signature])),
            "malformed",
        ),
        "untagged_fail": (one, good[1:], "malformed"),
        "trailing_fail": (one, good + b"\x00", "malformed"),
        "short_fail": (
            one,
            cbor2.dumps(cbor2.CBORTag(18, [protected, {}, None, signature[:-1]])),
            "malformed",
        ),
        "context_fail": (
            one,
            cbor2.dumps(
                cbor2.CBORTag(
                    18,
                    [
                        protected,
                        {},
                        None,
                        key.sign(cbor2.dumps(["Signature1", protected, b"", one]), b"radseal"),
                    ],
                )
            ),
            "signature",
        ),
    }
    vectors = {
        name: {
            "statement": text.hex(),
            "spki": signer.spki.hex(),
            "second": second.hex(),
            "expect": expect,
        }
        for name, (text, second, expect) in cases.items()
    }
    path = Path(__file__).with_name("vectors.json")
    path.write_text(json.dumps(vectors, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
