"""Judging and taking in over HTTP: what an archive's plugin asks for each object.

Bodies go to files of the spool as they come, verdicts are made by processes of their own. An
object is answered once it is on disk, or refused; whatever fails is a 503, and nothing was taken.
"""

import hmac
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from provenance.pacs.arrivals import Kept, Route, Sender
from provenance.pacs.desk import Workplace
from provenance.pacs.examiners import Examiners
from provenance.pacs.service_answers import ingested_fields
from provenance.pacs.service_endpoints import ORIGIN, TITLES, service_endpoints
from provenance.pacs.service_problems import problem, problem_answer, problem_of
from provenance.pacs.spool import incoming_of
from provenance.policy.facts import Arrival
from provenance.servers.body_file import Bounds, body_to_file
from provenance.servers.http_api import JSON, TEXT, Handler, answer, application
from provenance.servers.http_api import Place as Parameter
from provenance.servers.metrics import Requests
from provenance.servers.openapi import described

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes: of one object, and left on the disk. Objects on their way at once. Seconds to wait."""

    object_bytes: int = 1 << 31
    free_bytes: int = 1 << 29
    at_once: int = 64
    idle: float = 30.0
    body: float = 3600.0
    retry: int = 5

    @property
    def bounds(self) -> Bounds:
        """Those of a body."""
        return Bounds(self.object_bytes, self.idle, self.body, self.free_bytes)


@dataclass(slots=True)
class Service:
    """What answers: one method for each endpoint (service_endpoints.py)."""

    place: Workplace
    examiners: Examiners
    archives: Sequence[str] = ()
    token: bytes | None = None
    limits: Limits = Limits()
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    requests: Requests = field(default_factory=Requests)
    on_their_way: int = 0

    def admitted(self, handler: Handler) -> Handler:
        """Return a handler that answers whoever brings the token, if there is one."""

        async def handle(request: Request) -> Response:
            if self.token is not None:
                scheme, _, given = request.headers.get("authorization", "").partition(" ")
                same = hmac.compare_digest(given.strip().encode("latin-1", "replace"), self.token)
                if scheme.lower() != "bearer" or not same:
                    raise problem(401, "token", "the request does not carry the service's token")
            return await handler(request)

        return handle

    async def ingest(self, request: Request) -> Response:
        asked = _query(request, ORIGIN)
        sender = Sender(
            Route(asked.get("route", Route.REST)),
            self.clock(),
            asked.get("calling_ae"),
            asked.get("called_ae"),
            asked.get("address"),
        )
        async with self._arriving() as path:
            await body_to_file(request, path, self.limits.bounds)
            kept = await self.examiners.take(path, sender, ())
        self.tell(kept)
        return answer(json.dumps(ingested_fields(kept)).encode(), JSON)

    async def verify(self, request: Request) -> Response:
        asked = _query(request, TITLES)
        at = self.clock()
        arrival = Arrival(asked.get("calling_ae"), asked.get("called_ae"), at)
        async with self._arriving() as path:
            await body_to_file(request, path, self.limits.bounds)
            found = await self.examiners.judge(path, arrival, at)
        return answer(json.dumps(found).encode(), JSON)

    @asynccontextmanager
    async def _arriving(self) -> AsyncIterator[Path]:
        """Hold a name for an object on its way; what is still there at the end is removed."""
        if self.on_their_way >= self.limits.at_once:
            raise problem(503, "busy", "too many objects are on their way")
        self.on_their_way += 1
        path = incoming_of(self.place.spool)
        try:
            yield path
        finally:
            self.on_their_way -= 1
            path.unlink(missing_ok=True)

    def tell(self, kept: Kept) -> None:
        """Write a line about an object, without anything of its header."""
        fields = {
            "number": kept.number,
            "route": kept.sender.route.value,
            "verdict": kept.judged.word.value,
            "action": kept.judged.action.value,
            "state": kept.state.value,
            "bytes": kept.size,
        }
        _logger.info("taken", extra={"fields": fields})

    async def live(self, _request: Request) -> Response:
        return answer(b"live\n", TEXT)

    def refuse(self, error: Exception) -> Response:
        return problem_answer(problem_of(error), retry=self.limits.retry)


def make_app(service: Service, *, monotonic: Callable[[], float] = time.monotonic) -> Starlette:
    """Return the application."""
    words = "Verdicts on DICOM objects, and a way into the archive that has one for each."
    return application(
        described(service_endpoints(service), title="radseal service", words=words),
        refuse=service.refuse,
        requests=service.requests,
        monotonic=monotonic,
    )


def _query(request: Request, known: Sequence[Parameter]) -> Mapping[str, str]:
    """Return the parameters behind a path; problem 400 for one that is not known or not so."""
    patterns = {each.name: each.pattern for each in known}
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in patterns or name in found:
            raise problem(400, "malformed", "a parameter is unknown, or there twice")
        if not re.fullmatch(patterns[name], value):
            raise problem(400, "malformed", f"{name} is not of its form")
        found[name] = value
    return found
