"""Verdicts on what is left when DICOM is gone, and on copies that are smaller or recompressed."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import SecondaryCaptureImageStorage, generate_uid

from provenance import Outcome, Status, UnreadableError, Word, verify
from provenance.findings import Code
from provenance.forgeries.tamper import tamper
from provenance.image_tree import Region, Witness

if TYPE_CHECKING:
    from conftest import Original

Encode = Callable[..., bytes]
Edit = Callable[..., bytes]
DISC = (560, 400, 60)  # column, row, radius of what is painted


def smaller(shown: np.ndarray, share: float) -> np.ndarray:
    """Scale as viewers do."""
    size = round(shown.shape[1] * share), round(shown.shape[0] * share)
    return np.asarray(Image.fromarray(shown).resize(size, Image.Resampling.LANCZOS))


def painted(shown: np.ndarray) -> np.ndarray:
    """Paint an opaque lesion, with a grain of its own."""
    column, row, radius = DISC
    y, x = np.mgrid[0 : shown.shape[0], 0 : shown.shape[1]]
    inside = np.hypot(y - row, x - column) < radius
    here = float(shown[inside].mean())
    grain = np.random.default_rng(7).normal(here + (60 if here < 128 else -60), 3, shown.shape)
    return np.where(inside, np.clip(grain, 0, 255), shown).astype(np.uint8)


def covers(region: Region, *, scale: float = 1.0) -> bool:
    """Whether a region holds most of the painted disc and not much more."""
    column, row, radius = (v * scale for v in DISC)
    left, right = region.x, region.x + region.w
    top, bottom = region.y, region.y + region.h
    width = min(right, column + radius) - max(left, column - radius)
    height = min(bottom, row + radius) - max(top, row - radius)
    held = max(width, 0) * max(height, 0)
    return held > 0.4 * (2 * radius) ** 2 and region.w * region.h < 4 * (2 * radius) ** 2


COPIES: dict[str, Callable[["Original", Encode], bytes]] = {
    "PNG": lambda o, encode: encode(o.shown, "PNG"),
    "JPEG 75": lambda o, encode: encode(o.shown, "JPEG", quality=75),
    "JPEG 50": lambda o, encode: encode(o.shown, "JPEG", quality=50),
    "TIFF of 16 bits": lambda o, encode: encode(o.samples, "TIFF"),
    "PNG of 16 bits": lambda o, encode: encode(o.samples, "PNG"),
    "big endian TIFF": lambda o, encode: encode(o.samples.astype(">u2"), "TIFF"),
    "half size": lambda o, encode: encode(smaller(o.shown, 0.5), "JPEG", quality=85),
    "one and a half": lambda o, encode: encode(smaller(o.shown, 1.5), "PNG"),
    "inverted": lambda o, encode: encode(255 - o.shown, "JPEG", quality=75),
    "gamma": lambda o, encode: encode((255 * (o.shown / 255) ** 0.5).astype(np.uint8), "PNG"),
    "in colour": lambda o, encode: encode(np.stack([o.shown] * 3, axis=2), "JPEG", quality=85),
    "with alpha": lambda o, encode: encode(
        np.stack([o.shown] * 3 + [np.full_like(o.shown, 255)], axis=2), "PNG"
    ),
}


@pytest.mark.parametrize("kind", COPIES)
def test_a_picture_of_a_sealed_image_is_derived(
    chest: "Original", encode: Encode, kind: str
) -> None:
    verdict = chest.judge(COPIES[kind](chest, encode))
    assert verdict.word is Word.DERIVED, verdict.checks
    assert (verdict.trust, verdict.custody) == (Outcome.PROVEN, Outcome.PROVEN)
    assert verdict.integrity is Outcome.UNKNOWN
    assert verdict.regions == ()
    assert verdict.seal_id == chest.judge(chest.path).seal_id
    assert verdict.signer == "here device"
    assert verdict.log_index is not None
    codes = {c.code for c in verdict.checks}
    assert {Code.PICTURE, Code.SEAL_FROM_MARK, Code.MARK_READ, Code.COPY_CONSISTENT} <= codes
    assert not [c for c in verdict.checks if c.status is Status.FAIL]


def test_by_path(chest: "Original", encode: Encode, tmp_path: Path) -> None:
    path = tmp_path / "shot.dat"
    path.write_bytes(encode(chest.shown, "PNG"))
    assert chest.judge(path).word is Word.DERIVED
    with pytest.raises(FileNotFoundError):
        chest.judge(tmp_path / "none.png")


@pytest.mark.parametrize("scale", [1.0, 0.5])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_painted_lesion_is_located(
    chest: "Original", encode: Encode, kind: str, scale: float
) -> None:
    how = {"quality": 75} if kind == "JPEG" else {}
    forged = encode(smaller(painted(chest.shown), scale), kind, **how)
    verdict = chest.judge(forged)
    assert verdict.word is Word.ALTERED, verdict.checks
    assert verdict.integrity is Outcome.REFUTED
    assert any(covers(r, scale=scale) for r in verdict.regions), verdict.regions
    assert {r.witness for r in verdict.regions} <= {Witness.PRESENCE, Witness.THUMBNAIL}


def test_a_transplanted_mark_is_not_a_copy(
    chest: "Original", other_chest: "Original", encode: Encode
) -> None:
    """The copy attack: the mark's estimate, added to another image."""
    marked = chest.samples.astype(np.int32)
    original = body_of(chest)
    foreign = np.clip(body_of(other_chest) + 2 * (marked - original), 0, 4095)
    verdict = chest.judge(encode(foreign.astype(np.uint16), "PNG"))
    assert Code.MARK_READ in {c.code for c in verdict.checks}
    assert verdict.word is Word.ALTERED
    (region,) = verdict.regions
    assert (region.w, region.h, region.witness) == (896, 1024, Witness.THUMBNAIL)


