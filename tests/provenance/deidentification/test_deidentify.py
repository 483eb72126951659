"""De-identified copies: what is accepted, what is refused and why, what the copy then is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import RLELossless, generate_uid

from ledger import Event, Role, parse_statement
from provenance import Reason, Site, Verdict, Word, correct, restore, seal, verify
from provenance.claims.annex import Annex
from provenance.deidentification.check import Allowed, IdentityRemainsError
from provenance.deidentification.make import Deidentified, MarkChoice, deidentify
from provenance.deidentification.reidentify import copies_of, reidentify
from provenance.demo.transcode import to_jpeg_ls
from provenance.dicom.carrier import read_carrier
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.errors import (
    EvidenceError,
    EvidenceMissingError,
    RadsealError,
    SealError,
    UsageError,
)
from provenance.findings import Code
from provenance.site.actor_keys import renew_key
from provenance.site.erasure import erase_objects, plan_erasure

Make = Callable[..., bytes]
Change = Callable[[pydicom.Dataset], object]
SHAPE = (200, 232)
ERIKA: dict[str, object] = {
    "PatientName": "Mustermann^Erika",
    "PatientID": "P-12345",
    "StudyDate": "20240203",
    "StudyTime": "101112",
    "AccessionNumber": "A998877",
    "ReferringPhysicianName": "Meier^Hans",
    "InstitutionName": "Haus am See",
    "DeviceSerialNumber": "SN-00042",
    "StationName": "RAUM7-DX",
    "ImageType": ["ORIGINAL", "PRIMARY"],
    "Occupation": "Baker",
    "BodyPartExamined": "CHEST",
    "ViewPosition": "PA",
    "BurnedInAnnotation": "NO",
}


def anonymous(dataset: pydicom.Dataset) -> None:
    """What a good tool does to ERIKA; written down, so that each test can undo one part of it."""
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.StudyInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.PatientName, dataset.PatientID = "ANON^0001", "ANON0001"
    for keyword in ("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber",
                    "ReferringPhysicianName"):  # fmt: skip
        setattr(dataset, keyword, "")
    for keyword in ("InstitutionName", "DeviceSerialNumber", "StationName", "Occupation"):
        if keyword in dataset:
            delattr(dataset, keyword)


@dataclass
class Scene:
    """A site that may de-identify, and one sealed object of ERIKA's."""

    site: Site
    make: Make
    data: bytes = field(init=False)

    def seal(self, *, profile: str | None = None, **attributes: object) -> bytes:
        with self.site.device() as device:
            made = self.make(**(ERIKA | attributes))
            return seal(made, device=device, profile=profile).to_bytes()

    def deidentify(
        self, copy: bytes | None, original: bytes | None = None, **more: Any
    ) -> Deidentified:
        records = self.site.records()
        with records.log, self.site.device(Role.DEIDENTIFIER) as actor:
            return deidentify(
                original or self.data,
                copy,
                actor=actor,
                records=records,
                trust=self.site.trust,
                reidentification_key=self.site.make_reidentification_key(),
                former_mark_keys=self.site.former_mark_keys,
                **more,
            )

    def judge(self, data: bytes, *, alone: bool = True) -> Verdict:
        """Judge as a stranger who has the site's trust folder, and nothing else."""
        if alone:
            return verify(data, trust=self.site.trust)
        records = self.site.records()
        with records.log:
            return verify(data, trust=self.site.trust, records=records, mark_key=self.site.mark_key)


def changed(data: bytes, *changes: Change) -> bytes:
    dataset = pydicom.dcmread(BytesIO(data))
    for change in changes:
        change(dataset)
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def samples(data: bytes) -> list[np.ndarray[Any, Any]]:
    instance = read_instance(data)
    geometry = pixel_geometry(instance)
    assert geometry is not None
    return [np.array(frame) for frame in frames(instance, geometry)]


def codes(verdict: Verdict) -> set[Code]:
    return {check.code for check in verdict.checks}


