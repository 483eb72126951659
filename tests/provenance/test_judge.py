"""The verdict's rules: each row of docs/verdicts.md, and the law that nothing fails open."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pydicom.data  # noqa: F401
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import parse_statement
from provenance import NotProvenError, Outcome, Site, Status, Word, seal
from provenance.annex import Annex
from provenance.claim import Claim, open_claim
from provenance.descriptor import Resemblance
from provenance.dicom.attributes import Change, Group, Kind, Severity
from provenance.dicom.carrier import read_carrier
from provenance.dicom.read import read_instance
from provenance.evidence import (
    Carrier,
    Corrections,
    Custody,
    Demands,
    Evidence,
    Likeness,
    MarkReading,
    PixelComparison,
    Problem,
    Source,
)
from provenance.findings import Code
from provenance.image_tree import Region, Witness
from provenance.judge import judge
from provenance.verdict import EXIT_CODES, GRAVEST_FIRST, NOTHING_MATCHED, gravest
from provenance.viewpoint import Viewpoint

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
IN_FILE = Corrections(in_file=frozenset({NAME.tag}))


def documents(*changes: Change) -> Corrections:
    return Corrections(documented=frozenset(c.tag for c in changes))


@pytest.fixture(scope="module")
def claim(site: Site, make_dicom: Callable[..., bytes]) -> Claim:
    with site.device() as device:
        sealed = seal(make_dicom(), device=device)
    values = read_carrier(read_instance(sealed.to_bytes()).dataset)
    assert values is not None
    return open_claim(parse_statement(values.statement), Annex.decode(values.annex))


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
