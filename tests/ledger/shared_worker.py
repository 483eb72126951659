"""A process that registers at a log on PostgreSQL with others; used by test_many_processes.py.

Usage: shared_worker.py URL KEYS SEED COUNT BATCH LEASE STALLED: seals COUNT objects with the key of
SEED (hex), BATCH at a time, or until its input ends, and prints index and leaf hash of each entry
once it is acknowledged. COUNT 0 only logs what others register. LEASE and STALLED are seconds.
"""

import os
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

from cryptography.hazmat.primitives.asymmetric import ed25519

import ledger.storage.postgresql
from ledger import (
    FIRST,
    BusyError,
    Event,
    LogKeys,
    PrivateKeySigner,
    SharedSequencer,
    Submission,
    UnreachableError,
    hash_leaf,
    open_log,
    sign_statement,
)
from ledger.appending.draft import receive
from ledger.statements.keyring import Keyring

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def main(url: str, keys_path: str, seed: str, count: int, batch: int, lease: float) -> None:
    signer = PrivateKeySigner.from_private_key(
        ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    )
    keys = LogKeys.from_bytes(Path(keys_path).read_bytes())
    told: list[bool] = []
    Thread(target=lambda: told.append(not sys.stdin.read()), daemon=True).start()
    with open_log(url, keys=keys, annex_key=None, checkpoint_every=None) as log:
        sequencer = SharedSequencer(log, lambda: NOON, lease_seconds=lease)
        print("ready", sequencer._taker.lease.holder.hex(), flush=True)
        try:
            link = log.actor_link(signer.kid)
            while count > 0 and not told:
                arrivals = []
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
                    arrivals.append(receive([Submission(statement)], Keyring())[0])
                entries = None
                while entries is None:  # what was not acknowledged is sent again
                    with suppress(BusyError, UnreachableError):
                        entries = sequencer.submit(arrivals).result(120)
                for entry in entries:
                    print(entry.index, entry.leaf_hash.hex(), flush=True)
                count -= len(arrivals)
            while not told and count == 0:
                time.sleep(0.05)
        finally:
            sequencer.close()


if __name__ == "__main__":
    ledger.storage.postgresql.STALLED_SECONDS = float(sys.argv[7])
    main(*sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5]), float(sys.argv[6]))
