"""Seals what comes from a modality that cannot: in the role gateway, so nobody takes it for more.

Whoever verifies needs a policy that lets seals of that role count, and for whom.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock

from ledger import LedgerError
from provenance.pacs.arrivals import Sender
from provenance.sealing.chance import Chance
from provenance.sealing.seal import seal_at_time
from provenance.site.device import Device
from provenance.whole_file import write_whole

AGAIN_SECONDS = 15.0


@dataclass
class SealingOnBehalf:
    """Seals for the senders of some AE titles; threads may share it.

    The log is opened when it is first needed, and again some time after it failed: meanwhile nobody
    waits for it.
    """

    titles: frozenset[str]
    open_device: Callable[[], Device]
    clock: Callable[[], datetime]
    monotonic: Callable[[], float] = time.monotonic
    _device: Device | None = None
    _error: LedgerError | None = None
    _failed_at: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, path: Path, sender: Sender) -> bool:
        """Seal the file in place, if it is for its sender; whatever fails leaves it as it was."""
        if sender.calling_ae not in self.titles:
            return False
        with self._lock:
            if self._error is not None and self.monotonic() - self._failed_at < AGAIN_SECONDS:
                raise self._error
            try:
                device = self._device = self._device or self.open_device()
                sealed = seal_at_time(
                    path, device=device, profile=None, at=self.clock(), chance=Chance.draw()
                )
            except LedgerError as error:
                self._error, self._failed_at = error, self.monotonic()
                self._forget()
                raise
            self._error = None
        write_whole(path, sealed.to_bytes(), overwrite=True)
        return True

    def close(self) -> None:
        """Close the log."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            device.close()
