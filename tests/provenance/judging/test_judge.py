"""The verdict's rules: each row of docs/verdicts.md, and the law that nothing fails open."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import Bracket, Event, Existence, ExistenceProof, Role, TimeSource
from provenance import NotProvenError, Outcome, Status, Word
from provenance.claims.birth import Origin
from provenance.claims.claim import Claim
from provenance.claims.descriptor import Resemblance
from provenance.correcting.correction import CorrectionBody, LeafChange, Reason, Subject
from provenance.deidentification.declared import Declared
from provenance.dicom.attributes import Change, Group, Kind, Severity
from provenance.findings import Code
from provenance.image_tree import Region, Witness
from provenance.judging.checks import checks_of
from provenance.judging.depth import Depth
from provenance.judging.evidence import (
    Amendment,
    Carrier,
    Corrections,
    Custody,
    Demands,
    Descent,
    Evidence,
    Likeness,
    MarkReading,
    ParentSeen,
    PixelComparison,
    Problem,
    SecondSigner,
    Source,
)
from provenance.judging.judge import judge
from provenance.judging.rules import (
    clock_ahead,
    differing_regions,
    grave_changes,
    is_altered,
    is_copy,
    is_derived,
    is_unclear_copy,
    seen_by,
)
from provenance.judging.signed_by import SignedBy
from provenance.judging.verdict import EXIT_CODES, GRAVEST_FIRST, NOTHING_MATCHED, gravest
from provenance.pictures.viewpoint import Viewpoint
from provenance.ps315.examine import DigitalSignature, DigitalSignatures, State

REGION = Region(frame=0, x=64, y=0, w=64, h=64)
BAD = Problem(Code.SIGNER_UNKNOWN, "nobody vouches")
ALIKE = Resemblance(0.99, ())
UNLIKE = Resemblance(0.10, ())
TOO_LITTLE = Resemblance(0.99, (), compared=150)
MISSING = Region(0, 10, 20, 30, 40, Witness.PRESENCE)
STRAIGHT = Viewpoint(degrees=0.0, mirrored=False, scale=0.5, shown=1.0)
MIRRORED = Viewpoint(degrees=0.0, mirrored=True, scale=0.5, shown=1.0)


def change(tag: int, group: Group, severity: Severity, kind: Kind = Kind.CHANGED) -> Change:
    return Change(tag=tag, keyword="X", group=group, severity=severity, kind=kind)


SIDE = change(0x00200062, Group.GEOMETRY, Severity.CLINICAL)
INSTANCE = change(0x00080018, Group.INSTANCE, Severity.CLINICAL)
NAME = change(0x00100010, Group.IDENTITY, Severity.ADMINISTRATIVE)
PATIENT_ID = change(0x00100020, Group.IDENTITY, Severity.ADMINISTRATIVE)
BIRTH_DATE = change(0x00100030, Group.IDENTITY, Severity.ADMINISTRATIVE)
WINDOW = change(0x00281050, Group.DISPLAY, Severity.LOW)
PRIVATE = change(0, Group.PRIVATE, Severity.INFORMATIONAL, Kind.REMOVED)


MERGED = (NAME, PATIENT_ID, BIRTH_DATE)
SIGNED_BY = SignedBy("device", bytes(32), bytes(32), event=Event.SEALED)
IN_FILE = Corrections(in_file=frozenset({NAME.tag}))


def documents(*changes: Change) -> Corrections:
    """One correction by an archivist documents them all."""
    leaves = tuple(LeafChange(c.tag, bytes(32), bytes(32)) for c in changes)
    made = Amendment(7, "archivist", Role.ARCHIVIST, CorrectionBody(Reason.CORRECT, leaves))
    return Corrections(amendments=(made,), documented=frozenset(c.tag for c in changes))


@pytest.fixture(scope="module")
def claim(quick_claim: Claim) -> Claim:
    return quick_claim


@pytest.fixture(scope="module")
def good(claim: Claim) -> Evidence:
    """Evidence in which everything fits."""
    return Evidence(
        carrier=Carrier.WHOLE,
        claim=claim,
        pixels=PixelComparison(),
        changes=(),
        signer="device",
        authority="CA",
        custody=Custody(log_index=5, logged_before=claim.statement.claimed_at),
    )


def test_everything_fits(good: Evidence) -> None:
    verdict = judge(good)
    assert verdict.word is Word.AUTHENTIC
    assert (verdict.integrity, verdict.trust, verdict.custody) == (Outcome.PROVEN,) * 3
    assert not [c for c in verdict.checks if c.status is Status.FAIL]
    verdict.require()


@pytest.mark.parametrize(
    ("word", "fields"),
    [
        (Word.ALTERED, {"pixels": PixelComparison(regions=(REGION,))}),
        (Word.ALTERED, {"pixels": PixelComparison(geometry="other size")}),
        (Word.ALTERED, {"changes": (SIDE,)}),
        (Word.ALTERED, {"changes": (INSTANCE,)}),
        (Word.ALTERED, {"changes": (NAME, PATIENT_ID, BIRTH_DATE)}),
        (Word.HEADER_CHANGED, {"changes": (NAME, PATIENT_ID)}),
        (Word.HEADER_CHANGED, {"changes": (NAME,)}),
        (Word.HEADER_CHANGED, {"changes": (WINDOW,)}),
        (Word.CORRECTED, {"changes": (NAME,), "corrections": documents(NAME)}),
        (Word.CORRECTED, {"changes": (SIDE, NAME), "corrections": documents(SIDE, NAME)}),
        (Word.CORRECTED, {"changes": (NAME, PRIVATE), "corrections": documents(NAME)}),
        (Word.HEADER_CHANGED, {"changes": (SIDE, NAME), "corrections": documents(SIDE)}),
        (Word.ALTERED, {"changes": (SIDE, NAME), "corrections": documents(NAME)}),
        (Word.CORRECTED, {"changes": MERGED, "corrections": documents(*MERGED)}),
        (Word.ALTERED, {"changes": MERGED, "corrections": documents(NAME, PATIENT_ID)}),
        (Word.ALTERED, {"changes": MERGED, "corrections": documents(BIRTH_DATE)}),
        (Word.HEADER_CHANGED, {"changes": (NAME,), "corrections": IN_FILE}),
        (
            Word.ALTERED,
            {
                "changes": (NAME,),
                "corrections": documents(NAME),
                "pixels": PixelComparison(regions=(REGION,)),
            },
        ),
        (
            Word.UNTRUSTED,
            {"changes": (NAME,), "corrections": documents(NAME), "trust_problem": BAD},
        ),
        (
            Word.NOT_CHECKED,
            {"changes": (NAME,), "corrections": documents(NAME), "custody": Custody()},
        ),
        (
            Word.NOT_CHECKED,
            {"changes": (NAME,), "corrections": documents(NAME), "unreachable": BAD},
        ),
        (Word.AUTHENTIC, {"changes": (PRIVATE,)}),
        (Word.AUTHENTIC, {"pixels": PixelComparison(recoded="16 bits now")}),
        (Word.UNTRUSTED, {"trust_problem": BAD}),
        (Word.UNTRUSTED, {"trust_problem": BAD, "changes": (NAME,)}),
        (Word.UNTRUSTED, {"custody": Custody(log_index=5, key=Problem(Code.KEY_REVOKED, "x"))}),
        (Word.UNTRUSTED, {"custody": Custody(ledger=Problem(Code.NOT_LOGGED, "x"))}),
        (Word.NOT_CHECKED, {"custody": Custody(receipt=Problem(Code.NO_RECEIPT, "x"))}),
        (Word.NOT_CHECKED, {"custody": Custody(receipt=Problem(Code.RECEIPT_BAD, "x"))}),
        (Word.NOT_CHECKED, {"pixels": None}),
        (Word.NOT_CHECKED, {"pixels": PixelComparison(compared=False)}),
        (Word.NOT_CHECKED, {"changes": None}),
        (Word.STRIPPED, {"carrier": Carrier.ABSENT, "source": Source.LEDGER_BY_INSTANCE}),
        (Word.STRIPPED, {"carrier": Carrier.BROKEN, "source": Source.LEDGER_BY_PIXELS}),
        (Word.STRIPPED, {"source": Source.LEDGER_BY_PIXELS, "changes": (INSTANCE, NAME)}),
        (Word.ALTERED, {"source": Source.LEDGER_BY_PIXELS, "changes": (INSTANCE, SIDE)}),
        (
            Word.UNSEALED,
            {"source": Source.LEDGER_BY_INSTANCE, "pixels": PixelComparison(unmarked=True)},
        ),
        (
            Word.ALTERED,
            {
                "source": Source.LEDGER_BY_INSTANCE,
                "pixels": PixelComparison(unmarked=True),
                "changes": (SIDE,),
            },
        ),
        (Word.STRIPPED, {"claim": None, "carrier": Carrier.BROKEN}),
        (
            Word.ALTERED,
            {
                "claim": None,
                "carrier": Carrier.BROKEN,
                "carrier_problem": Problem(Code.SEAL_MISFIT, "x"),
            },
        ),
        (Word.STRIPPED, {"claim": None, "mark": MarkReading(seal_id=bytes(12))}),
        (Word.UNSEALED, {"claim": None, "carrier": Carrier.ABSENT, "mark": MarkReading()}),
        (Word.ALTERED, {"mark": MarkReading(seal_id=bytes(12))}),
    ],
)
def test_rule(good: Evidence, word: Word, fields: dict[str, object]) -> None:
    verdict = judge(replace(good, **fields))  # type: ignore[arg-type]
    assert verdict.word is word
    assert verdict.exit_code == EXIT_CODES[word]
    if word is not Word.AUTHENTIC:
        with pytest.raises(NotProvenError):
            verdict.require()


def test_copy_needs_mark_likeness_and_its_own_word(good: Evidence, claim: Claim) -> None:
    copy = replace(
        good,
        pixels=PixelComparison(regions=(REGION,)),
        changes=(INSTANCE,),
        mark=MarkReading(seal_id=claim.seal_id),
        likeness=Likeness(ALIKE),
        declared_copy=True,
    )
    assert judge(copy).word is Word.DERIVED
    assert judge(replace(copy, declared_copy=False)).word is Word.ALTERED
    assert judge(replace(copy, likeness=Likeness(UNLIKE))).word is Word.ALTERED
    assert (
        judge(replace(copy, likeness=Likeness(Resemblance(0.95, ((1, 2),))))).word is Word.ALTERED
    )
    assert judge(replace(copy, likeness=None)).word is Word.ALTERED
    assert judge(replace(copy, mark=MarkReading())).word is Word.ALTERED
    assert judge(replace(copy, mark=MarkReading(seal_id=bytes(12)))).word is Word.ALTERED
    assert judge(replace(copy, changes=(INSTANCE, SIDE))).word is Word.ALTERED
    assert judge(replace(copy, trust_problem=BAD)).word is Word.UNTRUSTED


@pytest.fixture
def picture(good: Evidence, claim: Claim) -> Evidence:
    """A picture that the mark named, and that fits."""
    return replace(
        good,
        carrier=Carrier.ABSENT,
        source=Source.LEDGER_BY_MARK,
        picture="PNG",
        pixels=None,
        changes=None,
        mark=MarkReading(seal_id=claim.seal_id),
        likeness=Likeness(ALIKE),
        viewpoint=STRAIGHT,
    )


@pytest.mark.parametrize(
    ("word", "fields"),
    [
        (Word.DERIVED, {}),
        (Word.DERIVED, {"viewpoint": MIRRORED}),
        (Word.ALTERED, {"likeness": Likeness(UNLIKE)}),
        (Word.ALTERED, {"likeness": Likeness(Resemblance(0.95, ((1, 2),)))}),
        (Word.ALTERED, {"likeness": Likeness(ALIKE, regions=(MISSING,))}),
        (Word.ALTERED, {"likeness": Likeness(None, regions=(MISSING,))}),
        (Word.ALTERED, {"likeness": Likeness(UNLIKE), "trust_problem": BAD}),
        (Word.NOT_CHECKED, {"likeness": None}),
        (Word.NOT_CHECKED, {"likeness": Likeness()}),
        (Word.NOT_CHECKED, {"likeness": Likeness(TOO_LITTLE)}),
        (Word.UNTRUSTED, {"trust_problem": BAD}),
        (Word.UNTRUSTED, {"trust_problem": BAD, "likeness": None}),
        (Word.NOT_CHECKED, {"claim": None, "mark": MarkReading(seal_id=bytes(12))}),
        (Word.UNSEALED, {"claim": None, "mark": MarkReading()}),
        (Word.NOT_CHECKED, {"claim": None, "mark": MarkReading(), "unreachable": BAD}),
    ],
)
def test_rule_of_pictures(picture: Evidence, word: Word, fields: dict[str, object]) -> None:
    verdict = judge(replace(picture, **fields))  # type: ignore[arg-type]
    assert verdict.word is word
    if word is Word.ALTERED:
        assert verdict.integrity is Outcome.REFUTED
    else:
        assert verdict.integrity is Outcome.UNKNOWN
        assert verdict.regions == ()


def test_an_object_found_by_its_mark(picture: Evidence) -> None:
    found = replace(
        picture, picture=None, pixels=PixelComparison(geometry="smaller", regions=(REGION,))
    )
    assert judge(found).word is Word.DERIVED
    assert judge(replace(found, likeness=Likeness(TOO_LITTLE))).word is Word.NOT_CHECKED
    altered = judge(replace(found, likeness=Likeness(ALIKE, regions=(MISSING,))))
    assert (altered.word, altered.regions) == (Word.ALTERED, (MISSING,))
    assert judge(replace(found, viewpoint=MIRRORED)).word is Word.ALTERED
    kept_its_uid = replace(found, source=Source.LEDGER_BY_INSTANCE)
    assert judge(kept_its_uid).word is Word.ALTERED


def test_clock_ahead_of_the_log(good: Evidence, claim: Claim) -> None:
    claimed = claim.statement.claimed_at
    late = Custody(log_index=5, logged_before=claimed - timedelta(hours=25))
    assert judge(replace(good, custody=late)).word is Word.UNTRUSTED
    close = Custody(log_index=5, logged_before=claimed - timedelta(hours=23))
    assert judge(replace(good, custody=close)).word is Word.AUTHENTIC


def test_a_verdict_carries_what_it_rests_on(good: Evidence, claim: Claim) -> None:
    documented = documents(NAME, BIRTH_DATE)
    found = DigitalSignature("", State.NOT_CHECKED)
    evidence = replace(
        good,
        changes=(NAME, WINDOW),
        corrections=documented,
        notes=("a note",),
        signatures=DigitalSignatures((found,)),
        signed_by=SIGNED_BY,
        depth=Depth.LEDGER,
    )
    verdict = judge(evidence)
    assert verdict.changes == (NAME, WINDOW)
    assert verdict.documented == frozenset({NAME.tag})  # of the changes, not of all corrections
    assert verdict.seal_id == claim.seal_id
    assert verdict.signer == "device"
    assert verdict.sealed_at == claim.statement.claimed_at
    assert verdict.log_index == 5
    assert verdict.notes == ("a note",)
    assert verdict.signed_by is SIGNED_BY
    assert {role for _, role in verdict.correctors} == {Role.ARCHIVIST}
    assert verdict.depth is Depth.LEDGER
    assert verdict.signatures == (found,)
    assert verdict.checks == checks_of(evidence)
    assert verdict.regions == ()


def test_a_verdict_on_no_seal(good: Evidence) -> None:
    nothing = judge(Evidence(Carrier.ABSENT))
    assert (nothing.seal_id, nothing.signer, nothing.sealed_at) == (None, None, None)
    assert (nothing.changes, nothing.signatures, nothing.log_index) == ((), (), None)
    assert (nothing.integrity, nothing.trust, nothing.custody) == (Outcome.UNKNOWN,) * 3
    marked = judge(Evidence(Carrier.ABSENT, mark=MarkReading(seal_id=b"123456789012")))
    assert marked.seal_id == b"123456789012"
    misfit = Evidence(Carrier.BROKEN, carrier_problem=Problem(Code.SEAL_MISFIT, "x"))
    assert judge(misfit).integrity is Outcome.REFUTED
    assert judge(replace(good, claim=None)).integrity is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("word", "fields", "answers"),
    [
        (Word.AUTHENTIC, {}, "ppp"),
        (Word.CORRECTED, {"changes": (NAME,), "corrections": documents(NAME)}, "ppp"),
        (Word.HEADER_CHANGED, {"changes": (NAME,)}, "rpp"),
        (Word.ALTERED, {"changes": (SIDE,)}, "rpp"),
        (Word.ALTERED, {"pixels": PixelComparison(regions=(REGION,))}, "rpp"),
        (Word.UNTRUSTED, {"trust_problem": BAD}, "prp"),
        (Word.UNTRUSTED, {"custody": Custody(log_index=1, key=BAD)}, "prp"),
        (Word.UNTRUSTED, {"custody": Custody(log_index=1, ledger=BAD)}, "ppr"),
        (Word.NOT_CHECKED, {"custody": Custody()}, "ppu"),
        (Word.NOT_CHECKED, {"unreachable": BAD}, "ppp"),
        (Word.NOT_CHECKED, {"pixels": None}, "upp"),
        (Word.NOT_CHECKED, {"pixels": PixelComparison(compared=False)}, "upp"),
        (Word.NOT_CHECKED, {"changes": None}, "ppp"),
        (Word.AUTHENTIC, {"custody": Custody(log_index=0)}, "ppp"),
    ],
)
def test_the_three_answers(
    good: Evidence, word: Word, fields: dict[str, object], answers: str
) -> None:
    verdict = judge(replace(good, **fields))  # type: ignore[arg-type]
    outcomes = {"p": Outcome.PROVEN, "r": Outcome.REFUTED, "u": Outcome.UNKNOWN}
    assert verdict.word is word
    assert [verdict.integrity, verdict.trust, verdict.custody] == [outcomes[a] for a in answers]


def test_an_unreachable_ledger_leaves_what_needs_none(good: Evidence, picture: Evidence) -> None:
    """What the file alone refutes stays refuted, and no word gets better."""
    for fields, word in (
        ({"changes": (SIDE,)}, Word.ALTERED),
        ({"changes": (NAME,)}, Word.HEADER_CHANGED),
        ({"trust_problem": BAD}, Word.UNTRUSTED),
        ({"source": Source.LEDGER_BY_PIXELS}, Word.STRIPPED),
    ):
        evidence = replace(good, unreachable=BAD, **fields)  # type: ignore[arg-type]
        assert judge(evidence).word is word
    assert judge(replace(picture, unreachable=BAD)).word is Word.DERIVED


@pytest.mark.parametrize(
    ("also", "word"),
    [
        (None, Word.HEADER_CHANGED),
        (0x00100030, Word.ALTERED),
        (0x00100040, Word.ALTERED),
        (0x0020000D, Word.ALTERED),
        (0x00100020, Word.HEADER_CHANGED),
        (0x00100021, Word.HEADER_CHANGED),
    ],
)
def test_what_makes_another_patient(good: Evidence, also: int | None, word: Word) -> None:
    third = () if also is None else (change(also, Group.IDENTITY, Severity.ADMINISTRATIVE),)
    assert judge(replace(good, changes=(NAME, PATIENT_ID, *third))).word is word
    if third:
        for one in (NAME, PATIENT_ID):
            assert judge(replace(good, changes=(one, *third))).word is Word.HEADER_CHANGED


def test_only_identity_is_named_where_a_patient_is_replaced(good: Evidence) -> None:
    evidence = replace(good, changes=(*MERGED, WINDOW))
    assert grave_changes(evidence) == MERGED
    in_part = replace(evidence, corrections=documents(NAME, BIRTH_DATE))
    assert grave_changes(in_part) == (PATIENT_ID,)
    with_side = replace(evidence, changes=(SIDE, *MERGED))
    assert grave_changes(with_side) == (SIDE,)
    assert grave_changes(replace(good, changes=None)) == ()


LEFT_OUT = change(0x00200062, Group.GEOMETRY, Severity.CLINICAL, Kind.REMOVED)
SLOPE = change(0x00281053, Group.DISPLAY, Severity.CLINICAL)
REGION_CODE = change(0x00181234, Group.GEOMETRY, Severity.ADMINISTRATIVE)


@pytest.mark.parametrize("source", list(Source))
def test_what_is_grave_in_another_instance(good: Evidence, source: Source) -> None:
    """By its pixels or its mark: what it leaves out it does not falsify, what it says it does."""
    changes = (INSTANCE, SIDE, LEFT_OUT, SLOPE, REGION_CODE, NAME)
    evidence = replace(good, source=source, changes=changes, pixels=PixelComparison())
    if source in (Source.LEDGER_BY_PIXELS, Source.LEDGER_BY_MARK):
        assert grave_changes(evidence) == (SIDE,)
    else:
        assert grave_changes(evidence) == (INSTANCE, SIDE, LEFT_OUT, SLOPE)


@pytest.mark.parametrize("tag", [0x00280030, 0x00181164, 0x00182010])
def test_a_copy_of_another_size_has_another_spacing(good: Evidence, tag: int) -> None:
    spacing = change(tag, Group.GEOMETRY, Severity.CLINICAL)
    found = replace(good, source=Source.LEDGER_BY_PIXELS, changes=(spacing,))
    assert grave_changes(found) == (spacing,)
    assert grave_changes(replace(found, pixels=None)) == (spacing,)
    resized = replace(found, pixels=PixelComparison(geometry="smaller"))
    assert grave_changes(resized) == ()
    assert grave_changes(replace(resized, changes=(SIDE,))) == (SIDE,)


@pytest.mark.parametrize("tag", [0x00080008, 0x00282110, 0x00282112, 0x00282114])
def test_a_copy_says_how_it_was_made(good: Evidence, tag: int) -> None:
    said = change(tag, Group.GEOMETRY, Severity.CLINICAL)
    assert grave_changes(replace(good, source=Source.LEDGER_BY_MARK, changes=(said,))) == ()
    assert grave_changes(replace(good, changes=(said,))) == (said,)


SEEN = ParentSeen(b"p" * 12, bytes(32), Event.SEALED, "device", datetime(2026, 3, 1, tzinfo=UTC))
DESCENT = Descent("conversion", (SEEN, SEEN), frames=1, equal=1)
DOUBTED = replace(DESCENT, parents=(SEEN, replace(SEEN, trust=BAD)))
CLAIMS_MORE = replace(DESCENT, problem=BAD)


def born(claim: Claim, event: Event) -> Claim:
    """The same claim, as if its object's life had begun otherwise."""
    origin = Origin("conversion", commitment=bytes(32), declared=Declared())
    return replace(
        claim,
        statement=claim.statement._replace(event=event),
        body=replace(claim.body, origin=origin),
    )


