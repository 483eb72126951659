"""What our servers answer, as data: routes, counters and their description come from one table.

A handler raises what goes wrong; how that is said is the server's, given as ``refuse``.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from provenance.servers.metrics import Requests

Handler = Callable[[Request], Awaitable[Response]]
Refuse = Callable[[Exception], Response]
"""Returns the answer for an error, whatever it is."""

JSON, BYTES = "application/json", "application/octet-stream"
TEXT = "text/plain; charset=utf-8"
NO_STORE = "no-store"

_NOWHERE = "none"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """A variable part of a path: the pattern of its values, and what it means."""

    name: str
    pattern: str
    words: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One status an endpoint may answer with, and what the body is. No type: any of ``schema``."""

    status: int
    words: str
    kind: str
    schema: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """What a request carries: at most so many bytes."""

    words: str
    most: int
    kind: str = BYTES
    schema: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """One of the forms a path may have, without slashes in its places."""

    path: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One question a server answers.

    ``signed`` ones need the header of log-server.md, ``bearer`` ones a token (RFC 6750). ``query``
    are what may stand behind the path.
    """

    name: str
    path: str
    words: str
    handler: Handler
    answers: tuple[Answer, ...]
    places: tuple[Place, ...] = ()
    body: Body | None = None
    signed: bool = False
    forms: tuple[Form, ...] = ()  # of a last place with slashes, which OpenAPI does not know
    query: tuple[Place, ...] = ()
    bearer: bool = False

    @property
    def method(self) -> str:
        """GET, or POST where there is a body."""
        return "GET" if self.body is None else "POST"


def application(
    endpoints: Sequence[Endpoint],
    *,
    refuse: Refuse,
    requests: Requests,
    monotonic: Callable[[], float] = time.monotonic,
) -> Starlette:
    """Return the application that answers ``endpoints``, counts, and writes a line for each."""

    def route(endpoint: Endpoint) -> Route:
        async def answer(request: Request) -> Response:
            began = monotonic()
            try:
                response = await endpoint.handler(request)
            except Exception as error:  # noqa: BLE001 - every error has an answer
                response = refuse(error)
            note(endpoint.name, request.method, response.status_code, monotonic() - began)
            return response

        path = endpoint.path
        if endpoint.forms:
            path = path.removesuffix("}") + ":path}"
        return Route(path, answer, methods=[endpoint.method])

    async def elsewhere(request: Request, error: Exception) -> Response:
        response = refuse(error)
        if isinstance(error, HTTPException) and error.headers is not None:
            response.headers.update(error.headers)  # which methods there are
        note(_NOWHERE, request.method, response.status_code, 0.0)
        return response

    def note(name: str, method: str, status: int, seconds: float) -> None:
        requests.count(name, status, seconds)
        # the endpoint's name, not the path: a path names objects and pseudonyms
        fields = {"endpoint": name, "method": method[:16], "status": status}
        _logger.info("request", extra={"fields": {**fields, "seconds": round(seconds, 4)}})

    return Starlette(
        routes=[route(each) for each in endpoints],
        exception_handlers={HTTPException: elsewhere, Exception: elsewhere},
    )


def answer(body: bytes, kind: str, *, status: int = 200, cache: str = NO_STORE) -> Response:
    """Return an answer whose type stands as it is: the framework adds no charset."""
    return Response(body, status, headers={"content-type": kind, "cache-control": cache})
