"""Spoilt associations against a gateway that runs, and honest objects in between."""

import random
import signal
import socket
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway_faults.streams import SPOILS, Stream
from benchmarks.gateway_faults.world import (
    POLICY,
    Door,
    Images,
    Resources,
    Sending,
    eventually,
    uid_of,
)
from benchmarks.ports import free_port
from ledger import Algorithm
from provenance import Site

EVERY = 50
AT_ONCE = 32  # a gateway lets no more in, unless it is told so
IDLE_SECONDS, OBJECT_SECONDS = 2, 4
_LIMITS = (
    f"free_disk_bytes = 0\nidle_seconds = {IDLE_SECONDS}\nobject_seconds = {OBJECT_SECONDS}\n"
    "object_bytes = 65536"
)


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """What came of it."""

    associations: int
    honest: int
    stored: int
    hung: int
    slowest: float
    crashes: int
    half: bool
    before: Resources
    after: Resources
    answers: Counter[str]

    @property
    def ok(self) -> bool:
        return (
            self.stored == self.honest
            and not (self.hung or self.crashes or self.half)
            and self.after.within(self.before, at_once=AT_ONCE)
        )

    def words(self) -> str:
        answers = ", ".join(f"{n} {what}" for what, n in sorted(self.answers.items()))
        return (
            f"{self.associations} spoilt associations ({answers}); {self.stored} of {self.honest} "
            f"honest objects in between stored; {self.hung} did not end (slowest "
            f"{self.slowest:.1f} s), {self.crashes} failed within the gateway; threads "
            f"{self.before.threads} before, {self.after.threads} after, descriptors "
            f"{self.before.descriptors} before, {self.after.descriptors} after; "
            f"{'something' if self.half else 'nothing'} half was left"
        )


def run(folder: Path, *, associations: int, seed: int) -> Fuzzed:
    """Send so many, one after the other, an honest object after every fiftieth."""
    site = Site.init(folder / "site", algorithm=Algorithm.ED25519)
    count = max(2, associations // EVERY)
    images = Images.make(count * 3 // 2 + 6, site, folder / "images")
    honest = list(images.sealed[1 : count + 1])
    stream, chance = Stream.of(images.sealed[0]), random.Random(seed)
    policy = POLICY.replace('"ledger"', '"seal"')
    door = Door(folder / "gateway", site, free_port(), limits=_LIMITS, policy=policy)
    door.start()
    try:
        _store(door, honest[0])
        before, answers = Resources.at_rest(door.pid), Counter[str]()
        hung, slowest = 0, 0.0
        for number in range(associations):
            began = time.monotonic()
            answer = _spoilt(door, stream, chance)
            slowest = max(slowest, time.monotonic() - began)
            answers[answer] += 1
            hung += answer == "hung"
            if number % EVERY == EVERY - 1 and len(honest) > number // EVERY + 1:
                _store(door, honest[number // EVERY + 1])
        for path in honest[1 + associations // EVERY :]:
            _store(door, path)
        with suppress(RuntimeError):  # what leaks is told
            eventually(
                "nothing leaks",
                lambda: Resources.of(door.pid).within(before, at_once=AT_ONCE),
                seconds=30,
            )
        after, half = Resources.of(door.pid), not door.nothing_half()
        there = set(door.uids("forwarding"))
    finally:
        door.end(signal.SIGTERM)
    said = door.written.read_text()
    crashes = said.count('"trace"')
    stored = sum(uid_of(path) in there for path in honest)
    return Fuzzed(
        associations, len(honest), stored, hung, slowest, crashes, half, before, after, answers
    )


def _spoilt(door: Door, stream: Stream, chance: random.Random) -> str:
    """Return how the gateway ended it: by which PDU it answered last, or that it never did."""
    request, messages = chance.choice(SPOILS)(stream, chance)
    heard = b""
    with socket.create_connection(("127.0.0.1", door.port), 60) as line:
        line.settimeout(IDLE_SECONDS + OBJECT_SECONDS + 30)
        try:
            line.sendall(request)
            if messages and chance.random() < 0.8:
                heard = line.recv(65_536)
            for message in messages:
                line.sendall(message)
            if chance.random() < 0.95:
                line.shutdown(socket.SHUT_WR)
            while piece := line.recv(65_536):
                heard = piece
        except TimeoutError:
            return "hung"
        except OSError:
            return "cut off"
    return {2: "accepted", 3: "rejected", 4: "answered", 6: "released", 7: "aborted"}.get(
        heard[0] if heard else 0, "closed"
    )


def _store(door: Door, path: Path) -> None:
    if list(Sending([path], door.port)) != ["Success"]:
        raise RuntimeError("an honest object was not stored")