def setting(**attributes: object) -> Change:
    def change(dataset: pydicom.Dataset) -> None:
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)

    return change


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, make_dicom: Make) -> Scene:
    from datetime import UTC, datetime

    site = Site.init(tmp_path_factory.mktemp("deidentify") / "site", name="clinic")
    renew_key(site, Role.DEIDENTIFIER, at=datetime.now(UTC))
    scene = Scene(site, make_dicom)
    scene.data = scene.seal()
    return scene


@pytest.mark.parametrize("choice", list(MarkChoice))
def test_a_copy_is_derived_wherever_it_goes(scene: Scene, choice: MarkChoice) -> None:
    made = scene.deidentify(changed(scene.data, anonymous), mark=choice)
    data = made.to_bytes()
    verdict = scene.judge(data)
    assert verdict.word is Word.DERIVED
    assert verdict.exit_code == 13
    assert Code.DEIDENTIFIED in codes(verdict)
    assert codes(verdict).isdisjoint({Code.IDENTITY_KEPT, Code.REDACTED, Code.CLINICAL_LEFT_OUT})
    assert verdict.signer == "clinic deidentifier 1"
    assert scene.judge(data, alone=False).word is Word.DERIVED
    assert made.stripped == ("the original's seal",)
    assert pydicom.dcmread(BytesIO(data)).PatientIdentityRemoved == "YES"


def test_the_mark_is_renewed(scene: Scene) -> None:
    made = scene.deidentify(changed(scene.data, anonymous))
    assert made.mark == "renewed"
    assert made.weak is None
    bare = changed(made.to_bytes(), lambda d: d.private_block(0x5253, "RADSEAL 1") and strip(d))
    verdict = scene.judge(bare, alone=False)
    assert verdict.seal_id == made.object_id


def strip(dataset: pydicom.Dataset) -> None:
    for tag in [t for t in dataset.keys() if t.group == 0x5253]:  # noqa: SIM118
        del dataset[tag]


def test_the_mark_is_removed_bit_for_bit(scene: Scene, make_dicom: Make) -> None:
    made = scene.deidentify(changed(scene.data, anonymous), mark=MarkChoice.REMOVE)
    assert made.mark == "removed"
    assert np.array_equal(samples(made.to_bytes())[0], samples(make_dicom())[0])
    assert not np.array_equal(samples(scene.data)[0], samples(make_dicom())[0])


def test_a_copy_cannot_be_restored(scene: Scene) -> None:
    """What was before the mark is the original's; a copy does not carry it."""
    key = scene.site.mark_key
    made = scene.deidentify(changed(scene.data, anonymous))
    with pytest.raises(EvidenceMissingError, match="marked anew"):
        restore(made.to_bytes(), mark_key=key)
    made = scene.deidentify(changed(scene.data, anonymous), mark=MarkChoice.REMOVE)
    assert not restore(made.to_bytes(), mark_key=key).was_marked


def test_an_unmarked_original_stays_unmarked(scene: Scene) -> None:
    data = scene.seal(profile="none", Modality="CT")
    made = scene.deidentify(changed(data, anonymous), data)
    assert made.mark.startswith("none")
    assert scene.judge(made.to_bytes()).word is Word.DERIVED


def test_a_copy_of_the_unmarked_samples(scene: Scene, make_dicom: Make) -> None:
    """A tool may have worked on what was restored before."""
    plain = make_dicom(**ERIKA)
    copy = changed(plain, anonymous)
    dataset = pydicom.dcmread(BytesIO(scene.data))
    copy = changed(copy, setting(PixelData=pydicom.dcmread(BytesIO(plain)).PixelData))
    made = scene.deidentify(copy)
    assert scene.judge(made.to_bytes()).word is Word.DERIVED
    assert dataset.PixelData != pydicom.dcmread(BytesIO(plain)).PixelData


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80"])
def test_a_copy_in_another_encoding(scene: Scene, syntax: str, tmp_path: Path) -> None:
    copy = changed(scene.data, anonymous)
    if syntax == RLELossless:
        copy = changed(copy, lambda d: d.compress(RLELossless, generate_instance_uid=False))
    else:
        (tmp_path / "a.dcm").write_bytes(copy)
        copy = to_jpeg_ls(tmp_path / "a.dcm")
    made = scene.deidentify(copy)
    assert scene.judge(made.to_bytes()).word is Word.DERIVED
    assert made.instance.transfer_syntax == syntax


