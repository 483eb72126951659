"""An Orthanc that asks radseal beside one that asks nobody, in turns, over DIMSE.

    python -m benchmarks.orthanc [--rounds N] [--ct N] [--dx N] [--jobs N]

Sealed images, full verification, TCP_NODELAY on both ends. Rates: DCMTK's storescu, all images of
a round, over one association and over eight at once. Latency: of each C-STORE by pynetdicom, over
all rounds. Each turn has images of its own, as every custody event of an image is verified when it
comes again. In between stands Orthanc with the script and a stand-in that answers at once: the
script's own cost. Processor time is that of sender, Orthanc and service for each image, with what
they do after the answer; by it the last column says what this machine could do at most.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydicom
from pynetdicom import AE

from benchmarks.orthanc.processors import spent_by, spent_by_ended
from benchmarks.orthanc.world import World
from benchmarks.sealed_images import KINDS, Kind, make_images
from ledger import Algorithm
from provenance import Site

POLICY = 'version = 1\n[defaults]\ndepth = "ledger"\n[defaults.actions]\nauthentic = "accept"\n'
BARS = {"CT": 0.8, "DX": 0.7}
ASSOCIATIONS = (1, 8)
AFTERWARDS = 2.0
"""Seconds in which verdicts and custody events are written, which count as well."""


@dataclass
class Measured:
    """Images a second and processor times of rounds, by associations; seconds of each C-STORE."""

    rates: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    spent: dict[int, list[tuple[float, ...]]] = field(default_factory=lambda: defaultdict(list))
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
        counts = {"CT": asked.ct, "DX": asked.dx}
        with (
            World.open(folder / "with", site, POLICY, jobs=asked.jobs) as asking,
            World.open_stand_in(folder / "stand-in", site) as stand_in,
            World.open_plain(folder / "plain", site) as plain,
        ):
            worlds = {"plain": plain, "script": stand_in, "radseal": asking}
            for kind in KINDS:

                def fresh(folder: Path, kind: Kind = kind) -> None:
                    make_images(kind, counts[kind.name], site, folder)

                found = _run(fresh, folder / kind.name, worlds, asked.rounds)
                for associations in ASSOCIATIONS:
                    _rates(kind.name, associations, found)
                _latencies(kind.name, found)


def _run(
    fresh: Callable[[Path], None], folder: Path, worlds: dict[str, World], rounds: int
) -> dict[str, Measured]:
    """Measure; ``fresh`` makes a folder of images that nobody has sent yet."""
    found: dict[str, Measured] = defaultdict(Measured)
    for number in range(rounds + 1):
        for associations in ASSOCIATIONS:
            fresh(folder / "images")
            folders = [folder / "images"]
            if associations > 1:
                folders = _dealt(folder / "images", associations)
            for name, world in worlds.items():
                rate, spent = _send(world, folders)
                _empty(world)
                if number:  # the first is to warm up
                    found[name].rates[associations].append(rate)
                    found[name].spent[associations].append(spent)
            shutil.rmtree(folder)
        fresh(folder / "images")
        for name, world in worlds.items():
            latencies = _ask(world, folder / "images")
            _empty(world)
            if number:
                found[name].latencies += latencies
        shutil.rmtree(folder)
    return found


def _dealt(files: Path, hands: int) -> list[Path]:
    """Give out the files of a folder to as many folders as there are associations."""
    folders = [files.parent / f"{files.name}-{number}" for number in range(hands)]
    for number, file in enumerate(sorted(files.iterdir())):
        folders[number % hands].mkdir(exist_ok=True)
        (folders[number % hands] / file.name).hardlink_to(file)
    return folders


def _send(world: World, folders: list[Path]) -> tuple[float, tuple[float, ...]]:
    """Return images a second, and seconds of sender, Orthanc and service for each image."""
    count = sum(len(list(folder.iterdir())) for folder in folders)
    before = _spent(world)
    began = time.perf_counter()
    codes = [sending.wait() for sending in [world.storescu(folder) for folder in folders]]
    seconds = time.perf_counter() - began
    here = json.loads(world.orthanc.ask("GET", "/statistics").body)["CountInstances"]
    assert (set(codes), here) == ({0}, count), (codes, here)
    time.sleep(AFTERWARDS)
    spent = [(now - then) / count for now, then in zip(_spent(world), before, strict=True)]
    return count / seconds, tuple(spent)


def _spent(world: World) -> list[float]:
    running = [each.running for each in (world.orthanc, world.service)]
    return [spent_by_ended(), *(0.0 if each is None else spent_by(each.pid) for each in running)]


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


def _rates(kind: str, associations: int, found: dict[str, Measured]) -> None:
    print(f"\n{kind}, associations: {associations}, bar {BARS[kind]}")
    print("| | instances/s | x plain | sender | Orthanc | service | at most x plain |")
    print("|---|---|---|---|---|---|---|")
    plain = found["plain"]
    least = sum(map(statistics.median, zip(*plain.spent[associations], strict=True)))
    for name, each in found.items():
        rates = each.rates[associations]
        rate = statistics.median(rates)
        spread = f"{rate:.1f} [{min(rates):.1f} to {max(rates):.1f}]"
        ratio = rate / statistics.median(plain.rates[associations])
        spent = [statistics.median(part) for part in zip(*each.spent[associations], strict=True)]
        times = "".join(f" {seconds * 1e3:.1f} ms |" for seconds in spent)
        print(f"| {name} | {spread} | {ratio:.2f} |{times} {least / sum(spent):.2f} |")


def _latencies(kind: str, found: dict[str, Measured]) -> None:
    print(f"\n{kind}, each C-STORE")
    print("| | median | p99 | added, median | added, p99 |")
    print("|---|---|---|---|---|")
    base = statistics.quantiles(found["plain"].latencies, n=100)
    for name, each in found.items():
        tail = statistics.quantiles(each.latencies, n=100)
        times = [tail[49], tail[98], tail[49] - base[49], tail[98] - base[98]]
        print(f"| {name} |" + "".join(f" {seconds * 1e3:.1f} ms |" for seconds in times))


if __name__ == "__main__":
    main()
