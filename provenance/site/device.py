"""An actor with a key, a certificate and a log to write to: what a modality holds to seal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from ledger import (
    ConflictError,
    Entry,
    Event,
    Head,
    Link,
    SecondSigner,
    Signer,
    Submission,
    Waiting,
    sign_statement,
)
from provenance.keys.mark_keys import mark_key_id
from provenance.site.writable_log import WritableLog

# Another process with the same key may append between our look and our append.
APPEND_ATTEMPTS = 16


@dataclass(frozen=True, slots=True)
class SecondIdentity:
    """A second key, of ML-DSA, and its certificates: they must name the device as the first do."""

    signer: SecondSigner
    certificates: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Device:
    """Signs statements and appends them; use as a context manager to close its log.

    With ``second`` its seals bear a second signature (docs/spec/second-signature.md).
    """

    signer: Signer
    certificates: tuple[bytes, ...]
    log: WritableLog
    lookup_key: bytes
    mark_key: bytes
    second: SecondIdentity | None = None

    @property
    def mark_key_id(self) -> bytes:
        """Eight bytes that name the mark key without revealing it."""
        return mark_key_id(self.mark_key)

    def record(
        self,
        event: Event,
        *,
        object_id: bytes | None,
        body: Mapping[int, object],
        at: datetime,
        annex: bytes | Callable[[bytes], bytes] | None = None,
        pseudonyms: tuple[bytes, ...] = (),
    ) -> Entry | Waiting:
        """Sign one event and append it; returns once it is durable, in the log or in an outbox.

        An annex that depends on the statement's bytes is made from them, for each attempt anew.
        Raises ledger.RefusedError when the log's rules forbid it, ConflictError when others kept
        appending for this actor or object in between.
        """
        attempt = 0
        while True:
            attempt += 1
            link = None if object_id is None else self.log.object_link(object_id)
            statement = self.sign(event, object_id=object_id, object_link=link, body=body, at=at)
            try:
                beside = annex(statement) if callable(annex) else annex
                submission = Submission(statement, annex=beside, pseudonyms=pseudonyms)
                (entry,) = self.log.append([submission], at=at)
            except ConflictError:
                if attempt == APPEND_ATTEMPTS:
                    raise
                continue
            return entry

    def receipt(self, entry: Entry) -> bytes:
        """Return the receipt of what was logged; an error of the ledger if there is none yet."""
        return self.log.receipt(entry)

    def sign(
        self,
        event: Event,
        *,
        object_id: bytes | None,
        object_link: Link | None,
        body: Mapping[int, object],
        at: datetime,
    ) -> bytes:
        """Sign one event that follows on ``object_link``, and on this actor's newest."""
        log = self.log
        head = log.head()
        return sign_statement(
            event=event,
            object_id=object_id,
            object_link=object_link,
            actor_link=log.actor_link(self.signer.kid),
            claimed_at=at,
            head_seen=Head(head.size, head.root),
            body=body,
            signer=self.signer,
        )

    def close(self) -> None:
        """Close the log."""
        self.log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
