# Copyright the radseal contributors
# SPDX-License-Identifier: Apache-2.0 OR AGPL-3.0-or-later
"""Orthanc asks `radseal serve` about every instance before it stores it.

The script for Orthanc's Python plugin (4.0, Orthanc 1.10.1 and later); it and its neighbours need
nothing but the standard library. It judges nothing itself. What it cannot ask about is not let in:
its sender gets an error and keeps the instance. docs/orthanc.md is the page for administrators,
docs/adr/0024-orthanc-plugin.md has the reasons for what is strange here.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orthanc
from radseal_catch_up import CatchUp
from radseal_door import Door
from radseal_notes import ACTION, REPORT, VERDICT, Notes
from radseal_routes import Desk, Forbidden, Stow
from radseal_service import Peer, Service
from radseal_socket import ServiceDoor

DEFAULTS = {
    "Door": "/run/radseal/door",
    "Url": "http://127.0.0.1:8097",
    "TokenFile": "",
    "TimeoutSeconds": 60,
    "HttpCallingAe": "",
    "OrthancUrl": "",
}


def start(configuration: Mapping[str, Any]) -> None:
    """Register what Orthanc shall call; ValueError, and Orthanc does not start, if it cannot."""
    said = configuration.get("Radseal", {})
    check(configuration, said)
    settings = {**DEFAULTS, **said}
    timeout = float(settings["TimeoutSeconds"])
    token = Path(settings["TokenFile"]).read_text().strip() if settings["TokenFile"] else ""
    bearer = {"Authorization": f"Bearer {token}"} if token else {}
    service = Service(settings["Url"], headers=bearer, timeout=timeout)
    service_door = ServiceDoor(settings["Door"], token, timeout)
    here = settings["OrthancUrl"] or f"http://127.0.0.1:{configuration.get('HttpPort', 8042)}"
    right = {"Authorization": orthanc.GenerateRestApiAuthorizationToken()}
    own = Peer(here, headers=right, timeout=2 * timeout)
    web_root = str(configuration.get("DicomWeb", {}).get("Root", "/dicom-web/"))

    kept = [
        *(VERDICT, ACTION, REPORT),
        *(str(configuration["UserMetadata"][name]) for name in (VERDICT, ACTION, REPORT)),
    ]
    notes = Notes(service_door, own)
    catch_up = CatchUp(service, own, notes)
    door = Door(
        service_door,
        configuration,
        notes,
        over_http=settings["HttpCallingAe"],
        forbidden=Forbidden(web_root=web_root, kept=kept),
    )
    stow = Stow(door, own, web_root=web_root)
    desk = Desk(service, own)

    def changed(change: int, _level: int, _resource: str) -> None:
        if change == orthanc.ChangeType.ORTHANC_STARTED:
            catch_up.start()
        elif change == orthanc.ChangeType.ORTHANC_STOPPED:
            catch_up.stop()
            notes.stop()

    orthanc.RegisterIncomingHttpRequestFilter(door.requested)
    orthanc.RegisterReceivedInstanceCallback(door.received)
    orthanc.RegisterIncomingCStoreInstanceFilter(door.arrived)
    orthanc.RegisterOnStoredInstanceCallback(door.stored)
    orthanc.RegisterOnChangeCallback(changed)
    orthanc.RegisterRestCallback("/radseal/dicom-web/studies.*", stow.answer)
    orthanc.RegisterRestCallback("/radseal/verify", desk.verify)
    orthanc.RegisterRestCallback(
        "/radseal/quarantine(/[0-9]+(/release|/reject)?)?", desk.quarantine
    )


def check(configuration: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    """ValueError for a configuration under which something would be lost or not be true."""
    if unknown := sorted(set(said) - set(DEFAULTS)):
        raise ValueError(f"Radseal has no setting {unknown[0]}")
    for name in (VERDICT, ACTION, REPORT):
        if name not in configuration.get("UserMetadata", {}):
            raise ValueError(f"UserMetadata does not name {name}")
    if configuration.get("IngestTranscoding"):
        raise ValueError("IngestTranscoding stores other bytes than were judged")
    if configuration.get("WebDavEnabled", True):
        raise ValueError("WebDavEnabled must be false: WebDAV says stored before it is")
    if not configuration.get("StoreMD5ForAttachments", True):
        raise ValueError("StoreMD5ForAttachments must stay true: duplicates are found by it")


start(json.loads(orthanc.GetConfiguration()))
