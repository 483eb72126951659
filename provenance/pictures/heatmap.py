"""Draw where an image differs: the tiles that verification names, and the differences themselves.

The first needs the verdict alone. The second needs both images, so only who still has the sealed
one can draw it.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from provenance.image_tree import Region
from provenance.pictures.picture import Samples, as_rgb
from provenance.pictures.png import Picture

Reals = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

# Black, violet, red, amber, pale yellow: dark to light, so that it reads in grey too.
_STOPS = (0.0, 0.25, 0.5, 0.75, 1.0)
_COLOURS = np.array(
    [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]], np.float32
)
_FRAME = np.array(
    [255, 176, 0], np.float32
)  # amber: no tissue, and told apart by colour-blind eyes
_EDGE = np.array([0, 0, 0], np.float32)
_TINT = 0.10
_DIMMED = 0.45
_LINES = np.array([120, 150, 190], np.float32)  # a cold grey, unlike amber
_HATCHING = 0.55


def locate(picture: Picture, regions: Iterable[Region], *, frame: int, scale: float) -> Picture:
    """Draw the regions of one frame over its picture.

    Parameters
    ----------
    picture : uint8, shape (rows, columns) or (rows, columns, 3)
        The frame as shown, possibly reduced.
    regions : iterable of Region
        In pixels of the image; those of other frames are left out.
    frame : int
        The frame that the picture shows, from zero.
    scale : float
        Picture pixels per image pixel.

    Returns
    -------
    uint8, shape (rows, columns, 3)
        The picture dimmed, the regions tinted and outlined; untouched if there are none.
    """
    boxes = [_box(r, scale, picture.shape) for r in regions if r.frame == frame]
    inside = np.zeros(picture.shape[:2], np.bool_)
    for top, bottom, left, right in boxes:
        inside[top:bottom, left:right] = True
    return point_out(picture, inside)


def point_out(picture: Picture, inside: Mask) -> Picture:
    """Draw an area over a picture.

    Parameters
    ----------
    picture : uint8, shape (rows, columns) or (rows, columns, 3)
        What is shown.
    inside : bool, shape (rows, columns)
        The area.

    Returns
    -------
    uint8, shape (rows, columns, 3)
        The picture dimmed, the area tinted and outlined; untouched if the area is empty.
    """
    colours = as_rgb(picture)
    if not inside.any():
        return colours
    drawn = colours.astype(np.float32)
    drawn[~inside] *= _DIMMED
    drawn[inside] += _TINT * (_FRAME - drawn[inside])
    width = max(round(max(picture.shape[:2]) / 240), 1)
    line = _outline(inside, width)
    drawn[_outline(inside, 2 * width) & ~line] = _EDGE
    drawn[line] = _FRAME
    return np.rint(drawn).astype(np.uint8)


def hatch(picture: Picture, area: Mask) -> Picture:
    """Draw thin slanting lines over an area of which nothing can be told.

    Parameters
    ----------
    picture : uint8, shape (rows, columns) or (rows, columns, 3)
        What is shown.
    area : bool, shape (rows, columns)
        Where the lines go.

    Returns
    -------
    uint8, shape (rows, columns, 3)
    """
    drawn = as_rgb(picture).copy()
    step = max(round(max(picture.shape[:2]) / 60), 6)
    rows, columns = np.ogrid[: area.shape[0], : area.shape[1]]
    lines = area & ((rows + columns) % step < max(step // 6, 1))
    drawn[lines] = np.rint(drawn[lines] * (1 - _HATCHING) + _LINES * _HATCHING)
    return drawn


def difference(before: Samples, after: Samples) -> Reals:
    """Return how much two frames differ.

    Parameters
    ----------
    before, after : any numeric dtype, one shape, (rows, columns) or (rows, columns, samples)
        Canonical samples.

    Returns
    -------
    float32, shape (rows, columns)
        The largest absolute difference over the channels, in units of the samples.
    """
    distance = np.abs(after.astype(np.float64) - before.astype(np.float64))
    if distance.ndim == 3:
        distance = distance.max(axis=2)
    return distance.astype(np.float32)


def heat(values: Reals, *, most: float) -> Picture:
    """Colour values from 0 (black) to ``most`` (pale yellow).

    Parameters
    ----------
    values : float32, shape (rows, columns)
        What to show, not negative.
    most : float
        The value shown lightest; larger ones look the same.

    Returns
    -------
    uint8, shape (rows, columns, 3)
    """
    share = np.clip(values / max(most, 1e-9), 0, 1)
    channels = [np.interp(share, _STOPS, _COLOURS[:, i]) for i in range(3)]
    return np.asarray(np.rint(np.stack(channels, axis=2)), dtype=np.uint8)


def bounds(values: Reals, *, margin: float, least: int) -> tuple[slice, slice] | None:
    """Return rows and columns around everything that is not zero, or None if all is.

    Parameters
    ----------
    values : float32, shape (rows, columns)
        A difference.
    margin : float
        What to add on each side, as a share of the extent of the difference.
    least : int
        The least height, in pixels. The cut is a third wider than high, where it fits.
    """
    rows, columns = np.nonzero(values)
    if not rows.size:
        return None
    extent = max(int(np.ptp(rows)), int(np.ptp(columns))) + 1
    height = max(round(extent * (1 + 2 * margin)), least)
    return (
        _span(int(rows.min()), int(rows.max()), height, values.shape[0]),
        _span(int(columns.min()), int(columns.max()), height * 4 // 3, values.shape[1]),
    )


def _box(region: Region, scale: float, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    top, left = round(region.y * scale), round(region.x * scale)
    bottom = max(round((region.y + region.h) * scale), top + 1)
    right = max(round((region.x + region.w) * scale), left + 1)
    return top, min(bottom, shape[0]), left, min(right, shape[1])


def _outline(inside: Mask, width: int) -> Mask:
    """Return the pixels just outside of an area, ``width`` wide, and those on the image's edge."""
    grown = inside.copy()
    for _ in range(width):
        step = grown.copy()
        step[1:] |= grown[:-1]
        step[:-1] |= grown[1:]
        step[:, 1:] |= grown[:, :-1]
        step[:, :-1] |= grown[:, 1:]
        grown = step
    line = grown & ~inside
    border = np.zeros_like(inside)
    border[:width], border[-width:], border[:, :width], border[:, -width:] = True, True, True, True
    return line | (border & inside)


def _span(first: int, last: int, side: int, length: int) -> slice:
    start = max(min((first + last + 1 - side) // 2, length - side), 0)
    return slice(start, min(start + side, length))