def test_frames_that_are_stored_lossy(scene: Scene) -> None:
    path = get_testdata_file("JPEG-lossy.dcm")
    with scene.site.device() as device:
        data = seal(Path(str(path)), device=device, profile="none").to_bytes()
    copy = changed(data, anonymous, setting(PatientAge="", PatientWeight=None))
    allowed = remaining(scene, copy, data)
    made = scene.deidentify(copy, data, allowed=Allowed(keep=allowed))
    assert scene.judge(made.to_bytes()).word is Word.DERIVED
    with pytest.raises(SealError, match=r"lossy|several"):
        scene.deidentify(
            changed(copy, setting(PixelData=broken_frame(copy))),
            data,
            allowed=Allowed(keep=allowed, redacted=True),
        )


def broken_frame(data: bytes) -> bytes:
    """Another picture in the same encoding."""
    from pydicom.encaps import encapsulate, generate_frames

    dataset = pydicom.dcmread(BytesIO(data))
    (frame,) = generate_frames(dataset.PixelData, number_of_frames=1)
    cut = bytearray(frame)
    cut[len(cut) * 3 // 4] ^= 0x08
    return encapsulate([bytes(cut)])


@pytest.mark.parametrize("name", ["ExplVR_BigEnd.dcm", "liver_expb_1frame.dcm",
                                  "SC_ybr_full_422_uncompressed.dcm", "JPEGLSNearLossless_08.dcm",
                                  "SC_rgb_rle_16bit_2frame.dcm", "rtdose_1frame.dcm",
                                  "examples_palette.dcm"])  # fmt: skip
def test_other_kinds_of_pixels(scene: Scene, name: str) -> None:
    """Big endian words, single bits, halved chroma, palettes; some lack a study."""
    with scene.site.device() as device:
        data = seal(Path(str(get_testdata_file(name))), device=device, profile="none").to_bytes()
    copy = changed(data, every_uid, setting(PatientName="ANON", PatientID="1"))
    made = scene.deidentify(copy, data, allowed=Allowed(keep=remaining(scene, copy, data)))
    assert scene.judge(made.to_bytes()).word is Word.DERIVED
    assert all(
        np.array_equal(a, b) for a, b in zip(samples(made.to_bytes()), samples(data), strict=True)
    )


def every_uid(dataset: pydicom.Dataset) -> None:
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        if dataset.get(keyword):
            setattr(dataset, keyword, generate_uid())


def remaining(scene: Scene, copy: bytes, original: bytes) -> frozenset[int]:
    """The tags that would be refused: what a person would name with --keep."""
    try:
        scene.deidentify(copy, original)
    except IdentityRemainsError as error:
        return frozenset(each.place.tags[-1] for each in error.remains)
    return frozenset()


def test_several_frames(scene: Scene) -> None:
    volume = np.stack([scene_pixels(seed) for seed in range(3)])
    data = scene.seal(
        pixels=volume[0], profile="none", NumberOfFrames=3, PixelData=volume.tobytes()
    )
    made = scene.deidentify(changed(data, anonymous), data)
    assert scene.judge(made.to_bytes()).word is Word.DERIVED
    assert np.array_equal(np.stack(samples(made.to_bytes())), volume)


def scene_pixels(seed: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 4096, SHAPE).astype(np.uint16)


@pytest.mark.parametrize("choice", list(MarkChoice))
def test_several_marked_frames(scene: Scene, choice: MarkChoice) -> None:
    volume = np.stack([smooth(seed) for seed in range(4)])
    data = scene.seal(pixels=volume[0], Modality="XA", NumberOfFrames=4, PixelData=volume.tobytes())
    made = scene.deidentify(changed(data, anonymous), data, mark=choice)
    assert made.mark in ("renewed", "removed")
    assert scene.judge(made.to_bytes()).word is Word.DERIVED
    same = np.array_equal(np.stack(samples(made.to_bytes())), volume)
    assert same is (choice is MarkChoice.REMOVE)


def smooth(seed: int) -> np.ndarray[Any, Any]:
    y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
    grain = np.random.default_rng(seed).normal(0, 30, SHAPE)
    return (2000 + 800 * np.sin(x / 31 + seed) + 700 * np.cos(y / 23) + grain).astype(np.uint16)


def test_a_corrected_original(scene: Scene) -> None:
    data = scene.seal()
    records = scene.site.records()
    with records.log, scene.site.device(Role.ARCHIVIST) as actor:
        data = correct(
            data,
            {"PatientName": "Muster^Erica", "ImageLaterality": "L"},
            reason=Reason.CORRECT,
            actor=actor,
            records=records,
            trust=scene.site.trust,
            system="test",
        ).to_bytes()
    made = scene.deidentify(changed(data, anonymous), data)
    assert "Original Attributes Sequence" in made.stripped
    copy = pydicom.dcmread(BytesIO(made.to_bytes()))
    assert copy.ImageLaterality == "L"
    assert "OriginalAttributesSequence" not in copy
    assert scene.judge(made.to_bytes()).word is Word.DERIVED


# What is refused


def test_what_was_changed_since_it_was_sealed(scene: Scene) -> None:
    bad = changed(scene.data, setting(ImageLaterality="L"))
    with pytest.raises(EvidenceError, match="ALTERED"):
        scene.deidentify(changed(bad, anonymous), bad)


def test_what_carries_no_seal(scene: Scene, make_dicom: Make) -> None:
    plain = make_dicom(**ERIKA)
    with pytest.raises(EvidenceMissingError, match="no seal"):
        scene.deidentify(changed(plain, anonymous), plain)


def test_what_a_stranger_sealed(scene: Scene, stranger: Site, make_dicom: Make) -> None:
    with stranger.device() as device:
        data = seal(make_dicom(**ERIKA), device=device).to_bytes()
    with pytest.raises(EvidenceError, match="UNTRUSTED"):
        scene.deidentify(changed(data, anonymous), data)


def test_a_copy_cannot_be_the_original(scene: Scene) -> None:
    made = scene.deidentify(changed(scene.data, anonymous)).to_bytes()
    with pytest.raises(EvidenceError, match="DERIVED"):
        scene.deidentify(changed(made, anonymous), made)


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"])
@pytest.mark.parametrize("gone", [False, True])
def test_a_copy_is_another_instance(scene: Scene, keyword: str, gone: bool) -> None:
    before = pydicom.dcmread(BytesIO(scene.data))[keyword].value

    def change(dataset: pydicom.Dataset) -> None:
        if gone:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, before)

    with pytest.raises(SealError, match="instance of its own") as raised:
        scene.deidentify(
            changed(scene.data, anonymous, change), allowed=Allowed(keep=frozenset({0x0020000D}))
        )
    assert raised.value.code == "SE502"


