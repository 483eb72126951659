"""Writing: untouched elements keep their bytes, new samples come back exactly, files are whole."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataelem import DataElement, RawDataElement

from provenance.dicom import codecs
from provenance.dicom.instance import Instance
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.dicom.write import (
    IMPLEMENTATION_CLASS_UID,
    instance_bytes,
    set_pixels,
    write_instance,
)
from provenance.errors import SealError, UnreadableError, UsageError
from provenance.image_tree import PixelGeometry, hash_image

PIXELS = 0x7FE00010
EXPLICIT = "1.2.840.10008.1.2.1"


def path_of(name: str) -> Path:
    path = get_testdata_file(name, download=False)
    assert path, f"{name} is not among the installed test files"
    return Path(str(path))


def load(name: str) -> Instance:
    return read_instance(path_of(name))


def changed(instance: Instance) -> tuple[PixelGeometry, list[npt.NDArray[Any]]]:
    """Return the geometry and other samples: each one level further, extremes among them."""
    geometry = pixel_geometry(instance)
    assert geometry is not None
    if geometry.kind != "int":
        return geometry, [np.ascontiguousarray(f[::-1]) for f in frames(instance, geometry)]
    low, high = geometry.value_range
    others = []
    for frame in frames(instance, geometry):
        other = np.where(frame > low, frame - 1, frame + 1).astype(geometry.dtype)
        other.flat[0], other.flat[-1] = low, high
        others.append(other)
    return geometry, others


def differing(before: Instance, after: Instance) -> set[int]:
    """Return the tags whose stored bytes differ, group lengths aside."""
    raw = [
        {int(t): (e.VR, e.value) for t, e in i.dataset._dict.items() if t.element}
        for i in (before, after)
    ]
    return {tag for tag in raw[0].keys() | raw[1].keys() if raw[0].get(tag) != raw[1].get(tag)}


def assert_holds(
    written: Instance, geometry: PixelGeometry, samples: list[npt.NDArray[Any]]
) -> None:
    again = read_instance(instance_bytes(written))
    found = pixel_geometry(again)
    assert found == geometry.as_decoded()
    expected = hash_image(samples, geometry.as_decoded())
    assert hash_image(frames(again, found), found).root == expected.root


@pytest.mark.parametrize(
    "name",
    ["CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "JPEG2000.dcm",
     "rtplan.dcm", "examples_palette.dcm", "UN_sequence.dcm", "nested_priv_SQ.dcm",
     "explicit_VR-UN.dcm", "MR_small_padded.dcm", "SC_rgb_rle_16bit_2frame.dcm"],
)  # fmt: skip
def test_an_untouched_object_keeps_every_byte(name: str) -> None:
    before = path_of(name).read_bytes()
    after = instance_bytes(read_instance(before))
    assert differing(read_instance(before), read_instance(after)) == set()
    if b"\0\0UL\4\0" not in before[400:]:  # no retired group lengths
        assert after.endswith(before[-len(before) // 3 :])


def test_a_file_without_them_gains_preamble_and_meta() -> None:
    instance = load("ExplVR_LitEndNoMeta.dcm")
    written = read_instance(instance_bytes(instance))
    assert written.notes == ()
    assert written.transfer_syntax == EXPLICIT
    assert written.dataset.file_meta.MediaStorageSOPInstanceUID == instance.dataset.SOPInstanceUID
    assert written.dataset == instance.dataset
    assert len(pydicom.dcmread(pydicom.filebase.DicomBytesIO(instance_bytes(instance)))) > 10


def test_preamble_and_meta_stay_but_for_the_name_of_the_writer() -> None:
    before = load("CT_small.dcm")
    after = read_instance(instance_bytes(before))
    assert after.dataset.preamble == before.dataset.preamble
    meta = after.dataset.file_meta
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert meta.ImplementationVersionName == "RADSEAL"
    for tag in (0x00020000, 0x00020012, 0x00020013):
        before.dataset.file_meta.pop(tag, None)
        del meta[tag]
    assert meta == before.dataset.file_meta


def test_elements_that_were_set_are_encoded_the_others_copied() -> None:
    instance = load("MR_small_implicit.dcm")
    instance.dataset.PatientID = "OTHER"
    after = read_instance(instance_bytes(instance))
    assert after.dataset.PatientID == "OTHER"
    assert differing(load("MR_small_implicit.dcm"), after) == {0x00100020}


def test_implicit_elements_under_an_explicit_syntax_gain_their_vr() -> None:
    instance = load("SC_rgb_jpeg.dcm")
    assert instance.notes
    after = read_instance(instance_bytes(instance))
    assert after.notes == ()
    assert after.transfer_syntax == instance.transfer_syntax
    assert after.dataset == instance.dataset


def test_a_value_that_cannot_be_encoded_is_named() -> None:
    instance = load("CT_small.dcm")
    instance.dataset._dict[pydicom.tag.Tag(0x00280010)] = DataElement(
        0x00280010, "US", 70000, already_converted=True
    )
    with pytest.raises(SealError, match="0028,0010"):
        instance_bytes(instance)


KEPT = ["CT_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm",
        "SC_rgb_small_odd.dcm", "SC_rgb_small_odd_big_endian.dcm", "SC_rgb_expb_16bit_2frame.dcm",
        "liver_1frame.dcm", "liver_expb_1frame.dcm", "examples_palette.dcm",
        "examples_overlay.dcm", "rtdose.dcm", "color-pl.dcm", "MR_small_RLE.dcm",
        "SC_rgb_rle_2frame.dcm", "rtdose_rle_1frame.dcm",
        "SC_ybr_full_uncompressed.dcm",]  # fmt: skip
KEPT_BY_CODECS = ["MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm", "JPEG-LL.dcm",
                  "SC_rgb_jpeg_gdcm.dcm", "emri_small_jpeg_2k_lossless.dcm",
                  "emri_small_jpeg_ls_lossless.dcm", "J2K_pixelrep_mismatch.dcm",
                  "GDCMJ2K_TextGBR.dcm",]  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_new_samples_change_pixel_data_alone(name: str) -> None:
    instance = load(name)
    geometry, samples = changed(instance)
    written = set_pixels(instance, samples, geometry)
    assert_holds(written, geometry, samples)
    assert written.transfer_syntax == instance.transfer_syntax
    assert differing(instance, written) <= {PIXELS, 0x7FE00008, 0x7FE00009}
    assert differing(load(name), instance) == set(), "the instance given was changed"


@pytest.mark.parametrize("name", KEPT_BY_CODECS)
def test_new_samples_keep_a_lossless_syntax(name: str) -> None:
    pytest.importorskip("imagecodecs", reason="needs radseal[codecs]")
    instance = load(name)
    geometry, samples = changed(instance)
    written = set_pixels(instance, samples, geometry)
    assert written.transfer_syntax == instance.transfer_syntax
    assert differing(instance, written) == {PIXELS}
    assert_holds(written, geometry, samples)


@pytest.mark.parametrize(
    ("name", "label"),
    [("SC_rgb_dcmtk_+eb+cy+np.dcm", "YBR_FULL"), ("JPGExtended.dcm", "MONOCHROME2"),
     ("JPEGLSNearLossless_16.dcm", "MONOCHROME2"), ("examples_ybr_color.dcm", "YBR_FULL")],
)  # fmt: skip
def test_lossy_objects_become_native(name: str, label: str) -> None:
    pytest.importorskip("imagecodecs", reason="needs radseal[codecs]")
    instance = load(name)
    geometry, samples = changed(instance)
    written = set_pixels(instance, samples, geometry)
    assert written.transfer_syntax == EXPLICIT
    assert (
        pydicom.dcmread(pydicom.filebase.DicomBytesIO(instance_bytes(written)))
        .file_meta["TransferSyntaxUID"]
        .value
        == EXPLICIT
    )
    assert written.dataset.PhotometricInterpretation == label
    assert differing(instance, written) <= {PIXELS, 0x00280004}
    assert_holds(written, geometry, samples)
    theirs = pydicom.dcmread(pydicom.filebase.DicomBytesIO(instance_bytes(written)))
    np.testing.assert_array_equal(
        pydicom.pixels.pixel_array(theirs, raw=True).reshape(-1), np.stack(samples).reshape(-1)
    )


def test_halved_chroma_stays_halved_if_it_can() -> None:
    instance = load("SC_ybr_full_422_uncompressed.dcm")
    geometry, _ = changed(instance)
    (frame,) = frames(instance, geometry)
    luma = frame.copy()
    luma[..., 0] ^= 1
    written = set_pixels(instance, [luma], geometry)
    assert differing(instance, written) == {PIXELS}
    assert_holds(written, geometry, [luma])
    chroma = frame.copy()
    chroma[:, ::2, 1] ^= 1
    written = set_pixels(instance, [chroma], geometry)
    assert written.dataset.PhotometricInterpretation == "YBR_FULL"
    assert_holds(written, geometry, [chroma])


def test_overlay_bits_stay_where_they_are() -> None:
    instance = load("MR_small.dcm")
    dataset = instance.dataset
    for tag, value in ((0x00280101, 12), (0x00280102, 11)):
        element = dataset.get_item(tag)
        assert isinstance(element, RawDataElement)
        dataset._dict[element.tag] = element._replace(value=value.to_bytes(2, "little"))
    pixels = dataset.get_item(PIXELS)
    assert isinstance(pixels, RawDataElement)
    cells = np.frombuffer(pixels.value or b"", "<u2")
    extended = np.left_shift(cells, 4).view("<i2") >> 4
    overlaid = extended.view("<u2") ^ ((np.arange(cells.size) % 3 == 0) * 0x5000).astype("<u2")
    dataset._dict[pixels.tag] = pixels._replace(value=overlaid.tobytes())
    geometry, samples = changed(instance)
    written = set_pixels(instance, samples, geometry)
    now = written.dataset.get_item(PIXELS)
    assert isinstance(now, RawDataElement)
    found = np.frombuffer(now.value or b"", "<u2")
    above = found ^ samples[0].astype("<i2").view("<u2").reshape(-1)
    np.testing.assert_array_equal(above, overlaid ^ extended.view("<u2"))
    assert_holds(written, geometry, samples)


def test_an_inexact_encoder_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("imagecodecs", reason="needs radseal[codecs]")
    instance = load("MR_small_jpeg_ls_lossless.dcm")
    geometry, samples = changed(instance)
    honest = codecs.encode

    def careless(cells: npt.NDArray[Any], *args: Any, **more: Any) -> bytes:
        return honest(cells & ~np.uint16(1), *args, **more)

    monkeypatch.setattr(codecs, "encode", careless)
    written = set_pixels(instance, samples, geometry)
    assert written.transfer_syntax == EXPLICIT
    assert_holds(written, geometry, samples)


def test_a_syntax_without_an_encoder_becomes_native(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("imagecodecs", reason="needs radseal[codecs]")
    instance = load("GDCMJ2K_TextGBR.dcm")
    geometry, samples = changed(instance)

    def unable(*_: Any, **__: Any) -> bytes:
        raise ValueError("no encoder")

    monkeypatch.setattr(codecs, "encode", unable)
    written = set_pixels(instance, samples, geometry)
    assert written.dataset.PhotometricInterpretation == "RGB"
    assert_holds(written, geometry, samples)


def test_samples_that_do_not_fit_are_refused() -> None:
    instance = load("examples_overlay.dcm")  # 12 of 16 bits
    geometry, (samples,) = changed(instance)
    for wrong in (
        [],
        [samples, samples],
        [samples[:-1]],
        [samples.astype("<u4")],
        [samples | 0x1000],
    ):
        with pytest.raises(UsageError):
            set_pixels(instance, wrong, geometry)
    with pytest.raises(UsageError):
        set_pixels(instance, [samples], replace(geometry, bits_stored=13))
    with pytest.raises(UsageError):
        set_pixels(load("rtplan.dcm"), [samples], geometry)


def test_pydicom_reads_what_was_written() -> None:
    instance = load("SC_rgb_rle_2frame.dcm")
    geometry, samples = changed(instance)
    written = instance_bytes(set_pixels(instance, samples, geometry))
    theirs = pydicom.dcmread(pydicom.filebase.DicomBytesIO(written))
    np.testing.assert_array_equal(theirs.pixel_array, np.stack(samples))


def test_files_are_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = load("CT_small.dcm")
    path = tmp_path / "out.dcm"
    write_instance(instance, path)
    assert path.read_bytes() == instance_bytes(instance)
    assert path.stat().st_nlink == 1
    with pytest.raises(UsageError, match="exists already"):
        write_instance(instance, path)
    path.write_bytes(b"old")
    write_instance(instance, path, overwrite=True)
    assert path.read_bytes() == instance_bytes(instance)

    def full_disk(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    path.write_bytes(b"old")
    with pytest.raises(OSError, match="No space"):
        write_instance(instance, path, overwrite=True)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.dcm"]


def test_a_file_that_appears_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.dcm"
    real = os.fsync

    def race(handle: int) -> None:
        path.write_bytes(b"theirs")
        real(handle)

    monkeypatch.setattr(os, "fsync", race)
    with pytest.raises(UsageError, match="exists already"):
        write_instance(load("CT_small.dcm"), path)
    assert path.read_bytes() == b"theirs"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.corpus
def test_every_corpus_file_takes_new_samples(corpus_data: Path) -> None:
    written = 0
    for path in sorted((corpus_data / "dicom_formats").iterdir()):
        if path.stat().st_size > 400_000:
            continue
        try:
            instance = read_instance(path)
            if pixel_geometry(instance) is None:
                continue
            geometry, samples = changed(instance)
        except UnreadableError:
            continue
        assert_holds(set_pixels(instance, samples, geometry), geometry, samples)
        written += 1
    assert written >= 50
