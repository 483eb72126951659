"""Copies that are made on purpose, with the tools that hospitals use, and what they prove."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from ledger import Event, RefusedError, Role
from provenance import (
    Derived,
    NotProvenError,
    Outcome,
    Reason,
    SealError,
    Site,
    UsageError,
    Verdict,
    Word,
    correct,
    derive,
    seal,
    verify,
)
from provenance.derivation.derive import KINDS
from provenance.findings import Code
from provenance.image_tree import Region
from provenance.judging.verdict import Status

Make = Callable[..., bytes]
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.2"  # Legacy Converted Enhanced CT Image Storage
LABEL = Region(frame=0, x=0, y=0, w=128, h=64)


def picture(rows: int, columns: int, *, seed: int) -> np.ndarray:
    """Structure of several sizes with grain, 12 bits: another seed shows another body."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[0:rows, 0:columns] / max(rows, columns)
    levels = 0.5 + 0.1 * np.cos(5 * x + seed) * np.cos(4 * y)
    for size in np.geomspace(0.3, 0.03, 60):
        row, column, height = chance.uniform(0, 1, 3)
        distance = (x - column) ** 2 + (y - row) ** 2
        levels += size**0.4 * 0.35 * (height - 0.5) * np.exp(-distance / (2 * (size / 2) ** 2))
    levels += chance.normal(0, 0.008, levels.shape)
    return np.clip(levels * 4095, 1, 4094).astype(np.uint16)


def to_bytes(dataset: Dataset) -> bytes:
    """Save with pydicom, not with radseal."""
    buffer = BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@dataclass
