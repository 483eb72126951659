"""A device that hands statements to a log server, and remembers what was acknowledged."""

import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime

from benchmarks.faults.processes import Process
from ledger import (
    FIRST,
    AuditReport,
    Event,
    Link,
    Role,
    Signer,
    Submission,
    encode_submissions,
    hash_leaf,
    open_checkpoint,
    sign_statement,
)
from provenance import Site

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Writer:
    """Tells of new objects one after the other; what has no answer yet is sent again, the same."""

    site: Site
    role: Role = Role.DEVICE
    event: Event = Event.SEALED
    acknowledged: dict[int, bytes] = field(default_factory=dict)
    checkpoints: dict[bytes, None] = field(default_factory=dict)
    _link: Link = FIRST
    _pending: list[bytes] = field(default_factory=list)
    _signer: Signer = field(init=False)

    def __post_init__(self) -> None:
        self._signer = self.site.signer(self.role)

    @property
    def pending(self) -> bool:
        """Whether a batch was sent and has no answer."""
        return bool(self._pending)

    def send(self, server: Process, count: int) -> int:
        """Send the next batch; return the status. Raises what ``Process.ask`` raises."""
        if not self._pending:
            self._sign(count)
        body = encode_submissions([Submission(each) for each in self._pending])
        status, answer = server.ask("POST", "/submissions", body)
        if status == 200:
            for entry, made in zip(json.loads(answer)["entries"], self._pending, strict=True):
                self.acknowledged[entry["index"]] = made
            self._pending = []
        return status

    def look(self, server: Process) -> None:
        """Keep the checkpoint that is published now."""
        status, note = server.ask("GET", "/checkpoint")
        if status == 200:
            self.checkpoints[note] = None

    def _sign(self, count: int) -> None:
        for _ in range(count):
            made = sign_statement(
                event=self.event,
                object_id=secrets.token_bytes(12),
                object_link=FIRST,
                actor_link=self._link,
                claimed_at=NOON,
                head_seen=None,
                body={},
                signer=self._signer,
            )
            self._link = self._link.next(hash_leaf(made))
            self._pending.append(made)

    def lost(self) -> int:
        """How many acknowledged entries are not in the log where they were said to be."""
        with self.site.reading_log() as log:
            stored = {entry.index: entry.statement for entry in log.entries()}
        return sum(stored.get(at) != made for at, made in self.acknowledged.items())

    def audit(self) -> AuditReport:
        """Audit the log with every checkpoint that was ever seen."""
        with self.site.reading_log() as log:
            return log.audit(held=list(self.checkpoints))

    def forks(self) -> int:
        """How many sizes were published with two roots."""
        logs = self.site.trust.logs
        heads = {(h.size, h.root) for h in (open_checkpoint(n, logs) for n in self.checkpoints)}
        return len(heads) - len({size for size, _ in heads})
