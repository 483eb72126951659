"""Copies that claim more than is so: forged, moved, of another parent, with a lying map."""

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from ledger import (
    FIRST,
    Event,
    Link,
    RefusedError,
    Role,
    Submission,
    Waiting,
    key_revoked_body,
    parse_statement,
)
from provenance import Outcome, Site, TrustStore, Verdict, Word, derive, seal, verify
from provenance.claims.annex import VERSION_OF_A_COPY, Annex
from provenance.claims.birth import Origin, ParentLink
from provenance.claims.claim import open_claim
from provenance.derivation.kinship import Kinship
from provenance.derivation.lineage import FrameRun, Lineage
from provenance.derivation.sealed_parent import SealedParent, identity_of, lineage_of
from provenance.dicom.attributes import canonical_attributes
from provenance.dicom.carrier import Carrier, read_carrier, write_carrier
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes
from provenance.findings import Code
from provenance.header_tree import hash_header
from provenance.image_tree import hash_image
from provenance.records import pseudonyms
from provenance.sealing.chance import Chance
from provenance.sealing.seal import body_of, seal_at_time
from provenance.site.device import Device
from provenance.site.erasure import erase_objects, plan_erasure
from provenance.verifying.verifier import Verifier

Make = Callable[..., bytes]
Change = Callable[[Lineage], Lineage]


def picture(seed: int, frames: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4096, (frames, 96, 130)).astype(np.uint16)