class Clinic:
    """A site that derives copies, and a folder for tools to work in."""

    site: Site
    folder: Path

    def sealed(self, data: bytes, name: str = "parent.dcm") -> Path:
        path = self.folder / name
        with self.site.device() as device:
            seal(data, device=device).write(path)
        return path

    def derive(
        self,
        parents: Sequence[Path | bytes],
        copy: bytes | Path,
        kind: str,
        role: Role = Role.OPERATOR,
        *,
        marks: bool = False,
    ) -> Derived:
        records = self.site.records()
        with records.log, self.site.device(role) as actor:
            return derive(
                parents,
                copy,
                kind=kind,
                actor=actor,
                trust=self.site.trust,
                records=records,
                mark_keys=self.site.mark_keys if marks else (),
            )

    def judge(self, data: bytes, *, ledger: bool = True) -> Verdict:
        if not ledger:
            return verify(data, trust=self.site.trust)
        records = self.site.records()
        with records.log:
            return verify(data, trust=self.site.trust, records=records, mark_key=self.site.mark_key)

    def run(self, tool: str, *words: object) -> None:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed (Debian: dcmtk, libgdcm-tools)")
        done = subprocess.run(
            [tool, *(str(w) for w in words)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site.init(tmp_path_factory.mktemp("clinic") / "here", name="clinic")


@pytest.fixture(scope="module")
def sealed_chest(home: Site, make_dicom: Make) -> bytes:
    with home.device() as device:
        return seal(make_dicom(picture(400, 464, seed=3)), device=device).to_bytes()


@pytest.fixture
def clinic(home: Site, tmp_path: Path) -> Clinic:
    return Clinic(home, tmp_path)


@pytest.fixture
def chest(sealed_chest: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "chest.dcm"
    path.write_bytes(sealed_chest)
    return path


def another(data: bytes | Path, change: Callable[[Dataset], object] = lambda _: None) -> bytes:
    """The same object as another instance, without the seal it has."""
    dataset = pydicom.dcmread(BytesIO(data) if isinstance(data, bytes) else data)
    for element in [each for each in dataset if each.tag.group == 0x5253]:
        del dataset[element.tag]
    dataset.SOPInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    change(dataset)
    return to_bytes(dataset)


def proven(verdict: Verdict) -> None:
    assert verdict.word is Word.DERIVED, verdict.checks
    assert verdict.exit_code == 13
    assert (verdict.integrity, verdict.trust, verdict.custody) == (Outcome.PROVEN,) * 3
    assert not [check for check in verdict.checks if check.status is Status.FAIL]


def codes(verdict: Verdict) -> set[Code]:
    return {check.code for check in verdict.checks if check.id == "derivation"}


def lossy_dcmtk(clinic: Clinic, parent: Path, copy: Path) -> None:
    clinic.run("dcmcjpeg", "+ee", "+q", 85, parent, copy)


def lossy_gdcm(clinic: Clinic, parent: Path, copy: Path) -> None:
    eight = clinic.folder / "eight.dcm"

    def to_eight(dataset: Dataset) -> None:
        levels = (dataset.pixel_array >> 4).astype(np.uint8)
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit = 7
        dataset.PixelData = levels.tobytes()

    eight.write_bytes(another(parent, to_eight))
    clinic.run("gdcmconv", "--jpeg", "--lossy", "-q", 80, eight, copy)


def cropped(clinic: Clinic, parent: Path, copy: Path) -> None:
    clinic.run("dcmscale", "+C", 100, 50, 250, 300, parent, copy)


def resized(clinic: Clinic, parent: Path, copy: Path) -> None:
    clinic.run("dcmscale", "+Sxf", 0.5, parent, copy)


def captured(clinic: Clinic, parent: Path, copy: Path) -> None:
    picture = clinic.folder / "picture.jpg"
    clinic.run("dcmj2pnm", "+oj", "+Wm", parent, picture)
    clinic.run("img2dcm", "--study-from", parent, picture, copy)


@pytest.mark.parametrize(
    ("kind", "tool"),
    [
        ("lossy", lossy_dcmtk),
        ("lossy", lossy_gdcm),
        ("crop", cropped),
        ("resize", resized),
        ("presentation", captured),
    ],
)
def test_what_tools_make(
    clinic: Clinic, chest: Path, kind: str, tool: Callable[[Clinic, Path, Path], None]
) -> None:
    """Rows 26 and 28: a lossy or cut copy, and a Secondary Capture, with the parent's name."""
    copy = clinic.folder / "copy.dcm"
    tool(clinic, chest, copy)
    assert pydicom.dcmread(copy).SOPInstanceUID != pydicom.dcmread(chest).SOPInstanceUID
    derived = clinic.derive([chest], copy, kind)
    assert (derived.frames, derived.equal, derived.unknown, derived.on_word) == (1, 0, 0, 1)
    data = derived.to_bytes()
    for ledger in (True, False):
        verdict = clinic.judge(data, ledger=ledger)
        proven(verdict)
        assert codes(verdict) == {Code.DERIVED_COPY, Code.PARENT_SEEN, Code.DERIVERS_WORD}
    seen = clinic.judge(data).descent
    assert seen is not None
    (parent,) = seen.parents
    assert (seen.kind, parent.object_id) == (kind, derived.parents[0])
    assert parent.signer == "clinic device"
    assert parent.log_index is not None


def slices(count: int) -> list[bytes]:
    """Classic CT slices: those that pydicom ships, moved on by a slice each."""
    made = []
    series = generate_uid()
    for number in range(count):
        dataset = pydicom.dcmread(pydicom.data.get_testdata_file("CT_small.dcm"))
        pixels = np.roll(dataset.pixel_array, 7 * number, axis=0) + np.int16(number)
        dataset.PixelData = pixels.tobytes()
        dataset.SOPInstanceUID = generate_uid()
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.SeriesInstanceUID = series
        dataset.InstanceNumber = number + 1
        made.append(to_bytes(dataset))
    return made


def enhanced(classic: Sequence[Path]) -> bytes:
    """A Legacy Converted Enhanced CT of classic slices, with pydicom."""
    datasets = [pydicom.dcmread(path) for path in classic]
    dataset = pydicom.dcmread(BytesIO(another(classic[0])))
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = ENHANCED_CT
    dataset.SeriesInstanceUID = generate_uid()
    dataset.ImageType = ["DERIVED", "PRIMARY", "AXIAL", "NONE"]
    dataset.NumberOfFrames = len(datasets)
    dataset.PixelData = b"".join(each.PixelData for each in datasets)
    dataset.PerFrameFunctionalGroupsSequence = [frame_groups(each) for each in datasets]
    return to_bytes(dataset)


def frame_groups(classic: Dataset) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = classic.SOPClassUID
    reference.ReferencedSOPInstanceUID = classic.SOPInstanceUID
    groups = Dataset()
    groups.ConversionSourceAttributesSequence = [reference]
    return groups


def test_classic_to_enhanced_and_back(clinic: Clinic) -> None:
    """Row 29: every frame is proven by the device that sealed the slice, and so is every split."""
    classic = [clinic.sealed(data, f"{n}.dcm") for n, data in enumerate(slices(5))]
    derived = clinic.derive(classic, enhanced(classic), "multiframe", Role.DEVICE)
    assert (derived.frames, derived.equal, derived.on_word) == (5, 5, 0)
    data = derived.to_bytes()
    verdict = clinic.judge(data, ledger=False)
    proven(verdict)
    assert codes(verdict) == {Code.DERIVED_COPY, Code.PARENT_SEEN, Code.FRAMES_PROVEN}
    assert verdict.descent is not None
    assert len(verdict.descent.parents) == verdict.descent.equal == 5

    def third(dataset: Dataset) -> None:
        size = len(dataset.PixelData) // 5
        dataset.PixelData = dataset.PixelData[2 * size : 3 * size]
        dataset.NumberOfFrames = 1
        del dataset.PerFrameFunctionalGroupsSequence

    whole = clinic.folder / "enhanced.dcm"
    whole.write_bytes(data)
    split = clinic.derive([whole], another(data, third), "split", Role.ARCHIVIST)
    assert (split.frames, split.equal, split.parents) == (1, 1, (derived.object_id,))
    verdict = clinic.judge(split.to_bytes(), ledger=False)
    proven(verdict)
    assert Code.FRAMES_PROVEN in codes(verdict)
    assert verdict.descent is not None
    assert verdict.descent.parents[0].event is Event.DERIVED


def test_frames_in_another_order_and_one_of_no_parent(clinic: Clinic) -> None:
    classic = [clinic.sealed(data, f"{n}.dcm") for n, data in enumerate(slices(4))]
    mixed = [classic[3], classic[0], classic[2], classic[1]]
    derived = clinic.derive(classic, enhanced(mixed), "multiframe")
    assert derived.equal == 4
    proven(clinic.judge(derived.to_bytes()))
    refused(clinic, classic[:3], enhanced(classic), "multiframe", "SE403", "frame 3 .* another")

    def grain(dataset: Dataset) -> None:
        pixels = dataset.pixel_array.copy()
        pixels[3] += np.random.default_rng(1).integers(-9, 10, pixels[3].shape).astype(np.int16)
        dataset.PixelData = pixels.tobytes()

    derived = clinic.derive(classic, another(enhanced(classic), grain), "multiframe")
    assert (derived.equal, derived.on_word) == (3, 1)
    verdict = clinic.judge(derived.to_bytes())
    proven(verdict)
    assert {Code.FRAMES_PROVEN, Code.DERIVERS_WORD} <= codes(verdict)


def blackened(data: bytes | Path) -> bytes:
    def black(dataset: Dataset) -> None:
        pixels = dataset.pixel_array.copy()
        pixels[5:40, 10:100] = 0
        dataset.PixelData = pixels.tobytes()

    return another(data, black)


def test_burned_in_text_blacked_out(clinic: Clinic, chest: Path) -> None:
    """Rows 23 and 24: all but the named region is proven by the device."""
    derived = clinic.derive([chest], blackened(chest), "redaction")
    assert (derived.equal, derived.in_part, derived.on_word) == (0, 1, 0)
    verdict = clinic.judge(derived.to_bytes(), ledger=False)
    proven(verdict)
    assert codes(verdict) == {Code.DERIVED_COPY, Code.PARENT_SEEN, Code.FRAMES_IN_PART}
    assert verdict.descent is not None
    assert verdict.descent.regions == (LABEL,)
    assert not verdict.regions  # nothing of the copy itself differs


def test_the_same_samples_as_another_instance(clinic: Clinic, chest: Path) -> None:
    copy = clinic.folder / "jpll.dcm"
    clinic.run("dcmcjpeg", "+e1", "+ua", chest, copy)
    derived = clinic.derive([chest], copy, "lossless", Role.GATEWAY)
    assert derived.equal == 1
    proven(clinic.judge(derived.to_bytes()))


def test_a_lossy_original_wrapped_anew_is_proven_by_its_bytes(clinic: Clinic) -> None:
    source = Path(str(pydicom.data.get_testdata_file("SC_rgb_dcmtk_+eb+cr.dcm")))

    def named(dataset: Dataset) -> None:
        dataset.StudyInstanceUID = generate_uid()

    parent = clinic.sealed(another(source, named))
    derived = clinic.derive([parent], another(parent), "lossless")
    assert derived.equal == 1
    proven(clinic.judge(derived.to_bytes(), ledger=False))


def test_a_copy_of_a_copy_of_a_copy(clinic: Clinic, chest: Path) -> None:
    parent = chest
    for number in range(3):
        derived = clinic.derive([parent], another(parent), "lossless")
        parent = clinic.folder / f"copy-{number}.dcm"
        derived.write(parent)
        proven(clinic.judge(parent.read_bytes(), ledger=False))


def test_a_corrected_parent(clinic: Clinic, chest: Path) -> None:
    records = clinic.site.records()
    with records.log, clinic.site.device(Role.ARCHIVIST) as actor:
        corrected = correct(
            chest,
            {"PatientName": "Doe^Jane"},
            reason=Reason.CORRECT,
            actor=actor,
            records=records,
            trust=clinic.site.trust,
            system="test",
        )
    proven(
        clinic.judge(
            clinic.derive(
                [corrected.to_bytes()], another(corrected.to_bytes()), "lossless"
            ).to_bytes()
        )
    )
    with pytest.raises(Exception, match="another PatientName"):
        clinic.derive([corrected.to_bytes()], another(chest), "lossless")


def test_a_copy_is_corrected_like_an_original(clinic: Clinic, chest: Path) -> None:
    data = clinic.derive([chest], another(chest), "lossless").to_bytes()
    records = clinic.site.records()
    with records.log, clinic.site.device(Role.ARCHIVIST) as actor:
        corrected = correct(
            data,
            {"PatientName": "Doe^Jane"},
            reason=Reason.CORRECT,
            actor=actor,
            records=records,
            trust=clinic.site.trust,
            system="test",
        ).to_bytes()
    verdict = clinic.judge(corrected)
    assert verdict.word is Word.DERIVED
    assert verdict.documented
    assert clinic.judge(corrected, ledger=False).word is Word.HEADER_CHANGED


def test_an_object_without_pixels(clinic: Clinic) -> None:
    report = Path(str(pydicom.data.get_testdata_file("test-SR.dcm")))
    parent = clinic.sealed(report.read_bytes())
    derived = clinic.derive([parent], another(parent), "lossless")
    assert derived.frames == 0
    verdict = clinic.judge(derived.to_bytes())
    proven(verdict)
    assert Code.DERIVERS_WORD in codes(verdict)


@pytest.fixture
def other(clinic: Clinic, make_dicom: Make) -> bytes:
    """Another patient's image, of the same size, under the patient and study of `chest`."""
    return make_dicom(picture(400, 464, seed=9), PatientID="P-2", PatientName="Other^One")


def under(parent: Path, data: bytes) -> bytes:
    """Put an object under the patient and the study of another."""
    known = pydicom.dcmread(parent)

    def move(dataset: Dataset) -> None:
        for keyword in ("PatientID", "PatientName", "StudyInstanceUID"):
            setattr(dataset, keyword, getattr(known, keyword))

    return another(data, move)


@pytest.mark.parametrize("kind", KINDS)
def test_another_patients_image_is_no_copy(
    clinic: Clinic, chest: Path, other: bytes, kind: str
) -> None:
    refused(clinic, [chest], under(chest, other), kind, "SE403", "another picture")


def refused(
    clinic: Clinic, parents: Sequence[Path | bytes], copy: bytes, kind: str, code: str, words: str
) -> None:
    with clinic.site.records().log as log:
        before = log.head().size
    with pytest.raises(SealError, match=words) as error:
        clinic.derive(parents, copy, kind)
    assert error.value.code == code
    with clinic.site.records().log as log:
        assert log.head().size == before  # nothing was logged


def test_a_copy_that_only_its_mark_can_place(clinic: Clinic, make_dicom: Make) -> None:
    """Turned by 20 degrees: no plain comparison finds it, its mark does; mirrored it is refused."""
    from PIL import Image

    def turned(dataset: Dataset, mirrored: bool) -> None:
        levels = Image.fromarray((dataset.pixel_array >> 4).astype(np.uint8))
        pixels = np.asarray(levels.rotate(20, resample=Image.Resampling.BICUBIC)) << np.uint16(4)
        dataset.PixelData = (pixels[:, ::-1] if mirrored else pixels).astype(np.uint16).tobytes()

    chest = clinic.sealed(make_dicom(picture(1024, 896, seed=6)))
    copy = another(chest, lambda dataset: turned(dataset, False))
    refused(clinic, [chest], copy, "presentation", "SE403", "another picture")
    derived = clinic.derive([chest], copy, "presentation", marks=True)
    assert derived.on_word == 1
    proven(clinic.judge(derived.to_bytes(), ledger=False))
    mirrored = another(chest, lambda dataset: turned(dataset, True))
    with pytest.raises(SealError, match="another picture"):
        clinic.derive([chest], mirrored, "presentation", marks=True)


def test_a_blank_image_is_no_copy(clinic: Clinic, chest: Path) -> None:
    def blank(dataset: Dataset) -> None:
        dataset.PixelData = bytes(len(dataset.PixelData))

    refused(clinic, [chest], another(chest, blank), "lossy", "SE403", "another picture")


def test_a_lossy_copy_with_a_place_painted_over(clinic: Clinic, chest: Path) -> None:
    def paint(dataset: Dataset) -> None:
        noise = np.random.default_rng(5).integers(-3, 4, (400, 464))
        pixels = (dataset.pixel_array + noise).clip(0, 4095).astype(np.uint16)
        pixels[100:260, 120:300] = pixels[100:260, 120:300][::-1, ::-1].copy()
        dataset.PixelData = pixels.tobytes()

    copy = another(chest, paint)
    refused(clinic, [chest], copy, "lossy", "SE403", "in places")
    assert clinic.derive([chest], copy, "presentation").on_word == 1


def test_the_sop_instance_uid_of_a_parent(clinic: Clinic, chest: Path) -> None:
    uid = pydicom.dcmread(chest).SOPInstanceUID
    same = another(chest, lambda dataset: setattr(dataset, "SOPInstanceUID", uid))
    refused(clinic, [chest], same, "lossless", "SE401", "make.* another instance|makes another")
    none = another(chest, lambda dataset: delattr(dataset, "SOPInstanceUID"))
    refused(clinic, [chest], none, "lossless", "SE401", "no SOP Instance UID")


def test_the_sop_instance_uid_of_another_original(
    clinic: Clinic, chest: Path, make_dicom: Make
) -> None:
    second = pydicom.dcmread(clinic.sealed(make_dicom(), "second.dcm"))
    uid = second.SOPInstanceUID
    same = another(chest, lambda dataset: setattr(dataset, "SOPInstanceUID", uid))
    refused(clinic, [chest], same, "lossless", "SE401", "as an original")


@pytest.mark.parametrize("keyword", ["PatientID", "PatientName", "StudyInstanceUID"])
def test_another_patient_or_study(clinic: Clinic, chest: Path, keyword: str) -> None:
    for value in ("1.2.3", None):
        copy = another(chest, lambda dataset, value=value: setattr(dataset, keyword, value))
        refused(clinic, [chest], copy, "lossless", "SE402", keyword)


def test_a_birth_date_may_be_absent_and_not_another(clinic: Clinic, chest: Path) -> None:
    gone = another(chest, lambda dataset: delattr(dataset, "PatientBirthDate"))
    clinic.derive([chest], gone, "lossless")
    moved = another(chest, lambda dataset: setattr(dataset, "PatientBirthDate", "19710101"))
    refused(clinic, [chest], moved, "lossless", "SE402", "PatientBirthDate")


def test_a_copy_that_carries_the_seal_of_another(
    clinic: Clinic, chest: Path, make_dicom: Make
) -> None:
    other = pydicom.dcmread(clinic.sealed(make_dicom(), "second.dcm"))

    def carry(dataset: Dataset) -> None:
        for element in other:
            if element.tag.group == 0x5253:
                dataset.add(element)

    refused(clinic, [chest], another(chest, carry), "lossless", "SE401", "no parent's")


def test_a_parent_that_is_not_what_it_was(
    clinic: Clinic, chest: Path, make_dicom: Make, stranger: Site
) -> None:
    dataset = pydicom.dcmread(chest)
    pixels = dataset.pixel_array.copy()
    pixels[100, 100] ^= 1
    dataset.PixelData = pixels.tobytes()
    with pytest.raises(NotProvenError, match="ALTERED"):
        clinic.derive([to_bytes(dataset)], another(chest), "lossless")
    with pytest.raises(NotProvenError, match="UNSEALED"):
        clinic.derive([make_dicom()], another(chest), "lossless")
    with stranger.device() as device:
        strange = seal(make_dicom(), device=device).to_bytes()
    with pytest.raises(NotProvenError, match="UNTRUSTED"):
        clinic.derive([strange], another(strange), "lossless")


def test_a_copy_that_its_mark_alone_names_is_no_parent(clinic: Clinic, make_dicom: Make) -> None:
    chance = np.random.default_rng(4)
    pixels = np.clip(picture(1024, 896, seed=4) + chance.normal(0, 30, (1024, 896)), 0, 4095)
    chest = clinic.sealed(make_dicom(pixels.astype(np.uint16)))
    copy = clinic.folder / "copy.dcm"
    lossy_dcmtk(clinic, chest, copy)
    assert clinic.judge(copy.read_bytes()).word is Word.DERIVED
    with pytest.raises(NotProvenError, match="nobody signed"):
        clinic.derive([copy], another(chest), "lossless", marks=True)


def test_mistakes_of_the_caller(clinic: Clinic, chest: Path) -> None:
    with pytest.raises(UsageError, match="no kind"):
        clinic.derive([chest], another(chest), "forgery")
    with pytest.raises(UsageError, match="1 to 1024 parents"):
        clinic.derive([], another(chest), "lossy")
    with pytest.raises(UsageError, match="twice"):
        clinic.derive([chest, chest], another(chest), "lossless")


@pytest.mark.parametrize("role", [Role.AUDITOR])
def test_a_role_that_may_not(clinic: Clinic, chest: Path, role: Role) -> None:
    with pytest.raises(RefusedError, match="may not sign derived"):
        clinic.derive([chest], another(chest), "lossless", role)


def test_an_outbox_does_not_take_it(clinic: Clinic, chest: Path) -> None:
    path = clinic.folder / "outbox"
    with clinic.site.device() as device:
        clinic.site.make_outbox(path, device.log, at=datetime.now(UTC)).close()
    with clinic.site.outbox_device(path) as device, pytest.raises(RefusedError):
        derive([chest], another(chest), kind="lossless", actor=device, trust=clinic.site.trust)
