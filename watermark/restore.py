"""Take a mark out again, exactly."""

from typing import Any

import numpy as np
import numpy.typing as npt

from watermark.errors import ArgumentError
from watermark.pattern import pattern
from watermark.restore_data import UNMARKED, parse
from watermark.stamp import unstamp

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
    wave = pattern(data.payload, key=key, canvas=data.geometry.canvas)
    return unstamp(image, wave, data, key=key)