def item(**attributes: object) -> Sequence:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return Sequence([dataset])


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (setting(PatientName="Mustermann^Erika"), "PatientName"),
        (setting(PatientBirthDate="19700101"), "PatientBirthDate"),
        (setting(PatientSex="O"), "PatientSex"),
        (setting(StudyDate="20240203"), "StudyDate"),
        (setting(StudyTime="101112.000000"), "StudyTime"),
        (setting(StudyTime="1011"), "StudyTime"),
        (setting(StudyTime="101200"), None),
        (setting(StudyTime="101112"), "StudyTime"),
        (setting(DeviceSerialNumber="SN-00042"), "DeviceSerialNumber"),
        (setting(StationName="RAUM7-DX"), "StationName"),
        (setting(Occupation="Baker"), "Occupation"),
        (setting(SeriesDescription="prior of Mustermann"), "SeriesDescription"),
        (setting(RequestAttributesSequence=item(RequestedProcedureID="A998877")),
         "RequestAttributesSequence[0].RequestedProcedureID"),
        (setting(BurnedInAnnotation="YES"), "BurnedInAnnotation"),
        (setting(RecognizableVisualFeatures="YES"), "RecognizableVisualFeatures"),
        (lambda d: d.add_new(0x60003000, "OW", bytes(5800)), "OverlayData"),
        (lambda d: d.add_new(0x60023000, "OW", bytes(5800)), "OverlayData"),
        (setting(ReferencedImageSequence=item(
            OriginalAttributesSequence=item(PatientID="Q"))),
         "ReferencedImageSequence[0].OriginalAttributesSequence[0].PatientID"),
        (lambda d: d.add_new(0x52531199, "OB", b"left behind"), "(5253,1199)"),
    ],
)  # fmt: skip
def test_identity_that_remains(scene: Scene, change: Change, place: str | None) -> None:
    copy = changed(scene.data, anonymous, change)
    if place is None:
        scene.deidentify(copy)
        return
    with pytest.raises(IdentityRemainsError) as raised:
        scene.deidentify(copy)
    assert raised.value.code == "SE501"
    assert place in [str(each.place) for each in raised.value.remains]
    assert place in str(raised.value)
    assert "Mustermann" not in str(raised.value)
    assert "19700101" not in str(raised.value)


