"""Find a mark in a picture that was turned, mirrored, cut, scaled, sheared or photographed."""

import time
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark.align import Blocks, align
from watermark.canvas import to_canvas
from watermark.detect import Allowance, Reading, read, upright
from watermark.errors import ArgumentError
from watermark.evidence import gather, terms
from watermark.frame_groups import GROUPS, signs_key
from watermark.grid import SIDE
from watermark.guess import Guess, guesses
from watermark.pilots import constellations
from watermark.placement import Placement
from watermark.region import busy_region
from watermark.spectrum import Spectrum, flatten
from watermark.sweep import sweep
from watermark.warp import shown_canvas, warp

Image = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

SECONDS: Final = 5.0
TRIED: Final = 6
"""Guesses of one look that are sharpened and read."""
LIKELIEST: Final = 2
"""Guesses that are also read as frames of a volume."""


def search(image: Image, *, key: bytes, seconds: float = SECONDS) -> Reading | None:
    """Read the mark of a key from a picture that may have been moved in any way.

    Parameters
    ----------
    image : integer or float, shape (rows, columns)
        Grey levels; neither the original's size nor its place need be known.
    key : bytes
        The 32-byte mark key.
    seconds : float
        No new guess is tried after this time.

    Returns
    -------
    Reading or None
        None: no mark found in the time and number of readings allowed.
    """
    end = time.monotonic() + seconds
    allowance = Allowance()
    geometry = upright(image)
    if geometry is None:
        return None
    found = terms(to_canvas(image, geometry))
    reading = _read(found, allowance, Placement.upright(geometry), key=key, groups=GROUPS)
    if reading is not None:
        return reading
    for number, placement in enumerate(placements(image, key=key)):
        if time.monotonic() >= end:
            return None
        grid, inside = warp(image, placement, shown_canvas(image, placement))
        found = terms(grid, inside)
        groups = GROUPS if number < LIKELIEST else 1
        reading = _read(found, allowance, placement, key=key, groups=groups)
        if reading is not None:
            return reading
    return None


def _read(
    found: list[Floats], allowance: Allowance, placement: Placement, *, key: bytes, groups: int
) -> Reading | None:
    """Read under the signs of so many groups of frames; an image has those of the first."""
    for group in range(groups):
        gathered = gather(found, key=signs_key(key, group))
        reading = read(gathered, allowance, key=key, placement=placement)
        if reading is not None:
            return reading
    return None


def placements(image: Image, *, key: bytes) -> Iterator[Placement]:
    """Yield where the marked image may lie in the picture: the quickest looks first.

    At most ``3 * TRIED`` placements: of the whole picture, of its busy region if that is a part
    of it, and of the whole with strains.
    """
    views = [_View(image, (0, 0))]
    box = busy_region(image)
    if box is not None:
        views.insert(0, _View(image[box], (box[1].start, box[0].start)))
    for view in views:
        yield from view.placements(guesses(view.spectrum, key=key, most=TRIED), key=key)
    view = views[0]
    yield from view.placements(sweep(view.flat, view.blocks, key=key, most=TRIED), key=key)


class _View:
    """Part of a picture on a grid of its own, flattened."""

    def __init__(self, part: Image, corner: tuple[int, int]) -> None:
        geometry = upright(part)
        self.flat: Floats = (
            np.zeros((SIDE, SIDE), np.float32)
            if geometry is None
            else flatten(to_canvas(part, geometry))
        )
        scale = max(part.shape) / SIDE
        self.to_picture = np.array([[scale, 0, corner[0]], [0, scale, corner[1]], [0, 0, 1.0]])
        self.blocks = Blocks.of(self.flat)

    @property
    def spectrum(self) -> Spectrum:
        return Spectrum.of(self.flat)

    def placements(self, found: list[Guess], *, key: bytes) -> Iterator[Placement]:
        for guess in found:
            pilots = constellations(key)[guess.slot]
            try:
                sharp = align(self.blocks, guess.matrix, pilots, guess.sign)
                placement = Placement.of(self.to_picture @ sharp)
            except (ArgumentError, np.linalg.LinAlgError):  # folded flat: no place to look
                continue
            yield placement
