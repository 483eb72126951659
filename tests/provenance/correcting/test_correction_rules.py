"""Which corrections count, by table: a statement, its key, and what the object has now."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from ledger import (
    Algorithm,
    Entry,
    Event,
    Link,
    LoggedKey,
    NotFoundError,
    PrivateKeySigner,
    Role,
    TrustedLogs,
    parse_statement,
    sign_statement,
)
from provenance import TrustStore
from provenance.claims.claim import Claim
from provenance.claims.kept_annex import KeptAnnex, OpenedLeaf
from provenance.correcting.correction import CorrectionBody, LeafChange, Reason
from provenance.correcting.corrections import find_corrections, walk_back, with_reverted
from provenance.dicom.attribute_table import PRIVATE_TAG, attribute_table
from provenance.dicom.attributes import Attribute, Change, Group, Kind, Severity
from provenance.dicom.leaf_content import leaf_content
from provenance.dicom.original_attributes import ORIGINAL_ATTRIBUTES
from provenance.findings import Code
from provenance.header_tree import (
    changed_attribute,
    hash_header,
    leaf_salt,
    signed_leaf,
)
from provenance.judging.evidence import Corrections
from provenance.trust.certificates import certificate_der, issue_authority, issue_role

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAME, PATIENT_ID, SPACING, CALIBRATION = 0x00100010, 0x00100020, 0x00280030, 0x00280A02


def attribute(tag: int, *values: object) -> Attribute:
    row = attribute_table().describe(tag)
    return Attribute(tag, row.keyword, row.group, row.severity, values or None)  # type: ignore[arg-type]


def opened(tag: int, *values: object) -> OpenedLeaf:
    group = attribute_table().describe(tag).group
    return OpenedLeaf(bytes(16), leaf_content(tag, group, values or None))  # type: ignore[arg-type]


@dataclass
class Desk:
    """An archivist with key and certificate, and what a log holds of them and of the object."""

    claim: Claim
    key: LoggedKey
    signer: PrivateKeySigner
    trust: TrustStore
    known: bool = True
    leaves: list[OpenedLeaf] = field(default_factory=list)
    kept: bytes | None = b""

    def annex(self, _object_id: bytes) -> bytes | None:
        if self.kept == b"":
            return KeptAnnex(b"seal", tuple(self.leaves)).encode()
        return self.kept

    def find_key(self, kid: bytes) -> LoggedKey:
        assert kid == self.signer.kid
        if not self.known:
            raise NotFoundError("no such key")
        return self.key

    def entry(
        self,
        index: int,
        *changes: LeafChange,
        event: Event = Event.CORRECTED,
        about: bytes | None = None,
    ) -> Entry:
        encoded = sign_statement(
            event=event,
            object_id=about or self.claim.seal_id,
            object_link=Link(1, bytes(32)),
            actor_link=Link(0, None),
            claimed_at=NOW,
            head_seen=None,
            body=CorrectionBody(Reason.CORRECT, changes).to_cbor(),
            signer=self.signer,
        )
        return Entry(index, encoded, parse_statement(encoded).leaf_hash)

    def change(self, tag: int, *values: object, old: bytes | None = None) -> LeafChange:
        leaf = opened(tag, *values)
        self.leaves.append(leaf)
        return LeafChange(tag, old or signed_leaf(self.claim.annex.header, tag), leaf.leaf)

    def judge(self, entries: Sequence[Entry], *found: Attribute) -> Corrections:
        log = _Log(self)
        return find_corrections(
            self.claim,
            entries,
            found,
            log=log,  # type: ignore[arg-type]
            trust=self.trust,
        )


@dataclass
class _Log:
    desk: Desk

    def key(self, kid: bytes) -> LoggedKey:
        return self.desk.find_key(kid)

    def annex(self, object_id: bytes) -> bytes | None:
        assert object_id == self.desk.claim.seal_id
        return self.desk.annex(object_id)


@pytest.fixture
def desk(quick_claim: Claim) -> Desk:
    authority_key = generate(Algorithm.ESP256)
    authority = issue_authority(
        authority_key, name="CA", serial=1, valid_from=NOW, valid_until=NOW + timedelta(days=9)
    )
    key = generate(Algorithm.ED25519)
    certificate = issue_role(
        key.public_key(),  # type: ignore[attr-defined]
        name="archivist",
        role=Role.ARCHIVIST,
        authority=authority,
        authority_key=authority_key,  # type: ignore[arg-type]
        serial=2,
        valid_from=NOW,
    )
    signer = PrivateKeySigner.from_private_key(key)
    logged = LoggedKey(
        signer.kid,
        signer.algorithm,
        Role.ARCHIVIST,
        signer.spki,
        certificate_der(certificate),
        added_index=3,
        revoked_index=None,
    )
    return Desk(quick_claim, logged, signer, TrustStore((authority,), TrustedLogs(())))


def generate(algorithm: Algorithm) -> object:
    from provenance.keys.signers import generate_key

    return generate_key(algorithm)


def test_one_that_counts(desk: Desk) -> None:
    entry = desk.entry(9, desk.change(NAME, "Doe^Jane"))
    found = desk.judge([entry], attribute(NAME, "Doe^Jane"))
    assert found.documented == {NAME}
    assert found.outdated == frozenset()
    assert found.problems == ()
    (made,) = found.amendments
    assert (made.index, made.actor, made.body.reason) == (9, "archivist", Reason.CORRECT)
    assert made.role is Role.ARCHIVIST
    assert desk.judge([]) == Corrections()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"known": False}, "its key is not in the log"),
        ({"role": Role.DEVICE}, "the role device may not correct"),
        ({"role": Role.OPERATOR}, "the certificate of archivist is not that of a operator"),
        ({"added_index": 9}, "its key was added later, at entry 9"),
        ({"added_index": 10}, "its key was added later, at entry 10"),
        ({"revoked_index": 9}, "its key was revoked at entry 9"),
        ({"revoked_index": 8}, "its key was revoked at entry 8"),
        ({"certificate": None}, "its key was logged without a certificate"),
        ({"spki": b"another"}, "the certificate logged with its key is that of another"),
        ({"added_index": 8}, None),
        ({"revoked_index": 10}, None),
    ],
)
def test_whose_corrections_count(desk: Desk, fields: dict[str, object], words: str | None) -> None:
    desk.known = "known" not in fields
    if desk.known:
        desk.key = replace(desk.key, **fields)  # type: ignore[arg-type]
    found = desk.judge([desk.entry(9, desk.change(NAME, "B"))], attribute(NAME, "B"))
    if words is None:
        assert found.documented == {NAME}
        return
    (problem,) = found.problems
    assert problem.code is Code.CORRECTION_REFUSED
    assert problem.detail == f"entry 9 does not count: {words}"
    assert (found.documented, found.amendments) == (frozenset(), ())


def test_what_is_no_correction_of_this_object(desk: Desk) -> None:
    change = desk.change(NAME, "B")
    for entry in (
        desk.entry(9, change, event=Event.SENT),
        desk.entry(9, change, about=b"other-object"),
    ):
        (problem,) = desk.judge([entry], attribute(NAME, "B")).problems
        assert problem.detail == "entry 9 does not count: it is no correction of this object"


def test_what_may_not_be_corrected(desk: Desk) -> None:
    entry = desk.entry(9, desk.change(0x00080018, "1.2.3"))
    (problem,) = desk.judge([entry], attribute(0x00080018, "1.2.3")).problems
    assert problem.detail.startswith("entry 9 does not count: SOPInstanceUID may not be corrected:")


def test_each_follows_on_the_one_before(desk: Desk) -> None:
    first = desk.change(NAME, "B")
    second = desk.change(NAME, "C", old=first.new)
    entries = [desk.entry(9, first), desk.entry(10, second)]
    signed = OpenedLeaf(
        leaf_salt(desk.claim.annex.header.seed, NAME), leaf_content(NAME, Group.IDENTITY, None)
    )
    desk.leaves.append(signed)
    for values, documented, outdated in (
        (("C",), {NAME}, set()),
        (("B",), set(), {NAME}),
        ((), set(), {NAME}),
        (("D",), set(), set()),
    ):
        found = desk.judge(entries, attribute(NAME, *values))
        assert (found.documented, found.outdated) == (documented, outdated)
    assert desk.judge(entries).outdated == {NAME}  # not there at all: as it was signed
    (problem,) = desk.judge(entries[::-1], attribute(NAME, "C")).problems
    words = "entry 10 does not count: its old value of PatientName is not the one before it"
    assert problem.detail == words
    also = replace(second, tag=PATIENT_ID, old=bytes(32))
    half = desk.judge([entries[0], desk.entry(10, second, also)], attribute(NAME, "C"))
    assert half.documented == frozenset()  # nor the half of it that follows on
    assert len(half.amendments) == 1


def test_what_opens_a_correction_is_needed(desk: Desk) -> None:
    entry = desk.entry(9, desk.change(NAME, "B"))
    desk.leaves.clear()
    found = desk.judge([entry], attribute(NAME, "B"))
    assert (found.documented, len(found.amendments)) == (frozenset(), 1)
    (problem,) = found.problems
    assert problem.code is Code.CORRECTION_NOT_SHOWN
    assert problem.detail == "nothing that is kept opens the correction of PatientName"
    desk.kept = None
    found = desk.judge([entry], attribute(NAME, "B"))
    (problem,) = found.problems
    assert problem.code is Code.CORRECTION_NOT_SHOWN
    assert problem.detail == "what opens the corrections is not kept any more"
    assert [each.index for each in found.amendments] == [9]
    desk.known = False
    assert [p.code for p in desk.judge([entry]).problems] == [Code.CORRECTION_REFUSED]
    desk.known, desk.kept = True, b"\xa3\x01\x02"  # no map of its format
    found = desk.judge([entry], attribute(NAME, "B"))
    assert [p.code for p in found.problems] == [Code.CORRECTION_NOT_SHOWN] * 2
    assert all(len(p.detail) > 10 for p in found.problems)
    assert found.documented == frozenset()


def test_the_newest_correction_must_open(desk: Desk) -> None:
    """That an earlier one opens is not enough."""
    first = desk.change(NAME, "B")
    second = desk.change(NAME, "C", old=first.new)
    third = desk.change(NAME, "D", old=second.new)
    entries = [desk.entry(9, first), desk.entry(10, second), desk.entry(11, third)]
    assert desk.judge(entries, attribute(NAME, "D")).documented == {NAME}
    desk.leaves.remove(opened(NAME, "D"))
    (problem,) = desk.judge(entries, attribute(NAME, "D")).problems
    assert problem.detail == "nothing that is kept opens the correction of PatientName"


@pytest.mark.parametrize(
    ("kind", "counts"),
    [
        (("GEOMETRY",), True),
        (("FIDUCIAL",), True),
        (("OTHER",), False),
        (("GEOMETRY", "FIDUCIAL"), False),
        ((), False),
        (None, False),
    ],
)
def test_a_spacing_counts_with_its_calibration(
    desk: Desk, kind: tuple[str, ...] | None, counts: bool
) -> None:
    entry = desk.entry(9, desk.change(NAME, "B"), desk.change(SPACING, "3e-1", "3e-1"))
    found = [attribute(SPACING, "3e-1", "3e-1"), attribute(NAME, "B")]
    if kind is not None:
        found.append(attribute(CALIBRATION, *kind))
    documented = desk.judge([entry], *found).documented
    assert documented == ({SPACING, NAME} if counts else {NAME})


def test_what_was_turned_back_is_a_change() -> None:
    def changed(tag: int) -> Change:
        return changed_attribute(tag)

    corrections = Corrections(
        documented=frozenset({NAME}), outdated=frozenset({PATIENT_ID, 0x04000561})
    )
    assert with_reverted((changed(NAME),), corrections) == (changed(NAME), changed(PATIENT_ID))
    whole = (changed(NAME), changed(PATIENT_ID))
    assert with_reverted(whole, corrections) == whole
    # a copy from before: nothing of a correction is in it
    other = Change(0x00281050, "WindowCenter", Group.DISPLAY, Severity.LOW, Kind.CHANGED)
    assert with_reverted((other,), corrections) == (other,)
    assert with_reverted((), corrections) == ()


MODIFIED = 0x04000550
SIGNED = hash_header([attribute(NAME, "A^B"), attribute(PATIENT_ID, "1")], bytes(range(32)))
RENAMED, RENUMBERED = changed_attribute(NAME), changed_attribute(PATIENT_ID)


def record(*items: dict[int, tuple[object, ...]]) -> Attribute:
    """An Original Attributes Sequence: what was there before each change, oldest first."""
    written = tuple(((MODIFIED, (tuple(sorted(item.items())),)),) for item in items)
    return attribute(ORIGINAL_ATTRIBUTES, *written)


@pytest.mark.parametrize(
    ("items", "changes", "led_back"),
    [
        ([{NAME: ("A^B",)}], [RENAMED], {NAME}),
        ([{NAME: ("Never^Was",)}], [RENAMED], set()),
        ([{NAME: ("A^B",)}], [], set()),  # what did not change needs no record
        ([{NAME: ("A^B",)}], [RENUMBERED], set()),
        ([{NAME: ("A^B",), PATIENT_ID: ("1",)}], [RENAMED, RENUMBERED], {NAME, PATIENT_ID}),
        ([{NAME: ("A^B",), PATIENT_ID: ("2",)}], [RENAMED, RENUMBERED], {NAME}),
        ([{NAME: ("A^B",)}, {NAME: ("C^D",)}], [RENAMED], {NAME}),
        ([{NAME: ("A^B",)}, {PATIENT_ID: ("1",)}], [RENAMED, RENUMBERED], {NAME, PATIENT_ID}),
        ([], [RENAMED], set()),
    ],
)
def test_a_record_leads_back_to_what_was_signed(
    items: list[dict[int, tuple[object, ...]]], changes: list[Change], led_back: set[int]
) -> None:
    found = [attribute(NAME, "E^F"), *([record(*items)] if items else [])]
    assert walk_back(SIGNED, found, changes) == led_back


def test_neither_the_record_itself_nor_private_ones_are_led_back() -> None:
    before: dict[int, tuple[object, ...]] = {
        ORIGINAL_ATTRIBUTES: (),
        PRIVATE_TAG: (),
        NAME: ("A^B",),
    }
    changes = [changed_attribute(ORIGINAL_ATTRIBUTES), changed_attribute(PRIVATE_TAG), RENAMED]
    assert walk_back(SIGNED, [record(before)], changes) == {NAME}
    absent: dict[int, None] = {ORIGINAL_ATTRIBUTES: None, PRIVATE_TAG: None}
    assert walk_back(SIGNED, [record(absent)], changes) == frozenset()  # type: ignore[arg-type]


def test_the_leaf_of_what_was_not_signed_is_that_of_null() -> None:
    absent = hash_header([attribute(NAME, "A^B"), attribute(0x00104000)], SIGNED.seed)
    assert signed_leaf(SIGNED, 0x00104000) == signed_leaf(absent, 0x00104000)
    leaves = {tag: leaf for tag, _, leaf in absent.leaves}
    assert leaves[0x00104000] == signed_leaf(SIGNED, 0x00104000)
    assert signed_leaf(SIGNED, NAME) == signed_leaf(absent, NAME)


def test_what_a_correction_turned_back_is_a_change_of_its_row() -> None:
    found = changed_attribute(NAME)
    assert (found.tag, found.keyword, found.kind) == (NAME, "PatientName", Kind.CHANGED)
    assert (found.group, found.severity) == (Group.IDENTITY, Severity.ADMINISTRATIVE)
