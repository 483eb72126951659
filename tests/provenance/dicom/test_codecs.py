"""Codecs: lossless transcoding keeps the root, lossy is named so, and decoders are bounded."""

import hashlib
import os
import shutil
import struct
import subprocess
import sys
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from provenance.dicom import codecs
from provenance.dicom.codestream import bare_codestream, probe_jpeg, probe_jpeg_2000, probe_jpeg_xl
from provenance.dicom.frames import compressed_frames
from provenance.dicom.instance import Instance, Limits
from provenance.dicom.pixels import frames, pixel_geometry
from provenance.dicom.read import read_instance
from provenance.dicom.syntax import Coding
from provenance.errors import Unreadable, UnreadableError
from provenance.image_tree import ImageTree, hash_image

imagecodecs = pytest.importorskip("imagecodecs", reason="needs radseal[codecs]")

SYNTAX = {
    "jpeg-lossless": "1.2.840.10008.1.2.4.70",
    "jpeg-ls": "1.2.840.10008.1.2.4.80",
    "jpeg-2000": "1.2.840.10008.1.2.4.90",
    "htj2k": "1.2.840.10008.1.2.4.201",
    "jpeg-xl": "1.2.840.10008.1.2.4.110",
}
MAY_BE_LOSSY = "1.2.840.10008.1.2.4.91"


def load(name: str) -> Instance:
    path = get_testdata_file(name, download=False)
    assert path, f"{name} is not among the installed test files"
    return read_instance(Path(str(path)))


def tree(instance: Instance) -> ImageTree:
    geometry = pixel_geometry(instance)
    assert geometry is not None
    digests = None
    if geometry.lossy:
        digests = [hashlib.sha256(frame).digest() for frame in compressed_frames(instance)]
    return hash_image(frames(instance, geometry), geometry, compressed=digests)


def samples(instance: Instance) -> npt.NDArray[Any]:
    geometry = pixel_geometry(instance)
    assert geometry is not None
    return np.stack(list(frames(instance, geometry)))


