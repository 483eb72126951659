"""Scan many small instances while workers are killed, stop, resume: is each judged once?

    python -m benchmarks.scan              100,000 instances
    python -m benchmarks.scan --quick      2,000
    python -m benchmarks.scan --dask       on a scheduler of dask on this machine
    python -m benchmarks.scan --folder /var/tmp/bench --seconds 1800
                                           stop after half an hour; the same again goes on

Prints a table: objects judged exactly once, the rate against the plain loop over `verify` in one
process and against reading and hashing, what the engine takes for each chunk, and memory. Exit 1
unless each object has exactly one result, and the right one; 3 if there is more to do.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.scan import floors, overhead, processes, subjects
from benchmarks.scan.cluster import cluster
from benchmarks.scan.killed import Told, Trial
from benchmarks.scan.subjects import Archive
from provenance.scan.job import CHUNK

SAMPLE = 500  # objects of the plain loop
CHUNKS = 1_000  # of the measurement of the engine
MIB = 1 << 20
MORE = 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scan")
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="2,000 objects, fewer chunks")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--dask", action="store_true", help="workers of dask instead of processes")
    parser.add_argument("--folder", type=Path, help="kept, with the archive; default: none is")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of the scan, at most")
    given = parser.parse_args()
    total = 2_000 if given.quick else given.objects
    with _place(given.folder) as place:
        archive = subjects.make(place, total, given.jobs)
        job = place / f"{'dask' if given.dask else 'local'}-{total}.job"
        if given.dask:
            with cluster(place, given.jobs) as made:
                words = ("--dask", made.address)
                watched = (made.scheduler, made.nannies)
                trial = Trial(archive, job, total, words, made.workers, watched)
                ended = trial.run(given.seconds)
        else:
            words = ("--jobs", str(given.jobs))
            trial = Trial(archive, job, total, words, processes.judges)
            ended = trial.run(given.seconds)
        if not ended:
            print(f"{trial.done:,} of {total:,} are judged; the same command goes on")
            return MORE
        wrong = trial.wrong()
        _print_scan(trial, wrong, given.jobs)
        _print_floors(trial, place, 100 if given.quick else CHUNKS, given.jobs)
        for line in wrong[:20]:
            print(f"WRONG {line}")
        return int(bool(wrong) or not _counted_once(trial))


@contextmanager
def _place(folder: Path | None) -> Iterator[Path]:
    if folder is None:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
            yield Path(name)
        return
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


def _counted_once(trial: Trial) -> bool:
    """Whether runs have told of as many objects as there are, and each is another instance."""
    rows, uids = trial.found()
    return sum(run.objects for run in trial.runs) == rows == uids == trial.total


def _print_scan(trial: Trial, wrong: list[str], jobs: int) -> None:
    runs, total = trial.runs, trial.total
    seconds = sum(run.seconds for run in runs)
    busy = sum(run.busy for run in runs)
    right = total - len(wrong)
    once = "" if _counted_once(trial) else " (COUNTED OTHERWISE BY ITS RUNS)"
    workers = "processes" if trial.words[0] == "--jobs" else "workers of dask"
    print(f"| {_instances(trial.archive, total)}, {jobs} {workers} | |")
    print("| --- | ---: |")
    print(f"| workers killed | {sum(run.killed for run in runs)} |")
    print(f"| runs, each stopped and resumed but the last | {len(runs)} |")
    print(f"| objects judged exactly once, with the right verdict | {right:,} of {total:,}{once} |")
    print(f"| chunks written | {sum(run.chunks for run in runs):,} |")
    print(f"| seconds, with all starts and the listing | {seconds:,.0f} |")
    print(f"| rate | {total / seconds:,.1f}/s |")
    print(f"| share of the runs in which workers judged | {busy / (seconds * jobs):.0%} |")
    for kind in sorted(_most(runs, "peaks")):
        first, peak = _most(runs[:1], "first").get(kind, 0), _most(runs, "peaks")[kind]
        print(f"| memory, {kind}: peak of the first minute, of all | {_mib(first)}, {_mib(peak)} |")


def _print_floors(trial: Trial, place: Path, chunks: int, jobs: int) -> None:
    sample = floors.files(trial.archive.folder, min(SAMPLE, trial.total))
    loop = floors.plain_loop(sample, trial.archive.site)
    limit = floors.reading(sample)
    theirs = 1000 * loop.processor / loop.objects
    ours = 1000 * sum(run.processor for run in trial.runs) / trial.total
    print(f"| the plain loop over verify, one process | {loop.rate:,.0f}/s |")
    print(f"| processor time for each object: plain loop over verify | {theirs:.2f} ms |")
    if trial.words[0] == "--jobs":  # workers of a cluster are nobody's children
        print(f"| ... scan, with the starts of all processes | {ours:.2f} ms |")
        print(f"| ... scan against the plain loop | {ours / theirs:.2f} |")
    print(f"| ... read + SHA-256 | {1000 * limit.processor / limit.objects:.2f} ms |")
    with tempfile.TemporaryDirectory(dir=place) as name:
        for kind, measure in (("local processes", overhead.local), ("dask", overhead.dask)):
            cost = measure(Path(name), chunks, jobs)
            print(
                f"| engine for each chunk of {CHUNK}, {kind}: clock, processor "
                f"| {cost.clock:.1f} ms, {cost.processor:.1f} ms |"
            )


def _instances(archive: Archive, total: int) -> str:
    return f"{total:,} instances of {archive.bytes_each:,} bytes"


def _most(runs: list[Told], field: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for run in runs:
        for kind, size in getattr(run, field).items():
            found[kind] = max(found.get(kind, 0), size)
    return found


def _mib(size: int) -> str:
    return f"{size / MIB:.0f} MiB"


if __name__ == "__main__":
    raise SystemExit(main())
