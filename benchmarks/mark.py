"""Measure the mark on real radiographs: fidelity, survival, false alarms, speed, memory.

    python -m benchmarks.mark            every radiograph of the corpus
    python -m benchmarks.mark --quick    every sixth one, four keys

Prints Markdown; docs/mark-robustness.md holds the latest output. The corpus is the folder that
RADSEAL_CORPUS names, by default ``shared`` beside the checkout.
"""

import argparse
import logging
import time
import tracemalloc
import warnings
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
from PIL import Image

import watermark
from benchmarks.watermark.coding import jpeg, jpeg2000
from benchmarks.watermark.filters import noise
from benchmarks.watermark.grey import clipped, eight_bit, gamma, invert
from benchmarks.watermark.images import SMALLEST, images
from benchmarks.watermark.picture import Attack, Pixels, view
from watermark import payload as framing
from watermark import polar
from watermark.canvas import to_canvas
from watermark.evidence import WEIGHTS, gather, terms
from watermark.grid import Geometry
from watermark.threshold import THRESHOLD

Result = TypeVar("Result")

KEY = bytes(range(32))
PAYLOAD = bytes(range(100, 112))


def halve(image: Pixels, bits: int) -> Pixels:
    """Halve both sides, at the depth that is there."""
    rows, columns = image.shape
    picture = Image.fromarray(image.astype(np.float32))
    size = round(columns / 2), round(rows / 2)
    small = np.asarray(picture.resize(size, Image.Resampling.LANCZOS))
    levels: Pixels = np.clip(np.rint(small), image.min(), image.max()).astype(image.dtype)
    return levels


ATTACKS: dict[str, Attack] = {
    "8 bit": eight_bit,
    "window 1 %": clipped(1),
    "window 5 %": clipped(5),
    "window 15 %": clipped(15),
    "gamma 0.5": gamma(0.5),
    "gamma 2": gamma(2),
    "inverted": invert,
    "JPEG 50": jpeg(50),
    "J2K 20:1": jpeg2000(20),
    "noise 2 %": noise(0.02, seed=7),
    "half size": halve,
}
BEYOND: dict[str, Attack] = {
    "JPEG 30": jpeg(30),
    "noise 4 %": noise(0.04, seed=7),
    "half, JPEG 50": lambda image, bits: jpeg(50)(halve(view(image), 8), 8),
}


def embed(image: Pixels, bits: int) -> watermark.Marked:
    return watermark.embed(image, PAYLOAD, key=KEY, bits_stored=bits, profile="radiograph")


def margin(image: Pixels) -> float | None:
    """Return score over threshold if the right id is read; a wrong id ends the benchmark."""
    reading = watermark.detect(image, key=KEY)
    if reading is None:
        return None
    if reading.payload != PAYLOAD:
        raise SystemExit(f"a wrong id was read: {reading}")
    return reading.score / reading.threshold