def to_bytes(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def edited(data: bytes, change: Callable[[Dataset], object]) -> bytes:
    dataset = pydicom.dcmread(BytesIO(data))
    change(dataset)
    return to_bytes(dataset)


def bare(dataset: Dataset) -> None:
    for element in [each for each in dataset if each.tag.group == 0x5253]:
        del dataset[element.tag]


def another(data: bytes, change: Callable[[Dataset], object] = lambda _: None) -> bytes:
    def renamed(dataset: Dataset) -> None:
        bare(dataset)
        dataset.SOPInstanceUID = generate_uid()
        change(dataset)

    return edited(data, renamed)


class Unknowing:
    """A log of which its device knows nothing about the object."""

    def __init__(self, log: object) -> None:
        self._log = log

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    def object_link(self, object_id: bytes) -> Link:
        return FIRST


class Unlogged:
    """A log that takes anything and keeps nothing."""

    def __init__(self, log: object) -> None:
        self._log = log

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    def append(self, submissions: Sequence[Submission], *, at: datetime) -> list[Waiting]:
        (each,) = submissions
        return [Waiting(0, each.statement, parse_statement(each.statement).leaf_hash)]

    def receipt(self, entry: object) -> None:
        return None


@dataclass
class Scene:
    """A site of its own, a sealed object of three frames, and a copy of it."""

    site: Site
    make: Make
    parent: bytes
    copy: bytes

    def seal(self, pixels: np.ndarray) -> bytes:
        data = self.make(pixels[0], PixelData=pixels.tobytes(), NumberOfFrames=len(pixels))
        with self.site.device() as device:
            return seal(data, device=device, profile="none").to_bytes()

    def derive(
        self,
        parents: Sequence[bytes],
        data: bytes,
        kind: str = "lossless",
        role: Role = Role.OPERATOR,
    ) -> bytes:
        with self.site.device(role) as actor:
            made = derive(list(parents), data, kind=kind, actor=actor, trust=self.site.trust)
        return made.to_bytes()

    def judge(self, data: bytes, *, ledger: bool = True) -> Verdict:
        if not ledger:
            return verify(data, trust=self.site.trust)
        records = self.site.records()
        with records.log:
            return verify(data, trust=self.site.trust, records=records)

    def forge(
        self,
        parents: Sequence[bytes],
        data: bytes,
        change: Change = lambda lineage: lineage,
        *,
        runs: Sequence[FrameRun] = (),
        links: Sequence[ParentLink] | None = None,
        role: Role = Role.OPERATOR,
        actor: Device | None = None,
        unchecked: bool = False,
    ) -> bytes:
        """Sign a copy with a tool of one's own, which compares nothing."""
        if actor is None:
            with self.site.device(role) as opened:
                return self.forge(
                    parents,
                    data,
                    change,
                    runs=runs,
                    links=links,
                    actor=opened,
                    unchecked=unchecked,
                )
        verifier = Verifier(self.site.trust)
        sealed = [
            as_it_is(each) if unchecked else SealedParent.verified(each, verifier)
            for each in parents
        ]
        own = identity_of(read_instance(data))
        shown = change(lineage_of(sealed, own, Kinship(tuple(runs))))
        instance = read_instance(data)
        geometry = pixel_geometry(instance)
        assert geometry is not None
        annex = Annex(
            salt=secrets.token_bytes(32),
            image=hash_image(frames(instance, geometry), geometry),
            header=hash_header(canonical_attributes(instance.dataset), secrets.token_bytes(32)),
            certificates=actor.certificates,
            original=None,
            descriptor=None,
            lineage=shown.encode(),
            version=VERSION_OF_A_COPY,
        )
        named = [ParentLink(p.claim.statement.leaf_hash, p.claim.seal_id) for p in sealed]
        origin = Origin("lossless", tuple(named if links is None else links))
        object_id = secrets.token_bytes(12)
        entry = actor.record(
            Event.DERIVED,
            object_id=object_id,
            body=body_of(annex, None, origin).to_cbor(),
            at=datetime.now(UTC),
            annex=annex.encode(),
            pseudonyms=tuple(pseudonyms(actor.lookup_key, instance.dataset, ())),
        )
        receipt = actor.receipt(entry)  # type: ignore[arg-type]
        write_carrier(instance.dataset, Carrier(entry.statement, annex.encode(), receipt))
        return instance_bytes(instance)


def as_it_is(data: bytes) -> SealedParent:
    """A parent that nobody has verified."""
    carrier = carrier_of(data)
    claim = open_claim(parse_statement(carrier.statement), Annex.decode(carrier.annex))
    return SealedParent("parent", None, claim, identity_of(read_instance(data)), None)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, make_dicom: Make) -> Scene:
    site = Site.init(tmp_path_factory.mktemp("scene") / "here", name="here")
    made = Scene(site, make_dicom, b"", b"")
    made.parent = made.seal(picture(1))
    made.copy = made.derive([made.parent], another(made.parent))
    return made


EQUAL = (FrameRun(0, 0, 0, 3),)


def altered(verdict: Verdict, code: Code = Code.SEAL_MISFIT) -> None:
    assert verdict.word is Word.ALTERED, verdict.checks
    assert verdict.integrity is Outcome.REFUTED
    assert code in {check.code for check in verdict.checks}


def misfit(scene: Scene, data: bytes) -> None:
    """The evidence in the file does not fit: ALTERED, or a seal that the ledger still has."""
    altered(scene.judge(data, ledger=False))
    verdict = scene.judge(data)
    assert verdict.word in (Word.ALTERED, Word.STRIPPED), verdict.checks
    assert Code.SEAL_MISFIT in {check.code for check in verdict.checks}


def carrier_of(data: bytes) -> Carrier:
    carrier = read_carrier(read_instance(data).dataset)
    assert carrier is not None
    return carrier


def with_carrier(data: bytes, carrier: Carrier) -> bytes:
    instance = read_instance(data)
    write_carrier(instance.dataset, carrier)
    return instance_bytes(instance)


def with_lineage(data: bytes, change: Change) -> bytes:
    """Change what a signed copy shows of its parents: the deriver's signature does not cover it."""
    carrier = carrier_of(data)
    annex = Annex.decode(carrier.annex)
    assert annex.lineage is not None
    changed = change(Lineage.decode(annex.lineage))
    encoded = replace(annex, lineage=changed.encode()).encode()
    return with_carrier(data, replace(carrier, annex=encoded))


