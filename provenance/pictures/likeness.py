"""Compare a copy with what was sealed, once its mark has said what that is and where it lies."""

import numpy as np
import numpy.typing as npt

import watermark
from provenance.claims.annex import Annex
from provenance.claims.descriptor import SIDE, Resemblance, resemble
from provenance.image_tree import Region, Witness
from provenance.judging.evidence import Likeness
from provenance.marks.marking import Samples
from provenance.pictures.places import regions_of
from provenance.pictures.registration import GRID, register

CELL = 16  # points of the grid along a side of a cell of the mark (docs/spec/mark.md, section 3)


def compare_copy(
    plane: Samples, reading: watermark.Reading, annex: Annex, *, key: bytes
) -> Likeness:
    """Look where the mark shows, and hold the picture against the sealed thumbnail.

    Parameters
    ----------
    plane : integer, shape (rows, columns)
        Grey levels of the copy.
    reading : Reading
        The mark that was found in them.
    annex : Annex
        Of the seal that the mark names.
    key : bytes
        The mark key.
    """
    if annex.image is None or annex.image.geometry.frames != 1:
        return Likeness()  # of many frames nothing says which one a picture shows
    rows, columns = annex.image.geometry.rows, annex.image.geometry.columns
    presence = watermark.presence(plane, reading, key=key, shape=(rows, columns))
    picture = plane.shape[0], plane.shape[1]
    regions = regions_of(
        presence.certain,
        size=(CELL, CELL),
        placement=presence.placement,
        picture=picture,
        witness=Witness.PRESENCE,
    )
    if annex.descriptor is None:
        return Likeness(None, presence, regions)
    found = register(plane, presence.placement, rows=rows, columns=columns)
    alike = resemble(annex.descriptor, found)
    if alike.enough and not alike.same_image:
        whole = Region(0, 0, 0, picture[1], picture[0], Witness.THUMBNAIL)
        return Likeness(alike, presence, (whole,))
    coarse = regions_of(
        _cells(alike),
        size=(columns / max(rows, columns) * GRID / SIDE, rows / max(rows, columns) * GRID / SIDE),
        placement=presence.placement,
        picture=picture,
        witness=Witness.THUMBNAIL,
    )
    return Likeness(alike, presence, regions + coarse)


def _cells(alike: Resemblance) -> npt.NDArray[np.bool_]:
    cells = np.zeros((SIDE, SIDE), np.bool_)
    for row, column in alike.cells if alike.enough else ():
        cells[row, column] = True
    return cells
