"""What the service costs over DICOMweb: Orthanc's own plugin, and `radseal serve`, in turns.

    python -m benchmarks.gateway.web [--ct N] [--dx N] [--rounds N] [--clients N]

Sealed images, verified on the way in and again on the way out. Storing counts until the archive has
answered for the last image. Retrieving is of what the archive alone has: the service fetches it
there, by WADO-RS, puts it on the disk, verifies it, and gives it.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import pydicom

from benchmarks.gateway.peers import empty, site_and_archive
from benchmarks.gateway.web_peers import Instance, Service, Web, plugin, service
from benchmarks.sealed_images import CT, DX, make_images
from benchmarks.workflow.orthanc import Orthanc


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway.web")
    parser.add_argument("--ct", type=int, default=100, help="CT images in a round")
    parser.add_argument("--dx", type=int, default=20, help="DX images in a round")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--clients", type=int, default=4)
    asked = parser.parse_args()
    with (
        site_and_archive() as (folder, site, archive),
        service(folder / "service", site, archive) as running,
    ):
        bench = Bench(archive, running, asked.rounds)
        print("| what | Orthanc | service | of Orthanc |\n|---|---:|---:|---:|")
        for kind, count in ((CT, asked.ct), (DX, asked.dx)):
            paths = make_images(kind, count, site, folder / kind.name)
            for clients in (1, asked.clients):
                bench.store(kind.name, paths, clients)
            for clients in (1, asked.clients):
                bench.retrieve(kind.name, paths, clients)
            bench.retrieve_study(kind.name, paths)


class Bench:
    """One Orthanc, and one service before it."""

    def __init__(self, archive: Orthanc, running: Service, rounds: int) -> None:
        self._archive = archive
        self._plugin = plugin(archive)
        self._service = running
        self._rounds = rounds

    def store(self, kind: str, paths: Sequence[Path], clients: int) -> None:
        """Print the row of STOW-RS."""

        def through() -> None:
            wanted = self._service.delivered() + len(paths)
            self._service.web.store(paths, clients=clients)
            self._service.wait(wanted)

        def directly() -> None:
            self._plugin.store(paths, clients=clients)

        name = f"STOW-RS, {kind}, {_clients(clients)}"
        self._row(name, len(paths), directly, through, before=lambda: empty(self._archive))

    def retrieve(self, kind: str, paths: Sequence[Path], clients: int) -> None:
        """Print the row of WADO-RS, instance by instance; the archive has them."""
        wanted = [_instance_of(path) for path in paths]

        def by(web: Web) -> Callable[[], None]:
            return lambda: web.retrieve(wanted, clients=clients)

        name = f"WADO-RS, {kind}, instances, {_clients(clients)}"
        self._row(name, len(paths), by(self._plugin), by(self._service.web))

    def retrieve_study(self, kind: str, paths: Sequence[Path]) -> None:
        """Print the row of WADO-RS for the whole study."""
        wanted = [_instance_of(path) for path in paths]

        def by(web: Web) -> Callable[[], None]:
            return lambda: web.retrieve_study(wanted)

        name = f"WADO-RS, {kind}, a study of {len(paths)}"
        self._row(name, len(paths), by(self._plugin), by(self._service.web))

    def _row(
        self,
        name: str,
        count: int,
        directly: Callable[[], None],
        through: Callable[[], None],
        before: Callable[[], None] = lambda: None,
    ) -> None:
        """Print images a second, the median of the rounds and their range."""
        rates: tuple[list[float], list[float]] = ([], [])
        for _ in range(self._rounds):
            for found, act in zip(rates, (directly, through), strict=True):
                before()
                began = time.perf_counter()
                act()
                found.append(count / (time.perf_counter() - began))
        ratio = median(b / a for a, b in zip(*rates, strict=True))
        cells = [f"{median(each):.1f}/s [{min(each):.1f}-{max(each):.1f}]" for each in rates]
        print(f"| {name} | {' | '.join(cells)} | {ratio:.2f} |", flush=True)


def _clients(count: int) -> str:
    return "1 client" if count == 1 else f"{count} clients"


def _instance_of(path: Path) -> Instance:
    header = pydicom.dcmread(path, stop_before_pixels=True)
    pixels = header.Rows * header.Columns * 2
    return Instance(
        str(header.StudyInstanceUID),
        str(header.SeriesInstanceUID),
        str(header.SOPInstanceUID),
        pixels,
    )


if __name__ == "__main__":
    main()
