"""Corrections that must not count: forged, moved, out of order, unauthorised, not shown."""

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from ledger import (
    ConflictError,
    Entry,
    Event,
    Log,
    RefusedError,
    Role,
    Signer,
    Submission,
    key_added_body,
    key_revoked_body,
    parse_statement,
    sync_outbox,
)
from provenance import (
    Action,
    Arrival,
    EvidenceError,
    EvidenceMissingError,
    Facts,
    Reason,
    Site,
    Verdict,
    Word,
    correct,
    seal,
    verify,
)
from provenance.claims.annex import Annex
from provenance.claims.kept_annex import KeptAnnex, OpenedLeaf
from provenance.correcting.correct import correct_at_time
from provenance.correcting.correction import CorrectionBody, LeafChange
from provenance.correcting.new_values import new_values
from provenance.dicom.attribute_table import attribute_table
from provenance.dicom.carrier import read_carrier
from provenance.dicom.leaf_content import leaf_content
from provenance.dicom.read import read_instance
from provenance.findings import Code
from provenance.policy.parse import parse_acceptance_policy
from provenance.site.device import APPEND_ATTEMPTS
from provenance.site.erasure import erase_objects, plan_erasure
from provenance.trust.certificates import certificate_der

Make = Callable[..., bytes]
Edit = Callable[[bytes, Callable[[pydicom.Dataset], object]], bytes]
NAME = {"PatientName": "Doe^Jane"}
PATIENT_NAME, SLOPE = 0x00100010, 0x00281053


@dataclass
class Scene:
    """A site of its own, and one sealed object."""

    site: Site
    data: bytes
    edit: Edit

    @property
    def seal_id(self) -> bytes:
        return seal_id_of(self.data)

    def judge(self, data: bytes) -> Verdict:
        records = self.site.records()
        with records.log:
            return verify(data, trust=self.site.trust, records=records)

    def correct(self, data: bytes, values: dict[str, str], role: Role = Role.ARCHIVIST) -> bytes:
        records = self.site.records()
        with records.log, self.site.device(role) as actor:
            return correct(
                data,
                values,
                reason=Reason.CORRECT,
                actor=actor,
                records=records,
                trust=self.site.trust,
                system="test",
            ).to_bytes()

    def log(
        self, body: CorrectionBody, leaves: Sequence[OpenedLeaf], role: Role = Role.ARCHIVIST
    ) -> None:
        """Log a correction with a tool of one's own, by a key that may."""
        with self.site.records().log as log:
            kept = KeptAnnex.decode(log.annex(self.seal_id) or b"")
        with self.site.device(role) as actor:
            actor.record(
                Event.CORRECTED,
                object_id=self.seal_id,
                body=body.to_cbor(),
                at=datetime.now(UTC),
                annex=kept.with_leaves(leaves).encode(),
            )

    def events(self, seal_id: bytes) -> list[CorrectionBody]:
        with self.site.records().log as log:
            parsed = [parse_statement(entry.statement) for entry in log.events(seal_id)]
        return [CorrectionBody.from_cbor(p.body) for p in parsed if p.event is Event.CORRECTED]

    def opened(self, seal_id: bytes) -> tuple[OpenedLeaf, ...]:
        with self.site.records().log as log:
            return KeptAnnex.decode(log.annex(seal_id) or b"").leaves


def seal_id_of(data: bytes) -> bytes:
    values = read_carrier(read_instance(data).dataset)
    assert values is not None
    seal_id = parse_statement(values.statement).object_id
    assert seal_id is not None
    return seal_id


def codes(verdict: Verdict) -> set[Code]:
    return {check.code for check in verdict.checks}


def rename(dataset: pydicom.Dataset) -> None:
    dataset.PatientName = "Doe^Jane"


