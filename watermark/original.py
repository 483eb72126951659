"""A keyed check of the unmarked pixels, so that a restored image is known to be the one."""

import hmac
from typing import Final

import numpy as np

from watermark.keep import Ends, Levels
from watermark.keys import Purpose, derive

CHECK_BYTES: Final = 16


class OriginalCheck:
    """HMAC-SHA-256 over grey levels above the least one, in the smallest container."""

    def __init__(self, key: bytes, ends: Ends) -> None:
        span = ends[1] - ends[0]
        self._container = "<u1" if span < 1 << 8 else "<u2" if span < 1 << 16 else "<u4"
        self._low = ends[0]
        self._mac = hmac.new(derive(key, Purpose.ORIGINAL), digestmod="sha256")

    def add(self, samples: Levels) -> None:
        """Take the next rows."""
        above = samples - self._low if self._low else samples
        self._mac.update(np.ascontiguousarray(above, self._container).data)

    def digest(self) -> bytes:
        """Return the first 16 bytes."""
        return self._mac.digest()[:CHECK_BYTES]
