"""Lead a de-identified copy back to its patient, or pass something else off as one: in vain."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from ledger import Event, RefusedError, Role, Submission, parse_statement
from provenance import Reason, Site, Verdict, Word, correct, seal, verify
from provenance.claims.annex import Annex
from provenance.claims.birth import BirthBody
from provenance.claims.kept_annex import KeptAnnex
from provenance.deidentification.check import Allowed, IdentityRemainsError
from provenance.deidentification.declared import commit_parent
from provenance.deidentification.make import Deidentified, MarkChoice, deidentify
from provenance.deidentification.reidentify import reidentify
from provenance.dicom.carrier import Carrier, read_carrier, remove_carrier, write_carrier
from provenance.dicom.read import read_instance
from provenance.dicom.write import instance_bytes
from provenance.errors import EvidenceError, SealError
from provenance.findings import Code
from provenance.marks.mark_search import read_mark
from provenance.records import Lookup
from provenance.site.actor_keys import renew_key, revoke_key
from provenance.verifying.compare import image_root

Make = Callable[..., bytes]
Change = Callable[[pydicom.Dataset], object]
SHAPE = (200, 232)
PATIENT: dict[str, object] = {
    "PatientName": "Mustermann^Erika",
    "PatientID": "P-12345",
    "AccessionNumber": "A998877",
    "StudyDate": "20240203",
}


def anonymous(dataset: pydicom.Dataset) -> None:
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.StudyInstanceUID = generate_uid()
    dataset.PatientName, dataset.PatientID = "ANON^0001", "ANON0001"
    for keyword in ("PatientBirthDate", "PatientSex", "StudyDate", "AccessionNumber"):
        setattr(dataset, keyword, "")


def changed(data: bytes, *changes: Change) -> bytes:
    dataset = pydicom.dcmread(BytesIO(data))
    for change in changes:
        change(dataset)
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@dataclass
class Scene:
    """A site, a sealed original, and a de-identified copy of it of each kind."""

    site: Site
    data: bytes
    copies: dict[MarkChoice, bytes] = field(default_factory=dict)

    def deidentify(self, copy: bytes, original: bytes | None = None, **more: Any) -> Deidentified:
        records = self.site.records()
        role = more.pop("role", Role.DEIDENTIFIER)
        with records.log, self.site.device(role) as actor:
            return deidentify(
                original or self.data,
                copy,
                actor=more.pop("actor", actor),
                records=records,
                trust=self.site.trust,
                reidentification_key=self.site.make_reidentification_key(),
                **more,
            )

    def judge(self, data: bytes, *, ledger: bool = False) -> Verdict:
        if not ledger:
            return verify(data, trust=self.site.trust)
        records = self.site.records()
        with records.log:
            return verify(data, trust=self.site.trust, records=records, mark_key=self.site.mark_key)


def carrier_of(data: bytes) -> Carrier:
    values = read_carrier(read_instance(data).dataset)
    assert values is not None
    return values


def id_of(data: bytes) -> bytes:
    found = parse_statement(carrier_of(data).statement).object_id
    assert found is not None
    return found


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, make_dicom: Make) -> Scene:
    site = Site.init(tmp_path_factory.mktemp("deidentified") / "site", name="clinic")
    renew_key(site, Role.DEIDENTIFIER, at=datetime.now(UTC))
    with site.device() as device:
        scene = Scene(site, seal(make_dicom(**PATIENT), device=device).to_bytes())
    for choice in MarkChoice:
        copy = changed(scene.data, anonymous)
        scene.copies[choice] = scene.deidentify(copy, mark=choice).to_bytes()
    return scene


def test_what_the_others_are_measured_by(scene: Scene) -> None:
    assert scene.judge(scene.data).word is Word.AUTHENTIC
    assert [scene.judge(c).word for c in scene.copies.values()] == [Word.DERIVED] * 2


# Back to the patient


def secrets_of(data: bytes) -> Iterator[bytes]:
    """Everything of the original that would lead to it: ids, hashes, salts, roots, UIDs."""
    values = carrier_of(data)
    statement, annex = parse_statement(values.statement), Annex.decode(values.annex)
    assert annex.image is not None
    assert annex.original is not None
    assert annex.descriptor is not None
    dataset = pydicom.dcmread(BytesIO(data))
    body = BirthBody.from_cbor(statement.body)
    yield from (id_of(data), statement.leaf_hash, annex.salt, annex.header.seed)
    yield from (annex.image.root, annex.header.root, annex.original.salt)
    yield from (body.commitment, body.original or b"?", body.descriptor or b"?")
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        yield str(dataset[keyword].value).encode()
    for word in ("Mustermann", "P-12345", "A998877", "20240203"):
        yield word.encode()


@pytest.mark.parametrize("choice", list(MarkChoice))
def test_by_the_statement(scene: Scene, choice: MarkChoice) -> None:
    """Nothing of the original is in it, nor a hash of anything that can be guessed or known."""
    statement = carrier_of(scene.copies[choice]).statement
    known = list(secrets_of(scene.data))
    assert not [each for each in known if each in statement]
    origin = BirthBody.from_cbor(parse_statement(statement).body, Event.DEIDENTIFIED).origin
    assert origin is not None
    leaf, parent = parse_statement(carrier_of(scene.data).statement).leaf_hash, id_of(scene.data)
    guesses = {commit_parent(bytes(32), leaf, parent), hashlib.sha256(leaf + parent).digest()}
    guesses |= {hashlib.sha256(each).digest() for each in known}
    own = Annex.decode(carrier_of(scene.copies[choice]).annex)
    guesses |= {commit_parent(salt, leaf, parent) for salt in (own.salt, own.header.seed)}
    assert origin.commitment not in guesses


def test_two_copies_of_one_original(scene: Scene) -> None:
    """Statements of two copies have nothing in common but who signed them and how."""
    bodies = []
    for _ in range(2):
        data = scene.deidentify(changed(scene.data, anonymous)).to_bytes()
        said = parse_statement(carrier_of(data).statement)
        bodies.append(BirthBody.from_cbor(said.body, Event.DEIDENTIFIED))
    one, other = bodies
    assert one.commitment != other.commitment
    assert one.descriptor != other.descriptor
    assert one.origin is not None
    assert other.origin is not None
    assert one.origin.commitment != other.origin.commitment


@pytest.mark.parametrize("choice", list(MarkChoice))
def test_by_the_annex(scene: Scene, choice: MarkChoice) -> None:
    """Salts are fresh, and no hash of an attribute is one of the original's."""
    values = carrier_of(scene.copies[choice])
    assert not [each for each in secrets_of(scene.data) if each in values.annex]
    own, original = Annex.decode(values.annex), Annex.decode(carrier_of(scene.data).annex)
    assert not {h for _, _, h in own.header.leaves} & {h for _, _, h in original.header.leaves}
    assert own.original is None
    assert own.lineage is None
    assert values.restore is None


