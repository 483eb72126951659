"""What was gathered about one object, before anyone judges it. Values only."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from ledger import Bracket, Entry, Event, Existence, Role
from provenance.claims.claim import Claim
from provenance.claims.descriptor import Resemblance
from provenance.correcting.correction import CorrectionBody
from provenance.dicom.attributes import Change
from provenance.findings import Code
from provenance.image_tree import Region
from provenance.judging.charset_swap import CharsetSwap
from provenance.judging.depth import Depth
from provenance.judging.signed_by import SignedBy
from provenance.pictures.viewpoint import Viewpoint
from provenance.ps315.examine import DigitalSignatures
from provenance.trust.revocation import Notice

if TYPE_CHECKING:
    from watermark import Presence, Reading


class Source(StrEnum):
    """Where the seal was found."""

    FILE = "the file"
    LEDGER_BY_INSTANCE = "the ledger, by SOP Instance UID"
    LEDGER_BY_PIXELS = "the ledger, by its pixels"
    LEDGER_BY_MARK = "the ledger, by the mark"


class Carrier(StrEnum):
    """In which state the file's carrier was."""

    ABSENT = "absent"
    BROKEN = "broken"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that did not fit, by code and in words."""

    code: Code
    detail: str


@dataclass(frozen=True, slots=True)
class SecondSigner:
    """Whose second signature the seal bears, or why it does not count.

    ``kid`` is None, and the problem SECOND_DEMANDED, where the seal names no second key at all.
    """

    demanded: bool
    kid: bytes | None = None
    signer: str | None = None
    authority: str | None = None
    problem: Problem | None = None

    def with_problem(self, problem: Problem) -> "SecondSigner":
        """The same, but it does not count."""
        return replace(self, problem=problem)

    def vouched_by(self, authority: str) -> "SecondSigner":
        """The same, and trusted."""
        return replace(self, authority=authority)


@dataclass(frozen=True, slots=True)
class PixelComparison:
    """How the object's samples compare with the signed ones; nothing differs: as sealed.

    ``unmarked``: they are the signed original, bit for bit, before the mark was put in.
    """

    regions: tuple[Region, ...] = ()
    geometry: str | None = None
    recoded: str | None = None
    unmarked: bool = False
    compared: bool = True

    @property
    def equal(self) -> bool:
        """Whether every sample is the one that was sealed."""
        return not self.regions and self.geometry is None


@dataclass(frozen=True, slots=True)
class MarkReading:
    """What the mark says: a seal id, or None; or why it was not sought. ``key`` is what read it."""

    seal_id: bytes | None = None
    false_alarm_log10: float | None = None
    not_sought: str | None = None
    reading: "Reading | None" = None
    key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a copy compares with what was sealed: by its thumbnail, and by where the mark shows.

    ``resemblance`` and ``presence`` are None where there was nothing to compare; ``regions`` are
    in pixels of the copy.
    """

    resemblance: Resemblance | None = None
    presence: "Presence | None" = None
    regions: tuple[Region, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether the copy shows something else, as a whole or somewhere."""
        alike = self.resemblance
        if alike is not None and alike.enough and (alike.cells or not alike.same_image):
            return True
        return bool(self.regions)

    @property
    def consistent(self) -> bool:
        """Whether enough was compared, and all of it agrees."""
        alike = self.resemblance
        return alike is not None and alike.enough and not self.differs


@dataclass(frozen=True, slots=True)
class Attestation:
    """That somebody has vouched for the object, at an entry of the log; or why it counts not."""

    index: int
    claimed_at: datetime
    name: str
    purpose: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Custody:
    """What log, receipt and ledger say of the seal."""

    log_index: int | None = None
    logged_before: datetime | None = None
    existence: Existence = field(default_factory=Existence)
    receipt: Problem | None = None
    ledger: Problem | None = None
    chain_events: int | None = None
    key: Problem | None = None
    bracket: Bracket | None = None
    order: tuple[Problem, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    corrections: tuple[Entry, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Amendment:
    """A correction that counts: its place in the log, who made it in which role, what it says."""

    index: int
    actor: str
    role: Role
    body: CorrectionBody


@dataclass(frozen=True, slots=True)
class Corrections:
    """What corrections say of the object's attributes, by tag.

    ``documented`` are changed as the newest correction says, ``outdated`` are as an earlier one or
    the seal says, ``in_file`` are led back to what was signed by the object's own record.
    """

    amendments: tuple[Amendment, ...] = ()
    documented: frozenset[int] = frozenset()
    outdated: frozenset[int] = frozenset()
    in_file: frozenset[int] = frozenset()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Demands:
    """What the acceptance policy demands and the object lacks; ``unclear``: perhaps it does."""

    seal: Problem | None = None
    signer: Problem | None = None
    unclear: Problem | None = None


@dataclass(frozen=True, slots=True)
class ParentSeen:
    """A parent of a copy: who signed its birth, who vouches for them, what the ledger says.

    ``trust`` says why its signer is not believed; ``ledger`` what is wrong with it in the log;
    ``same_patient`` whether it was signed under the patient and the study that the copy names.
    """

    object_id: bytes
    leaf_hash: bytes
    event: Event
    signer: str
    signed_at: datetime
    authority: str | None = None
    trust: Problem | None = None
    ledger: Problem | None = None
    log_index: int | None = None
    same_patient: bool = False


@dataclass(frozen=True, slots=True)
class Descent:
    """What a derived copy proves of its parents, and what rests on the word of who made it.

    ``frames`` of the copy, of which ``equal`` are a parent's sample by sample and ``in_part`` but
    for ``regions``. Without ``compared`` the copy is not as it was signed, so its frames were not
    held against the parents'. ``problem``: the annex says more than is so.
    """

    kind: str
    parents: tuple[ParentSeen, ...]
    frames: int = 0
    equal: int = 0
    in_part: int = 0
    tiles: int = 0
    regions: tuple[Region, ...] = ()
    compared: bool = True
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that `judge` may look at; ``picture`` is the kind of a file that is no DICOM.

    ``rewritten`` names who wrote the file after it was sealed, ``charset`` is what explains text
    that reads differently: findings on which no verdict rests.

    ``signatures`` are those of PS3.15: findings of their own, on which no verdict rests.
    """

    carrier: Carrier
    carrier_problem: Problem | None = None
    claim: Claim | None = None
    source: Source = Source.FILE
    pixels: PixelComparison | None = None
    changes: tuple[Change, ...] | None = None
    corrections: Corrections = Corrections()
    declared_copy: bool = False
    mark: MarkReading | None = None
    likeness: Likeness | None = None
    descent: Descent | None = None
    viewpoint: Viewpoint | None = None
    signer: str | None = None
    signed_by: SignedBy | None = None
    authority: str | None = None
    trust_problem: Problem | None = None
    notices: tuple[Notice, ...] = ()
    second: SecondSigner | None = None
    custody: Custody = Custody()
    unreachable: Problem | None = None
    out_of_reach: Problem | None = None
    picture: str | None = None
    preamble: bool = False
    trailing: bool = False
    rewritten: str | None = None
    charset: CharsetSwap | None = None
    signatures: DigitalSignatures | None = None
    demands: Demands = Demands()
    depth: Depth | None = None
    notes: tuple[str, ...] = ()

    @property
    def as_sealed(self) -> bool:
        """Whether the samples are those that the object's own birth binds."""
        pixels = self.pixels
        return pixels is not None and pixels.equal and not pixels.unmarked
