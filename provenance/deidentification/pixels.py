"""The samples of a copy: those of the original before its mark, and boxes where text was.

The copy's own samples are compared and then not used, but for the boxes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from provenance.deidentification.declared import MAX_REGIONS
from provenance.deidentification.redaction import redact
from provenance.dicom.instance import Instance
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.replace import fresh_pixels
from provenance.errors import EvidenceError, SealError
from provenance.image_tree import ImageTree, PixelGeometry, Region, Samples
from provenance.verifying.compare import compare_pixels

NOT_REDACTED = "SE505"


@dataclass(frozen=True, slots=True)
class CleanPixels:
    """The copy with the samples it is to have, unmarked, and the boxes in them."""

    instance: Instance = field(repr=False)
    redacted: tuple[Region, ...]


def clean_pixels(
    copy: Instance, *, sealed: Instance, restored: Instance, tree: ImageTree, redacted: bool
) -> CleanPixels:
    """Return ``copy`` with the samples of ``restored``, which is ``sealed`` without its mark.

    ``tree`` is what was signed of ``sealed``. Raises EvidenceError where the copy's samples are
    neither as sealed nor as before the mark, and no redaction explains it; SealError for a
    redaction that nobody declared.
    """
    compared = compare_pixels(tree, copy)
    if compared.geometry is not None:
        raise EvidenceError(f"the copy shows another picture: {compared.geometry}")
    geometry = pixel_geometry(copy)
    assert geometry is not None
    if compared.equal and geometry.lossy:
        return CleanPixels(copy, ())  # compressed frames as sealed, which carry no mark
    if compared.equal or _same(copy, restored):
        wanted = [_fit(frame, geometry) for frame in _frames(restored)]
        return CleanPixels(fresh_pixels(copy, wanted, geometry), ())
    if not redacted:
        first = compared.regions[0]
        raise SealError(
            f"the copy's samples are not the original's: {len(compared.regions)} region(s), the "
            f"first frame {first.frame}, x {first.x} y {first.y}, {first.w}x{first.h}; if text was "
            "blacked out there, declare it with --redacted",
            code=NOT_REDACTED,
        )
    if geometry.lossy:
        raise SealError("frames that are stored lossy cannot be redacted", code=NOT_REDACTED)
    return _redacted(copy, geometry, sealed=sealed, restored=restored)


def _redacted(
    copy: Instance, geometry: PixelGeometry, *, sealed: Instance, restored: Instance
) -> CleanPixels:
    """Take the boxes of the copy, which some tool has made of the marked or the unmarked image."""
    marked = _differing(copy, sealed) <= _differing(copy, restored)
    wanted: list[Samples] = []
    boxes: list[Region] = []
    before = _frames(sealed if marked else restored)
    for number, (now, was, plain) in enumerate(
        zip(_frames(copy), before, _frames(restored), strict=True)
    ):
        done = redact(number, plain, was, now)
        wanted.append(_fit(done.samples, geometry))
        boxes.extend(done.boxes)
    if len(boxes) > MAX_REGIONS:
        raise EvidenceError(f"{len(boxes)} boxes are redacted, {MAX_REGIONS} can be declared")
    return CleanPixels(fresh_pixels(copy, wanted, geometry), tuple(boxes))


def _frames(instance: Instance) -> Iterator[Samples]:
    geometry = pixel_geometry(instance)
    assert geometry is not None
    return frames(instance, geometry)


def _same(one: Instance, other: Instance) -> bool:
    pairs = zip(_frames(one), _frames(other), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def _differing(one: Instance, other: Instance) -> int:
    pairs = zip(_frames(one), _frames(other), strict=True)
    return sum(int(np.count_nonzero(a != b)) for a, b in pairs)


def _fit(frame: Samples, geometry: PixelGeometry) -> Samples:
    """Return a frame in the width of the copy's samples."""
    return frame.astype(geometry.dtype, copy=False)
