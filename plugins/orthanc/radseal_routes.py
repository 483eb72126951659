# Copyright the radseal contributors
# SPDX-License-Identifier: Apache-2.0 OR AGPL-3.0-or-later
"""What Orthanc answers under /radseal: STOW-RS, verdicts, and the service's quarantine."""

import json
import re
import threading
import urllib.parse
from collections.abc import Iterable
from typing import Any

import orthanc
import radseal_stow as stow
from radseal_door import Door, complain
from radseal_notes import Answer, write_down
from radseal_service import NotAskedError, Peer, Service
from radseal_statuses import CANNOT_READ, FAILED, STORE, TRY_AGAIN
from radseal_stow import Outcome

STOW_AT_ONCE = 8
JSON = "application/json"
IN_ORTHANC = b'{"archive": "orthanc"}'


class Forbidden:
    """What nobody may ask over HTTP: STOW of the DICOMweb plugin, and writing of verdicts."""

    def __init__(self, *, web_root: str, kept: Iterable[str]) -> None:
        names = "|".join(re.escape(name) for name in kept)
        self._stow = re.compile(f"/{web_root.strip('/')}/studies(/[^/]*)?")
        self._verdict = re.compile(f"/instances/[^/]+/(metadata|attachments)/({names})(/.*)?")

    def __call__(self, uri: str, method: int) -> bool:
        """Say whether a request is to be answered with 403."""
        if method == orthanc.HttpMethod.POST:
            return self._stow.fullmatch(uri) is not None
        return method != orthanc.HttpMethod.GET and self._verdict.fullmatch(uri) is not None


class Stow:
    """POST of DICOM files, answered for each; GET goes on to the DICOMweb plugin."""

    def __init__(self, door: Door, own: Peer, *, web_root: str) -> None:
        self._door = door
        self._own = own
        self._web_root = web_root.strip("/")
        self._turn = threading.BoundedSemaphore(STOW_AT_ONCE)  # each needs a second HTTP thread

    def answer(self, output: Any, uri: str, **request: Any) -> None:
        """Answer /radseal/dicom-web/studies and what is below it."""
        below = uri.removeprefix("/radseal/dicom-web/")
        if request["method"] == "GET":
            query = urllib.parse.urlencode(request["get"])
            up = "../" * (uri.count("/") - 1)
            output.Redirect(f"{up}{self._web_root}/{below}{query and '?' + query}")
            return
        if request["method"] != "POST":
            output.SendMethodNotAllowed("GET,POST")
            return
        headers = {name.lower(): value for name, value in request["headers"].items()}
        study = below.removeprefix("studies").strip("/")
        try:
            files = stow.parts(headers.get("content-type", ""), request["body"])
        except stow.MalformedError as error:
            send(output, 400, f"{error}\n".encode(), "text/plain")
            return
        with self._turn:
            status, body = stow.answer([self._store(content, study) for content in files])
        send(output, status, body, "application/dicom+json")

    def _store(self, content: bytes, study: str) -> Outcome:
        try:
            sop_class, sop_instance, its_study = _identity(content)
        except (ValueError, KeyError, TypeError, orthanc.OrthancException):
            return Outcome(CANNOT_READ)
        status = FAILED
        if study in ("", its_study):
            try:
                status = self._door.ask(content, address=self._door.address())
                if status == STORE:
                    answered, _ = self._own.ask("POST", "/instances", content)
                    status = STORE if answered == 200 else TRY_AGAIN
            except Exception as error:  # noqa: BLE001 - whatever it is, its sender keeps it
                complain(error)
                status = TRY_AGAIN
            if status == TRY_AGAIN:
                self._door.forget(content)
        return Outcome(status, sop_class, sop_instance)


def _identity(content: bytes) -> tuple[str, str, str]:
    """Return SOP Class, SOP Instance and Study Instance UID, by Orthanc's own reader."""
    kind, nothing = orthanc.DicomToJsonFormat.SHORT, orthanc.DicomToJsonFlags.NONE
    found = json.loads(orthanc.DicomBufferToJson(content, kind, nothing, 64))
    return found["0008,0016"], found["0008,0018"], found["0020,000d"]


