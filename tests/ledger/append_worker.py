"""A process that appends to a log until it is told to stop, or killed; used by test_crash.py.

Usage: append_worker.py LOG KEYS SEED COUNT BATCH: seals COUNT objects with the key of SEED (hex),
BATCH at a time, and prints the index of each entry once ``append`` has returned.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519

from ledger import (
    FIRST,
    BusyError,
    Event,
    LogKeys,
    PrivateKeySigner,
    Submission,
    hash_leaf,
    open_log,
    sign_statement,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def main(path: str, keys_path: str, seed: str, count: int, batch: int) -> None:
    signer = PrivateKeySigner.from_private_key(
        ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    )
    keys = LogKeys.from_bytes(Path(keys_path).read_bytes())
    with open_log(path, keys=keys, annex_key=None) as log:
        link = log.actor_link(signer.kid)
        while count > 0:
            submissions = []
            for _ in range(min(batch, count)):
                statement = sign_statement(
                    event=Event.SEALED,
                    object_id=os.urandom(12),
                    object_link=FIRST,
                    actor_link=link,
                    claimed_at=NOON,
                    head_seen=None,
                    body={},
                    signer=signer,
                )
                link = link.next(hash_leaf(statement))
                submissions.append(Submission(statement))
            entries = None
            while entries is None:
                try:
                    entries = log.append(submissions, at=NOON)
                except BusyError:
                    continue
            for entry in entries:
                print(entry.index, entry.leaf_hash.hex(), flush=True)
            count -= len(entries)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