def test_what_is_attacked_here(scene: Scene) -> None:
    for data in (scene.copy, scene.forge([scene.parent], another(scene.parent), runs=EQUAL)):
        for ledger in (True, False):
            verdict = scene.judge(data, ledger=ledger)
            assert verdict.word is Word.DERIVED
            assert verdict.descent is not None
            assert verdict.descent.equal == 3


@pytest.mark.parametrize("role", [Role.DEVICE, Role.OPERATOR, Role.GATEWAY, Role.ARCHIVIST])
def test_roles_that_may(scene: Scene, role: Role) -> None:
    data = scene.derive([scene.parent], another(scene.parent), role=role)
    assert scene.judge(data).word is Word.DERIVED


def test_a_role_that_may_not(scene: Scene) -> None:
    with pytest.raises(RefusedError):
        scene.forge([scene.parent], another(scene.parent), runs=EQUAL, role=Role.AUDITOR)


def test_a_role_that_may_not_whose_statement_no_log_has_seen(scene: Scene) -> None:
    """An auditor signs a copy and asks no log: its certificate is of a role that may not."""

    with scene.site.device(Role.AUDITOR) as auditor:
        forger = replace(auditor, log=Unlogged(auditor.log))  # type: ignore[arg-type]
        data = scene.forge([scene.parent], another(scene.parent), runs=EQUAL, actor=forger)
    for ledger in (True, False):
        verdict = scene.judge(data, ledger=ledger)
        assert verdict.word is Word.UNTRUSTED
        assert verdict.trust is Outcome.REFUTED


def test_a_stranger_signs_a_copy(scene: Scene, stranger: Site) -> None:
    with stranger.device() as device:
        data = derive(
            [scene.parent],
            another(scene.parent),
            kind="lossless",
            actor=device,
            trust=scene.site.trust,
        ).to_bytes()
    assert scene.judge(data, ledger=False).word is Word.UNTRUSTED
    assert verify(data, trust=stranger.trust).word is Word.UNTRUSTED  # it trusts not the parent
    verdict = verify(data, trust=stranger.trust)
    assert Code.PARENT_UNKNOWN in {check.code for check in verdict.checks}


def test_a_map_that_lies(scene: Scene) -> None:
    """Another image is signed as frames of a sealed one: the device's own hash refutes it."""
    pixels = picture(1)
    pixels[1, 40, 70] ^= 1
    other = another(scene.parent, lambda d: setattr(d, "PixelData", pixels.tobytes()))
    data = scene.forge([scene.parent], other, runs=EQUAL)
    for ledger in (True, False):
        altered(scene.judge(data, ledger=ledger))
    honest = (FrameRun(0, 0, 0, 1), FrameRun(2, 0, 2, 1))
    verdict = scene.judge(scene.forge([scene.parent], other, runs=honest))
    assert verdict.word is Word.DERIVED
    assert Code.DERIVERS_WORD in {check.code for check in verdict.checks}


@pytest.mark.parametrize(
    "runs",
    [
        (FrameRun(0, 0, 1, 2),),
        (FrameRun(0, 0, 2, 1),),
        (FrameRun(1, 0, 0, 1), FrameRun(2, 0, 1, 1)),
        (FrameRun(0, 0, 0, 4),),
        (FrameRun(0, 1, 0, 3),),
        (FrameRun(0, 0, 1, 3),),
    ],
)
def test_a_map_onto_other_frames_than_are_shown(scene: Scene, runs: tuple[FrameRun, ...]) -> None:
    """Frames swapped, repeated, beyond the end, of a parent that is not there."""
    misfit(scene, with_lineage(scene.copy, lambda shown: replace(shown, runs=runs)))
    forged = scene.forge([scene.parent], another(scene.parent), runs=runs)
    for ledger in (True, False):
        altered(scene.judge(forged, ledger=ledger))