def changed(scene: Scene, tag: int, value: str, *, old: bytes | None = None) -> LeafChange:
    """The change of one attribute as the object has it now, or from a leaf that is given."""
    group = attribute_table().describe(tag).group
    leaf = OpenedLeaf(bytes(16), leaf_content(tag, group, (value,)))
    return LeafChange(tag, old or signed_leaf_of(scene, tag), leaf.leaf)


def signed_leaf_of(scene: Scene, tag: int) -> bytes:
    values = read_carrier(read_instance(scene.data).dataset)
    assert values is not None
    header = Annex.decode(values.annex).header
    return next(digest for number, _, digest in header.leaves if number == tag)


def opened_leaf(tag: int, value: str) -> OpenedLeaf:
    return OpenedLeaf(bytes(16), leaf_content(tag, attribute_table().describe(tag).group, (value,)))


@pytest.fixture
def scene(tmp_path: Path, make_dicom: Make, edit: Edit) -> Scene:
    site = Site.init(tmp_path / "site", name="site")
    with site.device() as device:
        data = seal(make_dicom(RescaleSlope="1e0"), device=device, profile="none").to_bytes()
    return Scene(site, data, edit)


def another(scene: Scene, make_dicom: Make) -> Scene:
    with scene.site.device() as device:
        return replace(scene, data=seal(make_dicom(), device=device, profile="none").to_bytes())


def test_what_the_others_are_measured_by(scene: Scene) -> None:
    """The tool of one's own, used rightly: so the refusals below are for their reasons."""
    body = CorrectionBody(Reason.CORRECT, (changed(scene, PATIENT_NAME, "Doe^Jane"),))
    scene.log(body, [opened_leaf(PATIENT_NAME, "Doe^Jane")])
    assert scene.judge(scene.edit(scene.data, rename)).word is Word.CORRECTED


def test_a_correction_of_another_object(scene: Scene, make_dicom: Make) -> None:
    other = another(scene, make_dicom)
    scene.correct(other.data, NAME)
    (body,) = scene.events(other.seal_id)
    scene.log(body, scene.opened(other.seal_id))
    verdict = scene.judge(scene.edit(scene.data, rename))
    assert verdict.word is Word.HEADER_CHANGED
    assert Code.CORRECTION_REFUSED in codes(verdict)


def test_the_very_statement_of_another_object(scene: Scene, make_dicom: Make) -> None:
    other = another(scene, make_dicom)
    scene.correct(other.data, NAME)
    with scene.site.records().log as log:
        statement = log.events(other.seal_id)[-1].statement
    with scene.site.writing_log() as log:
        log.append([Submission(statement)], at=datetime.now(UTC))  # it is there already
    assert not scene.events(scene.seal_id)
    assert scene.judge(scene.edit(scene.data, rename)).word is Word.HEADER_CHANGED


@pytest.mark.parametrize("role", [Role.DEVICE, Role.GATEWAY, Role.AUDITOR])
def test_a_key_without_the_role(scene: Scene, role: Role) -> None:
    body = CorrectionBody(Reason.CORRECT, (changed(scene, PATIENT_NAME, "Doe^Jane"),))
    with pytest.raises(RefusedError, match="may not sign corrected"):
        scene.log(body, [opened_leaf(PATIENT_NAME, "Doe^Jane")], role)
    with pytest.raises(RefusedError, match="may not sign corrected"):
        scene.correct(scene.data, NAME, role)


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE radseal_key SET role = 'device' WHERE role = 'operator'",
        "UPDATE radseal_key SET revoked_index = 6 WHERE role = 'operator'",
        "UPDATE radseal_key SET added_index = 6 WHERE role = 'operator'",
        "UPDATE radseal_key SET certificate = NULL WHERE role = 'operator'",
        "UPDATE radseal_key SET certificate = (SELECT certificate FROM radseal_key "
        "WHERE role = 'archivist') WHERE role = 'operator'",
    ],
)
def test_a_log_that_took_what_it_must_not(scene: Scene, forgery: str) -> None:
    """The verifier judges role, range and certificate itself: the log may have been careless."""
    data = scene.correct(scene.data, NAME, Role.OPERATOR)
    assert scene.judge(data).word is Word.CORRECTED
    with sqlite3.connect(scene.site.folder / "ledger.sqlite") as database:
        assert database.execute(forgery).rowcount == 1
    verdict = scene.judge(data)
    assert verdict.word is Word.HEADER_CHANGED
    assert Code.CORRECTION_REFUSED in codes(verdict)


