"""An Orthanc with the plugin, the service that it asks, and their site: real processes."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.orthanc.page import CHECKOUT, DEBIAN, Page
from benchmarks.ports import free_port
from benchmarks.workflow.orthanc import PROGRAM
from provenance import Site

PYTHON_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancPython.so")
STORESCU = shutil.which("storescu", path="/usr/local/bin:/usr/bin:/bin")
"""DCMTK's: pynetdicom puts a program of that name into virtual environments."""
WAIT_SECONDS = 120.0


def missing() -> str | None:
    """Return what is not installed, or None."""
    for place in (Path(PROGRAM), PYTHON_PLUGIN, DEBIAN / "dicomweb.json"):
        if not place.exists():
            return f"{place} is not there: install orthanc, orthanc-python, orthanc-dicomweb"
    if STORESCU is None:
        return "DCMTK is not installed"
    return None


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes

    @property
    def json(self) -> object:
        """The body, read."""
        return json.loads(self.body)


@dataclass
class Process:
    """A program that is started, asked over HTTP, stopped and started again."""

    name: str
    words: list[str]
    log: Path
    port: int
    ready: str
    environment: dict[str, str] = field(default_factory=dict)
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return once it answers."""
        with self.log.open("ab") as log:
            self.running = subprocess.Popen(
                self.words, stdout=log, stderr=log, env={**os.environ, **self.environment}
            )
        for _ in range(round(WAIT_SECONDS / 0.1)):
            if self.running.poll() is not None:
                break
            try:
                self.ask("GET", self.ready)
            except (OSError, http.client.HTTPException):
                time.sleep(0.1)
            else:
                return
        self.stop(signal.SIGKILL)
        raise RuntimeError(f"{self.name} did not start: {self.log.read_text()[-2000:]}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it, if it runs."""
        if self.running is None:
            return
        self.running.send_signal(number)
        try:
            self.running.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait(WAIT_SECONDS)
        self.running = None

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Ask it over HTTP; OSError if it does not answer."""
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, body, headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
                return Answer(answer.status, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read())


@dataclass
class World:
    """All of it, in one folder."""

    folder: Path
    site: Site
    service: Process
    orthanc: Process
    dicom: int
    token: str
    door: Path

    @classmethod
    @contextmanager
    def open(cls, folder: Path, site: Site, policy: str, *, jobs: int = 2) -> Iterator["World"]:
        """Start the service and Orthanc as the page says; stop both at the end."""
        world = cls._made(folder, site, policy, jobs=jobs, with_script=True)
        try:
            world.service.start()
            world.orthanc.start()
            yield world
        finally:
            world.orthanc.stop()
            world.service.stop()
            shutil.rmtree(world.door.parent)

    @classmethod
    @contextmanager
    def open_plain(cls, folder: Path, site: Site) -> Iterator["World"]:
        """Start the same Orthanc without the script, and no service."""
        world = cls._made(folder, site, "version = 1\n", jobs=1, with_script=False)
        try:
            world.orthanc.start()
            yield world
        finally:
            world.orthanc.stop()
            shutil.rmtree(world.door.parent)

    @classmethod
    @contextmanager
    def open_stand_in(cls, folder: Path, site: Site) -> Iterator["World"]:
        """Start Orthanc with the script, and what answers it at once without looking."""
        world = cls._made(folder, site, "version = 1\n", jobs=1, with_script=True)
        words = [
            sys.executable,
            "-m",
            "benchmarks.orthanc.stand_in",
            str(world.service.port),
            str(world.door),
        ]
        world.service.words = words
        try:
            world.service.start()
            world.orthanc.start()
            yield world
        finally:
            world.orthanc.stop()
            world.service.stop()
            shutil.rmtree(world.door.parent)

    @classmethod
    def _made(
        cls, folder: Path, site: Site, policy: str, *, jobs: int, with_script: bool
    ) -> "World":
        page = Page.read()
        (folder / "db").mkdir(parents=True)
        policy_file, token_file = folder / "radseal-policy.toml", folder / "token"
        policy_file.write_text(policy)
        token = os.urandom(32).hex()
        token_file.write_text(f"{token}\n")
        at, http_port, dicom = free_port(), free_port(), free_port()
        door = Path(tempfile.mkdtemp(prefix="radseal-")) / "door"  # a short path: unix(7)
        words = page.command(
            site=site.folder,
            policy=policy_file,
            spool=folder / "spool",
            token=token_file,
            door=door,
            listen=f"127.0.0.1:{at}",
        )
        command = [sys.executable, "-m", "provenance.cli", *words, "--jobs", str(jobs)]
        python = {"PYTHONPATH": str(CHECKOUT), "OPENBLAS_NUM_THREADS": "1"}
        service = Process("serve", command, folder / "serve.log", at, "/live", python)
        url = f"http://127.0.0.1:{at}"
        etc = page.write(
            folder,
            http=http_port,
            dicom=dicom,
            url=url,
            door=door,
            token=token_file,
            with_script=with_script,
        )
        nodelay = {"TCP_NODELAY": "1"}
        log = folder / "orthanc.log"
        orthanc = Process("Orthanc", [PROGRAM, str(etc)], log, http_port, "/system", nodelay)
        return cls(folder, site, service, orthanc, dicom, token, door)

    def storescu(self, folder: Path, calling: str = "CT7") -> "subprocess.Popen[bytes]":
        """Send all files of a folder over one association, by DCMTK."""
        assert STORESCU is not None
        words = [STORESCU, "-R", "+sd", "-aet", calling, "-aec", "ORTHANC", "127.0.0.1"]
        return subprocess.Popen(
            [*words, str(self.dicom), str(folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TCP_NODELAY": "1"},
        )

    def service_ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        """Ask the service, with its token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.service.ask(method, path, body, headers)
