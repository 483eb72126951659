"""Mark the frames of a multi-frame object, and take the mark out again; one frame at a time.

The changed frames are kept until they are written; nothing else grows with their number.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from provenance.dicom.pixels import frames
from provenance.dicom.read import Instance
from provenance.image_tree import PixelGeometry, hash_image
from provenance.marks.marking import ChangeSum, Samples
from watermark import MarkedVolume, VolumeEmbedder, restore_volume


@dataclass(frozen=True, slots=True)
class MarkedFrames:
    """Marked frames, what restores them, the root of the originals, and what changed."""

    frames: list[Samples] = field(repr=False)
    volume: MarkedVolume
    original_root: bytes
    change: ChangeSum


def mark_frames(
    instance: Instance, geometry: PixelGeometry, *, seal_id: bytes, key: bytes, profile: str
) -> MarkedFrames:
    """Mark every frame with one id; CapacityError if all together cannot carry it."""
    embedder = VolumeEmbedder(seal_id, key=key, bits_stored=geometry.bits_stored, profile=profile)
    kept: list[Samples] = []
    change = ChangeSum()

    def originals() -> Iterator[Samples]:
        for frame in frames(instance, geometry):
            marked = embedder.add(frame)
            change.add(frame, marked)
            kept.append(marked)
            yield frame

    root = hash_image(originals(), geometry.as_decoded()).root
    return MarkedFrames(kept, embedder.finish(), root, change)


def restore_frames(
    instance: Instance, geometry: PixelGeometry, data: bytes, *, key: bytes, signed: PixelGeometry
) -> tuple[list[Samples], bytes]:
    """Return the original frames and their root, in the geometry that was signed.

    Raises WatermarkError where frames, data and key do not belong together.
    """
    restored: list[Samples] = []

    def originals() -> Iterator[Samples]:
        marked = (frame.astype(signed.dtype) for frame in frames(instance, geometry))
        for frame in restore_volume(marked, data, key=key):
            restored.append(cast("np.ndarray[Any, Any]", frame).astype(geometry.dtype, copy=False))
            yield frame

    root = hash_image(originals(), signed.as_decoded()).root
    return restored, root
