"""A log over HTTP: statements come in, the tree goes out as files (docs/spec/log-server.md)."""

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ledger import (
    BusyError,
    ConflictError,
    Entry,
    Gate,
    LedgerError,
    Link,
    Log,
    MalformedError,
    NotFoundError,
    OverloadedError,
    Problem,
    RefusedError,
    Registered,
    Sequencer,
    SharedSequencer,
    Submission,
    UsageError,
    encode_link,
    encode_problem,
    parse_submissions,
    problem_of,
)
from provenance.http_server import BodyError, Budget, read_body

MAX_STATEMENT = 65_535
MAX_SUBMISSIONS_BODY = (1 << 26) + (4 << 20)
MAX_ON_THE_WAY = 1 << 27

_TEXT = "text/plain; charset=utf-8"
_BYTES = "application/octet-stream"
_FOR_EVER = "public, max-age=31536000, immutable"
_INDEX = re.compile("0|[1-9][0-9]{0,17}")
_CHAINS = {"object": re.compile("[0-9a-f]{24}"), "actor": re.compile("[0-9a-f]{64}")}
_KINDS = {404: "not-found", 405: "method", 408: "too-slow", 413: "too-large", 503: "busy"}

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds: between two pieces of a body, for all of it, for the disk, until asked again."""

    idle: float = 10.0
    body: float = 60.0
    answer: float = 30.0
    retry: int = 1


@dataclass(slots=True)
class _Service:
    reader: Log
    sequencer: Sequencer | SharedSequencer
    gate: Gate
    waits: Waits
    budget: Budget = field(default_factory=lambda: Budget(MAX_ON_THE_WAY))

    async def statements(self, request: Request) -> Response:
        entries = await self._register(request, MAX_STATEMENT, lambda body: [Submission(body)])
        receipt = await run_in_threadpool(self._receipt, entries[0].index)
        return _json(bytes(Registered.of(entries, receipt)))

    async def submissions(self, request: Request) -> Response:
        entries = await self._register(request, MAX_SUBMISSIONS_BODY, parse_submissions)
        return _json(bytes(Registered.of(entries)))

    async def _register(
        self, request: Request, most: int, parse: Callable[[bytes], Sequence[Submission]]
    ) -> list[Entry]:
        if not self.sequencer.accepts:
            raise BusyError("nothing is registered at present")
        waits = self.waits
        body = await read_body(
            request, most=most, idle=waits.idle, seconds=waits.body, budget=self.budget
        )
        size = len(body)
        try:
            submissions = await run_in_threadpool(parse, body)
            arrivals = await run_in_threadpool(self.gate.check, submissions)
            waiting = self.sequencer.submit(arrivals)
        except BaseException:
            self.budget.give(size)
            raise
        appended = asyncio.wrap_future(waiting)
        appended.add_done_callback(lambda _: self.budget.give(size))
        try:
            # shielded: what has a place in the queue is logged, whoever waits for it
            return await asyncio.wait_for(asyncio.shield(appended), waits.answer)
        except TimeoutError as error:
            raise BusyError("the statements wait to be logged; ask again") from error

    def _receipt(self, index: int) -> bytes | None:
        try:
            return self.reader.prove(index)
        except NotFoundError:
            return None

    async def checkpoint(self, _request: Request) -> Response:
        note = await run_in_threadpool(self.reader.checkpoint)
        return _file(note, _TEXT, "no-cache")

    async def tile(self, request: Request) -> Response:
        path = f"tile/{request.path_params['path']}"
        return _file(await run_in_threadpool(self.reader.static_file, path), _BYTES, _FOR_EVER)

    async def receipt(self, request: Request) -> Response:
        text = request.path_params["index"]
        if not _INDEX.fullmatch(text):
            raise NotFoundError("a receipt is named by the index of its entry")
        index = int(text)
        proof = await run_in_threadpool(self._receipt, index)
        if proof is not None:
            return _file(proof, _TEXT, "no-cache")
        if index >= await run_in_threadpool(lambda: self.reader.size):
            raise NotFoundError(f"no entry {index} in the log")
        return self._problem(Problem(503, "not-published", f"entry {index} is not published yet"))

    async def link(self, request: Request) -> Response:
        chain, name = request.path_params["chain"], request.path_params["name"]
        if chain not in _CHAINS or not _CHAINS[chain].fullmatch(name):
            raise NotFoundError("links are those of an object or an actor, named in hexadecimal")
        ask: Callable[[bytes], Link] = (
            self.reader.object_link if chain == "object" else self.reader.actor_link
        )
        link = await run_in_threadpool(ask, bytes.fromhex(name))
        return _json(encode_link(link))

    async def health(self, _request: Request) -> Response:
        accepts = self.sequencer.accepts
        size, published = await run_in_threadpool(lambda: (self.reader.size, self.reader.head()))
        fields = {
            "schema": "radseal/log-health/1",
            "origin": self.reader.origin,
            "size": size,
            "published": published.size,
            "waiting": self.sequencer.waiting,
            "accepts": accepts,
        }
        return JSONResponse(fields, 200 if accepts else 503, {"cache-control": "no-store"})

    async def failed(self, _request: Request, error: Exception) -> Response:
        return self._problem(_problem_of(error))

    def _problem(self, problem: Problem) -> Response:
        headers = {"content-type": "application/problem+json", "cache-control": "no-store"}
        if problem.status in (429, 503):
            headers["retry-after"] = str(self.waits.retry)
        title = HTTPStatus(problem.status).phrase
        return Response(encode_problem(problem, title=title), problem.status, headers)


def make_app(
    reader: Log, sequencer: Sequencer | SharedSequencer, *, waits: Waits = Waits()
) -> Starlette:
    """Return the application over a log opened for reading, and the writer of the same log."""
    service = _Service(reader, sequencer, Gate(reader), waits)
    return Starlette(
        routes=[
            Route("/checkpoint", service.checkpoint, methods=["GET"]),
            Route("/tile/{path:path}", service.tile, methods=["GET"]),
            Route("/receipt/{index}", service.receipt, methods=["GET"]),
            Route("/link/{chain}/{name}", service.link, methods=["GET"]),
            Route("/health", service.health, methods=["GET"]),
            Route("/statements", service.statements, methods=["POST"]),
            Route("/submissions", service.submissions, methods=["POST"]),
        ],
        exception_handlers={
            LedgerError: service.failed,
            BodyError: service.failed,
            HTTPException: service.failed,
            Exception: service.failed,
        },
    )


def _problem_of(error: Exception) -> Problem:
    match error:
        case ConflictError() | RefusedError() | MalformedError() | UsageError():
            return problem_of(error)
        case NotFoundError():
            return Problem(404, "not-found", str(error))
        case OverloadedError():
            return Problem(429, "too-many", str(error))
        case BusyError():
            return Problem(503, "busy", str(error))
        case BodyError():
            return Problem(error.status, _KINDS.get(error.status, "malformed"), str(error))
        case HTTPException():
            kind = _KINDS.get(error.status_code, "malformed")
            return Problem(error.status_code, kind, error.detail)
        case _:
            _logger.error("a request failed", exc_info=error)
            return Problem(503, "failed", "the log cannot answer now")


def _json(body: bytes) -> Response:
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return Response(body, headers=headers)


def _file(body: bytes, kind: str, cache: str) -> Response:
    return Response(body, headers={"content-type": kind, "cache-control": cache})
