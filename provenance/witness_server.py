"""A witness over HTTP: two addresses, bounded bodies, no answer above 503."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from datetime import datetime

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ledger import Answer, LedgerError, Witness

MAX_BODY = 1 << 16
BODY_SECONDS = 10.0
IDLE_SECONDS = 30
STOP_SECONDS = 10
MAX_CONNECTIONS = 256

_logger = logging.getLogger(__name__)


def make_app(witness: Witness, clock: Callable[[], datetime]) -> Starlette:
    """Return the application; ``clock`` says when a checkpoint is cosigned."""

    async def add_checkpoint(request: Request) -> Response:
        try:
            body = await asyncio.wait_for(_read(request), BODY_SECONDS)
        except TimeoutError:
            return _words(408, "the body did not arrive in time")
        except ClientDisconnect:
            return _words(400, "the body broke off")
        if body is None:
            return _words(413, f"a request has at most {MAX_BODY} bytes")
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


def serve(app: Starlette, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT; requests that have begun are answered first."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        limit_concurrency=MAX_CONNECTIONS,
        h11_max_incomplete_event_size=1 << 14,
    )
    # uvicorn stops on the first signal and then raises it again: for us stopping is enough
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    uvicorn.Server(config).run(sockets=[listener])


async def _read(request: Request) -> bytes | None:
    """Return the body; None as soon as it is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return bytes(body)


async def _out_of_order(_request: Request, error: Exception) -> Response:
    _logger.error("a request failed", exc_info=error)
    return _words(503, "the witness cannot answer now")


def _answer(answer: Answer) -> Response:
    # the type as it stands: the framework would add a charset to every text type
    return Response(answer.body, answer.status, headers={"content-type": answer.content_type})


def _words(status: int, words: str) -> Response:
    return _answer(Answer(status, f"{words}\n".encode()))