def wrap(streams: list[bytes], like: npt.NDArray[Any], *, bits: int, syntax: str,
         signed: bool = False, photometric: str = "", **more: Any) -> Instance:  # fmt: skip
    """Write codestreams into a file with pydicom, and read it."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    # pydicom cannot write a syntax it does not know
    dataset.file_meta.TransferSyntaxUID = SYNTAX["jpeg-ls"]
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    dataset.SamplesPerPixel = 3 if like.ndim == 4 else 1
    dataset.PhotometricInterpretation = photometric or ("RGB" if like.ndim == 4 else "MONOCHROME2")
    dataset.NumberOfFrames = len(streams)
    dataset.Rows, dataset.Columns = like.shape[1:3]
    dataset.BitsAllocated = 8 * like.dtype.itemsize
    dataset.BitsStored, dataset.HighBit = bits, bits - 1
    dataset.PixelRepresentation = int(signed)
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = encapsulate(streams)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    buffer = pydicom.filebase.DicomBytesIO()
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True)
    return replace(read_instance(buffer.getvalue()), transfer_syntax=UID(syntax))


def picture(bits: int, *, colour: bool = False, count: int = 2) -> npt.NDArray[Any]:
    y, x = np.mgrid[:70, :81]
    rng = np.random.default_rng(bits)
    grey = (x * 3 + y * 5 + rng.integers(0, 4, (count, 70, 81))) % (1 << bits)
    if colour:
        grey = np.stack([grey, grey[:, ::-1], grey[..., ::-1]], -1)
    return grey.astype(np.uint8 if bits <= 8 else np.uint16)


ENCODERS = {
    "jpeg-lossless": lambda a, b: imagecodecs.ljpeg_encode(a, bitspersample=b),
    "jpeg-ls": lambda a, b: imagecodecs.jpegls_encode(a),
    "jpeg-2000": lambda a, b: imagecodecs.jpeg2k_encode(a, codecformat="J2K", bitspersample=b),
    "htj2k": lambda a, b: imagecodecs.htj2k_encode(a, reversible=True),
    "jpeg-xl": lambda a, b: imagecodecs.jpegxl_encode(a, lossless=True),
}


def native(image: npt.NDArray[Any], **values: Any) -> Instance:
    instance = wrap(
        [frame.tobytes() for frame in image], image, syntax="1.2.840.10008.1.2.1.98", **values
    )
    geometry = pixel_geometry(instance)
    assert geometry is not None
    assert not geometry.lossy
    return instance


@pytest.mark.parametrize("bits", [2, 5, 8, 10, 12, 15, 16])
@pytest.mark.parametrize("codec", SYNTAX)
def test_lossless_grey_keeps_the_root(codec: str, bits: int) -> None:
    image = picture(bits)
    streams = [bytes(ENCODERS[codec](frame, bits)) for frame in image]
    coded = wrap(streams, image, bits=bits, syntax=SYNTAX[codec])
    np.testing.assert_array_equal(samples(coded), image)
    assert tree(coded).root == tree(native(image, bits=bits)).root


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("codec", ["jpeg-ls", "jpeg-2000", "htj2k", "jpeg-xl"])
def test_lossless_colour_keeps_the_root(codec: str, bits: int) -> None:
    image = picture(bits, colour=True)
    label = "YBR_RCT" if codec in ("jpeg-2000", "htj2k") else "RGB"
    streams = [bytes(ENCODERS[codec](frame, bits)) for frame in image]
    coded = wrap(streams, image, bits=bits, syntax=SYNTAX[codec], photometric=label)
    assert tree(coded).root == tree(native(image, bits=bits)).root


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("codec", ["jpeg-lossless", "jpeg-ls", "jpeg-2000", "htj2k"])
def test_signed_samples_survive_codecs_without_a_sign(codec: str, bits: int) -> None:
    pattern = picture(bits)
    container = np.int8 if bits <= 8 else np.int16
    shift = 8 * pattern.dtype.itemsize - bits
    want = (pattern << shift).astype(pattern.dtype).view(container) >> shift
    streams = [bytes(ENCODERS[codec](frame, bits)) for frame in pattern]
    coded = wrap(streams, pattern, bits=bits, syntax=SYNTAX[codec], signed=True)
    np.testing.assert_array_equal(samples(coded), want)
    if codec in ("jpeg-2000", "htj2k"):
        streams = [bytes(ENCODERS[codec](frame, bits)) for frame in want]
        coded = wrap(streams, want, bits=bits, syntax=SYNTAX[codec], signed=True)
        np.testing.assert_array_equal(samples(coded), want)


def test_a_j2k_stream_without_the_headers_sign() -> None:
    found = samples(load("J2K_pixelrep_mismatch.dcm"))
    assert found.dtype == np.dtype("<i2")
    assert (int(found.min()), int(found[0, 0, 0])) == (-2000, -2000)


def test_bits_above_bits_stored_in_a_codestream_are_not_the_images() -> None:
    image = picture(12)
    overlay = image | np.uint16(0x8000)
    streams = [bytes(imagecodecs.jpegls_encode(frame)) for frame in overlay]
    coded = wrap(streams, image, bits=12, syntax=SYNTAX["jpeg-ls"])
    np.testing.assert_array_equal(samples(coded), image)


def test_split_and_padded_fragments_make_no_difference() -> None:
    image = picture(12, count=1)
    stream = bytes(imagecodecs.jpegls_encode(image[0]))
    whole = wrap([stream], image, bits=12, syntax=SYNTAX["jpeg-ls"])
    dataset = whole.dataset
    head = b"\xfe\xff\x00\xe0"
    parts = [b"", stream[:100], stream[100:1000], stream[1000:] + b"\0" * (len(stream) % 2)]
    value = b"".join(head + struct.pack("<L", len(part)) + part for part in parts)
    element = dataset.get_item("PixelData")
    dataset._dict[element.tag] = element._replace(value=value)
    assert tree(whole).root == tree(native(image, bits=12)).root


def j2k(image: npt.NDArray[Any], *, level: int = 0) -> list[bytes]:
    return [
        bytes(imagecodecs.jpeg2k_encode(a, level=level, codecformat="J2K", reversible=level == 0))
        for a in image
    ]


def test_what_makes_an_image_lossy() -> None:
    image = picture(12)

    def lossy(streams: list[bytes], syntax: str = MAY_BE_LOSSY, **more: Any) -> bool:
        geometry = pixel_geometry(wrap(streams, image, bits=12, syntax=syntax, **more))
        assert geometry is not None
        return geometry.lossy

    exact, rough = j2k(image), j2k(image, level=40)
    assert not lossy(exact)
    assert not lossy(exact, LossyImageCompression="00")
    assert lossy(exact, LossyImageCompression="01")
    assert lossy(rough)
    assert lossy([exact[0], rough[1]])  # one frame is enough
    assert not lossy(exact, SYNTAX["jpeg-2000"], LossyImageCompression="01")
    near = [bytes(imagecodecs.jpegls_encode(frame, level=2)) for frame in image]
    assert lossy(near, "1.2.840.10008.1.2.4.81")


def test_lossy_frames_are_bound_by_their_bytes() -> None:
    image = picture(12)
    first, second = (
        wrap(j2k(image, level=n), image, bits=12, syntax=MAY_BE_LOSSY) for n in (20, 60)
    )
    assert len(compressed_frames(first)) == 2
    assert tree(first).compressed != tree(second).compressed
    assert tree(first).root != tree(second).root


def test_overshoot_of_a_lossy_codec_is_clamped_not_wrapped() -> None:
    image = np.full((1, 64, 64), 1023, np.uint16)
    image[:, ::2] = 0
    stream = bytes(imagecodecs.jpeg8_encode(image[0], level=30, bitspersample=12))
    coded = wrap([stream], image, bits=10, syntax="1.2.840.10008.1.2.4.51")
    raw = imagecodecs.jpeg8_decode(stream)
    assert int(raw.max()) > 1023
    np.testing.assert_array_equal(samples(coded)[0], np.minimum(raw, 1023))


def test_no_decoder_converts_colours() -> None:
    found = samples(load("SC_rgb_dcmtk_+eb+cr.dcm"))
    assert found[0, 5, 50].tolist() == [255, 0, 0]
    ybr = samples(load("SC_rgb_dcmtk_+eb+cy+np.dcm"))
    assert ybr[0, 5, 50].tolist() == [76, 85, 254]  # the same red, as it is stored


@pytest.mark.parametrize("codec", SYNTAX)
def test_a_stream_larger_than_the_header_is_refused_before_decoding(
    codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = picture(8)
    streams = [bytes(ENCODERS[codec](frame, 8)) for frame in image]
    coded = wrap(streams, image[:, :64, :64], bits=8, syntax=SYNTAX[codec])
    monkeypatch.setattr(codecs, "decode", lambda *_: pytest.fail("the decoder saw it"))
    with pytest.raises(UnreadableError, match="the header says 64 x 64"):
        samples(coded)


@pytest.mark.parametrize("codec", SYNTAX)
def test_damaged_streams_are_unreadable_or_wrong_but_never_a_crash(codec: str) -> None:
    image = picture(8, count=1)
    stream = bytes(ENCODERS[codec](image[0], 8))
    rng = np.random.default_rng(3)
    for trial in range(40):
        damaged = bytearray(stream)
        for at in rng.integers(0, len(stream), 3):
            damaged[at] = rng.integers(0, 256)
        cut = bytes(damaged[: len(stream) // 2]) if trial % 4 == 0 else bytes(damaged)
        try:
            assert samples(wrap([cut], image, bits=8, syntax=SYNTAX[codec])).shape == image.shape
        except UnreadableError:
            continue


def test_probes_say_what_the_encoders_were_given() -> None:
    for bits in (8, 12, 16):
        image = picture(bits)[0]
        said = probe_jpeg(bytes(ENCODERS["jpeg-lossless"](image, bits)))
        assert (said.rows, said.columns, said.samples, said.bits) == (70, 81, 1, bits)
        said = probe_jpeg_2000(bytes(ENCODERS["jpeg-2000"](image, bits)))
        assert (said.rows, said.columns, said.samples, said.bits) == (70, 81, 1, bits)
        assert said.reversible
        assert probe_jpeg_xl(bytes(ENCODERS["jpeg-xl"](image, bits))) == (70, 81)
    for shape in ((8, 16), (300, 40), (256, 256), (9, 700)):
        flat = np.zeros(shape, np.uint8)
        for container in (False, True):
            stream = bytes(imagecodecs.jpegxl_encode(flat, lossless=True, usecontainer=container))
            assert probe_jpeg_xl(stream) == shape


def test_jp2_boxes_are_taken_off() -> None:
    image = picture(12, count=1)
    boxed = bytes(imagecodecs.jpeg2k_encode(image[0], codecformat="JP2"))
    assert bare_codestream(boxed)[:4] == b"\xff\x4f\xff\x51"
    np.testing.assert_array_equal(
        samples(wrap([boxed], image, bits=12, syntax=SYNTAX["jpeg-2000"])), image
    )


@pytest.mark.parametrize(
    "stream",
    [b"", b"\xff\xd8", b"\xff\xd8\xff\xff",
     b"\xff\xd8\xff\xc3\0\x02", b"\xff\x4f\xff\x51" + bytes(60),
     b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40), b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\0",
     b"\xff\xd8" + b"\xff\xe0\0\x02" * 9000],
)  # fmt: skip
@pytest.mark.parametrize("coding", [Coding.JPEG, Coding.JPEG_LS, Coding.JPEG_2000, Coding.JPEG_XL])
def test_probes_refuse_what_is_no_codestream(coding: Coding, stream: bytes) -> None:
    with pytest.raises(UnreadableError):
        codecs.probe(stream, coding)


def test_without_imagecodecs_the_reason_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    coded = load("MR_small_jpeg_ls_lossless.dcm")
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(UnreadableError, match=r"pip install 'radseal\[codecs\]'") as caught:
        samples(coded)
    assert caught.value.code is Unreadable.CODEC_MISSING
    assert not codecs.have_imagecodecs()
    np.testing.assert_array_equal(samples(load("MR_small_RLE.dcm")), samples(load("MR_small.dcm")))


@pytest.mark.parametrize(
    ("coded", "plain"),
    [
        ("MR_small_RLE.dcm", "MR_small.dcm"),
        ("MR_small_jpeg_ls_lossless.dcm", "MR_small.dcm"),
        ("MR_small_jp2klossless.dcm", "MR_small.dcm"),
        ("MR_small_bigendian.dcm", "MR_small.dcm"),
        ("MR_small_implicit.dcm", "MR_small.dcm"),
        ("SC_rgb_rle_16bit_2frame.dcm", "SC_rgb_16bit_2frame.dcm"),
        ("SC_rgb_expb_16bit_2frame.dcm", "SC_rgb_16bit_2frame.dcm"),
        ("liver_expb_1frame.dcm", "liver_1frame.dcm"),
        ("rtdose_rle.dcm", "rtdose.dcm"),
        ("emri_small_jpeg_2k_lossless.dcm", "emri_small.dcm"),
        ("emri_small_jpeg_ls_lossless.dcm", "emri_small.dcm"),
        ("emri_small_RLE.dcm", "emri_small.dcm"),
        ("emri_small_big_endian.dcm", "emri_small.dcm"),
    ],
)
def test_transcoded_test_files_have_one_root(coded: str, plain: str) -> None:
    assert tree(load(coded)).root == tree(load(plain)).root


def pydicom_samples(path: Path) -> npt.NDArray[Any] | None:
    """What pydicom's own decoders give, None where it has none for the syntax."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.asarray(pixel_array(pydicom.dcmread(path, force=True), raw=True))
        except (RuntimeError, ValueError, AttributeError, NotImplementedError, KeyError):
            return None


