"""Pictures: windows, inversion, palettes and colour as a viewer shows them; PNG without help."""

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydicom.dataset import Dataset

from provenance import UnreadableError, UsageError
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import Instance, read_instance
from provenance.pictures.palette import Palette
from provenance.pictures.picture import (
    Look,
    as_rgb,
    enlarge,
    read_frame,
    render,
    show,
    shrink,
    take_look,
)
from provenance.pictures.png import png_bytes

IMAGES = Path(pydicom.data.__file__).parent / "test_files"
RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)

Make = Callable[..., bytes]


def look_at(data: bytes) -> Look:
    instance = read_instance(data)
    geometry = pixel_geometry(instance)
    assert geometry is not None
    return take_look(instance, read_frame(instance, geometry), geometry)


class TestLook:
    def test_the_file_s_window(self, make_dicom: Make) -> None:
        look = look_at(make_dicom(RAMP, WindowCenter="1000.5", WindowWidth="401"))
        assert (look.low, look.high) == (800, 1200)

    def test_the_window_is_in_rescaled_values(self, make_dicom: Make) -> None:
        data = make_dicom(
            RAMP,
            WindowCenter="40.5",
            WindowWidth="101",
            RescaleSlope="2",
            RescaleIntercept="-1024",
        )
        look = look_at(data)
        assert (look.low, look.high) == ((-10 + 1024) / 2, (90 + 1024) / 2)

    def test_a_window_wider_than_the_samples_does_not_count(self, make_dicom: Make) -> None:
        look = look_at(make_dicom(RAMP, WindowCenter="5000", WindowWidth="30000"))
        assert look.low == pytest.approx(np.percentile(RAMP, 0.5))
        assert look.high == pytest.approx(np.percentile(RAMP, 99.5))

    @pytest.mark.parametrize("width", ["0", "-5", "1e9999"])
    def test_a_window_that_is_none(
        self, make_dicom: Make, edit: Callable[..., bytes], width: str
    ) -> None:
        raw = pydicom.dataelem.RawDataElement(
            pydicom.tag.Tag(0x00281051), "DS", len(width), width.encode(), 0, False, True
        )
        data = edit(
            make_dicom(RAMP, WindowCenter="100"), lambda dataset: dataset.__setitem__(raw.tag, raw)
        )
        assert look_at(data).high > 4000

    def test_a_centre_without_a_width(self, make_dicom: Make) -> None:
        assert look_at(make_dicom(RAMP, WindowCenter="100")).high > 4000

    def test_background_does_not_widen_the_range(self, make_dicom: Make) -> None:
        samples = RAMP // 16 + 2000
        samples[:40] = 0
        assert look_at(make_dicom(samples)).low > 2000

    def test_monochrome1_is_shown_light_where_it_is_low(self, make_dicom: Make) -> None:
        data = make_dicom(RAMP, PhotometricInterpretation="MONOCHROME1")
        picture = render(read_instance(data))
        assert picture[0, 0] == 255
        assert picture[-1, -1] == 0

    @pytest.mark.parametrize("groups", ["Shared", "PerFrame"])
    def test_a_window_in_functional_groups(self, make_dicom: Make, groups: str) -> None:
        window, rescale, group = Dataset(), Dataset(), Dataset()
        window.WindowCenter, window.WindowWidth = "1000.5", "401"
        rescale.RescaleSlope, rescale.RescaleIntercept = "1", "-500"
        group.FrameVOILUTSequence = [window]
        group.PixelValueTransformationSequence = [rescale]
        look = look_at(make_dicom(RAMP, **{f"{groups}FunctionalGroupsSequence": [group]}))
        assert (look.low, look.high) == (1300, 1700)