@pytest.mark.parametrize(
    ("word", "fields", "trust"),
    [
        (Word.DERIVED, {}, Outcome.PROVEN),
        (Word.DERIVED, {"changes": (NAME,), "corrections": documents(NAME)}, Outcome.PROVEN),
        (Word.HEADER_CHANGED, {"changes": (NAME,)}, Outcome.PROVEN),
        (Word.NOT_CHECKED, {"custody": Custody()}, Outcome.PROVEN),
        (Word.NOT_CHECKED, {"unreachable": BAD}, Outcome.PROVEN),
        (Word.UNTRUSTED, {"descent": DOUBTED}, Outcome.REFUTED),
        (Word.ALTERED, {"descent": CLAIMS_MORE}, Outcome.PROVEN),
        (Word.ALTERED, {"changes": (SIDE,)}, Outcome.PROVEN),
        (Word.STRIPPED, {"source": Source.LEDGER_BY_INSTANCE}, Outcome.PROVEN),
    ],
)
@pytest.mark.parametrize("event", [Event.DERIVED, Event.DEIDENTIFIED])
def test_an_object_that_was_made_from_others(
    good: Evidence,
    claim: Claim,
    event: Event,
    word: Word,
    fields: dict[str, object],
    trust: Outcome,
) -> None:
    evidence = replace(good, claim=born(claim, event), descent=DESCENT)
    verdict = judge(replace(evidence, **fields))  # type: ignore[arg-type]
    assert (verdict.word, verdict.trust) == (word, trust)
    assert verdict.birth is event
    assert verdict.descent is (fields.get("descent") or DESCENT)
    assert not is_derived(replace(evidence, claim=None))
    assert not is_derived(good)


