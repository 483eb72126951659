"""Find a mark in a picture that was turned, mirrored, cut, scaled, sheared or photographed."""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from itertools import product
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark.align import Blocks, align, centred, scaled
from watermark.canvas import to_canvas
from watermark.detect import Allowance, Reading, read, upright
from watermark.errors import ArgumentError
from watermark.evidence import gather, terms
from watermark.frame_groups import GROUPS, signs_key
from watermark.grid import SIDE
from watermark.guess import STRAINS, WIDE, Guess, guesses, straight, strained
from watermark.lens import Lens
from watermark.nearby import nearby
from watermark.perspective import foreshortened
from watermark.pilots import constellations
from watermark.placement import Placement
from watermark.region import busy_region
from watermark.spectrum import Spectrum, flatten
from watermark.warp import shown_canvas, warp

Image = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

SECONDS: Final = 5.0
GUESSED: Final = 8
"""Guesses by the whole of a picture that are sharpened."""
GUESSED_BY_PART: Final = 6
"""Guesses by a part of it that are."""
TRIED: Final = 6
"""Sharpened guesses by the whole that are read at most."""
TRIED_BY_PART: Final = 2
GUESSED_TOGETHER: Final = 6
"""Guesses by all parts together that are sharpened."""
TRIED_TOGETHER: Final = 2
"""Sharpened guesses by all parts that are read; the best one through lenses as well."""
BENDS: Final = (-0.02, -0.01, 0.01, 0.02)
"""How far a lens moves the corners of a photograph, over their distance from the middle."""
AGREED: Final = 9.0
"""Agreement of the pilots below which a place is not read: chance reaches it in few pictures."""
STRONG: Final = 8.0
"""Strength of a guess that is read even so: in a mammogram most blocks show no pilots."""
TRIED_STRAIGHT: Final = 3
"""Guesses at a picture that was cut and scaled alone that are sharpened and read at most."""
STRAIGHT: Final = 6.2
"""Strength of such a guess below which it is not read."""
AROUND: Final = 3
"""Placements around which is looked as well."""
ALMOST: Final = 100.0
"""Excess of evidence that does not read, but may half a point away."""
LIKELIEST: Final = 2
"""Guesses that are also read as frames of a volume."""
PART: Final = 512
"""Side of a part, in points of the picture's grid: parts overlap by half."""
CLOSER: Final = 192
"""Points between parts that are looked at together: sixteen at most."""
_SHOWN: Final = 0.3
"""Height of a detail, over its local level, that a dead area does not reach."""


def search(image: Image, *, key: bytes, seconds: float = SECONDS) -> Reading | None:
    """Read the mark of a key from a picture that may have been moved in any way.

    Parameters
    ----------
    image : integer or float, shape (rows, columns)
        Grey levels; neither the original's size nor its place need be known.
    key : bytes
        The 32-byte mark key.
    seconds : float
        No new guess is tried after this much processor time of the calling thread: a busy
        machine takes longer, and finds the same.

    Returns
    -------
    Reading or None
        None: no mark found in the time and number of readings allowed.
    """
    end = time.thread_time() + seconds
    allowance = Allowance()
    geometry = upright(image)
    if geometry is None:
        return None
    found = terms(to_canvas(image, geometry))
    whole = Placement.upright(geometry)
    reading = _read(found, allowance, whole, key=key, groups=range(GROUPS))
    if reading is not None:
        return reading
    around = 0
    for number, placement in enumerate(placements(image, key=key, end=end)):
        if time.thread_time() >= end:
            return None
        grid, inside = warp(image, placement, shown_canvas(image, placement))
        found = terms(grid, inside)
        gathered = gather(found, key=key)
        reading = read(gathered, allowance, key=key, placement=placement)
        if reading is None and number < LIKELIEST:
            reading = _read(found, allowance, placement, key=key, groups=range(1, GROUPS))
        if reading is None and around < AROUND and gathered.excess > ALMOST:
            around += 1
            reading = _read_around(image, placement, allowance, key=key)
        if reading is not None:
            return reading
    return None


