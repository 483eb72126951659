"""Read a mark, or say that there is none."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from watermark import payload as framing
from watermark import polar
from watermark.canvas import to_canvas
from watermark.errors import ArgumentError, CapacityError
from watermark.evidence import Evidence, gather, terms
from watermark.grid import Geometry
from watermark.threshold import THRESHOLD, false_alarm_log10


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
    """

    payload: bytes
    score: float
    threshold: float
    false_alarm_log10: float
    inverted: bool


def detect(image: npt.NDArray[Any], *, key: bytes) -> Reading | None:
    """Read the mark of a key from an image of any size and grey scale."""
    if image.ndim != 2 or image.dtype.kind not in "iuf":
        raise ArgumentError(f"an image is 2-D and real, not {image.ndim}-D {image.dtype}")
    try:
        geometry = Geometry.of(image.shape)
    except CapacityError:
        return None
    return read(gather(terms(to_canvas(image, geometry)), key=key), key=key)


def read(evidence: Evidence, *, key: bytes) -> Reading | None:
    """Decode evidence; a reading needs a right tag and a score above the threshold."""
    if evidence.power <= 0:
        return None
    scale = np.abs(evidence.sums).mean()
    words, messages = polar.decode((evidence.sums / scale).astype(np.float32))
    number = framing.pick(messages, key=key)
    if number is None:
        return None
    score = evidence.score(words[number])
    if score < THRESHOLD:
        return None
    return Reading(
        payload=messages[number][: framing.ID_BYTES],
        score=score,
        threshold=THRESHOLD,
        false_alarm_log10=false_alarm_log10(score),
        inverted=polar.is_inverted(words[number]),
    )
