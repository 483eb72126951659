"""What a gateway has done since it started, and a line about each object, without patient data."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

from provenance.pacs.dimse.storage_scp import Answered

_logger = logging.getLogger("provenance.pacs.gateway.gateway")


@dataclass
class Counts:
    """Threads share it."""

    connections: Callable[[], int] = field(default=lambda: 0)
    objects: Counter[tuple[str, str]] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    size: int = 0
    _lock: Lock = field(default_factory=Lock, repr=False)

    def count(self, answer: Answered) -> None:
        """Add one object, and write its line."""
        kept = answer.kept
        with self._lock:
            self.statuses[answer.status.code] += 1
            self.seconds += answer.seconds
            self.size += answer.size
            if kept is not None:
                self.objects[kept.judged.word.value, kept.judged.action.value] += 1
        fields: dict[str, object] = {
            "status": f"{answer.status.code:04X}",
            "calling_ae": answer.sender.calling_ae,
            "peer": answer.sender.address,
            "bytes": answer.size,
            "seconds": round(answer.seconds, 4),
        }
        if kept is not None:
            fields |= {
                "object": kept.number,
                "verdict": kept.judged.word.value,
                "action": kept.judged.action.value,
                "state": kept.state.value,
                "rule": kept.judged.rule,
                "sealed_here": kept.sealed_here,
            }
        _logger.info("an object was answered", extra={"fields": fields})
