"""An Orthanc that asks radseal beside one that asks nobody, in turns, over DIMSE.

    python -m benchmarks.orthanc [--rounds N] [--ct N] [--dx N] [--jobs N]

Sealed images, full verification, TCP_NODELAY on both ends. Rates: DCMTK's storescu, one
association, all images of a round. Latency: of each C-STORE by pynetdicom, over all rounds. In
between stands Orthanc with the script and a stand-in that answers at once: the script's own cost.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydicom
from pynetdicom import AE

from benchmarks.orthanc.images import sealed_files
from benchmarks.orthanc.world import World
from ledger import Algorithm
from provenance import Site

POLICY = 'version = 1\n[defaults]\ndepth = "ledger"\n[defaults.actions]\nauthentic = "accept"\n'
BARS = {"CT": 0.8, "DX": 0.7}


@dataclass
class Measured:
    """Rates (instances a second, one a round) and latencies (seconds, one an instance)."""

    rates: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--ct", type=int, default=100)
    parser.add_argument("--dx", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        site = Site.init(folder / "site", algorithm=Algorithm.ED25519)
        files = {
            kind: sealed_files(kind, count, site, folder)
            for kind, count in (("CT", asked.ct), ("DX", asked.dx))
        }
        with (
            World.open(folder / "with", site, POLICY, jobs=asked.jobs) as asking,
            World.open_stand_in(folder / "stand-in", site) as stand_in,
            World.open_plain(folder / "plain", site) as plain,
        ):
            worlds = {"plain": plain, "script": stand_in, "radseal": asking}
            for kind in files:
                _table(kind, _run(files[kind], worlds, asked.rounds))


def _run(files: Path, worlds: dict[str, World], rounds: int) -> dict[str, Measured]:
    found: dict[str, Measured] = defaultdict(Measured)
    for number in range(rounds + 1):
        for name, world in worlds.items():
            rate = _send(world, files)
            _empty(world)
            latencies = _ask(world, files)
            _empty(world)
            if number:  # the first is to warm up
                found[name].rates.append(rate)
                found[name].latencies += latencies
    return found


def _send(world: World, files: Path) -> float:
    began = time.perf_counter()
    code = world.storescu(files).wait()
    seconds = time.perf_counter() - began
    count = len(list(files.iterdir()))
    here = json.loads(world.orthanc.ask("GET", "/statistics").body)["CountInstances"]
    assert (code, here) == (0, count), (code, here)
    return count / seconds


def _ask(world: World, files: Path) -> list[float]:
    sent = [pydicom.dcmread(path) for path in sorted(files.iterdir())]
    entity = AE(ae_title="CT7")
    entity.add_requested_context(sent[0].SOPClassUID, sent[0].file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", world.dicom, ae_title="ORTHANC")
    line: Any = association.dul.socket
    line.socket.setsockopt(6, 1, 1)  # TCP_NODELAY
    seconds = []
    for dataset in sent:
        began = time.perf_counter()
        status = association.send_c_store(dataset)
        seconds.append(time.perf_counter() - began)
        assert status.Status == 0, status
    association.release()
    return seconds


def _empty(world: World) -> None:
    for name in json.loads(world.orthanc.ask("GET", "/studies").body):
        world.orthanc.ask("DELETE", f"/studies/{name}")


def _table(kind: str, found: dict[str, Measured]) -> None:
    print(f"\n{kind}, bar {BARS[kind]}")
    print("| | instances/s | x plain | latency, median | p99 | added, median | added, p99 |")
    print("|---|---|---|---|---|---|---|")
    plain = found["plain"]
    base = statistics.quantiles(plain.latencies, n=100)
    for name, each in found.items():
        rate = statistics.median(each.rates)
        tail = statistics.quantiles(each.latencies, n=100)
        spread = f"{rate:.1f} [{min(each.rates):.1f} to {max(each.rates):.1f}]"
        times = [tail[49], tail[98], tail[49] - base[49], tail[98] - base[98]]
        ratio = rate / statistics.median(plain.rates)
        print(f"| {name} | {spread} | {ratio:.2f} |", end="")
        print("".join(f" {seconds * 1e3:.1f} ms |" for seconds in times))


if __name__ == "__main__":
    main()