def judge(path: Path) -> str:
    """Read one file in every way; return a reason or how it compares with pydicom."""
    try:
        instance = read_instance(path, limits=Limits(frame_bytes=1 << 28))
        geometry = pixel_geometry(instance)
        if geometry is None:
            return "no pixels"
        found = np.stack(list(frames(instance, geometry)))
    except UnreadableError as error:
        return f"unreadable: {error.code}"
    theirs = pydicom_samples(path)
    if theirs is None:
        return "decoded"
    np.testing.assert_array_equal(found.reshape(theirs.shape), theirs, err_msg=path.name)
    return "decoded and equal"


@pytest.mark.corpus
def test_the_corpus_decodes_as_pydicom_does(corpus_data: Path) -> None:
    folders = ("radiographs_dicom", "dicom_formats")
    paths = sorted(path for folder in folders for path in (corpus_data / folder).iterdir())
    counted = Counter(judge(path) for path in paths)
    assert counted["decoded and equal"] >= 76, counted
    assert counted["decoded and equal"] + counted["decoded"] >= 112, counted
    assert sum(count for reason, count in counted.items() if reason.startswith("unreadable")) <= 8


def test_pydicoms_own_files_decode_as_pydicom_does() -> None:
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    counted = Counter(judge(path) for path in sorted(folder.glob("*.dcm")))
    assert counted["decoded and equal"] >= 50, counted