def body_of(original: "Original") -> np.ndarray:
    """Return the samples before they were marked."""
    from provenance import restore

    restored = restore(original.path, mark_key=original.site.mark_key).to_bytes()
    return pydicom.dcmread(BytesIO(restored)).pixel_array.astype(np.int32)


def test_an_unmarked_picture_is_unsealed(chest: "Original", encode: Encode) -> None:
    chance = np.random.default_rng(5)
    verdict = chest.judge(encode(chance.integers(0, 255, (400, 300), dtype=np.uint8), "PNG"))
    assert verdict.word is Word.UNSEALED
    assert {Code.PICTURE, Code.NO_MARK} <= {c.code for c in verdict.checks}
    assert not [c for c in verdict.checks if c.status is Status.FAIL]


def test_without_a_key_it_is_unsealed(chest: "Original", encode: Encode) -> None:
    verdict = verify(encode(chest.shown, "PNG"), trust=chest.site.trust)
    assert verdict.word is Word.UNSEALED
    assert Code.MARK_NOT_SOUGHT in {c.code for c in verdict.checks}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_a_damaged_picture_is_unreadable(chest: "Original", encode: Encode, kind: str) -> None:
    data = encode(chest.shown, kind)
    assert chest.judge(data[: len(data) // 50]).word is Word.UNREADABLE
    assert chest.judge(data[: len(data) * 2 // 3]).word is Word.UNREADABLE
    assert chest.judge(data[:20]).word is Word.UNREADABLE


def test_no_ledger_is_not_checked(chest: "Original", encode: Encode) -> None:
    verdict = verify(
        encode(chest.shown, "PNG"), trust=chest.site.trust, mark_key=chest.site.mark_key
    )
    assert verdict.word is Word.NOT_CHECKED
    assert Code.SEAL_OUT_OF_REACH in {c.code for c in verdict.checks}
    assert verdict.seal_id is not None
    assert (verdict.trust, verdict.custody) == (Outcome.UNKNOWN, Outcome.UNKNOWN)


def test_an_annex_that_was_erased_is_not_checked(
    chest: "Original", encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger import Log

    monkeypatch.setattr(Log, "annex", lambda *_: None)
    verdict = chest.judge(encode(chest.shown, "PNG"))
    assert verdict.word is Word.NOT_CHECKED
    (check,) = (c for c in verdict.checks if c.code is Code.SEAL_OUT_OF_REACH)
    assert "annex is gone" in check.detail


def test_a_seal_that_the_ledger_lacks_is_not_checked(
    chest: "Original", encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger import Log

    monkeypatch.setattr(Log, "events", lambda *_: ())
    verdict = chest.judge(encode(chest.shown, "PNG"))
    assert verdict.word is Word.NOT_CHECKED
    (check,) = (c for c in verdict.checks if c.code is Code.SEAL_OUT_OF_REACH)
    assert "does not hold" in check.detail


def test_a_ledger_that_cannot_be_read_is_not_checked(
    chest: "Original", encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger import Log, StoreError

    def refuse(*_: object) -> None:
        raise StoreError("damaged")

    monkeypatch.setattr(Log, "events", refuse)
    verdict = chest.judge(encode(chest.shown, "PNG"))
    assert verdict.word is Word.NOT_CHECKED
    assert Code.LEDGER_UNREACHABLE in {c.code for c in verdict.checks}


def test_a_stranger_does_not_trust_it(chest: "Original", encode: Encode, stranger: object) -> None:
    records = chest.site.records()
    with records.log:
        verdict = verify(
            encode(chest.shown, "PNG"),
            trust=stranger.trust,  # type: ignore[attr-defined]
            records=records,
            mark_key=chest.site.mark_key,
        )
    assert verdict.word is Word.UNTRUSTED


def test_of_several_pages_the_first_is_judged(chest: "Original") -> None:
    buffer = BytesIO()
    blank = Image.fromarray(np.zeros((50, 50), np.uint8))
    Image.fromarray(chest.shown).save(buffer, "TIFF", save_all=True, append_images=[blank])
    verdict = chest.judge(buffer.getvalue())
    assert verdict.word is Word.DERIVED
    assert any("more than one picture" in note for note in verdict.notes)


def test_a_dicom_object_with_a_tiff_preamble_is_a_dicom_object(chest: "Original") -> None:
    data = b"II*\0" + chest.path.read_bytes()[4:]
    assert chest.judge(data).word is Word.AUTHENTIC


def secondary_capture(original: "Original", levels: np.ndarray, edit: Edit) -> bytes:
    """Put levels into a Secondary Capture that says nothing of where they come from."""

    def change(dataset: pydicom.Dataset) -> None:
        for element in list(dataset):
            if element.tag.group not in (0x0010, 0x0028, 0x7FE0):
                del dataset[element.tag]
        del dataset.PixelSpacing
        dataset.SOPClassUID = SecondaryCaptureImageStorage
        dataset.SOPInstanceUID = generate_uid()
        dataset.StudyInstanceUID = generate_uid()
        dataset.SeriesInstanceUID = generate_uid()
        dataset.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.Modality = "OT"
        dataset.Rows, dataset.Columns = levels.shape
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
        dataset.PixelData = levels.tobytes() + bytes(levels.size % 2)

    return edit(original.path.read_bytes(), change)


@pytest.mark.parametrize("scale", [1.0, 0.6])
def test_a_secondary_capture(chest: "Original", edit: Edit, scale: float) -> None:
    verdict = chest.judge(secondary_capture(chest, smaller(chest.shown, scale), edit))
    assert verdict.word is Word.DERIVED, verdict.checks
    assert Code.GEOMETRY_DIFFERS in {c.code for c in verdict.checks} or scale == 1.0
    forged = chest.judge(secondary_capture(chest, smaller(painted(chest.shown), scale), edit))
    assert forged.word is Word.ALTERED
    assert any(covers(r, scale=scale) for r in forged.regions), forged.regions


def test_a_lossy_copy(chest: "Original", tmp_path: Path) -> None:
    assert chest.judge(tamper("lossy", chest.path).to_bytes()).word is Word.DERIVED


def test_a_lossy_copy_with_a_lesion(chest: "Original", edit: Edit, tmp_path: Path) -> None:
    def paint(dataset: pydicom.Dataset) -> None:
        levels = dataset.pixel_array
        eight = painted((levels >> 4).astype(np.uint8))
        changed = np.where(eight == levels >> 4, levels, eight.astype(np.uint16) << 4)
        dataset.PixelData = changed.tobytes()

    path = tmp_path / "forged.dcm"
    path.write_bytes(edit(chest.path.read_bytes(), paint))
    verdict = chest.judge(tamper("lossy", path).to_bytes())
    assert verdict.word is Word.ALTERED, verdict.checks
    assert any(covers(r) for r in verdict.regions), verdict.regions
    assert Witness.TILES not in {r.witness for r in verdict.regions}


def test_a_carrier_whose_seal_names_another_size_is_altered(chest: "Original", edit: Edit) -> None:
    half = smaller(chest.shown, 0.5)

    def shrink(dataset: pydicom.Dataset) -> None:
        dataset.Rows, dataset.Columns = half.shape
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
        dataset.PixelData = half.tobytes()

    assert chest.judge(edit(chest.path.read_bytes(), shrink)).word is Word.ALTERED


def test_a_crop_too_small_to_compare_is_not_checked(
    chest: "Original", encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mark alone makes no copy: here it is read as if from a corner of the sealed image."""
    import watermark
    from watermark import Placement, Reading

    whole = watermark.detect(chest.shown, key=chest.site.mark_key)
    assert whole is not None

    def corner(image: object, *, key: bytes, seconds: float) -> Reading:
        return replace(whole, placement=Placement((1, 0, -800, 0, 1, -900, 0, 0, 1)))

    def everywhere(image: object, reading: Reading, **_: object) -> object:
        cells = np.zeros((64, 56), np.bool_)
        return watermark.Presence(cells, cells, ~cells, cells.astype(np.float64), reading.placement)

    monkeypatch.setattr(watermark, "search", corner)
    monkeypatch.setattr(watermark, "presence", everywhere)
    verdict = chest.judge(encode(chest.shown[900:, 800:], "PNG"))
    assert verdict.word is Word.NOT_CHECKED
    (check,) = (c for c in verdict.checks if c.code is Code.COPY_NOT_COMPARED)
    assert "needed" in check.detail
    assert "11% of it is shown" not in check.detail


def test_a_mirrored_picture_says_so(
    chest: "Original", edit: Edit, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    import watermark

    mirror = np.ascontiguousarray(chest.shown[:, ::-1])
    straight = watermark.detect(chest.shown, key=chest.site.mark_key)
    assert straight is not None
    scale = 1024 / 1024
    turned = replace(
        straight, placement=watermark.Placement((-scale, 0, 896, 0, scale, 0, 0, 0, 1))
    )
    look = watermark.presence
    monkeypatch.setattr(watermark, "search", lambda *_, **__: turned)

    def presence(image: np.ndarray, reading: object, **how: object) -> object:
        there = look(np.ascontiguousarray(image[:, ::-1]), straight, **how)  # type: ignore[arg-type]
        return replace(there, placement=turned.placement)

    monkeypatch.setattr(watermark, "presence", presence)
    verdict = chest.judge(encode(mirror, "PNG"))
    assert verdict.word is Word.DERIVED, verdict.checks
    assert Code.MIRRORED in {c.code for c in verdict.checks}
    assert chest.judge(secondary_capture(chest, mirror, edit)).word is Word.ALTERED


def test_pictures_are_never_other_errors() -> None:
    from provenance.pictures.picture_file import read_picture_file

    for head in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*"):
        for tail in (b"", bytes(8), bytes(200), b"\xff" * 300):
            with pytest.raises(UnreadableError):
                read_picture_file(head + tail)
