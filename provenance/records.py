"""What a custodian can be asked: the log, and look-ups by pseudonym. No personal data in the log.

A pseudonym is HMAC-SHA-256 under the site's key, so the index names nobody without that key and
is erased with the object (docs/spec/log.md).
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import pydicom

from ledger import Log
from provenance.dicom.values import text


class Lookup(StrEnum):
    """By what an object can be found."""

    INSTANCE = "sop-instance-uid"
    SERIES = "series-instance-uid"
    STUDY = "study-instance-uid"
    PIXELS = "image-root"


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


@dataclass(frozen=True, slots=True)
class Records:
    """A log, and the key by which its look-up index is read."""

    log: Log
    lookup_key: bytes

    def find(self, lookup: Lookup, value: bytes) -> tuple[bytes, ...]:
        """Return the seal ids known under ``value``, oldest first."""
        return self.log.find(pseudonym(self.lookup_key, lookup, value))