class Desk:
    """Verdicts on what Orthanc holds, and the service's quarantine, for people and programs."""

    def __init__(self, service: Service, own: Peer) -> None:
        self._service = service
        self._own = own

    def verify(self, output: Any, _uri: str, **request: Any) -> None:
        """GET /radseal/verify?instance=ID: the verdict now. POST {"instance": ID}: kept, too."""
        writes = request["method"] == "POST"
        try:
            asked = json.loads(request["body"]) if writes else request["get"]
            orthanc_id = str(asked["instance"])
        except (ValueError, KeyError, TypeError):
            orthanc_id = ""
        if re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{8}){4}", orthanc_id) is None:
            _send(output, 400, {"error": "instance is an identifier of Orthanc"})
            return
        try:
            answer = judge(self._service, self._own, orthanc_id)
        except NotAskedError as error:
            _send(output, 503, {"error": str(error)})
            return
        if answer is None:
            _send(output, 404, {"error": "Orthanc has no such instance"})
            return
        if writes:
            write_down(orthanc_id, answer["verdict"], answer["decision"]["action"], answer)
        _send(output, 200, answer)

    def quarantine(self, output: Any, uri: str, **request: Any) -> None:
        """GET /radseal/quarantine, /N: the service's answers. POST /N/release, /N/reject."""
        number, _, act = uri.removeprefix("/radseal/quarantine").strip("/").partition("/")
        if request["method"] != ("POST" if act else "GET"):
            output.SendMethodNotAllowed("POST" if act else "GET")
            return
        try:
            if not number:
                after = urllib.parse.quote(request["get"].get("after", "0"), safe="")
                path = f"/objects?state=quarantined&after={after}"
                status, content = self._service.ask("GET", path)
            elif not act:
                status, content = self._service.ask("GET", f"/objects/{number}")
            else:
                status, content = self._decided(number, act, request["body"])
        except NotAskedError as error:
            _send(output, 503, {"error": str(error)})
            return
        _send(output, status, content)

    def _decided(self, number: str, act: str, body: bytes) -> tuple[int, bytes]:
        """Let the service release or reject an object; bring to Orthanc what is released."""
        path = f"/objects/{number}"
        status, content = self._service.ask("GET", path)
        known = json.loads(content) if status == 200 else {}
        released = known.get("state") == "forwarding"
        if act == "release" and known.get("state") == "delivered":
            return (200, content) if known.get("action") == "quarantine" else (409, content)
        if act == "reject" or not released:  # else persons have released it already
            status, content = self._service.ask("POST", f"{path}/{act}", body, JSON)
        if act == "reject" or status != 200:
            return status, content
        found, file = self._service.ask("GET", f"{path}/file")
        if found != 200:
            return found, file
        stored, said = self._own.ask("POST", "/instances", file)
        if stored != 200:
            return 503, said
        noted, words = self._service.ask("POST", f"{path}/delivered", IN_ORTHANC, JSON)
        if noted not in (200, 409):  # it has it all the same; another release notes it
            return 503, words
        return stored, said


def judge(service: Service, own: Peer, orthanc_id: str) -> Answer | None:
    """Return the verdict on an instance of Orthanc, or None if it has none; NotAskedError."""
    status, content = own.ask("GET", f"/instances/{orthanc_id}/file")
    if status == 404:
        return None
    if status != 200:
        raise NotAskedError(f"Orthanc answers {status} for its own instance")
    return service.verify(content)


def _send(output: Any, status: int, said: Answer | bytes) -> None:
    send(output, status, said if isinstance(said, bytes) else json.dumps(said).encode(), JSON)


def send(output: Any, status: int, content: bytes, kind: str) -> None:
    """Answer a request; AnswerBuffer of Orthanc knows 200 alone."""
    if status == 200:
        output.AnswerBuffer(content, kind)
        return
    output.SetHttpHeader("Content-Type", kind)
    text = content.decode()
    try:
        output.SendHttpStatus(status, text)
    except TypeError:  # plugin 4.0 and 4.1 want the length, of bytes in UTF-8
        output.SendHttpStatus(status, text, len(content))
