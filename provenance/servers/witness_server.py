"""A witness over HTTP: C2SP tlog-witness, bounded bodies, no answer above 503."""

import logging
import time
from collections.abc import Callable
from datetime import datetime

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ledger import Answer as Judged
from ledger import Witness
from provenance.servers.http_api import TEXT, Answer, Body, Endpoint, Place, answer, application
from provenance.servers.http_server import BodyError, read_body
from provenance.servers.metrics import KIND as METRICS
from provenance.servers.metrics import Requests, exposition
from provenance.servers.openapi import described

MAX_BODY = 1 << 16
BODY_SECONDS = 10.0
RETRY_SECONDS = "1"

_SIZE = "text/x.tlog.size"
_REFUSED = {
    400: "no request of tlog-witness",
    403: "a key of the log has not signed",
    404: "the log is not known",
    408: "the body did not arrive in time",
    413: "more bytes than a request may have",
    422: "the proof does not hold",
    503: "the witness cannot answer now",
}

_logger = logging.getLogger(__name__)


def make_app(
    witness: Witness,
    clock: Callable[[], datetime],
    *,
    monotonic: Callable[[], float] = time.monotonic,
) -> Starlette:
    """Return the application; ``clock`` says when a checkpoint is cosigned."""
    requests = Requests()

    async def add_checkpoint(request: Request) -> Response:
        body = await read_body(request, most=MAX_BODY, idle=BODY_SECONDS, seconds=BODY_SECONDS)
        return _answer(await run_in_threadpool(witness.add_checkpoint, body, at=clock()))

    async def checkpoint(request: Request) -> Response:
        hashed = request.path_params["origin_hash"]
        return _answer(await run_in_threadpool(witness.checkpoint, hashed))

    async def live(_request: Request) -> Response:
        return answer(b"live\n", TEXT)

    async def health(_request: Request) -> Response:
        await run_in_threadpool(witness.checkpoint, "")  # of no log: but the memory was read
        return answer(b"ready\n", TEXT)

    async def metrics(_request: Request) -> Response:
        return answer(exposition(requests.metrics()), METRICS)

    endpoints = [
        Endpoint(
            "addCheckpoint",
            "/add-checkpoint",
            "Cosign a checkpoint that goes on from the last one",
            add_checkpoint,
            (
                Answer(200, "the lines of the witness", TEXT),
                Answer(409, "the size that the witness remembers, or words", _SIZE),
                Answer(409, "the size that the witness remembers, or words", TEXT),
                *_refusals(400, 403, 404, 408, 413, 422, 503),
            ),
            body=Body("a request of C2SP tlog-witness", MAX_BODY),
        ),
        Endpoint(
            "checkpoint",
            "/{origin_hash}/checkpoint",
            "The checkpoint last cosigned",
            checkpoint,
            (Answer(200, "the checkpoint", TEXT), *_refusals(404, 503)),
            places=(Place("origin_hash", "[0-9a-f]{64}", "SHA-256 of the origin of a log"),),
        ),
        Endpoint(
            "health",
            "/health",
            "Readiness: can the memory be read?",
            health,
            (Answer(200, "it can", TEXT), *_refusals(503)),
        ),
        Endpoint("live", "/live", "Liveness", live, (Answer(200, "it answers", TEXT),)),
        Endpoint(
            "metrics",
            "/metrics",
            "Counters in the text format of Prometheus",
            metrics,
            (Answer(200, "the counters", METRICS),),
        ),
    ]
    words = "A witness (C2SP tlog-witness): it cosigns checkpoints of logs that only grow."
    return application(
        described(endpoints, title="radseal witness", words=words),
        refuse=_refuse,
        requests=requests,
        monotonic=monotonic,
    )


def _refusals(*statuses: int) -> tuple[Answer, ...]:
    return tuple(Answer(status, _REFUSED[status], TEXT) for status in statuses)


def _refuse(error: Exception) -> Response:
    match error:
        case BodyError():
            return _words(error.status, str(error))
        case HTTPException():
            return _words(error.status_code, error.detail)
        case _:
            _logger.error("a request failed", exc_info=error)
            return _words(503, _REFUSED[503])


def _answer(judged: Judged) -> Response:
    return answer(judged.body, judged.content_type, status=judged.status)


def _words(status: int, words: str) -> Response:
    response = answer(f"{words}\n".encode(), TEXT, status=status)
    if status == 503:
        response.headers["retry-after"] = RETRY_SECONDS
    return response