def test_a_map_taken_away_proves_less_and_no_more(scene: Scene) -> None:
    verdict = scene.judge(with_lineage(scene.copy, lambda shown: replace(shown, runs=())))
    assert verdict.word is Word.DERIVED
    codes = {check.code for check in verdict.checks}
    assert Code.DERIVERS_WORD in codes
    assert Code.FRAMES_PROVEN not in codes


def test_frames_swapped_in_the_copy(scene: Scene) -> None:
    size = 96 * 130 * 2

    def swap(dataset: Dataset) -> None:
        data = dataset.PixelData
        dataset.PixelData = data[size : 2 * size] + data[:size] + data[2 * size :]

    altered(scene.judge(edited(scene.copy, swap)), Code.PIXELS_DIFFER)


def test_parents_of_another_object(scene: Scene) -> None:
    """The evidence of another object's parent: not the statement that the copy names."""
    other = scene.seal(picture(2))
    theirs = scene.derive([other], another(other))

    def swap(_: Lineage) -> Lineage:
        annex = Annex.decode(carrier_of(theirs).annex)
        assert annex.lineage is not None
        return Lineage.decode(annex.lineage)

    misfit(scene, with_lineage(scene.copy, swap))


def test_a_parent_whose_pixels_are_shown_as_the_copys(scene: Scene) -> None:
    """Another image's frames under a real statement: they do not open its commitment."""
    other = scene.seal(picture(2))
    copy = another(scene.parent, lambda d: setattr(d, "PixelData", picture(2).tobytes()))
    theirs = SealedParent.verified(other, Verifier(scene.site.trust))
    fake = lineage_of([theirs], {}, Kinship(EQUAL)).parents[0]

    def swap(shown: Lineage) -> Lineage:
        (parent,) = shown.parents
        return replace(shown, parents=(replace(parent, image=fake.image),))

    altered(scene.judge(scene.forge([scene.parent], copy, swap, runs=EQUAL)))


def test_a_statement_of_a_parent_that_is_changed(scene: Scene) -> None:
    def flip(shown: Lineage) -> Lineage:
        (parent,) = shown.parents
        at = len(parent.statement) - 1
        changed = parent.statement[:at] + bytes([parent.statement[at] ^ 1])
        return replace(shown, parents=(replace(parent, statement=changed),))

    misfit(scene, with_lineage(scene.copy, flip))


def test_a_parent_that_was_signed_by_nobody(scene: Scene) -> None:
    """A birth statement of one's own making, by a key of one's own, as the parent."""

    def resign(shown: Lineage) -> Lineage:
        with scene.site.device(Role.AUDITOR) as auditor:
            chain = auditor.certificates
        return replace(shown, chains=(chain,))

    misfit(scene, with_lineage(scene.copy, resign))


def test_a_parent_that_is_no_birth(scene: Scene) -> None:
    """A `sent` statement of the device as a parent: it says nothing of pixels."""
    object_id = parse_statement(carrier_of(scene.parent).statement).object_id
    with scene.site.device() as device:
        sent = device.record(Event.SENT, object_id=object_id, body={}, at=datetime.now(UTC))
    link = ParentLink(parse_statement(sent.statement).leaf_hash, object_id or b"")

    def swap(shown: Lineage) -> Lineage:
        (parent,) = shown.parents
        return replace(shown, parents=(replace(parent, statement=sent.statement),))

    altered(scene.judge(scene.forge([scene.parent], another(scene.parent), swap, links=[link])))


def test_the_carrier_of_a_copy_on_another_object(scene: Scene) -> None:
    """On the parent, on another copy of the same pixels, on another image."""
    carrier = carrier_of(scene.copy)
    bare_parent = edited(scene.parent, bare)
    targets = [bare_parent, another(scene.parent), edited(scene.seal(picture(2)), bare)]
    for target in targets:
        for ledger in (True, False):
            verdict = scene.judge(with_carrier(target, carrier), ledger=ledger)
            assert verdict.word is Word.ALTERED, verdict.checks