def _read(
    found: list[Floats], allowance: Allowance, placement: Placement, *, key: bytes, groups: range
) -> Reading | None:
    """Read under the signs of some groups of frames; an image has those of the first."""
    for group in groups:
        gathered = gather(found, key=signs_key(key, group))
        reading = read(gathered, allowance, key=key, placement=placement)
        if reading is not None:
            return reading
    return None


def _read_around(
    image: Image, placement: Placement, allowance: Allowance, *, key: bytes
) -> Reading | None:
    """Read at the best places around a placement."""
    for place, gathered in nearby(image, placement, allowance, key=key):
        reading = read(gathered, allowance, key=key, placement=place)
        if reading is not None:
            return reading
    return None


def placements(
    image: Image, *, key: bytes, end: float, agreed: float = AGREED
) -> Iterator[Placement]:
    """Yield where the marked image may lie in the picture: the quickest looks first.

    Only places at which the agreement of the pilots is above ``agreed``, or the guess as strong
    in proportion to ``STRONG`` or ``STRAIGHT``, are yielded: by the whole picture, and by its
    busy region if that is a piece of it, at most ``TRIED_STRAIGHT`` that were cut and scaled
    alone and ``TRIED`` others; then, of the first of the two, ``TRIED_TOGETHER`` by all its parts
    together, as a perspective has moved them; ``TRIED_BY_PART`` by each of its nine or fewer parts
    alone, which shear and stretch have moved in their own way as well; the first part once more,
    for great strains. No part is looked at when the thread's clock has come to ``end``, nor one
    that would not be done by then, going by those before it.
    """
    views = [_View(image, (0, 0))]
    box = busy_region(image)
    if box is not None:
        views.insert(0, _View(image[box], (box[1].start, box[0].start)))
    for view in views:
        spectrum = Spectrum.of(view.flat)
        cut = straight(spectrum, key=key, most=TRIED_STRAIGHT)
        yield from view.straight(cut, key=key, agreed=agreed)
        found = guesses(spectrum, key=key, most=GUESSED)
        yield from view.placements(found, key=key, most=TRIED, agreed=agreed)
    parts = views[0].parts()
    if time.thread_time() >= end:
        return
    yield from views[0].together(key=key, agreed=agreed)
    pace = 0.0
    for part, strains in [*((part, STRAINS) for part in parts), (parts[0], WIDE)]:
        begun = time.thread_time()
        if begun + pace * len(strains) >= end:
            return
        found = strained(views[0].spectrum(part), strains, key=key, most=GUESSED_BY_PART)
        yield from views[0].placements(found, key=key, most=TRIED_BY_PART, agreed=agreed)
        pace = max(pace, (time.thread_time() - begun) / len(strains))


