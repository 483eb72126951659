"""What the mark costs, beside one wavelet transform there and back in the same run.

    python -m benchmarks.speed_mark [FILE ...] [--repeat N]

Without files: generated radiographs of 1.0, 3.6 and 8.0 megapixels, 12 bits stored; with files,
those that benchmarks.watermark can load. Prints Markdown: processor time of the process in
milliseconds a megapixel, median of N runs, kinds of work interleaved. The floor is one full-size
pywt.wavedec2 and waverec2, sym5, four levels, float32. numpy's BLAS gets one thread
(OPENBLAS_NUM_THREADS=1) unless the environment says otherwise.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pywt

import watermark
from benchmarks.watermark.images import load
from benchmarks.watermark.picture import Pixels
from benchmarks.watermark.warp import rotate
from watermark.pilots import constellations
from watermark.rehearsal import rehearse
from watermark.spreading import spreads

KEY = bytes(range(32))
PAYLOAD = bytes(range(100, 112))
THREADS = "OPENBLAS_NUM_THREADS"
PAIR = "wavelet pair"
SHAPES = ((1024, 1024), (1956, 1840), (3200, 2500))
TURN = 7.0
SLOW = 5
"""Fewer runs than this are enough for what takes a second."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--repeat", type=int, default=9)
    arguments = parser.parse_args()
    if THREADS not in os.environ:  # it is read when numpy is loaded
        os.execve(sys.executable, sys.orig_argv, os.environ | {THREADS: "1"})
    named = ((path.name, *load(path)) for path in arguments.files)
    print(f"{THREADS}={os.environ[THREADS]}, numpy {np.__version__}")
    for name, image, bits in named if arguments.files else generated():
        table(name, image, bits, repeat=arguments.repeat)


def generated() -> Iterator[tuple[str, Pixels, int]]:
    """Yield smooth pictures with grain on a black ground, as radiographs are."""
    for rows, columns in SHAPES:
        chance = np.random.default_rng(7)
        y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j].astype(np.float32)
        body = np.exp(-2 * (x * x + y * y)) * (1 + 0.2 * np.sin(9 * x) * np.cos(11 * y))
        body += 0.1 * np.sin(40 * x * y)
        grain = chance.normal(0, 0.006, body.shape)
        levels = np.where(x * x + y * y < 1.4, 0.7 * body + 0.05 + grain, 0)
        yield f"generated {rows} x {columns}", np.clip(levels * 4095, 0, 4095).astype(np.uint16), 12


def table(name: str, image: Pixels, bits: int, *, repeat: int) -> None:
    """Print what each kind of work costs for an image."""
    marked = watermark.embed(image, PAYLOAD, key=KEY, bits_stored=bits, profile="radiograph")
    turned = rotate(TURN)(marked.image, bits)
    found = watermark.search(turned, key=KEY)
    plain = image.astype(np.float32)
    work: dict[str, Callable[[], object]] = {
        PAIR: partial(_pair, plain),
        "embed": partial(
            watermark.embed, image, PAYLOAD, key=KEY, bits_stored=bits, profile="radiograph"
        ),
        "embed, first of a key": partial(_first, image, bits),
        "rehearse": partial(rehearse, marked, key=KEY),
        "detect": partial(watermark.detect, marked.image, key=KEY),
        "detect, unmarked": partial(watermark.detect, image, key=KEY),
        "restore": partial(watermark.restore, marked.image, marked.restore_data, key=KEY),
    }
    slow: dict[str, Callable[[], object]] = {
        "search, turned by 7 degrees": partial(watermark.search, turned, key=KEY),
        "search, unmarked: refusal": partial(watermark.search, image, key=KEY),
    }
    taken = _taken(work, repeat) | _taken(slow, min(repeat, SLOW))
    megapixels, floor = image.size / 1e6, taken[PAIR]
    print(f"\n## {name}: {megapixels:.1f} MP, margin {marked.margin:.1f}\n")
    print("| work | ms | ms/MP | of the wavelet pair |\n| --- | ---: | ---: | ---: |")
    for what, seconds in taken.items():
        cost = 1e3 * seconds
        print(f"| {what} | {cost:.0f} | {cost / megapixels:.1f} | {seconds / floor:.2f} |")
    if found is None or found.payload != PAYLOAD:
        print("\nThe turned picture was not read.")


def _taken(work: dict[str, Callable[[], object]], repeat: int) -> dict[str, float]:
    """Return the median processor seconds of each kind of work."""
    seconds: dict[str, list[float]] = {what: [] for what in work}
    for _ in range(repeat):
        for what, run in work.items():
            begin = time.process_time()
            run()
            seconds[what].append(time.process_time() - begin)
    return {what: statistics.median(runs) for what, runs in seconds.items()}


def _pair(image: Pixels) -> None:
    pywt.waverec2(pywt.wavedec2(image, "sym5", level=4), "sym5")


def _first(image: Pixels, bits: int) -> None:
    spreads.cache_clear()
    constellations.cache_clear()
    watermark.embed(image, PAYLOAD, key=KEY, bits_stored=bits, profile="radiograph")


if __name__ == "__main__":
    main()
