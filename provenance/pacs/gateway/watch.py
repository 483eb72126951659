"""What whoever watches a gateway asks over HTTP: is it alive, is it well, what has it done."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from socket import socket
from threading import Thread

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from provenance.pacs.custody.queue import CustodyState
from provenance.pacs.gateway.configuration import Configuration
from provenance.pacs.gateway.counts import Counts
from provenance.pacs.spool.reserve import has_room
from provenance.pacs.spool.spool import Spool
from provenance.servers.http_server import uvicorn_config
from provenance.servers.metrics import KIND, Metric, exposition, gauge


@dataclass(frozen=True, slots=True)
class Watch:
    """Reads the spool and the counters."""

    folder: Path
    configuration: Callable[[], Configuration]
    counts: Counts
    trouble: Callable[[], str | None]

    @property
    def _archives(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.configuration().archives)

    def health(self, now: datetime) -> dict[str, object]:
        """Return how it is; ``problems`` is empty when all is well."""
        free = shutil.disk_usage(self.folder).free
        problems = []
        takes = has_room(self.folder, self.configuration().limits.free_disk_bytes)
        if not takes:
            problems.append("the disk of the spool is full: nothing is taken")
        if (trouble := self.trouble()) is not None:
            problems.append(trouble)
        with Spool.open(self.folder) as spool:
            waiting = {
                name: _text(spool.deliveries.oldest_waiting(name)) for name in self._archives
            }
            custody = spool.custody.state()
            held, all_waiting = spool.held.counts(), spool.held.waiting()
        problems += [
            f"{n} objects wait for {name}, which the configuration does not name"
            for name, n in all_waiting.items()
            if name not in self._archives
        ]
        problems += [f"{name} refuses {n} objects: they are held" for name, n in held.items()]
        if self._overdue(custody, now):
            problems.append("custody events wait for the log beyond the deadline")
        if custody.refused:
            problems.append(f"the log refuses {custody.refused} custody events")
        return {
            "schema": "radseal/gateway-health/1",
            "takes": takes,
            "problems": problems,
            "waiting_since": waiting,
            "disk_free_bytes": free,
        }

    def metrics(self, now: datetime) -> list[Metric]:
        """Return all values."""
        with Spool.open(self.folder) as spool:
            states = spool.counts()
            forgotten = sum(spool.memory.forgotten().values())
            custody = spool.custody.state()
            ages = [(name, spool.deliveries.oldest_waiting(name)) for name in self._archives]
            refused, held = spool.deliveries.failing(), spool.held.counts()
        counts = self.counts
        waits = 0.0 if custody.since is None else (now - custody.since).total_seconds()
        return [
            Metric(
                "radseal_gateway_objects_total",
                "counter",
                "Objects judged since the start, by verdict and action.",
                [
                    (f'{{verdict="{word}",action="{action}"}}', n)
                    for (word, action), n in sorted(counts.objects.items())
                ],
            ),
            Metric(
                "radseal_gateway_answers_total",
                "counter",
                "Answers to C-STORE since the start, by status.",
                [(f'{{status="{code:04X}"}}', n) for code, n in sorted(counts.statuses.items())],
            ),
            Metric(
                "radseal_gateway_judging_seconds_total",
                "counter",
                "Seconds from the last byte of objects to their answers.",
                [("", counts.seconds)],
            ),
            Metric(
                "radseal_gateway_bytes_total",
                "counter",
                "Bytes of data sets that came in.",
                [("", float(counts.size))],
            ),
            Metric(
                "radseal_spool_objects",
                "gauge",
                "Objects so far, by what has become of them; forgotten ones count.",
                [(f'{{state="{state}"}}', n) for state, n in states.items()],
            ),
            Metric(
                "radseal_spool_forgotten_total",
                "counter",
                "Of those, objects that are done and whose rows were forgotten.",
                [("", forgotten)],
            ),
            Metric(
                "radseal_archive_waiting_seconds",
                "gauge",
                "Age of the oldest object that waits for an archive; 0 if none does.",
                [
                    (
                        f'{{archive="{_label(name)}"}}',
                        0 if at is None else (now - at).total_seconds(),
                    )
                    for name, at in ages
                ],
            ),
            Metric(
                "radseal_archive_failing_objects",
                "gauge",
                "Objects that an archive has not taken so far.",
                [
                    (f'{{archive="{_label(name)}"}}', refused.get(name, 0))
                    for name in self._archives
                ],
            ),
            Metric(
                "radseal_archive_held_objects",
                "gauge",
                "Objects that an archive refuses for good: of those above, what is held.",
                [(f'{{archive="{_label(name)}"}}', held.get(name, 0)) for name in self._archives],
            ),
            gauge("radseal_custody_waiting", "Custody events not in the log.", custody.waiting),
            gauge("radseal_custody_waiting_seconds", "Age of the oldest of them.", waits),
            gauge("radseal_custody_refused", "Events that the log refuses.", custody.refused),
            gauge(
                "radseal_custody_overdue",
                "1 beyond the deadline.",
                float(self._overdue(custody, now)),
            ),
            gauge("radseal_gateway_connections", "Connections.", counts.connections()),
            gauge(
                "radseal_disk_free_bytes",
                "Bytes free on the disk of the spool.",
                shutil.disk_usage(self.folder).free,
            ),
        ]

    def _overdue(self, custody: CustodyState, now: datetime) -> bool:
        deadline = self.configuration().custody_deadline
        return custody.since is not None and now - custody.since > deadline


def make_watch_app(watch: Watch) -> Starlette:
    """Return the application that answers /live, /health and /metrics."""

    async def live(_: Request) -> Response:
        return PlainTextResponse("it answers\n")

    async def health(_: Request) -> Response:
        found = await run_in_threadpool(watch.health, datetime.now(UTC))
        body = json.dumps(found)
        status = 503 if found["problems"] else 200
        return Response(body, status, media_type="application/json")

    async def metrics(_: Request) -> Response:
        found = await run_in_threadpool(lambda: exposition(watch.metrics(datetime.now(UTC))))
        return Response(found, media_type=KIND)

    routes = [Route("/live", live), Route("/health", health), Route("/metrics", metrics)]
    return Starlette(routes=routes)


@contextmanager
def watched(app: Starlette, listener: socket) -> Iterator[None]:
    """Answer in a thread while this holds."""
    server = uvicorn.Server(uvicorn_config(app))
    thread = Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="radseal-watch", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


def _label(text: str) -> str:
    """Return a text as a label value: ASCII, quotes and backslashes escaped."""
    plain = text.encode("ascii", "backslashreplace").decode("ascii")
    return plain.replace("\\", "\\\\").replace('"', '\\"')
