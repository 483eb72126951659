"""An environment of the peers' own, and processes in it.

Nothing a peer needs enters this environment: the packages of peers.txt go into a virtual
environment in a folder of the caller's, and each peer runs as a process (peer_worker.py) that is
given paths of pictures. Peers under any licence may stand here; none is a dependency.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from benchmarks.watermark.picture import Pixels

HERE = Path(__file__).resolve().parent
PINS = HERE / "peers.txt"
PEERS = (
    "dwtDct",
    "dwtDctSvd",
    "blind-watermark",
    "wmforge",
    "ghostmark",
    "clawid fm",
    "clawid qim",
    "zenid",
    "copyright-watermark",
    "imagestego",
    "dwtDct colour",
    "dwtDctSvd colour",
)
"""Peers with a payload, as named in peer_worker.py."""
SLOW_PEERS = ("melu",)
"""Run only when asked for: no payload, and up to minutes a reading."""
NOT_RUN = {
    "rivaGan": "its package wants torch; its mark lies in colour, which grey has not",
    "fdwm": "hides a picture to be read by eye or by a text recogniser, no payload",
    "trustmark": "its weights are not in its package",
}
"""Peers that pip finds and that do not run here, and why."""


def prepare(folder: Path) -> dict[str, str]:
    """Make the environment unless it is there; return what could not be installed, and why."""
    python = python_of(folder)
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder / "env"], check=True)
    report = folder / "installed.json"
    pins = [line for line in PINS.read_text().splitlines() if line and not line.startswith("#")]
    if report.exists():
        known: dict[str, Any] = json.loads(report.read_text())
        if known["pins"] == pins:
            return dict(known["failed"])
    failed = {}
    for pin in pins:
        print(f"installing {pin}", file=sys.stderr)
        command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        done = subprocess.run(
            [*command, "--no-deps", pin], capture_output=True, text=True, check=False
        )
        if done.returncode:
            failed[pin] = (done.stderr.strip().splitlines() or ["pip failed"])[-1][:200]
    report.write_text(json.dumps({"pins": pins, "failed": failed}))
    return failed


def python_of(folder: Path) -> Path:
    """Return the interpreter of the environment in a folder."""
    script = Path("Scripts/python.exe") if os.name == "nt" else Path("bin/python")
    return folder / "env" / script


class PeerError(Exception):
    """A peer said no, failed, or fell silent."""


class Worker:
    """A process that runs one peer."""

    def __init__(self, name: str, folder: Path, scratch: Path) -> None:
        self.name = name
        self._scratch = scratch
        single = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "OPENCV")}
        self._log = (folder / f"{name}.log").open("a")
        self._process = subprocess.Popen(
            [python_of(folder), HERE / "peer_worker.py", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=os.environ | single,
        )
        hello = self._answer()
        if "error" in hello:
            self.close()
            raise PeerError(hello["error"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._log.close()

    def embed(self, picture: Pixels, payload: bytes, key: int) -> tuple[Pixels, dict[str, Any]]:
        """Return the marked picture and what the peer says: token, bits, cpu."""
        target = self._scratch / "marked.npy"
        request = {"do": "embed", "payload": payload.hex(), "key": key, "out": str(target)}
        said = self._ask(picture, request)
        return np.load(target), said

    def read(
        self, picture: Pixels, key: int, *, own: bool = False, turned: bool = False
    ) -> dict[str, Any]:
        """Return what the peer reads: token, bits, cpu."""
        return self._ask(picture, {"do": "read", "key": key, "own": own, "turned": turned})

    def _ask(self, picture: Pixels, request: dict[str, Any]) -> dict[str, Any]:
        path = self._scratch / "picture.npy"
        np.save(path, picture)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request | {"picture": str(path)}) + "\n")
        self._process.stdin.flush()
        said = self._answer()
        if "error" in said:
            raise PeerError(said["error"])
        return said

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise PeerError("the peer's process ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


def open_workers(
    names: Sequence[str], folder: Path, scratch: Path
) -> tuple[dict[str, Worker], dict[str, str]]:
    """Return the peers that run, and why the others do not; each embeds and reads once to warm."""
    running, absent = {}, {}
    noise = np.random.default_rng(1).normal(128, 20, (512, 512))
    picture = np.clip(np.rint(noise), 0, 255).astype(np.uint8)
    for name in names:
        place = scratch / name.replace(" ", "-")
        place.mkdir(parents=True, exist_ok=True)
        try:
            worker = Worker(name, folder, place)
            start = time.monotonic()
            marked, _ = worker.embed(picture, bytes(range(32)), 1)
            worker.read(marked, 1)
        except PeerError as error:
            absent[name] = str(error)
            continue
        print(f"{name}: runs ({time.monotonic() - start:.1f} s)", file=sys.stderr)
        running[name] = worker
    return running, absent
