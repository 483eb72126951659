"""From append to a cosigned tlog-proof in hand: three witness processes, one of them killed."""

import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.ledger.limits import quantile
from benchmarks.ledger.plan import Plan
from benchmarks.ledger.rows import Row
from benchmarks.ledger.sealing import KEYS, Sealer, make_log
from benchmarks.ledger.servers import server
from ledger import (
    Gate,
    Log,
    NotFoundError,
    Sequencer,
    Submission,
    TrustedLogs,
    Witnesses,
    open_log,
    open_receipt,
    parse_policy,
)
from provenance.servers.witness_folder import WitnessFolder

COUNT, QUORUM = 3, 2
PUBLISH_SECONDS = 1.0
_PATIENCE = 30.0


def witnessed(plan: Plan) -> list[Row]:
    """How long a signer waits for a proof that a quorum of witnesses stands behind."""
    path = plan.fresh("witnessed")
    make_log(path)
    times: list[float] = []
    pauses = random.Random(1)
    with tempfile.TemporaryDirectory(dir=plan.folder) as folder, _witnesses(Path(folder)) as text:
        policy = parse_policy(text)
        logs = TrustedLogs.from_vkeys(KEYS.vkeys, policy=policy)
        asked = Witnesses(policy)
        with (
            open_log(
                path, keys=KEYS, annex_key=None, witnesses=asked, checkpoint_every=None
            ) as log,
            open_log(path, keys=None, annex_key=None) as reader,
            _sequencer(log) as sequencer,
        ):
            sealer, gate = Sealer(log), Gate(reader)
            for _ in range(plan.witnessed):
                time.sleep(pauses.random() * PUBLISH_SECONDS)
                (submission,) = sealer.seal()
                start = time.perf_counter()
                receipt = _register(sequencer, gate, reader, submission)
                open_receipt(submission.statement, receipt, logs=logs)
                times.append(time.perf_counter() - start)
    p50, p99 = quantile(times, 0.5), quantile(times, 0.99)
    words = f"p50 {p50:.2f} s; {len(times)} events, a checkpoint a second, quorum 2 of 3, 1 dead"
    return [Row("append to cosigned proof in hand, p99", f"{p99:.2f} s", p99, "s", 3, words)]


def _register(sequencer: Sequencer, gate: Gate, reader: Log, submission: Submission) -> bytes:
    (entry,) = sequencer.submit(gate.check([submission])).result(timeout=_PATIENCE)
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return reader.prove(entry.index)
        except NotFoundError:
            if time.monotonic() > until:
                raise
        time.sleep(0.01)


@contextmanager
def _sequencer(log: Log) -> Iterator[Sequencer]:
    sequencer = Sequencer(log, lambda: datetime.now(UTC), publish_seconds=PUBLISH_SECONDS)
    try:
        yield sequencer
    finally:
        sequencer.close()


@contextmanager
def _witnesses(folder: Path) -> Iterator[bytes]:
    """Run witnesses on free ports, kill the last one, and give the policy that names them all."""
    lines, running = [], []
    with ExitStack() as stack:
        for number in range(COUNT):
            place = folder / str(number)
            made = WitnessFolder.make(place, name=f"witness-{number}.example", logs=KEYS.vkeys)
            process, url = stack.enter_context(server("witness", "serve", "--dir", str(place)))
            running.append(process)
            lines.append(f"witness w{number} {made.cosigner.vkeys[0]} {url}")
        os.kill(running[-1].pid, signal.SIGKILL)
        names = " ".join(f"w{number}" for number in range(COUNT))
        yield "\n".join([*lines, f"group all {QUORUM} {names}", "quorum all", ""]).encode()


SECTIONS: dict[str, Callable[[Plan], list[Row]]] = {"Witnesses": witnessed}
