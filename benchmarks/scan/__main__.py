"""Scan many small instances while workers are killed, stop, resume: is each judged once?

    python -m benchmarks.scan              100,000 instances
    python -m benchmarks.scan --quick      2,000

Prints a table: objects judged exactly once, the rate against the plain loop over `verify` in one
process and against reading and hashing, and what the engine takes for each chunk. Exit 1 unless
each object has exactly one result, and the right one.
"""

import argparse
import os
import tempfile
from pathlib import Path

from benchmarks.scan import floors, killed, overhead, subjects
from provenance.scan.job import CHUNK

SAMPLE = 500  # objects of the plain loop
CHUNKS = 1_000  # of the measurement of the engine


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scan")
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="2,000 objects, fewer chunks")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--folder", type=Path, help="on the disk that matters; default: here")
    given = parser.parse_args()
    total = 2_000 if given.quick else given.objects
    chunks = 100 if given.quick else CHUNKS
    with tempfile.TemporaryDirectory(dir=given.folder or Path.cwd()) as name:
        folder = Path(name)
        archive = subjects.make(folder, total)
        sample = floors.files(archive.folder, min(SAMPLE, total))
        before = floors.plain_loop(sample, archive.site)
        found = killed.scan(archive, folder / "scan.job", given.jobs, total)
        after = floors.plain_loop(sample, archive.site)
        limit = floors.reading(floors.files(archive.folder, total))
        here = overhead.local(folder, chunks, given.jobs)
        there = overhead.dask(folder, chunks, given.jobs)
    loop = (before.objects + after.objects) / (before.seconds + after.seconds)
    rate = total / found.seconds
    ours = 1000 * found.processor / total
    theirs = 1000 * (before.processor + after.processor) / (before.objects + after.objects)
    floor = 1000 * limit.processor / limit.objects
    print(f"| {total:,} instances of {archive.bytes_each:,} bytes, {given.jobs} processes | |")
    print("| --- | ---: |")
    print(f"| workers killed; stopped and resumed | {found.killed}; {_yes(found.resumed)} |")
    print(f"| objects judged exactly once, with the right verdict | {_share(found, total)} |")
    print(f"| rate, with both starts and the listing | {rate:,.0f}/s |")
    print(f"| the plain loop over verify, one process, before and after | {loop:,.0f}/s |")
    print(f"| rate against the plain loop | {rate / loop:.2f} |")
    print(f"| read + SHA-256, one process | {limit.rate:,.0f}/s |")
    print(f"| processor time for each object: scan | {ours:.2f} ms |")
    print(f"| ... plain loop over verify | {theirs:.2f} ms |")
    print(f"| ... scan against the plain loop | {ours / theirs:.2f} |")
    print(f"| ... read + SHA-256 | {floor:.2f} ms |")
    print(f"| share of the run in which workers judged | {_busy(found, given.jobs):.0%} |")
    print(f"| engine for each chunk of {CHUNK}, local processes | {here:.1f} ms |")
    print(f"| engine for each chunk of {CHUNK}, dask | {there:.1f} ms |")
    print(f"found: {found.found}")
    return int(not found.exactly_once)


def _yes(fact: bool) -> str:
    return "yes" if fact else "NO"


def _share(found: killed.Scanned, total: int) -> str:
    return f"{found.rows:,} of {total:,}" if found.exactly_once else f"NO: {found}"


def _busy(found: killed.Scanned, jobs: int) -> float:
    return found.busy / (found.seconds * jobs)


if __name__ == "__main__":
    raise SystemExit(main())
