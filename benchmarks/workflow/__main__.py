"""Run the workflow matrix as a whole: `python -m benchmarks.workflow`.

Takes every lossless step on every file that pydicom brings along, and on those of a corpus, and
keeps the counts for docs/workflow-matrix.md. `--page` writes that page, and runs nothing.
"""

import argparse
import json
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from benchmarks.ledger.progress import Progress
from benchmarks.workflow.bench import Bench
from benchmarks.workflow.page import COLUMNS, PAGE, RESULTS, page
from benchmarks.workflow.sweep import Count, corpus_files, shipped_files, sweep

_CHECKOUT = Path(__file__).resolve().parents[2]
_bench: Bench | None = None
_open = ExitStack()


def _start() -> None:
    """Give this process a site of its own."""
    global _bench
    folder = _open.enter_context(tempfile.TemporaryDirectory())
    _bench = _open.enter_context(Bench.open(Path(folder)))


def _one(path: Path) -> Count:
    assert _bench is not None
    return sweep(path, _bench)


def _sweep(name: str, files: Sequence[Path], jobs: int, kept: Path | None) -> dict[str, int]:
    """Sweep the files that ``kept`` does not hold yet, and count over all."""
    known = _read_kept(kept)
    left = [path for path in files if str(path) not in known]
    progress = Progress(name, len(left))
    with ProcessPoolExecutor(jobs, initializer=_start) as pool:
        for path, count in zip(left, pool.map(_one, left), strict=True):
            known[str(path)] = count
            if kept is not None:
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([str(path), vars(count)]) + "\n")
            progress.advance(1)
    total: Counter[str] = Counter(files=len(files))
    for path in files:
        count = known[str(path)]
        total["sealed"] += count.sealed
        total += count.numbers
        for alarm in count.alarms:
            print("ALARM", alarm, flush=True)
    return {each: total[each] for each in COLUMNS}


def _read_kept(kept: Path | None) -> dict[str, Count]:
    if kept is None or not kept.exists():
        return {}
    lines = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    return {
        path: Count(fields["sealed"], Counter(fields["numbers"]), fields["alarms"])
        for path, fields in lines
    }


def main() -> None:
    """Sweep, print the counts, write what the page needs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="write docs/workflow-matrix.md alone")
    parser.add_argument("--jobs", type=int, default=2, help="how many processes (default 2)")
    parser.add_argument("--keep", type=Path, help="keep counts here, so that a stopped run goes on")
    parser.add_argument("--limit", type=int, help="the first so many files of each alone")
    parser.add_argument("--kept-only", action="store_true", help="count what is kept, and no more")
    given = parser.parse_args()
    if not given.page:
        root = Path(os.environ.get("RADSEAL_CORPUS", _CHECKOUT.parent / "shared")) / "data"
        sources = {"pydicom and pydicom-data": shipped_files(), "the corpus": corpus_files(root)}
        kept = _read_kept(given.keep)
        results = {}
        for name, files in sources.items():
            chosen = [p for p in files if not given.kept_only or str(p) in kept][: given.limit]
            if chosen:
                counted = _sweep(name, chosen, given.jobs, given.keep)
                results[name] = {**counted, "of": len(files)}
        print(json.dumps(results, indent=1))
        if given.limit is None or given.keep is not None:
            RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (_CHECKOUT / PAGE).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
