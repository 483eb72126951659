"""Gather the evidence about one object: from its file, and from a ledger if there is one.

Decides nothing; provenance/judge.py does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import watermark
from ledger import (
    LedgerError,
    Role,
    StoreError,
    parse_statement,
)
from provenance import compare
from provenance.annex import Annex
from provenance.certificates import certificate_name
from provenance.claim import Claim, open_claim
from provenance.custody import find_custody
from provenance.descriptor import block_region, describe, resemble
from provenance.dicom.attributes import Attribute, canonical_attributes
from provenance.dicom.carrier import Carrier as CarrierValues
from provenance.dicom.carrier import read_carrier
from provenance.dicom.pixels import frames, pixel_geometry, pixel_notes
from provenance.dicom.read import Instance
from provenance.dicom.values import text
from provenance.errors import EvidenceError, MalformedError, TrustError
from provenance.evidence import (
    Carrier,
    Evidence,
    MarkReading,
    PixelComparison,
    Problem,
    Source,
)
from provenance.findings import Code
from provenance.header_tree import changed_attributes
from provenance.image_tree import Region
from provenance.marking import Samples, cannot_carry, read_plane
from provenance.records import Lookup, Records, uid_of
from provenance.trust import TrustStore

SOP_INSTANCE_UID, IMAGE_TYPE, LOSSY_IMAGE_COMPRESSION = 0x00080018, 0x00080008, 0x00282110


@dataclass(frozen=True, slots=True)
class Verifier:
    """Whom to believe, whom to ask, and the key of the marks to look for."""

    trust: TrustStore
    records: Records | None = None
    mark_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """A seal that opened, where it was found, and the receipt beside it."""

    claim: Claim
    source: Source
    receipt: bytes | None


def gather(instance: Instance, verifier: Verifier) -> Evidence:
    """Collect everything `judge` needs. Raises UnreadableError when the pixels do not decode.

    A ledger that cannot be read is evidence of its own: the rest is gathered without it.
    """
    try:
        return _gather(instance, verifier)
    except LedgerError as error:
        evidence = _gather(instance, replace(verifier, records=None))
        problem = Problem(Code.LEDGER_UNREACHABLE, f"the ledger cannot be read: {error}")
        return replace(evidence, unreachable=problem)


def _gather(instance: Instance, verifier: Verifier) -> Evidence:
    attributes = canonical_attributes(instance.dataset)
    values, state, problem = _carrier(instance)
    found: _Found | None = None
    if values is not None:
        found, problem = _from_carrier(values)
        state = Carrier.WHOLE if found else Carrier.BROKEN
    if found is None:
        found = _from_ledger(instance, verifier)
    mark = None
    if found is None:
        mark = read_mark(instance, verifier.mark_key)
        found = _from_mark(mark, verifier)
    evidence = Evidence(
        carrier=state,
        carrier_problem=problem,
        mark=mark,
        preamble=instance.preamble_executable,
        notes=(*instance.notes, *_pixel_notes(instance)),
    )
    if found is None:
        # What is not compared must still be decodable, or nothing was checked.
        compare.decode_all(instance)
        return evidence
    return _compare(evidence, found, instance, attributes, verifier)


def read_mark(instance: Instance, key: bytes | None) -> MarkReading:
    """Look for a mark in the object's pixels."""
    if key is None:
        return MarkReading(not_sought="no mark key was given")
    geometry = pixel_geometry(instance)
    impossible = cannot_carry(geometry)
    if geometry is None or impossible is not None:
        return MarkReading(not_sought=impossible.reason if impossible else "no pixels")
    reading = watermark.detect(_plane(instance), key=key)
    if reading is None:
        return MarkReading()
    return MarkReading(reading.payload, reading.false_alarm_log10)


def _pixel_notes(instance: Instance) -> tuple[str, ...]:
    geometry = pixel_geometry(instance)
    return () if geometry is None else pixel_notes(instance, geometry)


def _plane(instance: Instance) -> Samples:
    geometry = pixel_geometry(instance)
    assert geometry is not None
    (frame,) = frames(instance, geometry)
    return read_plane(frame, geometry.colour)


def _carrier(instance: Instance) -> tuple[CarrierValues | None, Carrier, Problem | None]:
    try:
        values = read_carrier(instance.dataset)
    except MalformedError as error:
        return None, Carrier.BROKEN, Problem(Code.CARRIER_BROKEN, str(error))
    return values, (Carrier.ABSENT if values is None else Carrier.WHOLE), None


def _from_carrier(values: CarrierValues) -> tuple[_Found | None, Problem | None]:
    try:
        unverified = parse_statement(values.statement)
        annex = Annex.decode(values.annex)
    except (LedgerError, MalformedError) as error:
        return None, Problem(Code.CARRIER_BROKEN, f"the seal cannot be read: {error}")
    try:
        claim = open_claim(unverified, annex)
    except MalformedError as error:
        return None, Problem(Code.CARRIER_BROKEN, f"the seal cannot be read: {error}")
    except EvidenceError as error:
        return None, Problem(Code.SEAL_MISFIT, str(error))
    return _Found(claim, Source.FILE, values.receipt), None


