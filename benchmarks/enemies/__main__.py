"""What adversaries without the key can do to marks, on real radiographs.

    python -m benchmarks.enemies                 everything, about six minutes on one core
    python -m benchmarks.enemies copies oracle   some parts

Prints Markdown; docs/mark-security.md holds the latest output. All images have 1024 pixels along
their longer side. Everything is seeded.
"""

import argparse
import logging
import time
import warnings
from collections.abc import Callable

from benchmarks.enemies.collusion import colluders, marks_upon_marks
from benchmarks.enemies.pilots import averaging
from benchmarks.enemies.regression import regression
from benchmarks.enemies.removal import oracle, remodulation, smoothing
from benchmarks.enemies.transfer import copies, edits

PARTS: dict[str, Callable[[], None]] = {
    "averaging": averaging,
    "copies": copies,
    "edits": edits,
    "colluders": colluders,
    "twice": marks_upon_marks,
    "remodulation": remodulation,
    "regression": regression,
    "smoothing": smoothing,
    "oracle": oracle,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    wanted = parser.parse_args().parts or list(PARTS)
    warnings.simplefilter("ignore")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    for name in wanted:
        start = time.process_time()
        PARTS[name]()
        print(f"\n({name}: {time.process_time() - start:.0f} s)")


if __name__ == "__main__":
    main()
