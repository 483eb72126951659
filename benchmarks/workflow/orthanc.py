"""A running Orthanc on this machine, over REST, DICOMweb and DIMSE."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pydicom

from benchmarks.ports import free_port
from benchmarks.workflow.tools import ToolFailedError, ToolMissingError

PROGRAM = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
_DICOMWEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@dataclass
class Orthanc:
    """An Orthanc process of our own."""

    process: subprocess.Popen[bytes]
    http: int
    dicom: int
    dicomweb: bool

    @classmethod
    def start(cls, folder: Path) -> "Orthanc":
        """Start one; its database lies in ``folder``."""
        if not Path(PROGRAM).is_file():
            raise ToolMissingError("Orthanc is not installed")
        http, dicom = free_port(), free_port()
        settings = {
            "Name": "matrix",
            "StorageDirectory": str(folder / "db"),
            "IndexDirectory": str(folder / "db"),
            "HttpPort": http,
            "DicomPort": dicom,
            "DicomAet": "ORTHANC",
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowFind": True,
            "OverwriteInstances": True,
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            "Plugins": [str(_DICOMWEB)] if _DICOMWEB.exists() else [],
        }
        (folder / "db").mkdir()
        (folder / "orthanc.json").write_text(json.dumps(settings))
        with (folder / "orthanc.log").open("wb") as log:
            process = subprocess.Popen(
                [PROGRAM, str(folder / "orthanc.json")],
                stdout=log,
                stderr=log,
                env={**os.environ, "TCP_NODELAY": "1"},
            )
        started = cls(process, http, dicom, _DICOMWEB.exists())
        for _ in range(300):
            try:
                started.ask("/system")
            except OSError:
                if process.poll() is not None:
                    break
                time.sleep(0.1)
            else:
                return started
        started.stop()
        raise ToolFailedError(
            f"Orthanc did not start: {(folder / 'orthanc.log').read_text()[-500:]}"
        )

    def stop(self) -> None:
        """Stop it, and nothing else."""
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)

    def ask(
        self, place: str, body: bytes | None = None, *, headers: dict[str, str] | None = None
    ) -> bytes:
        """GET a place, or POST a body to it."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http}{place}", body, headers or {}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise ToolFailedError(f"Orthanc answers {error.code} to {place}") from error

    def store(self, data: bytes) -> str:
        """Store an object by REST; return Orthanc's name of it."""
        return str(json.loads(self.ask("/instances", data))["ID"])

    def change(self, verb: str, source: Path, settings: dict[str, object]) -> Path:
        """Store an object, and return what ``modify`` or ``anonymize`` makes of it."""
        name = self.store(source.read_bytes())
        made = source.with_name(f"{verb}.dcm")
        made.write_bytes(self.ask(f"/instances/{name}/{verb}", json.dumps(settings).encode()))
        return made

    def stow(self, source: Path) -> Path:
        """Store by STOW-RS, and fetch by WADO-RS."""
        if not self.dicomweb:
            raise ToolMissingError("the DICOMweb plugin of Orthanc is not installed")
        line = "radseal-matrix"
        head = f"--{line}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        kind = f'multipart/related; type="application/dicom"; boundary={line}'
        body = head + source.read_bytes() + f"\r\n--{line}--\r\n".encode()
        accept = "application/dicom+json"
        self.ask("/dicom-web/studies", body, headers={"Content-Type": kind, "Accept": accept})
        return self._wado(source)

    def _wado(self, source: Path) -> Path:
        found = pydicom.dcmread(source, stop_before_pixels=True)
        place = (
            f"/dicom-web/studies/{found.StudyInstanceUID}/series/{found.SeriesInstanceUID}"
            f"/instances/{found.SOPInstanceUID}"
        )
        accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        answer = self.ask(place, headers={"Accept": accept})
        first, _, rest = answer.partition(b"\r\n\r\n")
        line = first.split(b"\r\n")[0] or first.split(b"\r\n")[1]
        fetched = source.with_name("wado.dcm")
        fetched.write_bytes(rest[: rest.rindex(b"\r\n" + line)])
        return fetched