def test_what_a_policy_demands(good: Evidence, picture: Evidence) -> None:
    wants_seal, wants_signer = Demands(seal=BAD), Demands(signer=BAD)
    nothing = Evidence(Carrier.ABSENT, demands=wants_seal)
    assert judge(nothing).word is Word.STRIPPED
    assert judge(replace(nothing, picture="PNG")).word is Word.UNSEALED
    assert judge(replace(nothing, demands=wants_signer)).word is Word.UNSEALED
    assert judge(replace(nothing, unreachable=BAD)).word is Word.STRIPPED
    assert judge(replace(good, demands=wants_seal)).word is Word.AUTHENTIC
    refused = judge(replace(good, demands=wants_signer))
    assert (refused.word, refused.trust) == (Word.UNTRUSTED, Outcome.REFUTED)
    assert judge(replace(good, demands=Demands(unclear=BAD))).word is Word.AUTHENTIC
    found = replace(picture, descent=CLAIMS_MORE)
    assert judge(found).word is Word.DERIVED  # a picture is judged by what it shows
    assert judge(replace(picture, descent=DOUBTED)).word is Word.UNTRUSTED


def test_where_a_copy_differs(good: Evidence, claim: Claim) -> None:
    own = MarkReading(seal_id=claim.seal_id)
    pixels = PixelComparison(regions=(REGION,))
    differs = Likeness(ALIKE, regions=(MISSING,))
    found = replace(good, pixels=pixels, source=Source.LEDGER_BY_MARK, mark=own)
    for evidence, regions in (
        (replace(found, likeness=differs), (MISSING,)),
        (replace(found, likeness=Likeness(ALIKE)), ()),
        (replace(found, likeness=Likeness(TOO_LITTLE)), ()),
        (replace(found, likeness=Likeness(UNLIKE)), (REGION,)),
        (replace(found, source=Source.FILE, likeness=differs), (REGION,)),
        (replace(found, mark=None, likeness=differs), (REGION,)),
        (replace(found, pixels=None), ()),
        (replace(found, pixels=PixelComparison()), ()),
    ):
        assert differing_regions(evidence) == regions
        assert judge(evidence).regions == regions


