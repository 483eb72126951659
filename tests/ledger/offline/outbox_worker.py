"""A device that seals into its outbox, or syncs it, until it is killed; used by test_outbox.py.

Usage: outbox_worker.py seal OUTBOX VKEYS SEED COUNT | sync OUTBOX VKEYS LOG KEYS
Prints the leaf hash of each statement once it was handed out.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519

from ledger import (
    FIRST,
    Event,
    LogKeys,
    Outbox,
    PrivateKeySigner,
    Submission,
    TrustedLogs,
    open_log,
    open_outbox,
    sign_statement,
    sync_outbox,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def seal(outbox: Outbox, seed: str, count: int) -> None:
    signer = PrivateKeySigner.from_private_key(
        ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    )
    for _ in range(count):
        statement = sign_statement(
            event=Event.SEALED,
            object_id=os.urandom(12),
            object_link=FIRST,
            actor_link=outbox.actor_link(signer.kid),
            claimed_at=NOON,
            head_seen=None,
            body={},
            signer=signer,
        )
        (kept,) = outbox.append([Submission(statement, annex=b"annex")], at=NOON)
        print(kept.leaf_hash.hex(), flush=True)


def main(what: str, path: str, vkeys: str, *rest: str) -> None:
    trusted = TrustedLogs.from_vkeys(Path(vkeys).read_text().splitlines())
    outbox = open_outbox(Path(path), key=bytes(32), trusted=trusted)
    if what == "seal":
        seal(outbox, rest[0], int(rest[1]))
        return
    keys = LogKeys.from_bytes(Path(rest[1]).read_bytes())
    with open_log(rest[0], keys=keys, annex_key=bytes.fromhex(rest[2])) as log:
        print("open", flush=True)
        sync_outbox(outbox, log, clock=lambda: NOON, batch=5)


if __name__ == "__main__":
    main(*sys.argv[1:])