def test_what_may_stay_by_name(scene: Scene) -> None:
    sequence = item(RequestedProcedureID="A998877")
    copy = changed(
        scene.data, anonymous, setting(PatientSex="O", RequestAttributesSequence=sequence)
    )
    tags = {0x00100040, 0x00400275, 0x00080050}  # the last needs no leave, and is not declared
    made = scene.deidentify(copy, allowed=Allowed(keep=frozenset(tags)))
    assert made.declared.kept == (0x00100040, 0x00400275)
    verdict = scene.judge(made.to_bytes())
    assert verdict.word is Word.DERIVED
    (check,) = [c for c in verdict.checks if c.code is Code.IDENTITY_KEPT]
    assert "PatientSex, RequestAttributesSequence" in check.detail


def test_a_file_that_denies_it(scene: Scene) -> None:
    copy = changed(scene.data, anonymous, setting(PatientIdentityRemoved="NO"))
    with pytest.raises(SealError, match="0012,0062"):
        scene.deidentify(copy)


CHEST, VIEW, LATERALITY = 0x00180015, 0x00185101, 0x00200062


@pytest.mark.parametrize(
    ("change", "tag", "may"),
    [
        (setting(ImageLaterality="L"), LATERALITY, False),
        (lambda d: delattr(d, "ImageLaterality"), LATERALITY, True),
        (setting(PixelSpacing=[0.3, 0.3]), 0x00280030, False),
        (setting(PatientOrientation=["R", "F"]), 0x00200020, True),
        (setting(ViewPosition="AP"), VIEW, False),
        (lambda d: delattr(d, "BodyPartExamined"), CHEST, True),
        (setting(RescaleSlope="2", RescaleIntercept="0"), 0x00281053, False),
        (setting(ImageType=["DERIVED", "PRIMARY"]), 0x00080008, True),
        (setting(Modality="CR"), 0x00080060, False),
        (setting(PhotometricInterpretation="MONOCHROME1"), 0x00280004, True),
        (setting(SyntheticData="YES"), 0x0008001C, True),
    ],
)
def test_clinical_attributes(scene: Scene, change: Change, tag: int, may: bool) -> None:
    copy = changed(scene.data, anonymous, change)
    with pytest.raises(SealError, match="something else of the picture") as raised:
        scene.deidentify(copy)
    assert raised.value.code == "SE503"
    allowed = Allowed(changed=frozenset({tag}))
    if not may:
        with pytest.raises(SealError, match="something else of the picture"):
            scene.deidentify(copy, allowed=allowed)
        return
    made = scene.deidentify(copy, allowed=allowed)
    assert made.declared.changed == (tag,)
    assert Code.CLINICAL_LEFT_OUT in codes(scene.judge(made.to_bytes()))


