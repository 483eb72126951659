"""Proofs from tiles, by size of the tree; opening and memory; verifying a tlog-proof."""

import json
import secrets
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median

from benchmarks.ledger.limits import quantile, timed
from benchmarks.ledger.plan import Plan
from benchmarks.ledger.rows import Row
from benchmarks.ledger.sealing import KEYS, NOW, Sealer, make_log, opened
from benchmarks.ledger.synthetic import tile_log
from ledger import Cosigner, Note, TrustedLogs, open_receipt, parse_note, parse_policy
from ledger.checkpoints.checkpoint import parse_checkpoint
from ledger.checkpoints.trusted_logs import REMEMBERED
from ledger.receipts.receipt import Receipt, parse_receipt
from ledger.tree.tiles import TILE_WIDTH

PROOFS = 2_000
_SYNTHETIC = "synthetic tiles"


def proofs(plan: Plan) -> list[Row]:
    """Inclusion and consistency at each size, from tiles that no statement stands behind."""
    return [row for size in plan.proof_sizes for row in _at(plan, size)]


def _at(plan: Plan, wanted: int) -> list[Row]:
    path = plan.path(f"tiles-{wanted}")
    size = tile_log(path, -(-wanted // TILE_WIDTH))
    most = 2 if wanted > 10**7 else 1
    rows = []
    with opened(path, writable=False) as log:
        kinds: dict[str, Callable[[], object]] = {
            "inclusion": lambda: log.prove(secrets.randbelow(size)),
            "consistency": lambda: log.consistency(1 + secrets.randbelow(size), size),
        }
        for name, work in kinds.items():
            work()
            times = [1e3 * timed(work) for _ in range(PROOFS)]
            p50, p99 = median(times), quantile(times, 0.99)
            what = f"{name} proof at {wanted:,.0f}"
            bar = most if wanted >= 10**7 else None
            points = [(name, float(wanted), p50)]
            rows.append(Row(f"{what}, p50", f"{p50:.2f} ms", p50, "ms", bar, _SYNTHETIC, points))
            bar = 10 if bar else None
            rows.append(Row(f"{what}, p99", f"{p99:.2f} ms", p99, "ms", bar, _SYNTHETIC))
    firsts = [1e3 * child("first", path)["seconds"] for _ in range(plan.turns)]
    words = "opening included; imports are not"
    what = f"first proof in a new process at {wanted:,.0f}"
    rows.append(Row(what, f"{median(firsts):.1f} ms", median(firsts), "ms", 50, words))
    return rows


def opening(plan: Plan) -> list[Row]:
    """Opening for writing, and memory, at the largest of the usual trees."""
    wanted = max(size for size in plan.proof_sizes if size <= 10**7)
    path = plan.fresh("opened")
    tile_log(path, -(-wanted // TILE_WIDTH))
    runs = [child("live", path) for _ in range(plan.turns)]
    seconds = median(run["seconds"] for run in runs)
    peak = max(run["megabytes"] for run in runs)
    path.unlink()
    return [
        Row(f"open for writing at {wanted:,.0f}", f"{seconds:.3f} s", seconds, "s", 1, _SYNTHETIC),
        Row(
            f"memory: open, append 64, prove 1,000 at {wanted:,.0f}",
            f"{peak:.0f} MB",
            peak,
            "MB",
            200,
            f"{_SYNTHETIC}; whole process",
        ),
    ]


def verifying(plan: Plan) -> list[Row]:
    """A tlog-proof with four cosignatures, beside the two signatures of the log itself."""
    path = plan.fresh("verified")
    make_log(path)
    with opened(path) as log:
        log.append(Sealer(log).seal(1_000), at=NOW)
        log.checkpoint()
        statement, proof = log.entry(500).statement, parse_receipt(log.prove(500))
    cosigners = [Cosigner.generate(f"witness-{n}.example") for n in range(4)]
    policy = (
        "".join(f"witness w{n} {each.vkeys[0]}\n" for n, each in enumerate(cosigners))
        + "group all 4 w0 w1 w2 w3\nquorum all\n"
    )
    note = parse_note(proof.checkpoint)
    checkpoint, now = parse_checkpoint(note.text), int(datetime.now(UTC).timestamp())
    logs = TrustedLogs.from_vkeys(KEYS.vkeys, policy=parse_policy(policy.encode()))

    def receipt(timestamp: int) -> bytes:
        lines = tuple(each.cosign(checkpoint, timestamp=timestamp)[0] for each in cosigners)
        whole = Note(note.text, note.signatures + lines)
        return bytes(Receipt(proof.index, proof.path, bytes(whole)))

    # More than are remembered, in a circle: each is opened as if it were the first.
    fresh = [receipt(now - seconds) for seconds in range(2 * REMEMBERED)]
    first: list[float] = []
    again: list[float] = []
    for each, _ in zip(cycle(fresh), range(PROOFS), strict=False):
        for times in (first, again):
            times.append(1e3 * timed(partial(open_receipt, statement, each, logs=logs)))
    what, six = "verify a tlog-proof with 4 cosignatures", "two of the log, four of witnesses"
    p50 = median(first)
    return [
        Row(what, f"{p50:.2f} ms", p50, "ms", 1, f"six signatures: {six}"),
        Row(f"{what}, of a known checkpoint", f"{median(again):.3f} ms", note="no signature"),
    ]


def child(work: str, path: Path) -> dict[str, float]:
    """Return what ``benchmarks.ledger.child`` measured."""
    command = [sys.executable, "-m", "benchmarks.ledger.child", work, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


SECTIONS: dict[str, Callable[[Plan], list[Row]]] = {
    "Proofs": proofs,
    "Opening and memory": opening,
    "Verifying": verifying,
}
