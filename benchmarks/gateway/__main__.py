"""What the gateway costs: storescu to Orthanc directly, and through a gateway, in turns.

    python -m benchmarks.gateway [--ct N] [--dx N] [--rounds N] [--memory N]

Rates count until the archive has answered for the last image. The bar is 0.6 of storing directly.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.gateway.images import CT, DX, Kind, make_images
from benchmarks.gateway.peers import Gateway, empty, gateway, send, storescp
from benchmarks.workflow.orthanc import Orthanc
from ledger import Algorithm
from provenance import Site


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ct", type=int, default=100, help="CT images in a round")
    parser.add_argument("--dx", type=int, default=15, help="DX images in a round")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--associations", type=int, default=8)
    parser.add_argument("--memory", type=int, default=1000, help="CT images for memory; 0: none")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site = Site.init(folder / "site", algorithm=Algorithm.ED25519)
        (folder / "orthanc").mkdir()
        archive = Orthanc.start(folder / "orthanc")
        try:
            with (
                gateway(folder / "gateway", site, archive) as door,
                storescp(folder / "scp") as scp,
            ):
                bench = Bench(archive, door, scp, asked.rounds)
                print("| images | storescp | Orthanc | gateway to Orthanc | of Orthanc |")
                print("|---|---|---|---|---|")
                for kind, count in ((CT, asked.ct), (DX, asked.dx)):
                    paths = make_images(kind, count, site, folder / kind.name)
                    bench.compare(kind, paths, 1)
                    bench.compare(kind, paths, asked.associations)
                print()
                for kind in (CT, DX):
                    bench.tell_latencies(kind, sorted((folder / kind.name).iterdir())[:40])
                bench.memory(asked.memory, folder / CT.name)
        finally:
            archive.stop()


class Bench:
    """One Orthanc, one gateway before it, one storescp."""

    def __init__(self, archive: Orthanc, door: Gateway, scp: int, rounds: int) -> None:
        self._archive = archive
        self._door = door
        self._scp = scp
        self._rounds = rounds

    def compare(self, kind: Kind, paths: list[Path], associations: int) -> None:
        """Print one row: images a second, the median of the rounds and their range."""
        rates: dict[str, list[float]] = {"storescp": [], "orthanc": [], "gateway": []}

        def timed(name: str, act: Callable[[], None]) -> None:
            began = time.perf_counter()
            act()
            rates[name].append(len(paths) / (time.perf_counter() - began))

        for _ in range(self._rounds):
            timed("storescp", lambda: self._send(paths, "ANY", self._scp, associations))
            empty(self._archive)
            timed(
                "orthanc", lambda: self._send(paths, "ORTHANC", self._archive.dicom, associations)
            )
            empty(self._archive)
            timed("gateway", lambda: self._through(paths, associations))
        ratio = median(
            ours / theirs for ours, theirs in zip(rates["gateway"], rates["orthanc"], strict=True)
        )
        cells = [_cell(rates[name]) for name in ("storescp", "orthanc", "gateway")]
        words = "1 association" if associations == 1 else f"{associations} associations"
        print(f"| {kind.name}, {words} | {' | '.join(cells)} | {ratio:.2f} |", flush=True)

    def tell_latencies(self, kind: Kind, paths: list[Path]) -> None:
        """Print how long single images take from their last byte to the archive's answer."""
        before = len(self._door.latencies())
        for path in paths:
            self._through([path], 1)
        found = sorted(self._door.latencies()[before:])
        print(f"{kind.name}, one at a time, last byte to the archive's answer: {_quantiles(found)}")

    def memory(self, count: int, folder: Path) -> None:
        """Print the resident memory before and after ``count`` images."""
        paths = sorted(folder.iterdir())
        before, sent = self._door.memory(), 0
        while sent < count:
            self._through(paths, 1)
            sent += len(paths)
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
