"""How fast a log is, beside the limits of the machine measured in the same run.

Usage: python benchmarks/log.py [FOLDER]   (FOLDER on the disk that matters; default: here)

F is fdatasync per second after appending 600 bytes, S SHA-256 per second of 600 bytes, V Ed25519
verifications per second, each on one core. Other work on the machine moves all of them: compare
the ratios, not the rates.
"""

import hashlib
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519

from ledger import (
    FIRST,
    Event,
    Log,
    LogKeys,
    PrivateKeySigner,
    Role,
    Submission,
    TrustedLogs,
    create_log,
    hash_leaf,
    key_added_body,
    make_genesis,
    open_log,
    open_receipt,
    sign_statement,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ENTRIES = 20_000


def rate(work: Callable[[], object], seconds: float = 1.0) -> float:
    """Return how often ``work`` runs per second."""
    count, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        work()
        count += 1
    return count / elapsed


def fdatasync_rate(folder: Path) -> float:
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        descriptor, block = file.fileno(), bytes(600)

        def write() -> None:
            os.write(descriptor, block)
            os.fdatasync(descriptor)

        return rate(write)


class Sealer:
    """Makes the statements of one device, in its order."""

    def __init__(self, log: Log, signer: PrivateKeySigner) -> None:
        self._signer = signer
        self._link = log.actor_link(signer.kid)

    def seal(self) -> Submission:
        statement = sign_statement(
            event=Event.SEALED,
            object_id=secrets.token_bytes(12),
            object_link=FIRST,
            actor_link=self._link,
            claimed_at=NOW,
            head_seen=None,
            body={1: secrets.token_bytes(32), 2: secrets.token_bytes(32)},
            signer=self._signer,
        )
        self._link = self._link.next(hash_leaf(statement))
        return Submission(statement)


def append_rate(log: Log, sealer: Sealer, batch: int, batches: int) -> float:
    """Return appends (not entries) per second."""
    ready = [[sealer.seal() for _ in range(batch)] for _ in range(batches)]
    start = time.perf_counter()
    for submissions in ready:
        log.append(submissions, at=NOW)
    return batches / (time.perf_counter() - start)


def main(folder: Path) -> None:
    archivist, device = (
        PrivateKeySigner.from_private_key(ed25519.Ed25519PrivateKey.generate()) for _ in range(2)
    )
    private = ed25519.Ed25519PrivateKey.generate()
    public, message = private.public_key(), bytes(400)
    signature = private.sign(message)
    block = bytes(600)
    keys = LogKeys.generate("benchmark.example")
    path = folder / "log.db"
    genesis = make_genesis(archivist, claimed_at=NOW)
    log = create_log(path, keys=keys, genesis=genesis, annex_key=bytes(32), at=NOW)
    added = sign_statement(
        event=Event.KEY_ADDED,
        object_id=None,
        object_link=None,
        actor_link=log.actor_link(archivist.kid),
        claimed_at=NOW,
        head_seen=None,
        body=key_added_body(device.spki, role=Role.DEVICE),
        signer=archivist,
    )
    log.append([Submission(added)], at=NOW)
    sealer = Sealer(log, device)
    append_rate(log, sealer, 1, 50)

    def limits() -> tuple[float, float, float]:
        return (
            fdatasync_rate(folder),
            rate(lambda: hashlib.sha256(block).digest()),
            rate(lambda: public.verify(signature, message)),
        )

    f, s, v = limits()  # S is printed for whoever compares with a plain hash chain
    print(f"F fdatasync {f:9,.0f}/s   S SHA-256 {s:11,.0f}/s   V Ed25519 verify {v:8,.0f}/s")
    single = append_rate(log, sealer, 1, 1_500)
    print(f"append, one at a time        {single:9,.0f} entries/s  {single / f:5.2f} F (goal 0.30)")
    for batch in (64, 256):
        batched = batch * append_rate(log, sealer, batch, 4_096 // batch)
        print(
            f"append, {batch:3} at a time         {batched:9,.0f} entries/s  {batched / v:5.2f} V"
        )
    while log.size < ENTRIES:
        log.append([sealer.seal() for _ in range(256)], at=NOW)
    size = log.size
    prove = rate(lambda: log.prove(secrets.randbelow(size)))
    print(f"prove (receipt)              {prove:9,.0f}/s  {1e3 / prove:.2f} ms at {size:,} entries")
    receipt, statement = log.prove(7), log.entry(7).statement
    trusted = TrustedLogs.from_vkeys(keys.vkeys)
    check = rate(lambda: open_receipt(statement, receipt, logs=trusted))
    print(
        f"verify a receipt             {check:9,.0f}/s  {check / v:5.2f} V ({len(receipt)} bytes)"
    )
    _, _, v = limits()
    start = time.perf_counter()
    report = log.audit()
    audit = report.size / (time.perf_counter() - start)
    assert report.ok, report.findings
    print(f"audit, signatures and all    {audit:9,.0f} entries/s  {audit / v:5.2f} V")
    log.close()
    start = time.perf_counter()
    open_log(path, keys=keys, annex_key=None).close()
    opened = 1e3 * (time.perf_counter() - start)
    print(f"open and close               {opened:9.1f} ms")
    per_entry = path.stat().st_size / size
    signed = len(statement)
    print(f"file                         {per_entry:9.0f} bytes an entry ({signed} of it signed)")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else ".") as temporary:
        main(Path(temporary))