def test_the_carrier_of_the_parent_on_the_copy(scene: Scene) -> None:
    bare_copy = edited(scene.copy, bare)
    altered(scene.judge(with_carrier(bare_copy, carrier_of(scene.parent))), Code.MOVED_SEAL)


def test_seal_and_annex_of_copy_and_parent_mixed(scene: Scene) -> None:
    copy, parent = carrier_of(scene.copy), carrier_of(scene.parent)
    for data in (scene.copy, scene.parent):
        for mixed in (
            Carrier(copy.statement, parent.annex, copy.receipt),
            Carrier(parent.statement, copy.annex, parent.receipt),
        ):
            misfit(scene, with_carrier(data, mixed))


def test_a_seal_that_shows_parents(scene: Scene) -> None:
    """An original with the annex of a copy: it would look as if its device had named parents."""
    carrier = carrier_of(scene.parent)
    shown = Annex.decode(carrier_of(scene.copy).annex).lineage
    annex = replace(Annex.decode(carrier.annex), lineage=shown, version=VERSION_OF_A_COPY)
    misfit(scene, with_carrier(scene.parent, replace(carrier, annex=annex.encode())))


def test_one_sample_of_a_copy(scene: Scene) -> None:
    def flip(dataset: Dataset) -> None:
        data = bytearray(dataset.PixelData)
        data[(96 * 130 + 70 * 130 + 100) * 2] ^= 1
        dataset.PixelData = bytes(data)

    verdict = scene.judge(edited(scene.copy, flip))
    altered(verdict, Code.PIXELS_DIFFER)
    (region,) = verdict.regions
    assert (region.frame, region.x, region.y) == (1, 64, 64)


@pytest.mark.parametrize(
    ("keyword", "value", "word"),
    [
        ("PatientName", "Doe^Jane", Word.HEADER_CHANGED),
        ("ImageLaterality", "L", Word.ALTERED),
        ("SOPInstanceUID", "1.2.3", Word.ALTERED),
        ("WindowWidth", "77", Word.HEADER_CHANGED),
    ],
)
def test_the_header_of_a_copy(scene: Scene, keyword: str, value: str, word: Word) -> None:
    changed = edited(scene.copy, lambda dataset: setattr(dataset, keyword, value))
    assert scene.judge(changed).word is word


def test_a_copy_that_lost_its_seal(scene: Scene) -> None:
    verdict = scene.judge(edited(scene.copy, bare))
    assert verdict.word is Word.STRIPPED
    assert Code.SEAL_FROM_LEDGER in {check.code for check in verdict.checks}


def test_a_rival_birth_for_a_sealed_object(scene: Scene) -> None:
    """A copy under the id of an original: the original's seal stands, the copy's birth does not."""
    victim = scene.seal(picture(4))
    object_id = parse_statement(carrier_of(victim).statement).object_id
    assert object_id is not None
    drawn = secrets.token_bytes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "token_bytes", lambda n: object_id if n == 12 else drawn(n))
        rival = scene.forge([scene.parent], another(scene.parent), runs=EQUAL)
    assert scene.judge(victim).word is Word.AUTHENTIC
    verdict = scene.judge(rival)
    assert verdict.word is Word.UNTRUSTED
    assert verdict.custody is Outcome.REFUTED
    assert scene.judge(edited(victim, bare)).word in (Word.STRIPPED, Word.NOT_CHECKED)


