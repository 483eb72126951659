# Copyright the radseal contributors
# SPDX-License-Identifier: Apache-2.0 OR AGPL-3.0-or-later
"""Verdicts beside instances: metadata and an attachment, written while the next one is judged."""

import json
import queue
import threading
from typing import Any

import orthanc

VERDICT, ACTION, REPORT = "radseal-verdict", "radseal-action", "radseal-report"
MOST_WAITING = 1000
STOP_SECONDS = 30.0
Answer = dict[str, Any]


class Notes:
    """A thread that writes. What it had no time for, ``CatchUp`` writes after the next start."""

    def __init__(self) -> None:
        self._waiting: queue.Queue[tuple[str, str, str, Answer] | None] = queue.Queue(MOST_WAITING)
        self._ids: set[str] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, orthanc_id: str, verdict: str, action: str, report: Answer) -> None:
        """Have a verdict written down; waits while a thousand others wait."""
        self._ids.add(orthanc_id)
        self._waiting.put((orthanc_id, verdict, action, report))

    def waits_for(self, orthanc_id: str) -> bool:
        """Whether the verdict on an instance is about to be written."""
        return orthanc_id in self._ids

    def stop(self) -> None:
        """Write what waits, and end: Orthanc stops."""
        self._waiting.put(None)
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while (said := self._waiting.get()) is not None:
            orthanc_id, verdict, action, report = said
            try:
                write_down(orthanc_id, verdict, action, report)
            except orthanc.OrthancException as error:  # it may have been deleted just now
                orthanc.LogWarning(f"radseal: the verdict on {orthanc_id} is not kept: {error}")
            self._ids.discard(orthanc_id)


def write_down(orthanc_id: str, verdict: str, action: str, report: Answer) -> None:
    """Keep verdict and action as metadata of an instance, and the report as an attachment."""
    place = f"/instances/{orthanc_id}"
    orthanc.RestApiPut(f"{place}/attachments/{REPORT}", json.dumps(report).encode())
    orthanc.RestApiPut(f"{place}/metadata/{ACTION}", action.encode())
    orthanc.RestApiPut(f"{place}/metadata/{VERDICT}", verdict.encode())  # last: then all is there
