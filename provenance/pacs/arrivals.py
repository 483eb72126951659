"""What a PACS takes in: how an object came, and what was decided about it. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from provenance.judging.verdict import Word
from provenance.pacs.custody.events import Witnessed
from provenance.policy.facts import Arrival
from provenance.policy.terms import Action


class Route(StrEnum):
    """By which door an object came; by none, if it was made here."""

    DIMSE = "dimse"
    STOW = "stow-rs"
    REST = "rest"
    ORTHANC = "orthanc"
    OWN = "own"


class State(StrEnum):
    """What has become of an object that was taken in.

    A refused one stays with its sender, who was told so; all others have a file in the spool
    until every archive has them.
    """

    FORWARDING = "forwarding"
    DELIVERED = "delivered"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who brought an object, by what it called itself (PS3.8, 9.3.2), and from where."""

    route: Route
    at: datetime
    calling_ae: str | None = None
    called_ae: str | None = None
    address: str | None = None

    @property
    def arrival(self) -> Arrival:
        """What a policy asks about it."""
        return Arrival(self.calling_ae, self.called_ae, self.at)

    def with_time(self, at: datetime) -> "Sender":
        """The same sender, who brings another object later."""
        return replace(self, at=at)


@dataclass(frozen=True, slots=True)
class Instance:
    """Which instance a file holds: (0008,0016), (0008,0018), (0002,0010), (0020,000D)."""

    sop_class: str
    sop_instance: str
    transfer_syntax: str
    study: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict and a decision, as they are kept; ``verdict`` is JSON (docs/verify-json.md)."""

    word: Word
    action: Action
    rule: str | None
    reasons: tuple[str, ...]
    verdict: Mapping[str, object] = field(repr=False)
    seal_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """An object of the spool, by its number there."""

    number: int
    sender: Sender
    instance: Instance
    judged: Judged
    state: State
    size: int
    sha256: bytes
    salt: bytes = field(repr=False)
    sealed_here: bool = False

    @property
    def witnessed(self) -> Witnessed:
        """What custody events of it say."""
        return Witnessed(self.judged.seal_id, self.salt, self.sha256)
