"""Measure our mark and others' on the same radiographs, under the same attacks.

    python -m benchmarks.watermark                      ours on all, peers on 16 of them
    python -m benchmarks.watermark --quick              every sixth image, peers on 3
    python -m benchmarks.watermark --no-peers --attacks "JPEG 50,crop 25 %"
    python -m benchmarks.watermark --false 100000       only count false readings
    python -m benchmarks.watermark --report             only print and draw what is there

Results are kept as they come in the folder of --out; a run that was stopped goes on from there.
"""

import argparse
import json
import logging
import sys
import tempfile
import warnings
from collections.abc import Collection
from pathlib import Path

from benchmarks.watermark.attacks import ATTACKS
from benchmarks.watermark.images import files
from benchmarks.watermark.peers import PEERS, SLOW_PEERS, prepare
from benchmarks.watermark.plot import draw
from benchmarks.watermark.run import Plan, every, run
from benchmarks.watermark.store import newest
from benchmarks.watermark.table import Results, markdown
from benchmarks.watermark.trials import count_false

DEFAULT = Path(tempfile.gettempdir()) / "radseal-watermark-benchmark"


def main() -> None:
    """Run what the arguments say."""
    options = arguments()
    warnings.simplefilter("ignore")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    options.out.mkdir(parents=True, exist_ok=True)
    paths = chosen(options.images, every_nth=6 if options.quick else 1)
    if options.false:
        text = count_false(paths, options.false, options.attacks, jobs=options.jobs)
        (options.out / "false.md").write_text(text)
        print(text)
        return
    results = options.out / "results.jsonl"
    reasons = options.out / "absent.json"
    absent: dict[str, str] = {}
    if not options.report:
        absent = measure(options, paths, results)
        reasons.write_text(json.dumps(absent))
    elif reasons.exists():
        absent = json.loads(reasons.read_text())
    found = Results(newest([results]))
    text = markdown(found, absent)
    (options.out / "table.md").write_text(text)
    for name, picture in draw(found).items():
        (options.out / f"{name}.svg").write_text(picture)
    print(text)
    print(f"tables, plots and records: {options.out}", file=sys.stderr)


def measure(options: argparse.Namespace, paths: list[Path], results: Path) -> dict[str, str]:
    """Run the benchmark; return the peers that are absent, and why."""
    names, failed = [], {}
    if options.peers:
        failed = prepare(options.environment)
        names = list(options.only_peers)
    shared = every(paths, 3 if options.quick else options.peer_images) if names else []
    plan = Plan(
        files=[*shared, *(path for path in paths if path not in shared)],
        shared=shared,
        attacks=options.attacks,
        peers=names,
        keys=options.keys,
        environment=options.environment,
        results=results,
        jobs=options.jobs,
    )
    return failed | run(plan)


def chosen(patterns: list[str], *, every_nth: int) -> list[Path]:
    """Return the images of the corpus whose names hold one of the patterns, or files as given."""
    given = [Path(pattern) for pattern in patterns if Path(pattern).is_file()]
    parts = [pattern for pattern in patterns if not Path(pattern).is_file()]
    if given and not parts:
        return given
    known = [path for path in files() if not parts or any(part in path.name for part in parts)]
    return [*given, *known[::every_nth]]


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.watermark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--images", nargs="*", default=[], help="files, or parts of names in the corpus"
    )
    parser.add_argument("--quick", action="store_true", help="every sixth image, peers on three")
    parser.add_argument("--attacks", type=_attacks, default=list(ATTACKS), help="names, by comma")
    parser.add_argument("--peers", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument(
        "--only-peers", type=_peers, default=list(PEERS), help="names, by comma; melu if named"
    )
    parser.add_argument(
        "--peer-images", type=int, default=16, help="how many images the peers get; 0: all"
    )
    parser.add_argument("--keys", type=int, default=3, help="keys that unmarked images are read by")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=DEFAULT, help="folder of the results")
    parser.add_argument(
        "--environment", type=Path, default=None, help="folder of the peers; default: in --out"
    )
    parser.add_argument("--false", type=int, default=0, metavar="N", help="readings at least")
    parser.add_argument("--report", action="store_true", help="measure nothing")
    options = parser.parse_args()
    if options.environment is None:
        options.environment = options.out / "peers"
    options.environment.mkdir(parents=True, exist_ok=True)
    return options


def _attacks(text: str) -> list[str]:
    return _known(text, ATTACKS)


def _peers(text: str) -> list[str]:
    return _known(text, (*PEERS, *SLOW_PEERS))


def _known(text: str, names: Collection[str]) -> list[str]:
    """Split at commas, but for names that hold one."""
    chosen, rest = [], text
    while rest := rest.strip(", "):
        fits = [name for name in names if rest == name or rest.startswith(f"{name},")]
        if not fits:
            raise argparse.ArgumentTypeError(f"{rest!r} begins with none of: {', '.join(names)}")
        chosen.append(max(fits, key=len))
        rest = rest[len(chosen[-1]) :]
    return chosen


if __name__ == "__main__":
    main()
