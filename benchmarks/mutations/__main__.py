"""Ten thousand single mutations of sealed files: nothing that changes what is signed is accepted.

    python -m benchmarks.mutations --count 10000 --seed 1 --out mutations.jsonl [--jobs N]
    python -m benchmarks.mutations --seed 1 --out mutations.jsonl --keep 4711 mutant.dcm

Each mutant is made from seed and number alone, of the subjects in the folder beside ``--out``; a
run that was stopped goes on where it was. Exit code 1 if anything is wrong: a changed meaning that
was accepted, a traceback, a hang, or an accepted mutant that nothing explains.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.mutations.table import tables
from benchmarks.mutations.trial import bound_memory, peak_memory, trials_of

CHUNK = 50


def main() -> int:
    """Run what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", nargs=2, metavar=("NUMBER", "FILE"))
    arguments = parser.parse_args()
    folder = arguments.out.with_suffix(".subjects")
    trials = trials_of(folder)
    if arguments.keep:
        number, file = int(arguments.keep[0]), Path(arguments.keep[1])
        file.write_bytes(trials.mutant(arguments.seed, number).data)
        print(json.dumps(trials.run(arguments.seed, number).row(), indent=1))
        return 0
    rows = _rows(arguments.out, arguments.seed)
    missing = [n for n in range(arguments.count) if n not in rows]
    chunks = [missing[i : i + CHUNK] for i in range(0, len(missing), CHUNK)]
    start, done, peak = time.monotonic(), 0, 0
    with arguments.out.open("a", encoding="utf-8") as out:
        for found, memory in _all(folder, arguments.seed, chunks, arguments.jobs):
            for row in found:
                rows[int(str(row["number"]))] = row
                out.write(json.dumps({"seed": arguments.seed, **row}) + "\n")
            out.flush()
            done, peak = done + len(found), max(peak, memory)
            rate = done / (time.monotonic() - start)
            wrong = sum(bool(row["wrong"]) for row in rows.values())
            print(f"\r{len(rows)} of {arguments.count}, {rate:.0f}/s, {wrong} wrong ", end="",
                  file=sys.stderr, flush=True)  # fmt: skip
    print(file=sys.stderr)
    chosen = [rows[n] for n in sorted(rows) if n < arguments.count]
    print(tables(chosen), end="")
    if peak:
        print(f"At most {peak >> 20} MiB in a process.")
    return int(any(row["wrong"] for row in chosen))


def _rows(out: Path, seed: int) -> dict[int, dict[str, object]]:
    """Return the results that are there already; a line that was cut off is not one."""
    rows: dict[int, dict[str, object]] = {}
    if out.exists():
        for line in out.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if row.pop("seed") == seed:
                rows[row["number"]] = row
    return rows


def _all(
    folder: Path, seed: int, chunks: list[list[int]], jobs: int
) -> Iterator[tuple[list[dict[str, object]], int]]:
    if jobs == 1:
        bound_memory()
        for chunk in chunks:
            yield _chunk(folder, seed, chunk)
        return
    with ProcessPoolExecutor(jobs, initializer=bound_memory) as pool:
        yield from pool.map(_chunk, [folder] * len(chunks), [seed] * len(chunks), chunks)


def _chunk(folder: Path, seed: int, numbers: list[int]) -> tuple[list[dict[str, object]], int]:
    trials = trials_of(folder)
    return [trials.run(seed, number).row() for number in numbers], peak_memory()


if __name__ == "__main__":
    sys.exit(main())
