"""What the service answers: the table of docs/service.md, as data."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from provenance.pacs.arrivals import State
from provenance.pacs.retrieve.rendering import DICOM_JSON
from provenance.pacs.retrieve.wanted import DICOM, FRAME_KINDS, OCTETS
from provenance.pacs.service import answers as service_answers
from provenance.pacs.service.problems import problem_answers
from provenance.servers.http_api import JSON, TEXT, Answer, Body, Endpoint, Place
from provenance.servers.metrics import KIND as METRICS

if TYPE_CHECKING:
    from provenance.pacs.service.service import Service
    from provenance.pacs.service.stow import Stow
    from provenance.pacs.service.wado import Wado

AE_TITLE = r"[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?"
ADDRESS = "[0-9A-Za-z.:%_-]{1,64}"
NUMBER = "[1-9][0-9]{0,17}"
UID = "[0-9][0-9.]{0,63}"
NAME = f"[0-9a-f]{{24}}|{UID}"
MAX_WORDS_BODY = 8192
MAX_STOW_BODY = 1 << 36
FRAMES = "[1-9][0-9]{0,8}(,[1-9][0-9]{0,8}){0,255}"
MULTIPART = "multipart/related"
TITLES = (
    Place("calling_ae", AE_TITLE, "AE title of the sender, for the policy"),
    Place("called_ae", AE_TITLE, "AE title that it asked for, for the policy"),
)
ORIGIN = (
    Place("route", "orthanc|rest", "by which door the object came; rest if not given"),
    *TITLES,
    Place("address", ADDRESS, "network address of the sender"),
)


def _accept(*kinds: str) -> tuple[Place, ...]:
    """Return the parameter that stands for the header Accept: one media type, or any."""
    named = "|".join(map(re.escape, kinds))
    syntax = r'(; ?transfer-syntax=(\*|"\*"|[0-9.]{1,64}|"[0-9.]{1,64}"))?'
    pattern = rf'\*/\*|multipart/related; ?type=("({named})"|({named})){syntax}'
    return (Place("accept", pattern, "a media type, instead of the header Accept"),)


FILE_TYPES = _accept(DICOM)
FRAME_TYPES = _accept(OCTETS, *sorted(set(FRAME_KINDS.values())))
METADATA_TYPES = (
    Place("accept", r"\*/\*|application/dicom\+json", "a media type, instead of Accept"),
)
LISTING = (
    Place("state", "|".join(state.value for state in State), "only objects in this state"),
    Place("after", f"0|{NUMBER}", "number of the last object of the page before"),
)


def service_endpoints(service: "Service") -> list[Endpoint]:
    """Return the table, answered by ``service``."""
    open_to_caller, secret = service.admitted, service.admitted_by_token
    came = problem_answers(400, 401, 408, 413, 503)
    shown = problem_answers(400, 401, 404, 410, 503)
    number = Place("number", NUMBER, "number of an object")
    a_file = Body("the DICOM file", service.limits.object_bytes, DICOM)
    words = Body("who decides, and why", MAX_WORDS_BODY, JSON, service_answers.WORDS)
    decided = (
        Answer(200, "the object as it is now", JSON, service_answers.OBJECT),
        *problem_answers(400, 401, 403, 404, 408, 409, 410, 413, 503),
    )
    named = Body("which archive has it", MAX_WORDS_BODY, JSON, service_answers.ARCHIVE_NAMED)
    delivered = (
        Answer(200, "the object as it is now", JSON, service_answers.OBJECT),
        *problem_answers(400, 401, 404, 408, 409, 410, 413, 503),
    )
    well = "whether objects are taken in, and what is amiss"
    return [
        Endpoint(
            "ingest", "/ingest", "Take in an object, judge it, and say what to do with it",
            open_to_caller(service.ingest),
            (Answer(200, "what became of it", JSON, service_answers.INGESTED), *came),
            body=a_file, query=ORIGIN, bearer=True,
        ),
        Endpoint(
            "verify", "/verify", "Judge an object, and keep nothing of it",
            open_to_caller(service.verify),
            (Answer(200, "the verdict", JSON, service_answers.VERDICT), *came),
            body=a_file, query=TITLES, bearer=True,
        ),
        Endpoint(
            "objects", "/objects", "Objects of the spool, by their numbers",
            secret(service.objects),
            (Answer(200, "at most 100", JSON, service_answers.OBJECTS),
             *problem_answers(400, 401, 503)),
            query=LISTING, bearer=True,
        ),
        Endpoint(
            "object", "/objects/{number}", "One object, with its verdict", secret(service.object),
            (Answer(200, "the object", JSON, service_answers.OBJECT), *shown),
            places=(number,), bearer=True,
        ),
        Endpoint(
            "objectFile", "/objects/{number}/file", "The file of an object that waits",
            secret(service.object_file),
            (Answer(200, "the file as it came", DICOM), *shown), places=(number,), bearer=True,
        ),
        Endpoint(
            "release", "/objects/{number}/release", "Let an object out of quarantine",
            secret(service.release), decided, places=(number,), body=words, bearer=True,
        ),
        Endpoint(
            "reject", "/objects/{number}/reject", "Keep an object from readers for good",
            secret(service.reject), decided, places=(number,), body=words, bearer=True,
        ),
        Endpoint(
            "delivered", "/objects/{number}/delivered",
            "An archive has a released object that somebody fetched",
            secret(service.delivered), delivered, places=(number,), body=named, bearer=True,
        ),
        Endpoint(
            "verdicts", "/verdicts/{instance}", "What was said of an instance",
            secret(service.verdicts),
            (Answer(200, "its objects", JSON, service_answers.VERDICTS), *shown),
            places=(Place("instance", UID, "a SOP Instance UID"),), bearer=True,
        ),
        Endpoint(
            "trace", "/trace/{name}", "The chain of custody, from the ledger",
            secret(service.trace),
            (Answer(200, "as radseal trace --json", JSON, service_answers.TRACE),
             *problem_answers(400, 401, 404, 503)),
            places=(Place("name", NAME, "a seal id, or a UID"),), bearer=True,
        ),
        Endpoint(
            "health", "/health", "Readiness, and what is amiss", service.health,
            (Answer(200, well, JSON, service_answers.HEALTH),
             Answer(503, well, JSON, service_answers.HEALTH), *problem_answers(503)),
        ),
        Endpoint("live", "/live", "Liveness", service.live, (Answer(200, "it answers", TEXT),)),
        Endpoint(
            "metrics", "/metrics", "Counters in the text format of Prometheus", service.metrics,
            (Answer(200, "the counters", METRICS), *problem_answers(503)),
        ),
    ]  # fmt: skip


def stow_endpoints(service: "Service", stow: "Stow") -> list[Endpoint]:
    """Return the two resources of STOW-RS (PS3.18, 10.5)."""
    answers = (
        Answer(200, "all were stored", DICOM_JSON, service_answers.STORED),
        Answer(202, "some were not, or wait in quarantine", DICOM_JSON, service_answers.STORED),
        Answer(409, "none was stored", DICOM_JSON, service_answers.STORED),
        *problem_answers(400, 401, 404, 406, 408, 413, 415, 503),
    )
    parts = Body("DICOM files, each a part (RFC 2046)", MAX_STOW_BODY, MULTIPART)
    return [
        Endpoint(
            "storeInstances", "/dicom-web/studies", "Store instances",
            service.admitted(stow.studies), answers, body=parts, bearer=True,
        ),
        Endpoint(
            "storeStudy", "/dicom-web/studies/{study}", "Store instances of one study",
            service.admitted(stow.study), answers, body=parts, bearer=True,
            places=(Place("study", UID, "a Study Instance UID"),),
        ),
    ]  # fmt: skip


def wado_endpoints(service: "Service", wado: "Wado") -> list[Endpoint]:
    """Return the resources of WADO-RS (PS3.18, 10.4)."""
    places = (
        Place("study", UID, "a Study Instance UID"),
        Place("series", UID, "a Series Instance UID"),
        Place("instance", UID, "a SOP Instance UID"),
    )
    frames = Place("frames", FRAMES, "numbers of frames, from 1")
    problems = problem_answers(400, 401, 403, 404, 406, 502, 503, 504)
    paths = {
        "Study": "/dicom-web/studies/{study}",
        "Series": "/dicom-web/studies/{study}/series/{series}",
        "Instance": "/dicom-web/studies/{study}/series/{series}/instances/{instance}",
    }

    def answers(kind: str, schema: Mapping[str, object] | None = None) -> tuple[Answer, ...]:
        return (
            Answer(200, "all of it", kind, schema),
            Answer(206, "what can be given of it; the rest is withheld or not here", kind, schema),
            *problems,
        )

    made = []
    for number, (name, path) in enumerate(paths.items(), 1):
        made += [
            Endpoint(
                f"retrieve{name}", path, "Instances as they are stored, each verified",
                service.admitted_by_token(wado.files), answers(MULTIPART),
                places=places[:number], query=FILE_TYPES, bearer=True,
            ),
            Endpoint(
                f"retrieve{name}Metadata", f"{path}/metadata", "Attributes of verified instances",
                service.admitted_by_token(wado.metadata),
                answers(DICOM_JSON, service_answers.METADATA),
                places=places[:number], query=METADATA_TYPES, bearer=True,
            ),
        ]  # fmt: skip
    path = f"{paths['Instance']}/frames/{{frames}}"
    made.append(
        Endpoint(
            "retrieveFrames", path, "Frames of a verified instance, as they are stored",
            service.admitted_by_token(wado.frames), answers(MULTIPART),
            places=(*places, frames), query=FRAME_TYPES, bearer=True,
        )
    )  # fmt: skip
    return made
