"""Makes the frozen vectors below tests/vectors: statement, receipt, both kinds of cose, log.

ECDSA and ML-DSA signatures draw randomness, so that a new run gives other, equally good bytes:
the checked-in files are what counts, and are only ever added to.

Usage: python tests/ledger/make_vectors.py
"""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import cbor2
import cryptography
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from ledger import (
    FIRST,
    Event,
    Head,
    Log,
    LogKeys,
    PrivateKeySigner,
    Role,
    Submission,
    create_log,
    hash_leaf,
    key_added_body,
    key_revoked_body,
    make_genesis,
    merkle_root,
    parse_receipt,
    parse_statement,
    sign_statement,
)
from ledger.cose.sign1 import encode_sign1, to_be_signed
from ledger.tree.tiles import TreeBuilder, consistency_path, inclusion_path, root_at

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
NOON = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
OBJECT = bytes.fromhex("000102030405060708090a0b")
CONTENT_TYPE = "application/radseal-event+cbor"
TYPE = "application/radseal-statement+cose"


def seed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


ARCHIVIST = PrivateKeySigner.from_private_key(
    ed25519.Ed25519PrivateKey.from_private_bytes(seed("vector archivist"))
)
DEVICE = PrivateKeySigner.from_private_key(
    ec.derive_private_key(int.from_bytes(seed("vector device"), "big") >> 1, ec.SECP256R1())
)


def statement(event: Event, signer: PrivateKeySigner, **changes: object) -> bytes:
    arguments: dict = {
        "event": event,
        "object_id": OBJECT,
        "object_link": FIRST,
        "actor_link": FIRST,
        "claimed_at": NOON,
        "head_seen": None,
        "body": {1: hashlib.sha256(b"root").digest()},
        "signer": signer,
    }
    return sign_statement(**(arguments | changes))


def by_hand(
    payload: dict | bytes,
    *,
    protected: dict | None = None,
    unprotected: dict | None = None,
    signer: PrivateKeySigner = ARCHIVIST,
    tag: bytes = b"\xd2",
) -> bytes:
    """A statement put together without the checks, signed all the same."""
    header = cbor2.dumps(headers() if protected is None else protected, canonical=True)
    content = payload if isinstance(payload, bytes) else cbor2.dumps(payload, canonical=True)
    signature = signer.sign(to_be_signed(header, content))
    parts = [header, unprotected or {}, content, signature]
    return tag + cbor2.dumps(parts, canonical=True)


def headers(**changes: object) -> dict:
    kid = ARCHIVIST.kid
    claims = {1: f"urn:radseal:key:{kid.hex()}", 2: f"urn:radseal:object:{OBJECT.hex()}"}
    header: dict = {1: -19, 3: CONTENT_TYPE, 4: kid, 15: claims, 16: TYPE}
    header.update({int(key[1:]): value for key, value in changes.items()})
    return header


def payload(**changes: object) -> dict:
    content: dict = {
        1: 1,
        2: "ingested",
        3: OBJECT,
        4: [0, None],
        5: [0, None],
        6: 1_772_366_400_250,
        7: None,
        8: {1: b"x"},
    }
    content.update({int(key[1:]): value for key, value in changes.items()})
    return content


