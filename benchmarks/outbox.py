"""Outboxes at length: a week offline on a bad line, one event withheld, and many honest devices.

Usage: python -m benchmarks.outbox week [--days N] [--events N] [--folder DIR]
       python -m benchmarks.outbox honest [--events N] [--actors N] [--seconds S]

``week`` seals in one process and syncs in another over a line that doubles, loses and delays, and
kills either of them again and again. ``honest`` counts the alarms that are open at the end. Both
exit 1 if anything is not as it must be. Other work on the machine moves the rates.
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice, zip_longest
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ed25519

from ledger import (
    FIRST,
    ConflictError,
    Entry,
    Event,
    Gate,
    Head,
    LedgerError,
    Link,
    Log,
    LogKeys,
    Outbox,
    PrivateKeySigner,
    Query,
    Role,
    Sequencer,
    Submission,
    TrustedLogs,
    UnreachableError,
    create_log,
    create_outbox,
    hash_leaf,
    key_added_body,
    make_genesis,
    open_log,
    open_outbox,
    sign_statement,
    sync_outbox,
)

START = datetime(2026, 3, 1, tzinfo=UTC)
KEY = bytes(32)
BATCH = 256
AT_ONCE = 4  # batches that an actor has on their way
KILLS = 10  # of either side


def signer_of(name: str) -> PrivateKeySigner:
    seed = hash_leaf(name.encode())
    return PrivateKeySigner.from_private_key(ed25519.Ed25519PrivateKey.from_private_bytes(seed))


def log_keys() -> LogKeys:
    return LogKeys.from_seeds(
        "benchmark.example", ed25519_seed=hash_leaf(b"1"), mldsa44_seed=hash_leaf(b"6")
    )


def make_log(path: Path, names: Sequence[str]) -> Log:
    archivist = signer_of("archivist")
    genesis = make_genesis(archivist, claimed_at=START)
    log = create_log(path, keys=log_keys(), genesis=genesis, annex_key=KEY, at=START)
    for name in names:
        signer = signer_of(name)
        statement = sign_statement(
            event=Event.KEY_ADDED,
            object_id=None,
            object_link=None,
            actor_link=log.actor_link(archivist.kid),
            claimed_at=START,
            head_seen=None,
            body=key_added_body(signer.spki, role=Role.DEVICE),
            signer=archivist,
        )
        log.append([Submission(statement)], at=START)
    return log


def seal(signer: PrivateKeySigner, link: Link, at: datetime, seen: Head | None) -> bytes:
    return sign_statement(
        event=Event.SEALED,
        object_id=os.urandom(12),
        object_link=FIRST,
        actor_link=link,
        claimed_at=at,
        head_seen=seen,
        body={1: os.urandom(32), 2: os.urandom(32)},
        signer=signer,
    )


class BadLine:
    """Loses requests and answers, sends twice, and brings a later batch before an earlier one."""

    def __init__(self, log: Log, chance: random.Random) -> None:
        self._log, self._chance = log, chance

    def append(self, submissions: Sequence[Submission], *, at: datetime) -> list[Entry]:
        fate = self._chance.randrange(8)
        half = len(submissions) // 2
        if fate == 0:
            raise UnreachableError("nothing arrived")
        if fate == 1 and half:  # the second half overtakes the first
            with contextlib.suppress(ConflictError):
                self._log.append(submissions[half:], at=at)
        entries = self._log.append(submissions, at=at)
        if fate == 2:
            raise UnreachableError("the answer was lost")
        if fate == 3:
            self._log.append(submissions, at=at)
        return entries

    def receipt(self, entry: Entry) -> bytes:
        if self._chance.randrange(50) == 0:
            raise UnreachableError("no receipt")
        return self._log.receipt(entry)

    def actor_link(self, kid: bytes) -> Link:
        return self._log.actor_link(kid)


def opened(folder: Path) -> Outbox:
    trusted = TrustedLogs.from_vkeys(log_keys().vkeys)
    return open_outbox(folder / "outbox.db", key=KEY, trusted=trusted)


def work_seal(folder: Path, events: int) -> None:
    outbox, signer = opened(folder), signer_of("device")
    while (link := outbox.actor_link(signer.kid)).seq < events:
        statement = seal(signer, link, START + timedelta(minutes=3 * link.seq), None)
        (kept,) = outbox.append([Submission(statement, annex=os.urandom(200))], at=START)
        print(kept.leaf_hash.hex(), flush=True)


def work_sync(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    with open_log(folder / "log.db", keys=log_keys(), annex_key=KEY) as log:
        print("open", flush=True)
        outbox, line = opened(folder), BadLine(log, chance)
        while outbox.state().unproven:
            try:
                sync_outbox(outbox, line, clock=lambda: START, batch=chance.randint(1, BATCH))
            except UnreachableError:
                continue
    print("done", flush=True)


def start(what: str, folder: Path, number: int) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "benchmarks.outbox", what, str(folder), str(number)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def kill_until_done(what: str, folder: Path, number: int, chance: random.Random) -> list[str]:
    """Run a worker, kill it at any moment, KILLS times; then let it end. Return its lines."""
    lines: list[str] = []
    kills = 0
    while True:
        worker = start(what, folder, number + (kills if what == "work-sync" else 0))
        assert worker.stdout is not None
        lines.append(worker.stdout.readline())  # it has begun
        if kills < KILLS:
            time.sleep(chance.uniform(0.0, 0.6))
            worker.send_signal(signal.SIGKILL)
        out, _ = worker.communicate()
        lines += out.split("\n")[:-1]
        if worker.returncode == 0:
            print(f"{what}: killed {kills} times")
            return [line.strip() for line in lines if line]
        if worker.returncode != -signal.SIGKILL:
            raise SystemExit(f"{what} failed: {worker.returncode}")
        kills += 1


def week(folder: Path, events: int) -> bool:
    chance, signer = random.Random(1), signer_of("device")
    trusted = TrustedLogs.from_vkeys(log_keys().vkeys)
    with make_log(folder / "log.db", ["device"]) as log:
        create_outbox(
            folder / "outbox.db",
            spki=signer.spki,
            role=Role.DEVICE,
            link=log.actor_link(signer.kid),
            checkpoint=log.checkpoint(),
            trusted=trusted,
            key=KEY,
            at=START,
        ).close()
    began = time.perf_counter()
    handed = kill_until_done("work-seal", folder, events, chance)
    print(f"sealed {len(handed)} and handed out, in {time.perf_counter() - began:.1f} s")
    began = time.perf_counter()
    kill_until_done("work-sync", folder, 7, chance)
    print(f"synced in {time.perf_counter() - began:.1f} s")
    with open_log(folder / "log.db", keys=log_keys(), annex_key=KEY) as log:
        outbox = opened(folder)
        kept = [each.statement.leaf_hash for each in outbox.statements()]
        logged = [each.leaf_hash for each in log.query(Query(actor=signer.kid))]
        alarms = [each for each in log.alarms() if each.open]
        closed = len(log.alarms()) - len(alarms)
        report = log.audit()
        lost = set(handed) - {each.hex() for each in logged}
        print(
            f"outbox {len(kept)}, log {len(logged)}, the same in the same order: {kept == logged}; "
            f"handed out and lost: {len(lost)}; without receipt: {outbox.state().unproven}; "
            f"alarms open {len(alarms)}, closed {closed}; audit {report.ok}"
        )
        exact = withheld(log, chance, events)
    fine = kept == logged and len(logged) == events and not lost and not alarms and report.ok
    return fine and exact


def withheld(log: Log, chance: random.Random, events: int) -> bool:
    """Send all but one of a device's statements, in batches, to a log that has none of them."""
    signer, link, statements = signer_of("device"), log.actor_link(signer_of("device").kid), []
    begin = link.seq
    for _ in range(events):
        statements.append(seal(signer, link, START, None))
        link = link.next(hash_leaf(statements[-1]))
    missing = chance.randrange(events - 1)
    at = 0
    while at < events:
        batch = [
            Submission(each)
            for number, each in enumerate(statements[at : at + BATCH], at)
            if number != missing
        ]
        with contextlib.suppress(ConflictError):
            log.append(batch, at=START)
        at += BATCH
    named = [each for each in log.alarms() if each.open]
    exact = [each.numbers for each in named] == [((begin + missing, begin + missing),)]
    print(f"withheld number {begin + missing}; named: {[each.numbers for each in named]}")
    return exact and named[0].kid == signer.kid


