"""Judging and taking in over HTTP: what an archive's plugin asks for each object.

Bodies go to files of the spool as they come, verdicts are made by processes of their own. An
object is answered once it is on disk, or refused; whatever fails is a 503, and nothing was taken.
"""

import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from provenance.audit_trail import Person
from provenance.pacs.arrivals import Kept, Route, Sender, State
from provenance.pacs.gateway.auditing import Received, Tell
from provenance.pacs.gateway.configuration import Archive
from provenance.pacs.quarantine.auditing import decision_fact
from provenance.pacs.retrieve.archive_web import webs_of
from provenance.pacs.retrieve.wanted import DICOM
from provenance.pacs.service.answers import ingested_fields
from provenance.pacs.service.endpoints import (
    LISTING,
    MAX_WORDS_BODY,
    NAME,
    NUMBER,
    ORIGIN,
    TITLES,
    UID,
    service_endpoints,
    stow_endpoints,
    wado_endpoints,
)
from provenance.pacs.service.examiners import Examiners
from provenance.pacs.service.health import Tally, Watch, condition_fields, condition_metrics
from provenance.pacs.service.limits import Limits
from provenance.pacs.service.parameters import named, query
from provenance.pacs.service.problems import ProblemError, problem, problem_answer, problem_of
from provenance.pacs.service.stow import Stow
from provenance.pacs.service.views import Views, read_archive, read_words
from provenance.pacs.service.wado import Wado
from provenance.pacs.spool.files import incoming_of
from provenance.policy.facts import Arrival
from provenance.servers.body_file import body_to_file
from provenance.servers.http_api import JSON, NO_STORE, TEXT, Handler, answer, application
from provenance.servers.http_server import read_body
from provenance.servers.metrics import KIND as METRICS
from provenance.servers.metrics import Requests, exposition, gauge
from provenance.servers.openapi import described

