"""Multi-frame objects: one mark over all frames, sealed, verified, copied and restored."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.uid import RLELossless

from provenance import EvidenceError, Sealed, SealError, Site, Verdict, Word, restore, seal, verify
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.image_tree import PixelGeometry
from provenance.marks.marking import MAX_FRAMES, MAX_SAMPLES, Unmarked, cannot_carry, choose_profile
from watermark.volume_reading import detect_frame, detect_volume, frame_margins

FRAMES = 10
MakeDicom = Callable[..., bytes]


def cine(count: int = FRAMES, side: int = 512) -> np.ndarray:
    """Still anatomy and a moving shadow under fresh noise: frames of 12 bits."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    body = 0.5 + 0.2 * np.cos(4 * x + 1) * np.cos(5 * y)
    made = np.empty((count, side, side), np.uint16)
    for number in range(count):
        shadow = 0.1 * np.exp(-20 * ((x - number / count) ** 2 + y * y))
        grain = np.random.default_rng(number).normal(0, 0.006, body.shape)
        made[number] = np.clip(np.rint((body - shadow + grain) * 4095), 0, 4095)
    return made


def many(make_dicom: MakeDicom, pixels: np.ndarray, **attributes: object) -> bytes:
    """Return a multi-frame object."""
    return make_dicom(
        pixels[0],
        NumberOfFrames=len(pixels),
        PixelData=pixels.tobytes(),
        **{"Modality": "XA", **attributes},
    )


def planes(data: bytes | Path) -> list[np.ndarray]:
    instance = read_instance(data)
    geometry = pixel_geometry(instance)
    assert geometry is not None
    return [np.asarray(frame) for frame in frames(instance, geometry)]