def statements() -> list[dict]:
    good: dict[str, tuple[bytes, PrivateKeySigner]] = {
        "genesis": (make_genesis(ARCHIVIST, claimed_at=NOON), ARCHIVIST),
        "sealed-esp256": (statement(Event.SEALED, DEVICE), DEVICE),
        "ingested-second-links-and-head": (
            statement(
                Event.INGESTED,
                ARCHIVIST,
                object_link=FIRST.next(seed("a")),
                actor_link=FIRST.next(seed("b")),
                head_seen=Head(9, seed("root")),
            ),
            ARCHIVIST,
        ),
        "key-revoked-not-ascii": (
            statement(
                Event.KEY_REVOKED,
                ARCHIVIST,
                object_id=None,
                object_link=None,
                body=key_revoked_body(DEVICE.kid, reason="Gerät außer Betrieb"),
            ),
            ARCHIVIST,
        ),
        "body-of-every-type": (
            statement(
                Event.VERIFIED,
                ARCHIVIST,
                body={1: -1, 2: [True, False, None], 3: {"a": 1.5, "b": {0: b""}}, 24: "é"},
            ),
            ARCHIVIST,
        ),
        "by-hand": (by_hand(payload()), ARCHIVIST),
    }
    cases = []
    for name, (encoded, signer) in good.items():
        read = parse_statement(encoded)
        cases.append(
            {
                "name": name,
                "spki": signer.spki.hex(),
                "statement": encoded.hex(),
                "event": read.event.value,
                "leaf_hash": read.leaf_hash.hex(),
                "claimed_at": read.claimed_at.isoformat(),
                "expect": "verified",
            }
        )
    plain = by_hand(payload())
    malformed: dict[str, bytes] = {
        "empty": b"",
        "untagged": plain[1:],
        "tag-998": b"\xd9\x03\xe6" + plain[1:],
        "byte-after-the-end": plain + b"\x00",
        "cut-short": plain[:-1],
        "indefinite-array": b"\xd2\x9f" + plain[2:] + b"\xff",
        "unprotected-kid": by_hand(payload(), unprotected={4: ARCHIVIST.kid}),
        "payload-detached": b"\xd2" + cbor2.dumps([b"", {}, None, bytes(64)]),
        "signature-of-63-bytes": encode_sign1(
            cbor2.dumps(headers(), canonical=True),
            cbor2.dumps(payload(), canonical=True),
            bytes(63),
        ),
        "algorithm-es256": by_hand(payload(), protected=headers(_1=-7)),
        "algorithm-eddsa": by_hand(payload(), protected=headers(_1=-8)),
        "algorithm-missing": by_hand(payload(), protected={4: ARCHIVIST.kid}),
        "kid-of-31-bytes": by_hand(payload(), protected=headers(_4=bytes(31))),
        "content-type-other": by_hand(payload(), protected=headers(_3="application/cbor")),
        "typ-missing": by_hand(
            payload(), protected={key: value for key, value in headers().items() if key != 16}
        ),
        "critical-header": by_hand(payload(), protected=headers(_2=[16])),
        "issuer-of-another-key": by_hand(
            payload(),
            protected=headers(
                _15={
                    1: f"urn:radseal:key:{DEVICE.kid.hex()}",
                    2: f"urn:radseal:object:{OBJECT.hex()}",
                }
            ),
        ),
        "subject-of-another-object": by_hand(payload(_3=bytes(12))),
        "version-2": by_hand(payload(_1=2)),
        "version-true": by_hand(payload(_1=True)),
        "event-unknown": by_hand(payload(_2="deleted")),
        "field-9": by_hand(payload(_9=None)),
        "field-missing": by_hand({key: value for key, value in payload().items() if key != 7}),
        "object-id-of-16-bytes": by_hand(payload(_3=bytes(16))),
        "object-without-link": by_hand(payload(_4=None)),
        "link-0-with-predecessor": by_hand(payload(_5=[0, bytes(32)])),
        "link-1-without-predecessor": by_hand(payload(_5=[1, None])),
        "link-negative": by_hand(payload(_5=[-1, None])),
        "link-false": by_hand(payload(_5=[False, None])),
        "link-hash-of-31-bytes": by_hand(payload(_5=[1, bytes(31)])),
        "time-negative": by_hand(payload(_6=-1)),
        "time-float": by_hand(payload(_6=1.5)),
        "time-beyond-9999": by_hand(payload(_6=253_402_300_800_000)),
        "head-without-root": by_hand(payload(_7=[1, None])),
        "body-list": by_hand(payload(_8=[])),
        "body-text-keys": by_hand(payload(_8={"a": 1})),
        "body-too-deep": by_hand(payload(_8={1: [[[[[[[[]]]]]]]]})),
        "body-tagged": by_hand(payload(_8={1: cbor2.CBORTag(1000, 0)})),
        "body-key-in-two-bytes": by_hand(
            cbor2.dumps(payload(_8={}), canonical=True)[:-1] + b"\xa1\x18\x01\x00"
        ),
        "body-keys-out-of-order": by_hand(
            cbor2.dumps(payload(_8={}), canonical=True)[:-1] + b"\xa2\x02\x00\x01\x00"
        ),
        "body-key-twice": by_hand(
            cbor2.dumps(payload(_8={}), canonical=True)[:-1] + b"\xa2\x01\x00\x01\x00"
        ),
    }
    cases += [
        {"name": f"{name}_fail", "statement": encoded.hex(), "expect": "malformed"}
        for name, encoded in malformed.items()
    ]
    other = statement(Event.INGESTED, ARCHIVIST)
    flips = {
        "signature-bit": plain[:-1] + bytes([plain[-1] ^ 1]),
        "time-changed": encode_sign1(
            cbor2.dumps(headers(), canonical=True),
            cbor2.dumps(payload(_6=1_772_366_400_251), canonical=True),
            plain[-64:],
        ),
        "signature-of-another": plain[:-64] + other[-64:],
    }
    assert plain not in flips.values()
    cases += [
        {
            "name": f"{name}_fail",
            "spki": ARCHIVIST.spki.hex(),
            "statement": encoded.hex(),
            "expect": "signature",
        }
        for name, encoded in flips.items()
    ]
    cases.append(
        {
            "name": "checked-with-another-key_fail",
            "spki": DEVICE.spki.hex(),
            "statement": plain.hex(),
            "expect": "signature",
        }
    )
    return cases