def test_what_the_annex_cannot_hide(scene: Scene) -> None:
    """Without its mark a copy has the root that the *original's* annex names: said in the spec."""
    own = Annex.decode(carrier_of(scene.copies[MarkChoice.REMOVE]).annex)
    renewed = Annex.decode(carrier_of(scene.copies[MarkChoice.RENEW]).annex)
    original = Annex.decode(carrier_of(scene.data).annex)
    assert own.image is not None
    assert renewed.image is not None
    assert original.image is not None
    assert original.original is not None
    assert own.image.root == original.original.root
    tiles = {original.image.tiles[i : i + 32] for i in range(0, len(original.image.tiles), 32)}
    assert not tiles & {renewed.image.tiles[i : i + 32] for i in range(0, 32 * 16, 32)}


@pytest.mark.parametrize("choice", list(MarkChoice))
def test_by_the_mark(scene: Scene, choice: MarkChoice) -> None:
    """Whoever holds the mark key reads the original's id in the original alone."""
    key = scene.site.mark_key
    assert read_mark(read_instance(scene.data), [key]).seal_id == id_of(scene.data)
    copy = read_instance(scene.copies[choice])
    found = read_mark(copy, [key], expected=[id_of(scene.data)]).seal_id
    assert found == (id_of(scene.copies[choice]) if choice is MarkChoice.RENEW else None)


