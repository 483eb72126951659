"""A witness over HTTP: two addresses, bounded bodies, no answer above 503."""

import logging
from collections.abc import Callable
from datetime import datetime

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ledger import Answer, LedgerError, Witness
from provenance.http_server import BodyError, read_body

MAX_BODY = 1 << 16
BODY_SECONDS = 10.0

_logger = logging.getLogger(__name__)


def make_app(witness: Witness, clock: Callable[[], datetime]) -> Starlette:
    """Return the application; ``clock`` says when a checkpoint is cosigned."""

    async def add_checkpoint(request: Request) -> Response:
        try:
            body = await read_body(request, most=MAX_BODY, idle=BODY_SECONDS, seconds=BODY_SECONDS)
        except BodyError as error:
            return _words(error.status, str(error))
        return _answer(await run_in_threadpool(witness.add_checkpoint, body, at=clock()))

    async def checkpoint(request: Request) -> Response:
        hashed = request.path_params["origin_hash"]
        return _answer(await run_in_threadpool(witness.checkpoint, hashed))

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/{origin_hash}/checkpoint", checkpoint, methods=["GET"]),
        ],
        exception_handlers={LedgerError: _out_of_order, Exception: _out_of_order},
    )


async def _out_of_order(_request: Request, error: Exception) -> Response:
    _logger.error("a request failed", exc_info=error)
    return _words(503, "the witness cannot answer now")


def _answer(answer: Answer) -> Response:
    # the type as it stands: the framework would add a charset to every text type
    return Response(answer.body, answer.status, headers={"content-type": answer.content_type})


def _words(status: int, words: str) -> Response:
    return _answer(Answer(status, f"{words}\n".encode()))
