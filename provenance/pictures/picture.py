"""Show an image: canonical samples to 8-bit grey or RGB, as a viewer would put them on a screen.

A `Look` is taken once, from the untouched image, and used for every version of it: a window that
followed each version would hide what was done to it. Pictures are for eyes; nothing is judged by
them.
"""

from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import Instance
from provenance.dicom.values import text
from provenance.errors import UsageError
from provenance.image_tree import Colour, PixelGeometry
from provenance.pictures.palette import Palette, read_palette
from provenance.pictures.png import Picture

Samples = npt.NDArray[np.generic]

_WINDOW_CENTER, _WINDOW_WIDTH = 0x00281050, 0x00281051
_RESCALE_INTERCEPT, _RESCALE_SLOPE = 0x00281052, 0x00281053
_VOI_LUT_MACRO, _TRANSFORMATION_MACRO = 0x00289132, 0x00289145
_FUNCTIONAL_GROUPS = (0x52009229, 0x52009230)  # shared, per frame
_PHOTOMETRIC = 0x00280004
# Without a usable window, this share of the samples (percent) may be clipped at either end.
_CLIPPED = 0.5
# A single value that fills more than this share of a frame is background, and not to be spread.
_BACKGROUND = 0.25
# What pydicom raises for functional groups that are not as they should be.
_UNUSABLE = (AttributeError, IndexError, KeyError, NotImplementedError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Look:
    """The straight line from samples to grey levels: ``low`` becomes black, ``high`` white.

    ``inverted`` for MONOCHROME1 (PS3.3 C.7.6.3.1.2), where small values are white; ``palette`` for
    the samples that stand for colours.
    """

    low: float
    high: float
    inverted: bool
    colour: Colour
    palette: Palette | None = None


def read_frame(instance: Instance, geometry: PixelGeometry, number: int = 0) -> Samples:
    """Return the canonical samples of frame ``number``, from zero; UnreadableError, UsageError."""
    if not 0 <= number < geometry.frames:
        raise UsageError(f"there is no frame {number}: the image has {geometry.frames}")
    return next(islice(frames(instance, geometry), number, None))


def render(instance: Instance, number: int = 0) -> Picture:
    """Show one frame of an object, with its own look.

    Raises UsageError for an object without pixels, UnreadableError when they do not decode.
    """
    geometry = pixel_geometry(instance)
    if geometry is None:
        raise UsageError("the object has no pixels to show")
    samples = read_frame(instance, geometry, number)
    return show(samples, take_look(instance, samples, geometry))


def take_look(instance: Instance, samples: Samples, geometry: PixelGeometry) -> Look:
    """Choose how to show an object's samples.

    The file's own window (PS3.3 C.11.2) counts, unless it is wider than the samples it is meant
    to spread; then the samples' own range does.
    """
    dataset = instance.dataset
    palette = read_palette(dataset) if geometry.samples == 1 else None
    if geometry.colour not in ("grey", "palette"):
        return Look(0.0, float((1 << geometry.bits_stored) - 1), False, geometry.colour)
    low, high = own_range(samples)
    window = _window(dataset)
    if window is not None and window[1] - window[0] < high - low:
        low, high = window
    inverted = text(dataset, _PHOTOMETRIC) == "MONOCHROME1"
    return Look(low, high, inverted, geometry.colour, palette)


def own_range(samples: Samples) -> tuple[float, float]:
    """Return the levels to show as black and as white when nothing says which."""
    sparse = samples[:: max(samples.shape[0] // 512, 1), :: max(samples.shape[1] // 512, 1)]
    values = np.asarray(sparse[np.isfinite(sparse)], dtype=np.float64)
    if not values.size:
        return 0.0, 1.0
    levels, counts = np.unique(values, return_counts=True)
    if len(levels) > 2 and counts.max() > _BACKGROUND * values.size:
        values = values[values != levels[counts.argmax()]]
    low, high = np.percentile(values, [_CLIPPED, 100 - _CLIPPED])
    if high <= low:
        low, high = float(values.min()), float(values.max())
    return float(low), float(max(high, low + 1))


def show(samples: Samples, look: Look) -> Picture:
    """Put samples on a screen.

    Parameters
    ----------
    samples : any numeric dtype, shape (rows, columns) or (rows, columns, 3)
        Canonical samples (docs/spec/image-tree.md).
    look : Look
        What is black and what is white, in units of the samples.

    Returns
    -------
    uint8, shape (rows, columns) or (rows, columns, 3)
        Grey levels or RGB.
    """
    span = max(look.high - look.low, 1e-9)
    levels = (samples.astype(np.float32) - np.float32(look.low)) * np.float32(255 / span)
    levels = np.clip(np.nan_to_num(levels), 0, 255)
    picture = np.asarray(np.rint(255 - levels if look.inverted else levels), dtype=np.uint8)
    if look.colour == "ybr":
        picture = _rgb_of_ybr(picture)
    if look.palette is not None:
        picture = look.palette.colour(samples, picture, every=look.colour == "palette")
    return np.ascontiguousarray(picture[..., :3] if picture.ndim == 3 else picture)


def shrink(picture: Picture, *, longest: int) -> Picture:
    """Reduce a picture by area means until neither side exceeds ``longest`` pixels."""
    rows, columns = picture.shape[:2]
    scale = max(rows, columns) / longest
    if scale <= 1:
        return picture
    down = _means(picture.astype(np.float32), max(round(rows / scale), 1), axis=0)
    return np.rint(_means(down, max(round(columns / scale), 1), axis=1)).astype(np.uint8)


def enlarge(picture: Picture, *, least: int) -> Picture:
    """Repeat whole pixels until the longer side has at least ``least``."""
    times = -(-least // max(picture.shape[:2]))
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def as_rgb(picture: Picture) -> Picture:
    """Return the picture in three channels."""
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def _means(values: npt.NDArray[np.float32], count: int, *, axis: int) -> npt.NDArray[np.float32]:
    edges = np.arange(count + 1) * values.shape[axis] // count
    sums = np.add.reduceat(values, edges[:-1], axis=axis)
    shape = [1] * values.ndim
    shape[axis] = count
    return np.asarray(sums / np.diff(edges).reshape(shape), dtype=np.float32)


def _window(dataset: Dataset) -> tuple[float, float] | None:
    """Return the file's first window in units of its samples (PS3.3 C.11.2.1.2.1)."""
    centre = _number(dataset, _WINDOW_CENTER, _VOI_LUT_MACRO)
    width = _number(dataset, _WINDOW_WIDTH, _VOI_LUT_MACRO)
    if centre is None or width is None or width < 1:
        return None
    slope = _number(dataset, _RESCALE_SLOPE, _TRANSFORMATION_MACRO) or 1.0
    intercept = _number(dataset, _RESCALE_INTERCEPT, _TRANSFORMATION_MACRO) or 0.0
    low, high = centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2
    ends = sorted(((low - intercept) / slope, (high - intercept) / slope))
    return (ends[0], ends[1]) if ends[0] < ends[1] else None


def _number(dataset: Dataset, tag: int, macro: int) -> float | None:
    """Return the first number of an attribute: of the object, or of its first functional group."""
    for holder in (dataset, *_functional_groups(dataset, macro)):
        try:
            number = float(text(holder, tag).split("\\")[0].strip("[]").split(",")[0])
        except ValueError:
            continue
        if np.isfinite(number):
            return number
    return None


def _functional_groups(dataset: Dataset, macro: int) -> list[Dataset]:
    """Return the items of a functional group macro (PS3.3 C.7.6.16), the shared one first."""
    found: list[Dataset] = []
    for tag in _FUNCTIONAL_GROUPS:
        try:
            found.append(dataset[tag].value[0][macro].value[0])
        except _UNUSABLE:
            continue
    return found


def _rgb_of_ybr(picture: Picture) -> Picture:
    """Undo YBR_FULL (PS3.3 C.7.6.3.1.2)."""
    y, cb, cr = (picture[..., i].astype(np.float32) for i in range(3))
    red = y + 1.402 * (cr - 128)
    green = y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128)
    blue = y + 1.772 * (cb - 128)
    return np.asarray(np.rint(np.clip(np.stack([red, green, blue], axis=2), 0, 255)), np.uint8)
