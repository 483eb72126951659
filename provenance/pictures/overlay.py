"""Show on the image itself where it differs, and where nothing can be told."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from provenance.dicom.pixels import pixel_geometry
from provenance.dicom.read import read_instance
from provenance.image_tree import Colour, Region, Witness
from provenance.pictures import heatmap
from provenance.pictures.likeness import CELL
from provenance.pictures.picture import Look, own_range, render, show, shrink
from provenance.pictures.picture_file import is_picture, read_head, read_picture_file
from provenance.pictures.png import Picture
from provenance.verifying.examination import Examination
from watermark import Presence

LONGEST = 1600  # pixels of the longer side

Mask = npt.NDArray[np.bool_]


def draw_overlay(source: bytes | Path, examination: Examination) -> Picture | None:
    """Return what was judged with its regions drawn in; None when there are no regions.

    The regions are tinted and outlined, the rest is dimmed. Of a copy, what the mark cannot speak
    for is hatched. Of many frames the first that differs is shown.

    Raises UnreadableError or OSError when the file is no longer what it was.
    """
    regions = examination.verdict.regions
    if not regions:
        return None
    frame = regions[0].frame
    whole = _shown(source, frame)
    picture = shrink(whole, longest=LONGEST)
    scale = max(picture.shape[:2]) / max(whole.shape[:2])
    presence = _presence(examination)
    if presence is None:
        return heatmap.locate(picture, regions, frame=frame, scale=scale)
    altered, unknown = _cells_in(picture.shape[:2], presence, scale=scale)
    boxes = tuple(r for r in regions if r.witness is not Witness.PRESENCE)
    altered |= _inside(picture.shape[:2], boxes, scale=scale)
    return heatmap.hatch(heatmap.point_out(picture, altered), unknown & ~altered)


def _presence(examination: Examination) -> Presence | None:
    """Return the map that the regions were taken from; of tiles there is none."""
    evidence = examination.evidence
    by_tiles = examination.verdict.regions[0].witness is Witness.TILES
    if by_tiles or evidence is None or evidence.likeness is None:
        return None
    return evidence.likeness.presence


def _shown(source: bytes | Path, frame: int) -> Picture:
    if not is_picture(read_head(source)):
        instance = read_instance(source)
        geometry = pixel_geometry(instance)
        last = 0 if geometry is None else geometry.frames - 1
        return render(instance, min(frame, last))
    samples = read_picture_file(source).samples
    colour: Colour = "grey" if samples.ndim == 2 else "rgb"
    low, high = (0.0, 255.0) if samples.dtype == np.uint8 else own_range(samples)
    return show(samples, Look(low, high, inverted=False, colour=colour))


def _cells_in(shape: tuple[int, ...], presence: Presence, *, scale: float) -> tuple[Mask, Mask]:
    """Return which pixels of the picture, reduced by ``scale``, are altered, and are not known."""
    rows, columns = shape
    x, y = np.meshgrid((np.arange(columns) + 0.5) / scale, (np.arange(rows) + 0.5) / scale)
    points = presence.placement.to_grid(np.stack([x.ravel(), y.ravel()], axis=1)) / CELL
    at = np.floor(points).reshape(rows, columns, 2)
    inside = (at >= 0).all(axis=2)
    inside &= (at < np.array(presence.known.shape[::-1])).all(axis=2)
    column, row = (np.where(inside, at[..., axis], 0).astype(np.intp) for axis in (0, 1))
    altered = inside & presence.altered[row, column]
    known = inside & presence.known[row, column]
    return altered, ~known


def _inside(shape: tuple[int, ...], regions: tuple[Region, ...], *, scale: float) -> Mask:
    inside = np.zeros(shape, np.bool_)
    for r in regions:
        bottom, right = r.y + r.h, r.x + r.w
        inside[
            int(r.y * scale) : max(round(bottom * scale), int(r.y * scale) + 1),
            int(r.x * scale) : max(round(right * scale), int(r.x * scale) + 1),
        ] = True
    return inside
