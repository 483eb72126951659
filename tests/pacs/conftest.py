"""A site with a policy, a spool, and small objects: sealed, unsealed, altered."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import requests

from provenance import Site, load_policy, seal
from provenance.pacs.arrivals import Instance, Kept, Route, Sender
from provenance.pacs.intake import Examiner, Intake
from provenance.pacs.spool.spool import Spool
from provenance.verifying.verifier import Verifier

POLICY = """version = 1
[defaults]
depth = "ledger"
[defaults.actions]
authentic = "accept"
unsealed = "tag"
altered = "refuse"
[[rules]]
name = "seals"
must_seal_ingest_since = 2026-01-01
[rules.match]
calling_ae = ["SEALS"]
"""
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Door:
    """A way in, without a network: what the doors of the gateway share."""

    site: Site
    spool: Spool
    intake: Intake

    def take(self, content: bytes, calling_ae: str = "CT7") -> Kept:
        """Take an object in, as if it had come over an association."""
        from provenance.dicom.read import read_instance

        path = self.spool.incoming()
        path.write_bytes(content)
        dataset = read_instance(content).dataset
        instance = Instance(
            str(dataset.SOPClassUID),
            str(dataset.SOPInstanceUID),
            str(dataset.file_meta.TransferSyntaxUID),
            str(dataset.get("StudyInstanceUID", "")),
        )
        sender = Sender(Route.DIMSE, NOON, calling_ae, "GATEWAY", "127.0.0.1")
        return self.intake.take(path, sender=sender, instance=instance, spool=self.spool)


@pytest.fixture
def door(tmp_path: Path) -> Any:
    """Yield an open door of a new site."""
    from ledger import Algorithm

    site = Site.init(tmp_path / "site", algorithm=Algorithm.ED25519)
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    policy = load_policy(path)
    records = site.records()
    with records.log, Spool.open(tmp_path / "spool") as spool:
        verifier = Verifier(site.trust, records, policy=policy)
        digest = hashlib.sha256(path.read_bytes()).digest()
        yield Door(site, spool, Intake(Examiner(verifier, digest), ("archive",)))


@pytest.fixture
def sealed(door: Door, make_dicom: Callable[..., bytes]) -> bytes:
    """A sealed object of the site."""
    with door.site.device() as device:
        return seal(make_dicom(_samples(1)), device=device, profile="none").to_bytes()


@pytest.fixture
def unsealed(make_dicom: Callable[..., bytes]) -> bytes:
    """An object that nobody sealed."""
    return make_dicom(_samples(2), SOPInstanceUID="1.2.3.4.5")


def _samples(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4096, (64, 80)).astype(np.uint16)


TOKEN = "0123456789abcdef0123456789abcdef"


@dataclass
class Running:
    """A service that runs, and what is asked of it."""

    server: Any
    spool: Path
    token: str | None = TOKEN

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Any:
        """Return the answer to one request, with the token if there is one."""
        if self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        return requests.request(
            method, self.server.url + path, data=body, headers=headers, timeout=120
        )

    def ingest(self, content: bytes, calling_ae: str = "CT7", route: str = "orthanc") -> Any:
        """Bring an object in."""
        return self.ask("POST", f"/ingest?route={route}&calling_ae={calling_ae}", content)

    def metric(self, name: str) -> float:
        """Return a number of /metrics."""
        for line in self.ask("GET", "/metrics").text.splitlines():
            if line.startswith(f"{name} "):
                return float(line.split()[1])
        raise AssertionError(f"no metric {name}")

    def examiners(self) -> list[psutil.Process]:
        """Return its processes that judge."""
        return [
            each
            for each in psutil.Process(self.server.process.pid).children()
            if "spawn_main" in " ".join(each.cmdline())
        ]


@pytest.fixture
def run_service(
    door: Door,
    tmp_path: Path,
    radseal_service: Callable[..., Any],
    configured_service: Callable[..., Any],
) -> Callable[..., Running]:
    """Start services of the door's site and policy: ``run_service(*options)``.

    With ``archives``, tables of a file for --config, it is started by that file.
    """

    def start(
        *options: str,
        token: str | None = TOKEN,
        place: str = "127.0.0.1:0",
        archives: str = "",
        keep_free: int = 0,
        idle: int = 60,
        object_bytes: int = 2 << 30,
    ) -> Running:
        spool = tmp_path / "service"
        words: list[str] = []
        if token is not None:
            (tmp_path / "token").write_text(token + "\n")
            words += ["--token", str(tmp_path / "token")]
        if archives:
            file = tmp_path / "radseal-service.toml"
            limits = {
                "free_disk_bytes": keep_free,
                "idle_seconds": idle,
                "object_bytes": object_bytes,
            }
            file.write_text(_configuration(door.site.folder, place, limits) + archives)
            server = configured_service(file, "", *words, *options)
        else:
            words += ["--policy", str(tmp_path / "policy.toml"), "--spool", str(spool)]
            if "--keep-free" not in options:
                words += ["--keep-free", str(keep_free)]
            server = radseal_service(door.site.folder, place, *words, *options)
        return Running(server, spool, token)

    return start


def _configuration(site: Path, place: str, limits: dict[str, int]) -> str:
    lines = "\n".join(f"{name} = {value}" for name, value in limits.items())
    host, _, port = place.rpartition(":")
    return f"""version = 1
site = "{site}"
policy = "policy.toml"
spool = "service"
[limits]
{lines}
[listen]
ae_title = "RADSEAL"
address = "{host}"
port = {port}
"""


def eventually(true: Callable[[], bool], why: str) -> None:
    """Return once it is true; a failure with the reason after two minutes."""
    until = time.monotonic() + 120
    while not true():
        assert time.monotonic() < until, why
        time.sleep(0.05)


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool], str], None]:
    """Wait for a condition."""
    return eventually
