# Copyright the radseal contributors
# SPDX-License-Identifier: Apache-2.0 OR AGPL-3.0-or-later
"""Verdicts beside instances: metadata, written while the next ones are judged.

Not before the service has written down what it let in. What it has lost, as it was killed just
then, is brought to it once more.
"""

import json
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orthanc
from radseal_service import NotAskedError, Peer
from radseal_socket import ServiceDoor

VERDICT, ACTION, REPORT = "radseal-verdict", "radseal-action", "radseal-report"
MOST_WAITING, AT_ONCE = 1000, 200
MOST_REMEMBERED = 100_000
GATHER_SECONDS, RETRY_SECONDS = 0.1, 1.0
LOST_SECONDS = 10.0
"""After which what is not written down is taken for lost; it takes a tenth of a second."""
STOP_SECONDS = 30.0
Answer = dict[str, Any]


@dataclass
class _Note:
    orthanc_id: str
    answer: Answer
    sender: dict[str, str]
    since: float = field(default_factory=time.monotonic)


class Notes:
    """A thread that writes. What it had no time for, ``CatchUp`` writes after the next start."""

    def __init__(self, service: ServiceDoor, own: Peer) -> None:
        self._service = service
        self._own = own
        self._waiting: queue.Queue[_Note | None] = queue.Queue(MOST_WAITING)
        self._ids: set[str] = set()
        self._written: set[str] = set()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, orthanc_id: str, answer: Answer) -> None:
        """Have a verdict written down; waits while a thousand others wait."""
        self._ids.add(orthanc_id)
        said = {name: value for name, value in answer.items() if name != "sender"}
        self._waiting.put(_Note(orthanc_id, said, answer["sender"]))

    def waits_for(self, orthanc_id: str) -> bool:
        """Whether the verdict on an instance is about to be written."""
        return orthanc_id in self._ids

    def wrote(self, orthanc_id: str) -> bool:
        """Whether a verdict was written a moment ago; asked once, it is forgotten."""
        known = orthanc_id in self._written
        self._written.discard(orthanc_id)
        return known

    def stop(self) -> None:
        """Write what waits, and end: Orthanc stops."""
        self._stopping = True
        self._waiting.put(None)
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        held: list[_Note] = []
        while not self._stopping or held:
            if not held:
                held = [note for note in [self._waiting.get()] if note is not None]
            time.sleep(GATHER_SECONDS)  # then the service has written it down, too
            while len(held) < AT_ONCE and not self._waiting.empty():
                note = self._waiting.get()
                held += [] if note is None else [note]
            try:
                held = self._write(held)
            except NotAskedError as error:
                orthanc.LogWarning(f"radseal: verdicts wait to be written: {error}")
                if self._stopping:
                    return
                time.sleep(RETRY_SECONDS)

    def _write(self, held: Sequence[_Note]) -> list[_Note]:
        """Write what can be written, and return the rest."""
        names = [note.answer["name"] for note in held if note.answer.get("name")]
        numbers = self._service.numbers(names) if names else {}
        left = []
        for note in held:
            name = note.answer.get("name")
            number = note.answer["number"] if name is None else numbers.get(name)
            if number is None and _is_lost(note):
                left += self._brought_again(note)
                continue
            if number is None:
                left.append(note)
                continue
            self._write_one(note.orthanc_id, {**note.answer, "number": number})
            time.sleep(0)  # whoever waits for the interpreter comes first: a sender waits for it
        return left

    def _write_one(self, orthanc_id: str, answer: Answer) -> None:
        for own in ("name", "sender"):
            answer.pop(own, None)
        try:
            write_down(orthanc_id, answer["verdict"], answer["action"], answer)
        except orthanc.OrthancException as error:  # it may have been deleted just now
            orthanc.LogWarning(f"radseal: the verdict on {orthanc_id} is not kept: {error}")
        else:
            if len(self._written) < MOST_REMEMBERED:
                self._written.add(orthanc_id)
        self._ids.discard(orthanc_id)

    def _brought_again(self, note: _Note) -> list[_Note]:
        status, content = self._own.ask("GET", f"/instances/{note.orthanc_id}/file")
        if status == 404:  # it has been deleted since
            self._ids.discard(note.orthanc_id)
            return []
        if status != 200:
            raise NotAskedError(f"Orthanc answers {status} for its own instance")
        orthanc.LogWarning("radseal: the service has lost what it let in: it is asked once more")
        answer = self._service.ingest(content, **note.sender)
        return [_Note(note.orthanc_id, answer, note.sender)]


def _is_lost(note: _Note) -> bool:
    return time.monotonic() - note.since > LOST_SECONDS


def write_down(orthanc_id: str, verdict: str, action: str, report: Answer) -> None:
    """Keep verdict, action and report as metadata of an instance."""
    place = f"/instances/{orthanc_id}/metadata"
    orthanc.RestApiPut(f"{place}/{REPORT}", json.dumps(report).encode())
    orthanc.RestApiPut(f"{place}/{ACTION}", action.encode())
    orthanc.RestApiPut(f"{place}/{VERDICT}", verdict.encode())  # last: then all is there