class TestShow:
    def test_ends(self) -> None:
        samples = np.array([[-5, 0, 50, 100, 900]])
        assert show(samples, Look(0, 100, False, "grey")).tolist() == [[0, 0, 128, 255, 255]]
        assert show(samples, Look(0, 100, True, "grey")).tolist() == [[255, 255, 128, 0, 0]]

    def test_no_number_is_black(self) -> None:
        samples = np.array([[np.nan, 1.0]], np.float32)
        assert show(samples, Look(0, 1, False, "grey")).tolist() == [[0, 255]]

    def test_ybr(self) -> None:
        samples = np.array([[[76, 85, 255], [150, 44, 21], [29, 255, 107]]], np.uint8)
        picture = show(samples, Look(0, 255, False, "ybr"))
        wanted = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]])
        assert np.abs(picture.astype(int) - wanted).max() <= 2

    @pytest.mark.parametrize("name", ["examples_palette.dcm", "examples_rgb_color.dcm"])
    def test_colour_as_pydicom_shows_it(self, name: str) -> None:
        dataset = pydicom.dcmread(IMAGES / name)
        wanted = dataset.pixel_array
        if dataset.PhotometricInterpretation == "PALETTE COLOR":
            wanted = pydicom.pixels.apply_color_lut(wanted, dataset) >> 8
        assert np.array_equal(render(read_instance(IMAGES / name)), wanted)

    def test_supplemental_palette(self) -> None:
        palette = Palette(first=10, colours=np.array([[1, 2, 3], [4, 5, 6]], np.uint8))
        samples = np.array([[9, 10, 11, 12]])
        picture = show(samples, Look(0, 20, False, "grey", palette))
        assert picture.tolist() == [[[115] * 3, [1, 2, 3], [4, 5, 6], [4, 5, 6]]]

    def test_a_frame_that_is_not_there(self) -> None:
        instance = read_instance(IMAGES / "rtdose.dcm")
        with pytest.raises(UsageError, match="there is no frame 15: the image has 15"):
            render(instance, 15)

    def test_no_pixels(self) -> None:
        with pytest.raises(UsageError, match="no pixels"):
            render(read_instance(IMAGES / "rtplan.dcm"))

    def test_every_image_that_decodes_can_be_shown(self) -> None:
        shown = 0
        for path in sorted(IMAGES.glob("*.dcm")):
            instance = _decodable(path)
            if instance is None:
                continue
            geometry = pixel_geometry(instance)
            assert geometry is not None
            picture = render(instance)
            assert picture.dtype == np.uint8, path.name
            assert picture.shape[:2] == (geometry.rows, geometry.columns), path.name
            shown += 1
        assert shown > 50


class TestSize:
    def test_shrinking_keeps_means(self) -> None:
        picture = np.array([[0, 100, 200, 0], [0, 100, 200, 40]], np.uint8)
        assert shrink(picture, longest=2).tolist() == [[50, 110]]

    @pytest.mark.parametrize(("longest", "shape"), [(50, (50, 30)), (100, (100, 60)), (7, (7, 4))])
    def test_shrinking_keeps_the_aspect(self, longest: int, shape: tuple[int, int]) -> None:
        assert shrink(np.zeros((100, 60), np.uint8), longest=longest).shape == shape

    def test_colour(self) -> None:
        picture = np.zeros((30, 40, 3), np.uint8) + np.array([1, 2, 3], np.uint8)
        assert np.unique(shrink(picture, longest=10).reshape(-1, 3), axis=0).tolist() == [[1, 2, 3]]

    def test_enlarging_repeats_pixels(self) -> None:
        picture = np.array([[1, 2]], np.uint8)
        assert enlarge(picture, least=3).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2]]
        assert enlarge(picture, least=2).shape == (1, 2)
        assert as_rgb(picture).shape == (1, 2, 3)


class TestPng:
    @given(
        arrays(
            np.uint8,
            st.one_of(
                st.tuples(st.integers(1, 9), st.integers(1, 9)),
                st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)),
            ),
        )
    )
    def test_another_reader_sees_the_same(self, picture: np.ndarray) -> None:
        codecs = pytest.importorskip("imagecodecs")
        assert np.array_equal(codecs.png_decode(png_bytes(picture)), picture)

    def test_smooth_pictures_are_filtered(self) -> None:
        y, x = np.mgrid[0:200, 0:200]
        picture = ((x + y) // 2).astype(np.uint8)
        assert len(png_bytes(picture)) < len(zlib.compress(picture.tobytes(), 9)) / 3

    @pytest.mark.parametrize(
        "picture",
        [
            np.zeros((2, 2), np.uint16),
            np.zeros((2, 2, 4), np.uint8),
            np.zeros(4, np.uint8),
            np.zeros((0, 2), np.uint8),
        ],
    )
    def test_what_is_no_picture(self, picture: np.ndarray) -> None:
        with pytest.raises(UsageError):
            png_bytes(picture)


def _decodable(path: Path) -> Instance | None:
    try:
        instance = read_instance(path)
        geometry = pixel_geometry(instance)
        if geometry is not None:
            next(frames(instance, geometry))
    except UnreadableError:
        return None
    return instance if geometry is not None else None
