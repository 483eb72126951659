"""What happens to an image, who takes part, and who may sign what: data, not code."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Event(StrEnum):
    """Custody events; a statement tells one of them."""

    __hash__ = str.__hash__  # as it equals its text; and quicker than by the name of the member

    SEALED = "sealed"
    ATTESTED = "attested"
    SENT = "sent"
    INGESTED = "ingested"
    VERIFIED = "verified"
    VIEWED = "viewed"
    EXPORTED = "exported"
    DERIVED = "derived"
    DEIDENTIFIED = "deidentified"
    CORRECTED = "corrected"
    QUARANTINED = "quarantined"
    RELEASED = "released"
    STUDY_CLOSED = "study-closed"
    KEY_ADDED = "key-added"
    KEY_REVOKED = "key-revoked"
    ERASED = "erased"
    LOG_KEYS = "log-keys"
    PURGED = "purged"


class Role(StrEnum):
    """What a key stands for in a log."""

    DEVICE = "device"
    OPERATOR = "operator"
    GATEWAY = "gateway"
    ARCHIVIST = "archivist"
    DEIDENTIFIER = "deidentifier"
    AUDITOR = "auditor"


MAY_SIGN: Mapping[Role, frozenset[Event]] = MappingProxyType(
    {
        Role.DEVICE: frozenset({Event.SEALED, Event.SENT, Event.DERIVED}),
        Role.OPERATOR: frozenset(
            {Event.ATTESTED, Event.VIEWED, Event.EXPORTED, Event.CORRECTED, Event.DERIVED}
        ),
        Role.GATEWAY: frozenset(
            {
                Event.SEALED,  # on behalf of a device that cannot
                Event.SENT,
                Event.INGESTED,
                Event.VERIFIED,
                Event.QUARANTINED,
                Event.RELEASED,
                Event.PURGED,
                Event.EXPORTED,
                Event.DERIVED,
            }
        ),
        Role.ARCHIVIST: frozenset(
            {
                Event.INGESTED,
                Event.VERIFIED,
                Event.EXPORTED,
                Event.CORRECTED,
                Event.DERIVED,
                Event.RELEASED,
                Event.QUARANTINED,
                Event.PURGED,
                Event.STUDY_CLOSED,
                Event.KEY_ADDED,
                Event.KEY_REVOKED,
                Event.ERASED,
                Event.LOG_KEYS,
            }
        ),
        Role.DEIDENTIFIER: frozenset({Event.DEIDENTIFIED}),
        Role.AUDITOR: frozenset({Event.VERIFIED, Event.VIEWED, Event.EXPORTED}),
    }
)

# With which an object's life begins: made by a device, or from other objects.
BIRTHS = frozenset({Event.SEALED, Event.DERIVED, Event.DEIDENTIFIED})

# Whose keys read annexes, and look objects up by their pseudonyms, from afar (docs/spec/log.md).
MAY_READ_ASIDE = frozenset({Role.GATEWAY, Role.ARCHIVIST, Role.AUDITOR})

# Events that are about one object, and events that are about the log itself. Of the rest (an
# image without a seal can be quarantined, too) a statement may name an object or none.
ABOUT_AN_OBJECT = frozenset(
    {
        Event.SEALED,
        Event.ATTESTED,
        Event.DERIVED,
        Event.DEIDENTIFIED,
        Event.CORRECTED,
        Event.ERASED,
    }
)
ABOUT_THE_LOG = frozenset({Event.KEY_ADDED, Event.KEY_REVOKED, Event.LOG_KEYS})
