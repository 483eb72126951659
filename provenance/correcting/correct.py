"""Correct attributes of a sealed object: log the correction, and write what it says.

`correct` draws clock and chance; `correct_at_time` is the same with both given. The pixels and the
seal stay as they are. The event is logged before the object is written: if that is cut off, the
same call again makes a correction that follows on the first.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydicom.dataelem import RawDataElement
from pydicom.tag import BaseTag

from ledger import Chain, ConflictError, Entry, Event, Link, Submission
from provenance.claims.claim import Claim
from provenance.claims.kept_annex import KeptAnnex, OpenedLeaf
from provenance.correcting.correction import (
    CALIBRATED,
    CALIBRATION_TYPE,
    PIXEL_SPACING,
    CorrectionBody,
    LeafChange,
    Reason,
)
from provenance.correcting.corrections import follow_corrections, read_kept
from provenance.correcting.new_values import NewValue, new_values
from provenance.dicom.attribute_table import attribute_table
from provenance.dicom.attributes import Attribute, Change, canonical_attributes
from provenance.dicom.leaf_content import leaf_content
from provenance.dicom.original_attributes import (
    CANNOT_RECORD,
    ORIGINAL_ATTRIBUTES,
    append_original,
)
from provenance.dicom.read import Instance, read_instance
from provenance.dicom.write import instance_bytes, write_instance
from provenance.errors import EvidenceError, EvidenceMissingError, SealError, UsageError
from provenance.header_tree import (
    LEAF_SALT_SIZE,
    changed_attributes,
    leaf_salt,
)
from provenance.judging.evidence import Evidence, Source
from provenance.judging.rules import undocumented
from provenance.records import Lookup, ReadableLog, Records, pseudonym
from provenance.site.device import APPEND_ATTEMPTS, Device
from provenance.trust.store import TrustStore
from provenance.verifying.gather import gather
from provenance.verifying.verifier import Verifier

STUDY_INSTANCE_UID = 0x0020000D
DrawSalt = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Corrected:
    """A corrected object, logged and ready to be written; ``changes`` are against the seal."""

    instance: Instance
    seal_id: bytes
    log_index: int
    reason: Reason
    keywords: tuple[str, ...]
    changes: tuple[Change, ...]

    def to_bytes(self) -> bytes:
        """Return the Part 10 file."""
        return instance_bytes(self.instance)

    def write(self, path: Path | str, *, overwrite: bool = False) -> None:
        """Write the file atomically; UsageError rather than replace one, unless told."""
        write_instance(self.instance, Path(path), overwrite=overwrite)


def correct(
    source: bytes | Path | str,
    values: Mapping[str, str] | Sequence[tuple[str, str]],
    *,
    reason: Reason,
    actor: Device,
    records: Records[ReadableLog],
    trust: TrustStore,
    system: str,
) -> Corrected:
    """Correct attributes, named by keyword or tag, of an object that this ledger holds.

    ``actor`` holds the key of an archivist or operator, ``records`` read the log that it writes
    to, and ``system`` names who corrects (0400,0563). Raises UsageError (what may not be
    corrected), EvidenceError or EvidenceMissingError (the object is not as it was sealed or
    corrected, or the ledger lacks it), SealError (it cannot be written), or an error of the ledger.
    """
    return correct_at_time(
        source,
        new_values(values, reason),
        reason=reason,
        actor=actor,
        records=records,
        trust=trust,
        system=system,
        at=datetime.now(UTC),
        draw_salt=lambda: secrets.token_bytes(LEAF_SALT_SIZE),
    )


def correct_at_time(
    source: bytes | Path | str,
    values: Sequence[NewValue],
    *,
    reason: Reason,
    actor: Device,
    records: Records[ReadableLog],
    trust: TrustStore,
    system: str,
    at: datetime,
    draw_salt: DrawSalt,
) -> Corrected:
    """The same with clock and random values given."""
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    for attempt in range(1, APPEND_ATTEMPTS + 1):
        evidence = gather(read_instance(data), Verifier(trust.as_of(at), records))
        claim = _require_correctable(evidence, values)
        before = canonical_attributes(read_instance(data).dataset)
        outdated = evidence.corrections.outdated
        differing = _differing(before, values)
        if not differing and outdated.isdisjoint(value.tag for value in values):
            raise UsageError("nothing to correct: the object has these values already")
        instance = _edited(data, before, differing, reason=reason, system=system, at=at)
        after = canonical_attributes(instance.dataset)
        try:
            plan = _plan(claim, before, after, reason, evidence, records, trust, draw_salt)
            entry = _log(plan, claim, values, actor=actor, at=at)
        except ConflictError:
            if attempt == APPEND_ATTEMPTS:
                raise
            continue  # somebody else has said something about the object: look again
        return Corrected(
            instance=instance,
            seal_id=claim.seal_id,
            log_index=entry.index,
            reason=reason,
            keywords=tuple(v.keyword for v in values if v in differing or v.tag in outdated),
            changes=changed_attributes(claim.annex.header, after),
        )
    raise AssertionError("unreachable")


def _require_correctable(evidence: Evidence, values: Sequence[NewValue]) -> Claim:
    """Return the claim of an object that is as it was sealed, or as corrections have left it."""
    claim, custody = evidence.claim, evidence.custody
    if evidence.unreachable is not None:
        raise EvidenceMissingError(evidence.unreachable.detail)
    if claim is None or evidence.source is not Source.FILE:
        raise EvidenceMissingError("the file carries no seal: only what was sealed is corrected")
    for problem in (evidence.trust_problem, custody.ledger, custody.key):
        if problem is not None:
            raise EvidenceError(f"the seal cannot be built on: {problem.detail}")
    if custody.chain_events is None:
        raise EvidenceMissingError("the ledger does not hold this seal: correct it where it does")
    if evidence.pixels is None or not evidence.pixels.equal:
        raise EvidenceError("the pixels are not those that were sealed: correct the sealed object")
    outdated = evidence.corrections.outdated
    strange = [c.keyword for c in undocumented(evidence) if c.tag not in outdated]
    if strange:
        raise EvidenceError(
            f"{', '.join(strange)}: changed already, without a correction; correct the object as "
            "it was sealed, or as it was corrected last"
        )
    missing = outdated - {value.tag for value in values} - {ORIGINAL_ATTRIBUTES}
    if missing:
        names = ", ".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in sorted(missing))
        raise EvidenceError(
            f"the ledger holds a newer correction of {names}: correct the newest copy, or set "
            "these as well"
        )
    return claim


def _edited(
    data: bytes,
    before: Sequence[Attribute],
    values: Sequence[NewValue],
    *,
    reason: Reason,
    system: str,
    at: datetime,
) -> Instance:
    """Return the object with the new values and its record of the old ones, read back."""
    instance = read_instance(data)
    if not values:
        return instance
    dataset = instance.dataset
    old = {attribute.tag: attribute.value for attribute in before}
    previous = {value.tag: _previous(instance, value) for value in values}
    for value in values:
        dataset._dict[BaseTag(value.tag)] = value.element(instance)
    append_original(instance, previous, at=at, system=system, reason=reason.value)
    written = read_instance(instance_bytes(instance))
    found = {a.tag: a.value for a in canonical_attributes(written.dataset)}
    wanted = old | {value.tag: value.canonical for value in values}
    for tag in {*wanted, *found} - {ORIGINAL_ATTRIBUTES}:
        if wanted.get(tag) != found.get(tag):
            name = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
            raise SealError(f"{name} cannot be written as it must be", code=CANNOT_RECORD)
    _require_calibrated({value.tag for value in values}, found.get(CALIBRATION_TYPE))
    return written


def _differing(before: Sequence[Attribute], values: Sequence[NewValue]) -> list[NewValue]:
    old = {attribute.tag: attribute.value for attribute in before}
    return [value for value in values if value.canonical != old.get(value.tag)]


def _previous(instance: Instance, value: NewValue) -> RawDataElement:
    """Return the element as it lies in the object; empty if it is not there."""
    tag = BaseTag(value.tag)
    if tag in instance.dataset:
        element: object = instance.dataset.get_item(tag, keep_deferred=True)
        if isinstance(element, RawDataElement):
            return element
    implicit, little = instance.dataset.original_encoding
    return RawDataElement(tag, value.vr, 0, b"", 0, bool(implicit), bool(little))


def _require_calibrated(changed: set[int], kind: object) -> None:
    named = isinstance(kind, tuple) and len(kind) == 1 and kind[0] in CALIBRATED
    if PIXEL_SPACING in changed and not named:
        raise UsageError(
            "PixelSpacing is corrected by a calibration alone: set PixelSpacingCalibrationType to "
            "GEOMETRY or FIDUCIAL as well"
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be logged, and on which statement of the object it follows."""

    body: CorrectionBody
    kept: KeptAnnex
    link: Link