PEERS = [
    ("dcmdjpls", "1.2.840.10008.1.2.4.80", ["dcmdjpls"]),
    ("dcmdjpeg", "1.2.840.10008.1.2.4.70", ["dcmdjpeg", "+cn"]),
    ("dcmdjpeg", "1.2.840.10008.1.2.4.57", ["dcmdjpeg", "+cn"]),
    ("dcmdrle", "1.2.840.10008.1.2.5", ["dcmdrle"]),
    ("gdcmconv", "1.2.840.10008.1.2.4.90", ["gdcmconv", "--raw"]),
    ("gdcmconv", "1.2.840.10008.1.2.4.80", ["gdcmconv", "--raw"]),
]


@pytest.mark.corpus
@pytest.mark.parametrize(("tool", "syntax", "command"), PEERS)
def test_other_toolkits_decode_the_same_tiles(
    tool: str, syntax: str, command: list[str], corpus_data: Path, tmp_path: Path
) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    compared = 0
    for path in sorted((corpus_data / "dicom_formats").iterdir()):
        try:
            ours = read_instance(path)
            if ours.transfer_syntax != syntax or pixel_geometry(ours) is None:
                continue
            want = samples(ours)
        except UnreadableError:
            continue
        out = tmp_path / path.name
        run = subprocess.run(
            [*command, str(path), str(out)],
            capture_output=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
        if run.returncode or not out.exists():
            continue  # the peer cannot
        try:
            theirs = samples(read_instance(out))
        except UnreadableError:
            continue
        np.testing.assert_array_equal(theirs.astype(np.int64), want, err_msg=path.name)
        compared += 1
    assert compared >= 1
