# Copyright the radseal contributors
# SPDX-License-Identifier: Apache-2.0 OR AGPL-3.0-or-later
"""What the plugin says over HTTP: to `radseal serve`, and to its own Orthanc. No Orthanc here."""

import http.client
import json
import queue
import urllib.parse
from collections.abc import Mapping
from typing import Any

LETS_IN = ("accept", "tag")
ACTIONS = (*LETS_IN, "quarantine", "refuse")
MAX_ANSWER = 1 << 31
IDLE_CONNECTIONS = 16


class NotAskedError(Exception):
    """There is no answer: the other side is away, or says that it took nothing."""


class TooLargeError(NotAskedError):
    """The service does not take objects of that size: asking again changes nothing."""


class Peer:
    """A server, over connections that are kept. Many threads may use it."""

    def __init__(self, url: str, *, headers: Mapping[str, str], timeout: float) -> None:
        place = urllib.parse.urlsplit(url)
        if place.scheme not in ("http", "https") or place.hostname is None:
            raise ValueError(f"no http or https address: {url}")
        secure = place.scheme == "https"
        self._kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._host, self._port = place.hostname, place.port
        self._path = place.path.rstrip("/")
        self._headers = dict(headers)
        self._timeout = timeout
        self._idle: queue.LifoQueue[http.client.HTTPConnection] = queue.LifoQueue(IDLE_CONNECTIONS)

    def ask(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/dicom"
    ) -> tuple[int, bytes]:
        """Return status and body; NotAskedError if there is no whole answer in time."""
        headers = self._headers if body is None else {**self._headers, "Content-Type": kind}
        try:
            connection, kept = self._idle.get_nowait(), True
        except queue.Empty:
            connection, kept = self._kind(self._host, self._port, timeout=self._timeout), False
        try:
            answer = self._exchange(connection, method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if not kept or isinstance(error, TimeoutError):
                raise NotAskedError(f"no answer from {self._host}: {error!r}") from error
            self.close()  # it was started again, or tired of waiting: once more, from anew
            return self.ask(method, path, body, kind)
        try:
            self._idle.put_nowait(connection)
        except queue.Full:
            connection.close()
        return answer

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> tuple[int, bytes]:
        connection.request(method, self._path + path, body, headers)
        with connection.getresponse() as response:
            content = response.read(MAX_ANSWER + 1)
            if len(content) > MAX_ANSWER:
                raise http.client.HTTPException("an answer without end")
            return response.status, content

    def close(self) -> None:
        """Close the connections that nobody uses just now."""
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    def object(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        """Return the JSON object of an answer 200; NotAskedError for whatever else comes."""
        status, content = self.ask(method, path, body)
        try:
            answer = json.loads(content)
        except ValueError as error:
            raise NotAskedError(f"an answer {status} that is no JSON") from error
        if status != 200 or not isinstance(answer, dict):
            detail = answer.get("detail", "") if isinstance(answer, dict) else ""
            raise NotAskedError(f"an answer {status} {detail}")
        return answer


class Service(Peer):
    """`radseal serve`."""

    def verify(self, content: bytes) -> dict[str, Any]:
        """Return the verdict on an instance and the decision; nothing is kept of it."""
        answer = self.object("POST", "/verify", content)
        decision = answer.get("decision")
        if not isinstance(decision, dict) or decision.get("action") not in ACTIONS:
            raise NotAskedError("an answer without a decision")
        return answer
