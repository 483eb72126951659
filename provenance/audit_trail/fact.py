"""What an audit trail is told: who did what with which objects, and when. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum

from provenance.errors import UsageError


class What(StrEnum):
    """What happened. The values are stable; docs/audit-trail.md has the message of each."""

    STARTED = "started"
    STOPPED = "stopped"
    RECEIVED = "received"
    VERIFIED = "verified"
    QUARANTINED = "quarantined"
    RELEASED = "released"
    REJECTED = "rejected"
    PURGED = "purged"
    SENDING = "sending"
    SENT = "sent"
    ALTERED = "altered"
    REFUSED = "refused"
    UNRECORDED = "unrecorded"


TRANSFERS = frozenset({What.RECEIVED, What.SENDING, What.SENT})
ACCESSES = frozenset({What.VERIFIED, What.QUARANTINED, What.RELEASED, What.REJECTED, What.PURGED})
ALERTS = frozenset({What.ALTERED, What.REFUSED, What.UNRECORDED})
ACTIVITIES = frozenset({What.STARTED, What.STOPPED})


class Outcome(IntEnum):
    """EventOutcomeIndicator (PS3.15 A.5.1): for an alert, how grave it is."""

    SUCCESS = 0
    MINOR = 4
    SERIOUS = 8
    MAJOR = 12


@dataclass(frozen=True, slots=True)
class Node:
    """A DICOM application: its AE titles, and its host as a name or an IP address."""

    ae_titles: tuple[str, ...]
    host: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """A user: the name they log in by, here and in the enterprise, and their own name."""

    login: str
    enterprise_login: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Instances:
    """How many instances of a SOP class, and, where it is wanted, which."""

    sop_class: str
    count: int
    uids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Study:
    """A study by its UID, and the instances of it that took part."""

    uid: str
    instances: tuple[Instances, ...] = ()
    accession: str = ""

    @classmethod
    def of(cls, uid: str, counts: Mapping[str, int]) -> "Study":
        """Return a study of so many instances of each SOP class."""
        return cls(uid, tuple(Instances(name, count) for name, count in counts.items()))


@dataclass(frozen=True, slots=True)
class Patient:
    """The one patient of a message; DICOM asks for the id, and never for the name."""

    id: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that happened.

    ``peer`` is the other end: who sent what was RECEIVED, to whom it is SENDING or was SENT, from
    whom what was REFUSED or ALTERED came; the message of an access has no place for it.
    ``persons`` decided it, the first one first. ``words`` are for people: a verdict, a reason.
    Strings may be anything that was found in an object.

    Raises UsageError for a fact that its message cannot tell: a time without zone, a transfer
    without peer, a transfer or an access without study.
    """

    what: What
    at: datetime
    peer: Node | None = None
    persons: tuple[Person, ...] = ()
    studies: tuple[Study, ...] = ()
    patient: Patient | None = None
    outcome: Outcome = Outcome.SUCCESS
    words: str = ""

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise UsageError("the time of an audit fact needs a zone")
        try:
            self.at.astimezone(UTC)
        except OverflowError as error:
            raise UsageError(f"{self.at} is no time in UTC") from error
        if self.what in TRANSFERS and self.peer is None:
            raise UsageError(f"{self.what}: an audit message of a transfer names both ends")
        if self.what in TRANSFERS | ACCESSES and not self.studies:
            raise UsageError(f"{self.what}: an audit message names the study")


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who tells: this application, the id of its process, and how the audit source is called."""

    node: Node
    process: str
    source_id: str
    name: str = "radseal"
    enterprise_site: str = ""