def _plan(
    claim: Claim,
    before: Sequence[Attribute],
    after: Sequence[Attribute],
    reason: Reason,
    evidence: Evidence,
    records: Records[ReadableLog],
    trust: TrustStore,
    draw_salt: DrawSalt,
) -> _Plan:
    log = records.log
    chain = log.events(claim.seal_id)
    link = Link(len(chain), chain[-1].leaf_hash)
    if len(chain) != evidence.custody.chain_events:
        words = "another statement of this object came first"
        raise ConflictError(words, current=link, chain=Chain.OBJECT)
    counted = evidence.custody.corrections  # those that verification follows: after the seal
    _, _, heads = follow_corrections(claim, counted, log=log, trust=trust)
    kept = read_kept(claim, log)
    if kept is None:
        raise EvidenceMissingError("what was kept about the object was erased")
    old = {attribute.tag: attribute.value for attribute in before}
    new = {attribute.tag: attribute.value for attribute in after}
    outdated = evidence.corrections.outdated
    changes: list[LeafChange] = []
    opened: list[OpenedLeaf] = []
    for tag in sorted({*old, *new, *outdated}):  # what has no value may be in neither
        if old.get(tag) == new.get(tag) and tag not in outdated:
            continue
        group = attribute_table().describe(tag).group
        if tag not in heads.leaves:
            salt = leaf_salt(claim.annex.header.seed, tag)
            opened.append(OpenedLeaf(salt, leaf_content(tag, group, old.get(tag))))
        fresh = OpenedLeaf(draw_salt(), leaf_content(tag, group, new.get(tag)))
        changes.append(LeafChange(tag, heads.of(tag), fresh.leaf))
        opened.append(fresh)
    return _Plan(CorrectionBody(reason, tuple(changes)), kept.with_leaves(opened), link)


def _log(
    plan: _Plan, claim: Claim, values: Sequence[NewValue], *, actor: Device, at: datetime
) -> Entry:
    statement = actor.sign(
        Event.CORRECTED,
        object_id=claim.seal_id,
        object_link=plan.link,
        body=plan.body.to_cbor(),
        at=at,
    )
    names = tuple(
        pseudonym(actor.lookup_key, Lookup.STUDY, value.text.encode("ascii"))
        for value in values
        if value.tag == STUDY_INSTANCE_UID and value.text
    )
    submission = Submission(statement, annex=plan.kept.encode(), pseudonyms=names)
    (entry,) = actor.log.append([submission], at=at)
    if not isinstance(entry, Entry):
        raise UsageError("a correction is logged at the ledger, not in an outbox")
    return entry
