"""Compare an object's samples and attributes with what was sealed."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from provenance.dicom.frames import compressed_frames
from provenance.dicom.instance import Note
from provenance.dicom.pixels import frames, pixel_geometry, pixel_notes
from provenance.dicom.read import Instance
from provenance.image_tree import (
    TILE,
    ImageTree,
    PixelGeometry,
    Region,
    changed_regions,
    hash_image,
)
from provenance.judging.evidence import PixelComparison

Samples = npt.NDArray[np.generic]
MAX_WHOLE_FRAMES = 256
Integers = npt.NDArray[np.integer[Any]]


def compare_pixels(signed: ImageTree | None, instance: Instance) -> PixelComparison:
    """Find out where the samples of ``instance`` are not those of ``signed``.

    Values are compared, not their storage: Bits Stored, sign and transfer syntax may differ.
    Raises UnreadableError when the pixels cannot be decoded.
    """
    geometry = pixel_geometry(instance)
    if signed is None:
        gained = None if geometry is None else "sealed without pixels, it has some now"
        return PixelComparison(geometry=gained)
    if geometry is None:
        return PixelComparison(geometry="sealed with pixels, it has none now")
    if (difference := _shape_difference(signed.geometry, geometry)) is not None:
        return PixelComparison(geometry=difference, regions=_whole_frames(geometry))
    # The same lossy bytes under another depth or sign show other values: those are decoded.
    if (
        signed.compressed is not None
        and geometry.lossy
        and _same_depth(signed.geometry, geometry)
        and Note.HIGH_BIT not in pixel_notes(instance, geometry)
    ):
        found = tuple(hashlib.sha256(f).digest() for f in compressed_frames(instance))
        if found == signed.compressed:
            return PixelComparison()
        return _compare_lossy(signed, instance, geometry, found)
    return _compare_samples(signed, instance, geometry)


def _whole_frames(geometry: PixelGeometry) -> tuple[Region, ...]:
    """What cannot be compared tile by tile differs everywhere; the first frames stand for all."""
    return tuple(
        Region(frame=frame, x=0, y=0, w=geometry.columns, h=geometry.rows)
        for frame in range(min(geometry.frames, MAX_WHOLE_FRAMES))
    )


def image_root(instance: Instance, *, as_decoded: bool = False) -> bytes | None:
    """Return the root of the object's pixels as they are, or None when it has none.

    ``as_decoded``: of the samples alone, however they are stored.
    """
    geometry = pixel_geometry(instance)
    if geometry is None:
        return None
    if as_decoded:
        return hash_image(frames(instance, geometry), geometry.as_decoded()).root
    compressed = None
    if geometry.lossy:
        compressed = tuple(hashlib.sha256(f).digest() for f in compressed_frames(instance))
    return hash_image(frames(instance, geometry), geometry, compressed=compressed).root


def decode_all(instance: Instance) -> None:
    """Decode every frame and keep nothing; UnreadableError when one does not decode."""
    geometry = pixel_geometry(instance)
    if geometry is not None:
        for _ in frames(instance, geometry):
            pass


def _shape_difference(signed: PixelGeometry, found: PixelGeometry) -> str | None:
    for name in ("rows", "columns", "frames", "samples", "kind", "colour"):
        was, now = getattr(signed, name), getattr(found, name)
        if was != now:
            return f"{name} were sealed as {was}, are {now} now"
    return None


def _compare_samples(
    signed: ImageTree, instance: Instance, geometry: PixelGeometry
) -> PixelComparison:
    container = _Container(signed.geometry)
    # The signed geometry fixes the width of a sample; only its lossy flag is the file's own.
    as_signed = signed.geometry.as_decoded()
    found = hash_image(container.fit(frames(instance, geometry)), as_signed)
    tiles = container.spoil(found.tiles, signed.geometry)
    regions = changed_regions(signed, replace(found, tiles=tiles))
    recoded = None
    if signed.geometry.lossy and not geometry.lossy:
        recoded = "frames that were sealed lossy have been decoded since"
        if regions:
            recoded += "; another decoder may differ by one grey level"
    elif not _same_depth(signed.geometry, geometry):
        recoded = (
            f"sealed with {_depth(signed.geometry)}, stored with {_depth(geometry)}; "
            "values are compared"
        )
    return PixelComparison(regions=regions, recoded=recoded)


def _compare_lossy(
    signed: ImageTree, instance: Instance, geometry: PixelGeometry, found: tuple[bytes, ...]
) -> PixelComparison:
    """Locate what differs when compressed frames are not those that were signed."""
    assert signed.compressed is not None
    container = _Container(signed.geometry)
    tree = hash_image(container.fit(frames(instance, geometry)), signed.geometry, compressed=found)
    tiles = container.spoil(tree.tiles, signed.geometry)
    regions = changed_regions(signed, replace(tree, tiles=tiles))
    whole = tuple(
        Region(frame=i, x=0, y=0, w=geometry.columns, h=geometry.rows)
        for i, (was, now) in enumerate(zip(signed.compressed, found, strict=True))
        if was != now and not any(r.frame == i for r in regions)
    )
    return PixelComparison(regions=tuple(sorted((*regions, *whole), key=lambda r: r.frame)))


def _same_depth(signed: PixelGeometry, found: PixelGeometry) -> bool:
    return (signed.bits_stored, signed.signed) == (found.bits_stored, found.signed)


def _depth(geometry: PixelGeometry) -> str:
    return f"{geometry.bits_stored} bits {'signed' if geometry.signed else 'unsigned'}"


class _Container:
    """Casts frames to the signed sample width and remembers the tiles whose values do not fit."""

    def __init__(self, geometry: PixelGeometry) -> None:
        self._dtype = geometry.dtype
        self._misfits: list[tuple[int, int, int]] = []

    def fit(self, found: Iterator[Samples]) -> Iterator[Samples]:
        for index, frame in enumerate(found):
            if frame.dtype == self._dtype or frame.dtype.kind == "f":
                yield frame
                continue
            limits, values = (
                np.iinfo(cast("np.dtype[np.integer[Any]]", self._dtype)),
                cast(Integers, frame),
            )
            if int(values.min()) < limits.min or int(values.max()) > limits.max:
                outside = (values < limits.min) | (values > limits.max)
                rows, columns = np.nonzero(outside)[:2]
                self._misfits.extend(
                    (index, r, c)
                    for r, c in {
                        *zip((rows // TILE).tolist(), (columns // TILE).tolist(), strict=True)
                    }
                )
            yield frame.astype(self._dtype)

    def spoil(self, tiles: bytes, geometry: PixelGeometry) -> bytes:
        """Return ``tiles`` with a hash that fits nothing for each tile with a misfit."""
        if not self._misfits:
            return tiles
        across = -(-geometry.columns // TILE)
        per_frame = across * -(-geometry.rows // TILE)
        spoilt = bytearray(tiles)
        for frame, row, column in self._misfits:
            at = 32 * (frame * per_frame + row * across + column)
            spoilt[at : at + 32] = bytes(32)
        return bytes(spoilt)
