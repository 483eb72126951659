"""Find the pilots of a key without the key, and filter them out of a marked image."""

from collections.abc import Iterator

import numpy as np

from benchmarks.enemies.spectra import Average, Doubles, hits, notch, peaks, pilots, spectrum
from benchmarks.enemies.subjects import (
    KEY,
    Subject,
    identities,
    marked,
    psnr,
    subjects,
    whole_subjects,
)
from benchmarks.enemies.table import decibels, read, share, show
from benchmarks.watermark.picture import Pixels
from benchmarks.watermark.warp import rotate
from watermark.pilots import PILOTS, SLOTS, slot_of

MOST = 128
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)
LIKELY = 3.0
"""Power at which a frequency of the attacker's list is filtered out of an image."""
VICTIMS = 3
WIDTHS = (0.8, 1.6)
"""Deviations of a notch, in periods over the grid: of a wave all over, and of one that fades."""
_TURN = rotate(5)

Victim = tuple[Subject, Pixels, bytes]


def averaging() -> None:
    """Print how many images of a key give its pilots away, with 16 slots and with one."""
    lists: dict[str, Doubles] = {}
    show(
        "Averages over many images of one key",
        ("images", "16 slots: mean power", "mean waves", "one slot: mean power", "mean waves"),
        _found(lists),
    )
    show(
        "What the pilots that were found are worth",
        (
            "filtered out",
            *(f"notches of {w}: PSNR dB, read upright, after 5 degrees" for w in WIDTHS),
        ),
        _filtered(lists),
    )


def _found(lists: dict[str, Doubles]) -> Iterator[tuple[object, ...]]:
    many, one = _Study(None), _Study(0)
    for count in COUNTS:
        cells: list[object] = [count]
        for study in (many, one):
            found = study.upto(count)
            cells += [f"{hits(f, study.true)} of {len(study.true)}" for f in found.values()]
            if study is many and count in (32, 128):
                lists[f"list from {count} images, 16 slots"] = found["power"]
            if study is one and count == 8:
                lists["list from 8 images, one slot"] = found["power"]
        yield tuple(cells)


class _Study:
    """An attacker who collects images."""

    def __init__(self, slot: int | None) -> None:
        self.true = pilots(range(SLOTS) if slot is None else [slot])
        self._average = Average()
        self._images = iter(subjects())
        self._ids = identities(key=KEY, slot=slot)

    def upto(self, count: int) -> dict[str, Doubles]:
        """Collect so many images; return as many peaks as there are pilots."""
        while self._average.count < count:
            image = marked(next(self._images), next(self._ids))
            if image is not None:
                self._average.add(image)
        return self._average.peaks(len(self.true))


def _filtered(lists: dict[str, Doubles]) -> Iterator[tuple[object, ...]]:
    victims = _victims(None)
    yield _row("nothing", [(v, np.empty((0, 2))) for v in victims])
    yield _row(
        f"its {PILOTS} pilots, known",
        [(v, pilots([slot_of(v[2], key=KEY)])) for v in victims],
    )
    for name, frequencies in lists.items():
        prey = _victims(0) if "one slot" in name else victims
        yield _row(name, [(v, _likely(v[1], frequencies)) for v in prey])
    for level in (10, 8, 6):
        yield _row(
            f"its own peaks above {level} dB, one image",
            [(v, peaks(spectrum(v[1]).power, 5000, least=10 ** (level / 10))) for v in victims],
        )


def _likely(image: Pixels, frequencies: Doubles) -> Doubles:
    x, y = frequencies.T.astype(np.float32)
    return frequencies[np.square(spectrum(image).amplitudes_at(x, y)) > LIKELY]


def _victims(slot: int | None) -> list[Victim]:
    ids = identities(key=KEY, slot=slot)
    for _ in range(MOST):
        next(ids)  # not among those averaged
    found = []
    for subject in whole_subjects(VICTIMS):
        payload = next(ids)
        image = marked(subject, payload)
        if image is not None:
            found.append((subject, image, payload))
    return found


def _row(name: str, cases: list[tuple[Victim, Doubles]]) -> tuple[object, ...]:
    hit = [hits(found, pilots([slot_of(payload, key=KEY)])) for (_, _, payload), found in cases]
    extra = np.mean([len(found) for _, found in cases])
    words = f"{name}: {extra:.0f} frequencies, {np.mean(hit):.0f} of {PILOTS} pilots"
    return (words, *(_left(cases, width) for width in WIDTHS))


def _left(cases: list[tuple[Victim, Doubles]], width: float) -> str:
    upright, turned, ratios = [], [], []
    for ((_, bits), image, payload), found in cases:
        left = notch(image, found, width=width) if len(found) else image
        ratios.append(psnr(image, left, bits))
        upright.append(read(left, [payload]))
        turned.append(read(_TURN(left, bits), [payload], blind=True))
    return f"{decibels(ratios)}, {share(upright)}, {share(turned)}"
