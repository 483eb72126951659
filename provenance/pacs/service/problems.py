"""How the service says what is wrong (RFC 9457), and the table that describes it."""

import logging
import sqlite3
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response

from ledger import LedgerError, Problem, encode_problem
from provenance.errors import EvidenceMissingError, MalformedError, UsageError
from provenance.pacs.retrieve.archive_web import ArchiveFailsError
from provenance.pacs.service.failures import Cause, NotJudgedError
from provenance.servers.http_api import Answer, answer
from provenance.servers.http_server import BodyError

KIND = "application/problem+json"

# statuses, the last part of the type of each problem, and when
PROBLEMS: Mapping[int, Mapping[str, str]] = {
    400: {"malformed": "the request is not in its form"},
    401: {"token": "it needs the token of the service"},
    403: {
        "persons": "two persons have to sign it, and it is not signed here",
        "withheld": "the policy does not let readers have it, or it waits in quarantine",
    },
    404: {"not-found": "there is nothing of that name"},
    405: {"method": "another method"},
    406: {"not-acceptable": "the answer has other media types"},
    408: {"too-slow": "the body did not arrive in time"},
    410: {"forgotten": "it was here, is done, and was forgotten: the ledger has its events"},
    409: {"state": "the object is not in a state for this"},
    413: {"too-large": "more than a request may have"},
    415: {"media-type": "the body has another media type"},
    502: {"archive": "the archive cannot be reached, or does not answer as it must"},
    504: {"archive-late": "the archive does not answer in time"},
    503: {
        "busy": "nothing was taken: send it again",
        "setting": "nothing was taken: the site or the policy cannot be read",
        "disk": "nothing was taken: the disk is full, or fails",
        "log": "the log cannot be asked",
        "failed": "nothing was taken: the service failed",
    },
}
_KIND_OF_STATUS = {status: next(iter(kinds)) for status, kinds in PROBLEMS.items()}
_KIND_OF_CAUSE = {
    Cause.SETTING: "setting",
    Cause.DISK: "disk",
    Cause.DEFECT: "failed",
    Cause.LOST: "busy",
}

_logger = logging.getLogger(__name__)


class ProblemError(Exception):
    """An error with its answer."""

    def __init__(self, problem: Problem, headers: Mapping[str, str]) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.headers = headers


def problem(
    status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None
) -> ProblemError:
    """Return the error of a problem of the table, and headers of its answer."""
    assert kind in PROBLEMS[status]
    return ProblemError(Problem(status, kind, detail), headers or {})


def problem_of(error: Exception) -> Problem:
    """Return what to say about an error, whatever it is. No file content is in it."""
    match error:
        case ProblemError():
            return error.problem
        case NotJudgedError():
            return Problem(503, _KIND_OF_CAUSE[error.cause], error.words)
        case BodyError(status=503):
            return Problem(503, "disk", str(error))
        case BodyError():
            return Problem(error.status, _KIND_OF_STATUS.get(error.status, "malformed"), str(error))
        case ArchiveFailsError(late=True):
            return Problem(504, "archive-late", str(error))
        case ArchiveFailsError():
            return Problem(502, "archive", str(error))
        case EvidenceMissingError():
            return Problem(404, "not-found", str(error))
        case MalformedError() | UsageError():
            return Problem(400, "malformed", str(error))
        case HTTPException():
            kind = _KIND_OF_STATUS.get(error.status_code, "malformed")
            return Problem(error.status_code, kind, error.detail)
        case LedgerError():
            return Problem(503, "log", f"the log cannot be asked: {error}")
        case OSError() | sqlite3.Error():
            _logger.error("the disk fails", exc_info=error)
            return Problem(503, "disk", "the disk fails")
        case _:
            _logger.error("a request failed", exc_info=error)
            return Problem(503, "failed", "the service failed: see its log")


def problem_answer(problem: Problem, *, retry: int) -> Response:
    """Return the answer; ``retry`` is in how many seconds to ask again, where that is of use."""
    title = HTTPStatus(problem.status).phrase
    response = answer(encode_problem(problem, title=title), KIND, status=problem.status)
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["retry-after"] = str(retry)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        response.headers["www-authenticate"] = "Bearer"
    return response


def problem_answers(*statuses: int) -> tuple[Answer, ...]:
    """Return the description of problems with these statuses."""
    return tuple(
        Answer(status, "; ".join(PROBLEMS[status].values()), KIND, _schema(status))
        for status in statuses
    )


def _schema(status: int) -> dict[str, object]:
    properties = {
        "type": {"enum": [f"urn:radseal:problem:{kind}" for kind in PROBLEMS[status]]},
        "title": {"type": "string"},
        "status": {"const": status},
        "detail": {"type": "string"},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}
