"""Put a mark into an image."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark import payload as framing
from watermark import polar
from watermark.canvas import to_canvas
from watermark.errors import CapacityError
from watermark.evidence import WEIGHTS, gather, terms
from watermark.grid import Geometry
from watermark.imprint import Mask
from watermark.keep import Ends
from watermark.noise import estimate_noise
from watermark.pattern import pattern
from watermark.profile import Profile, named
from watermark.quality import Quality, measure
from watermark.restore_data import UNMARKED
from watermark.stamp import check_levels, stamp
from watermark.strength import choose_mask
from watermark.threshold import THRESHOLD

Image = npt.NDArray[np.integer[Any]]

MARGIN: Final = 1.5
"""Least score of a fresh mark, in units of the detector's threshold."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A marked image.

    Attributes
    ----------
    image : integer, shape and dtype of the original
        The pixels to keep. Least and greatest grey level are the original's.
    payload : bytes
        The 12-byte id.
    restore_data : bytes
        What ``restore`` needs besides the key.
    margin : float
        The mark's score in this image over the detector's threshold; 0 if it is unmarked.
    original : integer, same shape and dtype
        The array that was given, not a copy.
    bits_stored : int
        Bits of a grey level, as given.
    """

    image: Image
    payload: bytes
    restore_data: bytes
    margin: float
    original: Image = field(repr=False)
    bits_stored: int = field(repr=False)

    @property
    def quality(self) -> Quality:
        """What the mark costs; measured anew at every call (about 0.1 s a megapixel)."""
        return measure(self.original, self.image, bits_stored=self.bits_stored, margin=self.margin)


def embed(image: Image, payload: bytes, *, key: bytes, bits_stored: int, profile: str) -> Marked:
    """Mark an image with an id.

    Parameters
    ----------
    image : integer, shape (rows, columns)
        Grey levels; it is not changed.
    payload : bytes
        The 12-byte id.
    key : bytes
        The 32-byte mark key.
    bits_stored : int
        Bits of a grey level, (0028,0101) Bits Stored; the dtype says whether they are signed.
    profile : str
        A name of ``PROFILES``.

    Returns
    -------
    Marked
        The marked image, what restores it, and how well it carries the mark.

    Raises
    ------
    CapacityError
        The image is too small, too flat or too saturated to carry a mark that can be read.
    ArgumentError
        An argument is not what it must be.
    """
    limits = named(profile)
    ends = check_levels(image, bits_stored=bits_stored)
    framed = framing.frame(payload, key=key)
    if limits is None:
        return Marked(image.copy(), payload, UNMARKED, 0.0, image, bits_stored)
    geometry = Geometry.of(image.shape)
    mask = _mask(image, geometry, ends, bits_stored, limits)
    wave = pattern(payload, key=key, canvas=geometry.canvas)
    marked, data = stamp(image, wave, mask, geometry, ends=ends, payload=payload, key=key)
    canvas = to_canvas(marked, geometry, span=ends[1] - ends[0])
    evidence = gather(terms(canvas), key=key).weighed(WEIGHTS[0])
    margin = float(evidence.scores(polar.encode(framed)[np.newaxis])[0]) / THRESHOLD
    if margin < MARGIN:
        raise CapacityError(
            f"the image is too flat, too saturated or too small to carry the mark: "
            f"its score would be {margin:.2f} times the threshold, {MARGIN} are needed"
        )
    return Marked(marked, payload, data.encode(), margin, image, bits_stored)


def _mask(image: Image, geometry: Geometry, ends: Ends, bits_stored: int, profile: Profile) -> Mask:
    noise = estimate_noise(image, geometry, ends=ends)
    mask, _ = choose_mask(
        to_canvas(image, geometry, span=ends[1] - ends[0]),
        noise,
        geometry,
        bits_stored=bits_stored,
        profile=profile,
    )
    return mask
