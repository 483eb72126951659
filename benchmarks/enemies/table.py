"""What a reader says of a picture, and Markdown."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

import watermark
from benchmarks.enemies.subjects import KEY
from benchmarks.watermark.picture import Pixels

RIGHT, NONE, THIRD = "right", "none", "THIRD ID"


def read(image: Pixels, allowed: Iterable[bytes], *, key: bytes = KEY, blind: bool = False) -> str:
    """Say whether one of the allowed ids is read, none, or another one: that must not happen."""
    look = watermark.search if blind else watermark.detect
    found = look(image, key=key)
    if found is None:
        return NONE
    return RIGHT if found.payload in set(allowed) else THIRD


def share(outcomes: Sequence[str]) -> str:
    """Write how many were read, and shout if an id was wrong."""
    text = f"{outcomes.count(RIGHT)} of {len(outcomes)}"
    wrong = outcomes.count(THIRD)
    return f"{text}, {wrong} WRONG" if wrong else text


def decibels(values: Sequence[float]) -> str:
    """Write the mean of some ratios; infinite ones, where nothing changed, are left out."""
    finite = [value for value in values if math.isfinite(value)]
    return f"{np.mean(finite):.1f}" if finite else "unchanged"


def show(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table as its rows come."""
    print(f"\n## {title}\n")
    print("| " + " | ".join(head) + " |")
    print("|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)
