"""Gather the evidence about one object: from its file, and from a ledger if there is one.

Decides nothing; provenance/judging/judge.py does.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from ledger import LedgerError
from provenance.claims.claim import Claim
from provenance.correcting.corrections import find_corrections, walk_back, with_reverted
from provenance.derivation.descent import find_descent, vouch_for_birth
from provenance.dicom.attributes import Attribute, canonical_attributes
from provenance.dicom.carrier import Carrier as CarrierValues
from provenance.dicom.carrier import read_carrier
from provenance.dicom.pixels import pixel_geometry, pixel_notes
from provenance.dicom.read import Instance
from provenance.dicom.values import text
from provenance.dicom.writer_name import rewritten_by
from provenance.errors import MalformedError, TrustError
from provenance.findings import Code
from provenance.header_tree import changed_attributes
from provenance.judging.charset_swap import find_charset_swap
from provenance.judging.depth import Depth
from provenance.judging.evidence import (
    Carrier,
    Evidence,
    MarkReading,
    PixelComparison,
    Problem,
    Source,
)
from provenance.judging.signed_by import SignedBy
from provenance.marks.mark_search import plane_of, read_mark, search_mark
from provenance.marks.marking import Samples
from provenance.pictures.likeness import compare_copy
from provenance.pictures.picture_file import PictureFile
from provenance.pictures.viewpoint import Viewpoint
from provenance.ps315.examine import examine_signatures
from provenance.trust.certificates import certificate_der, certificate_name
from provenance.verifying import compare
from provenance.verifying.custody import find_custody
from provenance.verifying.seal_search import FoundSeal, from_carrier, from_ledger, from_mark
from provenance.verifying.second_signer import find_second_signer
from provenance.verifying.verifier import Verifier

_NOT_SOUGHT = MarkReading(not_sought="the depth that the policy asks for leaves it out")
SOP_INSTANCE_UID, IMAGE_TYPE, LOSSY_IMAGE_COMPRESSION = 0x00080018, 0x00080008, 0x00282110


def gather(instance: Instance, verifier: Verifier) -> Evidence:
    """Collect everything `judge` needs. Raises UnreadableError when the pixels do not decode.

    A ledger that cannot be read is evidence of its own: the rest is gathered without it.
    """
    try:
        return _gather(instance, verifier)
    except LedgerError as error:
        evidence = _gather(instance, replace(verifier, records=None))
        return replace(evidence, unreachable=_unreachable(error))


def gather_picture(picture: PictureFile, verifier: Verifier) -> Evidence:
    """Collect everything `judge` needs about a picture: no header, no carrier, only a mark."""
    seeks = verifier.depth is Depth.MARK
    mark = search_mark(picture.plane, verifier.mark_keys) if seeks else _NOT_SOUGHT
    try:
        return _gather_picture(picture, mark, verifier)
    except LedgerError as error:
        evidence = _gather_picture(picture, mark, replace(verifier, records=None))
        return replace(evidence, unreachable=_unreachable(error))


def _unreachable(error: LedgerError) -> Problem:
    return Problem(Code.LEDGER_UNREACHABLE, f"the ledger cannot be read: {error}")


def _gather_picture(picture: PictureFile, mark: MarkReading, verifier: Verifier) -> Evidence:
    found, out_of_reach = from_mark(mark, verifier.records)
    evidence = Evidence(
        carrier=Carrier.ABSENT,
        picture=picture.kind,
        mark=mark,
        out_of_reach=out_of_reach,
        depth=verifier.reach,
        notes=picture.notes,
    )
    if found is None:
        return evidence
    evidence = _with_seal(evidence, found)
    evidence = _with_likeness(evidence, found.claim, picture.plane, verifier)
    evidence = _with_trust_and_custody(evidence, found, verifier)
    return _with_descent(evidence, found.claim, None, (), verifier)


def _gather(instance: Instance, verifier: Verifier) -> Evidence:
    attributes = canonical_attributes(instance.dataset)
    values, state, problem = _carrier(instance)
    found: FoundSeal | None = None
    if values is not None:
        found, problem = from_carrier(values)
        state = Carrier.WHOLE if found else Carrier.BROKEN
    if found is None:
        found = from_ledger(instance, verifier.records)
    mark, out_of_reach = None, None
    if found is None:
        seeks = verifier.depth is Depth.MARK
        mark = read_mark(instance, verifier.mark_keys) if seeks else _NOT_SOUGHT
        found, out_of_reach = from_mark(mark, verifier.records)
    evidence = Evidence(
        carrier=state,
        carrier_problem=problem,
        mark=mark,
        out_of_reach=out_of_reach,
        preamble=instance.preamble_executable,
        trailing=instance.trailing_bytes,
        rewritten=rewritten_by(instance),
        signatures=examine_signatures(instance, verifier.trust.timestamping),
        depth=verifier.reach,
        notes=(*instance.notes, *_pixel_notes(instance)),
    )
    if found is None:
        # What is not compared must still be decodable, or nothing was checked.
        compare.decode_all(instance)
        return evidence
    evidence = _compare(_with_seal(evidence, found), found, instance, attributes, verifier)
    evidence = _with_trust_and_custody(evidence, found, verifier)
    evidence = _with_descent(evidence, found.claim, instance, attributes, verifier)
    return _with_corrections(evidence, found.claim, attributes, verifier)


def _with_descent(
    evidence: Evidence,
    claim: Claim,
    instance: Instance | None,
    attributes: Sequence[Attribute],
    verifier: Verifier,
) -> Evidence:
    descent = find_descent(
        claim,
        instance,
        evidence.pixels,
        attributes,
        trust=verifier.trust,
        sealing=verifier.sealing_roles,
        records=verifier.records,
    )
    return evidence if descent is None else replace(evidence, descent=descent)


def _with_corrections(
    evidence: Evidence, claim: Claim, attributes: Sequence[Attribute], verifier: Verifier
) -> Evidence:
    """Ask the ledger, and the object itself, what documents the header changes."""
    if evidence.source not in (Source.FILE, Source.LEDGER_BY_INSTANCE):
        return evidence  # another instance by its own word
    if verifier.records is None and not evidence.changes:
        return evidence
    custody, corrections = evidence.custody, evidence.corrections
    if verifier.records is not None:
        corrections = find_corrections(
            claim,
            custody.corrections,
            attributes,
            log=verifier.records.log,
            trust=verifier.trust,
        )
    changes = evidence.changes or ()
    in_file = walk_back(claim.annex.header, attributes, changes)
    return replace(
        evidence,
        changes=with_reverted(changes, corrections),
        corrections=replace(corrections, in_file=in_file),
    )


def _pixel_notes(instance: Instance) -> tuple[str, ...]:
    geometry = pixel_geometry(instance)
    return () if geometry is None else pixel_notes(instance, geometry)


def _carrier(instance: Instance) -> tuple[CarrierValues | None, Carrier, Problem | None]:
    try:
        values = read_carrier(instance.dataset)
    except MalformedError as error:
        return None, Carrier.BROKEN, Problem(Code.CARRIER_BROKEN, str(error))
    return values, (Carrier.ABSENT if values is None else Carrier.WHOLE), None


def _with_seal(evidence: Evidence, found: FoundSeal) -> Evidence:
    claim = found.claim
    name = certificate_name(claim.certificate)
    certificate = hashlib.sha256(certificate_der(claim.certificate)).digest()
    return replace(
        evidence,
        claim=claim,
        source=found.source,
        signer=name,
        signed_by=SignedBy(name, certificate, claim.statement.kid, event=claim.event),
    )


def _compare(
    evidence: Evidence,
    found: FoundSeal,
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
        pixels=pixels,
        changes=changes,
        charset=find_charset_swap(claim.annex.header, instance.dataset, changes),
        declared_copy=_declared_copy(instance, changed=frozenset(c.tag for c in changes)),
    )
    return evidence if pixels.equal else _look_closer(evidence, claim, instance, verifier)


def _declared_copy(instance: Instance, *, changed: frozenset[int]) -> bool:
    """Whether the object says of itself that it is a derived instance (PS3.3 C.7.6.1.1.2)."""
    pixel_characteristics = text(instance.dataset, IMAGE_TYPE).split("\\")[0]
    lossy = text(instance.dataset, LOSSY_IMAGE_COMPRESSION) == "01"
    derived = pixel_characteristics.strip().upper() == "DERIVED"
    return SOP_INSTANCE_UID in changed and (derived or lossy)


def _look_closer(
    evidence: Evidence, claim: Claim, instance: Instance, verifier: Verifier
) -> Evidence:
    """Where pixels differ: is it a copy? Ask the mark and the thumbnail."""
    mark = evidence.mark
    if mark is None:
        terms = claim.body.mark
        mark = (
            MarkReading(not_sought="the object was sealed unmarked")
            if terms is None
            else read_mark(instance, verifier.keys_of(terms), expected=[claim.seal_id])
        )
        evidence = replace(evidence, mark=mark)
    if mark.reading is None:
        return evidence
    return _with_likeness(evidence, claim, plane_of(instance), verifier)


def _with_likeness(
    evidence: Evidence, claim: Claim, plane: Samples, verifier: Verifier
) -> Evidence:
    """Compare what is shown with the sealed image that its own mark names."""
    mark, image = evidence.mark, claim.annex.image
    if mark is None or mark.reading is None or mark.key is None or image is None:
        return evidence
    if mark.seal_id != claim.seal_id:
        return evidence
    viewpoint = Viewpoint.of(
        mark.reading.placement,
        rows=image.geometry.rows,
        columns=image.geometry.columns,
        picture=(plane.shape[0], plane.shape[1]),
    )
    likeness = compare_copy(plane, mark.reading, claim.annex, key=mark.key)
    return replace(evidence, likeness=likeness, viewpoint=viewpoint)


def _with_trust_and_custody(evidence: Evidence, found: FoundSeal, verifier: Verifier) -> Evidence:
    claim, trust = found.claim, verifier.trust
    custody = find_custody(claim, found.receipt, trust=trust, records=verifier.records)
    second = find_second_signer(claim, trust, custody.existence)
    return _with_trust(replace(evidence, custody=custody, second=second), claim, verifier)


def _with_trust(evidence: Evidence, claim: Claim, verifier: Verifier) -> Evidence:
    """Ask who vouches for the signer, in the first role that anyone vouches for."""
    existence = evidence.custody.existence
    try:
        standing, role = vouch_for_birth(
            claim,
            verifier.trust,
            sealing=verifier.sealing_roles,
            existence=existence,
        )
    except TrustError as error:
        return replace(evidence, trust_problem=Problem(error.code, str(error)))
    signed_by = evidence.signed_by and replace(evidence.signed_by, role=role)
    return replace(
        evidence, authority=standing.authority, signed_by=signed_by, notices=standing.notices
    )
