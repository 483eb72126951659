"""Regress the key's signs and lots from marked images whose code words are known.

An id alone does not give its code word: 48 of its 144 bits are the tag, which only the key makes.
So this is more than a thief of ids can do: it bounds what a leak of the words would cost.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from benchmarks.enemies.removal import score
from benchmarks.enemies.subjects import (
    KEY,
    Subject,
    clipped,
    identities,
    marked,
    psnr,
    subjects,
)
from benchmarks.enemies.table import decibels, read, share, show
from benchmarks.watermark.picture import Floats, Pixels
from watermark.bands import LEVELS, ORIENTATIONS, synthesise
from watermark.canvas import to_canvas
from watermark.evidence import terms
from watermark.grid import SIDE, Geometry
from watermark.pattern import HEIGHTS
from watermark.payload import frame
from watermark.polar import encode
from watermark.spreading import spreads

COUNTS = (15, 30, 60, 140)
VICTIMS = 3
GAMMAS = (1.0, 2.0, 4.0, 8.0)


def regression() -> None:
    """Print how much of the key so many images give away, and whether the mark then goes."""
    show(
        "Regression of signs and lots, code words known",
        (
            "images",
            "lot right",
            "sign right where the lot is",
            "forged: score / threshold",
            "removed: reads",
            "PSNR, dB",
        ),
        _rows(),
    )


def _rows() -> Iterator[tuple[object, ...]]:
    known = _Known()
    ids = identities(key=KEY)
    images = iter(subjects()[::-1])
    prey: list[tuple[Subject, Pixels, bytes]] = []
    while len(prey) < VICTIMS:
        subject, payload = next(images), next(ids)
        image = marked(subject, payload)
        if image is not None:
            prey.append((subject, image, payload))
    for count in COUNTS:
        while len(known.words) < count:
            subject, payload = next(images), next(ids)
            image = marked(subject, payload)
            if image is not None:
                known.add(image, payload)
        lots, signs, bands = known.solve()
        yield _judged(count, lots, signs, bands, prey)


def _judged(
    count: int,
    lots: float,
    signs: float,
    bands: list[tuple[Floats, Pixels]],
    prey: list[tuple[Subject, Pixels, bytes]],
) -> tuple[object, ...]:
    outcomes, ratios, forged = [], [], []
    for (original, bits), image, payload in prey:
        wave = _wave(bands, payload, image.shape)
        gap = image.astype(np.float32) - original
        wave *= float(np.std(gap)) / max(float(np.std(wave)), 1e-6)
        forged.append(score(clipped(original + wave, image), payload))
        for gamma in GAMMAS:
            left = clipped(image - gamma * wave, image)
            outcome = read(left, [payload])
            if outcome != "right":
                break
        outcomes.append(outcome)
        ratios.append(psnr(image, left, bits))
    return (
        count,
        f"{lots:.1%}",
        f"{signs:.0%}",
        f"{np.mean(forged):.2f}",
        share(outcomes),
        decibels(ratios),
    )


class _Known:
    """Terms and code words of the images that the attacker has."""

    def __init__(self) -> None:
        self.words: list[Floats] = []
        self._terms: list[list[npt.NDArray[np.float16]]] = []

    def add(self, image: Pixels, payload: bytes) -> None:
        """Take one more image."""
        self.words.append(1 - 2 * encode(frame(payload, key=KEY)).astype(np.float32))
        found = []
        for number, term in enumerate(terms(to_canvas(image, Geometry.of(image.shape)))):
            side = SIDE >> LEVELS[number // ORIENTATIONS]
            whole = np.zeros((side, side), np.float32)
            whole[: term.shape[0], : term.shape[1]] = term
            found.append(whole.ravel().astype(np.float16))
        self._terms.append(found)

    def solve(self) -> tuple[float, float, list[tuple[Floats, Pixels]]]:
        """Return the shares of right lots and signs, and the likeliest of each by band.

        For every coefficient, the lot is the code bit whose history it follows best.
        """
        words = np.array(self.words)
        right = agreed = total = 0
        bands = []
        for number, spread in enumerate(spreads(KEY)):
            side = SIDE >> LEVELS[number // ORIENTATIONS]
            history = np.stack([t[number] for t in self._terms]).astype(np.float32)
            lot = np.empty(side * side, np.intp)
            height = np.empty(side * side, np.float32)
            for start in range(0, side * side, 4096):
                follows = history[:, start : start + 4096].T @ words
                best = np.abs(follows).argmax(axis=1)
                lot[start : start + 4096] = best
                height[start : start + 4096] = follows[np.arange(len(best)), best]
            same = lot == spread.slots.ravel()
            right += int(same.sum())
            agreed += int((np.sign(height) == spread.chips.ravel())[same].sum())
            total += same.size
            bands.append((height.reshape(side, side), lot.reshape(side, side)))
        return right / total, agreed / max(right, 1), bands


def _wave(bands: list[tuple[Floats, Pixels]], payload: bytes, shape: tuple[int, ...]) -> Floats:
    """Return the attacker's idea of a mark: what the regression gives, as strong as it is sure."""
    word = 1 - 2 * encode(frame(payload, key=KEY)).astype(np.float32)
    canvas = Geometry.of(shape).canvas
    parts = []
    for number, (height, lot) in enumerate(bands):
        level = LEVELS[number // ORIENTATIONS]
        rows, columns = (side >> level for side in canvas)
        wave = (height * word[lot])[:rows, :columns]
        wave = wave * (HEIGHTS[level] / max(float(np.abs(height).mean()), 1e-9))
        parts.append(np.rint(wave).astype(np.int32))
    result: Floats = synthesise(parts)[: shape[0], : shape[1]].astype(np.float32)
    return result