def test_uids_in_geometry_may_be_new(scene: Scene) -> None:
    uid = generate_uid()
    data = scene.seal(DimensionOrganizationSequence=item(DimensionOrganizationUID=uid))
    new = item(DimensionOrganizationUID=generate_uid())
    made = scene.deidentify(
        changed(data, anonymous, setting(DimensionOrganizationSequence=new)), data
    )
    assert scene.judge(made.to_bytes()).word is Word.DERIVED


# Pixels


def painted(value: int, *boxes: tuple[slice, slice]) -> Change:
    def change(dataset: pydicom.Dataset) -> None:
        pixels = np.frombuffer(dataset.PixelData, "<u2").reshape(SHAPE).copy()
        for box in boxes:
            pixels[box] = value
        dataset.PixelData = pixels.tobytes()

    return change


def test_one_sample(scene: Scene) -> None:
    copy = changed(scene.data, anonymous, painted(0, np.s_[100:101, 100:101]))
    with pytest.raises(SealError, match="--redacted") as raised:
        scene.deidentify(copy)
    assert raised.value.code == "SE505"


@pytest.mark.parametrize("choice", list(MarkChoice))
def test_redacted_boxes(scene: Scene, choice: MarkChoice, make_dicom: Make) -> None:
    boxes = (np.s_[4:20, 6:90], np.s_[180:196, 200:230])
    copy = changed(scene.data, anonymous, painted(0, *boxes))
    made = scene.deidentify(copy, mark=choice, allowed=Allowed(redacted=True))
    found = [(r.frame, r.x, r.y, r.w, r.h) for r in made.declared.redacted]
    assert found == [(0, 6, 4, 84, 16), (0, 200, 180, 30, 16)]
    verdict = scene.judge(made.to_bytes())
    assert verdict.word is Word.DERIVED
    (check,) = [c for c in verdict.checks if c.code is Code.REDACTED]
    assert "x 6 y 4, 84x16" in check.detail
    if choice is MarkChoice.REMOVE:
        wanted = samples(make_dicom())[0].copy()
        for box in boxes:
            wanted[box] = 0
        assert np.array_equal(samples(made.to_bytes())[0], wanted)


def test_a_redaction_of_the_unmarked_image(scene: Scene, make_dicom: Make) -> None:
    copy = changed(make_dicom(**ERIKA), anonymous, painted(4095, np.s_[4:20, 6:90]))
    made = scene.deidentify(copy, mark=MarkChoice.REMOVE, allowed=Allowed(redacted=True))
    assert len(made.declared.redacted) == 1
    wanted = samples(make_dicom())[0].copy()
    wanted[4:20, 6:90] = 4095
    assert np.array_equal(samples(made.to_bytes())[0], wanted)


def test_a_drawing_is_no_redaction(scene: Scene) -> None:
    def draw(dataset: pydicom.Dataset) -> None:
        pixels = np.frombuffer(dataset.PixelData, "<u2").reshape(SHAPE).copy()
        y, x = np.mgrid[-9:10, -9:10]
        pixels[91:110, 91:110] += (60 * np.exp(-(x**2 + y**2) / 20)).astype(np.uint16)
        dataset.PixelData = pixels.tobytes()

    with pytest.raises(EvidenceError, match="several values"):
        scene.deidentify(changed(scene.data, anonymous, draw), allowed=Allowed(redacted=True))


def test_nothing_hides_beside_the_samples(scene: Scene, make_dicom: Make) -> None:
    """Bits above Bits Stored, bytes behind the last frame, preamble, file meta information."""
    secret = b"Mustermann^Erika"

    def hide(dataset: pydicom.Dataset) -> None:
        pixels = np.frombuffer(dataset.PixelData, "<u2").copy()
        bits = np.unpackbits(np.frombuffer(secret, np.uint8)).astype(np.uint16)
        pixels[: bits.size] |= bits << 15
        dataset.PixelData = pixels.tobytes() + secret
        dataset.preamble = secret + bytes(112)
        dataset.file_meta.SourceApplicationEntityTitle = "MUSTERMANN"
        dataset.file_meta.PrivateInformationCreatorUID = "1.2.3"
        dataset.file_meta.PrivateInformation = secret

    made = scene.deidentify(changed(scene.data, anonymous, hide), mark=MarkChoice.REMOVE)
    data = made.to_bytes()
    assert secret not in data
    assert b"MUSTERMANN" not in data
    stored = np.frombuffer(pydicom.dcmread(BytesIO(data)).PixelData, "<u2")
    assert stored.max() < 4096
    assert stored.size == SHAPE[0] * SHAPE[1]


