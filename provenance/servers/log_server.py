"""A log over HTTP: statements come in, the tree goes out as files (docs/spec/log-server.md)."""

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ledger import (
    HISTORY_PAGE,
    BusyError,
    Entry,
    ErasedError,
    Gate,
    Link,
    Log,
    LoggedKey,
    Nonces,
    NotFoundError,
    Problem,
    Readers,
    Registered,
    Sequencer,
    SharedSequencer,
    Submission,
    Verifiers,
    encode_history,
    encode_key,
    encode_link,
    encode_objects,
    parse_submissions,
)
from provenance.schema.alarms import SCHEMA, alarm_fields
from provenance.servers.http_api import BYTES, JSON, NO_STORE, TEXT, answer, application
from provenance.servers.http_server import Budget, CountedResponse, read_body
from provenance.servers.log_endpoints import (
    HASH,
    INDEX,
    MAX_STATEMENT,
    MAX_SUBMISSIONS_BODY,
    OBJECT,
    log_endpoints,
)
from provenance.servers.log_problems import problem_answer, problem_of
from provenance.servers.metrics import KIND as METRICS
from provenance.servers.metrics import Requests, exposition, gauge
from provenance.servers.openapi import described

MAX_ON_THE_WAY = 1 << 27  # bytes of bodies
MAX_ON_THE_WAY_OUT = 1 << 28  # and of answers
MAX_FILES_AT_ONCE = 4  # that are read: the largest has 64 MiB

