"""Forgeries: each changes what it says and nothing else, and gets the verdict it must."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
from pydicom.dataset import Dataset

import watermark
from provenance import Site, UsageError, Verdict, Word, seal, verify
from provenance.cli.tamper import KINDS as COMMAND_KINDS
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.dicom.values import text
from provenance.forgeries.tamper import KINDS, Tampered, tamper
from provenance.pictures.picture_file import read_picture

IMAGES = Path(pydicom.data.__file__).parent / "test_files"
MUST_BE = {
    "lesion": Word.ALTERED,
    "erase": Word.ALTERED,
    "pixel": Word.ALTERED,
    "laterality": Word.ALTERED,
    "spacing": Word.ALTERED,
    "identity": Word.HEADER_CHANGED,
    "transplant": Word.ALTERED,
    "strip": Word.STRIPPED,
    "lossy": Word.DERIVED,
    "screenshot": Word.DERIVED,
}
# One file for each way samples can be: signed, palette, colour, frames, floats, bits, codecs.
VARIETY = [
    "CT_small.dcm",
    "MR_small_RLE.dcm",
    "ExplVR_BigEnd.dcm",
    "JPEG2000.dcm",
    "SC_rgb_rle_2frame.dcm",
    "SC_rgb_rle_32bit.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
    "SC_rgb_jpeg_dcmtk.dcm",
    "examples_palette.dcm",
    "examples_ybr_color.dcm",
    "rtdose_expb.dcm",
    "liver_1frame.dcm",
    "image_dfl.dcm",
    "SC_rgb_jls_lossy_line.dcm",
]

Sealer = Callable[[Path], Path]


@pytest.fixture(scope="module")
def chest(site: Site, make_dicom: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """A sealed, marked picture like a small radiograph."""
    return _sealed(site, make_dicom(_radiograph(seed=1)), tmp_path_factory)


@pytest.fixture(scope="module")
def donor(site: Site, make_dicom: Callable[..., bytes], tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """Another one, of the same size."""
    return _sealed(site, make_dicom(_radiograph(seed=2), PatientID="P-2"), tmp_path_factory)


def _radiograph(*, seed: int) -> np.ndarray:
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[0:640, 0:576]
    phases = chance.uniform(0, 6, 4)
    smooth = 0.45 + 0.15 * np.sin(x / 90 + phases[0]) + 0.15 * np.cos(y / 70 + phases[1])
    smooth += 0.04 * np.sin((x + y) / 17 + phases[2]) + 0.03 * np.cos((x - 2 * y) / 29 + phases[3])
    grain = chance.normal(0, 0.006, smooth.shape)
    return np.clip((smooth + grain) * 4095, 0, 4095).astype(np.uint16)


def _sealed(site: Site, source: bytes | Path, factory: pytest.TempPathFactory) -> Path:
    path = factory.mktemp("sealed") / "image.dcm"
    with site.device() as device:
        seal(source, device=device).write(path)
    return path


def _verdict(site: Site, tampered: Tampered) -> Verdict:
    records = site.records()
    with records.log:
        return verify(
            tampered.to_bytes(), trust=site.trust, records=records, mark_key=site.mark_key
        )


def _samples(source: Path | bytes) -> list[np.ndarray]:
    instance = read_instance(source)
    geometry = pixel_geometry(instance)
    assert geometry is not None
    return list(frames(instance, geometry))


def test_the_command_offers_the_same_kinds() -> None:
    assert tuple(KINDS) == COMMAND_KINDS == tuple(MUST_BE)


@pytest.mark.parametrize("kind", KINDS)
def test_each_forgery_gets_its_verdict(site: Site, chest: Path, kind: str) -> None:
    assert _verdict(site, tamper(kind, chest)).word is MUST_BE[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_forgery_twice_is_the_same_file(chest: Path, kind: str) -> None:
    assert tamper(kind, chest).to_bytes() == tamper(kind, chest).to_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_the_source_stays_as_it_is(chest: Path, kind: str) -> None:
    before = chest.read_bytes()
    tamper(kind, chest).to_bytes()
    assert chest.read_bytes() == before


@pytest.mark.parametrize("kind", ["lesion", "erase", "pixel"])
def test_retouching_is_located_and_leaves_the_header_alone(
    site: Site, chest: Path, kind: str
) -> None:
    forged = tamper(kind, chest)
    (before,), (after,) = _samples(chest), _samples(forged.to_bytes())
    rows, columns = np.nonzero(before != after)
    verdict = _verdict(site, forged)
    assert verdict.changes == ()
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        assert any(r.x <= column < r.x + r.w and r.y <= row < r.y + r.h for r in verdict.regions), (
            row,
            column,
        )
    share = len(rows) / before.size
    assert 0 < share < 0.02


def test_pixel_is_one_sample_by_one_level(chest: Path) -> None:
    (before,), (after,) = _samples(chest), _samples(tamper("pixel", chest).to_bytes())
    steps = after.astype(int) - before.astype(int)
    assert np.abs(steps).sum() == 1


@pytest.mark.parametrize(("value", "step"), [(4095, -1), (0, 1)])
def test_pixel_stays_within_the_bits(
    make_dicom: Callable[..., bytes], tmp_path: Path, value: int, step: int
) -> None:
    path = tmp_path / "flat.dcm"
    path.write_bytes(make_dicom(np.full((16, 16), value, np.uint16)))
    (after,) = _samples(tamper("pixel", path).to_bytes())
    assert int(after[8, 8]) == value + step


@pytest.mark.parametrize("interpretation", ["MONOCHROME1", "MONOCHROME2"])
def test_a_lesion_is_denser_than_its_surroundings(
    make_dicom: Callable[..., bytes], tmp_path: Path, interpretation: str
) -> None:
    path = tmp_path / "image.dcm"
    path.write_bytes(make_dicom(_radiograph(seed=3), PhotometricInterpretation=interpretation))
    (before,), (after,) = _samples(path), _samples(tamper("lesion", path).to_bytes())
    change = (after.astype(int) - before.astype(int))[before != after]
    assert (change > 0).all() if interpretation == "MONOCHROME2" else (change < 0).all()


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("laterality", {"ImageLaterality": "L"}),
        ("spacing", {"PixelSpacing": [0.1875, 0.1875]}),
        ("identity", {"PatientName": "Forged^Name"}),
    ],
)
def test_a_header_forgery_changes_that_alone(
    chest: Path, kind: str, changed: dict[str, object]
) -> None:
    before = pydicom.dcmread(chest)
    after = _read(tamper(kind, chest).to_bytes())
    for keyword, value in changed.items():
        assert after[keyword].value == value
        after[keyword] = before[keyword]
    assert after == before


@pytest.mark.parametrize(
    ("attributes", "keyword", "value"),
    [
        ({"ImageLaterality": "L"}, "ImageLaterality", "R"),
        ({"ImageLaterality": None, "Laterality": "R"}, "Laterality", "L"),
        ({"ImageLaterality": None}, "ImageLaterality", "L"),
        ({"ImageLaterality": "B"}, "ImageLaterality", "L"),
    ],
)
def test_sides(
    make_dicom: Callable[..., bytes],
    tmp_path: Path,
    attributes: dict[str, object],
    keyword: str,
    value: str,
) -> None:
    path = tmp_path / "image.dcm"
    path.write_bytes(make_dicom(**attributes))
    assert _read(tamper("laterality", path).to_bytes())[keyword].value == value


@pytest.mark.parametrize("spacing", [None, ["0.000", "0.000"]])
def test_a_spacing_where_there_is_none_to_stretch(
    make_dicom: Callable[..., bytes], tmp_path: Path, spacing: list[str] | None
) -> None:
    path = tmp_path / "image.dcm"
    path.write_bytes(make_dicom(PixelSpacing=spacing))
    assert _read(tamper("spacing", path).to_bytes()).ImagerPixelSpacing == [0.25, 0.25]


def test_a_name_that_is_the_forger_s_own(make_dicom: Callable[..., bytes], tmp_path: Path) -> None:
    path = tmp_path / "image.dcm"
    path.write_bytes(make_dicom(PatientName="Forged^Name"))
    assert _read(tamper("identity", path).to_bytes()).PatientName != "Forged^Name"


def test_transplant_onto_a_donor(site: Site, chest: Path, donor: Path) -> None:
    forged = tamper("transplant", chest, donor=donor)
    assert np.array_equal(_samples(forged.to_bytes()), _samples(donor))
    assert _read(forged.to_bytes()).PatientID == "P-2"
    assert _verdict(site, forged).word is Word.ALTERED


def test_a_transplanted_mirror_image_is_another_patient(chest: Path) -> None:
    forged = tamper("transplant", chest)
    (before,), (after,) = _samples(chest), _samples(forged.to_bytes())
    assert np.array_equal(after, before[:, ::-1])
    one, other = pydicom.dcmread(chest), _read(forged.to_bytes())
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "PatientID", "PatientName"):
        assert one[keyword].value != other[keyword].value
    assert other.file_meta.MediaStorageSOPInstanceUID == other.SOPInstanceUID


def test_a_lossy_copy_says_what_it_is(chest: Path) -> None:
    copy = _read(tamper("lossy", chest).to_bytes())
    source = pydicom.dcmread(chest)
    assert copy.file_meta.TransferSyntaxUID == pydicom.uid.JPEG2000
    assert copy.ImageType[0] == "DERIVED"
    assert copy.LossyImageCompression == "01"
    assert copy.SOPInstanceUID != source.SOPInstanceUID
    assert copy.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    (before,), (after,) = _samples(chest), _samples(tamper("lossy", chest).to_bytes())
    error = np.abs(after.astype(int) - before.astype(int))
    assert 0 < error.max() < 0.05 * 4095


def test_a_screenshot_is_what_a_screen_shows(chest: Path, tmp_path: Path) -> None:
    forged = tamper("screenshot", chest)
    capture = _read(forged.to_bytes())
    assert capture.SOPClassUID == pydicom.uid.SecondaryCaptureImageStorage
    assert (capture.BitsStored, capture.Rows, capture.Columns) == (8, 640, 576)
    assert capture.StudyInstanceUID == pydicom.dcmread(chest).StudyInstanceUID
    assert "ImageLaterality" not in capture
    forged.write(tmp_path / "shot.png")
    assert np.array_equal(read_picture(tmp_path / "shot.png"), capture.pixel_array)


def test_a_large_screenshot_is_smaller(make_dicom: Callable[..., bytes], tmp_path: Path) -> None:
    path = tmp_path / "image.dcm"
    path.write_bytes(make_dicom(np.tile(_radiograph(seed=4), (2, 3))))
    capture = _read(tamper("screenshot", path).to_bytes())
    assert (capture.Rows, capture.Columns) == (759, 1024)


def test_the_mark_is_in_the_png(site: Site, chest: Path, tmp_path: Path) -> None:
    tamper("screenshot", chest).write(tmp_path / "shot.png")
    reading = watermark.detect(read_picture(tmp_path / "shot.png"), key=site.mark_key)
    assert reading is not None
    records = site.records()
    with records.log:
        assert records.log.events(reading.payload)


def test_nothing_is_overwritten(chest: Path, tmp_path: Path) -> None:
    forged = tamper("screenshot", chest)
    for name in ("shot.png", "shot.dcm"):
        path = tmp_path / name
        path.write_bytes(b"mine")
        with pytest.raises(UsageError, match="exists already"):
            forged.write(path)
        assert path.read_bytes() == b"mine"
        forged.write(path, overwrite=True)
        assert path.stat().st_size > 1000


def test_only_a_screenshot_can_be_a_picture(chest: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a PNG"):
        tamper("strip", chest).write(tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("name", VARIETY)
def test_whatever_the_samples_are(
    site: Site, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    path = _sealed(site, IMAGES / name, tmp_path_factory)
    pixels = _samples(path)
    middle = len(pixels) // 2
    done = 0
    for kind in KINDS:
        try:
            forged = tamper(kind, path)
        except UsageError:
            continue
        verdict = _verdict(site, forged)
        if kind in ("lossy", "screenshot"):
            # unmarked; of small 8-bit colour a screenshot is exact
            assert verdict.word in (Word.UNSEALED, Word.STRIPPED), kind
        else:
            assert verdict.word is MUST_BE[kind], kind
        if kind in ("lesion", "erase", "pixel"):
            assert {region.frame for region in verdict.regions} == {middle}, kind
            after = _samples(forged.to_bytes())
            same = [np.array_equal(a, b) for a, b in zip(pixels, after, strict=True)]
            assert same == [number != middle for number in range(len(pixels))], kind
        done += 1
    assert done >= 6


@pytest.mark.parametrize("bits", [32, 64])
def test_floating_point(
    site: Site,
    make_dicom: Callable[..., bytes],
    edit: Callable[..., bytes],
    tmp_path_factory: pytest.TempPathFactory,
    bits: int,
) -> None:
    values = (_radiograph(seed=5)[:96, :80] / 4095).astype(f"<f{bits // 8}")

    def change(dataset: Dataset) -> None:
        for keyword in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
            del dataset[keyword]
        dataset.Rows, dataset.Columns = values.shape
        dataset.BitsAllocated = bits
        name = "FloatPixelData" if bits == 32 else "DoubleFloatPixelData"
        setattr(dataset, name, values.tobytes())

    path = _sealed(site, edit(make_dicom(), change), tmp_path_factory)
    for kind in ("lesion", "erase", "pixel", "transplant"):
        assert _verdict(site, tamper(kind, path)).word is Word.ALTERED, kind
    assert np.count_nonzero(_samples(tamper("pixel", path).to_bytes())[0] != values) == 1
    assert tamper("screenshot", path).picture is not None
    with pytest.raises(UsageError, match="compressed lossy"):
        tamper("lossy", path)


@pytest.mark.parametrize("kind", ["lesion", "erase", "pixel", "transplant", "lossy", "screenshot"])
def test_no_pixels(site: Site, tmp_path_factory: pytest.TempPathFactory, kind: str) -> None:
    path = _sealed(site, IMAGES / "rtplan.dcm", tmp_path_factory)
    with pytest.raises(UsageError, match="no pixels"):
        tamper(kind, path)


@pytest.mark.parametrize("kind", ["strip", "transplant"])
def test_no_seal(kind: str) -> None:
    with pytest.raises(UsageError, match="carries no seal"):
        tamper(kind, IMAGES / "CT_small.dcm")


def test_a_seal_that_cannot_be_read(chest: Path, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(chest)
    del dataset[0x5253, 0x1002]
    dataset.save_as(tmp_path / "broken.dcm")
    with pytest.raises(UsageError, match="seal cannot be read"):
        tamper("transplant", tmp_path / "broken.dcm")


def test_what_makes_no_sense(chest: Path, tmp_path: Path, make_dicom: Callable[..., bytes]) -> None:
    with pytest.raises(UsageError, match="there is no forgery 'magic'; there are lesion"):
        tamper("magic", chest)
    with pytest.raises(UsageError, match="needs no donor"):
        tamper("pixel", chest, donor=chest)
    with pytest.raises(UsageError, match="same image"):
        tamper("transplant", chest, donor=chest)
    flat = tmp_path / "flat.dcm"
    flat.write_bytes(make_dicom(np.full((64, 64), 7, np.uint16)))
    with pytest.raises(UsageError, match="nothing to erase"):
        tamper("erase", flat)
    small = tmp_path / "small.dcm"
    small.write_bytes(make_dicom(np.full((4, 4), 7, np.uint16)))
    with pytest.raises(UsageError, match="too small"):
        tamper("lesion", small)


def _read(data: bytes) -> Dataset:
    from io import BytesIO

    dataset = pydicom.dcmread(BytesIO(data))
    assert text(dataset.file_meta, 0x00020003) == dataset.SOPInstanceUID
    return dataset
