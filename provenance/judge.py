"""From evidence to verdict: a pure function. Reads no clock, no disk, no network.

The order of the rules is the order of gravity; docs/verdicts.md says them in words.
"""

from collections.abc import Iterator
from datetime import timedelta

from provenance.dicom.attributes import Change, Group, Kind, Severity
from provenance.evidence import Carrier, Evidence, Source
from provenance.findings import Code
from provenance.verdict import Check, Outcome, Status, Verdict, Word

CLOCK_TOLERANCE = timedelta(days=1)
PATIENT_NAME, PATIENT_ID = 0x00100010, 0x00100020
# With name and ID changed, one more of these makes it another patient rather than a correction.
OTHER_IDENTITY = frozenset({0x00100030, 0x00100040, 0x0020000D})
# What a copy that says so may change: its own identity as an instance, and how it was made.
COPY_MAY_CHANGE = frozenset({0x00080008, 0x00282110, 0x00282112, 0x00282114})


def judge(evidence: Evidence) -> Verdict:
    """Judge every question, and find the word for all of them together."""
    checks = (
        *_seal_checks(evidence),
        *_pixel_checks(evidence),
        *_header_checks(evidence),
        *_mark_checks(evidence),
        *_trust_checks(evidence),
        *_custody_checks(evidence),
    )
    word = _word(evidence)
    claim = evidence.claim
    regions = evidence.pixels.regions if evidence.pixels else ()
    return Verdict(
        word=word,
        integrity=_integrity(evidence, word),
        trust=_trust(evidence),
        custody=_custody(evidence),
        checks=checks,
        regions=regions if word is not Word.DERIVED else (),
        changes=evidence.changes or (),
        seal_id=claim.seal_id if claim else (evidence.mark.seal_id if evidence.mark else None),
        signer=evidence.signer,
        sealed_at=claim.statement.claimed_at if claim else None,
        log_index=evidence.custody.log_index,
        notes=evidence.notes,
    )


def _word(evidence: Evidence) -> Word:
    if evidence.claim is None:
        return _word_without_claim(evidence)
    if _altered(evidence):
        return Word.ALTERED
    if _trust(evidence) is not Outcome.PROVEN:
        return Word.UNTRUSTED
    if _is_copy(evidence):
        return Word.DERIVED
    if evidence.pixels is not None and evidence.pixels.unmarked:
        return Word.UNSEALED  # never sealed itself: what the sealed object was made from
    if evidence.source is not Source.FILE:
        return Word.STRIPPED
    if evidence.custody.ledger is not None:
        return Word.UNTRUSTED
    if evidence.pixels is None or not evidence.pixels.compared or evidence.changes is None:
        return Word.NOT_CHECKED
    if any(c.severity is not Severity.INFORMATIONAL for c in evidence.changes):
        return Word.HEADER_CHANGED
    if _custody(evidence) is not Outcome.PROVEN:
        return Word.NOT_CHECKED
    return Word.AUTHENTIC


def _word_without_claim(evidence: Evidence) -> Word:
    problem = evidence.carrier_problem
    if problem is not None and problem.code is Code.SEAL_MISFIT:
        return Word.ALTERED
    if evidence.carrier is Carrier.BROKEN:
        return Word.STRIPPED
    if evidence.mark is not None and evidence.mark.seal_id is not None:
        return Word.STRIPPED
    return Word.UNSEALED


def _altered(evidence: Evidence) -> bool:
    """Whether content provably differs from what was sealed, and no copying explains it."""
    assert evidence.claim is not None
    mark = evidence.mark
    if mark is not None and mark.seal_id not in (None, evidence.claim.seal_id):
        return True
    if evidence.pixels is not None and not evidence.pixels.equal and not _is_copy(evidence):
        return True
    return bool(_grave_changes(evidence))


def _is_copy(evidence: Evidence) -> bool:
    """Whether this is a copy of the sealed image, found by its mark and consistent with it."""
    claim, mark, pixels = evidence.claim, evidence.mark, evidence.pixels
    if claim is None or mark is None or mark.seal_id != claim.seal_id:
        return False
    if pixels is None or pixels.equal:
        return False
    declared = evidence.source is Source.LEDGER_BY_MARK or evidence.declared_copy
    alike = evidence.resemblance
    return declared and alike is not None and alike.same_image and not alike.blocks


def _grave_changes(evidence: Evidence) -> tuple[Change, ...]:
    """The header changes that make an object ALTERED, given how its seal was found."""
    changes = evidence.changes or ()
    if evidence.source in (Source.LEDGER_BY_PIXELS, Source.LEDGER_BY_MARK) or _is_copy(evidence):
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


def _integrity(evidence: Evidence, word: Word) -> Outcome:
    if word is Word.ALTERED:
        return Outcome.REFUTED
    if evidence.claim is None or evidence.pixels is None or not evidence.pixels.compared:
        return Outcome.UNKNOWN
    if not evidence.pixels.equal:  # a copy: neither as sealed nor shown to be falsified
        return Outcome.UNKNOWN
    changed = any(c.severity is not Severity.INFORMATIONAL for c in evidence.changes or ())
    return Outcome.REFUTED if changed else Outcome.PROVEN