def test_what_is_an_unclear_copy(good: Evidence, picture: Evidence, claim: Claim) -> None:
    """Only what a mark alone has named, and what does not pose as the sealed object."""
    own = MarkReading(seal_id=claim.seal_id)
    found = replace(
        good,
        pixels=PixelComparison(regions=(REGION,)),
        source=Source.LEDGER_BY_MARK,
        mark=own,
        likeness=Likeness(TOO_LITTLE),
    )
    assert is_unclear_copy(found)
    assert is_unclear_copy(replace(found, likeness=None))
    assert not is_unclear_copy(replace(found, likeness=Likeness(ALIKE)))
    assert not is_unclear_copy(replace(found, likeness=Likeness(UNLIKE)))
    assert not is_unclear_copy(replace(found, viewpoint=MIRRORED))
    assert not is_unclear_copy(replace(found, mark=None))
    assert not is_unclear_copy(replace(found, pixels=PixelComparison()))
    for source in set(Source) - {Source.LEDGER_BY_MARK}:
        posing = replace(found, source=source, declared_copy=True)
        assert not is_unclear_copy(posing)
        assert judge(posing).word is Word.ALTERED
    assert is_unclear_copy(replace(picture, likeness=None))
    assert is_unclear_copy(replace(picture, likeness=None, source=Source.FILE))
    assert is_unclear_copy(replace(picture, likeness=None, viewpoint=MIRRORED))


