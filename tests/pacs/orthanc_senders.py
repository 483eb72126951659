"""Three routes into an Orthanc: what a sender sends, and what it is told."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pydicom
import requests
from dicomweb_client import DICOMwebClient

from benchmarks.orthanc.world import STORESCU, World


@dataclass(frozen=True)
class Told:
    """A DIMSE status, and the HTTP status if it came over HTTP."""

    status: int
    http: int | None = None


def dimse(world: World, content: bytes, folder: Path, calling: str = "CT7") -> Told:
    """Send by storescu."""
    path = folder / "sent.dcm"
    path.write_bytes(content)
    assert STORESCU is not None
    words = [STORESCU, "-d", "-R", "-aet", calling, "-aec", "ORTHANC", "127.0.0.1"]
    done = subprocess.run(
        [*words, str(world.dicom), str(path)],
        capture_output=True,
        text=True,
        timeout=300,
        env={"TCP_NODELAY": "1"},
    )
    found = re.findall(r"DIMSE Status\s*: 0x([0-9a-f]{4})", done.stdout + done.stderr)
    assert found, done.stderr[-2000:]
    return Told(int(found[-1], 16))


def rest(world: World, content: bytes, _folder: Path) -> Told:
    """POST to /instances."""
    answer = world.orthanc.ask("POST", "/instances", content)
    kept = answer.json
    assert isinstance(kept, dict)
    if answer.status == 200:
        return Told({"Success": 0, "AlreadyStored": 0, "FilteredOut": 0xB000}[kept["Status"]], 200)
    return Told({400: 0xC000, 500: 0xA700}[answer.status], answer.status)


def stow(world: World, content: bytes, _folder: Path) -> Told:
    """Send by dicomweb-client, which encodes the object itself."""
    client = stow_client(world)
    answers: list[int] = []
    client._session.hooks["response"] = [lambda got, **_: answers.append(got.status_code)]
    sent = pydicom.dcmread(BytesIO(content))
    try:
        said = client.store_instances([sent])
    except requests.HTTPError as error:
        said = pydicom.Dataset.from_json(error.response.json())
    if said.get("ReferencedSOPSequence"):
        (item,) = said.ReferencedSOPSequence
        status = item.get("WarningReason", 0)
    else:
        (item,) = said.FailedSOPSequence
        status = item.FailureReason
    assert item.ReferencedSOPInstanceUID == sent.SOPInstanceUID
    assert item.ReferencedSOPClassUID == sent.SOPClassUID
    return Told(status, answers[-1])


def stow_client(world: World) -> DICOMwebClient:
    """A client of both STOW-RS and WADO-RS, by the one root that the page names."""
    client = DICOMwebClient(f"http://127.0.0.1:{world.orthanc.port}/radseal/dicom-web")
    client.set_http_retry_params(retry=False)
    return client


ROUTES: dict[str, Callable[[World, bytes, Path], Told]] = {
    "dimse": dimse,
    "rest": rest,
    "stow": stow,
}


def data_set(content: bytes) -> bytes:
    """Return a file without its preamble and file meta information (PS3.10, 7.1)."""
    length = int.from_bytes(content[140:144], "little")
    return content[144 + length :]
