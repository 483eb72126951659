"""Palettes: samples that stand for colours (PS3.3 C.7.6.3.1.5 and, supplemental, C.7.6.19)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from provenance.pictures.png import Picture

_DESCRIPTOR = 0x00281101  # of red; the other two must be the same
_DATA = (0x00281201, 0x00281202, 0x00281203)
# What pydicom raises for a palette that is not as it should be.
_UNUSABLE = (AttributeError, IndexError, KeyError, NotImplementedError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of the sample values from ``first`` on."""

    first: int
    colours: Picture

    def colour(self, samples: npt.NDArray[np.generic], picture: Picture, *, every: bool) -> Picture:
        """Return ``picture`` in RGB, coloured where samples reach into the palette.

        Parameters
        ----------
        samples : integer, shape (rows, columns)
            Canonical samples.
        picture : uint8, shape (rows, columns)
            What is shown where they do not.
        every : bool
            Values below the first and above the last entry take that entry's colour.

        Returns
        -------
        uint8, shape (rows, columns, 3)
        """
        entries = samples.astype(np.int64) - self.first
        colours = self.colours[np.clip(entries, 0, len(self.colours) - 1)]
        if every:
            return colours
        return np.where((entries >= 0)[..., None], colours, picture[..., None])


def read_palette(dataset: Dataset) -> Palette | None:
    """Return an object's palette; None when it has none, or a segmented or damaged one."""
    try:
        count, first, bits = dataset[_DESCRIPTOR].value
        channels = [_channel(dataset, tag, count or 65536, bits) for tag in _DATA]
    except _UNUSABLE:
        return None
    return Palette(int(first), np.stack(channels, axis=1))


def _channel(dataset: Dataset, tag: int, count: int, bits: int) -> Picture:
    """Return one channel's entries in 8 bits; a ValueError if they are not all there."""
    data = dataset[tag].value
    if len(data) < 2 * count:
        return np.frombuffer(data, np.uint8, count)
    order = ">" if dataset.original_encoding[1] is False else "<"
    entries = np.frombuffer(data, f"{order}u2", count)
    return (entries >> 8 if bits > 8 else entries).astype(np.uint8)
