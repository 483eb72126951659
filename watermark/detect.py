"""Read a mark, or say that there is none."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark import payload as framing
from watermark import polar
from watermark.canvas import to_canvas
from watermark.errors import ArgumentError, CapacityError
from watermark.evidence import WEIGHTS, Gathered, gather, terms
from watermark.grid import Geometry
from watermark.placement import Placement
from watermark.threshold import READINGS, TAGS, THRESHOLD, false_alarm_log10

TAGS_A_READING: Final = 16
"""Likeliest words of one reading whose tags are looked at: no reading spends them all."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A mark that was found.

    Attributes
    ----------
    payload : bytes
        The 12-byte id.
    score : float
        Squared correlation over its variance by chance; at least ``threshold``.
    threshold : float
        The least score that counts.
    false_alarm_log10 : float
        Log of a bound on the chance that an unmarked image reads like this.
    inverted : bool
        The grey scale is turned.
    placement : Placement
        Where the marked image lies in the picture.
    attempts : int
        Readings that were tried.
    """

    payload: bytes
    score: float
    threshold: float
    false_alarm_log10: float
    inverted: bool
    placement: Placement
    attempts: int


@dataclass(slots=True)
class Allowance:
    """What one call may still try (spec, 5): both numbers enter its bounds."""

    readings: int = READINGS
    tags: int = TAGS


def detect(image: npt.NDArray[Any], *, key: bytes) -> Reading | None:
    """Read the mark of a key from an image of any size and grey scale, upright and whole."""
    geometry = upright(image)
    if geometry is None:
        return None
    gathered = gather(terms(to_canvas(image, geometry)), key=key)
    return read(gathered, Allowance(), key=key, placement=Placement.upright(geometry))


def upright(image: npt.NDArray[Any]) -> Geometry | None:
    """Return the geometry of an image, or None if it is too small for a mark."""
    if image.ndim != 2 or image.dtype.kind not in "iuf":
        raise ArgumentError(f"an image is 2-D and real, not {image.ndim}-D {image.dtype}")
    try:
        return Geometry.of(image.shape)
    except CapacityError:
        return None


def read(
    gathered: Gathered, allowance: Allowance, *, key: bytes, placement: Placement
) -> Reading | None:
    """Decode evidence under each weighing of the levels, as far as the allowance goes.

    Words below the threshold are not looked at; of the others, the first one with a right tag
    is returned.
    """
    for weights in WEIGHTS:
        if allowance.readings <= 0:
            return None
        allowance.readings -= 1
        evidence = gathered.weighed(weights)
        if evidence.power <= 0:
            return None
        scale = np.abs(evidence.sums).mean()
        words, messages = polar.decode((evidence.sums / scale).astype(np.float32))
        scores = evidence.scores(words)
        for number in np.flatnonzero(scores >= THRESHOLD)[:TAGS_A_READING]:
            if allowance.tags <= 0:
                return None
            allowance.tags -= 1
            if framing.is_whole(messages[number], key=key):
                return Reading(
                    payload=messages[number][: framing.ID_BYTES],
                    score=float(scores[number]),
                    threshold=THRESHOLD,
                    false_alarm_log10=false_alarm_log10(float(scores[number])),
                    inverted=polar.is_inverted(words[number]),
                    placement=placement,
                    attempts=READINGS - allowance.readings,
                )
    return None