def _trust(evidence: Evidence) -> Outcome:
    if evidence.claim is None:
        return Outcome.UNKNOWN
    if evidence.custody.key is not None or _clock_ahead(evidence):
        return Outcome.REFUTED
    if evidence.trust_problem is not None:
        return Outcome.REFUTED
    return Outcome.PROVEN


def _custody(evidence: Evidence) -> Outcome:
    if evidence.claim is None:
        return Outcome.UNKNOWN
    if evidence.custody.ledger is not None:
        return Outcome.REFUTED
    return Outcome.PROVEN if evidence.custody.log_index is not None else Outcome.UNKNOWN


def _clock_ahead(evidence: Evidence) -> bool:
    claim, logged = evidence.claim, evidence.custody.logged_before
    if claim is None or logged is None:
        return False
    return claim.statement.claimed_at > logged + CLOCK_TOLERANCE


def _seal_checks(evidence: Evidence) -> Iterator[Check]:
    if evidence.preamble:
        yield Check("preamble", Status.WARN, Code.PREAMBLE, "the preamble is a program's header")
    if evidence.carrier_problem is not None:
        problem = evidence.carrier_problem
        yield Check("seal", Status.FAIL, problem.code, problem.detail)
    elif evidence.carrier is Carrier.ABSENT:
        yield Check("seal", Status.FAIL, Code.NO_SEAL, "the file carries no seal")
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
        yield Check("pixels", Status.SKIP, Code.PIXELS_NOT_COMPARED, "no seal to compare with")
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
    if pixels.regions:
        first = pixels.regions[0]
        detail = (
            f"{len(pixels.regions)} region(s) differ; the first: frame {first.frame}, "
            f"x {first.x} y {first.y}, {first.w}x{first.h}"
        )
        yield Check("pixels", _grade(evidence), Code.PIXELS_DIFFER, detail)


def _grade(evidence: Evidence) -> Status:
    return Status.WARN if _is_copy(evidence) else Status.FAIL


def _header_checks(evidence: Evidence) -> Iterator[Check]:
    changes = evidence.changes
    if changes is None:
        yield Check("header", Status.SKIP, Code.HEADER_NOT_COMPARED, "no seal to compare with")
        return
    if not changes:
        yield Check("header", Status.PASS, Code.HEADER_AS_SEALED, "all signed attributes agree")
        return
    grave = _grave_changes(evidence)
    moved = tuple(c for c in grave if c.group is Group.INSTANCE)
    if moved:
        yield Check("header", Status.FAIL, Code.MOVED_SEAL, _named(moved))
    clinical = tuple(c for c in grave if c.severity is Severity.CLINICAL and c not in moved)
    if clinical:
        yield Check("header", Status.FAIL, Code.CLINICAL_CHANGED, _named(clinical))
    replaced = tuple(c for c in grave if c.severity is not Severity.CLINICAL)
    if replaced:
        yield Check("header", Status.FAIL, Code.PATIENT_REPLACED, _named(replaced))
    rest = tuple(c for c in changes if c not in grave)
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
        detail = f"the mark names seal {mark.seal_id.hex()}{chance}"
        yield Check("mark", Status.PASS, Code.MARK_READ, detail)
    alike = evidence.resemblance
    if alike is None:
        return
    detail = f"correlation {alike.correlation:.2f} with the sealed thumbnail"
    if alike.same_image and not alike.blocks:
        yield Check("copy", Status.PASS, Code.COPY_CONSISTENT, detail)
    else:
        where = ", ".join(f"x {r.x} y {r.y} {r.w}x{r.h}" for r in evidence.copy_regions[:4])
        yield Check("copy", Status.FAIL, Code.COPY_DIFFERS, f"{detail} {where}".rstrip())


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
    if evidence.custody.key is not None:
        yield Check("key", Status.FAIL, evidence.custody.key.code, evidence.custody.key.detail)
    if _clock_ahead(evidence):
        claimed = evidence.claim.statement.claimed_at
        detail = (
            f"sealed at {claimed:%Y-%m-%d %H:%M:%SZ} by its own clock, later than it was logged"
        )
        yield Check("time", Status.FAIL, Code.CLOCK_AHEAD, detail)


def _custody_checks(evidence: Evidence) -> Iterator[Check]:
    if evidence.claim is None:
        return
    custody = evidence.custody
    if custody.log_index is not None:
        yield Check("log", Status.PASS, Code.LOGGED, f"entry {custody.log_index} of the log")
    if custody.receipt is not None:
        status = Status.WARN if custody.log_index is not None else Status.FAIL
        yield Check("receipt", status, custody.receipt.code, custody.receipt.detail)
    if custody.ledger is not None:
        yield Check("chain", Status.FAIL, custody.ledger.code, custody.ledger.detail)
    elif custody.chain_events is not None:
        detail = f"{custody.chain_events} event(s), each naming its predecessor"
        yield Check("chain", Status.PASS, Code.CHAIN_COMPLETE, detail)
    else:
        yield Check("chain", Status.SKIP, Code.CHAIN_NOT_CHECKED, "no ledger was asked")