_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Service:
    """What answers: one method for each endpoint (endpoints.py).

    Without a ``token`` nothing of the spool is shown or changed. ``archives`` get what is let in by
    STOW-RS, and what is released; ``wake`` tells those who bring it there. ``stow_ae`` is the
    calling AE title of what STOW-RS brings: HTTP has none.
    """

    views: Views
    examiners: Examiners
    watch: Watch
    archives: tuple[Archive, ...] = ()
    wake: Callable[[], None] = lambda: None
    stow_ae: str | None = None
    token: bytes | None = None
    limits: Limits = field(default_factory=Limits)
    tell: Tell = lambda _fact: None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    requests: Requests = field(default_factory=Requests)
    tally: Tally = field(default_factory=Tally)
    on_their_way: int = 0
    readers: int = 0

    @property
    def archive_names(self) -> tuple[str, ...]:
        """Of all archives."""
        return tuple(each.name for each in self.archives)

    def admitted(self, handler: Handler) -> Handler:
        """Return a handler for whoever brings the token, or for this machine if there is none."""
        if self.token is not None:
            return self.admitted_by_token(handler)

        async def handle(request: Request) -> Response:
            if "origin" in request.headers:  # a browser here, sent by a page from anywhere
                raise problem(401, "token", "without a token web pages are not answered")
            return await handler(request)

        return handle

    def admitted_by_token(self, handler: Handler) -> Handler:
        """Return a handler for whoever brings the token, and for nobody if there is none."""

        async def handle(request: Request) -> Response:
            self._admit(request.headers.get("authorization", ""))
            return await handler(request)

        return handle

    def _admit(self, header: str) -> None:
        if self.token is None:
            raise problem(401, "token", "the service was started without a token")
        scheme, _, given = header.partition(" ")
        same = hmac.compare_digest(given.strip().encode("latin-1", "replace"), self.token)
        if scheme.lower() != "bearer" or not same:
            raise problem(401, "token", "the request does not carry the service's token")

    async def ingest(self, request: Request) -> Response:
        asked = query(request, ORIGIN)
        async with self.arriving() as path:
            await body_to_file(request, path, self.limits.bounds)
            sender = Sender(
                Route(asked.get("route", Route.REST)),
                self.clock(),
                asked.get("calling_ae"),
                asked.get("called_ae"),
                asked.get("address"),
            )
            began = self.monotonic()
            kept = await self.examiners.take(path, sender, ())
        self.took(kept, began)
        await self.tell_received([kept], sender)
        return _json(ingested_fields(kept))

    async def verify(self, request: Request) -> Response:
        asked = query(request, TITLES)
        async with self.arriving() as path:
            await body_to_file(request, path, self.limits.bounds)
            at, began = self.clock(), self.monotonic()
            arrival = Arrival(asked.get("calling_ae"), asked.get("called_ae"), at)
            found = await self.examiners.judge(path, arrival, at)
        self.tally.spent(self.monotonic() - began)
        return _json(found)

    @asynccontextmanager
    async def arriving(self) -> AsyncIterator[Path]:
        """Hold a name for what comes; what is still there at the end is removed."""
        with self.on_its_way():
            path = incoming_of(self.views.place.spool)
            try:
                yield path
            finally:
                path.unlink(missing_ok=True)

    @contextmanager
    def on_its_way(self) -> Iterator[None]:
        """Hold a place among the requests that bring objects; problem 503 if there is none."""
        if self.on_their_way >= self.limits.at_once:
            raise problem(503, "busy", "too many requests bring objects")
        self.on_their_way += 1
        try:
            yield
        finally:
            self.on_their_way -= 1

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Hold a place among the requests that ask for objects; problem 503 if there is none."""
        if self.readers >= self.limits.readers:
            raise problem(503, "busy", "too many requests ask for objects")
        self.readers += 1
        try:
            yield
        finally:
            self.readers -= 1

    def took(self, kept: Kept, began: float) -> None:
        """Count an object, and write a line about it, without anything of its header."""
        seconds = self.monotonic() - began
        self.tally.took(kept, seconds)
        fields = {
            "number": kept.number,
            "route": kept.sender.route.value,
            "verdict": kept.judged.word.value,
            "action": kept.judged.action.value,
            "state": kept.state.value,
            "bytes": kept.size,
            "seconds": round(seconds, 4),
        }
        _logger.info("taken", extra={"fields": fields})

    async def tell_received(self, kept: Sequence[Kept], sender: Sender) -> None:
        """Tell the audit trail of one request that brought objects."""

        def told() -> None:
            received = Received(self.tell)
            for each in kept:
                received.add(each)
            received.end(sender)

        await run_in_threadpool(told)

    async def objects(self, request: Request) -> Response:
        asked = query(request, LISTING)
        state = State(asked["state"]) if "state" in asked else None
        after = int(asked.get("after", "0"))
        return _json(await run_in_threadpool(self.views.objects, state, after))

    async def object(self, request: Request) -> Response:
        return _json(await run_in_threadpool(self.views.one, _number(request)))

    async def object_file(self, request: Request) -> Response:
        path = await run_in_threadpool(self.views.file, _number(request))
        return FileResponse(path, headers={"cache-control": NO_STORE}, media_type=DICOM)

    async def release(self, request: Request) -> Response:
        return await self._decide(request, release=True)

    async def reject(self, request: Request) -> Response:
        return await self._decide(request, release=False)

    async def delivered(self, request: Request) -> Response:
        number, name = _number(request), read_archive(await self._words(request))

        def note() -> Mapping[str, object]:
            return self.views.handed_over(
                number, name, forwarded_to=self.archive_names, at=self.clock()
            )

        return _json(await run_in_threadpool(note))

    async def _words(self, request: Request) -> bytes:
        idle = self.limits.idle
        return await read_body(request, most=MAX_WORDS_BODY, idle=idle, seconds=idle)

    async def _decide(self, request: Request, *, release: bool) -> Response:
        number = _number(request)
        words, at = read_words(await self._words(request)), self.clock()

        def decide() -> Mapping[str, object]:
            found = self.views.decide(
                number, release=release, words=words, archives=self.archive_names, at=at
            )
            self.tell(
                decision_fact(
                    released=release,
                    study=str(found["study_instance_uid"]),
                    sop_class=str(found["sop_class_uid"]),
                    verdict=str(found["verdict"]),
                    reason=words.reason,
                    persons=(Person(words.person),),
                    at=at,
                )
            )
            return found

        found = await run_in_threadpool(decide)
        self.wake()
        return _json(found)

    async def verdicts(self, request: Request) -> Response:
        return _json(await run_in_threadpool(self.views.verdicts, named(request, "instance", UID)))

    async def trace(self, request: Request) -> Response:
        return _json(await run_in_threadpool(self.views.trace, named(request, "name", NAME)))

    async def live(self, _request: Request) -> Response:
        return answer(b"live\n", TEXT)

    async def health(self, _request: Request) -> Response:
        seen = await self.watch.condition()
        return _json(condition_fields(seen), status=503 if seen.troubles else 200)

    async def metrics(self, _request: Request) -> Response:
        seen = await self.watch.condition()
        way = gauge(
            "radseal_requests_on_their_way",
            "Requests with objects, not answered yet.",
            self.on_their_way,
        )
        readers = gauge(
            "radseal_readers", "Requests that ask for objects, not answered yet.", self.readers
        )
        values = [*condition_metrics(seen), *self.tally.metrics(), way, readers]
        values += self.requests.metrics()
        return answer(exposition(values), METRICS)

    def refuse(self, error: Exception) -> Response:
        response = problem_answer(problem_of(error), retry=self.limits.retry)
        if isinstance(error, ProblemError):
            response.headers.update(error.headers)
        return response


def make_app(service: Service) -> Starlette:
    """Return the application; with STOW-RS and WADO-RS, where there are archives behind it.

    UsageError for an archive that cannot be asked.
    """
    words = "Verdicts on DICOM objects, and a way into the archive that has one for each."
    endpoints = service_endpoints(service)
    if service.archives:
        endpoints += stow_endpoints(service, Stow(service))
        endpoints += wado_endpoints(service, Wado(service, webs_of(service.archives)))
    return application(
        described(endpoints, title="radseal service", words=words),
        refuse=service.refuse,
        requests=service.requests,
        monotonic=service.monotonic,
    )


def _json(fields: Mapping[str, object], *, status: int = 200) -> Response:
    return answer(json.dumps(fields).encode(), JSON, status=status)


def _number(request: Request) -> int:
    return int(named(request, "number", NUMBER))
