"""What a custodian can be asked: the log, and look-ups by pseudonym. No personal data in the log.

A pseudonym is HMAC-SHA-256 under the site's key, so the index names nobody without that key and
is erased with the object (docs/spec/log.md).
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

import pydicom

from ledger import Bracket, Entry, Event, LoggedKey, parse_statement
from provenance.dicom.values import text


class Lookup(StrEnum):
    """By what an object can be found."""

    INSTANCE = "sop-instance-uid"
    SERIES = "series-instance-uid"
    STUDY = "study-instance-uid"
    PIXELS = "image-root"
    MANIFEST = "study-manifest"


_UIDS = {
    Lookup.INSTANCE: 0x00080018,
    Lookup.SERIES: 0x0020000E,
    Lookup.STUDY: 0x0020000D,
}


def pseudonym(key: bytes, lookup: Lookup, value: bytes) -> bytes:
    """Return the 32 bytes under which ``value`` is indexed."""
    return hmac.digest(key, lookup.value.encode() + b"\x00" + value, hashlib.sha256)


def uid_of(dataset: pydicom.Dataset, lookup: Lookup) -> bytes | None:
    """Return the dataset's UID for this look-up, or None when it has none."""
    return text(dataset, _UIDS[lookup]).encode("ascii", "replace") or None


def pseudonyms(
    key: bytes, dataset: pydicom.Dataset, image_roots: tuple[bytes, ...]
) -> Iterator[bytes]:
    """Yield all pseudonyms under which an object is to be found."""
    for lookup in _UIDS:
        value = uid_of(dataset, lookup)
        if value is not None:
            yield pseudonym(key, lookup, value)
    for image_root in image_roots:
        yield pseudonym(key, Lookup.PIXELS, image_root)


class ReadableLog(Protocol):
    """What whoever verifies asks of a log: the site's own, or one behind a server."""

    @property
    def origin(self) -> str:
        """The name of the log, as its checkpoints give it."""

    def events(self, object_id: bytes) -> tuple[Entry, ...]:
        """Return the history of an object, oldest first; empty if the log has none."""

    def bracket(self, entry: Entry) -> Bracket | None:
        """Return between which checkpoints an entry was signed and logged, if that is told."""

    def annex(self, object_id: bytes) -> bytes | None:
        """Return the annex kept for an object; None if there is none, or it was erased."""

    def find(self, pseudonym: bytes) -> tuple[bytes, ...]:
        """Return the ids of the objects logged under a pseudonym, oldest first."""

    def key(self, kid: bytes) -> LoggedKey:
        """Return what the log knows of a key; NotFoundError if it was never added."""

    def close(self) -> None:
        """Let go of it."""


_Log_co = TypeVar("_Log_co", bound=ReadableLog, covariant=True)


@dataclass(frozen=True, slots=True)
class Records(Generic[_Log_co]):
    """A log, and the key by which its look-up index is read."""

    log: _Log_co
    lookup_key: bytes

    def find(self, lookup: Lookup, value: bytes) -> tuple[bytes, ...]:
        """Return the seal ids known under ``value``, oldest first."""
        return self.log.find(pseudonym(self.lookup_key, lookup, value))

    def knows_original(self, uid: bytes, *, besides: bytes | None = None) -> bool:
        """Whether an instance is one that a device has sealed, under another id than ``besides``.

        Raises LedgerError.
        """
        return any(
            parse_statement(entry.statement).event is Event.SEALED
            for seal_id in self.find(Lookup.INSTANCE, uid)
            if seal_id != besides
            for entry in self.log.events(seal_id)
        )