def test_a_revoked_key(scene: Scene) -> None:
    before = scene.correct(scene.data, NAME, Role.OPERATOR)
    with scene.site.device(Role.ARCHIVIST) as archivist:
        archivist.record(
            Event.KEY_REVOKED,
            object_id=None,
            body=key_revoked_body(scene.site.signer(Role.OPERATOR).kid, reason="lost"),
            at=datetime.now(UTC),
        )
    with pytest.raises(RefusedError, match="revoked"):
        scene.correct(before, {"PatientID": "9"}, Role.OPERATOR)
    assert scene.judge(before).word is Word.CORRECTED  # it stood then


@pytest.mark.parametrize("borrowed", [False, True])
def test_a_key_that_no_authority_vouches_for(scene: Scene, tmp_path: Path, borrowed: bool) -> None:
    """With a stranger's certificate, or with that of the site's own operator."""
    stranger = Site.init(tmp_path / "stranger", name="stranger")
    thief: Signer = stranger.signer(Role.OPERATOR)
    home = scene.site if borrowed else stranger
    certificate = certificate_der(home.certificate(Role.OPERATOR))
    with scene.site.device(Role.ARCHIVIST) as archivist:
        archivist.record(
            Event.KEY_ADDED,
            object_id=None,
            body=key_added_body(thief.spki, role=Role.OPERATOR, certificate=certificate),
            at=datetime.now(UTC),
        )
    body = CorrectionBody(Reason.CORRECT, (changed(scene, PATIENT_NAME, "Doe^Jane"),))
    leaf = opened_leaf(PATIENT_NAME, "Doe^Jane")
    with scene.site.device(Role.OPERATOR) as actor:
        kept = KeptAnnex(actor_annex(scene), (leaf,))
        replace(actor, signer=thief).record(
            Event.CORRECTED,
            object_id=scene.seal_id,
            body=body.to_cbor(),
            at=datetime.now(UTC),
            annex=kept.encode(),
        )
    verdict = scene.judge(scene.edit(scene.data, rename))
    assert verdict.word is Word.HEADER_CHANGED
    assert Code.CORRECTION_REFUSED in codes(verdict)


def actor_annex(scene: Scene) -> bytes:
    with scene.site.records().log as log:
        return KeptAnnex.decode(log.annex(scene.seal_id) or b"").seal


def test_a_forged_old_value(scene: Scene) -> None:
    """What the image was sealed as cannot be rewritten by who may correct."""
    leaf = opened_leaf(PATIENT_NAME, "Doe^Jane")
    false = opened_leaf(PATIENT_NAME, "Never^Was")
    good = changed(scene, 0x00100020, "7")
    body = CorrectionBody(
        Reason.CORRECT, (changed(scene, PATIENT_NAME, "Doe^Jane", old=false.leaf), good)
    )
    scene.log(body, [leaf, false, opened_leaf(0x00100020, "7")])

    def both(dataset: pydicom.Dataset) -> None:
        rename(dataset)
        dataset.PatientID = "7"

    verdict = scene.judge(scene.edit(scene.data, both))
    assert verdict.word is Word.HEADER_CHANGED
    assert not verdict.documented  # nor the half of it that fits
    assert Code.CORRECTION_REFUSED in codes(verdict)