@pytest.mark.parametrize("choice", list(MarkChoice))
def test_by_pseudonyms(scene: Scene, choice: MarkChoice) -> None:
    """Not even the index with the site's key leads from the original to a copy."""
    dataset = pydicom.dcmread(BytesIO(scene.data))
    annex = Annex.decode(carrier_of(scene.data).annex)
    assert annex.original is not None
    copy = id_of(scene.copies[choice])
    records = scene.site.records()
    with records.log:
        for lookup, keyword in ((Lookup.INSTANCE, "SOPInstanceUID"),
                                (Lookup.SERIES, "SeriesInstanceUID"),
                                (Lookup.STUDY, "StudyInstanceUID")):  # fmt: skip
            assert copy not in records.find(lookup, str(dataset[keyword].value).encode())
        for data in (scene.data, scene.copies[choice]):
            root = image_root(read_instance(data))
            assert root is not None
            assert copy not in records.find(Lookup.PIXELS, root)
        assert copy not in records.find(Lookup.PIXELS, annex.original.root)
        own = str(pydicom.dcmread(BytesIO(scene.copies[choice])).SOPInstanceUID)
        assert records.find(Lookup.INSTANCE, own.encode()) == (copy,)


def test_by_the_ledger_as_it_lies_on_the_disk(scene: Scene) -> None:
    """The entries about the copy are one, and nothing about the original came with it."""
    with scene.site.public_log() as log:
        before, size = len(log.events(id_of(scene.data))), log.size
        made = scene.deidentify(changed(scene.data, anonymous))
        assert len(log.events(id_of(scene.data))) == before
        assert (log.size, made.log_index) == (size + 1, size)
        assert len(log.events(made.object_id)) == 1
    with sqlite3.connect(scene.site.folder / "ledger.sqlite") as database:
        names = [
            r[0] for r in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        for table in names:
            for row in database.execute(f"SELECT * FROM {table}"):
                if made.object_id in row:
                    assert id_of(scene.data) not in b"".join(v for v in row if isinstance(v, bytes))


def test_by_the_kept_annex_without_the_key(scene: Scene) -> None:
    """A gateway reads kept annexes over HTTP: it learns no more than the file shows."""
    copy = scene.copies[MarkChoice.RENEW]
    with scene.site.reading_log() as log:
        kept = log.annex(id_of(copy))
        assert kept is not None
        assert not [each for each in secrets_of(scene.data) if each in kept]
        assert KeptAnnex.decode(kept).seal == carrier_of(copy).annex
        with pytest.raises(EvidenceError, match="another key"):
            reidentify(id_of(copy), log, key=scene.site.mark_key)


def test_a_way_back_that_was_swapped(scene: Scene, make_dicom: Make) -> None:
    """Who can replace a kept annex can destroy the way back, not lead it to another patient."""
    with scene.site.device() as device:
        other = seal(make_dicom(**PATIENT), device=device).to_bytes()
    one = scene.deidentify(changed(scene.data, anonymous))
    two = scene.deidentify(changed(other, anonymous), other)
    key = scene.site.reidentification_key
    with scene.site.reading_log() as log:
        stolen = log.annex(two.object_id)
    assert stolen is not None
    opening = KeptAnnex.decode(stolen).opening
    with scene.site.device() as device:
        device.record(
            Event.SENT,
            object_id=one.object_id,
            body={},
            at=datetime.now(UTC),
            annex=replace(KeptAnnex(b"annex"), opening=opening).encode(),
        )
    with scene.site.reading_log() as log, pytest.raises(EvidenceError, match="another copy"):
        reidentify(one.object_id, log, key=key)


def test_a_forged_way_back(scene: Scene) -> None:
    """Even whoever holds the key cannot make it open to another object."""
    from provenance.deidentification.opening import Opening

    made = scene.deidentify(changed(scene.data, anonymous))
    key = scene.site.reidentification_key
    false = Opening(bytes(32), bytes(32), bytes(12)).seal(made.object_id, key=key, nonce=bytes(12))
    with scene.site.device() as device:
        device.record(
            Event.SENT,
            object_id=made.object_id,
            body={},
            at=datetime.now(UTC),
            annex=KeptAnnex(b"annex", opening=false).encode(),
        )
    with scene.site.reading_log() as log, pytest.raises(EvidenceError, match="does not open"):
        reidentify(made.object_id, log, key=key)


# The original's carrier, left behind


def hidden_carrier(dataset: pydicom.Dataset) -> None:
    """What some tools make of private elements: other creator, other group, nested, or a blob."""
    block = dataset.private_block(0x5253, "RADSEAL 1")
    annex = block[0x02].value
    for tag in [t for t in dataset.keys() if t.group == 0x5253]:  # noqa: SIM118
        del dataset[tag]
    dataset.add_new(0x00110010, "LO", "ARCHIVE")
    dataset.add_new(0x00111001, "OB", annex)


def nested_carrier(dataset: pydicom.Dataset) -> None:
    item = Dataset()
    for tag in [t for t in dataset.keys() if t.group == 0x5253]:  # noqa: SIM118
        item[tag] = dataset[tag]
        del dataset[tag]
    dataset.ReferencedImageSequence = Sequence([item])


def orphaned_carrier(dataset: pydicom.Dataset) -> None:
    del dataset[0x52530010]


@pytest.mark.parametrize("hide", [hidden_carrier, nested_carrier, orphaned_carrier])
def test_by_a_leftover_carrier(scene: Scene, hide: Change) -> None:
    with pytest.raises(IdentityRemainsError):
        scene.deidentify(changed(scene.data, anonymous, hide))


def test_a_carrier_where_it_belongs_is_taken_out(scene: Scene) -> None:
    made = scene.deidentify(changed(scene.data, anonymous))
    assert "the original's seal" in made.stripped
    assert not [each for each in secrets_of(scene.data) if each in made.to_bytes()]


# The name, hidden


def in_private(dataset: pydicom.Dataset) -> None:
    block = dataset.private_block(0x0029, "VENDOR", create=True)
    block.add_new(0x10, "OB", b"\0\1\2csa header: mustermann, ERIKA\0\xff")


def in_private_sequence(dataset: pydicom.Dataset) -> None:
    item = Dataset()
    item.PatientID = "P-12345"
    block = dataset.private_block(0x0029, "VENDOR", create=True)
    block.add_new(0x11, "SQ", Sequence([item]))


def in_nested_sequence(dataset: pydicom.Dataset) -> None:
    item = Dataset()
    item.PatientName = "Mustermann^Erika"
    for _ in range(5):
        outer = Dataset()
        outer.RequestAttributesSequence = Sequence([item])
        item = outer
    dataset.update(item)


def in_a_uid(dataset: pydicom.Dataset) -> None:
    item = Dataset()
    item.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    item.ReferencedSOPInstanceUID = dataset_uid
    dataset.SourceImageSequence = Sequence([item])


def as_a_hash(dataset: pydicom.Dataset) -> None:
    """A pseudonym that whoever knows the patient can compute."""
    dataset.PatientID = hashlib.sha1(b"P-12345").hexdigest()[:24].upper()


def in_a_unicode_spelling(dataset: pydicom.Dataset) -> None:
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ImageComments = "ＭＵＳＴＥＲＭＡＮＮ"  # full-width letters


dataset_uid = ""


@pytest.mark.parametrize(
    "hide",
    [
        as_a_hash,
        in_private,
        in_private_sequence,
        in_nested_sequence,
        in_a_uid,
        in_a_unicode_spelling,
    ],
)
def test_the_name_hidden(scene: Scene, hide: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    original = str(pydicom.dcmread(BytesIO(scene.data)).SOPInstanceUID)
    monkeypatch.setitem(globals(), "dataset_uid", original)
    with pytest.raises(IdentityRemainsError) as raised:
        scene.deidentify(changed(scene.data, anonymous, hide))
    assert "ustermann" not in str(raised.value).lower()


# Something else passed off as de-identified


@pytest.mark.parametrize("role", [r for r in Role if r is not Role.DEIDENTIFIER])
def test_a_key_that_is_not_a_deidentifiers(scene: Scene, role: Role) -> None:
    with pytest.raises(RefusedError, match="may not sign deidentified"):
        scene.deidentify(changed(scene.data, anonymous), role=role)


@pytest.mark.parametrize("role", [Role.DEVICE, Role.OPERATOR])
def test_a_log_that_took_what_it_must_not(scene: Scene, role: Role) -> None:
    """The verifier judges the certificate's role itself: the log may have been careless."""
    ledger = scene.site.folder / "ledger.sqlite"
    with sqlite3.connect(ledger) as database:
        kid = scene.site.signer(role).kid
        (number,) = database.execute(
            "SELECT number FROM radseal_key WHERE role = ?", (role.value,)
        ).fetchone()
        database.execute("UPDATE radseal_key SET role='deidentifier' WHERE number=?", (number,))
    try:
        data = scene.deidentify(changed(scene.data, anonymous), role=role).to_bytes()
    finally:
        with sqlite3.connect(ledger) as database:
            database.execute("UPDATE radseal_key SET role=? WHERE number=?", (role.value, number))
    assert parse_statement(carrier_of(data).statement).kid == kid
    verdict = scene.judge(data)
    assert verdict.word is Word.UNTRUSTED
    assert Code.SIGNER_UNKNOWN in {c.code for c in verdict.checks}


def test_a_strangers_deidentifier(scene: Scene, tmp_path: Path) -> None:
    """It signs whatever it likes; a verifier that does not trust it sees just that."""
    there = Site.init(tmp_path / "there", name="there")
    renew_key(there, Role.DEIDENTIFIER, at=datetime.now(UTC))
    other = Scene(there, scene.data)
    records = there.records()
    with records.log, there.device(Role.DEIDENTIFIER) as actor:
        data = deidentify(
            scene.data,
            changed(scene.data, anonymous),
            actor=replace(actor, mark_key=scene.site.mark_key),
            records=records,
            trust=scene.site.trust,
            reidentification_key=there.make_reidentification_key(),
        ).to_bytes()
    assert other.judge(data).word is Word.DERIVED
    assert scene.judge(data).word is Word.UNTRUSTED


def test_a_revoked_deidentifier(tmp_path: Path, make_dicom: Make) -> None:
    site = Site.init(tmp_path / "site", name="clinic")
    renew_key(site, Role.DEIDENTIFIER, at=datetime.now(UTC))
    with site.device() as device:
        scene = Scene(site, seal(make_dicom(**PATIENT), device=device).to_bytes())
    before = scene.deidentify(changed(scene.data, anonymous)).to_bytes()
    kid = site.signer(Role.DEIDENTIFIER).kid
    revoke_key(site, kid, reason="stolen", at=datetime.now(UTC))
    with pytest.raises(RefusedError, match="revoked"):
        scene.deidentify(changed(scene.data, anonymous))
    assert scene.judge(before, ledger=True).word is Word.DERIVED  # it stood then


def test_another_patients_pixels(scene: Scene, make_dicom: Make) -> None:
    pixels = np.random.default_rng(5).integers(0, 4096, SHAPE).astype(np.uint16)
    copy = changed(scene.data, anonymous, lambda d: setattr(d, "PixelData", pixels.tobytes()))
    with pytest.raises(SealError, match="not the original's"):
        scene.deidentify(copy)
    with pytest.raises(EvidenceError, match="several values"):
        scene.deidentify(copy, allowed=Allowed(redacted=True))
    with scene.site.device() as device:
        other = seal(make_dicom(pixels, **PATIENT), device=device).to_bytes()
    with pytest.raises(SealError, match="not the original's"):
        scene.deidentify(changed(other, anonymous))


def turned(dataset: pydicom.Dataset) -> None:
    pixels = np.frombuffer(dataset.PixelData, "<u2").reshape(SHAPE)
    dataset.PixelData = np.ascontiguousarray(pixels[:, ::-1]).tobytes()


def test_a_mirrored_copy(scene: Scene) -> None:
    with pytest.raises(SealError, match="not the original's"):
        scene.deidentify(changed(scene.data, anonymous, turned))


def test_a_side_that_flipped(scene: Scene) -> None:
    flip = changed(scene.data, anonymous, lambda d: setattr(d, "ImageLaterality", "L"))
    with pytest.raises(SealError, match="ImageLaterality changed"):
        scene.deidentify(flip, allowed=Allowed(changed=frozenset({0x00200062})))


# Afterwards


def pixel(dataset: pydicom.Dataset) -> None:
    pixels = np.frombuffer(dataset.PixelData, "<u2").copy()
    pixels[5000] ^= 1
    dataset.PixelData = pixels.tobytes()


@pytest.mark.parametrize("choice", list(MarkChoice))
@pytest.mark.parametrize(
    ("change", "word"),
    [
        (pixel, Word.ALTERED),
        (turned, Word.ALTERED),
        (lambda d: setattr(d, "ImageLaterality", "L"), Word.ALTERED),
        (lambda d: setattr(d, "SOPInstanceUID", generate_uid()), Word.ALTERED),
        (lambda d: setattr(d, "PatientName", "Someone^Else"), Word.HEADER_CHANGED),
        (lambda d: setattr(d, "PatientIdentityRemoved", "NO"), Word.HEADER_CHANGED),
    ],
)
def test_altered_after(scene: Scene, choice: MarkChoice, change: Change, word: Word) -> None:
    data = changed(scene.copies[choice], change)
    assert scene.judge(data).word is word
    assert scene.judge(data, ledger=True).word is word


def with_carrier(data: bytes, values: Carrier) -> bytes:
    instance = read_instance(data)
    remove_carrier(instance.dataset)
    write_carrier(instance.dataset, values)
    return instance_bytes(instance)


def test_the_seal_of_a_copy_on_the_original(scene: Scene) -> None:
    """Or the other way round: neither is the other's."""
    copy = scene.copies[MarkChoice.RENEW]
    assert scene.judge(with_carrier(scene.data, carrier_of(copy))).word is Word.ALTERED
    assert scene.judge(with_carrier(copy, carrier_of(scene.data))).word is Word.ALTERED


def test_declarations_cannot_be_taken_back(scene: Scene) -> None:
    """They are in the signed body: what is changed there verifies no more."""
    box = np.s_[4:20, 6:90]

    def black(dataset: pydicom.Dataset) -> None:
        pixels = np.frombuffer(dataset.PixelData, "<u2").reshape(SHAPE).copy()
        pixels[box] = 0
        dataset.PixelData = pixels.tobytes()

    made = scene.deidentify(
        changed(scene.data, anonymous, black), allowed=Allowed(redacted=True)
    ).to_bytes()
    values = carrier_of(made)
    where = values.statement.index(bytes([0x85, 0, 6, 4, 0x18, 84, 16]))
    forged = bytearray(values.statement)
    forged[where + 2] = 7
    word = scene.judge(with_carrier(made, replace(values, statement=bytes(forged)))).word
    assert word is Word.ALTERED


def test_parents_shown_beside_the_seal(scene: Scene) -> None:
    """The annex is not signed: what it shows of parents does not count, and does not fit."""
    copy = scene.copies[MarkChoice.RENEW]
    values = carrier_of(copy)
    annex = replace(Annex.decode(values.annex), lineage=carrier_of(scene.data).statement)
    forged = with_carrier(copy, replace(values, annex=annex.encode()))
    verdict = scene.judge(forged)
    assert verdict.word is Word.ALTERED
    assert Code.SEAL_MISFIT in {c.code for c in verdict.checks}


def test_a_correction_does_not_bring_the_patient_back(scene: Scene) -> None:
    """A copy can be corrected like any object; that it is one stays."""
    records = scene.site.records()
    with records.log, scene.site.device(Role.ARCHIVIST) as actor:
        data = correct(
            scene.copies[MarkChoice.RENEW],
            {"PatientName": "Mustermann^Erika"},
            reason=Reason.CORRECT,
            actor=actor,
            records=records,
            trust=scene.site.trust,
            system="test",
        ).to_bytes()
    verdict = scene.judge(data, ledger=True)
    assert verdict.word is Word.DERIVED
    assert Code.HEADER_CORRECTED in {c.code for c in verdict.checks}


def test_the_birth_cannot_be_logged_twice(scene: Scene) -> None:
    statement = carrier_of(scene.copies[MarkChoice.RENEW]).statement
    with scene.site.writing_log() as log:
        size = log.size
        log.append([Submission(statement)], at=datetime.now(UTC))
        assert log.size == size