@dataclass(slots=True)
class Actor:
    """An honest device: its clock is off by ``clock``, ``unsent`` are batches in its order."""

    signer: PrivateKeySigner
    clock: timedelta
    link: Link = FIRST
    unsent: deque[list[Submission]] = field(default_factory=deque)

    def seal_week(self, count: int, *, until: datetime, seen: Head, chance: random.Random) -> None:
        """Seal at any time of the week that ends, and put it into the outbox."""
        sealed = []
        for _ in range(count):
            at = until - timedelta(minutes=chance.uniform(0, 7 * 1440)) + self.clock
            statement = seal(self.signer, self.link, at, seen)
            self.link = self.link.next(hash_leaf(statement))
            sealed.append(Submission(statement))
        self.unsent.extend(sealed[at : at + BATCH] for at in range(0, count, BATCH))

    def offer(self, chance: random.Random) -> list[list[Submission]]:
        """Return what arrives of the next batches: one may be lost, doubled, or come too early."""
        front = list(islice(self.unsent, AT_ONCE))
        if front and chance.random() < 0.2:
            front.append(chance.choice(front))
        if front and chance.random() < 0.1:
            front.remove(chance.choice(front))
        if len(front) > 1 and chance.random() < 0.2:
            here, there = chance.sample(range(len(front)), 2)
            front[here], front[there] = front[there], front[here]
        return front


