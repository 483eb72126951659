"""Forge the pixels of one frame: add a lesion, erase one, or change a single sample."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from provenance.errors import UsageError
from provenance.forgeries.clone import copy_disc, fill_disc
from provenance.forgeries.place import soft_place, spot
from provenance.image_tree import PixelGeometry
from provenance.pictures.picture import Look, Samples

Reals = npt.NDArray[np.float64]

_NODULE_SIZE = 0.022  # radius as a share of the shorter side; 8 mm in a chest radiograph
_ERASED_SIZE = 0.048
_LEAST_RADIUS = 2
_NODULE_CONTRAST = 0.17  # of the range from black to white


@dataclass(frozen=True, slots=True)
class Retouched:
    """A forged frame and what was done to it, in words."""

    samples: Samples
    what: str


Retouch = Callable[[Samples, PixelGeometry, Look], Retouched]


def add_lesion(samples: Samples, geometry: PixelGeometry, look: Look) -> Retouched:
    """Blend a soft, slightly lobed nodule into calm tissue, under the grain that is there."""
    radius = _radius(geometry, _NODULE_SIZE)
    column, row = soft_place(_tones(samples, look), radius=radius)
    shade = _nodule(samples.shape[:2], row, column, radius)
    span = max(look.high - look.low, 1.0)
    strength = max(_NODULE_CONTRAST * span, 1.0) * (-1.0 if look.inverted else 1.0)
    for signed_strength in (strength, -strength):
        forged = _stored(_added(samples, shade * signed_strength, geometry), geometry)
        if not np.array_equal(forged, samples):
            words = f"a soft nodule of {2 * radius} pixels was added at x {column} y {row}"
            return Retouched(forged, words)
    raise UsageError("the image has no grey level to spare for a nodule")


def erase(samples: Samples, geometry: PixelGeometry, look: Look) -> Retouched:
    """Paint the most conspicuous spot over with its surroundings."""
    radius = _radius(geometry, _ERASED_SIZE)
    tones = _tones(samples, look)
    middle = geometry.columns // 2, geometry.rows // 2
    for column, row in (spot(tones, radius=radius), soft_place(tones, radius=radius), middle):
        forged = _painted_over(samples, geometry, row, column, radius)
        if not np.array_equal(forged, samples):
            words = f"a spot of {2 * radius} pixels at x {column} y {row} was painted over"
            return Retouched(forged, words)
    raise UsageError("the image is flat where it was looked at: there is nothing to erase")


def change_pixel(samples: Samples, geometry: PixelGeometry, look: Look) -> Retouched:
    """Change one sample, in the middle, by the smallest step there is."""
    column, row = geometry.columns // 2, geometry.rows // 2
    at = (row, column) if samples.ndim == 2 else (row, column, 0)
    forged = samples.copy()
    if geometry.kind == "int":
        value, (_, top) = int(samples[at]), geometry.value_range
        forged[at] = value + 1 if value < top else value - 1
        words = f"one sample at x {column} y {row} went from {value} to {int(forged[at])}"
    else:
        forged[at] = np.nextafter(samples[at], samples.dtype.type(np.inf))
        words = f"one sample at x {column} y {row} went up by the smallest step there is"
    return Retouched(forged, words)


def _radius(geometry: PixelGeometry, share: float) -> int:
    if min(geometry.rows, geometry.columns) < 8:
        raise UsageError("the image is too small for this forgery: use pixel")
    return max(round(share * min(geometry.rows, geometry.columns)), _LEAST_RADIUS)


def _tones(samples: Samples, look: Look) -> Reals:
    """Return the frame as shown: black 0, white 1, colour averaged (luma alone for YBR)."""
    values = samples.astype(np.float64)
    if values.ndim == 3:
        values = values[..., 0] if look.colour == "ybr" else values.mean(axis=2)
    tones = np.clip((np.nan_to_num(values) - look.low) / max(look.high - look.low, 1e-9), 0, 1)
    return np.asarray(1 - tones if look.inverted else tones)


def _nodule(shape: tuple[int, ...], row: int, column: int, radius: int) -> Reals:
    """Return a soft-edged, lobed, unevenly dense disc: 0 outside, about 1 in the middle."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    angle = np.arctan2(y - row, x - column)
    lobes = ((0.10, 2, 1.0), (0.07, 3, 2.0), (0.04, 5, 0.0))
    edge = 1 + sum(size * np.sin(count * angle + turn) for size, count, turn in lobes)
    distance = np.hypot(y - row, x - column) / (radius * edge)
    soft = np.clip((1.12 - distance) / 0.75, 0, 1)
    body = soft * soft * (3 - 2 * soft)
    waves = np.sin(2.6 * (y - row) / radius + 0.5) * np.cos(2.1 * (x - column) / radius)
    return np.asarray(body * (1 + 0.12 * waves), dtype=np.float64)


def _added(samples: Samples, shade: Reals, geometry: PixelGeometry) -> Reals:
    values = samples.astype(np.float64)
    if values.ndim == 2:
        return values + shade
    if geometry.colour == "ybr":
        values[..., 0] += shade
        return values
    return values + shade[..., None]


def _painted_over(
    samples: Samples, geometry: PixelGeometry, row: int, column: int, radius: int
) -> Samples:
    if geometry.colour == "palette" or geometry.bits_stored == 1:
        return copy_disc(samples, row=row, column=column, radius=radius)
    planes = samples[..., None] if samples.ndim == 2 else samples
    filled = [
        fill_disc(np.nan_to_num(plane.astype(np.float64)), row=row, column=column, radius=radius)
        for plane in np.moveaxis(planes, 2, 0)
    ]
    values = np.stack(filled, axis=2)
    return _stored(values[..., 0] if samples.ndim == 2 else values, geometry)


def _stored(values: Reals, geometry: PixelGeometry) -> Samples:
    """Round and clip to what the image's samples can be."""
    if geometry.kind != "int":
        return values.astype(geometry.dtype)
    return np.clip(np.rint(values), *geometry.value_range).astype(geometry.dtype)