def test_a_birth_that_came_before_the_seal(scene: Scene) -> None:
    """Who knows the id of a seal that waits offline logs a copy under it first: the seal stands."""
    object_id = secrets.token_bytes(12)
    drawn = secrets.token_bytes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "token_bytes", lambda n: object_id if n == 12 else drawn(n))
        scene.forge([scene.parent], another(scene.parent), runs=EQUAL)
    with scene.site.device() as device:
        offline = replace(device, log=Unknowing(device.log))  # type: ignore[arg-type]
        victim = seal_at_time(
            scene.make(picture(12)[0]),
            device=offline,
            profile="none",
            at=datetime.now(UTC),
            chance=replace(Chance.draw(), seal_id=object_id),
        ).to_bytes()
    verdict = scene.judge(victim)
    assert verdict.word is Word.AUTHENTIC
    assert Code.SEALED_LATE in {check.code for check in verdict.checks}
    assert scene.judge(edited(victim, bare)).word is Word.STRIPPED  # and it is found without it


def test_a_copy_of_a_copy_whose_parent_was_moved(scene: Scene) -> None:
    """Of a copy of a copy the middle one is shown with the frames of another: it does not open."""
    second = scene.derive([scene.copy], another(scene.copy))
    assert scene.judge(second).word is Word.DERIVED
    original = SealedParent.verified(scene.parent, Verifier(scene.site.trust))
    fake = lineage_of([original], {}, Kinship(EQUAL))
    misfit(scene, with_lineage(second, lambda _: fake))


def test_a_copy_under_the_uid_of_its_parent(scene: Scene) -> None:
    """Row 27: a changed image keeps its UID and is signed as a copy: the parent's header tells."""
    pixels = picture(1)
    pixels[0, :20, :20] = 0
    uid = pydicom.dcmread(BytesIO(scene.parent)).SOPInstanceUID

    def pose(dataset: Dataset) -> None:
        dataset.PixelData = pixels.tobytes()
        dataset.SOPInstanceUID = uid

    posing = scene.forge([scene.parent], another(scene.parent, pose), runs=(FrameRun(1, 0, 1, 2),))
    for ledger in (True, False):
        altered(scene.judge(posing, ledger=ledger), Code.POSES_AS_ORIGINAL)


def test_a_copy_under_the_uid_of_another_original(scene: Scene) -> None:
    uid = pydicom.dcmread(BytesIO(scene.seal(picture(9)))).SOPInstanceUID
    copy = another(scene.parent, lambda dataset: setattr(dataset, "SOPInstanceUID", uid))
    forged = scene.forge([scene.parent], copy, runs=EQUAL)
    altered(scene.judge(forged), Code.POSES_AS_ORIGINAL)
    assert scene.judge(forged, ledger=False).word is Word.DERIVED  # who asks nobody cannot know


def test_a_copy_put_under_another_patient(scene: Scene) -> None:
    """Signed by who compares nothing: what the device signed does not agree, and that is said."""
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID"):
        copy = another(scene.parent, lambda d, keyword=keyword: setattr(d, keyword, "1.2.3"))
        verdict = scene.judge(scene.forge([scene.parent], copy, runs=EQUAL), ledger=False)
        assert verdict.word is Word.DERIVED
        assert verdict.descent is not None
        assert not verdict.descent.parents[0].same_patient
        assert Code.DERIVERS_WORD in {check.code for check in verdict.checks}

    def claim_it(shown: Lineage) -> Lineage:
        """The salts of another copy, which does stand under the patient."""
        annex = Annex.decode(carrier_of(scene.copy).annex)
        assert annex.lineage is not None
        return replace(shown, parents=Lineage.decode(annex.lineage).parents)

    copy = another(scene.parent, lambda dataset: setattr(dataset, "PatientID", "P-9"))
    verdict = scene.judge(scene.forge([scene.parent], copy, claim_it, runs=EQUAL), ledger=False)
    assert verdict.descent is not None
    assert not verdict.descent.parents[0].same_patient


