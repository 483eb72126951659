"""The rules of judgement: what counts as altered, as a copy, as a grave change. Pure functions.

docs/verdicts.md says them in words.
"""

from datetime import datetime, timedelta

from ledger import Event, Role
from provenance.correcting.correction import Subject, subject_of
from provenance.dicom.attributes import Change, Group, Kind, Severity
from provenance.image_tree import Region
from provenance.judging.evidence import Evidence, Source

CLOCK_TOLERANCE = timedelta(days=1)
PATIENT_NAME, PATIENT_ID = 0x00100010, 0x00100020
# With name and ID changed, one more of these makes it another patient rather than a correction.
OTHER_IDENTITY = frozenset({0x00100030, 0x00100040, 0x0020000D})
# What a copy that says so may change: its own identity as an instance, and how it was made.
ORIGINAL_ATTRIBUTES = 0x04000561
COPY_MAY_CHANGE = frozenset({0x00080008, 0x00282110, 0x00282112, 0x00282114})


def is_altered(evidence: Evidence) -> bool:
    """Whether content provably differs from what was sealed, and no copying explains it."""
    assert evidence.claim is not None
    mark = evidence.mark
    if mark is not None and mark.seal_id not in (None, evidence.claim.seal_id):
        return True
    if evidence.picture is not None:
        return evidence.likeness is not None and evidence.likeness.differs
    if evidence.descent is not None and evidence.descent.problem is not None:
        return True
    differs = evidence.pixels is not None and not evidence.pixels.equal
    if differs and not is_copy(evidence) and not is_unclear_copy(evidence):
        return True
    return bool(grave_changes(evidence))


def is_derived(evidence: Evidence) -> bool:
    """Whether the object's own birth says that it was made from others."""
    return evidence.claim is not None and evidence.claim.event is not Event.SEALED


def has_doubtful_parent(evidence: Evidence) -> bool:
    """Whether the signer of a parent is not believed."""
    descent = evidence.descent
    return descent is not None and any(parent.trust for parent in descent.parents)


def is_copy(evidence: Evidence) -> bool:
    """Whether this is a copy of the sealed image, found by its mark and consistent with it."""
    likeness = evidence.likeness
    if not _presents_as_copy(evidence) or swaps_sides(evidence):
        return False
    return likeness is not None and likeness.consistent


def is_unclear_copy(evidence: Evidence) -> bool:
    """Whether a mark alone says whose copy this is: too little of it could be compared."""
    likeness = evidence.likeness
    by_mark = evidence.picture is not None or evidence.source is Source.LEDGER_BY_MARK
    if not by_mark or not _presents_as_copy(evidence) or swaps_sides(evidence):
        return False
    return likeness is None or not (likeness.consistent or likeness.differs)


def swaps_sides(evidence: Evidence) -> bool:
    """Whether a DICOM object shows the sealed image mirrored: left would be read as right."""
    viewpoint = evidence.viewpoint
    return evidence.picture is None and viewpoint is not None and viewpoint.mirrored


def differing_regions(evidence: Evidence) -> tuple[Region, ...]:
    """Where the samples differ; of what is a copy, where more differs than copying explains."""
    likeness = evidence.likeness
    if _presents_as_copy(evidence) and likeness is not None and likeness.regions:
        return likeness.regions
    if evidence.pixels is None or is_copy(evidence) or is_unclear_copy(evidence):
        return ()
    return evidence.pixels.regions


def _presents_as_copy(evidence: Evidence) -> bool:
    """Whether its own mark names the seal, and it does not pose as the sealed object itself."""
    claim, mark, pixels = evidence.claim, evidence.mark, evidence.pixels
    if claim is None or mark is None or mark.seal_id != claim.seal_id:
        return False
    if evidence.picture is not None:
        return True
    if pixels is None or pixels.equal:
        return False
    return evidence.source is Source.LEDGER_BY_MARK or evidence.declared_copy


def grave_changes(evidence: Evidence) -> tuple[Change, ...]:
    """The header changes that make an object ALTERED, given how its seal was found."""
    changes = evidence.changes or ()
    if evidence.source in (Source.LEDGER_BY_PIXELS, Source.LEDGER_BY_MARK) or is_copy(evidence):
        # Another instance by its own word: what it leaves out it does not falsify.
        return tuple(
            c
            for c in changes
            if c.severity is Severity.CLINICAL
            and c.group is Group.GEOMETRY
            and c.kind is Kind.CHANGED
            and c.tag not in COPY_MAY_CHANGE
            and not _scales_with_copy(evidence, c)
        )
    tags = evidence.corrections.documented
    grave = tuple(c for c in undocumented(evidence) if c.severity is Severity.CLINICAL)
    return grave or tuple(c for c in _replaced_patient(changes) if c.tag not in tags)


def undocumented(evidence: Evidence) -> tuple[Change, ...]:
    """The header changes that say something else, and that no correction documents."""
    tags = evidence.corrections.documented
    return tuple(
        c
        for c in evidence.changes or ()
        if c.severity is not Severity.INFORMATIONAL and c.tag not in tags
    )


def documented(evidence: Evidence) -> tuple[Change, ...]:
    """The header changes that corrections document."""
    return tuple(c for c in evidence.changes or () if c.tag in evidence.corrections.documented)


def correctors(evidence: Evidence) -> frozenset[tuple[Subject, Role]]:
    """Return of what the documented changes are, and in which role each was made last.

    The record of old values, which every correction writes, is not counted.
    """
    roles: dict[int, Role] = {}
    for amendment in evidence.corrections.amendments:  # in the order of the log
        roles |= {change.tag: amendment.role for change in amendment.body.changes}
    tags = {c.tag for c in documented(evidence)} - {ORIGINAL_ATTRIBUTES}
    return frozenset((subject_of(tag), roles[tag]) for tag in tags)


def _scales_with_copy(evidence: Evidence, change: Change) -> bool:
    """A copy of another size has another pixel spacing."""
    resized = evidence.pixels is not None and evidence.pixels.geometry is not None
    return resized and change.tag in (0x00280030, 0x00181164, 0x00182010)


def _replaced_patient(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    changed = {c.tag for c in changes}
    if {PATIENT_NAME, PATIENT_ID} <= changed and changed & OTHER_IDENTITY:
        return tuple(c for c in changes if c.group is Group.IDENTITY)
    return ()


def clock_ahead(evidence: Evidence) -> bool:
    """Whether the seal claims a time later than it was seen, by more than a clock may err."""
    seen = seen_by(evidence)
    if evidence.claim is None or seen is None:
        return False
    return evidence.claim.statement.claimed_at > seen + CLOCK_TOLERANCE


def seen_by(evidence: Evidence) -> datetime | None:
    """Return the earliest time by which log, witnesses or a timestamp had seen the seal."""
    custody = evidence.custody
    bracket = None if custody.bracket is None else custody.bracket.not_after
    times = [proof.moment for proof in custody.existence.proofs]
    times += [each for each in (custody.logged_before, bracket) if each is not None]
    return min(times, default=None)
