# Copyright the radseal contributors
# SPDX-License-Identifier: Apache-2.0 OR AGPL-3.0-or-later
"""Verdicts for instances that have none: Orthanc was killed between storing and writing it down."""

import json
import threading

import orthanc
from radseal_notes import VERDICT, Notes, write_down
from radseal_routes import judge
from radseal_service import NotAskedError, Peer, Service

SEEN = 8097
PAUSE_SECONDS, STOP_SECONDS = 60.0, 30.0
PAGE = 100


class CatchUp:
    """A thread of its own. All that Orthanc stored before change SEEN has its verdict."""

    def __init__(self, service: Service, own: Peer, notes: Notes) -> None:
        self._service = service
        self._own = own
        self._notes = notes
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin: Orthanc has started."""
        self._thread.start()

    def stop(self) -> None:
        """End: Orthanc stops. Where it was is kept."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        here = int(orthanc.GetGlobalProperty(SEEN, "0"))
        pause = 1.0
        while not self._stopped.wait(pause):
            try:
                here = self._read_on(here)
                pause = PAUSE_SECONDS
            except NotAskedError as error:
                orthanc.LogWarning(f"radseal: verdicts are still missing: {error}")
                pause = min(2 * pause, PAUSE_SECONDS)

    def _read_on(self, here: int) -> int:
        done = False
        while not done and not self._stopped.is_set():
            page = self._own.object("GET", f"/changes?since={here}&limit={PAGE}")
            for change in page["Changes"]:
                if change["ChangeType"] == "NewInstance":
                    self._look_at(str(change["ID"]))
            here, done = int(page["Last"]), bool(page["Done"])
            orthanc.SetGlobalProperty(SEEN, str(here))
        return here

    def _look_at(self, orthanc_id: str) -> None:
        if not self._lacks(orthanc_id):
            return
        answer = judge(self._service, self._own, orthanc_id)
        if answer is not None and self._lacks(orthanc_id):
            write_down(orthanc_id, answer["verdict"], answer["decision"]["action"], answer)

    def _lacks(self, orthanc_id: str) -> bool:
        if self._notes.waits_for(orthanc_id) or self._notes.wrote(orthanc_id):
            return False
        status, content = self._own.ask("GET", f"/instances/{orthanc_id}/metadata")
        return status == 200 and VERDICT not in json.loads(content)
