"""What the service costs over DICOMweb: Orthanc's own plugin, and `radseal serve`, in turns.

    python -m benchmarks.gateway.web [--ct N] [--dx N] [--rounds N] [--clients N]

Sealed images, verified on the way in and again on the way out. Storing counts until the archive has
answered for the last image. Retrieving is of what the archive alone has: the service fetches it
there, by WADO-RS, puts it on the disk, verifies it, and gives it.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import pydicom

from benchmarks.gateway.peers import empty, site_and_archive
from benchmarks.gateway.web_peers import Instance, Service, Web, plugin, service
from benchmarks.sealed_images import CT, DX, Images, Kind
from benchmarks.workflow.orthanc import Orthanc

Rates = tuple[list[float], list[float]]  # of Orthanc, and of the service


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
        images = Images(site, folder / "images")
        bench = Bench(archive, running, images, asked.rounds)
        print("| what | Orthanc | service | of Orthanc |\n|---|---:|---:|---:|")
        for kind, count in ((CT, asked.ct), (DX, asked.dx)):
            for clients in (1, asked.clients):
                bench.store(kind, count, clients)
            with images.fresh(kind, count) as paths:
                bench.retrieve(kind, paths, (1, asked.clients))


class Bench:
    """One Orthanc, and one service before it."""

    def __init__(self, archive: Orthanc, running: Service, images: Images, rounds: int) -> None:
        self._archive = archive
        self._plugin = plugin(archive)
        self._service = running
        self._images = images
        self._rounds = rounds

    def store(self, kind: Kind, count: int, clients: int) -> None:
        """Print the row of STOW-RS: in each turn images that nobody has sent yet."""

        def through(paths: Sequence[Path]) -> None:
            wanted = self._service.delivered() + len(paths)
            self._service.web.store(paths, clients=clients)
            self._service.wait(wanted)

        rates: Rates = ([], [])
        for _ in range(self._rounds):
            with self._images.fresh(kind, count) as paths:
                empty(self._archive)
                _time(rates[0], count, partial(self._plugin.store, paths, clients=clients))
                empty(self._archive)
                _time(rates[1], count, partial(through, paths))
        _print(f"STOW-RS, {kind.name}, {_clients(clients)}", rates)

    def retrieve(self, kind: Kind, paths: Sequence[Path], clients: Sequence[int]) -> None:
        """Print the rows of WADO-RS, of what was stored in the archive and nowhere else."""
        empty(self._archive)
        self._plugin.store(paths, clients=1)
        wanted = [_instance_of(path) for path in paths]
        for number in clients:

            def retrieve(web: Web, clients: int = number) -> None:
                web.retrieve(wanted, clients=clients)

            name = f"WADO-RS, {kind.name}, instances, {_clients(number)}"
            self._retrieved(name, wanted, retrieve)
        name = f"WADO-RS, {kind.name}, a study of {len(paths)}"
        self._retrieved(name, wanted, lambda web: web.retrieve_study(wanted))

    def _retrieved(self, name: str, wanted: Sequence[Instance], by: Callable[[Web], None]) -> None:
        rates: Rates = ([], [])
        for _ in range(self._rounds):
            for found, web in zip(rates, (self._plugin, self._service.web), strict=True):
                _time(found, len(wanted), partial(by, web))
        _print(name, rates)


def _time(found: list[float], count: int, act: Callable[[], None]) -> None:
    began = time.perf_counter()
    act()
    found.append(count / (time.perf_counter() - began))


def _print(name: str, rates: Rates) -> None:
    """Print images a second, the median of the rounds and their range."""
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
