"""How high a score must be, so that chance alone never reaches it.

The signs of the coefficients are a keyed stream, so for any image made without the key the sum
for one code word is ``sum of a_i s_i`` with coins ``s_i``. Hoeffding 1963, theorem 2:
``P(sum >= t sqrt(sum of a_i^2)) <= exp(-t^2 / 2)``, whatever the image. The union over all
words, both polarities and all attempts of a search gives the threshold (spec, 5).
"""

import math
from typing import Final

from watermark.polar import MESSAGE_BITS

ATTEMPTS: Final = 400
"""Readings that one call may try; ``detect`` uses one, a search for geometry may use the rest."""
FALSE_ALARM: Final = 1e-12
_CHANCES: Final = (MESSAGE_BITS + 1) * math.log(2) + math.log(ATTEMPTS)
THRESHOLD: Final = 2 * (_CHANCES - math.log(FALSE_ALARM))
"""The least score that counts: 290.4."""


def false_alarm_log10(score: float) -> float:
    """Return the log of the bound on the chance of this score without a mark."""
    return (_CHANCES - score / 2) / math.log(10)
