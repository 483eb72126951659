"""What the service answers: the table of docs/service.md, as data."""

from typing import TYPE_CHECKING

from provenance.pacs import service_answers
from provenance.pacs.service_problems import problem_answers
from provenance.servers.http_api import JSON, TEXT, Answer, Body, Endpoint, Place

if TYPE_CHECKING:
    from provenance.pacs.service import Service

AE_TITLE = r"[ -\[\]-~]{1,16}"
ADDRESS = "[0-9A-Za-z.:%_-]{1,64}"
ROUTES = "orthanc|rest"
TITLES = (
    Place("calling_ae", AE_TITLE, "AE title of the sender, for the policy"),
    Place("called_ae", AE_TITLE, "AE title that it asked for, for the policy"),
)
ORIGIN = (
    Place("route", ROUTES, "by which door the object came; rest if not given"),
    *TITLES,
    Place("address", ADDRESS, "network address of the sender"),
)
DICOM = "application/dicom"


def service_endpoints(service: "Service") -> list[Endpoint]:
    """Return the table, answered by ``service``."""
    came = (400, 401, 408, 413, 503)
    a_file = Body("the DICOM file", service.limits.object_bytes, DICOM)
    return [
        Endpoint(
            "ingest", "/ingest", "Take in an object, judge it, and say what to do with it",
            service.admitted(service.ingest),
            (Answer(200, "what became of it", JSON, service_answers.INGESTED),
             *problem_answers(*came)),
            body=a_file, query=ORIGIN, bearer=True,
        ),
        Endpoint(
            "verify", "/verify", "Judge an object, and keep nothing of it",
            service.admitted(service.verify),
            (Answer(200, "the verdict", JSON, service_answers.VERDICT), *problem_answers(*came)),
            body=a_file, query=TITLES, bearer=True,
        ),
        Endpoint("live", "/live", "Liveness", service.live, (Answer(200, "it answers", TEXT),)),
    ]  # fmt: skip