def test_a_ledger_that_cannot_answer_is_not_silence(scene: Scene, tmp_path: Path) -> None:
    """It might have said that a parent's key was revoked: NOT CHECKED, not DERIVED."""
    own = Scene(Site.init(tmp_path / "own", name="own"), scene.make, b"", b"")
    parent = own.seal(picture(11))
    copy = own.derive([parent], another(parent))
    records = own.site.records()
    raw = sqlite3.connect(own.site.folder / "ledger.sqlite")
    raw.execute("drop table radseal_statement")
    raw.commit()
    raw.close()
    with records.log:
        verdict = verify(copy, trust=own.site.trust, records=records)
    assert verdict.word is Word.NOT_CHECKED
    assert own.judge(copy, ledger=False).word is Word.DERIVED


def test_an_erased_parent_is_named(scene: Scene) -> None:
    parent = scene.seal(picture(5))
    copy = scene.derive([parent], another(parent))
    object_id = parse_statement(carrier_of(parent).statement).object_id
    assert object_id is not None
    signer = scene.site.signer(Role.ARCHIVIST)
    with scene.site.writing_log() as log:
        plan = plan_erasure(log, [object_id])
        erase_objects(log, plan, archivist=signer, reason="asked", at=datetime.now(UTC))
    verdict = scene.judge(copy)
    assert verdict.word is Word.DERIVED
    assert Code.PARENT_ERASED in {check.code for check in verdict.checks}


def test_a_parent_by_a_stolen_key_that_was_revoked(scene: Scene, tmp_path: Path) -> None:
    """Its statement was never logged, whoever vouches for it: the ledger knows better."""
    own = Scene(Site.init(tmp_path / "elsewhere", name="elsewhere"), scene.make, b"", b"")
    logged = own.seal(picture(6))
    copy = own.derive([logged], another(logged))
    with own.site.device() as device:
        thief = replace(device, log=Unlogged(device.log))  # type: ignore[arg-type]
        source = scene.make(picture(8)[0], PixelData=picture(8).tobytes(), NumberOfFrames=3)
        stolen = seal(source, device=thief, profile="none").to_bytes()
    forged = own.forge([stolen], another(stolen), runs=EQUAL, unchecked=True)
    assert own.judge(forged).word is Word.DERIVED  # as long as nobody knows
    with own.site.device(Role.ARCHIVIST) as archivist:
        body = key_revoked_body(parse_statement(carrier_of(logged).statement).kid, reason="stolen")
        archivist.record(Event.KEY_REVOKED, object_id=None, body=body, at=datetime.now(UTC))
    verdict = own.judge(forged)
    assert verdict.word is Word.UNTRUSTED
    assert verdict.trust is Outcome.REFUTED
    assert Code.PARENT_REVOKED in {check.code for check in verdict.checks}
    assert own.judge(copy).word is Word.DERIVED  # what stood when it was logged stands


def test_a_parent_that_the_ledger_does_not_hold(scene: Scene, tmp_path: Path) -> None:
    """Sealed elsewhere, by a site that is trusted: named, and believed by its signature."""
    there = Scene(Site.init(tmp_path / "there", name="there"), scene.make, b"", b"")
    parent = there.seal(picture(7))
    both = tmp_path / "trust"
    for part in ("roots", "logs"):
        (both / part).mkdir(parents=True)
        for number, site in enumerate((scene.site, there.site)):
            for path in (site.folder / "trust" / part).iterdir():
                (both / part / f"{number}-{path.name}").write_bytes(path.read_bytes())
    trust = TrustStore.load(both)
    with scene.site.device(Role.OPERATOR) as actor:
        copy = derive([parent], another(parent), kind="lossless", actor=actor, trust=trust)
    records = scene.site.records()
    with records.log:
        verdict = verify(copy.to_bytes(), trust=trust, records=records)
    assert verdict.word is Word.DERIVED
    assert Code.PARENT_NOT_LOGGED in {check.code for check in verdict.checks}
    assert scene.judge(copy.to_bytes()).word is Word.UNTRUSTED  # who does not trust that site
