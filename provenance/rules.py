"""The rules of judgement: what counts as altered, as a copy, as a grave change. Pure functions.

docs/verdicts.md says them in words.
"""

from datetime import timedelta

from provenance.dicom.attributes import Change, Group, Kind, Severity
from provenance.evidence import Evidence, Source

CLOCK_TOLERANCE = timedelta(days=1)
PATIENT_NAME, PATIENT_ID = 0x00100010, 0x00100020
# With name and ID changed, one more of these makes it another patient rather than a correction.
OTHER_IDENTITY = frozenset({0x00100030, 0x00100040, 0x0020000D})
# What a copy that says so may change: its own identity as an instance, and how it was made.
COPY_MAY_CHANGE = frozenset({0x00080008, 0x00282110, 0x00282112, 0x00282114})


def is_altered(evidence: Evidence) -> bool:
    """Whether content provably differs from what was sealed, and no copying explains it."""
    assert evidence.claim is not None
    mark = evidence.mark
    if mark is not None and mark.seal_id not in (None, evidence.claim.seal_id):
        return True
    if evidence.pixels is not None and not evidence.pixels.equal and not is_copy(evidence):
        return True
    return bool(grave_changes(evidence))


def is_copy(evidence: Evidence) -> bool:
    """Whether this is a copy of the sealed image, found by its mark and consistent with it."""
    claim, mark, pixels = evidence.claim, evidence.mark, evidence.pixels
    if claim is None or mark is None or mark.seal_id != claim.seal_id:
        return False
    if pixels is None or pixels.equal:
        return False
    declared = evidence.source is Source.LEDGER_BY_MARK or evidence.declared_copy
    alike = evidence.resemblance
    return declared and alike is not None and alike.same_image and not alike.blocks


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
    grave = tuple(c for c in changes if c.severity is Severity.CLINICAL)
    return grave or _replaced_patient(changes)


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
    claim, logged = evidence.claim, evidence.custody.logged_before
    if claim is None or logged is None:
        return False
    return claim.statement.claimed_at > logged + CLOCK_TOLERANCE