_FRESH = "no-cache"
_FOR_EVER = "public, max-age=31536000, immutable"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds: between two pieces of a body, for all of it, for the disk, until asked again."""

    idle: float = 10.0
    body: float = 60.0
    answer: float = 30.0
    retry: int = 1


@dataclass(slots=True)
class LogService:
    """What answers: one method for each endpoint (provenance/servers/log_endpoints.py)."""

    reader: Log
    sequencer: Sequencer | SharedSequencer
    gate: Gate
    readers: Readers
    waits: Waits
    requests: Requests = field(default_factory=Requests)
    budget: Budget = field(default_factory=lambda: Budget(MAX_ON_THE_WAY))
    out: Budget = field(default_factory=lambda: Budget(MAX_ON_THE_WAY_OUT))
    files: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_FILES_AT_ONCE))

    async def statements(self, request: Request) -> Response:
        entries = await self._register(request, MAX_STATEMENT, lambda body: [Submission(body)])
        receipt = await run_in_threadpool(self._receipt, entries[0].index)
        return answer(bytes(Registered.of(entries, receipt)), JSON)

    async def submissions(self, request: Request) -> Response:
        entries = await self._register(request, MAX_SUBMISSIONS_BODY, parse_submissions)
        return answer(bytes(Registered.of(entries)), JSON)

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
            arrivals = await run_in_threadpool(lambda: self.gate.check(parse(body)))
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
        return answer(await run_in_threadpool(self.reader.checkpoint), TEXT, cache=_FRESH)

    async def tile(self, request: Request) -> Response:
        path = f"tile/{request.path_params['path']}"
        return await self._file(lambda: self.reader.static_file(path), cache=_FOR_EVER)

    async def _file(self, read: Callable[[], bytes], *, cache: str = NO_STORE) -> Response:
        """Answer with what may be long; all such answers together are bounded."""
        async with self.files:
            body = await run_in_threadpool(read)
            headers = {"content-type": BYTES, "cache-control": cache}
            return CountedResponse(body, headers, self.out)

    async def receipt(self, request: Request) -> Response:
        index = int(_named(request, "index", INDEX))
        proof = await run_in_threadpool(self._receipt, index)
        if proof is not None:
            return answer(proof, TEXT, cache=_FRESH)
        if index >= await run_in_threadpool(lambda: self.reader.size):
            raise NotFoundError(f"no entry {index} in the log")
        problem = Problem(503, "not-published", f"entry {index} is not published yet")
        return problem_answer(problem, retry=self.waits.retry)

    async def object_link(self, request: Request) -> Response:
        return await self._link(self.reader.object_link, _named(request, "object", OBJECT))

    async def actor_link(self, request: Request) -> Response:
        return await self._link(self.reader.actor_link, _named(request, "kid", HASH))

    async def _link(self, ask: Callable[[bytes], Link], name: str) -> Response:
        return answer(encode_link(await run_in_threadpool(ask, bytes.fromhex(name))), JSON)

    async def history(self, request: Request) -> Response:
        name, start = _named(request, "object", OBJECT), int(_named(request, "start", INDEX))

        def page() -> bytes:
            entries = self.reader.history(bytes.fromhex(name), start, count=HISTORY_PAGE)
            return encode_history(entries)

        return await self._file(page)

    async def key(self, request: Request) -> Response:
        kid = bytes.fromhex(_named(request, "kid", HASH))
        return answer(encode_key(await run_in_threadpool(self.reader.key, kid)), JSON)

    async def annex(self, request: Request) -> Response:
        name = _named(request, "object", OBJECT)
        await self._admit(request, f"/annex/{name}", about=name)
        return await self._file(lambda: self._annex(bytes.fromhex(name)))

    def _annex(self, object_id: bytes) -> bytes:
        annex = self.reader.annex(object_id)
        if annex is not None:
            return annex
        if self.reader.is_erased(object_id):
            raise ErasedError("the annex was erased")
        raise NotFoundError("there is no annex of such an object")

    async def objects(self, request: Request) -> Response:
        name = _named(request, "pseudonym", HASH)
        await self._admit(request, f"/objects/{name}", about=None)
        found = await run_in_threadpool(self.reader.find, bytes.fromhex(name))
        return answer(encode_objects(found), JSON)

    async def _admit(self, request: Request, path: str, *, about: str | None) -> None:
        """Return only for whoever may read ``path``; nothing was looked at before."""
        header = request.headers.get("authorization")

        def admit() -> LoggedKey:
            return self.readers.admit(header, path=path)

        key = await run_in_threadpool(admit)
        fields = {"kid": key.kid.hex(), "role": str(key.role), "object": about}
        _logger.info("read", extra={"fields": fields})

    async def live(self, _request: Request) -> Response:
        return answer(b"live\n", TEXT)

    async def alarms(self, _request: Request) -> Response:
        found, keys = await run_in_threadpool(lambda: (self.reader.alarms(), self.reader.keys()))
        count = sum(each.open for each in found)
        fields = {
            "schema": SCHEMA,
            "open": count,
            "alarms": [alarm_fields(each, keys) for each in found],
        }
        return answer(json.dumps(fields).encode(), JSON)

    async def health(self, _request: Request) -> Response:
        accepts, publishing = self.sequencer.accepts, self.sequencer.publishing
        size, published = await run_in_threadpool(lambda: (self.reader.size, self.reader.head()))
        since = publishing.without_quorum_since
        fields = {
            "schema": "radseal/log-health/1",
            "origin": self.reader.origin,
            "size": size,
            "published": published.size,
            "waiting": self.sequencer.waiting,
            "accepts": accepts,
            "without_quorum_since": None if since is None else since.astimezone(UTC).isoformat(),
        }
        return answer(json.dumps(fields).encode(), JSON, status=200 if accepts else 503)

    async def metrics(self, _request: Request) -> Response:
        size, head = await run_in_threadpool(lambda: (self.reader.size, self.reader.head()))
        publishing, signed_at = self.sequencer.publishing, head.cosigned_at
        since, at = publishing.without_quorum_since, publishing.at
        own = (
            ("radseal_log_entries", "Entries of the log.", size),
            ("radseal_log_published", "Entries under the published checkpoint.", head.size),
            (
                "radseal_log_checkpoint_time_seconds",
                "When the published checkpoint was signed, in seconds since 1970.",
                0 if signed_at is None else signed_at.timestamp(),
            ),
            (
                "radseal_log_publication_time_seconds",
                "When all that was logged was published last, with a policy by its witnesses.",
                0 if at is None else at.timestamp(),
            ),
            (
                "radseal_log_without_quorum_time_seconds",
                "Since when no quorum of witnesses answers, 0 if one does.",
                0 if since is None else since.timestamp(),
            ),
            ("radseal_log_waiting", "Requests that wait to be logged.", self.sequencer.waiting),
            ("radseal_log_accepts", "Whether statements are registered.", self.sequencer.accepts),
            ("radseal_log_body_bytes_left", "Bytes of bodies still allowed.", self.budget.left),
        )
        values = [*(gauge(*each) for each in own), *self.requests.metrics()]
        return answer(exposition(values), METRICS)

    def refuse(self, error: Exception) -> Response:
        return problem_answer(problem_of(error), retry=self.waits.retry)


def make_app(
    reader: Log,
    sequencer: Sequencer | SharedSequencer,
    *,
    verifiers: Verifiers | None = None,
    waits: Waits = Waits(),
    monotonic: Callable[[], float] = time.monotonic,
) -> Starlette:
    """Return the application over a log opened for reading, and the writer of the same log.

    ``verifiers`` share the signatures of a request; the caller closes them.
    """
    readers = Readers(reader, Nonces(monotonic))
    service = LogService(reader, sequencer, Gate(reader, verifiers), readers, waits)
    words = "A custody log: statements come in, the tree goes out as files."
    return application(
        described(log_endpoints(service), title="radseal log server", words=words),
        refuse=service.refuse,
        requests=service.requests,
        monotonic=monotonic,
    )


def _named(request: Request, name: str, pattern: str) -> str:
    value: str = request.path_params[name]
    if not re.fullmatch(pattern, value):
        raise NotFoundError(f"no such {name}: it is of another form")
    return value