def history() -> tuple[list[dict], list[dict], list[dict], list[dict], LogKeys]:
    """A small log by its statements, what it refuses, and receipts from it."""
    keys = LogKeys.from_seeds(
        "archive.example/vectors", ed25519_seed=seed("vector 1"), mldsa44_seed=seed("vector 6")
    )
    steps: list[dict] = []
    with TemporaryDirectory() as folder:
        genesis = make_genesis(ARCHIVIST, claimed_at=NOON)
        log = create_log(
            Path(folder) / "log.db", keys=keys, genesis=genesis, annex_key=bytes(32), at=NOON
        )
        steps.append({"name": "genesis", "statement": genesis.hex(), "expect": "entry", "index": 0})

        def make(event: Event, signer: PrivateKeySigner, **changes: object) -> bytes:
            object_id = changes.pop("object_id", None)
            assert object_id is None or isinstance(object_id, bytes)
            link = None if object_id is None else log.object_link(object_id)
            defaults = {
                "object_id": object_id,
                "object_link": link,
                "actor_link": log.actor_link(signer.kid),
            }
            return statement(event, signer, **(defaults | changes))

        def take(name: str, encoded: bytes) -> bytes:
            at = NOON + timedelta(seconds=len(steps))
            (entry,) = log.append([Submission(encoded)], at=at)
            log.checkpoint()
            steps.append(
                {
                    "name": name,
                    "statement": encoded.hex(),
                    "expect": "entry",
                    "index": entry.index,
                    "root": log.head().root.hex(),
                }
            )
            return encoded

        def refuse(name: str, expect: str, encoded: bytes) -> None:
            steps.append({"name": f"{name}_fail", "statement": encoded.hex(), "expect": expect})

        refuse("seal-by-unknown-key", "refused", make(Event.SEALED, DEVICE, object_id=OBJECT))
        added = key_added_body(DEVICE.spki, role=Role.DEVICE)
        take("device-added", make(Event.KEY_ADDED, ARCHIVIST, body=added))
        refuse("device-added-twice", "refused", make(Event.KEY_ADDED, ARCHIVIST, body=added))
        wrong = {**added, 1: bytes(32)}
        refuse("key-id-not-the-keys", "refused", make(Event.KEY_ADDED, ARCHIVIST, body=wrong))
        refuse("key-added-by-device", "refused", make(Event.KEY_ADDED, DEVICE, body=added))
        first = take("sealed", make(Event.SEALED, DEVICE, object_id=OBJECT))
        steps.append(
            {"name": "sealed-again", "statement": first.hex(), "expect": "entry", "index": 2}
        )
        refuse("sealed-twice", "refused", make(Event.SEALED, DEVICE, object_id=OBJECT))
        refuse("sealed-by-archivist", "refused", make(Event.SEALED, ARCHIVIST, object_id=bytes(12)))
        refuse(
            "stale-object-link",
            "conflict",
            make(Event.SENT, DEVICE, object_id=OBJECT, object_link=FIRST),
        )
        refuse(
            "stale-actor-link",
            "conflict",
            make(Event.SENT, DEVICE, object_id=OBJECT, actor_link=FIRST),
        )
        refuse(
            "link-to-another-leaf",
            "conflict",
            make(Event.SENT, DEVICE, object_id=OBJECT, object_link=FIRST.next(bytes(32))),
        )
        refuse(
            "erased-before-it-was", "refused", make(Event.ERASED, ARCHIVIST, object_id=bytes(12))
        )
        refuse("sealed-about-nothing", "refused", make(Event.SEALED, DEVICE))
        refuse(
            "key-added-about-an-object",
            "refused",
            make(Event.KEY_ADDED, ARCHIVIST, object_id=OBJECT, body=added),
        )
        take("ingested", make(Event.INGESTED, ARCHIVIST, object_id=OBJECT))
        take("study-closed", make(Event.STUDY_CLOSED, ARCHIVIST))
        refuse(
            "last-archivist-revoked",
            "refused",
            make(
                Event.KEY_REVOKED, ARCHIVIST, body=key_revoked_body(ARCHIVIST.kid, reason="leaves")
            ),
        )
        gone = key_revoked_body(DEVICE.kid, reason="retired")
        take("device-revoked", make(Event.KEY_REVOKED, ARCHIVIST, body=gone))
        refuse("sent-by-revoked-key", "refused", make(Event.SENT, DEVICE, object_id=OBJECT))
        refuse("revoked-twice", "refused", make(Event.KEY_REVOKED, ARCHIVIST, body=gone))
        take("erased", make(Event.ERASED, ARCHIVIST, object_id=OBJECT))
        refuse("erased-twice", "refused", make(Event.ERASED, ARCHIVIST, object_id=OBJECT))
        entries = [entry.statement for entry in log.entries()]
        receipts = receipts_of(log.prove, entries, keys)
        cose = cose_receipts_of(log, entries, keys)
        grown = cose_consistency_of(log, keys)
        log.close()
    return steps, receipts, cose, grown, keys


