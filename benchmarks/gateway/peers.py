"""Who takes part: storescu, storescp, Orthanc, and a gateway before it; all with TCP_NODELAY."""

import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ports import free_port
from benchmarks.workflow.orthanc import Orthanc
from benchmarks.workflow.tools import program
from ledger import Algorithm
from provenance import Site

NODELAY = {**os.environ, "TCP_NODELAY": "1"}
WAIT_SECONDS = 3600.0
POLICY = 'version = 1\n[defaults]\ndepth = "ledger"\n[defaults.actions]\nauthentic = "accept"\n'


@contextmanager
def site_and_archive(within: Path | None = None) -> Iterator[tuple[Path, Site, Orthanc]]:
    """Hold a temporary folder with a new site in it, and an Orthanc."""
    with tempfile.TemporaryDirectory(dir=within) as name:
        folder = Path(name)
        site = Site.init(folder / "site", algorithm=Algorithm.ED25519)
        (folder / "orthanc").mkdir()
        archive = Orthanc.start(folder / "orthanc")
        try:
            yield folder, site, archive
        finally:
            archive.stop()


def send(paths: Sequence[Path], title: str, port: int, *, associations: int = 1) -> None:
    """Send files with storescu, dealt to so many at once."""

    def one(share: Sequence[Path]) -> None:
        words = [program("storescu"), "-R", "-aec", title, "127.0.0.1", str(port), *map(str, share)]
        subprocess.run(words, check=True, env=NODELAY, capture_output=True)

    shares = [paths[n::associations] for n in range(min(associations, len(paths)))]
    with ThreadPoolExecutor(len(shares)) as pool:
        list(pool.map(one, shares))


@contextmanager
def storescp(folder: Path) -> Iterator[int]:
    """Run DCMTK's receiver; yield its port."""
    folder.mkdir()
    port = free_port()
    words = [program("storescp"), "+xa", "+B", "--fork", "-od", str(folder), str(port)]
    process = subprocess.Popen(words, env=NODELAY, stdout=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True, slots=True)
class Relay:
    """A relay that verifies nothing (relay.py)."""

    port: int
    folder: Path

    def wait(self) -> None:
        """Wait until all is delivered."""
        while any(self.folder.iterdir()):
            time.sleep(0.01)


@contextmanager
def relay(folder: Path, archive: Orthanc) -> Iterator[Relay]:
    """Run a relay before an Orthanc."""
    folder.mkdir()
    words = [sys.executable, "-m", "benchmarks.gateway.relay", str(folder), str(archive.dicom)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Relay(int(process.stdout.readline()), folder)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


@dataclass
class Gateway:
    """A gateway in a process of its own."""

    process: "subprocess.Popen[str]"
    port: int
    spool: Path

    @property
    def delivered(self) -> int:
        """How many objects the archive has said that it has."""
        return delivered(self.spool)

    def latencies(self) -> list[float]:
        """Return the seconds of each object from its last byte to the archive's answer."""
        rows = asked(
            self.spool,
            "select d.sent - o.at from delivery d join object o on o.number = d.object"
            " where d.sent is not null order by o.number",
        )
        return [row[0] / 1000 for row in rows]

    def wait(self, count: int) -> None:
        """Wait until so many are delivered."""
        end = time.monotonic() + WAIT_SECONDS
        while self.delivered < count:
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit("the gateway does not deliver")
            time.sleep(0.01)

    def processes(self) -> dict[str, int]:
        """Return the numbers of its processes: itself, and its children in their order."""
        words = ["ps", "-o", "pid=", "--ppid", str(self.process.pid)]
        children = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
        names = ["forwarder", "custody", *(f"judge {n}" for n in range(1, len(children) - 1))]
        found = dict(zip(names, sorted(map(int, children)), strict=True))
        return {"gateway": self.process.pid} | found

    def memory(self) -> dict[str, int]:
        """Return the resident bytes of its processes."""
        return {name: _resident(pid) for name, pid in self.processes().items()}

    def seconds(self) -> dict[str, float]:
        """Return the seconds of a processor that its processes have taken."""
        return {name: processor_seconds(pid) for name, pid in self.processes().items()}


def delivered(spool: Path) -> int:
    """Return how many objects of a spool its archive has said that it has."""
    return int(asked(spool, "select count(*) from object where state = 'delivered'")[0][0])


def asked(spool: Path, question: str) -> list[tuple[int]]:
    """Return what the database of a spool answers."""
    with closing(sqlite3.connect(f"file:{spool / 'spool.db'}?mode=ro", uri=True)) as held:
        return held.execute(question).fetchall()


def processor_seconds(pid: int) -> float:
    """Return how long a process has held a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


@contextmanager
def gateway(folder: Path, site: Site, archive: Orthanc) -> Iterator[Gateway]:
    """Run a gateway before an Orthanc."""
    folder.mkdir()
    (folder / "policy.toml").write_text(POLICY)
    (folder / "gateway.toml").write_text(
        f'version = 1\nsite = "{site.folder}"\npolicy = "policy.toml"\nspool = "spool"\n'
        '[listen]\nae_title = "RADSEAL"\naddress = "127.0.0.1"\nport = 0\n'
        '[limits]\nfree_disk_bytes = 0\n[[archives]]\nname = "orthanc"\nae_title = "ORTHANC"\n'
        f'host = "127.0.0.1"\nport = {archive.dicom}\n'
    )
    words = [sys.executable, "-m", "provenance.cli", "gateway", "--config"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*words, str(folder / "gateway.toml")], stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline().rpartition(":")[2])
        yield Gateway(process, port, folder / "spool")
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def empty(archive: Orthanc) -> None:
    """Remove all that an Orthanc holds."""
    import json
    import urllib.request

    for name in json.loads(archive.ask("/patients")):
        place = f"http://127.0.0.1:{archive.http}/patients/{name}"
        with urllib.request.urlopen(urllib.request.Request(place, method="DELETE")):
            pass
