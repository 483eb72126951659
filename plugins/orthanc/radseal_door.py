# Copyright the radseal contributors
# SPDX-License-Identifier: Apache-2.0 OR AGPL-3.0-or-later
"""The way into Orthanc: the service is asked about each instance, whatever route it came by."""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import orthanc
from radseal_notes import Answer, Notes
from radseal_service import LETS_IN, NotAskedError, TooLargeError
from radseal_socket import Asked, ServiceDoor
from radseal_statuses import (
    DUPLICATE,
    QUARANTINED,
    REFUSED,
    REFUSED_FOR,
    STORE,
    TOO_LARGE,
    TRY_AGAIN,
)

KEEP = (orthanc.ReceivedInstanceAction.KEEP_AS_IS, None)
DISCARD = (orthanc.ReceivedInstanceAction.DISCARD, None)
# An exception would let the instance in. "Modified" into nothing, or into what is no DICOM, it
# makes Orthanc fail and say so: 500 and 400 over REST.
FAIL = (orthanc.ReceivedInstanceAction.MODIFY, b"")
FAIL_FOR_GOOD = (orthanc.ReceivedInstanceAction.MODIFY, b"refused by radseal")


class Door:
    """What Orthanc calls for each instance. It holds a lock while it calls: one at a time."""

    def __init__(
        self,
        service: ServiceDoor,
        configuration: Mapping[str, Any],
        notes: Notes,
        *,
        over_http: str,
        forbidden: Callable[[str, int], bool],
    ) -> None:
        self._service = service
        self._notes = notes
        self._overwrites = bool(configuration.get("OverwriteInstances", False))
        checked = bool(configuration.get("DicomCheckCalledAet", False))
        self._called = str(configuration.get("DicomAet", "ORTHANC")) if checked else ""
        self._over_http = over_http
        self._forbidden = forbidden
        # by thread, as Orthanc calls for one instance at a time in each; not thread-local data,
        # which ends with each call
        self._let_in: dict[int, Answer] = {}
        self._requests: dict[int, tuple[str, str]] = {}  # address and Content-Length
        self._asked: dict[bytes, Answer] = {}  # by SHA-256
        self._titles: dict[int, str] = {}  # who called last, by thread
        self._early: dict[int, Asked | NotAskedError] = {}

    def requested(self, uri: str, **request: Any) -> bool:
        """Note who asks over HTTP; say whether it is allowed."""
        headers = {name.lower(): value for name, value in request["headers"].items()}
        length = headers.get("content-length", "")
        self._requests[threading.get_ident()] = (str(request["ip"]), length)
        return not self._forbidden(uri, request["method"])

    def address(self) -> str:
        """Return from where the HTTP request came that this thread answers."""
        return self._requests.get(threading.get_ident(), ("", ""))[0]

    def received(self, content: bytes, origin: int) -> tuple[int, bytes | None]:
        """First for every route; there is no AE title yet, so ``arrived`` decides about DIMSE."""
        try:
            self._let_in.pop(threading.get_ident(), None)
            if origin == orthanc.InstanceOrigin.DICOM_PROTOCOL:
                self._begin(content)
                return KEEP
            if self._asked and self._take(hashlib.sha256(content).digest()):
                return KEEP
            here = origin == orthanc.InstanceOrigin.REST_API  # no plugin's or job's own
            address = self.address() if here else ""
            status = self._decided(content, address)
        except BaseException as error:  # noqa: BLE001 - whatever it is, its sender keeps it
            complain(error)
            return FAIL
        if status == STORE:
            return KEEP
        if status == QUARANTINED:
            return DISCARD
        # what is no DICOM, Orthanc would leave out of a ZIP, and answer 200
        whole = here and self._requests[threading.get_ident()][1] == str(len(content))
        return FAIL_FOR_GOOD if whole else FAIL

    def _begin(self, content: bytes) -> None:
        """Ask as if it came from who called last in this thread; mostly so it is."""
        thread = threading.get_ident()
        if isinstance(before := self._early.pop(thread, None), Asked):
            before.drop()  # Orthanc could not read what came before this
        calling = self._titles.get(thread)
        if calling is None:
            return
        try:
            self._early[thread] = self._over_dimse(content, calling)
        except NotAskedError as error:
            self._early[thread] = error

    def arrived(self, instance: Any) -> int:
        """Return the status of a C-STORE (PS3.4, B.2.3); 0 stores the instance."""
        thread = threading.get_ident()
        early = self._early.pop(thread, None)
        try:
            if isinstance(early, NotAskedError):
                raise early
            calling = str(instance.GetInstanceRemoteAet()).strip()
            self._titles[thread] = calling
            asked = early
            if asked is None or asked.sender.get("calling_ae", "") != calling:
                asked = self._over_dimse(instance.GetInstanceData(), calling)
            if asked is not early and early is not None:
                early.drop()
            uid = _named(asked.content)
            there = [] if self._overwrites else _there(uid)  # while it is being judged
            answer = asked.answer()
            return self._decide(answer, asked.content, there if uid == _uid_of(answer) else None)
        except TooLargeError as error:
            complain(error)
            return TOO_LARGE
        except BaseException as error:  # noqa: BLE001 - whatever it is, its sender keeps it
            complain(error)
            return TRY_AGAIN

    def _over_dimse(self, content: bytes, calling: str) -> Asked:
        return self._service.ask(content, calling_ae=calling, called_ae=self._called)

    def ask(self, content: bytes, *, address: str) -> int:
        """Ask about what is brought to Orthanc next, by ``received``; return a status as above."""
        status = self._decided(content, address)
        if status == STORE:
            self._asked[hashlib.sha256(content).digest()] = self._let_in[threading.get_ident()]
        return status

    def _decided(self, content: bytes, address: str) -> int:
        """Return what becomes of an object that came over HTTP."""
        try:
            return self._decide(self._over_http_of(content, address), content)
        except TooLargeError as error:
            complain(error)
            return TOO_LARGE

    def forget(self, content: bytes) -> None:
        """Undo ``ask``: it was not brought."""
        self._asked.pop(hashlib.sha256(content).digest(), None)

    def _over_http_of(self, content: bytes, address: str) -> Answer:
        return self._service.ingest(content, calling_ae=self._over_http, address=address)

    def _take(self, digest: bytes) -> bool:
        answer = self._asked.pop(digest, None)
        if answer is not None:
            self._let_in[threading.get_ident()] = answer
        return answer is not None

    def _decide(self, answer: Answer, content: bytes, there: list[str] | None = None) -> int:
        self._let_in.pop(threading.get_ident(), None)
        released = answer["action"] == "quarantine" and answer.get("state") == "forwarding"
        if answer["action"] == "quarantine" and not released:
            return QUARANTINED
        if answer["action"] not in LETS_IN and not released:
            orthanc.LogWarning(f"radseal: an instance is refused: {answer['verdict']}")
            return REFUSED_FOR.get(answer["verdict"], REFUSED)
        if not self._overwrites and _another(answer, content, there):
            orthanc.LogWarning("radseal: refused, as Orthanc has other bytes under that UID")
            return DUPLICATE
        self._let_in[threading.get_ident()] = answer
        return STORE

    def stored(self, _instance: Any, orthanc_id: str) -> None:
        """Have the verdict written beside what this thread has just stored."""
        answer = self._let_in.pop(threading.get_ident(), None)
        if answer is not None:
            self._notes.put(orthanc_id, answer)