@pytest.mark.parametrize(
    ("tag", "vr", "value", "name"),
    [
        (0x4FFE0001, "SQ", item(MACIDNumber=1), "MAC Parameters Sequence"),
        (0xFFFAFFFA, "SQ", item(MACIDNumber=1), "Digital Signatures Sequence"),
        (0x04000561, "SQ", item(ModifyingSystem="x"), "Original Attributes Sequence"),
        (0x04000500, "SQ", item(EncryptedContent=bytes(8)), "Encrypted Attributes Sequence"),
        (0x00880200, "SQ", item(Rows=8), "Icon Image Sequence"),
        (0xFFFCFFFC, "OB", bytes(8), "Data Set Trailing Padding"),
    ],
)
def test_residue_is_taken_out(scene: Scene, tag: int, vr: str, value: object, name: str) -> None:
    made = scene.deidentify(changed(scene.data, anonymous, lambda d: d.add_new(tag, vr, value)))
    assert made.stripped == ("the original's seal", name)
    assert tag not in pydicom.dcmread(BytesIO(made.to_bytes()))


def test_encrypted_attributes_may_stay(scene: Scene) -> None:
    copy = changed(
        scene.data,
        anonymous,
        setting(EncryptedAttributesSequence=item(EncryptedContent=bytes(8))),
    )
    tag = 0x04000500
    made = scene.deidentify(copy, allowed=Allowed(keep=frozenset({tag})))
    assert tag in pydicom.dcmread(BytesIO(made.to_bytes()))
    assert made.declared.kept == (tag,)


# The mark that cannot be renewed


def test_another_mark_key(scene: Scene, tmp_path: Path) -> None:
    """The mark key is the one thing that restores: without it nothing is passed on."""
    from dataclasses import replace

    records = scene.site.records()
    with (
        records.log,
        scene.site.device(Role.DEIDENTIFIER) as actor,
        pytest.raises(SealError, match="cannot be taken out") as raised,
    ):
        deidentify(
            scene.data,
            changed(scene.data, anonymous),
            actor=replace(actor, mark_key=bytes(32)),
            records=records,
            trust=scene.site.trust,
            reidentification_key=bytes(32),
        )
    assert raised.value.code == "SE506"


def test_restore_data_that_are_gone(scene: Scene) -> None:
    from provenance.dicom.carrier import Carrier, write_carrier
    from provenance.dicom.write import instance_bytes

    instance = read_instance(scene.data)
    values = read_carrier(instance.dataset)
    assert values is not None
    write_carrier(instance.dataset, Carrier(values.statement, values.annex, values.receipt))
    poor = instance_bytes(instance)
    assert scene.judge(poor).word is Word.AUTHENTIC
    with pytest.raises(SealError, match="no restore data"):
        scene.deidentify(changed(poor, anonymous), poor)


def test_no_room_for_a_mark_after_redaction(scene: Scene) -> None:
    everything = np.s_[0 : SHAPE[0], 0 : SHAPE[1]]
    copy = changed(scene.data, anonymous, painted(0, everything))
    with pytest.raises(SealError, match="--mark remove") as raised:
        scene.deidentify(copy, allowed=Allowed(redacted=True))
    assert raised.value.code == "SE506"


# The way back


def test_the_site_goes_back(scene: Scene) -> None:
    made = scene.deidentify(changed(scene.data, anonymous))
    with scene.site.reading_log() as log:
        found = reidentify(made.object_id, log, key=scene.site.reidentification_key)
        assert found.parent_id == scene.judge(scene.data).seal_id
        assert found.log_index == scene.judge(scene.data).log_index
        copies = list(copies_of(found.parent_id, log, key=scene.site.reidentification_key))
    assert made.object_id in copies


