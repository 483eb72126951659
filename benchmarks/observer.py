"""Ask a model observer whether the mark makes faint lesions harder to find in real radiographs.

    python -m benchmarks.observer                every radiograph of at least 0.9 megapixel
    python -m benchmarks.observer --every 6      every sixth one

Prints Markdown: a row for each image and the figures over all of them; docs/harmlessness.md says
what they mean. As a control, a mark of five times the height is examined as well. The corpus is
the folder that RADSEAL_CORPUS names, by default ``shared`` beside the checkout.
"""

import argparse
import logging
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

import watermark
from benchmarks.mark import embed
from benchmarks.watermark.images import SMALLEST, images
from benchmarks.watermark.picture import Pixels
from watermark.observer import DIAMETERS, Change, Observation, observe

CONTROL = 5
RESAMPLES = 10_000
READERS = ("fixed", "adapted")
Differences = dict[tuple[str, int], list[Change]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="take one image in so many")
    parser.add_argument("--seed", type=int, default=1, help="of patches and bootstraps")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    found: Differences = defaultdict(list)
    spent = []
    head = ["image", "MP", "bits", "PSNR", "SSIM", "max", "m/n", "p99"]
    head += [f"{name} {diameter}" for diameter in DIAMETERS for name in ("n", "difference")]
    print("| " + " | ".join(head) + " |")
    print("|---" * len(head) + "|")
    for name, image, bits in large(options.every):
        try:
            marked = embed(image, bits)
        except watermark.CapacityError as error:
            print(f"| {name} | refused: {error} |")
            continue
        start = time.process_time()
        plain = observe(image, marked.image, seed=options.seed)
        spent.append(time.process_time() - start)
        control = observe(image, raised(image, marked.image), seed=options.seed)
        collect(found, plain, READERS)
        collect(found, control, ("", "control"))
        print("| " + " | ".join([*cost(name, image, bits, marked.quality), *row(plain)]) + " |")
    pooled(found, options.seed)
    print(
        f"\nCPU time of an examination: median {np.median(spent):.2f} s, most {max(spent):.2f} s."
    )


def large(every: int) -> Iterator[tuple[str, Pixels, int]]:
    """Return the images in question."""
    everything = images(("radiographs_dicom", "radiographs_png"))
    wanted = (entry for entry in everything if entry[1].size >= SMALLEST)
    return (entry for number, entry in enumerate(wanted) if number % every == 0)


def raised(image: Pixels, marked: Pixels) -> Pixels:
    """Return the image with a mark of ``CONTROL`` times the height, within its own range."""
    step = marked.astype(np.int64) - image
    level = np.clip(image + CONTROL * step, int(image.min()), int(image.max()))
    return level.astype(image.dtype)


def cost(name: str, image: Pixels, bits: int, quality: watermark.Quality) -> list[str]:
    return [
        name,
        f"{image.size / 1e6:.2f}",
        str(bits),
        f"{quality.psnr_db:.1f}",
        f"{quality.ssim:.4f}",
        str(quality.max_change),
        f"{quality.mark_to_noise_median:.2f}",
        f"{quality.mark_to_noise_p99:.2f}",
    ]


def row(observation: Observation) -> list[str]:
    """Return patches and the adapted reader's difference by lesion; bold if it is harm."""
    cells = {diameter: ["-", "-"] for diameter in DIAMETERS}
    for detection in observation.detections:
        cells[detection.diameter] = [str(detection.patches), shown(detection.adapted)]
    return [cell for pair in cells.values() for cell in pair]


def shown(change: Change) -> str:
    text = f"{change.difference:+.3f} [{change.low:+.3f}, {change.high:+.3f}]"
    return f"**{text}**" if change.high < 0 else text


def collect(found: Differences, observation: Observation, names: tuple[str, str]) -> None:
    for detection in observation.detections:
        for name, change in zip(names, (detection.fixed, detection.adapted), strict=True):
            if name:
                found[name, detection.diameter].append(change)


def pooled(found: Differences, seed: int) -> None:
    print("\nOver all images (mean difference; interval by bootstrap over images):\n")
    print("| reader | lesion | images | difference | 95 % interval | harm | gain | lowest |")
    print("|---" * 8 + "|")
    for (name, diameter), changes in sorted(found.items()):
        values = np.array([change.difference for change in changes])
        low, high = np.percentile(resampled(values, seed), (2.5, 97.5))
        harm = sum(change.high < 0 for change in changes)
        gain = sum(change.low > 0 for change in changes)
        print(
            f"| {name} | {diameter} | {len(changes)} | {values.mean():+.4f} | "
            f"{low:+.4f} to {high:+.4f} | {harm} | {gain} | {values.min():+.3f} |"
        )


def resampled(values: npt.NDArray[np.float64], seed: int) -> npt.NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    drawn = values[rng.integers(0, len(values), (RESAMPLES, len(values)))]
    return np.asarray(drawn.mean(axis=1), np.float64)


if __name__ == "__main__":
    main()
