"""What was looked at and how it went, in words: one Check after another, for people and JSON."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from ledger import Bracket, Existence, TimeFinding, TimeSource
from provenance.claims.descriptor import LEAST_COMPARED
from provenance.dicom.attribute_table import attribute_table
from provenance.dicom.attributes import Change, Group, Severity
from provenance.findings import Code
from provenance.image_tree import Region, Witness
from provenance.judging.deidentified_checks import deidentified_checks
from provenance.judging.descent_checks import descent_checks
from provenance.judging.evidence import Attestation, Carrier, Demands, Evidence, Likeness, Source
from provenance.judging.rules import (
    clock_ahead,
    documented,
    grave_changes,
    is_copy,
    is_unclear_copy,
    swaps_sides,
    undocumented,
)
from provenance.judging.signature_checks import signature_checks
from provenance.judging.verdict import Check, Status

LATER = timedelta(hours=1)  # what was logged so long after its claimed time is said
_TIME_CODES: Mapping[TimeFinding, Code] = {
    TimeFinding.LATE: Code.CLAIMED_EARLY,
    TimeFinding.FUTURE: Code.CLAIMED_FUTURE,
    TimeFinding.HEAD_UNKNOWN: Code.HEAD_UNKNOWN,
}
_SOURCES: Mapping[TimeSource, str] = {
    TimeSource.LOG: "signed by",
    TimeSource.WITNESSES: "cosigned by",
    TimeSource.TIMESTAMP: "timestamp of",
}


def checks_of(evidence: Evidence) -> tuple[Check, ...]:
    """Return every check of one object, from seal to custody."""
    return (
        *_seal_checks(evidence),
        *_pixel_checks(evidence),
        *_header_checks(evidence),
        *_correction_checks(evidence),
        *_mark_checks(evidence),
        *_copy_checks(evidence),
        *descent_checks(evidence),
        *deidentified_checks(evidence),
        *_trust_checks(evidence),
        *_custody_checks(evidence),
        *_policy_checks(evidence.demands),
        *signature_checks(evidence.signatures),
    )


def _seal_checks(evidence: Evidence) -> Iterator[Check]:
    if evidence.preamble:
        yield Check("preamble", Status.WARN, Code.PREAMBLE, "the preamble is a program's header")
    if evidence.trailing:
        yield Check("file", Status.WARN, Code.TRAILING_BYTES, "bytes follow the last element")
    if evidence.rewritten is not None and evidence.claim is not None:
        yield Check("file", Status.PASS, Code.REWRITTEN, evidence.rewritten)
    if evidence.carrier_problem is not None:
        problem = evidence.carrier_problem
        yield Check("seal", Status.FAIL, problem.code, problem.detail)
    elif evidence.picture is not None:
        detail = f"a {evidence.picture} picture has no place for a seal"
        yield Check("seal", Status.SKIP, Code.PICTURE, detail)
    elif evidence.carrier is Carrier.ABSENT:
        yield Check("seal", Status.FAIL, Code.NO_SEAL, "the file carries no seal")
    if evidence.out_of_reach is not None:
        problem = evidence.out_of_reach
        yield Check("seal", Status.FAIL, problem.code, problem.detail)
    claim = evidence.claim
    if claim is None:
        return
    seal_id = claim.seal_id.hex()
    match evidence.source:
        case Source.FILE:
            yield Check("seal", Status.PASS, Code.SEAL_FOUND, f"seal {seal_id}, signature verifies")
        case Source.LEDGER_BY_INSTANCE | Source.LEDGER_BY_PIXELS:
            detail = f"seal {seal_id} was found in {evidence.source}"
            yield Check("seal", Status.FAIL, Code.SEAL_FROM_LEDGER, detail)
        case Source.LEDGER_BY_MARK:
            detail = f"seal {seal_id} was found in {evidence.source}"
            yield Check("seal", Status.WARN, Code.SEAL_FROM_MARK, detail)


def _pixel_checks(evidence: Evidence) -> Iterator[Check]:
    pixels, claim = evidence.pixels, evidence.claim
    if claim is None or pixels is None:
        as_copy = claim is not None and evidence.picture is not None
        why = "a picture is compared as a copy" if as_copy else "no seal to compare with"
        yield Check("pixels", Status.SKIP, Code.PIXELS_NOT_COMPARED, why)
        return
    if pixels.recoded is not None:
        yield Check("encoding", Status.WARN, Code.RECODED, pixels.recoded)
    image = claim.annex.image
    if pixels.unmarked:
        detail = "the samples are the signed original, before it was marked"
        yield Check("pixels", Status.PASS, Code.PIXELS_UNMARKED, detail)
    elif pixels.equal and image is None:
        yield Check("pixels", Status.PASS, Code.NO_PIXELS, "the object was sealed without pixels")
    elif pixels.equal and image is not None:
        detail = f"all {image.geometry.tiles} tiles as sealed"
        yield Check("pixels", Status.PASS, Code.PIXELS_AS_SEALED, detail)
    elif pixels.geometry is not None:
        yield Check("pixels", _grade(evidence), Code.GEOMETRY_DIFFERS, pixels.geometry)
    if pixels.regions and pixels.geometry is None:
        first = pixels.regions[0]
        detail = (
            f"{len(pixels.regions)} region(s) differ; the first: frame {first.frame}, "
            f"x {first.x} y {first.y}, {first.w}x{first.h}"
        )
        yield Check("pixels", _grade(evidence), Code.PIXELS_DIFFER, detail)


def _grade(evidence: Evidence) -> Status:
    copy = is_copy(evidence) or is_unclear_copy(evidence)
    return Status.WARN if copy else Status.FAIL


def _header_checks(evidence: Evidence) -> Iterator[Check]:
    changes = evidence.changes
    if changes is None:
        why = "no seal to compare with" if evidence.picture is None else "a picture has no header"
        yield Check("header", Status.SKIP, Code.HEADER_NOT_COMPARED, why)
        return
    if not changes:
        yield Check("header", Status.PASS, Code.HEADER_AS_SEALED, "all signed attributes agree")
        return
    grave = grave_changes(evidence)
    moved = tuple(c for c in grave if c.group is Group.INSTANCE)
    if moved:
        yield Check("header", Status.FAIL, Code.MOVED_SEAL, _named(moved))
    clinical = tuple(c for c in grave if c.severity is Severity.CLINICAL and c not in moved)
    if clinical:
        yield Check("header", Status.FAIL, Code.CLINICAL_CHANGED, _named(clinical))
    replaced = tuple(c for c in grave if c.severity is not Severity.CLINICAL)
    if replaced:
        yield Check("header", Status.FAIL, Code.PATIENT_REPLACED, _named(replaced))
    corrected = documented(evidence)
    if corrected:
        yield Check("header", Status.PASS, Code.HEADER_CORRECTED, _named(corrected))
    rest = tuple(c for c in changes if c not in grave and c not in corrected)
    of_copy = tuple(c for c in rest if c.severity is Severity.CLINICAL)
    administrative = tuple(c for c in rest if c.severity is Severity.ADMINISTRATIVE) + of_copy
    status = Status.WARN if evidence.source is not Source.FILE or of_copy else Status.FAIL
    if administrative:
        yield Check("header", status, Code.ADMINISTRATIVE_CHANGED, _named(administrative))
    display = tuple(c for c in rest if c.severity is Severity.LOW)
    if display:
        yield Check("header", Status.WARN, Code.DISPLAY_CHANGED, _named(display))
    informational = tuple(c for c in rest if c.severity is Severity.INFORMATIONAL)
    private = tuple(c for c in informational if c.group is Group.PRIVATE)
    if private:
        yield Check("header", Status.WARN, Code.PRIVATE_CHANGED, _named(private))
    noted = tuple(c for c in informational if c.group is not Group.PRIVATE)
    if noted:
        yield Check("header", Status.WARN, Code.NOTED, _named(noted))
    if evidence.charset is not None:
        yield Check("header", Status.WARN, Code.CHARSET_SWAPPED, evidence.charset.words())


def _correction_checks(evidence: Evidence) -> Iterator[Check]:
    """Say what corrections there are, and which changes only the object itself records."""
    corrections = evidence.corrections
    for each in corrections.amendments:
        detail = f"entry {each.index} by {each.actor}, reason {each.body.reason}"
        yield Check("correction", Status.PASS, Code.CORRECTION, detail)
    status = Status.FAIL if undocumented(evidence) else Status.WARN
    for problem in corrections.problems:
        yield Check("correction", status, problem.code, problem.detail)
    if corrections.outdated:
        names = ", ".join(
            attribute_table().describe(t).keyword for t in sorted(corrections.outdated)
        )
        yield Check("correction", Status.WARN, Code.CORRECTION_NEWER, names)
    recorded = corrections.in_file - corrections.documented
    if recorded:
        named = tuple(c for c in evidence.changes or () if c.tag in recorded)
        detail = f"documented in the file, by nobody whose signature was seen: {_named(named)}"
        yield Check("correction", Status.WARN, Code.RECORDED_IN_FILE, detail)


def _named(changes: tuple[Change, ...], most: int = 6) -> str:
    words = [f"{c.keyword} {c.kind}" for c in changes[:most]]
    if len(changes) > most:
        words.append(f"and {len(changes) - most} more")
    return ", ".join(words)


def _mark_checks(evidence: Evidence) -> Iterator[Check]:
    mark = evidence.mark
    if mark is None or mark.not_sought is not None:
        why = mark.not_sought if mark and mark.not_sought else "the hashes decide"
        yield Check("mark", Status.SKIP, Code.MARK_NOT_SOUGHT, why)
    elif mark.seal_id is None:
        yield Check("mark", Status.WARN, Code.NO_MARK, "no mark of this site was found")
    elif evidence.claim is not None and mark.seal_id != evidence.claim.seal_id:
        detail = f"the pixels carry the mark of seal {mark.seal_id.hex()}"
        yield Check("mark", Status.FAIL, Code.MARK_OF_ANOTHER, detail)
    else:
        chance = f", false alarm 1e{mark.false_alarm_log10:.0f}" if mark.false_alarm_log10 else ""
        view = f"; {evidence.viewpoint.words()}" if evidence.viewpoint else ""
        detail = f"the mark names seal {mark.seal_id.hex()}{chance}{view}"
        yield Check("mark", Status.PASS, Code.MARK_READ, detail)


def _copy_checks(evidence: Evidence) -> Iterator[Check]:
    viewpoint, likeness = evidence.viewpoint, evidence.likeness
    if viewpoint is not None and viewpoint.mirrored:
        status = Status.FAIL if swaps_sides(evidence) else Status.WARN
        yield Check("view", status, Code.MIRRORED, "the image is shown mirrored")
    if likeness is None:
        if is_unclear_copy(evidence):
            yield Check("copy", Status.FAIL, Code.COPY_NOT_COMPARED, "nothing could be compared")
        return
    yield from _presence_checks(likeness)
    alike = likeness.resemblance
    if alike is None or not alike.enough:
        compared = 0 if alike is None else alike.compared
        detail = f"{compared} of 4096 cells of the thumbnail show enough, {LEAST_COMPARED} needed"
        yield Check("copy", Status.FAIL, Code.COPY_NOT_COMPARED, detail)
        return
    detail = f"correlation {alike.correlation:.2f} with the sealed thumbnail"
    if alike.same_image and not alike.cells:
        yield Check("copy", Status.PASS, Code.COPY_CONSISTENT, detail)
    else:
        where = _where(likeness.regions, Witness.THUMBNAIL)
        yield Check("copy", Status.FAIL, Code.COPY_DIFFERS, f"{detail} {where}".rstrip())


def _presence_checks(likeness: Likeness) -> Iterator[Check]:
    presence = likeness.presence
    if presence is None:
        return
    known = int(presence.known.sum())
    if not known:
        detail = "nowhere can it be told whether the mark shows"
        yield Check("presence", Status.WARN, Code.PRESENCE_UNKNOWN, detail)
        return
    where = _where(likeness.regions, Witness.PRESENCE)
    if presence.certain.any():
        missing = int((presence.certain & presence.known).sum())
        detail = f"the mark is missing from {missing} of {known} cells that can tell"
        yield Check("presence", Status.FAIL, Code.MARK_MISSING, f"{detail} {where}".rstrip())
    else:
        faint = int(presence.altered.sum())
        detail = f"the mark shows in {known - faint} of {known} cells that can tell"
        if faint:
            detail += "; in the others it is faint, not provably missing"
        yield Check("presence", Status.PASS, Code.MARK_PRESENT, detail)


def _where(regions: tuple[Region, ...], witness: Witness, most: int = 4) -> str:
    named = [r for r in regions if r.witness is witness][:most]
    return ", ".join(f"x {r.x} y {r.y} {r.w}x{r.h}" for r in named)


def _trust_checks(evidence: Evidence) -> Iterator[Check]:
    if evidence.claim is None:
        yield Check("signer", Status.SKIP, Code.SIGNER_NOT_JUDGED, "no seal to judge")
        return
    if evidence.trust_problem is not None:
        problem = evidence.trust_problem
        yield Check("signer", Status.FAIL, problem.code, problem.detail)
    else:
        detail = f"{evidence.signer}, vouched for by {evidence.authority}"
        yield Check("signer", Status.PASS, Code.SIGNER_TRUSTED, detail)
    for notice in evidence.notices:
        passed = notice.code is Code.NOT_REVOKED
        status = Status.PASS if passed else Status.WARN
        yield Check("certificate", status, notice.code, notice.detail)
    second = evidence.second
    if second is not None and second.problem is not None:
        yield Check("second signer", Status.FAIL, second.problem.code, second.problem.detail)
    elif second is not None:
        detail = f"{second.signer} by ML-DSA-65, vouched for by {second.authority}"
        yield Check("second signer", Status.PASS, Code.SECOND_VERIFIES, detail)
    if evidence.custody.key is not None:
        yield Check("key", Status.FAIL, evidence.custody.key.code, evidence.custody.key.detail)
    if clock_ahead(evidence):
        claimed = evidence.claim.statement.claimed_at
        detail = (
            f"sealed at {claimed:%Y-%m-%d %H:%M:%SZ} by its own clock, later than it was logged"
        )
        yield Check("time", Status.FAIL, Code.CLOCK_AHEAD, detail)
    yield from _time_checks(evidence.custody.existence)


def _time_checks(existence: Existence) -> Iterator[Check]:
    """Say by when others than the log had seen the seal, and which evidence proves no time."""
    for proof in existence.proofs:
        if proof.source.counts_against_the_log:
            detail = (
                f"it existed at {proof.moment:%Y-%m-%d %H:%M:%SZ}: {_SOURCES[proof.source]} "
                f"{proof.by}, checkpoint of {proof.size} entries"
            )
            yield Check("time", Status.PASS, Code.TIME_PROVEN, detail)
    for reason in existence.refused:
        yield Check("time", Status.WARN, Code.TIME_NOT_PROVEN, reason)


def _bracket_checks(bracket: Bracket) -> Iterator[Check]:
    """Say when the claimed time does not fit; that it was logged much later is for information."""
    code = None if bracket.finding is None else _TIME_CODES[bracket.finding]
    if code is not None:
        yield Check("bracket", Status.WARN, code, bracket.words())
    elif bracket.delay is not None and bracket.delay >= LATER:
        yield Check("bracket", Status.PASS, Code.LOGGED_LATER, bracket.words())


def _custody_checks(evidence: Evidence) -> Iterator[Check]:
    if evidence.unreachable is not None:
        problem = evidence.unreachable
        yield Check("ledger", Status.FAIL, problem.code, problem.detail)
    if evidence.claim is None:
        return
    custody = evidence.custody
    if custody.log_index is not None:
        yield Check("log", Status.PASS, Code.LOGGED, f"entry {custody.log_index} of the log")
    if custody.receipt is not None:
        status = Status.WARN if custody.log_index is not None else Status.FAIL
        yield Check("receipt", status, custody.receipt.code, custody.receipt.detail)
    if custody.bracket is not None:
        yield from _bracket_checks(custody.bracket)
    for said in custody.order:
        yield Check("order", Status.WARN, said.code, said.detail)
    if custody.ledger is not None:
        yield Check("chain", Status.FAIL, custody.ledger.code, custody.ledger.detail)
    elif custody.chain_events is not None:
        detail = f"{custody.chain_events} event(s), each naming its predecessor"
        yield Check("chain", Status.PASS, Code.CHAIN_COMPLETE, detail)
    else:
        yield Check("chain", Status.SKIP, Code.CHAIN_NOT_CHECKED, "no ledger was asked")
    for each in custody.attestations:
        yield _attestation_check(each)


def _policy_checks(demands: Demands) -> Iterator[Check]:
    for problem in (demands.seal, demands.signer):
        if problem is not None:
            yield Check("policy", Status.FAIL, problem.code, problem.detail)
    if demands.unclear is not None:
        yield Check("policy", Status.WARN, demands.unclear.code, demands.unclear.detail)


def _attestation_check(said: Attestation) -> Check:
    when = f"{said.claimed_at:%Y-%m-%d %H:%M:%SZ}"
    if said.problem is not None:
        detail = f"entry {said.index} by {said.name} counts for nothing: {said.problem}"
        return Check("attested", Status.WARN, Code.ATTESTER_UNKNOWN, detail)
    detail = f"{said.name} vouches for it ({said.purpose}), entry {said.index}, {when}"
    return Check("attested", Status.PASS, Code.ATTESTED, detail)
