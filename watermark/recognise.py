"""Find out which of some known ids a picture bears, where blind reading no longer works."""

import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from watermark import payload as framing
from watermark import polar
from watermark.canvas import to_canvas
from watermark.detect import Reading, upright
from watermark.errors import ArgumentError
from watermark.evidence import WEIGHTS, Evidence, Gathered, gather, terms
from watermark.placement import Placement
from watermark.search import SECONDS, placements
from watermark.threshold import READINGS, false_alarm_log10, least_score
from watermark.warp import shown_canvas, warp

MOST: Final = 1 << 20
"""Ids that can be asked for at once."""
_BATCH: Final = 4096


def recognise(
    image: npt.NDArray[Any],
    *,
    key: bytes,
    payloads: Sequence[bytes],
    seconds: float = SECONDS,
) -> Reading | None:
    """Say which of some ids a picture bears; with few of them, a third of the evidence will do.

    Parameters
    ----------
    image : integer or float, shape (rows, columns)
        Grey levels.
    key : bytes
        The 32-byte mark key.
    payloads : sequence of bytes
        The 12-byte ids to choose from, named before the picture is looked at: at most 2^20.
    seconds : float
        No new placement is tried after this much processor time of the calling thread; 0: the
        picture as it lies, and no other.

    Returns
    -------
    Reading or None
        As from ``search``; its threshold is that of so many ids (spec, 5).
    """
    if len(payloads) > MOST:
        raise ArgumentError(f"at most {MOST} ids can be asked for at once, not {len(payloads)}")
    end = time.thread_time() + seconds
    geometry = upright(image)
    ids = list(dict.fromkeys(payloads))
    if geometry is None or not ids:
        return None
    messages = [framing.frame(payload, key=key) for payload in ids]
    asked = _Asked(ids, messages)
    gathered = gather(terms(to_canvas(image, geometry)), key=key)
    found = asked.read(gathered, Placement.upright(geometry))
    if found is not None:
        return found
    places = placements(image, key=key, end=end, agreed=0.0) if seconds > 0 else ()
    for placement in places:
        if time.thread_time() >= end:
            return None
        grid, inside = warp(image, placement, shown_canvas(image, placement))
        found = asked.read(gather(terms(grid, inside), key=key), placement)
        if found is not None:
            return found
    return None


class _Asked:
    """The ids in question, and how many readings have been made."""

    def __init__(self, ids: list[bytes], messages: list[bytes]) -> None:
        self.ids = ids
        self.messages = messages
        self.threshold = least_score(2 * len(ids))
        self.readings = 0

    def read(self, gathered: Gathered, placement: Placement) -> Reading | None:
        """Return the likeliest id under each weighing, if it is likely enough."""
        for weights in WEIGHTS:
            if self.readings >= READINGS:
                return None
            self.readings += 1
            number, score, inverted = self._best(gathered.weighed(weights))
            if score >= self.threshold:
                return Reading(
                    payload=self.ids[number],
                    score=score,
                    threshold=self.threshold,
                    false_alarm_log10=false_alarm_log10(score, words=2 * len(self.ids)),
                    inverted=inverted,
                    placement=placement,
                    attempts=self.readings,
                )
        return None

    def _best(self, evidence: Evidence) -> tuple[int, float, bool]:
        """Return the likeliest id, its score, and whether it stands with the grey scale turned.

        The score is over the greater of two variances: that of coins for the chips, and that of
        coins for the code word. So a strong mark with an id that is not among those asked for
        does not lend its strength to another.
        """
        power = max(evidence.power, float(np.square(evidence.sums).sum()))
        if power <= 0:
            return 0, 0.0, False
        best = (0, 0.0, False)
        for start in range(0, len(self.messages), _BATCH):
            words = polar.encode_all(self.messages[start : start + _BATCH])
            totals = (1.0 - 2.0 * words) @ evidence.sums
            place = int(np.abs(totals).argmax())
            score = float(totals[place]) ** 2 / power
            if score > best[1]:
                best = (start + place, score, bool(totals[place] < 0))
        return best
