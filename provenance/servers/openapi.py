"""OpenAPI 3.1 descriptions of our servers, from the table that their routes are made of."""

import json
import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from provenance import __version__
from provenance.servers.http_api import JSON, Answer, Body, Endpoint, Form, Place, answer

PATH = "/openapi.json"


def described(endpoints: Sequence[Endpoint], *, title: str, words: str) -> list[Endpoint]:
    """Return the endpoints and the one more that describes them all."""
    body = b""

    async def openapi(_request: Request) -> Response:
        return answer(body, JSON)

    shown = Answer(200, "this description", JSON, {"type": "object"})
    every = [*endpoints, Endpoint("openapi", PATH, "What this server answers", openapi, (shown,))]
    body = (json.dumps(document(every, title=title, words=words), indent=1) + "\n").encode()
    return every


def document(endpoints: Sequence[Endpoint], *, title: str, words: str) -> dict[str, object]:
    """Return the description as a value. Its addresses are relative to its own."""
    paths: dict[str, dict[str, object]] = {}
    for each in endpoints:
        for number, form in enumerate(each.forms or (Form(each.path, each.places),), 1):
            name = f"{each.name}{number}" if each.forms else each.name
            operation = _operation(each, name, form.places)
            paths.setdefault(form.path, {})[each.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__, "description": words},
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "question": {
                    "type": "http",
                    "scheme": "radseal",
                    "description": "A signed question: base64url of a COSE_Sign1 over the nonce "
                    "that a 401 brings (docs/spec/log-server.md)",
                },
                "token": {"type": "http", "scheme": "bearer", "description": "RFC 6750"},
            }
        },
    }


def _operation(endpoint: Endpoint, name: str, places: Sequence[Place]) -> dict[str, object]:
    operation: dict[str, object] = {
        "operationId": name,
        "summary": endpoint.words,
        "responses": _responses(endpoint.answers, bearer=endpoint.bearer),
    }
    if places or endpoint.query:
        operation["parameters"] = [
            *(_parameter(each, "path") for each in places),
            *(_parameter(each, "query") for each in endpoint.query),
        ]
    if endpoint.body is not None:
        operation["requestBody"] = _body(endpoint.body)
    if endpoint.signed:
        operation["security"] = [{"question": []}]
    if endpoint.bearer:
        operation["security"] = [{"token": []}]
    return operation


def _parameter(place: Place, where: str) -> dict[str, object]:
    return {
        "name": place.name,
        "in": where,
        "required": where == "path",
        "description": place.words,
        "schema": {"type": "string", "pattern": f"^(?:{place.pattern})$"},
    }


def _body(body: Body) -> dict[str, object]:
    schema = body.schema or {"type": "string", "format": "binary", "maxLength": body.most}
    return {
        "required": True,
        "description": body.words,
        "content": {body.kind: {"schema": schema}},
    }


def _responses(answers: Sequence[Answer], *, bearer: bool) -> dict[str, object]:
    responses: dict[str, Any] = {}
    for each in answers:
        content: dict[str, object] = {} if each.schema is None else {"schema": dict(each.schema)}
        made = responses.setdefault(str(each.status), {"description": each.words, "content": {}})
        made["content"][_media(each.kind)] = content
        if each.status in (429, 503):
            made["headers"] = {"Retry-After": {"schema": {"type": "string", "pattern": "^[0-9]+$"}}}
        if each.status == HTTPStatus.UNAUTHORIZED:
            pattern = "^Bearer$" if bearer else '^Radseal nonce="[0-9a-f]{64}"$'
            challenge = {"type": "string", "pattern": pattern}
            made["headers"] = {"WWW-Authenticate": {"schema": challenge}}
    return responses


def _media(kind: str) -> str:
    return re.sub(r";.*", "", kind)
