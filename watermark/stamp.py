"""Add a pattern to an image under a mask, and take it away again, exactly."""

import hmac
from typing import Any

import numpy as np
import numpy.typing as npt

from watermark.errors import ArgumentError, CapacityError, RestoreError
from watermark.grid import Geometry
from watermark.imprint import Mask, imprint
from watermark.keep import Ends, Range, move, undo
from watermark.original import OriginalCheck
from watermark.pattern import Pattern, pattern_digest
from watermark.restore_data import MAX_OPEN, RestoreData

Image = npt.NDArray[np.integer[Any]]


def check_levels(image: Image, *, bits_stored: int) -> Ends:
    """Return the least and greatest level; ArgumentError unless so many bits hold them all.

    CapacityError if the image is empty.
    """
    if image.ndim != 2 or image.dtype.kind not in "iu" or image.dtype.itemsize > 4:
        raise ArgumentError(
            f"an image is 2-D, of integers of up to 32 bits, not {image.ndim}-D {image.dtype}"
        )
    if not 1 <= bits_stored <= 8 * image.dtype.itemsize:
        raise ArgumentError(f"{bits_stored} bits stored do not fit {image.dtype}")
    if image.size == 0:
        raise CapacityError("the image is empty")
    low = -(1 << bits_stored - 1) if image.dtype.kind == "i" else 0
    high = low + (1 << bits_stored) - 1
    ends = int(image.min()), int(image.max())
    if ends[0] < low or ends[1] > high:
        raise ArgumentError(f"the image has grey levels outside {low} to {high}")
    return ends


def stamp(
    image: Image,
    wave: Pattern,
    mask: Mask,
    geometry: Geometry,
    *,
    ends: Ends,
    payload: bytes,
    key: bytes,
) -> tuple[Image, RestoreData]:
    """Return an image with a pattern added, and what takes it away.

    Parameters
    ----------
    image : integer, shape (rows, columns)
        Grey levels; it is not changed.
    wave : int16, shape of ``Geometry.canvas``
        The pattern.
    mask : Mask
        Its height.
    geometry : Geometry
        The size of the image.
    ends : tuple of int
        Least and greatest grey level of the image.
    payload : bytes
        The 12-byte id that the pattern spells.
    key : bytes
        The 32-byte mark key.

    Raises
    ------
    CapacityError
        Too many grey levels lie near the least or the greatest one.
    """
    marked = np.empty_like(image, order="C")
    check = OriginalCheck(key, ends)
    kept: list[npt.NDArray[np.bool_]] = []
    within = Range.of(image, ends, most=mask.most)
    for rows, change in imprint(wave, mask, geometry):
        before = within.levels(image[rows])
        check.add(before)
        marked[rows], open_ = move(before, within.steps(change), within)
        kept.append(open_)
    bits = np.concatenate(kept)
    if bits.size > MAX_OPEN:
        raise CapacityError("the image has too many grey levels near its darkest or brightest")
    flags = np.packbits(bits).tobytes()
    digest = pattern_digest(wave)
    return marked, RestoreData(geometry, ends, payload, mask, digest, check.digest(), flags)


def unstamp(image: Image, wave: Pattern, data: RestoreData, *, key: bytes) -> Image:
    """Return the image before ``stamp``; RestoreError if any of the arguments is another's."""
    ends: Ends = data.ends
    if image.shape != (data.geometry.rows, data.geometry.columns):
        raise RestoreError(f"the restore data belong to another size than {image.shape}")
    if not hmac.compare_digest(data.pattern_digest, pattern_digest(wave)):
        raise RestoreError("the key is another one, or this machine computes another pattern")
    if (int(image.min()), int(image.max())) != ends:
        raise RestoreError("the image has other grey levels than the marked one")
    original = np.empty_like(image, order="C")
    check = OriginalCheck(key, ends)
    stayed = np.unpackbits(np.frombuffer(data.kept, np.uint8)).astype(np.bool_)
    within = Range.of(image, ends, most=data.mask.most)
    for rows, change in imprint(wave, data.mask, data.geometry):
        before, used = undo(within.levels(image[rows]), within.steps(change), within, stayed)
        stayed = stayed[used:]
        check.add(before)
        original[rows] = before
    complete = stayed.size < 8 and not stayed.any()
    if not complete or not hmac.compare_digest(check.digest(), data.original_check):
        raise RestoreError("the image is not, pixel by pixel, the marked one")
    return original
