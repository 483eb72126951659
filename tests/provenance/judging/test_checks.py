"""What a verdict rests on, word for word: one table from evidence to checks."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ledger import Bracket, Existence, ExistenceProof, Role, TimeSource
from provenance import Status
from provenance.claims.claim import Claim
from provenance.claims.descriptor import Resemblance
from provenance.correcting.correction import CorrectionBody, Reason
from provenance.dicom.attributes import Change, Group, Kind, Severity
from provenance.findings import Code
from provenance.image_tree import Region, Witness
from provenance.judging.charset_swap import CharsetSwap
from provenance.judging.checks import LATER, checks_of
from provenance.judging.evidence import (
    Amendment,
    Attestation,
    Carrier,
    Corrections,
    Custody,
    Demands,
    Evidence,
    Likeness,
    MarkReading,
    PixelComparison,
    Problem,
    SecondSigner,
    Source,
)
from provenance.judging.verdict import Check
from provenance.pictures.viewpoint import Viewpoint
from provenance.ps315.examine import DigitalSignatures
from provenance.trust.revocation import Notice
from watermark import Presence

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MIRRORED = Viewpoint(degrees=0.0, mirrored=True, scale=0.5, shown=1.0)
STRAIGHT = replace(MIRRORED, mirrored=False)
TILES = Region(frame=2, x=64, y=128, w=32, h=16)
SEEN = Region(0, 1, 2, 3, 4, Witness.PRESENCE)
SHRUNK = Region(0, 5, 6, 7, 8, Witness.THUMBNAIL)
BAD = Problem(Code.SIGNER_UNKNOWN, "nobody vouches")


def change(
    tag: int,
    keyword: str,
    severity: Severity = Severity.ADMINISTRATIVE,
    group: Group = Group.IDENTITY,
    kind: Kind = Kind.CHANGED,
) -> Change:
    return Change(tag=tag, keyword=keyword, group=group, severity=severity, kind=kind)


SIDE = change(0x00200062, "ImageLaterality", Severity.CLINICAL, Group.GEOMETRY)
UID = change(0x00080018, "SOPInstanceUID", Severity.CLINICAL, Group.INSTANCE)
NAME = change(0x00100010, "PatientName")
PATIENT_ID = change(0x00100020, "PatientID")
BIRTH_DATE = change(0x00100030, "PatientBirthDate")
WINDOW = change(0x00281050, "WindowCenter", Severity.LOW, Group.DISPLAY, Kind.REMOVED)
PRIVATE = change(0, "PrivateAttributes", Severity.INFORMATIONAL, Group.PRIVATE, Kind.ADDED)
DERIVATION = change(
    0x00082111, "DerivationDescription", Severity.INFORMATIONAL, Group.ACQUISITION, Kind.ADDED
)


@pytest.fixture(scope="module")
def claim(quick_claim: Claim) -> Claim:
    return quick_claim


@pytest.fixture(scope="module")
def good(claim: Claim) -> Evidence:
    return Evidence(
        carrier=Carrier.WHOLE,
        claim=claim,
        pixels=PixelComparison(),
        changes=(),
        signer="device 7",
        authority="CN=CA",
        custody=Custody(log_index=5, logged_before=claim.statement.claimed_at),
    )


Row = tuple[str, Status, Code, str]


def rows(evidence: Evidence, *ids: str) -> list[Row]:
    """Return the checks of some kinds, all of them without any."""
    return [
        (c.id, c.status, c.code, c.detail)
        for c in checks_of(evidence)
        if isinstance(c, Check) and (not ids or c.id in ids)
    ]


def test_all_that_is_said_of_an_authentic_object(good: Evidence, claim: Claim) -> None:
    assert rows(good) == [
        (
            "seal",
            Status.PASS,
            Code.SEAL_FOUND,
            f"seal {claim.seal_id.hex()}, signature verifies",
        ),
        ("pixels", Status.PASS, Code.PIXELS_AS_SEALED, "all 16 tiles as sealed"),
        ("header", Status.PASS, Code.HEADER_AS_SEALED, "all signed attributes agree"),
        ("mark", Status.SKIP, Code.MARK_NOT_SOUGHT, "the hashes decide"),
        ("signer", Status.PASS, Code.SIGNER_TRUSTED, "device 7, vouched for by CN=CA"),
        ("log", Status.PASS, Code.LOGGED, "entry 5 of the log"),
        ("chain", Status.SKIP, Code.CHAIN_NOT_CHECKED, "no ledger was asked"),
    ]


def test_all_that_is_said_of_nothing() -> None:
    assert rows(Evidence(Carrier.ABSENT)) == [
        ("seal", Status.FAIL, Code.NO_SEAL, "the file carries no seal"),
        ("pixels", Status.SKIP, Code.PIXELS_NOT_COMPARED, "no seal to compare with"),
        ("header", Status.SKIP, Code.HEADER_NOT_COMPARED, "no seal to compare with"),
        ("mark", Status.SKIP, Code.MARK_NOT_SOUGHT, "the hashes decide"),
        ("signer", Status.SKIP, Code.SIGNER_NOT_JUDGED, "no seal to judge"),
    ]


SEAL_ROWS: list[tuple[dict[str, object], list[Row]]] = [
    (
        {"claim": None, "preamble": True, "carrier_problem": Problem(Code.CARRIER_BROKEN, "cut")},
        [
            ("preamble", Status.WARN, Code.PREAMBLE, "the preamble is a program's header"),
            ("seal", Status.FAIL, Code.CARRIER_BROKEN, "cut"),
        ],
    ),
    (
        {"claim": None, "picture": "PNG"},
        [("seal", Status.SKIP, Code.PICTURE, "a PNG picture has no place for a seal")],
    ),
    (
        {
            "claim": None,
            "carrier": Carrier.ABSENT,
            "out_of_reach": Problem(Code.SEAL_OUT_OF_REACH, "gone"),
        },
        [
            ("seal", Status.FAIL, Code.NO_SEAL, "the file carries no seal"),
            ("seal", Status.FAIL, Code.SEAL_OUT_OF_REACH, "gone"),
        ],
    ),
    ({"claim": None, "carrier": Carrier.WHOLE}, []),
]


@pytest.mark.parametrize(("fields", "said"), SEAL_ROWS)
def test_the_seal(good: Evidence, fields: dict[str, object], said: list[Row]) -> None:
    assert rows(replace(good, **fields), "seal", "preamble") == said  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "status", "code"),
    [
        (Source.LEDGER_BY_INSTANCE, Status.FAIL, Code.SEAL_FROM_LEDGER),
        (Source.LEDGER_BY_PIXELS, Status.FAIL, Code.SEAL_FROM_LEDGER),
        (Source.LEDGER_BY_MARK, Status.WARN, Code.SEAL_FROM_MARK),
    ],
)
def test_a_seal_from_elsewhere(
    good: Evidence, claim: Claim, source: Source, status: Status, code: Code
) -> None:
    detail = f"seal {claim.seal_id.hex()} was found in {source}"
    assert rows(replace(good, source=source), "seal") == [("seal", status, code, detail)]


def test_pixels(good: Evidence, claim: Claim) -> None:
    def said(pixels: PixelComparison | None, **more: object) -> list[Row]:
        return rows(
            replace(good, pixels=pixels, **more),  # type: ignore[arg-type]
            "pixels",
            "encoding",
        )

    assert said(None, picture="PNG", claim=claim) == [
        ("pixels", Status.SKIP, Code.PIXELS_NOT_COMPARED, "a picture is compared as a copy")
    ]
    nothing = ("pixels", Status.SKIP, Code.PIXELS_NOT_COMPARED, "no seal to compare with")
    assert said(None) == [nothing]
    assert said(None, claim=None, picture="PNG") == [nothing]
    assert said(PixelComparison(), claim=None) == [nothing]
    assert said(PixelComparison(recoded="decoded since")) == [
        ("encoding", Status.WARN, Code.RECODED, "decoded since"),
        ("pixels", Status.PASS, Code.PIXELS_AS_SEALED, "all 16 tiles as sealed"),
    ]
    assert said(PixelComparison(unmarked=True)) == [
        (
            "pixels",
            Status.PASS,
            Code.PIXELS_UNMARKED,
            "the samples are the signed original, before it was marked",
        )
    ]
    bare = replace(claim, annex=replace(claim.annex, image=None))
    assert said(PixelComparison(), claim=bare) == [
        ("pixels", Status.PASS, Code.NO_PIXELS, "the object was sealed without pixels")
    ]
    shape = PixelComparison(geometry="rows were 3, are 4 now", regions=(TILES,))
    assert said(shape) == [
        ("pixels", Status.FAIL, Code.GEOMETRY_DIFFERS, "rows were 3, are 4 now"),
    ]
    where = "2 region(s) differ; the first: frame 2, x 64 y 128, 32x16"
    regions = PixelComparison(regions=(TILES, SEEN))
    assert said(regions) == [("pixels", Status.FAIL, Code.PIXELS_DIFFER, where)]
    assert said(regions, claim=bare) == [("pixels", Status.FAIL, Code.PIXELS_DIFFER, where)]
    copy = {"mark": MarkReading(seal_id=claim.seal_id), "declared_copy": True}
    consistent = Likeness(Resemblance(0.99, ()))
    assert said(regions, **copy, likeness=consistent) == [
        ("pixels", Status.WARN, Code.PIXELS_DIFFER, where)
    ]
    assert said(shape, **copy, likeness=consistent) == [
        ("pixels", Status.WARN, Code.GEOMETRY_DIFFERS, "rows were 3, are 4 now")
    ]
    unclear = {"mark": copy["mark"], "source": Source.LEDGER_BY_MARK}
    assert said(regions, **unclear) == [("pixels", Status.WARN, Code.PIXELS_DIFFER, where)]


HEADER_ROWS: list[tuple[dict[str, object], list[Row]]] = [
    (
        {"changes": None},
        [("header", Status.SKIP, Code.HEADER_NOT_COMPARED, "no seal to compare with")],
    ),
    (
        {"changes": None, "picture": "PNG"},
        [("header", Status.SKIP, Code.HEADER_NOT_COMPARED, "a picture has no header")],
    ),
    (
        {"changes": (UID, SIDE, NAME, WINDOW, DERIVATION, PRIVATE)},
        [
            ("header", Status.FAIL, Code.MOVED_SEAL, "SOPInstanceUID changed"),
            ("header", Status.FAIL, Code.CLINICAL_CHANGED, "ImageLaterality changed"),
            ("header", Status.FAIL, Code.ADMINISTRATIVE_CHANGED, "PatientName changed"),
            ("header", Status.WARN, Code.DISPLAY_CHANGED, "WindowCenter removed"),
            ("header", Status.WARN, Code.PRIVATE_CHANGED, "PrivateAttributes added"),
            ("header", Status.WARN, Code.NOTED, "DerivationDescription added"),
        ],
    ),
    (
        {"changes": (NAME, PATIENT_ID, BIRTH_DATE)},
        [
            (
                "header",
                Status.FAIL,
                Code.PATIENT_REPLACED,
                "PatientName changed, PatientID changed, PatientBirthDate changed",
            )
        ],
    ),
    (
        {
            "changes": (SIDE, NAME, WINDOW),
            "corrections": Corrections(documented=frozenset({SIDE.tag, NAME.tag})),
        },
        [
            (
                "header",
                Status.PASS,
                Code.HEADER_CORRECTED,
                "ImageLaterality changed, PatientName changed",
            ),
            ("header", Status.WARN, Code.DISPLAY_CHANGED, "WindowCenter removed"),
        ],
    ),
    (
        {"changes": (UID, NAME), "source": Source.LEDGER_BY_PIXELS},
        [
            (
                "header",
                Status.WARN,
                Code.ADMINISTRATIVE_CHANGED,
                "PatientName changed, SOPInstanceUID changed",
            )
        ],
    ),
    (
        {"changes": (NAME,), "source": Source.LEDGER_BY_INSTANCE},
        [("header", Status.WARN, Code.ADMINISTRATIVE_CHANGED, "PatientName changed")],
    ),
]


@pytest.mark.parametrize(("fields", "said"), HEADER_ROWS)
def test_the_header(good: Evidence, fields: dict[str, object], said: list[Row]) -> None:
    assert rows(replace(good, **fields), "header") == said  # type: ignore[arg-type]


def test_the_header_of_a_copy(good: Evidence, claim: Claim) -> None:
    """A copy in a file that carries the seal: what it says of itself it may."""
    copy = replace(
        good,
        changes=(UID, NAME),
        pixels=PixelComparison(regions=(TILES,)),
        mark=MarkReading(seal_id=claim.seal_id),
        likeness=Likeness(Resemblance(0.99, ())),
        declared_copy=True,
    )
    detail = "PatientName changed, SOPInstanceUID changed"
    assert rows(copy, "header") == [
        ("header", Status.WARN, Code.ADMINISTRATIVE_CHANGED, detail),
    ]
    (said,) = rows(replace(copy, changes=(NAME,)), "header")
    assert said == ("header", Status.FAIL, Code.ADMINISTRATIVE_CHANGED, "PatientName changed")


def test_names_are_six_at_most(good: Evidence) -> None:
    many = tuple(change(0x00101000 + n, f"A{n}", Severity.LOW) for n in range(8))

    def said(count: int) -> str:
        ((_, _, _, detail),) = rows(replace(good, changes=many[:count]), "header")
        return detail

    six = "A0 changed, A1 changed, A2 changed, A3 changed, A4 changed, A5 changed"
    assert said(6) == six
    assert said(7) == f"{six}, and 1 more"
    assert said(8) == f"{six}, and 2 more"


def test_corrections(good: Evidence) -> None:
    made = Amendment(9, "archivist", Role.ARCHIVIST, CorrectionBody(Reason.COERCE, ()))
    corrections = Corrections(
        amendments=(made,),
        outdated=frozenset({0x00100020, 0x00100010}),
        in_file=frozenset({WINDOW.tag, NAME.tag}),
        documented=frozenset({NAME.tag}),
        problems=(Problem(Code.CORRECTION_REFUSED, "entry 8 does not count"),),
    )
    evidence = replace(good, changes=(WINDOW, PATIENT_ID), corrections=corrections)
    named = "documented in the file, by nobody whose signature was seen: WindowCenter removed"
    first = (
        "correction",
        Status.PASS,
        Code.CORRECTION,
        "entry 9 by archivist, reason COERCE",
    )
    rest = [
        ("correction", Status.WARN, Code.CORRECTION_NEWER, "PatientName, PatientID"),
        ("correction", Status.WARN, Code.RECORDED_IN_FILE, named),
    ]
    refused = ("correction", Status.FAIL, Code.CORRECTION_REFUSED, "entry 8 does not count")
    assert rows(evidence, "correction") == [first, refused, *rest]
    harmless = replace(evidence, changes=(PRIVATE,))
    assert rows(harmless, "correction")[1] == (refused[0], Status.WARN, *refused[2:])
    unnamed = rows(replace(evidence, changes=None), "correction")
    assert unnamed[-1][3] == "documented in the file, by nobody whose signature was seen: "
    assert unnamed[1][1] is Status.WARN
    quiet = replace(corrections, amendments=(), outdated=frozenset(), problems=())
    quiet = replace(quiet, in_file=frozenset({NAME.tag}))
    assert rows(replace(evidence, corrections=quiet), "correction") == []


def test_the_mark(good: Evidence, claim: Claim) -> None:
    own = claim.seal_id.hex()

    def said(mark: MarkReading | None, **more: object) -> Row:
        (row,) = rows(replace(good, mark=mark, **more), "mark")  # type: ignore[arg-type]
        return row

    assert said(MarkReading(not_sought="sealed unmarked")) == (
        *("mark", Status.SKIP, Code.MARK_NOT_SOUGHT),
        "sealed unmarked",
    )
    assert said(MarkReading()) == (
        *("mark", Status.WARN, Code.NO_MARK),
        "no mark of this site was found",
    )
    other = (
        *("mark", Status.FAIL, Code.MARK_OF_ANOTHER),
        f"the pixels carry the mark of seal {bytes(12).hex()}",
    )
    assert said(MarkReading(seal_id=bytes(12))) == other
    named = f"the mark names seal {own}"
    assert said(MarkReading(seal_id=claim.seal_id)) == (
        *("mark", Status.PASS, Code.MARK_READ),
        named,
    )
    assert said(MarkReading(seal_id=bytes(12)), claim=None)[2] is Code.MARK_READ
    reading = MarkReading(seal_id=claim.seal_id, false_alarm_log10=-20.4)
    assert said(reading, viewpoint=STRAIGHT)[3] == (
        f"{named}, false alarm 1e-20; scale 0.50, all of it is shown"
    )


def test_the_view(good: Evidence) -> None:
    words = "the image is shown mirrored"
    assert rows(replace(good, viewpoint=STRAIGHT), "view") == []
    assert rows(replace(good, viewpoint=MIRRORED), "view") == [
        ("view", Status.FAIL, Code.MIRRORED, words)
    ]
    assert rows(replace(good, viewpoint=MIRRORED, picture="PNG"), "view") == [
        ("view", Status.WARN, Code.MIRRORED, words)
    ]


def presence(*, known: Sequence[int], altered: Sequence[int], certain: Sequence[int]) -> Presence:
    """A map of ten cells in a row, in which some are known, faint, or provably without mark."""

    def cells(numbers: Sequence[int]) -> np.ndarray:
        found = np.zeros((1, 10), np.bool_)
        found[0, list(numbers)] = True
        return found

    made = object.__new__(Presence)
    for name, value in (("known", known), ("altered", altered), ("certain", certain)):
        object.__setattr__(made, name, cells(value))
    return made


def test_the_likeness_of_a_copy(good: Evidence, claim: Claim) -> None:
    copy = replace(
        good,
        picture="PNG",
        pixels=None,
        changes=None,
        source=Source.LEDGER_BY_MARK,
        mark=MarkReading(seal_id=claim.seal_id),
    )

    def said(likeness: Likeness | None) -> list[Row]:
        return rows(replace(copy, likeness=likeness), "copy", "presence")

    nothing = ("copy", Status.FAIL, Code.COPY_NOT_COMPARED, "nothing could be compared")
    assert said(None) == [nothing]
    assert rows(replace(good, likeness=None), "copy") == []
    few = "{} of 4096 cells of the thumbnail show enough, 200 needed"
    assert said(Likeness()) == [("copy", Status.FAIL, Code.COPY_NOT_COMPARED, few.format(0))]
    assert said(Likeness(Resemblance(0.99, (), compared=199))) == [
        ("copy", Status.FAIL, Code.COPY_NOT_COMPARED, few.format(199))
    ]
    alike = "correlation 0.99 with the sealed thumbnail"
    assert said(Likeness(Resemblance(0.99, ()))) == [
        ("copy", Status.PASS, Code.COPY_CONSISTENT, alike)
    ]
    other = "correlation 0.10 with the sealed thumbnail"
    assert said(Likeness(Resemblance(0.1, ()))) == [("copy", Status.FAIL, Code.COPY_DIFFERS, other)]
    found = Likeness(Resemblance(0.99, ((1, 2),)), regions=(SEEN, SHRUNK))
    assert said(found) == [("copy", Status.FAIL, Code.COPY_DIFFERS, f"{alike} x 5 y 6 7x8")]


def test_where_the_mark_shows(good: Evidence) -> None:
    def said(likeness: Likeness) -> list[Row]:
        return rows(replace(good, likeness=likeness), "presence")

    assert said(Likeness()) == []
    assert said(Likeness(presence=presence(known=[], altered=[1], certain=[1]))) == [
        (
            "presence",
            Status.WARN,
            Code.PRESENCE_UNKNOWN,
            "nowhere can it be told whether the mark shows",
        )
    ]
    missing = presence(known=[0, 1, 2, 3], altered=[0, 1], certain=[1, 2, 9])
    words = "the mark is missing from 2 of 4 cells that can tell"
    assert said(Likeness(presence=missing)) == [("presence", Status.FAIL, Code.MARK_MISSING, words)]
    many = tuple(replace(SEEN, x=n) for n in range(6))
    assert said(Likeness(presence=missing, regions=(SHRUNK, *many))) == [
        (
            "presence",
            Status.FAIL,
            Code.MARK_MISSING,
            f"{words} x 0 y 2 3x4, x 1 y 2 3x4, x 2 y 2 3x4, x 3 y 2 3x4",
        )
    ]
    assert said(Likeness(presence=presence(known=[0, 1, 2], altered=[], certain=[]))) == [
        (
            "presence",
            Status.PASS,
            Code.MARK_PRESENT,
            "the mark shows in 3 of 3 cells that can tell",
        )
    ]
    faint = (
        "the mark shows in 2 of 3 cells that can tell; in the others it is faint, "
        "not provably missing"
    )
    assert said(Likeness(presence=presence(known=[0, 1, 2], altered=[1], certain=[]))) == [
        ("presence", Status.PASS, Code.MARK_PRESENT, faint)
    ]


def test_the_signer(good: Evidence, claim: Claim) -> None:
    assert rows(replace(good, trust_problem=BAD), "signer") == [
        ("signer", Status.FAIL, Code.SIGNER_UNKNOWN, "nobody vouches")
    ]
    revoked = Custody(log_index=5, key=Problem(Code.KEY_REVOKED, "at entry 4"))
    assert rows(replace(good, custody=revoked), "signer", "key") == [
        ("signer", Status.PASS, Code.SIGNER_TRUSTED, "device 7, vouched for by CN=CA"),
        ("key", Status.FAIL, Code.KEY_REVOKED, "at entry 4"),
    ]
    claimed = claim.statement.claimed_at
    early = Custody(log_index=5, logged_before=claimed - timedelta(days=1, seconds=1))
    assert rows(replace(good, custody=early), "time") == [
        (
            "time",
            Status.FAIL,
            Code.CLOCK_AHEAD,
            f"sealed at {claimed:%Y-%m-%d %H:%M:%SZ} by its own clock, later than it was logged",
        )
    ]
    edge = Custody(log_index=5, logged_before=claimed - timedelta(days=1))
    assert rows(replace(good, custody=edge), "time") == []
    assert rows(replace(good, claim=None, custody=early), "time") == []


def bracket(**fields: object) -> Bracket:
    within: dict[str, object] = {
        "index": 5,
        "claimed_at": NOON,
        "head_size": 4,
        "head_known": True,
        "not_before": NOON,
        "not_after": NOON,
        "covered_size": 6,
    }
    return Bracket(**{**within, **fields})  # type: ignore[arg-type]


def test_the_bracket(good: Evidence) -> None:
    def said(found: Bracket) -> list[Row]:
        return rows(replace(good, custody=Custody(log_index=5, bracket=found)), "bracket")

    assert said(bracket()) == []
    assert said(bracket(not_after=None)) == []
    for code, found in (
        (Code.CLAIMED_EARLY, bracket(not_before=NOON + timedelta(days=2))),
        (Code.CLAIMED_FUTURE, bracket(not_after=NOON - timedelta(days=2))),
        (Code.HEAD_UNKNOWN, bracket(head_known=False)),
    ):
        assert said(found) == [("bracket", Status.WARN, code, found.words())]
    late = bracket(not_after=NOON + LATER)
    assert said(late) == [("bracket", Status.PASS, Code.LOGGED_LATER, late.words())]
    assert said(bracket(not_after=NOON + LATER - timedelta(seconds=1))) == []


def test_the_chain(good: Evidence) -> None:
    def said(custody: Custody, **more: object) -> list[Row]:
        evidence = replace(good, custody=custody, **more)  # type: ignore[arg-type]
        return rows(evidence, "log", "receipt", "order", "chain", "ledger", "attested")

    none = ("chain", Status.SKIP, Code.CHAIN_NOT_CHECKED, "no ledger was asked")
    assert said(Custody(receipt=Problem(Code.NO_RECEIPT, "none"))) == [
        ("receipt", Status.FAIL, Code.NO_RECEIPT, "none"),
        none,
    ]
    assert said(Custody(log_index=0, receipt=Problem(Code.RECEIPT_BAD, "bad"))) == [
        ("log", Status.PASS, Code.LOGGED, "entry 0 of the log"),
        ("receipt", Status.WARN, Code.RECEIPT_BAD, "bad"),
        none,
    ]
    whole = Custody(
        log_index=3,
        chain_events=2,
        order=(Problem(Code.SEALED_LATE, "late"), Problem(Code.RIVAL_SEAL, "rival")),
        attestations=(
            Attestation(8, NOON, "Dr. A", "verification"),
            Attestation(9, NOON, "Dr. B", "source", problem="no certificate"),
        ),
    )
    assert said(whole) == [
        ("log", Status.PASS, Code.LOGGED, "entry 3 of the log"),
        ("order", Status.WARN, Code.SEALED_LATE, "late"),
        ("order", Status.WARN, Code.RIVAL_SEAL, "rival"),
        ("chain", Status.PASS, Code.CHAIN_COMPLETE, "2 event(s), each naming its predecessor"),
        (
            "attested",
            Status.PASS,
            Code.ATTESTED,
            "Dr. A vouches for it (verification), entry 8, 2026-03-01 12:00:00Z",
        ),
        (
            "attested",
            Status.WARN,
            Code.ATTESTER_UNKNOWN,
            "entry 9 by Dr. B counts for nothing: no certificate",
        ),
    ]
    broken = Custody(chain_events=2, ledger=Problem(Code.CHAIN_BROKEN, "a gap"))
    assert said(broken) == [("chain", Status.FAIL, Code.CHAIN_BROKEN, "a gap")]
    away = Problem(Code.LEDGER_UNREACHABLE, "locked")
    assert said(Custody(), unreachable=away) == [
        ("ledger", Status.FAIL, Code.LEDGER_UNREACHABLE, "locked"),
        none,
    ]
    assert said(whole, claim=None) == []
    assert said(whole, claim=None, unreachable=away) == [
        ("ledger", Status.FAIL, Code.LEDGER_UNREACHABLE, "locked")
    ]


def test_what_a_policy_demands(good: Evidence) -> None:
    demands = Demands(
        seal=Problem(Code.NO_SEAL, "a seal"),
        signer=Problem(Code.SIGNER_UNKNOWN, "another signer"),
        unclear=Problem(Code.NO_RECEIPT, "perhaps"),
    )
    assert rows(good, "policy") == []
    assert rows(replace(good, demands=demands), "policy") == [
        ("policy", Status.FAIL, Code.NO_SEAL, "a seal"),
        ("policy", Status.FAIL, Code.SIGNER_UNKNOWN, "another signer"),
        ("policy", Status.WARN, Code.NO_RECEIPT, "perhaps"),
    ]


def test_signatures_of_the_standard_are_told_last(good: Evidence) -> None:
    signatures = DigitalSignatures(problem="too many")
    last = rows(replace(good, signatures=signatures))[-1]
    assert last == ("ps315", Status.SKIP, Code.SIGNATURE_NOT_CHECKED, "too many")


def test_what_is_said_of_the_file(good: Evidence) -> None:
    assert rows(replace(good, trailing=True), "file") == [
        ("file", Status.WARN, Code.TRAILING_BYTES, "bytes follow the last element")
    ]
    written = replace(good, rewritten="written by X")
    assert rows(written, "file") == [("file", Status.PASS, Code.REWRITTEN, "written by X")]
    assert rows(replace(written, claim=None), "file") == []
    assert rows(good, "file") == []


def test_a_swapped_character_set(good: Evidence) -> None:
    swap = CharsetSwap(("PatientName",), "ISO_IR 100", "ISO_IR 144")
    found = replace(good, changes=(NAME,), charset=swap)
    assert ("header", Status.WARN, Code.CHARSET_SWAPPED, swap.words()) in rows(found, "header")


def test_notices_about_certificates(good: Evidence) -> None:
    notices = (
        Notice(Code.NOT_REVOKED, "list 3"),
        Notice(Code.LIST_REFUSED, "list 4"),
        Notice(Code.REVOKED_LATER, "list 5"),
    )
    assert rows(replace(good, notices=notices), "certificate") == [
        ("certificate", Status.PASS, Code.NOT_REVOKED, "list 3"),
        ("certificate", Status.WARN, Code.LIST_REFUSED, "list 4"),
        ("certificate", Status.WARN, Code.REVOKED_LATER, "list 5"),
    ]
    assert rows(replace(good, claim=None, notices=notices), "certificate") == []


def test_the_second_signer(good: Evidence) -> None:
    signer = SecondSigner(demanded=False, kid=bytes(32), signer="device 7", authority="CN=CA 2")
    detail = "device 7 by ML-DSA-65, vouched for by CN=CA 2"
    assert rows(replace(good, second=signer), "second signer") == [
        ("second signer", Status.PASS, Code.SECOND_VERIFIES, detail)
    ]
    missing = SecondSigner(demanded=True, problem=Problem(Code.SECOND_DEMANDED, "there is none"))
    assert rows(replace(good, second=missing), "second signer") == [
        ("second signer", Status.FAIL, Code.SECOND_DEMANDED, "there is none")
    ]
    assert rows(good, "second signer") == []


def test_who_else_had_seen_it(good: Evidence) -> None:
    proofs = (
        ExistenceProof(NOON, TimeSource.LOG, 6, "log"),
        ExistenceProof(NOON, TimeSource.WITNESSES, 7, "w1 and w2"),
        ExistenceProof(NOON, TimeSource.TIMESTAMP, 8, "CN=TSA"),
    )
    seen = replace(good.custody, existence=Existence(proofs, ("a token of nobody",)))
    at = "it existed at 2026-03-01 12:00:00Z"
    assert rows(replace(good, custody=seen), "time") == [
        (
            "time",
            Status.PASS,
            Code.TIME_PROVEN,
            f"{at}: cosigned by w1 and w2, checkpoint of 7 entries",
        ),
        (
            "time",
            Status.PASS,
            Code.TIME_PROVEN,
            f"{at}: timestamp of CN=TSA, checkpoint of 8 entries",
        ),
        ("time", Status.WARN, Code.TIME_NOT_PROVEN, "a token of nobody"),
    ]
