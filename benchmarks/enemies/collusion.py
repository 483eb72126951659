"""Several marks in one image: colluders, and marks upon marks."""

from collections.abc import Callable, Iterator

import numpy as np

import watermark
from benchmarks.enemies.subjects import (
    KEY,
    OTHER_KEY,
    clipped,
    identities,
    identity,
    marked,
    psnr,
    whole_subjects,
)
from benchmarks.enemies.table import NONE, RIGHT, THIRD, decibels, read, show
from benchmarks.watermark.picture import Pixels

IMAGES = 6
COLLUDERS = (2, 3, 4, 6, 8)


def _mosaic(stack: Pixels) -> Pixels:
    """Take blocks of 16 x 16 from each in turn."""
    y, x = np.mgrid[: stack.shape[1], : stack.shape[2]]
    chosen = (y // 16 * 5 + x // 16) % len(stack)
    result: Pixels = np.take_along_axis(stack, chosen[np.newaxis], axis=0)[0]
    return result


WAYS: dict[str, Callable[[Pixels], Pixels]] = {
    "average": lambda stack: stack.mean(axis=0),
    "median": lambda stack: np.median(stack, axis=0),
    "least": lambda stack: stack.min(axis=0),
    "greatest": lambda stack: stack.max(axis=0),
    "least + greatest - median": lambda s: s.max(axis=0) + s.min(axis=0) - np.median(s, axis=0),
    "mosaic of cells": _mosaic,
}


def colluders() -> None:
    """Print what copies of one image, marked with different ids, give together."""
    show(
        "Collusion: k copies of one image with different ids",
        ("way", *(f"k = {k}: a colluder's id / none / third" for k in COLLUDERS), "PSNR, dB"),
        _collusions(),
    )


def marks_upon_marks() -> None:
    """Print what reads after a second mark."""
    show(
        "Marked twice",
        ("second mark", "first id reads", "second id reads", "third id", "PSNR to first, dB"),
        _twice(),
    )


def _collusions() -> Iterator[tuple[object, ...]]:
    stacks = []
    for image, bits in whole_subjects(IMAGES):
        copies = [marked((image, bits), identity(n)) for n in range(max(COLLUDERS))]
        if all(copy is not None for copy in copies):
            stacks.append((np.stack([c for c in copies if c is not None]).astype(int), image, bits))
    ids = [identity(n) for n in range(max(COLLUDERS))]
    for name, way in WAYS.items():
        cells, ratios = [], []
        for count in COLLUDERS:
            outcomes = []
            for stack, image, bits in stacks:
                forged = clipped(way(stack[:count]), image)
                outcomes.append(read(forged, ids[:count]))
                ratios.append(psnr(stack[0], forged, bits))
            cells.append(" / ".join(str(outcomes.count(o)) for o in (RIGHT, NONE, THIRD)))
        yield name, *cells, decibels(ratios)


def _twice() -> Iterator[tuple[object, ...]]:
    for name, key, rounds in (
        ("another key, another id", OTHER_KEY, 1),
        ("the same key, another id", KEY, 1),
        ("the same key, another id, marked again three times", KEY, 3),
    ):
        first, second, third, ratios = [], [], 0, []
        for (image, bits), payload in zip(
            whole_subjects(IMAGES), identities(key=KEY), strict=False
        ):
            once = marked((image, bits), payload)
            twice = once
            new = identity(1000)
            for _ in range(rounds):
                twice = None if twice is None else marked((twice, bits), new, key=key)
            if once is None or twice is None:
                continue
            ratios.append(psnr(once, twice, bits))
            first.append(read(twice, [payload]))
            second.append(read(twice, [new], key=key))
            found = watermark.detect(twice, key=KEY)
            third += found is not None and found.payload not in (payload, new)
        counts = [f"{o.count(RIGHT)} of {len(o)}" for o in (first, second)]
        yield name, *counts, third, decibels(ratios)