def honest(folder: Path, events: int, actors: int, seconds: float) -> bool:
    """Devices with clocks a day off, outboxes of a week, batches lost, doubled, out of order.

    Some stay away for a week. Each offers a few of its own batches at a time, from the first that
    the log has not got, as a sync does: so the work grows with the events, not with their square.
    """
    chance = random.Random(3)
    names = [f"actor {number}" for number in range(actors)]
    make_log(folder / "log.db", names).close()
    log = open_log(folder / "log.db", keys=log_keys(), annex_key=KEY, checkpoint_every=None)
    now = [START]
    sequencer, gate = Sequencer(log, lambda: now[0]), Gate(log)
    devices = [Actor(signer_of(each), timedelta(hours=chance.uniform(-24, 24))) for each in names]
    made = refused = offered = away = 0
    began = time.perf_counter()
    while made < events or any(each.unsent for each in devices):
        now[0] += timedelta(days=7)
        head = log.head()
        for device in devices:
            if time.perf_counter() - began > seconds:
                events = made  # what is signed is still logged
            count = min(500 * 7, -(-events // actors), events - made)
            seen = Head(head.size, head.root)
            device.seal_week(count, until=now[0], seen=seen, chance=chance)
            made += count
        present = [each for each in devices if made >= events or chance.random() < 0.75]
        away += len(devices) - len(present)
        while any(each.unsent for each in present):
            fronts = [[(each, batch) for batch in each.offer(chance)] for each in present]
            mixed = [pair for row in zip_longest(*fronts) for pair in row if pair is not None]
            answers = [(who, batch, sequencer.submit(gate.check(batch))) for who, batch in mixed]
            for device, batch, answer in answers:
                offered += 1
                if answer.exception() is not None:
                    refused += 1
                elif device.unsent and device.unsent[0] is batch:
                    device.unsent.popleft()
        done = made - sum(len(batch) for each in devices for batch in each.unsent)
        print(f"\r{done} of {events} logged, {made} signed", end="", file=sys.stderr, flush=True)
    sequencer.close()
    took = time.perf_counter() - began
    alarms = log.alarms()
    count = sum(each.open for each in alarms)
    logged = log.size - 1 - actors
    print(
        f"\n{logged} events of {actors} actors in {took:.0f} s ({logged / took:.0f}/s, "
        f"signing included); batches offered {offered}, refused for now {refused}; weeks that an "
        f"actor stayed away {away}; alarms raised and closed {len(alarms) - count}, open {count}"
    )
    log.close()
    return count == 0 and logged == events


def main() -> int:
    if len(sys.argv) == 4 and sys.argv[1].startswith("work-"):
        work = {"work-seal": work_seal, "work-sync": work_sync}[sys.argv[1]]
        work(Path(sys.argv[2]), int(sys.argv[3]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("week", "honest"))
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--events", type=int, help="a day for week (500), in all for honest (1e5)")
    parser.add_argument("--actors", type=int, default=8)
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="honest: sign no more after that"
    )
    parser.add_argument("--folder", type=Path, default=Path())
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as temporary:
        folder = Path(temporary)
        try:
            if given.what == "week":
                fine = week(folder, given.days * (given.events or 500))
            else:
                fine = honest(folder, given.events or 100_000, given.actors, given.seconds)
        except LedgerError as error:
            print(f"failed: {error}", file=sys.stderr)
            return 1
    print("as it must be" if fine else "NOT as it must be")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
