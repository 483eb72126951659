"""What an AuditEvent says, before R4 and R5 say it differently. Values only."""

from dataclasses import dataclass
from datetime import datetime

from provenance.audit_trail.fact import Outcome
from provenance.fhir.datatypes import Coding, Identifier


@dataclass(frozen=True, slots=True)
class Agent:
    """Who took part: a Device or a Practitioner, by which identifier, in which role, from where."""

    kind: str
    identifier: Identifier
    requestor: bool
    name: str = ""
    alternative: str = ""
    role: Coding | None = None
    host: str = ""


@dataclass(frozen=True, slots=True)
class Entity:
    """What it was done with; ``life_cycle`` as PS3.15 A.5.1.2.3 counts, empty for none."""

    kind: Coding
    role: Coding
    identifier: Identifier
    type: str = ""
    name: str = ""
    life_cycle: str = ""
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Audited:
    """One event, of the family ``category``, more exactly of ``subtype``."""

    id: str
    category: Coding
    subtype: Coding | None
    action: str
    at: datetime
    outcome: Outcome
    words: str
    agents: tuple[Agent, ...]
    observer: Identifier
    site: str
    entities: tuple[Entity, ...]
    patient: Entity | None
