"""The copy attack: an estimate of the mark, added to another image (Kutter et al. 2000)."""

from collections.abc import Iterator

import numpy as np

import watermark
from benchmarks.enemies.estimate import ESTIMATES
from benchmarks.enemies.subjects import KEY, clipped, identities, marked, psnr, whole_subjects
from benchmarks.enemies.table import RIGHT, decibels, read, share, show
from benchmarks.watermark.picture import Pixels
from provenance.claims.descriptor import describe, resemble

PAIRS = 6


def copies() -> None:
    """Print how often a copied mark reads, and what the thumbnail then says."""
    show(
        "Copy attack",
        ("estimate", "added", "PSNR to the image it is added to, dB", "reads", "thumbnail agrees"),
        _rows(),
    )


def edits() -> None:
    """Print what becomes of the mark's presence where someone drew, with and without the mark."""
    show(
        "Edits of a marked image by someone who keeps the mark",
        ("edit", "mark reads", "presence: altered share of the lesion", "thumbnail finds it"),
        _edits(),
    )


def _rows() -> Iterator[tuple[object, ...]]:
    pictures = whole_subjects(2 * PAIRS)
    ids = identities(key=KEY)
    sources = [(marked(s, p), s, p) for s, p in zip(pictures[:PAIRS], ids, strict=False)]
    pairs = [(m, s, p, t) for (m, s, p), t in zip(sources, pictures[PAIRS:], strict=True)]
    for name, estimate in (("the mark itself", None), *ESTIMATES.items()):
        for times in (1, 2, 4):
            outcomes, ratios, alike = [], [], []
            for image, (original, source_bits), payload, (target, bits) in pairs:
                if image is None:
                    continue
                gone = estimate(image) if estimate else image.astype(np.float32) - original
                gone = _fitted(gone, target) * np.float32(times * 2.0 ** (bits - source_bits))
                forged = clipped(target + gone, target)
                outcomes.append(read(forged, [payload]))
                ratios.append(psnr(target, forged, bits))
                if outcomes[-1] == RIGHT:
                    alike.append(resemble(describe(image), describe(forged)).same_image)
            agrees = f"{sum(alike)} of {len(alike)}"
            yield name, f"x {times}", decibels(ratios), share(outcomes), agrees


def _fitted(gone: Pixels, target: Pixels) -> Pixels:
    """Cut or fill up an estimate to the size of another image, from the top left."""
    rows, columns = target.shape
    gone = gone[:rows, :columns]
    return np.pad(gone, [(0, rows - gone.shape[0]), (0, columns - gone.shape[1])])


def _edits() -> Iterator[tuple[object, ...]]:
    ids = identities(key=KEY)
    cases = []
    for (image, bits), payload in zip(whole_subjects(PAIRS), ids, strict=False):
        done = marked((image, bits), payload)
        if done is not None:
            cases.append((done, payload))
    for name in ("a lesion painted over", "painted, the estimate added again", "a soft shadow"):
        outcomes, altered, seen = [], [], []
        for image, payload in cases:
            forged, inside = _edited(image, name)
            outcomes.append(read(forged, [payload]))
            reading = watermark.detect(forged, key=KEY)
            if reading is None:
                continue
            found = watermark.presence(forged, reading, key=KEY, shape=image.shape)
            altered.append(float(found.mask(*image.shape)[inside].mean()))
            alike = resemble(describe(image), describe(forged))
            seen.append(bool(alike.cells) or not alike.same_image)
        shares = f"{np.mean(altered):.0%}" if altered else "-"
        yield name, share(outcomes), shares, f"{sum(seen)} of {len(seen)}"


def _edited(image: Pixels, how: str) -> tuple[Pixels, Pixels]:
    """Change a disc of 60 pixels where the image is liveliest in its middle."""
    rows, columns = image.shape
    y, x = np.mgrid[:rows, :columns]
    away = np.hypot(y - rows * 0.45, x - columns * 0.45) / 60
    inside = away < 1
    span = float(np.percentile(image, 99) - np.percentile(image, 1))
    level = float(image[inside].mean())
    lift = 0.12 * span if level < float(image.mean()) else -0.12 * span
    levels = image.astype(np.float32)
    if how == "a soft shadow":
        return clipped(levels + lift * np.maximum(1 - away**2, 0) ** 1.5, image), inside
    grain = float(np.std(ESTIMATES["wavelet Wiener"](image)[inside]))
    rng = np.random.default_rng(3)
    disc = level + lift + rng.normal(0, grain, image.shape).astype(np.float32)
    if how != "a lesion painted over":
        disc = level + lift + ESTIMATES["wavelet Wiener"](image)
    return clipped(np.where(inside, disc, levels), image), inside