def jpeg(frame: np.ndarray, level: int) -> np.ndarray:
    shown = (frame // 16).astype(np.uint8)
    return np.asarray(imagecodecs.jpeg_decode(imagecodecs.jpeg_encode(shown, level=level)))


@dataclass(frozen=True)
class Kept:
    """A sealed loop, before and after."""

    before: np.ndarray
    sealed: Sealed
    data: bytes
    site: Site

    def judge(self, source: bytes) -> Verdict:
        records = self.site.records()
        with records.log:
            return verify(
                source, trust=self.site.trust, records=records, mark_key=self.site.mark_key
            )


@pytest.fixture(scope="module")
def loop(site: Site, make_dicom: MakeDicom) -> Kept:
    before = cine()
    with site.device() as device:
        sealed = seal(many(make_dicom, before), device=device)
    return Kept(before, sealed, sealed.to_bytes(), site)


class TestSealing:
    def test_all_frames_are_marked_and_signed(self, loop: Kept) -> None:
        volume = loop.sealed.volume
        assert volume is not None
        assert (loop.sealed.mark, loop.sealed.unmarked) == (None, None)
        assert volume.payload == loop.sealed.seal_id
        assert len(volume.margins) == FRAMES
        assert volume.margin > max(volume.margins) > 1
        changed = [(a != b).any() for a, b in zip(loop.before, planes(loop.data), strict=True)]
        assert all(changed)
        assert loop.judge(loop.data).word is Word.AUTHENTIC

    def test_one_sample_of_one_frame_is_noticed(self, loop: Kept) -> None:
        dataset = pydicom.dcmread(BytesIO(loop.data))
        pixels = dataset.pixel_array.copy()
        pixels[7, 300, 200] ^= 1
        dataset.PixelData = pixels.tobytes()
        buffer = BytesIO()
        dataset.save_as(buffer)
        verdict = loop.judge(buffer.getvalue())
        assert verdict.word is Word.ALTERED
        assert {region.frame for region in verdict.regions} == {7}

    def test_frames_too_flat_stay_and_others_carry(self, site: Site, make_dicom: MakeDicom) -> None:
        before = cine(5)
        before[2] = 100
        with site.device() as device:
            sealed = seal(many(make_dicom, before), device=device)
        assert sealed.volume is not None
        assert [margin == 0 for margin in sealed.volume.margins] == [0, 0, 1, 0, 0]
        assert (planes(sealed.to_bytes())[2] == 100).all()
        again = restore(sealed.to_bytes(), mark_key=site.mark_key)
        np.testing.assert_array_equal(planes(again.to_bytes()), before)

    def test_flat_frames_are_sealed_unmarked_or_refused(
        self, site: Site, make_dicom: MakeDicom
    ) -> None:
        data = many(make_dicom, np.full((3, 128, 128), 9, np.uint16))
        with site.device() as device:
            sealed = seal(data, device=device)
            assert sealed.volume is None
            assert "cannot carry" in (sealed.unmarked or "")
            with pytest.raises(SealError):
                seal(data, device=device, profile="radiograph")

    def test_slices_of_a_scanner_are_marked_only_if_asked(
        self, site: Site, make_dicom: MakeDicom
    ) -> None:
        data = many(make_dicom, cine(3, 256), Modality="CT")
        with site.device() as device:
            plain = seal(data, device=device)
            asked = seal(data, device=device, profile="cross-section")
        assert plain.volume is None
        assert plain.unmarked == "multi-frame images of modality CT are sealed unmarked"
        assert asked.volume is not None


class TestRestoring:
    def test_bit_for_bit(self, loop: Kept) -> None:
        again = restore(loop.data, mark_key=loop.site.mark_key)
        assert again.was_marked
        np.testing.assert_array_equal(planes(again.to_bytes()), loop.before)

    def test_not_with_another_key(self, loop: Kept) -> None:
        with pytest.raises(EvidenceError):
            restore(loop.data, mark_key=bytes(32))

    @pytest.mark.parametrize(("dtype", "bits"), [(np.uint8, 8), (np.int16, 16), (np.uint16, 16)])
    def test_any_depth_and_sign(
        self, site: Site, make_dicom: MakeDicom, dtype: type, bits: int
    ) -> None:
        before = cine(3, 320)
        before = (before // 16 if bits == 8 else before.astype(np.int32) - 900).astype(dtype)
        if bits == 16 and dtype is np.uint16:
            before = (cine(3, 320) * 15).astype(np.uint16)
        with site.device() as device:
            sealed = seal(many(make_dicom, before, bits=bits), device=device)
        assert sealed.volume is not None
        again = restore(sealed.to_bytes(), mark_key=site.mark_key)
        np.testing.assert_array_equal(planes(again.to_bytes()), before)


class TestCopies:
    def test_lossy_frames_are_read_from_their_sum(self, loop: Kept) -> None:
        copies = [jpeg(frame, 30) for frame in planes(loop.data)]
        key = loop.site.mark_key
        found = detect_volume(copies, key=key)
        assert found is not None
        assert found.reading.payload == loop.sealed.seal_id
        assert found.reading.false_alarm_log10 <= -12
        alone = list(frame_margins(copies, loop.sealed.seal_id, key=key))
        assert found.reading.score / found.reading.threshold > np.mean(alone)

    @pytest.mark.parametrize("number", [0, 6, 9])
    def test_a_single_exported_frame_reads(self, loop: Kept, number: int) -> None:
        shown = (planes(loop.data)[number] // 16).astype(np.uint8)
        found = detect_frame(shown, key=loop.site.mark_key)
        assert found is not None
        assert found.payload == loop.sealed.seal_id


class TestVerifyingCopies:
    @pytest.mark.parametrize("number", [0, 6, 9])
    def test_a_png_of_any_frame_leads_to_the_seal(self, loop: Kept, number: int) -> None:
        verdict = loop.judge(_png(planes(loop.data)[number]))
        assert verdict.seal_id == loop.sealed.seal_id
        assert verdict.word is Word.NOT_CHECKED  # nothing says which frame to compare it with

    def test_lossy_frames_under_another_uid_lead_to_the_seal(
        self, loop: Kept, make_dicom: MakeDicom
    ) -> None:
        """No frame carries by itself; their sum does."""
        copies = np.stack([jpeg(frame, 25) for frame in planes(loop.data)])
        key = loop.site.mark_key
        assert max(frame_margins(copies, loop.sealed.seal_id, key=key)) < 1
        verdict = loop.judge(many(make_dicom, copies, bits=8, ImageType=["DERIVED", "SECONDARY"]))
        assert verdict.seal_id == loop.sealed.seal_id
        assert verdict.word is Word.NOT_CHECKED


class TestWhatIsMarked:
    @pytest.mark.parametrize(
        ("modality", "profile"),
        [("MG", "mammogram"), ("XA", "radiograph"), ("RF", "radiograph"), ("DX", "radiograph"),
         ("CR", "radiograph")],
    )  # fmt: skip
    def test_projection_x_ray(self, modality: str, profile: str) -> None:
        assert choose_profile(modality, geometry()) == profile

    @pytest.mark.parametrize("modality", ["CT", "MR", "PT", "NM", "US", "IVUS", "OT", ""])
    def test_nothing_else_by_default(self, modality: str) -> None:
        assert isinstance(choose_profile(modality, geometry()), Unmarked)
        assert cannot_carry(geometry()) is None

    def test_limits(self) -> None:
        assert cannot_carry(geometry(frames=MAX_FRAMES, rows=64, columns=64)) is None
        for beyond in (
            geometry(frames=MAX_FRAMES + 1, rows=64, columns=64),
            geometry(frames=1 + MAX_SAMPLES // 4096**2, rows=4096, columns=4096),
            geometry(colour="rgb", samples=3),
        ):
            assert cannot_carry(beyond) is not None
        assert isinstance(choose_profile("XA", geometry(lossy=True)), Unmarked)


def geometry(**changes: object) -> PixelGeometry:
    fields: dict[str, object] = {
        "rows": 512, "columns": 512, "frames": 30, "samples": 1, "bits_stored": 12,
        "signed": False, "kind": "int", "colour": "grey", "lossy": False,
    }  # fmt: skip
    return PixelGeometry(**{**fields, **changes})  # type: ignore[arg-type]


def _png(frame: np.ndarray) -> bytes:
    return bytes(imagecodecs.png_encode((frame // 16).astype(np.uint8)))


def repeated(path: Path, frames: int) -> pydicom.Dataset:
    """Return an object with so many frames: its own ones, over and over, in its own syntax
    or a native one."""
    source = pydicom.dcmread(path)
    syntax = source.file_meta.TransferSyntaxUID
    if syntax.is_compressed:
        source.decompress()
    own = len(source.PixelData) // source.NumberOfFrames
    source.PixelData = (source.PixelData * -(-frames // source.NumberOfFrames))[: own * frames]
    source.NumberOfFrames = frames
    if syntax == RLELossless:
        source.compress(syntax)
    return source


@pytest.mark.corpus
class TestRealSlices:
    @pytest.mark.parametrize(
        "name", ["emri_small.dcm", "emri_small_RLE.dcm", "emri_small_big_endian.dcm"]
    )
    def test_few_and_tiny_ones_are_refused(self, name: str, site: Site, corpus_data: Path) -> None:
        """Four slices of 64 x 64 do not reach the margin together."""
        buffer = BytesIO()
        repeated(corpus_data / "dicom_formats" / f"pydicom-data_{name}", 4).save_as(buffer)
        with site.device() as device:
            with pytest.raises(SealError, match="frames are too flat"):
                seal(buffer.getvalue(), device=device, profile="cross-section")
            assert seal(buffer.getvalue(), device=device).volume is None

    @pytest.mark.parametrize(
        "name", ["emri_small.dcm", "emri_small_RLE.dcm", "emri_small_big_endian.dcm"]
    )
    def test_more_of_them_carry_together(self, name: str, site: Site, corpus_data: Path) -> None:
        """The same slices five times over; none would carry by itself."""
        source = repeated(corpus_data / "dicom_formats" / f"pydicom-data_{name}", 50)
        syntax = source.file_meta.TransferSyntaxUID
        buffer = BytesIO()
        source.save_as(buffer)
        before = planes(buffer.getvalue())
        with site.device() as device:
            sealed = seal(buffer.getvalue(), device=device, profile="cross-section")
        assert sealed.volume is not None
        assert sealed.instance.transfer_syntax == syntax
        assert max(sealed.volume.margins) < 1 < sealed.volume.margin
        found = detect_volume(planes(sealed.to_bytes()), key=site.mark_key)
        assert found is not None
        assert found.reading.payload == sealed.seal_id
        again = restore(sealed.to_bytes(), mark_key=site.mark_key)
        np.testing.assert_array_equal(planes(again.to_bytes()), before)
