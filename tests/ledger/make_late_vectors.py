"""Makes tests/vectors/log/history-late.json: run it as a script. Signatures are Ed25519 alone."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import cryptography
from cryptography.hazmat.primitives.asymmetric import ed25519

from ledger import (
    FIRST,
    Event,
    Link,
    LogKeys,
    PrivateKeySigner,
    Role,
    Submission,
    create_log,
    hash_leaf,
    key_added_body,
    make_genesis,
    sign_statement,
)

TARGET = Path(__file__).parents[1] / "vectors/log/history-late.json"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OBJECT, OTHER = bytes(range(12)), bytes(range(12, 24))


def seed(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def signer(name: str) -> PrivateKeySigner:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed(f"vector late {name}"))
    return PrivateKeySigner.from_private_key(key)


ARCHIVIST, DEVICE, RIVAL = signer("archivist"), signer("device"), signer("rival")


def main() -> None:
    keys = LogKeys.from_seeds(
        "archive.example/late", ed25519_seed=seed("late 1"), mldsa44_seed=seed("late 6")
    )
    steps: list[dict[str, object]] = []
    with TemporaryDirectory() as folder:
        genesis = make_genesis(ARCHIVIST, claimed_at=NOON)
        log = create_log(
            Path(folder) / "log.db", keys=keys, genesis=genesis, annex_key=bytes(32), at=NOON
        )
        steps.append({"name": "genesis", "statement": genesis.hex(), "expect": "entry", "index": 0})

        def make(
            event: Event,
            who: PrivateKeySigner,
            about: bytes | None,
            link: Link | None = None,
            body: dict[int, object] | None = None,
        ) -> bytes:
            if about is not None and link is None:
                link = log.object_link(about)
            return sign_statement(
                event=event,
                object_id=about,
                object_link=link,
                actor_link=log.actor_link(who.kid),
                claimed_at=NOON + timedelta(seconds=len(steps)),
                head_seen=None,
                body=body or {},
                signer=who,
            )

        def take(name: str, encoded: bytes) -> bytes:
            (entry,) = log.append([Submission(encoded)], at=NOON)
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

        for name, who in (("device", DEVICE), ("rival", RIVAL)):
            added = key_added_body(who.spki, role=Role.DEVICE)
            take(f"{name}-added", make(Event.KEY_ADDED, ARCHIVIST, None, body=added))
        foreign = take("ingested-first", make(Event.INGESTED, ARCHIVIST, OBJECT))
        take("verified-first", make(Event.VERIFIED, ARCHIVIST, OBJECT))
        refuse("sent-before-it-was-sealed", "conflict", make(Event.SENT, DEVICE, OBJECT, FIRST))
        after = FIRST.next(hash_leaf(foreign))
        refuse("seal-after-another", "refused", make(Event.SEALED, DEVICE, OBJECT, after))
        sealed = take("sealed-late", make(Event.SEALED, DEVICE, OBJECT, FIRST))
        own = FIRST.next(hash_leaf(sealed))
        refuse("sealed-late-twice", "conflict", make(Event.SEALED, DEVICE, OBJECT, FIRST))
        refuse("sent-after-anothers-word", "conflict", make(Event.SENT, DEVICE, OBJECT, after))
        two = Link(2, hash_leaf(sealed))
        refuse("sent-with-another-number", "conflict", make(Event.SENT, DEVICE, OBJECT, two))
        refuse("sent-about-another-object", "conflict", make(Event.SENT, DEVICE, OTHER, own))
        refuse("verified-late", "conflict", make(Event.VERIFIED, ARCHIVIST, OBJECT, after))
        take("verified-after-it", make(Event.VERIFIED, ARCHIVIST, OBJECT))
        take("sent-late", make(Event.SENT, DEVICE, OBJECT, own))
        refuse("sent-late-again", "conflict", make(Event.SENT, DEVICE, OBJECT, own))
        take("sealed-by-a-rival", make(Event.SEALED, RIVAL, OBJECT, FIRST))
        take("erased", make(Event.ERASED, ARCHIVIST, OBJECT))
        take("ingested-second", make(Event.INGESTED, ARCHIVIST, OTHER))
        take("erased-second", make(Event.ERASED, ARCHIVIST, OTHER))
        take("sealed-after-it-was-erased", make(Event.SEALED, DEVICE, OTHER, FIRST))
        assert log.audit().ok
        log.close()
    content = {
        "made_with": f"cryptography {cryptography.__version__}, radseal statement 1, log format 4",
        "origin": keys.origin,
        "vkeys": list(keys.vkeys),
        "keys_file": keys.to_bytes().decode(),
        "steps": steps,
    }
    TARGET.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
