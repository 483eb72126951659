"""How a log server says what is wrong (RFC 9457), and the table that describes it."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response

from ledger import (
    BusyError,
    ConflictError,
    ErasedError,
    ForbiddenError,
    MalformedError,
    NotFoundError,
    NotSignedError,
    OverloadedError,
    Problem,
    RefusedError,
    TooLargeError,
    UsageError,
    encode_problem,
)
from provenance.servers.http_api import Answer, answer
from provenance.servers.http_server import BodyError

KIND = "application/problem+json"

# statuses, the last part of the type of each problem, and when
PROBLEMS: Mapping[int, Mapping[str, str]] = {
    400: {"malformed": "these bytes are not in their form"},
    401: {"not-signed": "the read needs a signature, or a new one"},
    403: {
        "refused": "a rule of the log forbids the statement",
        "forbidden": "the key may not read this",
    },
    404: {"not-found": "there is nothing of that name"},
    405: {"method": "another method"},
    408: {"too-slow": "the body did not arrive in time"},
    409: {"stale-link": "a back link is not the newest one"},
    410: {"erased": "what was asked for was erased"},
    413: {"too-large": "more than a request may have"},
    429: {"too-many": "too many requests of one signer wait"},
    503: {
        "busy": "not now: ask again",
        "not-published": "the entry is not published yet: ask again",
        "failed": "the log cannot be written or read",
    },
}

_KIND_OF_STATUS = {status: next(iter(kinds)) for status, kinds in PROBLEMS.items()}

_logger = logging.getLogger(__name__)


def problem_of(error: Exception) -> Problem:
    """Return what to say about an error, whatever it is."""
    match error:
        case ConflictError():
            return Problem(409, "stale-link", str(error), error.chain, error.current)
        case NotSignedError():
            return Problem(401, "not-signed", str(error), nonce=error.nonce)
        case ForbiddenError():
            return Problem(403, "forbidden", str(error))
        case RefusedError():
            return Problem(403, "refused", str(error))
        case TooLargeError():
            return Problem(413, "too-large", str(error))
        case MalformedError() | UsageError():
            return Problem(400, "malformed", str(error))
        case ErasedError():
            return Problem(410, "erased", str(error))
        case NotFoundError():
            return Problem(404, "not-found", str(error))
        case OverloadedError():
            return Problem(429, "too-many", str(error))
        case BusyError():
            return Problem(503, "busy", str(error))
        case BodyError():
            return Problem(error.status, _KIND_OF_STATUS.get(error.status, "malformed"), str(error))
        case HTTPException():
            kind = _KIND_OF_STATUS.get(error.status_code, "malformed")
            return Problem(error.status_code, kind, error.detail)
        case _:
            _logger.error("a request failed", exc_info=error)
            return Problem(503, "failed", "the log cannot answer now")


def problem_answer(problem: Problem, *, retry: int) -> Response:
    """Return the answer; ``retry`` is in how many seconds to ask again, where that is of use."""
    title = HTTPStatus(problem.status).phrase
    response = answer(encode_problem(problem, title=title), KIND, status=problem.status)
    if problem.status in (429, 503):
        response.headers["retry-after"] = str(retry)
    if problem.nonce is not None:
        response.headers["www-authenticate"] = f'Radseal nonce="{problem.nonce.hex()}"'
    return response


def problem_answers(*statuses: int) -> tuple[Answer, ...]:
    """Return the description of problems with these statuses."""
    return tuple(
        Answer(status, "; ".join(PROBLEMS[status].values()), KIND, _schema(status))
        for status in statuses
    )


def _schema(status: int) -> dict[str, object]:
    digest = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    properties: dict[str, object] = {
        "type": {"enum": [f"urn:radseal:problem:{kind}" for kind in PROBLEMS[status]]},
        "title": {"type": "string"},
        "status": {"const": status},
        "detail": {"type": "string"},
    }
    required = ["type", "title", "status", "detail"]
    if status == HTTPStatus.UNAUTHORIZED:
        properties["nonce"] = digest
        required.append("nonce")
    if status == HTTPStatus.CONFLICT:
        link = {
            "type": "object",
            "properties": {
                "seq": {"type": "integer", "minimum": 0},
                "previous": {"anyOf": [digest, {"type": "null"}]},
            },
            "required": ["seq", "previous"],
        }
        properties |= {"chain": {"enum": ["object", "actor"]}, "link": link}
        required += ["chain", "link"]
    return {"type": "object", "properties": properties, "required": required}
