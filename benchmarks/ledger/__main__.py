"""Measure the ledger beside the machine's own limits and beside others, in one run.

    python -m benchmarks.ledger                     everything (about half an hour, 5 GB)
    python -m benchmarks.ledger --quick             small logs, few turns (a few minutes)
    python -m benchmarks.ledger --entries 10000000  the log of statements that is hashed and asked
    python -m benchmarks.ledger --only Batches,Proofs
    python -m benchmarks.ledger --report            only print and draw what is there

F is fdatasync/s of a 600-byte append in the folder of --out, S SHA-256/s of 600 bytes and V Ed25519
verifications/s, each on one core; H is the rate of as many writers who take turns at one locked row
of PostgreSQL. They are measured again beside every row, in turns: on a busy machine compare the
ratios, not the rates. Results are kept as they come in --out; a run that was stopped goes on from
there, and logs that were made stay for the next run.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.ledger import (
    appends,
    auditing,
    peers,
    postgresql,
    proofs,
    registering,
    witnessed,
)
from benchmarks.ledger.plan import Plan, make_plan
from benchmarks.ledger.plot import draw
from benchmarks.ledger.rows import Results, Row, markdown

DEFAULT = Path(tempfile.gettempdir()) / "radseal-ledger-benchmark"
ENTRIES, QUICK_ENTRIES = 1_000_000, 200_000


def limits(plan: Plan) -> list[Row]:
    """F, S and V by themselves."""
    found = plan.limits
    return [
        Row("F: fdatasync of 600 bytes", f"{found.f():,.0f}/s"),
        Row("S: SHA-256 of 600 bytes", f"{found.s():,.0f}/s"),
        Row("V: Ed25519 verification", f"{found.v():,.0f}/s"),
    ]


SECTIONS: dict[str, Callable[[Plan], list[Row]]] = {
    "Limits of the machine": limits,
    **appends.SECTIONS,
    **registering.SECTIONS,
    **proofs.SECTIONS,
    **auditing.SECTIONS,
    **witnessed.SECTIONS,
    **postgresql.SECTIONS,
    **peers.SECTIONS,
}


def main() -> None:
    """Run what the arguments say."""
    options = arguments()
    options.out.mkdir(parents=True, exist_ok=True)
    entries = options.entries or (QUICK_ENTRIES if options.quick else ENTRIES)
    plan = make_plan(options.out, entries=entries, quick=options.quick)
    results = Results(options.out / "results.jsonl", f"{entries} {options.quick}")
    if not options.report:
        measure(plan, results, options.only, again=options.again)
    ordered = {name: results.sections[name] for name in SECTIONS if name in results.sections}
    text = markdown(ordered)
    (options.out / "table.md").write_text(text, encoding="utf-8")
    for name, picture in draw(ordered).items():
        (options.out / f"{name}.svg").write_text(picture, encoding="utf-8")
    print(text)
    print(f"table, plots and records: {options.out}", file=sys.stderr)


def measure(plan: Plan, results: Results, names: list[str], *, again: bool) -> None:
    """Measure what is not there yet, telling how far the run is."""
    left = [name for name in names if again or name not in results.sections]
    start = time.monotonic()
    for number, name in enumerate(left):
        spent = time.monotonic() - start
        words = f", about {spent / number * (len(left) - number):,.0f} s left" if number else ""
        print(f"[{number + 1} of {len(left)}{words}] {name}", file=sys.stderr, flush=True)
        results.add(name, SECTIONS[name](plan))


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ledger",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--entries", type=_count, default=0, help="of the log of statements")
    parser.add_argument("--quick", action="store_true", help="small logs, few turns")
    parser.add_argument("--only", type=_names, default=list(SECTIONS), help="sections, by comma")
    parser.add_argument("--again", action="store_true", help="measure also what is there")
    parser.add_argument("--out", type=Path, default=DEFAULT, help="folder of results and logs")
    parser.add_argument("--report", action="store_true", help="measure nothing")
    return parser.parse_args()


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1_000:
        raise argparse.ArgumentTypeError("a log has at least 1000 entries")
    return int(text)


def _names(text: str) -> list[str]:
    chosen = [name for name in SECTIONS if any(name.startswith(part) for part in text.split(","))]
    if not chosen:
        raise argparse.ArgumentTypeError(f"none of: {'; '.join(SECTIONS)}")
    return chosen


if __name__ == "__main__":
    main()