def test_what_is_a_copy(good: Evidence, claim: Claim) -> None:
    copy = replace(
        good,
        pixels=PixelComparison(regions=(REGION,)),
        declared_copy=True,
        mark=MarkReading(seal_id=claim.seal_id),
        likeness=Likeness(ALIKE),
    )
    assert is_copy(copy)
    assert is_copy(replace(copy, declared_copy=False, source=Source.LEDGER_BY_MARK))
    assert not is_copy(replace(copy, declared_copy=False))
    assert not is_copy(replace(copy, pixels=None))
    assert not is_copy(replace(copy, pixels=PixelComparison()))
    assert not is_copy(replace(copy, mark=None))
    assert not is_copy(replace(copy, mark=MarkReading(seal_id=bytes(12))))
    assert not is_copy(replace(copy, claim=None))
    assert not is_copy(replace(copy, viewpoint=MIRRORED))
    assert not is_copy(replace(copy, likeness=None))
    assert not is_copy(replace(copy, likeness=Likeness(TOO_LITTLE)))


def test_a_mark_of_another_is_decisive(good: Evidence, picture: Evidence) -> None:
    other = MarkReading(seal_id=bytes(12))
    assert is_altered(replace(good, mark=other))
    assert is_altered(replace(picture, mark=other))
    assert not is_altered(replace(good, mark=MarkReading()))
    assert not is_altered(replace(picture, mark=MarkReading()))