def receipts_of(prove: Callable[..., bytes], entries: list[bytes], keys: LogKeys) -> list[dict]:
    vkeys = list(keys.vkeys)
    other = list(
        LogKeys.from_seeds(
            "elsewhere.example", ed25519_seed=seed("x"), mldsa44_seed=seed("y")
        ).vkeys
    )
    cases: list[dict] = []

    def case(name: str, index: int, receipt: bytes, expect: str, trusted: list[str]) -> None:
        cases.append(
            {
                "name": name if expect == "included" else f"{name}_fail",
                "statement": entries[index].hex(),
                "receipt": receipt.decode(),
                "vkeys": trusted,
                "expect": expect,
                "index": index,
            }
        )

    last = len(entries) - 1
    good = prove(2)
    text, _, lines = good.rpartition(b"\n\n")
    ed25519_line, mldsa44_line = (line + b"\n" for line in lines.split(b"\n")[:2])
    text += b"\n\n"
    path = good.split(b"\n\n")[0].split(b"\n")[2:]
    for index in range(len(entries)):
        case(f"entry-{index}", index, prove(index), "included", vkeys)
    case("entry-2-of-3", 2, prove(2, size=3), "included", vkeys)
    case("one-entry-no-path", 0, prove(0, size=1), "included", vkeys)
    extra = good.replace(b"\nindex", b"\nextra ZXh0cmE=\nindex", 1)
    case("with-extra-data", 2, extra, "included", vkeys)
    unknown = good + "— witness.example AAAAAAAAAAAA\n".encode()
    case("line-of-an-unknown-witness", 2, unknown, "included", vkeys)
    case("ed25519-key-only", 2, text + ed25519_line, "included", vkeys[:1])
    case("mldsa44-key-only", 2, text + mldsa44_line, "included", vkeys[1:])
    case("no-mldsa44-line", 2, text + ed25519_line, "proof", vkeys)
    case("no-ed25519-line", 2, text + mldsa44_line, "proof", vkeys)
    case("unknown-log", 2, good, "unknown-log", other)
    case("no-log-configured", 2, good, "unknown-log", [])
    case("another-entry", last, good, "proof", vkeys)
    case("index-plus-one", 2, good.replace(b"index 2", b"index 3"), "proof", vkeys)
    case("index-past-the-end", 2, good.replace(b"index 2", b"index 99"), "proof", vkeys)
    case("path-shortened", 2, good.replace(path[-1] + b"\n", b"", 1), "proof", vkeys)
    case("path-doubled", 2, good.replace(path[-1], path[-1] + b"\n" + path[-1], 1), "proof", vkeys)
    case(
        "path-swapped",
        2,
        good.replace(path[0] + b"\n" + path[1], path[1] + b"\n" + path[0]),
        "proof",
        vkeys,
    )
    root = parse_receipt(good).checkpoint.split(b"\n")[2]
    case("root-replaced", 2, good.replace(root, b"A" * 43 + b"="), "proof", vkeys)
    case(
        "size-replaced",
        2,
        good.replace(b"\n%d\n" % len(entries), b"\n%d\n" % (len(entries) - 1)),
        "proof",
        vkeys,
    )
    for name, old, new in (
        ("header-version-2", b"proof@v1", b"proof@v2"),
        ("index-missing", b"index 2\n", b""),
        ("index-leading-zero", b"index 2", b"index 02"),
        ("index-signed", b"index 2", b"index +2"),
        ("index-huge", b"index 2", b"index 9223372036854775808"),
        ("line-ends-crlf", b"\n", b"\r\n"),
        ("path-base64-without-padding", path[0], path[0][:-1]),
        ("path-hash-of-33-bytes", path[0], b"A" * 44),
        ("empty-line-missing", b"\n\narchive", b"\narchive"),
        ("extra-not-base64", b"\nindex", b"\nextra ZXh0cmF=\nindex"),
        ("checkpoint-without-signatures", lines, b""),
        ("checkpoint-size-leading-zero", b"\n%d\n" % len(entries), b"\n0%d\n" % len(entries)),
    ):
        case(name, 2, good.replace(old, new), "malformed", vkeys)
    case("cut-after-path", 2, good.split(b"\n\n")[0] + b"\n\n", "malformed", vkeys)
    case("empty", 2, b"", "malformed", vkeys)
    return cases


