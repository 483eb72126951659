"""kill -9 of the gateway, of the archive and of the ledger in mid-transfer, again and again."""

import json
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.faults.processes import LOG
from benchmarks.faults.processes import Process as Server
from benchmarks.gateway_faults.world import (
    POLICY,
    Door,
    Images,
    Sending,
    data_set,
    eventually,
    orthanc,
    uid_of,
)
from benchmarks.orthanc.world import Process
from benchmarks.ports import free_port
from ledger import Algorithm, Role, parse_statement
from provenance import Site

VICTIMS = ("gateway", "archive", "ledger")
TRIES = 20
_POLICY = POLICY.replace('"ledger"', '"seal"')  # what is decided does not hang on the log


@dataclass(frozen=True, slots=True)
class Kills:
    """What came of it: objects by what became of them, custody events by where they are."""

    killed: Counter[str]
    sent: int
    archived: int
    apart: int
    refused: int
    misplaced: int
    changed: int
    twice: int
    events: int
    events_lost: int
    events_twice: int
    findings: int

    @property
    def ok(self) -> bool:
        wrong = self.misplaced + self.changed + self.twice
        wrong += self.events_lost + self.events_twice + self.findings
        return not wrong and self.sent == self.archived + self.apart + self.refused

    def words(self) -> str:
        kills = ", ".join(f"{self.killed[name]} of the {name}" for name in VICTIMS)
        return (
            f"{self.killed.total()} kills ({kills}): {self.sent} objects in = {self.archived} in "
            f"the archive + {self.apart} in quarantine + {self.refused} refused; {self.misplaced} "
            f"not where they belong, {self.changed} with other bytes, {self.twice} twice; "
            f"{self.events} custody events, {self.events_lost} not in the log, "
            f"{self.events_twice} twice; {self.findings} findings of the audit"
        )


class Stage:
    """The three of them; one is killed and started again, at the same place."""

    def __init__(self, folder: Path) -> None:
        self.site = Site.init(folder / "site", algorithm=Algorithm.ED25519)
        self._port = free_port()
        self.archive: Process
        self.archive, dicom = orthanc(folder / "orthanc")
        self.archive.start()
        self.ledger = Server(LOG, self.site.folder, port=self._port)
        self.door = Door(folder / "gateway", self.site, dicom, log=self.ledger.url, policy=_POLICY)
        self.door.start()

    def kill(self, name: str) -> None:
        match name:
            case "gateway":
                self.door.end(signal.SIGKILL)
            case "archive":
                self.archive.stop(signal.SIGKILL)
            case _:
                self.ledger.kill()

    def start(self, name: str) -> None:
        match name:
            case "gateway":
                self.door.start()
            case "archive":
                self.archive.start()
            case _:
                self.ledger = Server(LOG, self.site.folder, port=self._port)

    def close(self) -> None:
        if self.door.process is not None:
            self.door.end(signal.SIGKILL)
        self.archive.stop()
        self.ledger.kill()


def run(folder: Path, *, kills: int, each: int, chance: random.Random) -> Kills:
    """Send ``each`` new objects between two kills; what has no good answer is sent again."""
    stage = Stage(folder)
    try:
        images = Images.make(kills * each, stage.site, folder / "images")
        victims = [VICTIMS[number % len(VICTIMS)] for number in range(kills)]
        chance.shuffle(victims)
        left: list[Path] = []
        for number, victim in enumerate(victims):
            left += images.all[number * each : (number + 1) * each]
            left = _send(stage, left, images, victim, chance)
        for _ in range(TRIES):
            if not left:
                break
            left = _send(stage, left, images, None, chance)
        eventually("archive and log have everything", stage.door.nothing_waits)
        stage.door.end()
        return _count(stage, images, Counter(victims))
    finally:
        stage.close()


def _send(
    stage: Stage, paths: list[Path], images: Images, victim: str | None, chance: random.Random
) -> list[Path]:
    """Kill one of them meanwhile; return what must be sent again."""
    sending = Sending(paths, stage.door.port)
    at = chance.randrange(len(paths))
    at, count = chance.randrange(len(paths)), 0
    delay = chance.uniform(0, 0.1)
    killed = victim is None
    for count, _ in enumerate(sending):
        if count == at and not killed and victim is not None:
            time.sleep(delay)
            stage.kill(victim)
            killed = True
    if victim is not None:
        if not killed:
            stage.kill(victim)
        stage.start(victim)
    refusable = set(images.altered)
    return [
        path
        for path, answer in sending.answers.items()
        if answer != "Success" and (answer is None or path not in refusable)
    ]


def _count(stage: Stage, images: Images, killed: Counter[str]) -> Kills:
    door = stage.door
    names = json.loads(stage.archive.ask("GET", "/instances").body)
    there: dict[str, bytes] = {}
    for name in names:
        content = stage.archive.ask("GET", f"/instances/{name}/file").body
        said: dict[str, dict[str, str]] = json.loads(
            stage.archive.ask("GET", f"/instances/{name}").body
        )
        there[said["MainDicomTags"]["SOPInstanceUID"]] = data_set(content)
    apart, refused = door.uids("quarantined"), set(door.uids("refused"))
    sealed = {uid_of(path): data_set(path.read_bytes()) for path in images.sealed}
    unsealed = {uid_of(path) for path in images.unsealed}
    altered = {uid_of(path) for path in images.altered}
    misplaced = len(sealed.keys() ^ there.keys()) + len(unsealed ^ set(apart))
    misplaced += len(altered ^ refused) + len(door.uids("forwarding"))
    rows = door.ask("select statement, entry from custody")
    stage.ledger.stop()
    with stage.site.reading_log() as log:
        entries = {entry.index: entry.statement for entry in log.entries()}
        findings = len(log.audit().findings)
    kid = stage.site.signer(Role.GATEWAY).kid
    own = [each for each in entries.values() if parse_statement(each).kid == kid]
    told = [entries.get(index) for _, index in rows if isinstance(index, int)]
    return Kills(
        killed,
        len(images.all),
        len(there),
        len(set(apart)),
        len(refused),
        misplaced,
        sum(there.get(uid) != content for uid, content in sealed.items()),
        len(apart) - len(set(apart)),
        len(rows),
        sum(found is None or found != made for (made, _), found in zip(rows, told, strict=True)),
        len(own) - len(rows),
        findings,
    )
