"""Measure the local presence map: what it finds of falsified areas, what it accuses wrongly.

    python -m benchmarks.presence              every radiograph of 0.9 megapixels and more
    python -m benchmarks.presence --every 4    every fourth one of them
    python -m benchmarks.presence --each       with a line for every radiograph

Every picture is marked, shown in eight bits, and 5 % of it falsified in three ways, each with a
shape of its own: filled in from the edges with grain as around, covered with a piece of the same
picture (which carries the mark, but of another place), covered with a piece of another one.
Figures are by cell, over the cells that the embedder marked; the area under the curve leaves out
cells that the edge of the falsified area cuts. Prints Markdown.
"""

import argparse
import logging
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

import watermark
from benchmarks.mark import KEY, embed
from benchmarks.watermark.coding import jpeg
from benchmarks.watermark.grey import clahe, clipped, gamma
from benchmarks.watermark.images import SMALLEST, images
from benchmarks.watermark.overlay import inpaint
from benchmarks.watermark.picture import Attack, Pixels, resized, view
from benchmarks.watermark.warp import crop, times
from watermark.canvas import to_canvas
from watermark.grid import CELL, Geometry
from watermark.presence import Presence, presence
from watermark.restore_data import parse

Flags = npt.NDArray[np.bool_]
Forger = Callable[[Pixels, Pixels, int], tuple[Pixels, Flags]]

SHARE = 0.05
HONEST: dict[str, Attack] = {
    "as marked": lambda image, bits: image,
    "8 bit": lambda image, bits: view(image),
    "JPEG 75": jpeg(75),
    "JPEG 50": jpeg(50),
    "window 5 %": clipped(5),
    "gamma 0.5": gamma(0.5),
    "gamma 2": gamma(2),
    "half size": times(0.5),
    "CLAHE": clahe,
    "crop 70 %": crop(0.7),
}
COPIES: dict[str, Attack] = {
    "8 bit": lambda image, bits: image,
    "JPEG 75": jpeg(75),
    "JPEG 50": jpeg(50),
}


def fill(image: Pixels, other: Pixels, seed: int) -> tuple[Pixels, Flags]:
    return inpaint(image, 8, SHARE, seed)


def clone(image: Pixels, other: Pixels, seed: int) -> tuple[Pixels, Flags]:
    """Cover a rectangle with what lies elsewhere: of twelve shifts, the one that fits best."""
    generator = np.random.default_rng(seed)
    mask = placed(image, rectangle, generator)
    best, least = image, np.inf
    for _ in range(12):
        shift = [round(float(generator.uniform(0.2, 0.8)) * side) for side in image.shape]
        moved = np.roll(image, shift, axis=(0, 1))
        unlike = abs(float(moved[mask].mean()) - float(image[mask].mean()))
        unlike += abs(float(moved[mask].std()) - float(image[mask].std()))
        if unlike < least:
            best, least = moved, unlike
    return np.where(mask, best, image), mask


def paste(image: Pixels, other: Pixels, seed: int) -> tuple[Pixels, Flags]:
    """Cover a lobed area with another picture, brought to the level and contrast around."""
    mask = placed(image, lobes, np.random.default_rng(seed))
    piece = resized(other, *image.shape).astype(np.float32)
    inside, here = piece[mask], image[mask].astype(np.float32)
    contrast = min(float(here.std()) / max(float(inside.std()), 1.0), 1.5)
    piece = (piece - inside.mean()) * np.float32(contrast) + here.mean()
    return np.where(mask, np.clip(np.rint(piece), 0, 255).astype(np.uint8), image), mask


FORGERS: dict[str, Forger] = {"fill": fill, "clone": clone, "paste": paste}


def placed(image: Pixels, draw: Callable[..., Flags], generator: np.random.Generator) -> Flags:
    """Return the shape that covers most live pixels of 20 drawn at random."""
    alive = (image > image.min()) & (image < image.max())
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    best, most = np.zeros(image.shape, np.bool_), -1.0
    for _ in range(20):
        tall = float(np.sqrt(SHARE * image.size * generator.uniform(0.6, 1.6)))
        wide = SHARE * image.size / tall
        down = generator.uniform(tall / 2, max(image.shape[0] - tall / 2, tall / 2 + 1))
        across = generator.uniform(wide / 2, max(image.shape[1] - wide / 2, wide / 2 + 1))
        shape = draw((y - down) / tall, (x - across) / wide, generator)
        covered = float(alive[shape].mean()) if shape.any() else 0.0
        if covered > most:
            best, most = shape, covered
    return best


def rectangle(down: Any, across: Any, generator: np.random.Generator) -> Flags:
    return np.asarray((abs(down) < 0.5) & (abs(across) < 0.5))


def lobes(down: Any, across: Any, generator: np.random.Generator) -> Flags:
    angle = np.arctan2(down, across)
    ripple = 1 + 0.25 * np.cos(3 * angle + generator.uniform(0, 6))
    return np.asarray(np.pi * (down**2 + across**2) < ripple**2)


def area_under_curve(score: npt.NDArray[Any], present: Flags) -> float | None:
    """Return the chance that a present cell scores higher than an absent one; ties count half."""
    if present.all() or not present.any():
        return None
    absent, others = np.sort(score[~present]), score[present]
    below = np.searchsorted(absent, others, side="left")
    upto = np.searchsorted(absent, others, side="right")
    return float((below + upto).mean() / 2 / absent.size)


def marked_cells(marked: watermark.Marked) -> Flags:
    return np.asarray(parse(marked.restore_data).mask.codes > 0)


