"""Take the mark of a volume out again, exactly, frame by frame."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from watermark.errors import ArgumentError, MalformedError, RestoreError
from watermark.frame_groups import group_of, group_pattern
from watermark.pattern import Pattern
from watermark.restore_data import UNMARKED, parse
from watermark.stamp import unstamp
from watermark.volume_data import VolumeData, parse_volume

Image = npt.NDArray[np.integer[Any]]


def restore_volume(frames: Iterable[Image], restore_data: bytes, *, key: bytes) -> Iterator[Image]:
    """Yield the original frames, exact to the bit.

    Parameters
    ----------
    frames : iterable of integer arrays, shape (rows, columns)
        The marked frames, all of them, in order, as they were left.
    restore_data : bytes
        What was returned with them.
    key : bytes
        The 32-byte mark key.

    Raises
    ------
    MalformedError
        The restore data are no such thing; a frame's own are looked at when its turn comes.
    RestoreError
        Frames, restore data and key do not belong together: what came before is not to be used.
    """
    return _restored(frames, parse_volume(restore_data), key)


def _restored(frames: Iterable[Image], data: VolumeData, key: bytes) -> Iterator[Image]:
    waves: dict[int, Pattern] = {}
    count = 0
    for frame in frames:
        if frame.ndim != 2 or frame.dtype.kind not in "iu" or frame.dtype.itemsize > 4:
            raise ArgumentError(f"not a frame: {frame.ndim}-D {frame.dtype}")
        if count >= len(data.frames):
            raise RestoreError(f"there are more frames than the {count} of the restore data")
        if frame.shape != data.shape:
            raise RestoreError(f"the restore data belong to another size than {frame.shape}")
        own, group = data.frames[count], group_of(count)
        count += 1
        if own == UNMARKED:
            yield frame.copy()
            continue
        parsed = parse(own)
        if (parsed.geometry.rows, parsed.geometry.columns, parsed.payload) != (
            *data.shape,
            data.payload,
        ):
            raise MalformedError("the restore data of a frame belong to another volume")
        if group not in waves:
            waves[group] = group_pattern(
                data.payload, key=key, group=group, canvas=parsed.geometry.canvas
            )
        yield unstamp(frame, waves[group], parsed, key=key)
    if count != len(data.frames):
        raise RestoreError(f"there are {count} frames, the restore data have {len(data.frames)}")