def test_corrections_in_another_order(scene: Scene) -> None:
    first, second = opened_leaf(PATIENT_NAME, "One"), opened_leaf(PATIENT_NAME, "Two")
    later = CorrectionBody(Reason.CORRECT, (changed(scene, PATIENT_NAME, "Two", old=first.leaf),))
    scene.log(later, [second])
    scene.log(CorrectionBody(Reason.CORRECT, (changed(scene, PATIENT_NAME, "One"),)), [first])

    def set_to(value: str) -> Callable[[pydicom.Dataset], object]:
        return lambda dataset: setattr(dataset, "PatientName", value)

    verdict = scene.judge(scene.edit(scene.data, set_to("Two")))
    assert verdict.word is Word.HEADER_CHANGED
    assert Code.CORRECTION_REFUSED in codes(verdict)
    assert scene.judge(scene.edit(scene.data, set_to("One"))).word is Word.CORRECTED


def test_a_correction_turned_back_in_part(scene: Scene) -> None:
    data = scene.correct(scene.data, {"ImageLaterality": "L", "PatientID": "7"})
    back = scene.edit(data, lambda d: setattr(d, "ImageLaterality", "R"))
    assert scene.judge(back).word is Word.ALTERED
    back = scene.edit(data, lambda d: setattr(d, "PatientID", "P-1"))
    assert scene.judge(back).word is Word.HEADER_CHANGED


def test_an_attribute_that_may_not_be_corrected(scene: Scene) -> None:
    body = CorrectionBody(Reason.CORRECT, (changed(scene, SLOPE, "2e0"),))
    scene.log(body, [opened_leaf(SLOPE, "2e0")])
    verdict = scene.judge(scene.edit(scene.data, lambda d: setattr(d, "RescaleSlope", "2")))
    assert verdict.word is Word.ALTERED
    assert Code.CORRECTION_REFUSED in codes(verdict)


def test_a_spacing_without_calibration(scene: Scene) -> None:
    tag = 0x00280030
    group = attribute_table().describe(tag).group
    leaf = OpenedLeaf(bytes(16), leaf_content(tag, group, ("3e-1", "3e-1")))
    change = LeafChange(tag, signed_leaf_of(scene, tag), leaf.leaf)
    scene.log(CorrectionBody(Reason.CORRECT, (change,)), [leaf])
    wide = scene.edit(scene.data, lambda d: setattr(d, "PixelSpacing", [0.3, 0.3]))
    assert scene.judge(wide).word is Word.ALTERED


def test_a_commitment_that_does_not_open(scene: Scene) -> None:
    data = scene.correct(scene.data, NAME)
    wrong = [OpenedLeaf(secrets.token_bytes(16), o.content) for o in scene.opened(scene.seal_id)]
    with scene.site.device() as device:  # a device may speak of the object, and bring an annex
        device.record(
            Event.SENT,
            object_id=scene.seal_id,
            body={},
            at=datetime.now(UTC),
            annex=KeptAnnex(actor_annex(scene), tuple(wrong)).encode(),
        )
    verdict = scene.judge(data)
    assert verdict.word is Word.HEADER_CHANGED
    assert Code.CORRECTION_NOT_SHOWN in codes(verdict)


@pytest.mark.parametrize("annex", [b"\xa3\x01\x02", b"\xa3\x01\x02\x02\x41x\x03\x80", b"junk"])
def test_junk_in_place_of_what_is_kept(scene: Scene, annex: bytes) -> None:
    data = scene.correct(scene.data, NAME)
    with scene.site.device() as device:
        device.record(
            Event.SENT, object_id=scene.seal_id, body={}, at=datetime.now(UTC), annex=annex
        )
    verdict = scene.judge(data)
    assert verdict.word is Word.HEADER_CHANGED
    assert Code.CORRECTION_NOT_SHOWN in codes(verdict)


