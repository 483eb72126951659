"""What our servers share: bounded bodies, an end to every wait, a stop that answers first."""

import asyncio
import signal
import socket
from asyncio import TimerHandle, Transport
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
READ_SECONDS = 30.0
IDLE_SECONDS = 30
STOP_SECONDS = 10
MAX_CONNECTIONS = 256
MAX_HEAD = 1 << 14


class BodyError(Exception):
    """A body that did not arrive as it must: the status of the answer, and words."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass(slots=True)
class Budget:
    """Bytes of bodies that all requests, or answers, may hold. Used in the event loop alone."""

    left: int

    def take(self, count: int) -> None:
        """Reserve bytes; BodyError 503 if there are not so many."""
        if count > self.left:
            raise BodyError(503, "too many bytes are on their way")
        self.left -= count

    def give(self, count: int) -> None:
        """Give them back."""
        self.left += count


async def read_body(
    request: Request, *, most: int, idle: float, seconds: float, budget: Budget | None = None
) -> bytes:
    """Return the body of a request; what it has taken of ``budget`` is the caller's to give back.

    BodyError for more than ``most`` bytes, for none within ``idle`` seconds, or not all within
    ``seconds``, and for a connection that breaks off.
    """
    words = f"a body has at most {most} bytes"
    with suppress(ValueError):
        if int(request.headers.get("content-length", "0")) > most:
            raise BodyError(413, words)
    body = bytearray()
    stream = request.stream()
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    chunk = await asyncio.wait_for(anext(stream), idle)
                except StopAsyncIteration:
                    break
                if len(body) + len(chunk) > most:
                    raise BodyError(413, words)
                if budget is not None:
                    budget.take(len(chunk))
                body += chunk
    except TimeoutError as error:
        _give_back(budget, body)
        raise BodyError(408, "the body did not arrive in time") from error
    except ClientDisconnect as error:
        _give_back(budget, body)
        raise BodyError(400, "the body broke off") from error
    except BaseException:
        _give_back(budget, body)
        raise
    return bytes(body)


def _give_back(budget: Budget | None, body: bytearray) -> None:
    if budget is not None:
        budget.give(len(body))


class CountedResponse(Response):
    """An answer that counts against a budget until it was taken, or the line was cut."""

    def __init__(self, body: bytes, headers: Mapping[str, str], budget: Budget) -> None:
        budget.take(len(body))
        super().__init__(body, headers=headers)
        self._budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._budget.give(len(self.body))


class _Protocol(H11Protocol):
    """HTTP/1.1; a connection whose next request does not begin in time is closed.

    So is one that takes nothing of an answer for some time.
    """

    _timer: TimerHandle | None = None
    _full: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget()
        elif self._timer is None:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._full = self.loop.call_later(READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        if self._full is not None:
            self._full.cancel()
            self._full = None
        super().resume_writing()

    def _wait_for_head(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._too_slow)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        cycle: Any = self.cycle
        if (cycle is None or cycle.response_complete) and not self.transport.is_closing():
            self.transport.close()


def uvicorn_config(app: Starlette) -> uvicorn.Config:
    """Return how each of our servers is run: every wait bounded, no words about itself."""
    return uvicorn.Config(
        app,
        http=_Protocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        limit_concurrency=MAX_CONNECTIONS,
        h11_max_incomplete_event_size=MAX_HEAD,
    )


def serve(app: Starlette, listener: socket.socket, *, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; requests that have begun are answered first.

    Once ``ready`` is called a signal stops it, and requests wait to be answered.
    """
    server = uvicorn.Server(uvicorn_config(app))

    def stop(*_: object) -> None:
        server.should_exit = True

    # before uvicorn listens to signals, and when it raises the one that stopped it again
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    ready()
    server.run(sockets=[listener])
