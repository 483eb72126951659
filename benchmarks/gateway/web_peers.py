"""Who takes part over DICOMweb: clients, Orthanc's plugin, and `radseal serve` before it."""

import http.client
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from benchmarks.gateway.peers import POLICY, WAIT_SECONDS, delivered
from benchmarks.ports import free_port
from benchmarks.workflow.orthanc import Orthanc
from provenance import Site

BOUNDARY = "radseal-benchmark"
TOKEN = "benchmarks-of-the-service-by-dicomweb"
_Work = TypeVar("_Work")
_PARTS = 'multipart/related; type="application/dicom"'


@dataclass(frozen=True, slots=True)
class Instance:
    """Which instance is asked for; ``size`` is at least what its file has."""

    study: str
    series: str
    instance: str
    size: int


@dataclass(frozen=True, slots=True)
class Web:
    """A server of STOW-RS and WADO-RS on this machine, asked by some clients at once."""

    port: int
    headers: Mapping[str, str]

    def store(self, paths: Sequence[Path], *, clients: int) -> None:
        """Store files, one in a request."""
        kind = f"{_PARTS}; boundary={BOUNDARY}"
        start = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()

        def store(line: http.client.HTTPConnection, path: Path) -> None:
            body = start + path.read_bytes() + f"\r\n--{BOUNDARY}--".encode()
            line.request("POST", "/dicom-web/studies", body, {**self.headers, "Content-Type": kind})
            self._answer(line)

        self._deal(paths, store, clients)

    def retrieve(self, instances: Sequence[Instance], *, clients: int) -> None:
        """Retrieve instances, one in a request."""

        def retrieve(line: http.client.HTTPConnection, each: Instance) -> None:
            series = f"/dicom-web/studies/{each.study}/series/{each.series}"
            place = f"{series}/instances/{each.instance}"
            headers = {**self.headers, "Accept": f"{_PARTS}; transfer-syntax=*"}
            line.request("GET", place, headers=headers)
            if len(self._answer(line)) < each.size:
                raise SystemExit("an instance came back smaller than it is")

        self._deal(instances, retrieve, clients)

    def retrieve_study(self, instances: Sequence[Instance]) -> None:
        """Retrieve a whole study in one request."""
        (study,) = {each.study for each in instances}
        with closing(self._connect()) as line:
            accept = f"{_PARTS}; transfer-syntax=*"
            line.request(
                "GET", f"/dicom-web/studies/{study}", headers={**self.headers, "Accept": accept}
            )
            if len(self._answer(line)) < sum(each.size for each in instances):
                raise SystemExit("a study came back smaller than it is")

    def _deal(
        self,
        works: Sequence[_Work],
        act: Callable[[http.client.HTTPConnection, _Work], None],
        clients: int,
    ) -> None:
        def some(share: Sequence[_Work]) -> None:
            with closing(self._connect()) as line:
                for each in share:
                    act(line, each)

        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(some, [works[n::clients] for n in range(clients)]))

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def _answer(self, line: http.client.HTTPConnection) -> bytes:
        answer = line.getresponse()
        said = answer.read()
        if answer.status != 200:
            raise SystemExit(f"port {self.port} answers {answer.status}: {said[:500]!r}")
        return said


@dataclass(frozen=True, slots=True)
class Service:
    """`radseal serve` with an archive."""

    process: "subprocess.Popen[str]"
    web: Web
    spool: Path

    def wait(self, count: int) -> None:
        """Wait until so many are delivered."""
        end = time.monotonic() + WAIT_SECONDS
        while self.delivered() < count:
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit("the service does not deliver")
            time.sleep(0.01)

    def delivered(self) -> int:
        """How many objects the archive has said that it has."""
        return delivered(self.spool)


def plugin(archive: Orthanc) -> Web:
    """Return the DICOMweb plugin of an Orthanc."""
    return Web(archive.http, {})


@contextmanager
def service(folder: Path, site: Site, archive: Orthanc) -> Iterator[Service]:
    """Run `radseal serve` before an Orthanc, which it asks for what has gone there."""
    folder.mkdir()
    (folder / "policy.toml").write_text(POLICY)
    (folder / "token").write_text(TOKEN)
    port = free_port()
    (folder / "service.toml").write_text(
        f'version = 1\nsite = "{site.folder}"\npolicy = "policy.toml"\nspool = "spool"\n'
        f'[listen]\nae_title = "RADSEAL"\naddress = "127.0.0.1"\nport = {port}\n'
        '[limits]\nfree_disk_bytes = 0\n[[archives]]\nname = "orthanc"\nae_title = "ORTHANC"\n'
        f'host = "127.0.0.1"\nport = {archive.dicom}\n'
        f'dicomweb = "http://127.0.0.1:{archive.http}/dicom-web"\n'
    )
    words = [sys.executable, "-m", "provenance.cli", "serve", "--token", str(folder / "token")]
    words += ["--config", str(folder / "service.toml")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    try:
        if not process.stdout.readline().startswith("radseal listens"):
            raise SystemExit((folder / "log").read_text()[-2000:])
        yield Service(process, Web(port, {"Authorization": f"Bearer {TOKEN}"}), folder / "spool")
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