def test_a_picture_is_altered_by_what_it_shows_alone(picture: Evidence) -> None:
    assert is_altered(replace(picture, likeness=Likeness(UNLIKE)))
    assert not is_altered(replace(picture, likeness=None))
    assert not is_altered(replace(picture, changes=(SIDE,)))


def test_the_clock_of_a_seal(good: Evidence, claim: Claim) -> None:
    claimed, day = claim.statement.claimed_at, timedelta(days=1)
    assert not clock_ahead(replace(good, custody=Custody(logged_before=claimed - day)))
    early = Custody(logged_before=claimed - day - timedelta(microseconds=1))
    assert clock_ahead(replace(good, custody=early))
    assert not clock_ahead(replace(good, claim=None, custody=early))
    assert not clock_ahead(replace(good, custody=Custody()))


PROBLEMS = st.none() | st.just(BAD)
EVIDENCE = st.fixed_dictionaries(
    {
        "with_claim": st.booleans(),
        "carrier": st.sampled_from(Carrier),
        "source": st.sampled_from(Source),
        "pixels": st.sampled_from(
            [
                None,
                PixelComparison(),
                PixelComparison(compared=False),
                PixelComparison(regions=(REGION,)),
                PixelComparison(geometry="x"),
                PixelComparison(recoded="x"),
            ]
        ),
        "changes": st.none()
        | st.lists(
            st.sampled_from([SIDE, INSTANCE, NAME, PATIENT_ID, BIRTH_DATE, WINDOW, PRIVATE]),
            unique=True,
        ).map(tuple),
        "declared_copy": st.booleans(),
        "mark": st.sampled_from(["none", "unread", "own", "other"]),
        "likeness": st.sampled_from(
            [
                None,
                Likeness(),
                Likeness(ALIKE),
                Likeness(UNLIKE),
                Likeness(TOO_LITTLE),
                Likeness(Resemblance(0.9, ((0, 0),))),
                Likeness(ALIKE, regions=(MISSING,)),
            ]
        ),
        "picture": st.sampled_from([None, "PNG"]),
        "viewpoint": st.sampled_from([None, STRAIGHT, MIRRORED]),
        "trust_problem": PROBLEMS,
        "receipt": PROBLEMS,
        "ledger": PROBLEMS,
        "key": PROBLEMS,
        "log_index": st.none() | st.just(3),
    }
)