def test_after_erasure_nothing_is_documented(scene: Scene) -> None:
    data = scene.correct(scene.data, {"ImageLaterality": "L"})
    with scene.site.writing_log() as log:
        plan = plan_erasure(log, [scene.seal_id])
        signer = scene.site.signer(Role.ARCHIVIST)
        erase_objects(log, plan, archivist=signer, reason="asked", at=datetime.now(UTC))
    verdict = scene.judge(data)
    assert verdict.word is Word.ALTERED
    assert Code.CORRECTION_NOT_SHOWN in codes(verdict)
    with scene.site.device(Role.ARCHIVIST) as actor, pytest.raises(RefusedError, match="erased"):
        actor.record(  # nor can it be brought back
            Event.CORRECTED,
            object_id=scene.seal_id,
            body={},
            at=datetime.now(UTC),
            annex=KeptAnnex(b"x", (opened_leaf(PATIENT_NAME, "Doe^Jane"),)).encode(),
        )


def test_a_record_in_the_file_alone(scene: Scene, make_dicom: Make) -> None:
    """An Original Attributes Sequence as radseal itself writes it, moved to another object."""
    other = another(scene, make_dicom)
    donor = pydicom.dcmread(BytesIO(scene.correct(other.data, NAME)))

    def forge(dataset: pydicom.Dataset) -> None:
        rename(dataset)
        dataset.OriginalAttributesSequence = donor.OriginalAttributesSequence

    verdict = scene.judge(scene.edit(scene.data, forge))
    assert verdict.word is Word.HEADER_CHANGED
    assert Code.RECORDED_IN_FILE in codes(verdict)
    assert not verdict.documented


def test_a_correction_from_before_the_seal_was_logged(scene: Scene, make_dicom: Make) -> None:
    """What was said of an object before its seal came in corrects nothing."""
    site, outbox = scene.site, scene.site.folder / "outbox"
    with site.records().log as log:
        site.make_outbox(outbox, log, at=datetime.now(UTC)).close()
    with site.outbox_device(outbox) as device:
        late = replace(scene, data=seal(make_dicom(), device=device, profile="none").to_bytes())
    leaf = opened_leaf(PATIENT_NAME, "Doe^Jane")
    early = CorrectionBody(Reason.CORRECT, (changed(late, PATIENT_NAME, "Doe^Jane"),))
    values = read_carrier(read_instance(late.data).dataset)
    assert values is not None
    with site.device(Role.ARCHIVIST) as actor:
        actor.record(
            Event.CORRECTED,
            object_id=late.seal_id,
            body=early.to_cbor(),
            at=datetime.now(UTC),
            annex=KeptAnnex(values.annex, (leaf,)).encode(),
        )
    with closing(site.outbox(outbox)) as waiting, site.writing_log() as log:
        sync_outbox(waiting, log, clock=lambda: datetime.now(UTC))
    assert late.judge(late.data).word is Word.AUTHENTIC
    with site.device(Role.ARCHIVIST) as actor:  # and what opens it is there again
        actor.record(
            Event.INGESTED,
            object_id=late.seal_id,
            body={},
            at=datetime.now(UTC),
            annex=KeptAnnex(values.annex, (leaf,)).encode(),
        )
    verdict = late.judge(scene.edit(late.data, rename))
    assert verdict.word is Word.HEADER_CHANGED
    assert not verdict.documented
    assert Code.SEALED_LATE in codes(verdict)
    # and a correction made now follows on the seal, not on what came before it
    assert late.judge(late.correct(late.data, {"PatientName": "Roe^Jane"})).word is Word.CORRECTED


@dataclass
class Interrupted:
    """The site's own log, in which something happens just before its second look at an object."""

    log: Log
    happen: Callable[[], object]
    looks: int = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.log, name)

    def events(self, seal_id: bytes) -> Sequence[Entry]:
        self.looks += 1
        if self.looks == 2:  # the first was to gather the evidence
            self.happen()
        return self.log.events(seal_id)


