"""What a site needs, from what it stores in a day: the sums of docs/sizing.md.

    python -m benchmarks.sizing                                    the table of the page
    python -m benchmarks.sizing --objects 40000 --gigabytes 60     a site of your own

Objects and gigabytes are those of a working day. What is taken as measured stands in the page, with
the command that measures it; `--processor` and `--listening` put figures of your own machine in
their place.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass

WORKING_DAYS = 260
PEAK = 0.75 * 3 / 36_000  # of a day's objects in a second: 3/4 in ten hours, the peak 3 x the mean
BUSY = 0.5  # of a core, so that a queue does not grow
EVENTS = 3  # custody events of an object that passes a gateway
ENTRY_BYTES = 734
SPOOL_BYTES = 6_500  # of each object in the spool's database, until it is forgotten
MEMORY_BYTES = 44  # that stay of it then
FORGOTTEN = 30 / 365  # of a year, after which that is
GATEWAY_MIB = 325  # first process, custody, and the forwarder of one archive
JUDGE_MIB = 115  # each process that judges
IN_MEMORY = 3  # times the bytes of an object, while it is judged
CT, DX = 0.5, 10.0  # megabytes


@dataclass(frozen=True, slots=True)
class Processor:
    """Milliseconds of a core for an object of 0.5 and of 10 MB; in between a straight line."""

    ct: float
    dx: float

    def of(self, megabytes: float) -> float:
        """Return the milliseconds for an object of so many megabytes."""
        return max(self.ct + (self.dx - self.ct) * (megabytes - CT) / (DX - CT), 0.5 * self.ct)


ALL = Processor(ct=14.0, dx=61.0)
LISTENING = Processor(ct=4.0, dx=24.0)


@dataclass(frozen=True, slots=True)
class Site:
    """What comes in a working day; ``away_days`` is how long the archive may be away."""

    name: str
    objects: int
    gigabytes: float
    away_days: float = 3.0
    quarantined: float = 0.005
    decided_days: float = 14.0

    @property
    def megabytes_each(self) -> float:
        """The mean size of an object."""
        return 1000 * self.gigabytes / self.objects

    @property
    def peak(self) -> float:
        """Objects a second in the peak."""
        return self.objects * PEAK


def rows(site: Site, *, everything: Processor = ALL, listening: Processor = LISTENING) -> list[str]:
    """Return the cells of a site's column."""
    size, peak = site.megabytes_each, site.peak
    doors = math.ceil(peak * listening.of(size) / 1000 / BUSY)
    cores = math.ceil(peak * everything.of(size) / 1000 / BUSY)
    judges = max(cores, doors)  # one for each core
    judge = JUDGE_MIB / 1024 + IN_MEMORY * max(size, DX) / 1000
    memory = doors * GATEWAY_MIB / 1024 + judges * judge
    year = site.objects * WORKING_DAYS / 1e9
    return [
        f"{site.objects:,}",
        f"{site.gigabytes:,.0f} GB",
        f"{size:.2g} MB",
        f"{_short(peak)}/s",
        f"{cores:,}",
        f"{doors:,}",
        f"{max(memory, 1):,.0f} GB",
        f"{_short(peak * size)} MB/s",
        f"{site.gigabytes * site.away_days:,.0f} GB",
        f"{_short(site.gigabytes * site.quarantined * site.decided_days)} GB",
        f"{_short(year * (FORGOTTEN * SPOOL_BYTES + MEMORY_BYTES))} GB",
        f"{_short(year * EVENTS * ENTRY_BYTES)} GB",
        f"{_short(EVENTS * peak)}/s",
    ]


HEADS = (
    "objects a working day",
    "of them",
    "mean size",
    "objects in the peak",
    "cores for gateways",
    "gateways, each with a spool of its own",
    "memory for them",
    "network, in and as much out, peak",
    "spool: archive away for 3 days",
    "quarantine: 0.5 % for 14 days",
    "spool's database, after a year",
    "ledger, a year: custody events",
    "events in the peak",
)
SITES = (
    Site("clinic", 2_000, 10),
    Site("hospital", 100_000, 80),
    Site("national archive", 4_000_000, 3_000),
)


def table(sites: Sequence[Site], **processor: Processor) -> str:
    """Return the table of some sites."""
    columns = [rows(site, **processor) for site in sites]
    lines = [
        f"| | {' | '.join(site.name for site in sites)} |",
        "|---|" + "---:|" * len(sites),
        *(
            f"| {head} | {' | '.join(cells)} |"
            for head, *cells in zip(HEADS, *columns, strict=True)
        ),
    ]
    return "\n".join(lines)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sizing")
    parser.add_argument("--objects", type=int, help="of a working day")
    parser.add_argument("--gigabytes", type=float, help="of a working day")
    parser.add_argument("--processor", type=float, nargs=2, metavar=("CT", "DX"), help="ms each")
    parser.add_argument("--listening", type=float, nargs=2, metavar=("CT", "DX"), help="ms each")
    given = parser.parse_args()
    sites: Sequence[Site] = SITES
    if (given.objects is None) is not (given.gigabytes is None):
        parser.error("give both --objects and --gigabytes")
    if given.objects is not None:
        sites = [Site("yours", given.objects, given.gigabytes)]
    everything = ALL if given.processor is None else Processor(*given.processor)
    listening = LISTENING if given.listening is None else Processor(*given.listening)
    print(table(sites, everything=everything, listening=listening))


if __name__ == "__main__":
    main()
