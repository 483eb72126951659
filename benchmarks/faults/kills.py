"""kill -9 in mid-batch, and exactly between commit and publish: nothing acknowledged is lost."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Event

from benchmarks.faults.processes import LOG, SECONDS, Failed, Process
from benchmarks.faults.writer import Writer
from ledger import Answer, Witness
from provenance import Site
from provenance.servers.witness_folder import WitnessFolder

BATCHES = (1, 8, 40, 256)
LONGEST = 0.5  # seconds of writing before a kill


@dataclass(frozen=True, slots=True)
class Kills:
    """What came of it."""

    killed: int
    between: int
    acknowledged: int
    lost: int
    forks: int
    findings: int
    size: int
    published: int
    first_start: float
    restarts: tuple[float, ...]

    @property
    def ok(self) -> bool:
        return not (self.lost or self.forks or self.findings) and self.published == self.size

    def words(self) -> str:
        return (
            f"{self.killed} kills, {self.between} of them between commit and publish: "
            f"{self.acknowledged} entries acknowledged, {self.lost} lost, {self.forks} forks, "
            f"{self.findings} findings; {self.published} of {self.size} published at the end; "
            f"until it listens: first start {self.first_start:.2f} s, after a kill median "
            f"{median(self.restarts):.2f} s, longest {max(self.restarts):.2f} s"
        )


class HoldingWitness:
    """A real witness behind a door: while ``hold`` is set, it takes questions and answers none."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self.hold, self.go, self.asked = Event(), Event(), Event()
        self.decides_first = False
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                self._answer(door.add_checkpoint(body))

            def do_GET(self) -> None:
                self._answer(door._witness.checkpoint(self.path.split("/")[1]))

            def _answer(self, answer: Answer | None) -> None:
                if answer is None:
                    self.close_connection = True
                    return
                with suppress(OSError):  # whoever asked was killed
                    self.send_response(answer.status)
                    self.send_header("Content-Length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def add_checkpoint(self, body: bytes) -> Answer | None:
        """Judge a request; None if whoever asked was killed before the answer."""
        if not self.hold.is_set():
            return self._witness.add_checkpoint(body, at=datetime.now(UTC))
        if self.decides_first:  # it has cosigned, and the log never hears of it
            self._witness.add_checkpoint(body, at=datetime.now(UTC))
        self.asked.set()
        self.go.wait(SECONDS)
        return None

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._witness.close()


@contextmanager
def watched_site(folder: Path) -> Iterator[tuple[Site, HoldingWitness]]:
    """A site whose policy asks one witness, the one that can hold its answers."""
    site = Site.init(folder / "site", name="faults")
    vkeys = (site.folder / "trust/logs/site.vkeys").read_text(encoding="utf-8").split()
    made = WitnessFolder.make(folder / "witness", name="w.example", logs=vkeys)
    door = HoldingWitness(made.witness())
    text = f"witness w {made.cosigner.vkeys[1]} {door.url}\nquorum w\n"
    (site.folder / "trust" / "policy").write_text(text, encoding="utf-8")
    try:
        yield site, door
    finally:
        door.close()


def run(folder: Path, *, kills: int, between: int, chance: random.Random) -> Kills:
    """Kill a log server ``kills`` times while it is written to, ``between`` of them held."""
    held = set(chance.sample(range(kills), between))
    starts = []
    with watched_site(folder) as (site, door):
        writer = Writer(site)
        for number in range(kills):
            with Process(LOG, site.folder) as server:
                starts.append(server.started)
                if number in held:
                    _kill_between(server, writer, door, chance)
                else:
                    _kill_while_writing(server, writer, chance)
        with Process(LOG, site.folder) as server:
            starts.append(server.started)
            while writer.send(server, 1) != 200:
                pass
            if server.stop() != 0:
                raise RuntimeError("the log server did not stop in order")
        with site.reading_log() as log:
            writer.checkpoints[log.checkpoint()] = None
            size, published = log.size, log.head().size
        report = writer.audit()
        return Kills(
            kills,
            between,
            len(writer.acknowledged),
            writer.lost(),
            writer.forks(),
            len(report.findings),
            size,
            published,
            starts[0],
            tuple(starts[1:]),
        )


def _kill_while_writing(server: Process, writer: Writer, chance: random.Random) -> None:
    killer = threading.Timer(chance.uniform(0, LONGEST), server.kill)
    killer.start()
    try:
        while True:
            writer.send(server, chance.choice(BATCHES))
            writer.look(server)
    except Failed:
        killer.join()


def _kill_between(
    server: Process, writer: Writer, door: HoldingWitness, chance: random.Random
) -> None:
    """Its entries are committed and acknowledged, its checkpoint signed, and not published."""
    while writer.pending:  # of the last kill; it may be in the log already, and published
        writer.send(server, 1)
    door.decides_first = chance.random() < 0.5
    door.asked.clear()
    door.go.clear()
    door.hold.set()
    while writer.send(server, chance.choice(BATCHES)) != 200:
        pass
    if not door.asked.wait(SECONDS):
        raise RuntimeError("the witness was never asked")
    writer.look(server)
    server.kill()
    door.hold.clear()
    door.go.set()