@given(drawn=EVIDENCE)
def test_nothing_fails_open(good: Evidence, claim: Claim, drawn: dict[str, object]) -> None:
    marks = {
        "none": None,
        "unread": MarkReading(),
        "own": MarkReading(seal_id=claim.seal_id),
        "other": MarkReading(seal_id=bytes(12)),
    }
    evidence = Evidence(
        carrier=drawn["carrier"],  # type: ignore[arg-type]
        claim=claim if drawn["with_claim"] else None,
        source=drawn["source"],  # type: ignore[arg-type]
        pixels=drawn["pixels"],  # type: ignore[arg-type]
        changes=drawn["changes"],  # type: ignore[arg-type]
        declared_copy=bool(drawn["declared_copy"]),
        mark=marks[str(drawn["mark"])],
        likeness=drawn["likeness"],  # type: ignore[arg-type]
        viewpoint=drawn["viewpoint"],  # type: ignore[arg-type]
        picture=drawn["picture"],  # type: ignore[arg-type]
        signer="x",
        authority="y",
        trust_problem=drawn["trust_problem"],  # type: ignore[arg-type]
        custody=Custody(
            log_index=drawn["log_index"],  # type: ignore[arg-type]
            receipt=drawn["receipt"],  # type: ignore[arg-type]
            ledger=drawn["ledger"],  # type: ignore[arg-type]
            key=drawn["key"],  # type: ignore[arg-type]
        ),
    )
    verdict = judge(evidence)
    if verdict.word is Word.AUTHENTIC:
        assert drawn["with_claim"]
        assert evidence.source is Source.FILE
        assert evidence.picture is None
        assert evidence.pixels is not None
        assert evidence.pixels.equal
        assert evidence.pixels.compared
        assert evidence.changes is not None
        assert not set(evidence.changes) - {PRIVATE}
        assert drawn["mark"] != "other"
        assert not any(drawn[name] for name in ("trust_problem", "ledger", "key"))
        assert drawn["log_index"] is not None
        answers = (verdict.integrity, verdict.trust, verdict.custody)
        assert answers == (Outcome.PROVEN,) * 3
    if verdict.word is Word.DERIVED:
        assert drawn["mark"] == "own"
        assert evidence.likeness in (Likeness(ALIKE),)
        assert not verdict.regions
    if verdict.integrity is Outcome.PROVEN:
        assert evidence.pixels is not None
        assert evidence.pixels.equal
    if Outcome.REFUTED in (verdict.integrity, verdict.trust, verdict.custody):
        assert verdict.exit_code != 0


