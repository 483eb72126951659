"""Put certified timestamps into signatures that stand in an object."""

from provenance.dicom.instance import Instance
from provenance.dicom.items import Encoded, Item
from provenance.errors import EvidenceError, MalformedError, UsageError
from provenance.ps315.algorithms import der_value, signature_value
from provenance.ps315.elements import value_of
from provenance.ps315.mac_stream import SIGNATURES, TIMESTAMP, TIMESTAMP_TYPE
from provenance.ps315.sequences import bulk_element, items_in, replace_items, text_element
from provenance.ps315.signature_items import SIGNATURE_UID, SignatureItem
from provenance.ps315.timestamps import CMS_TSP
from provenance.trust.certificates import load_certificate


def stampable(instance: Instance, uid: str | None) -> tuple[str, bytes]:
    """Return UID and value of a signature of the object itself, which a timestamp may be over.

    The one of that ``uid``, or the only one that has none yet. UsageError if there is none.
    """
    found: list[tuple[str, bytes]] = []
    for item in items_in(instance, SIGNATURES):
        try:
            read = SignatureItem.read(item)
            key = load_certificate(der_value(read.certificate)).public_key()
            value = signature_value(read.signature, key)
        except (EvidenceError, MalformedError) as error:
            if uid is None:
                continue
            raise UsageError(f"a signature of the object cannot be read: {error}") from error
        if read.uid == uid or (uid is None and read.timestamp is None):
            found.append((read.uid, value))
    if len(found) == 1:
        return found[0]
    what = f"of UID {uid}" if uid else "without a timestamp"
    raise UsageError(
        f"the object has {len(found) or 'no'} PS3.15 signature(s) {what} at its top level"
        + (": say which with its UID" if found and uid is None else "")
    )


def insert_timestamp(instance: Instance, token: bytes, *, uid: str) -> None:
    """Put a token into the signature of that UID, in place of one that is there.

    No MAC covers it, and no seal: neither is broken.
    """
    replace_items(
        instance,
        SIGNATURES,
        [
            _stamped(item, token) if _uid(item) == uid else item
            for item in items_in(instance, SIGNATURES)
        ],
    )


def _uid(item: Item) -> str:
    values = [value_of(element, "UI") for element in item if element.tag == SIGNATURE_UID]
    return values[0].strip(b"\0 ").decode("latin-1") if values else ""


def _stamped(item: Item, token: bytes) -> Item:
    kept = [element for element in item if element.tag not in (TIMESTAMP, TIMESTAMP_TYPE)]
    return [*kept, *timestamp_elements(token)]


def timestamp_elements(token: bytes) -> list[Encoded]:
    """Return the two elements that hold a token."""
    return [text_element(TIMESTAMP_TYPE, "CS", CMS_TSP), bulk_element(TIMESTAMP, token)]