def attack_table(every: int) -> None:
    names = list(ATTACKS) + [f"{name}*" for name in BEYOND]
    head = ["image", "MP", "bits", "PSNR", "SSIM", "max", "m/n", "p99", "side %", "fresh"]
    print("| " + " | ".join(head + names) + " |")
    print("|---" * (len(head) + len(names)) + "|")
    deep: list[tuple[str, dict[str, float | None]]] = []
    lost: list[str] = []
    count = refused = 0
    speeds: list[tuple[float, float, float, float]] = []
    for number, (name, image, bits) in enumerate(images()):
        if number % every:
            continue
        try:
            marked, cost = timed(partial(embed, image, bits))
        except watermark.CapacityError as error:
            print(f"| {name} | {image.size / 1e6:.2f} | {bits} | refused: {error} |")
            refused += 1
            continue
        _, reading = timed(partial(watermark.detect, marked.image, key=KEY))
        undo = partial(watermark.restore, marked.image, marked.restore_data, key=KEY)
        restored, undoing = timed(undo)
        if not np.array_equal(restored, image):
            raise SystemExit(f"{name} was not restored")
        speeds.append((image.size / 1e6, cost, reading, undoing))
        found = {key: margin(attack(marked.image, bits)) for key, attack in ATTACKS.items()}
        beyond = {key: margin(attack(marked.image, bits)) for key, attack in BEYOND.items()}
        large = image.size >= SMALLEST
        count += large
        lost += [f"{name}: {key}" for key, value in found.items() if value is None and large]
        quality = marked.quality
        share = 100 * len(marked.restore_data) / (image.size * (1 if bits <= 8 else 2))
        cells = [name if large else f"({name})", f"{image.size / 1e6:.2f}", str(bits)]
        cells += [f"{quality.psnr_db:.1f}", f"{quality.ssim:.4f}", str(quality.max_change)]
        cells += [f"{quality.mark_to_noise_median:.2f}", f"{quality.mark_to_noise_p99:.2f}"]
        cells += [f"{share:.3f}", f"{marked.margin:.1f}"]
        print("| " + " | ".join(cells + [shown(v) for v in (found | beyond).values()]) + " |")
        if bits > 8:
            picture = view(marked.image)
            again = {key: margin(attack(picture, 8)) for key, attack in ATTACKS.items()}
            lost += [f"{name}: 8 bit, {k}" for k, v in again.items() if v is None and large]
            deep.append((name, again))
    print("\nFrom the 8-bit view of images of more than 8 bits:\n")
    print("| " + " | ".join(["image", *ATTACKS]) + " |")
    print("|---" * (1 + len(ATTACKS)) + "|")
    for name, again in deep:
        print("| " + " | ".join([name, *(shown(v) for v in again.values())]) + " |")
    print(f"\n{count} images of at least {SMALLEST / 1e6} MP; {refused} refused in all.")
    print(f"Lost among them: {'; '.join(lost) or 'nothing'}.")
    print("\nSpeed, CPU ms a megapixel, one thread: embed / detect / restore")
    for low, high in ((0, 1), (1, 3), (3, 8), (8, 100)):
        group = [row for row in speeds if low <= row[0] < high]
        if group:
            medians = np.median([[1e3 * t / row[0] for t in row[1:]] for row in group], axis=0)
            print(f"- {low}-{high} MP ({len(group)}): " + " / ".join(f"{m:.1f}" for m in medians))


def shown(value: float | None) -> str:
    return "**lost**" if value is None else f"{value:.1f}"


def timed(call: Callable[[], Result]) -> tuple[Result, float]:
    start = time.process_time()
    return call(), time.process_time() - start


def false_alarms(keys: int, every: int) -> None:
    """Read every unmarked image with many keys; the transform is done once an image."""
    stack = []
    folders = ("radiographs_dicom", "radiographs_png", "synthetic")
    for number, (_, image, _) in enumerate(images(folders)):
        if number % every == 0 and min(image.shape) >= 16 and max(image.shape) >= 64:
            stack.append(terms(to_canvas(image, Geometry.of(image.shape))))
    best, alarms = 0.0, 0
    for number in range(keys):
        key = number.to_bytes(32, "big")
        for levelled in stack:
            gathered = gather(levelled, key=key)
            for weights in WEIGHTS:
                evidence = gathered.weighed(weights)
                if evidence.power == 0:
                    continue
                scale = np.abs(evidence.sums).mean()
                words, messages = polar.decode((evidence.sums / scale).astype(np.float32))
                score = float(evidence.scores(words).max())
                best = max(best, score)
                whole = any(framing.is_whole(message, key=key) for message in messages)
                alarms += whole or score >= THRESHOLD
    readings = len(stack) * keys * len(WEIGHTS)
    print(f"\nUnmarked: {len(stack)} images x {keys} keys x {len(WEIGHTS)} = {readings} readings,")
    print(f"{alarms} alarms; highest score {best:.0f}, threshold {THRESHOLD:.0f}.")


def memory() -> None:
    """Print the peak of embed beyond its input, over the size of the image."""
    image = np.random.default_rng(1).normal(2000, 30, (4000, 3000)).astype(np.uint16)
    embed(image, 12)
    tracemalloc.start()
    embed(image, 12)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"\nMemory: embed of a 24 MB image peaks at {peak / image.nbytes:.2f} times its size,")
    print("the marked image included.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a sixth of the images, four keys")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    attack_table(6 if quick else 1)
    false_alarms(4 if quick else 50, 6 if quick else 1)
    memory()


if __name__ == "__main__":
    main()