def cose_receipts_of(log: Log, entries: list[bytes], keys: LogKeys) -> list[dict]:
    """COSE receipts, good and bad; the bad ones are signed by the log unless that is the point."""
    vkeys, size, root = list(keys.vkeys), len(entries), log.head().root
    signer = keys.ed25519_signer
    good = log.prove_cose(2, keys=keys)
    protected, unprotected, _, signature = cbor2.loads(good).value
    header = dict(cbor2.loads(protected))
    (proof,) = unprotected[396][-1]
    path = cbor2.loads(proof)[2]
    cases: list[dict] = []

    def case(name: str, receipt: bytes, expect: str, *, index: int = 2, **more: object) -> None:
        cases.append(
            {
                "name": name if expect == "included" else f"{name}_fail",
                "statement": entries[index].hex(),
                "receipt": receipt.hex(),
                "vkeys": vkeys,
                "expect": expect,
                "index": index,
                "size": size,
                "root": root.hex(),
            }
            | more
        )

    def by_hand(
        head: object = header, inclusion: object = None, *, order: bool = True, **parts: object
    ) -> bytes:
        encoded = cbor2.dumps(head, canonical=order)
        inclusion = inclusion or [size, 2, path]
        sealed = signer.sign(to_be_signed(encoded, root))
        vdp = parts.get("vdp", {-1: [cbor2.dumps(inclusion)]})
        return cbor2.dumps(cbor2.CBORTag(18, [encoded, {396: vdp}, parts.get("payload"), sealed]))

    for index in range(size):
        case(f"entry-{index}", log.prove_cose(index, keys=keys), "included", index=index)
    first = merkle_root([hash_leaf(entries[0])])
    one = log.prove_cose(0, keys=keys, size=1)
    case("one-entry-no-path", one, "included", index=0, size=1, root=first.hex())
    case(
        "header-in-another-order", by_hand(dict(reversed(header.items())), order=False), "included"
    )
    case("unknown-parameter", by_hand(header | {-70000: "note"}), "included")
    case("algorithm-ed25519", by_hand(header | {1: -19}), "included")
    case("kid-missing", by_hand({k: v for k, v in header.items() if k != 4}), "included")
    case("ed25519-key-only", good, "included", vkeys=vkeys[:1])
    case("mldsa44-key-only", good, "unknown-log", vkeys=vkeys[1:])
    case("no-log-configured", good, "unknown-log", vkeys=[])
    case("issuer-of-another-log", by_hand(header | {15: {1: "elsewhere.example"}}), "unknown-log")
    case("issuer-missing", by_hand(header | {15: {}}), "unknown-log")
    case("another-entry", good, "proof", index=size - 1)
    case("algorithm-es256", by_hand(header | {1: -7}), "proof")
    case("algorithm-none", by_hand(header | {1: 0}), "proof")
    case("index-plus-one", by_hand(inclusion=[size, 3, path]), "proof")
    case("size-halved", by_hand(inclusion=[3, 2, path]), "proof")
    case("path-shortened", by_hand(inclusion=[size, 2, path[:-1]]), "proof")
    case("path-swapped", by_hand(inclusion=[size, 2, [path[1], path[0], *path[2:]]]), "proof")
    flipped = signature[:-1] + bytes([signature[-1] ^ 1])
    case("signature-bit", good[: -len(signature)] + flipped, "proof")
    case("root-attached", by_hand(payload=root), "malformed")
    case("structure-ccf", by_hand(header | {395: 2}), "malformed")
    case("structure-unknown", by_hand(header | {395: 3}), "malformed")
    case("structure-true", by_hand(header | {395: True}), "malformed")
    case("structure-missing", by_hand({k: v for k, v in header.items() if k != 395}), "malformed")
    case("algorithm-missing", by_hand({k: v for k, v in header.items() if k != 1}), "malformed")
    case("critical", by_hand(header | {2: [395]}), "malformed")
    case("issuer-number", by_hand(header | {15: {1: 7}}), "malformed")
    case("no-proof", by_hand(vdp={-1: []}), "malformed")
    case("two-proofs", by_hand(vdp={-1: [proof, proof]}), "malformed")
    case("consistency-only", by_hand(vdp={-2: [proof]}), "malformed")
    case("proofs-no-map", by_hand(vdp=[proof]), "malformed")
    case("index-past-the-end", by_hand(inclusion=[size, size, path]), "malformed")
    case("index-negative", by_hand(inclusion=[size, -1, path]), "malformed")
    case("size-true", by_hand(inclusion=[True, 0, []]), "malformed")
    case("path-of-64", by_hand(inclusion=[size, 2, [bytes(32)] * 64]), "malformed")
    case("path-hash-of-31-bytes", by_hand(inclusion=[size, 2, [bytes(31)]]), "malformed")
    case("path-text", by_hand(inclusion=[size, 2, ["a" * 32]]), "malformed")
    case("header-no-map", by_hand([]), "malformed")
    case("untagged", good[1:], "malformed")
    case("trailing-byte", good + b"\x00", "malformed")
    case("cut", good[:-1], "malformed")
    case("number-in-two-bytes", by_hand(vdp={-1: [b"\x83\x18" + proof[1:]]}), "malformed")
    case("empty", b"", "malformed")
    return cases