def test_another_key_does_not(scene: Scene) -> None:
    made = scene.deidentify(changed(scene.data, anonymous))
    with scene.site.reading_log() as log, pytest.raises(EvidenceError, match="another key"):
        reidentify(made.object_id, log, key=bytes(32))


def test_erasure_destroys_the_way_back(scene: Scene) -> None:
    from datetime import UTC, datetime

    made = scene.deidentify(changed(scene.data, anonymous))
    key = scene.site.reidentification_key
    with scene.site.writing_log() as log:
        plan = plan_erasure(log, [made.object_id])
        signer = scene.site.signer(Role.ARCHIVIST)
        erase_objects(log, plan, archivist=signer, reason="asked", at=datetime.now(UTC))
    with scene.site.reading_log() as log:
        with pytest.raises(EvidenceMissingError, match="erased"):
            reidentify(made.object_id, log, key=key)
        original = scene.judge(scene.data).seal_id
        assert original is not None
        assert made.object_id not in list(copies_of(original, log, key=key))
    assert scene.judge(made.to_bytes()).word is Word.DERIVED


def test_what_is_no_copy_has_no_way_back(scene: Scene) -> None:
    original = scene.judge(scene.data).seal_id
    assert original is not None
    with scene.site.reading_log() as log:
        for object_id in (original, bytes(12)):
            with pytest.raises(EvidenceMissingError, match="no de-identified copy"):
                reidentify(object_id, log, key=scene.site.reidentification_key)


def test_a_correction_of_a_copy_keeps_the_way_back(scene: Scene) -> None:
    made = scene.deidentify(changed(scene.data, anonymous))
    records = scene.site.records()
    with records.log, scene.site.device(Role.ARCHIVIST) as actor:
        data = correct(
            made.to_bytes(),
            {"SeriesDescription": "Thorax"},
            reason=Reason.CORRECT,
            actor=actor,
            records=records,
            trust=scene.site.trust,
            system="test",
        ).to_bytes()
    assert scene.judge(data, alone=False).word is Word.DERIVED
    with scene.site.reading_log() as log:
        reidentify(made.object_id, log, key=scene.site.reidentification_key)


# Hostile files


def test_noise_in_the_copy(scene: Scene) -> None:
    """Whatever a file holds, it is refused with one of our errors, or the copy verifies."""
    chance = np.random.default_rng(7)
    good = changed(scene.data, anonymous, strip)
    header = good.index(bytes.fromhex("e07f1000"))
    words = set()
    for _ in range(150):
        data = bytearray(good)
        for _ in range(int(chance.integers(1, 4))):
            at = int(chance.integers(132, header))
            kind = chance.integers(3)
            if kind == 0:
                data[at] = int(chance.integers(256))
            elif kind == 1:
                del data[at : at + int(chance.integers(1, 9))]
            else:
                data[at:at] = chance.bytes(int(chance.integers(1, 9)))
        try:
            made = scene.deidentify(bytes(data), mark=MarkChoice.REMOVE)
        except RadsealError:
            continue
        words.add(scene.judge(made.to_bytes()).word)
    assert words <= {Word.DERIVED}


# Profiles


def test_one_of_copy_and_profile(scene: Scene) -> None:
    with pytest.raises(UsageError, match="or the profile"):
        scene.deidentify(None)
    with pytest.raises(UsageError, match="or the profile"):
        scene.deidentify(changed(scene.data, anonymous), profile="dicognito")


def test_the_annex_shows_no_parent(scene: Scene) -> None:
    made = scene.deidentify(changed(scene.data, anonymous), mark=MarkChoice.REMOVE)
    values = read_carrier(read_instance(made.to_bytes()).dataset)
    assert values is not None
    assert values.restore is None
    annex = Annex.decode(values.annex)
    assert annex.lineage is None
    assert annex.original is None
    assert parse_statement(values.statement).event is Event.DEIDENTIFIED
