"""What can be written to: the site's log, one behind a server, or an outbox until there is one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from ledger import Entry, Link, Submission, TrustedHead, Waiting


class WritableLog(Protocol):
    """What whoever seals asks of a log: where its chains end, to append, and for a receipt."""

    def append(
        self, submissions: Sequence[Submission], *, at: datetime
    ) -> Sequence[Entry | Waiting]:
        """Take statements in their order, all or none; returns once they are durable.

        Those of an outbox wait: they are in no log yet.
        """

    def head(self) -> TrustedHead:
        """Return what the newest checkpoint says."""

    def object_link(self, object_id: bytes) -> Link:
        """Return the link the next statement about an object must have."""

    def actor_link(self, kid: bytes) -> Link:
        """Return the link the next statement of a signer must have."""

    def receipt(self, entry: Entry) -> bytes:
        """Return the receipt of an entry."""

    def close(self) -> None:
        """Let go of it."""