class _View:
    """A picture, or a piece of it, on a grid of its own, flattened."""

    def __init__(self, piece: Image, corner: tuple[int, int]) -> None:
        geometry = upright(piece)
        self.flat: Floats = (
            np.zeros((SIDE, SIDE), np.float32)
            if geometry is None
            else flatten(to_canvas(piece, geometry))
        )
        scale = max(piece.shape) / SIDE
        self.to_picture = np.array([[scale, 0, corner[0]], [0, scale, corner[1]], [0, 0, 1.0]])

    @cached_property
    def blocks(self) -> Blocks:
        return Blocks.of(self.flat)

    def parts(self) -> list[tuple[int, int]]:
        """Return the first points of overlapping parts, those in which most shows first."""
        down, across = (range(0, max(side - PART, 0) + 1, PART // 2) for side in self.flat.shape)
        shown = np.abs(self.flat) > _SHOWN
        corners = list(product(down, across))
        return sorted(corners, key=lambda corner: -np.count_nonzero(shown[_part(corner)]))

    def spectrum(self, corner: tuple[int, int]) -> Spectrum:
        """Return the spectrum of a part."""
        return Spectrum.of(self.flat[_part(corner)], corner=corner[::-1])

    def together(self, *, key: bytes, agreed: float) -> Iterator[Placement]:
        """Yield the placements by all parts together, and the best one through lenses.

        The parts lie closer than those that are looked at one by one.
        """
        rows, columns = self.flat.shape
        spectra = [self.spectrum(corner) for corner in product(_evenly(rows), _evenly(columns))]
        middle = columns / 2, rows / 2
        found = foreshortened(spectra, middle, key=key, most=GUESSED_TOGETHER)
        sharp = self._sharpened(found, self.blocks, key=key)[:TRIED_TOGETHER]
        for number, (agreement, guess) in enumerate(sharp):
            if agreement > agreed:
                yield Placement.of(self.to_picture @ guess.matrix)
                if number == 0:
                    yield from self._through_lenses(guess, key=key)

    def _through_lenses(self, guess: Guess, *, key: bytes) -> Iterator[Placement]:
        """Yield the placements under lenses; the pilots tell them apart only roughly."""
        rows, columns = self.flat.shape
        scale, (left, top) = float(self.to_picture[0, 0]), self.to_picture[:2, 2]
        seen: list[tuple[float, Placement]] = []
        for bend in BENDS:
            lens = Lens(4 * bend / (rows**2 + columns**2), columns / 2, rows / 2)
            own = lens.scaled(scale)
            own = Lens(own.bend, own.x + float(left), own.y + float(top))
            for agreement, one in self._sharpened([guess], self.blocks.without(lens), key=key):
                seen.append((agreement, Placement.of(self.to_picture @ one.matrix, own)))
        seen.sort(key=lambda one: -one[0])
        yield from (placement for _, placement in seen)

    def _sharpened(
        self, found: list[Guess], blocks: Blocks, *, key: bytes
    ) -> list[tuple[float, Guess]]:
        """Return guesses sharpened, and how well the pilots agree: the best first."""
        sharp: list[tuple[float, Guess]] = []
        for guess in found:
            try:
                matrix, agreement = align(blocks, guess, constellations(key)[guess.slot])
            except np.linalg.LinAlgError:  # folded flat: no place to look
                continue
            sharp.append((agreement, replace(guess, matrix=matrix)))
        return sorted(sharp, key=lambda one: -one[0])

    def straight(self, found: list[Guess], *, key: bytes, agreed: float) -> Iterator[Placement]:
        """Yield the placements of a picture that was cut and scaled alone, the strongest first."""
        for guess in found:
            if guess.strength * AGREED / STRAIGHT > agreed:
                matrix = scaled(self.blocks, guess, constellations(key)[guess.slot])
                yield Placement.of(self.to_picture @ matrix)

    def placements(
        self, found: list[Guess], *, key: bytes, most: int, agreed: float
    ) -> Iterator[Placement]:
        """Yield the placements at which the pilots agree best, the best first."""
        sharp: list[tuple[float, Placement]] = []
        for guess in found:
            pilots = constellations(key)[guess.slot]
            strength = guess.strength * AGREED / STRONG
            try:
                matrix, agreement = align(self.blocks, guess, pilots)
                sharp.append((max(agreement, strength), Placement.of(self.to_picture @ matrix)))
                if strength > AGREED:
                    matrix = centred(self.blocks, guess, pilots)
                    sharp.append((strength, Placement.of(self.to_picture @ matrix)))
            except (ArgumentError, np.linalg.LinAlgError):  # folded flat: no place to look
                continue
        sharp.sort(key=lambda one: -one[0])
        yield from (placement for likely, placement in sharp[:most] if likely > agreed)


def _part(corner: tuple[int, int]) -> tuple[slice, slice]:
    top, left = corner
    return slice(top, top + PART), slice(left, left + PART)


def _evenly(side: int) -> list[int]:
    """Return the first points of parts along an axis, at most ``CLOSER`` apart."""
    more = max(side - PART, 0)
    steps = -(-more // CLOSER)
    return [more * step // steps for step in range(steps + 1)] if steps else [0]