def test_the_gravest_decides() -> None:
    assert set(GRAVEST_FIRST) == set(Word) == set(EXIT_CODES)
    assert gravest(frozenset()) == NOTHING_MATCHED
    assert gravest(frozenset({Word.AUTHENTIC})) == 0
    good = {Word.AUTHENTIC, Word.CORRECTED}
    assert gravest(frozenset(good)) == EXIT_CODES[Word.CORRECTED] == 0
    for word in set(Word) - good:
        assert gravest(frozenset({Word.AUTHENTIC, word})) == EXIT_CODES[word] != 0


def test_a_verdict_is_not_a_boolean(good: Evidence) -> None:
    with pytest.raises(TypeError, match="not a yes or no"):
        bool(judge(good))


def test_what_its_policy_says_must_be_sealed_is_stripped_but_no_picture() -> None:
    demands = Demands(seal=Problem(Code.MUST_BE_SEALED, "since ever"))
    unsealed = Evidence(carrier=Carrier.ABSENT, demands=demands)
    assert judge(unsealed).word is Word.STRIPPED
    assert judge(replace(unsealed, unreachable=BAD)).word is Word.STRIPPED
    assert judge(replace(unsealed, picture="PNG")).word is Word.UNSEALED
    assert judge(replace(unsealed, demands=Demands())).word is Word.UNSEALED


SECOND = SecondSigner(demanded=True, kid=bytes(32), signer="device", authority="CA 2")


def test_a_second_signature_that_does_not_count_refutes_trust(good: Evidence) -> None:
    assert judge(replace(good, second=SECOND)).word is Word.AUTHENTIC
    assert judge(replace(good, second=SECOND)).second is SECOND
    missing = SECOND.with_problem(Problem(Code.SECOND_MISSING, "it is gone"))
    found = judge(replace(good, second=missing))
    assert (found.word, found.trust) == (Word.UNTRUSTED, Outcome.REFUTED)
    assert found.second is missing


def test_the_verdict_carries_times_and_declarations(good: Evidence, claim: Claim) -> None:
    proof = ExistenceProof(claim.statement.claimed_at, TimeSource.LOG, 6, "log")
    seen = replace(good.custody, existence=Existence((proof,)))
    assert judge(replace(good, custody=seen)).times == (proof,)
    assert judge(good).declared is None
    copy = born(claim, Event.DEIDENTIFIED)
    assert judge(replace(good, claim=copy)).declared == Declared()


def test_by_when_it_was_seen(good: Evidence, claim: Claim) -> None:
    noon = claim.statement.claimed_at
    hour = timedelta(hours=1)
    covered = Bracket(5, noon, 4, True, noon, noon + hour, 6)
    proof = ExistenceProof(noon + 2 * hour, TimeSource.LOG, 6, "log")
    for custody, seen in (
        (Custody(), None),
        (Custody(logged_before=noon + 3 * hour), noon + 3 * hour),
        (Custody(bracket=covered), noon + hour),
        (Custody(bracket=replace(covered, not_after=None)), None),
        (Custody(existence=Existence((proof,))), noon + 2 * hour),
        (Custody(existence=Existence((proof,)), bracket=covered), noon + hour),
        (Custody(existence=Existence((proof,)), logged_before=noon + 3 * hour), noon + 2 * hour),
    ):
        assert seen_by(replace(good, custody=custody)) == seen


def test_of_each_attribute_the_newest_correction_says_in_which_role(good: Evidence) -> None:
    def made(index: int, role: Role, *changes: Change) -> Amendment:
        leaves = tuple(LeafChange(c.tag, bytes(32), bytes(32)) for c in changes)
        return Amendment(index, "x", role, CorrectionBody(Reason.CORRECT, leaves))

    record = change(0x04000561, Group.REST, Severity.ADMINISTRATIVE)
    window = change(0x00281050, Group.DISPLAY, Severity.LOW)
    changes = (NAME, SIDE, record, window)
    corrections = Corrections(
        amendments=(
            made(7, Role.OPERATOR, NAME, SIDE, record),
            made(8, Role.ARCHIVIST, NAME, record),
            made(9, Role.ARCHIVIST, window),
        ),
        documented=frozenset(c.tag for c in changes),
    )
    found = judge(replace(good, changes=changes, corrections=corrections))
    assert found.word is Word.CORRECTED
    assert found.correctors == {
        (Subject.IDENTITY, Role.ARCHIVIST),
        (Subject.SIDE, Role.OPERATOR),
        (Subject.OTHER, Role.ARCHIVIST),
    }
