"""What a request says in its path and behind it, strictly."""

import re
from collections.abc import Mapping, Sequence

from starlette.requests import Request

from provenance.pacs.service.problems import problem
from provenance.servers.http_api import Place


def named(request: Request, name: str, pattern: str) -> str:
    """Return a part of the path; problem 404 for one of another form."""
    value: str = request.path_params[name]
    if not re.fullmatch(pattern, value):
        raise problem(404, "not-found", f"no such {name}: it is of another form")
    return value


def query(request: Request, known: Sequence[Place]) -> Mapping[str, str]:
    """Return the parameters behind a path; problem 400 for one that is not known or not so."""
    patterns = {each.name: each.pattern for each in known}
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in patterns or name in found:
            raise problem(400, "malformed", "a parameter is unknown, or there twice")
        if not re.fullmatch(patterns[name], value):
            raise problem(400, "malformed", f"{name} is not of its form")
        found[name] = value
    return found
