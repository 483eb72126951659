"""What a log server answers: the table of docs/spec/log-server.md, as data."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from provenance.servers import log_answers
from provenance.servers.http_api import (
    BYTES,
    JSON,
    TEXT,
    Answer,
    Body,
    Endpoint,
    Form,
    Handler,
    Place,
)
from provenance.servers.log_problems import problem_answers
from provenance.servers.metrics import KIND as METRICS

if TYPE_CHECKING:
    from provenance.servers.log_server import LogService

MAX_STATEMENT = 65_535
MAX_SUBMISSIONS_BODY = (1 << 26) + (4 << 20)
INDEX, OBJECT, HASH = "0|[1-9][0-9]{0,17}", "[0-9a-f]{24}", "[0-9a-f]{64}"


def log_endpoints(service: "LogService") -> list[Endpoint]:
    """Return the table, answered by ``service``."""
    seen = (404, 503)
    kept = (401, 403, 404, 503)
    written = (400, 403, 408, 409, 413, 429, 503)
    index = Place("index", INDEX, "index of an entry")
    an_object = Place("object", OBJECT, "id of an object")
    health = "whether statements can be registered"
    return [
        _endpoint(
            "checkpoint", "/checkpoint", "The newest published checkpoint", service.checkpoint,
            Answer(200, "a signed checkpoint (C2SP tlog-checkpoint)", TEXT), *seen,
        ),
        _endpoint(
            "tile", "/tile/{path}", "A tile or a bundle of entries", service.tile,
            Answer(200, "a tile or bundle (C2SP tlog-tiles)", BYTES), *seen,
            forms=_tile_forms(),
        ),
        _endpoint(
            "receipt", "/receipt/{index}", "The receipt of an entry", service.receipt,
            Answer(200, "a C2SP tlog-proof", TEXT), *seen, places=(index,),
        ),
        _endpoint(
            "objectLink", "/link/object/{object}", "The next link of an object",
            service.object_link, Answer(200, "the link", JSON, log_answers.LINK), *seen,
            places=(an_object,),
        ),
        _endpoint(
            "actorLink", "/link/actor/{kid}", "The next link of a key",
            service.actor_link, Answer(200, "the link", JSON, log_answers.LINK), *seen,
            places=(Place("kid", HASH, "id of a key"),),
        ),
        _endpoint(
            "history", "/history/{object}/{start}", "Entries about an object", service.history,
            Answer(200, "at most 256 entries (docs/spec/log-server.md)", BYTES), *seen,
            places=(an_object, Place("start", INDEX, "number of the first one of the object")),
        ),
        _endpoint(
            "key", "/key/{kid}", "What the log knows of a key", service.key,
            Answer(200, "the key", JSON, log_answers.KEY), *seen,
            places=(Place("kid", HASH, "id of a key"),),
        ),
        _endpoint(
            "alarms", "/alarms", "Gaps and forks of keys", service.alarms,
            Answer(200, "the alarms", JSON, log_answers.ALARMS), 503,
        ),
        _endpoint(
            "annex", "/annex/{object}", "The annex of an object", service.annex,
            Answer(200, "the annex", BYTES), *kept, 410, places=(an_object,), signed=True,
        ),
        _endpoint(
            "objects", "/objects/{pseudonym}", "The objects under a pseudonym", service.objects,
            Answer(200, "their ids", JSON, log_answers.OBJECTS), *kept,
            places=(Place("pseudonym", HASH, "a pseudonym"),), signed=True,
        ),
        _endpoint(
            "statements", "/statements", "Register a statement", service.statements,
            Answer(200, "where it is", JSON, log_answers.ENTRIES), *written,
            body=Body("a statement: a COSE_Sign1", MAX_STATEMENT),
        ),
        _endpoint(
            "submissions", "/submissions", "Register statements, all or none",
            service.submissions, Answer(200, "where they are", JSON, log_answers.ENTRIES),
            *written,
            body=Body("1 to 256 submissions (docs/spec/log-server.md)", MAX_SUBMISSIONS_BODY),
        ),
        Endpoint(
            "health", "/health", "Readiness: can statements be registered?", service.health,
            (
                Answer(200, health, JSON, log_answers.HEALTH),
                Answer(503, health, JSON, log_answers.HEALTH),
                *problem_answers(503),
            ),
        ),
        _endpoint("live", "/live", "Liveness", service.live, Answer(200, "it answers", TEXT)),
        _endpoint(
            "metrics", "/metrics", "Counters in the text format of Prometheus", service.metrics,
            Answer(200, "the counters", METRICS), 503,
        ),
    ]  # fmt: skip


def _tile_forms() -> tuple[Form, ...]:
    return tuple(_forms_of_tiles())


def _forms_of_tiles() -> Iterator[Form]:
    """Whole and partial tiles, of numbers up to 999,999,999; further groups are as the others."""
    level = Place("level", "entries|0|[1-9][0-9]?", "level of a tile, or entries")
    last = Place("number", "[0-9]{3}", "last three digits of the number")
    width = Place("width", "[1-9][0-9]{0,2}", "how many of the partial tile")
    groups = (
        Place("millions", "[0-9]{3}", "three digits of the number"),
        Place("thousands", "[0-9]{3}", "three digits of the number"),
    )
    for count in range(3):
        above = groups[len(groups) - count :]
        path = "/".join(["/tile/{level}", *(f"x{{{each.name}}}" for each in above), "{number}"])
        yield Form(path, (level, *above, last))
        yield Form(path + ".p/{width}", (level, *above, last, width))


def _endpoint(
    name: str,
    path: str,
    words: str,
    handler: Handler,
    good: Answer,
    *problems: int,
    places: tuple[Place, ...] = (),
    forms: tuple[Form, ...] = (),
    body: Body | None = None,
    signed: bool = False,
) -> Endpoint:
    answers = (good, *problem_answers(*problems))
    return Endpoint(
        name, path, words, handler, answers, places=places, body=body, signed=signed, forms=forms
    )
