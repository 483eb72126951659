"""How high a score must be, so that chance alone never reaches it.

The signs of the coefficients are a keyed stream, so for any image made without the key the sum
for one code word is ``sum of a_i s_i`` with coins ``s_i``. Hoeffding 1963, theorem 2:
``P(sum >= t sqrt(sum of a_i^2)) <= exp(-t^2 / 2)``, whatever the image. Words whose tag is wrong
are never returned, so the union goes over the words with a right one, both polarities, and all
readings of a call (spec, 5).
"""

import math
from typing import Final

from watermark.payload import ID_BYTES

READINGS: Final = 400
"""Readings that one call may try, whatever it searches for."""
TAGS: Final = 256
"""Tags that one call may look at: a wrong id passes with chance 2^-48 each."""
FALSE_ALARM: Final = 1e-12


def least_score(words: float) -> float:
    """Return the least score that counts if there are so many words that could be returned."""
    return 2 * (math.log(words) + math.log(READINGS) - math.log(FALSE_ALARM))


BLIND_WORDS: Final = 2.0 ** (8 * ID_BYTES + 1)
"""Words with a right tag, both polarities."""
THRESHOLD: Final = least_score(BLIND_WORDS)
"""The least score that counts when the id is not known: 201.7."""


def false_alarm_log10(score: float, *, words: float = BLIND_WORDS) -> float:
    """Return the log of the bound on the chance of this score without a mark."""
    return (math.log(words) + math.log(READINGS) - score / 2) / math.log(10)
