"""Count false readings over many images, attacks and keys.

A search takes seconds a picture, so the readings here are taken one step further in: a picture,
as it lies, is transformed once, and its evidence is gathered and decoded for key after key. Each
counts once here, though it tries every weighing of the levels (docs/spec/mark.md, 5); a search does
the same in many places.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import partial
from math import ceil
from multiprocessing import get_context
from pathlib import Path
from typing import Self

import numpy as np

import watermark
from benchmarks.watermark.attacks import ATTACKS
from benchmarks.watermark.images import load
from benchmarks.watermark.methods import key_of, payload_of
from benchmarks.watermark.picture import Floats, Pixels
from watermark.canvas import to_canvas
from watermark.detect import Allowance, read
from watermark.evidence import gather, terms
from watermark.grid import Geometry
from watermark.placement import Placement


@dataclass(slots=True)
class Counts:
    """What was read, so far."""

    images: int = 0
    unmarked: int = 0
    other: int = 0
    right: int = 0
    alarms: int = 0
    wrong: int = 0
    exact: int = 0

    @property
    def all(self) -> int:
        """Readings that could be false."""
        return self.unmarked + self.other + self.right

    def __add__(self, more: Self) -> "Counts":
        names = [field.name for field in fields(Counts)]
        return Counts(**{name: getattr(self, name) + getattr(more, name) for name in names})


@dataclass(frozen=True, slots=True)
class Levelled:
    """A picture's terms; ``marked`` with key 0 or not at all."""

    terms: list[Floats]
    placement: Placement
    marked: bool


def count_false(paths: Sequence[Path], least: int, attacks: Sequence[str], *, jobs: int) -> str:
    """Read until every image had its share of ``least``; return what came out, in Markdown."""
    keys = max(ceil(least / (len(paths) * 2 * len(attacks))), 2)
    counts, start = Counts(), time.monotonic()
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for done in pool.map(partial(_one, keys=keys, attacks=attacks), paths):
            counts = counts + done
            spent = time.monotonic() - start
            print(
                f"{counts.images} of {len(paths)} images, {counts.all} readings, "
                f"{counts.alarms + counts.wrong} of them false, {counts.all / spent:.0f} a second, "
                f"{spent / counts.images * (len(paths) - counts.images) / 60:.0f} min left",
                file=sys.stderr,
            )
    return "\n".join(
        (
            f"{counts.all} readings of {counts.images} images under {len(attacks)} attacks:",
            f"- {counts.unmarked} of unmarked images, {keys} keys each, and {counts.other} of "
            f"marked images with {keys - 1} other keys: {counts.alarms} false alarms",
            f"- {counts.right} of marked images with their key: {counts.exact} exact as they lie, "
            f"{counts.wrong} wrong payloads",
            "",
        )
    )


def _one(path: Path, *, keys: int, attacks: Sequence[str]) -> Counts:
    counts = Counts(images=1)
    image, bits = load(path)
    payload = payload_of(path.name)[:12]
    stack = list(_levelled(image, bits, attacks, marked=False))
    try:
        hidden = watermark.embed(
            image, payload, key=key_of(0), bits_stored=bits, profile="radiograph"
        )
        stack += _levelled(hidden.image, bits, attacks, marked=True)
    except watermark.CapacityError:
        pass
    for number in range(keys):
        key = key_of(number)
        for picture in stack:
            gathered = gather(picture.terms, key=key)
            found = read(gathered, Allowance(), key=key, placement=picture.placement)
            if picture.marked and number == 0:
                counts.right += 1
                counts.exact += found is not None and found.payload == payload
                counts.wrong += found is not None and found.payload != payload
                continue
            counts.other += picture.marked
            counts.unmarked += not picture.marked
            counts.alarms += found is not None
    return counts


def _levelled(
    image: Pixels, bits: int, attacks: Sequence[str], *, marked: bool
) -> Iterator[Levelled]:
    for name in attacks:
        attacked = ATTACKS[name](image, bits)
        try:
            geometry = Geometry.of(attacked.shape)
        except watermark.CapacityError:
            continue
        found = [np.ascontiguousarray(term) for term in terms(to_canvas(attacked, geometry))]
        yield Levelled(found, Placement.upright(geometry), marked)