def interrupted(scene: Scene, happen: Callable[[], object]) -> bytes:
    records = scene.site.records()
    with records.log, scene.site.device(Role.ARCHIVIST) as actor:
        return correct(
            scene.data,
            NAME,
            reason=Reason.CORRECT,
            actor=actor,
            records=replace(records, log=Interrupted(records.log, happen)),
            trust=scene.site.trust,
            system="test",
        ).to_bytes()


def test_another_correction_while_this_one_is_made(scene: Scene) -> None:
    """Of another attribute: this copy is no longer the newest, and nothing is logged about it."""
    with pytest.raises(EvidenceError, match="newer correction of \\(0010,0020\\)"):
        interrupted(scene, lambda: scene.correct(scene.data, {"PatientID": "7"}))
    assert len(scene.events(scene.seal_id)) == 1


def test_a_view_while_a_correction_is_made(scene: Scene) -> None:
    def view() -> None:
        with scene.site.device(Role.AUDITOR) as other:
            other.record(Event.VIEWED, object_id=scene.seal_id, body={}, at=datetime.now(UTC))

    assert scene.judge(interrupted(scene, view)).word is Word.CORRECTED


def test_an_erasure_while_a_correction_is_made(scene: Scene) -> None:
    def erase() -> None:
        with scene.site.writing_log() as log:
            plan = plan_erasure(log, [scene.seal_id])
            signer = scene.site.signer(Role.ARCHIVIST)
            erase_objects(log, plan, archivist=signer, reason="asked", at=datetime.now(UTC))

    with pytest.raises(EvidenceMissingError, match="erased"):
        interrupted(scene, erase)
    assert not scene.events(scene.seal_id)


def test_a_correction_that_is_always_overtaken_gives_up(scene: Scene) -> None:
    calls = []

    def salt() -> bytes:
        calls.append(1)
        with scene.site.device(Role.AUDITOR) as other:
            other.record(Event.VIEWED, object_id=scene.seal_id, body={}, at=datetime.now(UTC))
        return len(calls).to_bytes(16, "big")

    records = scene.site.records()
    with (
        records.log,
        scene.site.device(Role.ARCHIVIST) as actor,
        pytest.raises(ConflictError),
    ):
        correct_at_time(
            scene.data,
            new_values(NAME, Reason.CORRECT),
            reason=Reason.CORRECT,
            actor=actor,
            records=records,
            trust=scene.site.trust,
            system="test",
            at=datetime.now(UTC),
            draw_salt=salt,
        )
    assert len(calls) == 2 * APPEND_ATTEMPTS
    assert not scene.events(scene.seal_id)


def test_a_correction_by_a_role_that_the_policy_does_not_admit(scene: Scene) -> None:
    """The log lets an operator correct a side; this policy wants an archivist."""
    policy = parse_acceptance_policy(
        b"""
version = 1
[defaults]
depth = "ledger"
correctors.side = ["archivist"]
[defaults.actions]
corrected = "accept"
header_changed = "tag"
"""
    )
    facts = Facts(Arrival(arrived_at=datetime.now(UTC)))

    def action(data: bytes) -> Action:
        records = scene.site.records()
        with records.log:
            verdict = verify(data, trust=scene.site.trust, records=records)
        assert verdict.word is Word.CORRECTED
        return policy.decide(verdict, facts).action

    turned = scene.correct(scene.data, {"ImageLaterality": "L"}, Role.OPERATOR)
    assert action(turned) is Action.QUARANTINE
    named = scene.correct(turned, NAME, Role.ARCHIVIST)  # hides nothing of the other
    assert action(named) is Action.QUARANTINE
    back = scene.correct(named, {"ImageLaterality": "R"}, Role.ARCHIVIST)
    assert action(back) is Action.ACCEPT
    again = scene.correct(back, {"ImageLaterality": "L"}, Role.OPERATOR)
    assert action(again) is Action.QUARANTINE
