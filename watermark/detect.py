"""Read a mark, or say that there is none."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark import payload as framing
from watermark import polar
from watermark.canvas import to_canvas
from watermark.errors import ArgumentError, CapacityError
from watermark.evidence import WEIGHTS, Evidence, Gathered, gather, terms
from watermark.grid import Geometry
from watermark.placement import Placement
from watermark.threshold import READINGS, TAGS, THRESHOLD, false_alarm_log10

HOPELESS: Final = 40.0
"""Excess below which nothing is decoded: one word in 8,000 of those at the threshold has less."""
PROMISING: Final = 90.0
"""Excess above which many paths are followed; chance has it once in forty readings."""
STRONG: Final = 1.3
"""Score, in thresholds, from which a word is seldom another than the likeliest one."""
RESERVED: Final = 64
"""Tags that are kept for strong words: a place that nearly reads must not spend them all."""
TAGS_OF_FEW: Final = 2
"""Likeliest words of one decoding with few paths whose tags are looked at, be they not strong."""
TAGS_OF_MANY: Final = 32
"""The same with many paths: near the threshold the right word is one of hundreds."""
_FEW: Final = polar.FEW, TAGS_OF_FEW
_MANY: Final = polar.MANY, TAGS_OF_MANY


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
    """What one call may still try (spec, 5): readings and tags enter its bounds.

    Words that are not strong leave ``reserved`` tags to others; words whose tag was wrong are not
    looked at again.
    """

    readings: int = READINGS
    tags: int = TAGS
    reserved: int = RESERVED
    wrong: set[bytes] = field(default_factory=set)


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

    Evidence that holds no more than chance is passed by. If a few paths find no word, but the
    best of the evidence promises one, it is decoded with many. Words below the threshold are not
    looked at; of the others, the first one with a right tag is returned.
    """
    tried: list[Evidence] = []
    for weights in WEIGHTS:
        if allowance.readings <= 0:
            break
        allowance.readings -= 1
        tried.append(gathered.weighed(weights))
        if tried[-1].excess > HOPELESS:
            reading = _decode(tried[-1], allowance, *_FEW, key=key, placement=placement)
            if reading is not None:
                return reading
    best = max(tried, key=lambda evidence: evidence.excess, default=None)
    if best is None or not best.excess > PROMISING:
        return None
    return _decode(best, allowance, *_MANY, key=key, placement=placement)


def _decode(
    evidence: Evidence,
    allowance: Allowance,
    paths: int,
    tags: int,
    *,
    key: bytes,
    placement: Placement,
) -> Reading | None:
    """Return the reading of the likeliest word above the threshold whose tag is right."""
    scale = np.abs(evidence.sums).mean()
    words, messages = polar.decode((evidence.sums / scale).astype(np.float32), paths=paths)
    scores = evidence.scores(words)
    for number in np.argsort(-scores, kind="stable"):
        strong = scores[number] >= STRONG * THRESHOLD
        left = allowance.tags if strong else min(tags, allowance.tags - allowance.reserved)
        if not scores[number] >= THRESHOLD or left <= 0:
            return None
        if messages[number] in allowance.wrong:
            continue
        allowance.tags, tags = allowance.tags - 1, tags - (not strong)
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
        allowance.wrong.add(messages[number])
    return None