def _from_ledger(instance: Instance, verifier: Verifier) -> _Found | None:
    records = verifier.records
    if records is None:
        return None
    uid = uid_of(instance.dataset, Lookup.INSTANCE)
    if uid is not None:
        found = _newest(records.find(Lookup.INSTANCE, uid), Source.LEDGER_BY_INSTANCE, records)
        if found is not None:
            return found
    root = compare.image_root(instance)
    if root is None:
        return None
    return _newest(records.find(Lookup.PIXELS, root), Source.LEDGER_BY_PIXELS, records)


def _from_mark(mark: MarkReading, verifier: Verifier) -> _Found | None:
    if mark.seal_id is None or verifier.records is None:
        return None
    return _newest((mark.seal_id,), Source.LEDGER_BY_MARK, verifier.records)


def _newest(seal_ids: Sequence[bytes], source: Source, records: Records) -> _Found | None:
    """Open the newest seal among ``seal_ids`` whose annex the ledger still holds."""
    for seal_id in reversed(seal_ids):
        entries = records.log.events(seal_id)
        annex = records.log.annex(seal_id)
        if not entries or annex is None:
            continue
        try:
            claim = open_claim(parse_statement(entries[0].statement), Annex.decode(annex))
        except EvidenceError as error:
            raise StoreError(f"its own copy of seal {seal_id.hex()} does not open") from error
        return _Found(claim, source, None)
    return None


def _compare(
    evidence: Evidence,
    found: _Found,
    instance: Instance,
    attributes: Sequence[Attribute],
    verifier: Verifier,
) -> Evidence:
    claim = found.claim
    pixels = compare.compare_pixels(claim.annex.image, instance)
    original = claim.annex.original
    if found.source is not Source.FILE and original is not None and not pixels.equal:
        unmarked = compare.image_root(instance, as_decoded=True) == original.root
        pixels = PixelComparison(unmarked=True) if unmarked else pixels
    changes = changed_attributes(claim.annex.header, attributes)
    evidence = replace(
        evidence,
        claim=claim,
        source=found.source,
        pixels=pixels,
        changes=changes,
        declared_copy=_declared_copy(instance, changed=frozenset(c.tag for c in changes)),
        signer=certificate_name(claim.certificate),
    )
    if not pixels.equal:
        evidence = _look_closer(evidence, claim, pixels, instance, verifier)
    evidence = _with_trust(evidence, claim, verifier.trust)
    custody = find_custody(claim, found.receipt, logs=verifier.trust.logs, records=verifier.records)
    return replace(evidence, custody=custody)


def _declared_copy(instance: Instance, *, changed: frozenset[int]) -> bool:
    """Whether the object says of itself that it is a derived instance (PS3.3 C.7.6.1.1.2)."""
    pixel_characteristics = text(instance.dataset, IMAGE_TYPE).split("\\")[0]
    lossy = text(instance.dataset, LOSSY_IMAGE_COMPRESSION) == "01"
    derived = pixel_characteristics.strip().upper() == "DERIVED"
    return SOP_INSTANCE_UID in changed and (derived or lossy)


def _look_closer(
    evidence: Evidence,
    claim: Claim,
    pixels: PixelComparison,
    instance: Instance,
    verifier: Verifier,
) -> Evidence:
    """Where pixels differ: is it a copy? Ask the mark and the thumbnail."""
    mark = evidence.mark
    if mark is None:
        marked = claim.body.mark is not None
        mark = (
            read_mark(instance, verifier.mark_key)
            if marked
            else MarkReading(not_sought="the object was sealed unmarked")
        )
    evidence = replace(evidence, mark=mark)
    descriptor = claim.annex.descriptor
    if mark.seal_id is None or descriptor is None:
        return evidence
    plane = _plane(instance)
    alike = resemble(descriptor, describe(plane))
    regions = tuple(
        Region(0, *block_region(block, rows=plane.shape[0], columns=plane.shape[1]))
        for block in alike.blocks
    )
    if pixels.geometry is not None and regions:
        evidence = replace(evidence, pixels=replace(pixels, regions=regions))
    return replace(evidence, resemblance=alike, copy_regions=regions)


def _with_trust(evidence: Evidence, claim: Claim, trust: TrustStore) -> Evidence:
    try:
        authority = trust.vouch(claim.chain, role=Role.DEVICE, at=claim.statement.claimed_at)
    except TrustError as error:
        return replace(evidence, trust_problem=Problem(Code.SIGNER_UNKNOWN, str(error)))
    return replace(evidence, authority=authority)
