"""What the gateway costs: storescu to Orthanc directly, and through a gateway, in turns.

    python -m benchmarks.gateway [--ct N] [--dx N] [--rounds N] [--memory N]

Rates count until the archive has answered for the last image. Each turn has images of its own, as
every custody event of an image is verified when it comes again. The bar is 0.6 of storing directly.
A plain relay beside it (relay.py) takes, syncs and forwards, and verifies nothing.
"""

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.gateway.peers import (
    Gateway,
    Relay,
    empty,
    gateway,
    processor_seconds,
    relay,
    send,
    site_and_archive,
    storescp,
)
from benchmarks.sealed_images import CT, DX, Images, Kind
from benchmarks.workflow.orthanc import Orthanc

PARTS = ("gateway", "judge", "forwarder", "custody", "Orthanc", "storescu")


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ct", type=int, default=200, help="CT images in a round")
    parser.add_argument("--dx", type=int, default=30, help="DX images in a round")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--associations", type=int, default=8)
    parser.add_argument("--memory", type=int, default=1000, help="CT images for memory; 0: none")
    asked = parser.parse_args()
    with (
        site_and_archive() as (folder, site, archive),
        gateway(folder / "gateway", site, archive) as door,
        storescp(folder / "scp") as scp,
        relay(folder / "relay", archive) as plain,
    ):
        images = Images(site, folder / "images")
        bench = Bench(archive, door, scp, plain, images, asked.rounds)
        print("| images | storescp | Orthanc | relay | gateway | of Orthanc | of relay |")
        print("|---|---|---|---|---|---|---|")
        for kind, count in ((CT, asked.ct), (DX, asked.dx)):
            bench.compare(kind, count, 1)
            bench.compare(kind, count, asked.associations)
        bench.tell_costs()
        for kind, count in ((CT, min(asked.ct, 40)), (DX, min(asked.dx, 40))):
            bench.tell_latencies(kind, count)
        bench.memory(asked.memory, asked.ct)


class Bench:
    """One Orthanc, one gateway and one plain relay before it, one storescp."""

    def __init__(
        self,
        archive: Orthanc,
        door: Gateway,
        scp: int,
        plain: Relay,
        images: Images,
        rounds: int,
    ) -> None:
        self._archive = archive
        self._door = door
        self._scp = scp
        self._plain = plain
        self._images = images
        self._rounds = rounds
        self._costs: list[str] = []

    def compare(self, kind: Kind, count: int, associations: int) -> None:
        """Print one row: images a second, the median of the rounds and their range."""
        rates: dict[str, list[float]] = {n: [] for n in ("storescp", "orthanc", "relay", "gateway")}
        costs: list[dict[str, float]] = []

        for _ in range(self._rounds):
            with self._images.fresh(kind, count) as paths:
                costs.append(self._turn(paths, associations, rates))
        of_orthanc, of_relay = (
            median(a / b for a, b in zip(rates["gateway"], rates[theirs], strict=True))
            for theirs in ("orthanc", "relay")
        )
        cells = [_cell(found) for found in rates.values()]
        words = "1 association" if associations == 1 else f"{associations} associations"
        name = f"{kind.name}, {words}"
        print(f"| {name} | {' | '.join(cells)} | {of_orthanc:.2f} | {of_relay:.2f} |", flush=True)
        last = {n: seconds / count * 1000 for n, seconds in costs[-1].items()}
        told = " | ".join(f"{last.get(n, 0.0):.1f}" for n in PARTS)
        self._costs.append(f"| {name} | {told} |")

    def _turn(
        self, paths: list[Path], associations: int, rates: dict[str, list[float]]
    ) -> dict[str, float]:
        """Send images by each way; return how long the last of them held processors."""

        def timed(name: str, act: Callable[[], None]) -> None:
            began = time.perf_counter()
            act()
            rates[name].append(len(paths) / (time.perf_counter() - began))

        timed("storescp", lambda: self._send(paths, "ANY", self._scp, associations))
        empty(self._archive)
        timed("orthanc", lambda: self._send(paths, "ORTHANC", self._archive.dicom, associations))
        empty(self._archive)
        timed("relay", lambda: self._relayed(paths, associations))
        empty(self._archive)
        before = self._seconds()
        timed("gateway", lambda: self._through(paths, associations))
        after = self._seconds()
        empty(self._archive)
        return {n: after[n] - before.get(n, 0.0) for n in after}

    def tell_costs(self) -> None:
        """Print what an image took of a processor in the last round of each row."""
        print(f"\n| milliseconds of a core | {' | '.join(PARTS)} |")
        print("|---|" + "---|" * len(PARTS))
        print("\n".join(self._costs) + "\n")

    def _seconds(self) -> dict[str, float]:
        """Return how long processors were held by each part."""
        found: dict[str, float] = dict.fromkeys(PARTS, 0.0)
        for name, seconds in self._door.seconds().items():
            found[name.split()[0]] += seconds
        found["Orthanc"] = processor_seconds(self._archive.process.pid)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        found["storescu"] = used.ru_utime + used.ru_stime
        return found

    def _relayed(self, paths: list[Path], associations: int) -> None:
        self._send(paths, "RELAY", self._plain.port, associations)
        self._plain.wait()

    def tell_latencies(self, kind: Kind, count: int) -> None:
        """Print how long single images take from their last byte to the archive's answer."""
        before = len(self._door.latencies())
        with self._images.fresh(kind, count) as paths:
            for path in paths:
                self._through([path], 1)
        found = sorted(self._door.latencies()[before:])
        print(f"{kind.name}, one at a time, last byte to the archive's answer: {_quantiles(found)}")

    def memory(self, most: int, batch: int) -> None:
        """Print the resident memory before and after ``most`` images, or a few more."""
        before, sent = self._door.memory(), 0
        while sent < most:
            with self._images.fresh(CT, batch) as paths:
                self._through(paths, 1)
            sent += batch
        after = self._door.memory()
        for name, size in before.items():
            grown = after.get(name, 0)
            print(f"{name}: {size >> 20} MiB, after {sent} more images {grown >> 20} MiB")

    def _through(self, paths: list[Path], associations: int) -> None:
        wanted = self._door.delivered + len(paths)
        self._send(paths, "RADSEAL", self._door.port, associations)
        self._door.wait(wanted)

    def _send(self, paths: list[Path], title: str, port: int, associations: int) -> None:
        send(paths, title, port, associations=associations)


def _cell(rates: list[float]) -> str:
    return f"{median(rates):.1f}/s [{min(rates):.1f}-{max(rates):.1f}]"


def _quantiles(values: list[float]) -> str:
    at = [values[min(len(values) - 1, int(len(values) * q))] * 1000 for q in (0.5, 0.99)]
    return f"p50 {at[0]:.0f} ms, p99 {at[1]:.0f} ms"


if __name__ == "__main__":
    main()
