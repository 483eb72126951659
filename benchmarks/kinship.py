"""Where a part lies in its picture: parts that must be found, and those of others that must not.

    RADSEAL_CORPUS=... python -P benchmarks/kinship.py [COUNT]

Cuts parts out of radiographs of the corpus, shows them in 8 bits, compresses them to JPEG 50, looks
for each in its own picture and in three others, and prints the lowest and the highest correlations.
COUNT radiographs, spread over the corpus; by default all.
"""

import argparse
import os
import time
from pathlib import Path

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from provenance.derivation.cutout import FOUND, find_cutout
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.errors import RadsealError

CORPUS = Path(os.environ.get("RADSEAL_CORPUS", Path(__file__).resolve().parents[2] / "shared"))
SHARES = (0.25, 0.5, 0.8)
OTHERS = 3
Levels = npt.NDArray[np.int32]


def pictures() -> dict[str, Levels]:
    """Return the grey radiographs of the corpus by name."""
    found: dict[str, Levels] = {}
    for path in sorted((CORPUS / "data" / "radiographs_dicom").glob("*.dcm")):
        try:
            instance = read_instance(path)
            geometry = pixel_geometry(instance)
            if geometry is None or geometry.samples != 1:
                continue
            found[path.name] = next(frames(instance, geometry)).astype(np.int32)
        except RadsealError:
            continue
    for path in sorted((CORPUS / "data" / "radiographs_png").glob("*.png")):
        levels = np.asarray(Image.open(path))
        if levels.ndim == 2:
            found[path.name] = levels.astype(np.int32)
    return found


def coarse(part: Levels, whole: Levels) -> Levels:
    """Show a part in 8 bits as a screen would, and compress it to JPEG 50."""
    low, high = np.percentile(whole, [0.5, 99.5])
    shown = np.clip((part - low) / max(float(high - low), 1.0) * 255, 0, 255).astype(np.uint8)
    coded = imagecodecs.jpeg_encode(np.ascontiguousarray(shown), level=50)
    return np.asarray(imagecodecs.jpeg_decode(coded)).astype(np.int32)


def main() -> None:
    """Look for every part, in its own picture and in others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", help="of radiographs; by default all")
    given = parser.parse_args()
    known, chance = pictures(), np.random.default_rng(1)
    names = list(known)[:: max(len(known) // (given.count or len(known)), 1)]
    own: list[tuple[float, str, float]] = []
    others: list[tuple[float, str, str, float]] = []
    seconds, small = 0.0, 0
    for name in names:
        whole = known[name]
        for share in SHARES:
            height, width = (int(side * share) for side in whole.shape)
            y, x = (
                int(chance.integers(0, s - t + 1))
                for s, t in zip(whole.shape, (height, width), strict=True)
            )
            part = coarse(whole[y : y + height, x : x + width], whole)
            begun = time.process_time()
            found = find_cutout(whole, part, [1.0])
            if found is None:
                small += 1
                continue
            right = max(abs(found.x - x), abs(found.y - y)) <= max(whole.shape) / 100
            own.append((found.correlation if right else 0.0, name, share))
            for other in chance.choice([n for n in names if n != name], OTHERS, replace=False):
                there = known[str(other)]
                scales = [1.0, there.shape[0] / part.shape[0], there.shape[1] / part.shape[1]]
                wrong = find_cutout(there, part, scales)
                if wrong is not None:
                    others.append((wrong.correlation, name, str(other), share))
            seconds += time.process_time() - begun
    own.sort()
    others.sort(reverse=True)
    print(f"{len(names)} radiographs; FOUND is {FOUND}; {small} parts too small to look for")
    missed = [each for each in own if each[0] < FOUND]
    print(f"own: {len(own) - len(missed)} of {len(own)} found; the lowest {own[:5]}")
    passed = [each for each in others if each[0] >= FOUND]
    print(f"others: {len(passed)} of {len(others)} taken for it; the highest {others[:5]}")
    print(f"{seconds / max(len(own), 1):.2f} s of processor time for a part and its four pictures")


if __name__ == "__main__":
    main()
