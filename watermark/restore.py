"""Take a mark out again, exactly."""

import hmac
from typing import Any

import numpy as np
import numpy.typing as npt

from watermark.errors import ArgumentError, RestoreError
from watermark.imprint import imprint
from watermark.keep import undo, wide
from watermark.original import OriginalCheck
from watermark.pattern import Pattern, pattern, pattern_digest
from watermark.restore_data import UNMARKED, RestoreData, parse

Image = npt.NDArray[np.integer[Any]]


def restore(image: Image, restore_data: bytes, *, key: bytes) -> Image:
    """Return the original of a marked image, exact to the bit.

    Parameters
    ----------
    image : integer, shape (rows, columns)
        The marked image, every pixel as ``embed`` left it; it is not changed.
    restore_data : bytes
        What ``embed`` returned with it.
    key : bytes
        The 32-byte mark key.

    Returns
    -------
    integer, same shape and dtype
        The original.

    Raises
    ------
    MalformedError
        The restore data are no such thing.
    RestoreError
        Image, restore data and key do not belong together; nothing is returned.
    """
    if image.ndim != 2 or image.dtype.kind not in "iu" or image.dtype.itemsize > 4:
        raise ArgumentError(f"not an image: {image.ndim}-D {image.dtype}")
    if restore_data == UNMARKED:
        return image.copy()
    data = parse(restore_data)
    if image.shape != (data.geometry.rows, data.geometry.columns):
        raise RestoreError(f"the restore data belong to another size than {image.shape}")
    wave = pattern(data.payload, key=key, canvas=data.geometry.canvas)
    if not hmac.compare_digest(data.pattern_digest, pattern_digest(wave)):
        raise RestoreError("the key is another one, or this machine computes another pattern")
    if (int(image.min()), int(image.max())) != data.ends:
        raise RestoreError("the image has other grey levels than the marked one")
    return _undo_all(image, wave, data, key)


def _undo_all(image: Image, wave: Pattern, data: RestoreData, key: bytes) -> Image:
    original = np.empty_like(image, order="C")
    check = OriginalCheck(key, data.ends)
    stayed = np.unpackbits(np.frombuffer(data.kept, np.uint8)).astype(np.bool_)
    for rows, change in imprint(wave, data.mask, data.geometry):
        after, step = wide(image[rows], data.ends), wide(change, data.ends)
        before, used = undo(after, step, data.ends, stayed)
        stayed = stayed[used:]
        check.add(before)
        original[rows] = before
    complete = stayed.size < 8 and not stayed.any()
    if not complete or not hmac.compare_digest(check.digest(), data.original_check):
        raise RestoreError("the image is not, pixel by pixel, the marked one")
    return original