def cover(mask: Flags) -> npt.NDArray[Any]:
    """Return the share of each cell that a mask of pixels covers."""
    geometry = Geometry.of(mask.shape)
    levels = to_canvas(mask.astype(np.uint8) * 200, geometry)
    rows, columns = geometry.cells
    means = (levels - levels.min()).reshape(rows, CELL, columns, CELL).mean(axis=(1, 3))
    return np.asarray(means / max(float(means.max()), 1e-9))


def look(image: Pixels, shape: tuple[int, ...]) -> Presence | None:
    reading = watermark.search(image, key=KEY)
    rows, columns = shape
    if reading is None:
        return None
    return presence(image, reading, key=KEY, shape=(rows, columns))


class Figures:
    """Lists of figures by row and column, and lines of a table from them."""

    def __init__(self) -> None:
        self.lists: dict[tuple[str, str], list[float]] = defaultdict(list)

    def add(self, row: str, **figures: float | None) -> None:
        for name, value in figures.items():
            if value is not None:
                self.lists[row, name].append(value)

    def of(self, row: str, name: str) -> npt.NDArray[Any]:
        return np.array(self.lists.get((row, name), [np.nan]))


def measure(every: int, each: bool) -> tuple[Figures, Figures, list[float]]:
    honest, forged, cost = Figures(), Figures(), []
    other: Pixels | None = None
    for number, (name, image, bits) in enumerate(radiographs()):
        if number % every:
            continue
        try:
            marked = embed(image, bits)
        except watermark.CapacityError:
            continue
        live = marked_cells(marked)
        wrong: dict[str, float] = {}
        for label, attack in HONEST.items():
            copy = attack(marked.image, bits)
            start = time.process_time()
            seen = look(copy, image.shape)
            cost.append(time.process_time() - start)
            if seen is None:
                honest.add(label, lost=1.0)
                continue
            wrong[label] = float((seen.altered & live).sum() / live.sum())
            known = float((seen.known & live).sum() / live.sum())
            certain = float((seen.certain & live).any())
            honest.add(label, wrong=wrong[label], known=known, certain=certain)
        shown = view(marked.image)
        kept = []
        for turn, (way, forger) in enumerate(FORGERS.items()):
            source = shown[::-1] if other is None else other
            forgery, mask = forger(shown, source, 100 * number + turn)
            covered = cover(mask)
            for label, attack in COPIES.items():
                seen = look(attack(forgery, 8), image.shape)
                row = f"{way}, {label}"
                if seen is None:
                    forged.add(row, lost=1.0)
                    continue
                false, found = covered < 0.1, covered > 0.5
                sure = live & (false | (covered > 0.9))
                altered = seen.altered & live
                both, either = (altered & found).sum(), (altered | (found & live)).sum()
                union = float(both / either) if either else None
                for line in (row, f"all, {label}"):
                    forged.add(
                        line,
                        auc=area_under_curve(seen.score[sure], false[sure]),
                        iou=union if (found & live).any() else None,
                        hit=float(both / max((found & live).sum(), 1)),
                        wrong=float((altered & false).sum() / live.sum()),
                        certain=float((seen.certain & live & found).any()),
                        beside=float((seen.certain & live & false).sum() / live.sum()),
                    )
                kept.append(f"{row} {union or 0:.2f}")
        other = view(image)
        if each:
            most = max(wrong, key=lambda label: wrong[label]) if wrong else "none"
            share = 100 * wrong.get(most, 0)
            print(f"- {name}: margin {marked.margin:.1f}; wrong {share:.1f} % ({most}); {kept}")
    return honest, forged, cost


def radiographs() -> Iterator[tuple[str, Pixels, int]]:
    for name, image, bits in images():
        if image.size >= SMALLEST:
            yield name, image, bits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="take every n-th radiograph")
    parser.add_argument("--each", action="store_true", help="print a line for every radiograph")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    honest, forged, cost = measure(options.every, options.each)
    print(
        "\n| falsified 5 % | n | AUC | min | IoU | median | found | wrong %"
        " | certain in % | certain wrong % | not read |"
    )
    print("|---" * 11 + "|")
    for row in (f"{way}, {label}" for way in ("all", *FORGERS) for label in COPIES):
        auc, iou = forged.of(row, "auc"), forged.of(row, "iou")
        lost = forged.lists.get((row, "lost"), [])
        cells = [row, str(auc.size), f"{auc.mean():.3f}", f"{auc.min():.3f}", f"{iou.mean():.2f}"]
        cells += [f"{np.median(iou):.2f}", f"{forged.of(row, 'hit').mean():.2f}"]
        cells += [f"{100 * forged.of(row, 'wrong').mean():.2f}"]
        cells += [f"{100 * forged.of(row, 'certain').mean():.0f}"]
        cells += [f"{100 * forged.of(row, 'beside').mean():.2f}", str(len(lost))]
        print("| " + " | ".join(cells) + " |")
    print(
        "\n| honest copy | n | wrongly accused % | most % | copies with any | certain"
        " | known % | not read |"
    )
    print("|---" * 8 + "|")
    for row in HONEST:
        wrong, known = honest.of(row, "wrong"), honest.of(row, "known")
        lost = honest.lists.get((row, "lost"), [])
        cells = [row, str(wrong.size), f"{100 * wrong.mean():.2f}", f"{100 * wrong.max():.1f}"]
        cells += [str(int((wrong > 0).sum())), f"{honest.of(row, 'certain').sum():.0f}"]
        cells += [f"{100 * known.mean():.0f}", str(len(lost))]
        print("| " + " | ".join(cells) + " |")
    print(f"\nReading and map together: {1e3 * float(np.median(cost)):.0f} ms of CPU (median).")


if __name__ == "__main__":
    main()