def cose_consistency_of(log: Log, keys: LogKeys) -> list[dict]:
    """COSE receipts of consistency, good and bad, the bad ones signed as those of inclusion."""
    vkeys, size, root = list(keys.vkeys), log.head().size, log.head().root
    leaves = [entry.leaf_hash for entry in log.entries()]
    good = log.prove_cose_consistency(3, keys=keys)
    protected, unprotected, _, signature = cbor2.loads(good).value
    header = dict(cbor2.loads(protected))
    (proof,) = unprotected[396][-2]
    path = cbor2.loads(proof)[2]
    cases: list[dict] = []

    def case(name: str, receipt: bytes, expect: str, *, old: int = 3, **more: object) -> None:
        cases.append(
            {
                "name": name if expect == "consistent" else f"{name}_fail",
                "old_size": old,
                "old_root": merkle_root(leaves[:old]).hex(),
                "receipt": receipt.hex(),
                "vkeys": vkeys,
                "expect": expect,
                "size": size,
                "root": root.hex(),
            }
            | more
        )

    def by_hand(head: object = header, grown: object = None, **parts: object) -> bytes:
        encoded = cbor2.dumps(head, canonical=True)
        sealed = keys.ed25519_signer.sign(to_be_signed(encoded, root))
        grown = cbor2.dumps([3, size, path] if grown is None else grown)
        vdp = parts.get("vdp", {-2: [grown]})
        return cbor2.dumps(cbor2.CBORTag(18, [encoded, {396: vdp}, parts.get("payload"), sealed]))

    for old in range(1, size):
        receipt = log.prove_cose_consistency(old, keys=keys)
        case(f"from-{old}", receipt, "consistent", old=old)
    case("by-hand", by_hand(), "consistent")
    case("algorithm-ed25519", by_hand(header | {1: -19}), "consistent")
    case("inclusion-beside", by_hand(vdp={-1: [b""], -2: [proof]}), "consistent")
    case("mldsa44-key-only", good, "unknown-log", vkeys=vkeys[1:])
    case("issuer-of-another-log", by_hand(header | {15: {1: "elsewhere.example"}}), "unknown-log")
    case("issuer-missing", by_hand(header | {15: {}}), "unknown-log")
    case("another-old-size", good, "proof", old=4)
    case("another-old-root", good, "proof", old_root=bytes(32).hex())
    case("old-size-moved", by_hand(grown=[4, size, path]), "proof", old=4)
    # The root binds no size: nobody can tell, and nobody may believe it (docs/spec/receipt.md).
    case("new-size-moved", by_hand(grown=[3, size + 1, path]), "consistent", size=size + 1)
    case("new-size-doubled", by_hand(grown=[3, 2 * size, path]), "proof")
    case("path-shortened", by_hand(grown=[3, size, path[:-1]]), "proof")
    case("path-lengthened", by_hand(grown=[3, size, [*path, bytes(32)]]), "proof")
    case("path-reversed", by_hand(grown=[3, size, path[::-1]]), "proof")
    case("algorithm-es256", by_hand(header | {1: -7}), "proof")
    flipped = signature[:-1] + bytes([signature[-1] ^ 1])
    case("signature-bit", good[: -len(signature)] + flipped, "proof")
    case("root-attached", by_hand(payload=root), "malformed")
    case("structure-ccf", by_hand(header | {395: 2}), "malformed")
    case("critical", by_hand(header | {2: [395]}), "malformed")
    case("inclusion-only", by_hand(vdp={-1: [proof]}), "malformed")
    case("no-proof", by_hand(vdp={-2: []}), "malformed")
    case("two-proofs", by_hand(vdp={-2: [proof, proof]}), "malformed")
    case("path-empty", by_hand(grown=[3, size, []]), "malformed")
    case("from-nothing", by_hand(grown=[0, size, path]), "malformed")
    case("same-size", by_hand(grown=[size, size, path]), "malformed")
    case("shrunk", by_hand(grown=[size, 3, path]), "malformed")
    case("size-true", by_hand(grown=[True, size, path]), "malformed")
    case("size-beyond-63-bits", by_hand(grown=[3, 2**63, path]), "malformed")
    case("path-of-64", by_hand(grown=[3, size, [bytes(32)] * 64]), "malformed")
    case("path-hash-of-31-bytes", by_hand(grown=[3, size, [bytes(31)]]), "malformed")
    case("cut", good[:-1], "malformed")
    case("empty", b"", "malformed")
    return cases


