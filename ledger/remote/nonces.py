"""Values that are good once, for a while, and cost nothing until they are used."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from ledger.errors import BusyError, MalformedError

SECONDS = 60.0
MOST_USED = 1 << 16

_TIME, _RANDOM, _TAG = 8, 8, 16


class Nonces:
    """Hands out values, and knows them again. ``monotonic`` counts seconds; threads may share it.

    Only values that were used are remembered, until they are too old anyway.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        seconds: float = SECONDS,
        most_used: int = MOST_USED,
    ) -> None:
        self._monotonic = monotonic
        self._life = int(seconds * 1000)
        self._most_used = most_used
        self._key = secrets.token_bytes(32)
        self._used: OrderedDict[bytes, int] = OrderedDict()
        self._lock = Lock()

    def issue(self) -> bytes:
        """Return a new value of 32 bytes."""
        front = self._now().to_bytes(_TIME, "big") + secrets.token_bytes(_RANDOM)
        return front + self._tag(front)

    def check(self, nonce: bytes) -> None:
        """Return only if the value came from here, and not too long ago; else MalformedError."""
        front, tag = nonce[: _TIME + _RANDOM], nonce[_TIME + _RANDOM :]
        if not hmac.compare_digest(tag, self._tag(front)):
            raise MalformedError("a nonce that is not of this server")
        if self._now() - int.from_bytes(front[:_TIME], "big") > self._life:
            raise MalformedError("a nonce that is too old")

    def use(self, nonce: bytes) -> None:
        """Take a checked value out of use; MalformedError if it was used already.

        BusyError if more were used than are remembered.
        """
        now = self._now()
        with self._lock:
            while self._used and next(iter(self._used.values())) < now:
                self._used.popitem(last=False)
            if nonce in self._used:
                raise MalformedError("a nonce that was used already")
            if len(self._used) >= self._most_used:
                raise BusyError("more questions were asked than can be remembered")
            self._used[nonce] = now + self._life

    def _now(self) -> int:
        return int(self._monotonic() * 1000)

    def _tag(self, front: bytes) -> bytes:
        return hmac.digest(self._key, front, "sha256")[:_TAG]