def _another(answer: Answer, content: bytes, there: list[str] | None) -> bool:
    """Whether Orthanc has other bytes under that SOP Instance UID: it would drop the new ones."""
    found = _there(_uid_of(answer)) if there is None else there
    return bool(found) and found != [hashlib.md5(content, usedforsecurity=False).hexdigest()]


def _there(uid: str) -> list[str]:
    """Return the MD5 of what Orthanc has under a SOP Instance UID."""
    return [
        orthanc.RestApiGet(f"/instances/{found['ID']}/attachments/dicom/md5").decode()
        for found in json.loads(orthanc.RestApiPost("/tools/lookup", uid.encode()))
        if found["Type"] == "Instance"
    ]


def _uid_of(answer: Answer) -> str:
    return str(answer["report"].get("sop_instance_uid") or "")


def _named(content: bytes) -> str:
    """Return the Media Storage SOP Instance UID (0002,0003), as Orthanc writes it; "" if none."""
    head = content[: 1 << 10]
    begin = head.find(b"\x02\x00\x03\x00UI")
    if begin < 0:
        return ""
    size = int.from_bytes(head[begin + 6 : begin + 8], "little")
    return head[begin + 8 : begin + 8 + size].rstrip(b"\0 ").decode("ascii", "replace")


def complain(error: BaseException) -> None:
    """Write a line for the administrator; nothing of the instance is in it."""
    known = isinstance(error, NotAskedError)
    what = str(error) if known else f"a defect, please report it: {error!r}"
    orthanc.LogError(f"radseal: an instance stays with its sender: {what}")