def tree() -> dict:
    """Roots and proofs of growing trees, folded into one hash each ("accumulated")."""
    leaves = [hash_leaf(number.to_bytes(4, "big")) for number in range(600)]
    builder, shelf = TreeBuilder(), {}
    shelf.update(builder.extend(leaves))

    def read(level: int, number: int) -> bytes:
        return shelf[level, number]

    roots, inclusion, consistency = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    for size in range(1, 601):
        assert root_at(size, read) == merkle_root(leaves[:size])
        roots.update(root_at(size, read))
    for size in range(1, 65):
        for index in range(size):
            inclusion.update(b"".join(inclusion_path(index, size, read)))
            consistency.update(b"".join(consistency_path(index + 1, size, read)))
    return {
        "leaves": "leaf hashes of the numbers 0 to 599, each as four bytes, big endian",
        "roots_of_1_to_600": roots.hexdigest(),
        "inclusion_paths_up_to_64": inclusion.hexdigest(),
        "consistency_paths_up_to_64": consistency.hexdigest(),
        "root_of_600": builder.root.hex(),
    }


def main() -> None:
    steps, receipts, cose, grown, keys = history()
    made_with = f"cryptography {cryptography.__version__}, radseal statement 1"
    log = {
        "made_with": made_with,
        "origin": keys.origin,
        "vkeys": list(keys.vkeys),
        "keys_file": keys.to_bytes().decode(),
        "steps": steps,
    }
    for path, content in (
        ("statement/cases.json", {"made_with": made_with, "cases": statements()}),
        ("receipt/cases.json", {"made_with": made_with, "cases": receipts}),
        ("cose-receipt/cases.json", {"made_with": made_with, "cases": cose}),
        ("cose-consistency/cases.json", {"made_with": made_with, "cases": grown}),
        ("log/history.json", log),
        ("log/tree.json", tree()),
    ):
        (VECTORS / path).parent.mkdir(exist_ok=True)
        (VECTORS / path).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
