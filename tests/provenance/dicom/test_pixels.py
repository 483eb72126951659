"""Canonical samples: the same numbers however they are stored, and exact reasons when refused."""

import struct
import zlib
from collections.abc import Mapping
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provenance.dicom.frames import compressed_frames, without_padding
from provenance.dicom.instance import Instance, Limits, Note
from provenance.dicom.native import NativeLayout, native_frame, pack_frames
from provenance.dicom.pixels import frames, pixel_geometry, pixel_notes
from provenance.dicom.read import read_instance
from provenance.dicom.rle import decode_rle, encode_rle, pack_bits, unpack_bits
from provenance.errors import Unreadable, UnreadableError, UsageError
from provenance.image_tree import PixelGeometry, hash_image

LITTLE, BIG, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2"
RLE, DEFLATED_FRAME = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"
ENCAPSULATED = "1.2.840.10008.1.2.1.98"
NAMES = {
    "samples": 0x00280002, "photometric": 0x00280004, "planar": 0x00280006, "frames": 0x00280008,
    "rows": 0x00280010, "columns": 0x00280011, "allocated": 0x00280100, "stored": 0x00280101,
    "high": 0x00280102, "signed": 0x00280103, "lossy": 0x00282110,
}  # fmt: skip
TEXTS = {"photometric": "CS", "frames": "IS", "lossy": "CS"}
Values = Mapping[str, int | str | None]


def build(
    pixels: bytes,
    values: Values,
    *,
    syntax: str = LITTLE,
    vr: str = "OW",
    tag: int = 0x7FE00010,
    undefined: bool = False,
    extra: bytes = b"",
) -> Instance:
    """Write a file by hand, independently of the code under test, and read it."""
    order = ">" if syntax == BIG else "<"
    parts = []
    for name, value in values.items():
        if value is None:
            continue
        kind = TEXTS.get(name, "US")
        raw = struct.pack(order + "H", value) if kind == "US" else str(value).encode()
        parts.append(_element(order, syntax, NAMES[name], kind, raw + b" " * (len(raw) % 2)))
    parts.append(extra)
    body = pixels + b"\0" * (len(pixels) % 2)
    end = struct.pack(order + "HHL", 0xFFFE, 0xE0DD, 0) if undefined else b""
    length = 0xFFFFFFFF if undefined else len(body)
    parts.append(_element(order, syntax, tag, vr, body, length) + end)
    meta = struct.pack("<HH2sH", 2, 0x10, b"UI", len(syntax)) + syntax.encode()
    return read_instance(bytes(128) + b"DICM" + meta + b"".join(parts))


def _element(
    order: str, syntax: str, tag: int, vr: str, value: bytes, length: int | None = None
) -> bytes:
    size = len(value) if length is None else length
    if syntax == IMPLICIT:
        return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, size) + value
    head = struct.pack(order + "HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if vr in ("OB", "OW", "OF", "OD", "OV"):
        return head + struct.pack(order + "HL", 0, size) + value
    return head + struct.pack(order + "H", size) + value


def grey(
    rows: int = 5,
    columns: int = 7,
    *,
    allocated: int = 16,
    stored: int = 16,
    signed: int | None = 0,
    **more: int | str | None,
) -> dict[str, int | str | None]:
    values: dict[str, int | str | None] = {
        "samples": 1, "photometric": "MONOCHROME2", "rows": rows, "columns": columns,
        "allocated": allocated, "stored": stored, "high": stored - 1, "signed": signed,
    }  # fmt: skip
    return dict(sorted({**values, **more}.items(), key=lambda pair: NAMES[pair[0]]))


def fragments(*parts: bytes, table: bytes = b"") -> bytes:
    return b"".join(
        struct.pack("<LL", 0xE000FFFE, len(p) + len(p) % 2) + p + b"\0" * (len(p) % 2)
        for p in (table, *parts)
    )


def decode(instance: Instance) -> tuple[PixelGeometry, list[npt.NDArray[np.generic]]]:
    geometry = pixel_geometry(instance)
    assert geometry is not None
    return geometry, list(frames(instance, geometry))


def code_of(instance: Instance) -> Unreadable:
    with pytest.raises(UnreadableError) as caught:
        decode(instance)
    return caught.value.code


def random_samples(bits: int, *, signed: bool, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    rng = np.random.default_rng(bits)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    samples = rng.integers(low, high, shape, endpoint=True)
    samples.flat[0], samples.flat[1] = low, high
    return samples


@pytest.mark.parametrize("syntax", [LITTLE, IMPLICIT, BIG])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", range(1, 33))
def test_every_depth_in_every_cell(bits: int, signed: bool, syntax: str) -> None:
    want = random_samples(bits, signed=signed, shape=(5, 7))
    for allocated in (8, 16, 32):
        if bits > allocated:
            continue
        order = ">" if syntax == BIG else "<"
        rubbish = np.random.default_rng(allocated).integers(0, 1 << allocated, want.shape)
        mask = (1 << bits) - 1
        cells = (want & mask) | (rubbish & ~mask)  # overlay bits, or whatever a device left there
        pixels = cells.astype(f"{order}u{allocated // 8}").tobytes()
        vr = "OB" if allocated == 8 else "OW"
        values = grey(allocated=allocated, stored=bits, signed=int(signed))
        geometry, (found,) = decode(build(pixels, values, syntax=syntax, vr=vr))
        size = 1 if bits <= 8 else 2 if bits <= 16 else 4
        assert found.dtype == np.dtype(f"<{'i' if signed else 'u'}{size}")
        assert geometry.bits_stored == bits
        np.testing.assert_array_equal(found, want)


@pytest.mark.parametrize("allocated", [1, 2, 5, 12, 24, 31])
def test_packed_cells_of_frames_that_share_bytes(allocated: int) -> None:
    want = random_samples(allocated, signed=False, shape=(3, 5, 7))
    number = 0
    for index, value in enumerate(want.reshape(-1).tolist()):
        number |= value << index * allocated
    pixels = number.to_bytes(-(-want.size * allocated // 8), "little")
    values = grey(allocated=allocated, stored=allocated, frames=3)
    _, found = decode(build(pixels, values))
    np.testing.assert_array_equal(np.stack(found), want)


@pytest.mark.parametrize("allocated", [1, 8])
def test_big_endian_words_hold_bytes_and_bits_swapped(allocated: int) -> None:
    want = random_samples(allocated, signed=False, shape=(3, 5, 7))
    flat = want.reshape(-1).astype(np.uint8)
    packed = np.packbits(flat, bitorder="little") if allocated == 1 else flat
    even = np.append(packed, np.zeros(packed.size % 2, np.uint8))
    swapped = even.view("u2").byteswap().tobytes()
    values = grey(allocated=allocated, stored=allocated, frames=3)
    _, found = decode(build(swapped, values, syntax=BIG, vr="OW"))
    np.testing.assert_array_equal(np.stack(found), want)
    _, found = decode(build(even.tobytes(), values, syntax=BIG, vr="OB"))
    np.testing.assert_array_equal(np.stack(found), want)


@pytest.mark.parametrize("planar", [0, 1])
@pytest.mark.parametrize("allocated", [8, 16])
def test_colour_is_by_pixel_whatever_the_planes(planar: int, allocated: int) -> None:
    want = random_samples(allocated, signed=False, shape=(2, 5, 7, 3))
    stored = want.transpose(0, 3, 1, 2) if planar else want
    pixels = np.ascontiguousarray(stored).astype(f"<u{allocated // 8}").tobytes()
    values = grey(allocated=allocated, stored=allocated, samples=3, photometric="RGB",
                  planar=planar, frames=2)  # fmt: skip
    geometry, found = decode(build(pixels, values))
    assert geometry.colour == "rgb"
    np.testing.assert_array_equal(np.stack(found), want)


def test_a_high_bit_above_bits_stored_shifts_the_samples() -> None:
    want = random_samples(12, signed=True, shape=(5, 7))
    pixels = ((want & 0xFFF) << 4 | 0xA).astype("<u2").tobytes()
    instance = build(pixels, grey(stored=12, signed=1, high=15))
    geometry, (found,) = decode(instance)
    np.testing.assert_array_equal(found, want)
    assert pixel_notes(instance, geometry) == (Note.HIGH_BIT,)


@pytest.mark.parametrize(("tag", "vr", "bits"), [(0x7FE00008, "OF", 32), (0x7FE00009, "OD", 64)])
@pytest.mark.parametrize("syntax", [LITTLE, BIG])
def test_floating_point_keeps_every_bit(tag: int, vr: str, bits: int, syntax: str) -> None:
    cells = np.random.default_rng(1).integers(0, 256, 35 * bits // 8, dtype=np.uint8)
    want = cells.view(f"<u{bits // 8}").reshape(5, 7)  # signalling NaNs among them
    stored = want.astype(want.dtype.newbyteorder(">" if syntax == BIG else "<"))
    values = {**grey(allocated=bits), "stored": None, "high": None, "signed": None}
    geometry, (found,) = decode(build(stored.tobytes(), values, tag=tag, vr=vr, syntax=syntax))
    assert geometry.kind == f"float{bits}"
    np.testing.assert_array_equal(found.view(want.dtype), want)


def test_shared_chroma_is_given_to_both_pixels() -> None:
    pixels = bytes(range(8))  # Y Y Cb Cr, twice
    values = grey(1, 4, allocated=8, stored=8, samples=3, photometric="YBR_FULL_422", planar=0)
    geometry, (found,) = decode(build(pixels, values))
    assert geometry.colour == "ybr"
    assert found.tolist() == [[[0, 2, 3], [1, 2, 3], [4, 6, 7], [5, 6, 7]]]
    whole = build(bytes(range(12)), values)  # halved by label only
    assert decode(whole)[1][0].tolist()[0][1] == [3, 4, 5]
    assert code_of(build(pixels, {**values, "columns": 3})) is Unreadable.GEOMETRY


def test_palette_indices_stay_indices() -> None:
    geometry, (found,) = decode(
        build(bytes(35), grey(allocated=8, stored=8, photometric="PALETTE COLOR"))
    )
    assert geometry.colour == "palette"
    assert found.shape == (5, 7)


def test_a_missing_sign_is_unsigned_and_noted() -> None:
    instance = build(b"\xff" * 70, grey(signed=None))
    geometry, (found,) = decode(instance)
    assert not geometry.signed
    assert int(found.max()) == 65535
    assert pixel_notes(instance, geometry) == (Note.NO_SIGNEDNESS,)


def test_native_pixels_are_views_not_copies() -> None:
    instance = build(bytes(70), grey())
    _, (found,) = decode(instance)
    assert not found.flags.owndata
    assert not found.flags.writeable


def test_an_object_without_pixels_has_no_geometry() -> None:
    instance = build(b"x", grey(), tag=0x7FE10010, vr="OB")
    assert pixel_geometry(instance) is None
    with pytest.raises(UsageError):
        next(frames(instance, PixelGeometry(1, 1, 1, 1, 8, False, "int", "grey", False)))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"rows": 0}, Unreadable.GEOMETRY),
        ({"rows": None}, Unreadable.GEOMETRY),
        ({"columns": 8}, Unreadable.PIXEL_BYTES),
        ({"frames": "2"}, Unreadable.PIXEL_BYTES),
        ({"frames": "1A"}, Unreadable.GEOMETRY),
        ({"frames": "-3"}, Unreadable.GEOMETRY),
        ({"frames": "99999999999"}, Unreadable.GEOMETRY),
        ({"frames": "4294967295"}, Unreadable.GEOMETRY),
        ({"rows": 65535, "columns": 65535}, Unreadable.TOO_LARGE),
        ({"samples": 2}, Unreadable.GEOMETRY),
        ({"photometric": "TRUE COLOUR"}, Unreadable.GEOMETRY),
        ({"photometric": "RGB"}, Unreadable.GEOMETRY),
        ({"allocated": 0}, Unreadable.GEOMETRY),
        ({"allocated": 64}, Unreadable.GEOMETRY),
        ({"stored": 17, "high": 16}, Unreadable.GEOMETRY),
        ({"stored": 12, "high": 8}, Unreadable.GEOMETRY),
        ({"high": 16}, Unreadable.GEOMETRY),
        ({"signed": 2}, Unreadable.GEOMETRY),
        ({"planar": 7}, Unreadable.GEOMETRY),
    ],
)
def test_impossible_images_are_refused(changes: Values, code: Unreadable) -> None:
    assert decode(build(bytes(70), grey()))
    assert code_of(build(bytes(70), grey(**changes))) is code  # type: ignore[arg-type]


def test_two_kinds_of_pixel_data_are_refused() -> None:
    floats = struct.pack("<HH2sHL", 0x7FE0, 8, b"OF", 0, 4) + bytes(4)
    assert code_of(build(bytes(70), grey(), extra=floats)) is Unreadable.GEOMETRY


def test_encapsulated_bytes_under_a_native_syntax_are_refused() -> None:
    assert code_of(build(fragments(bytes(70)), grey(), undefined=True)) is Unreadable.FRAGMENTS
    assert code_of(build(bytes(70), grey(), syntax=RLE)) is Unreadable.FRAGMENTS
    unknown = build(bytes(70), grey(), syntax="1.2.840.10008.1.2.4.102")
    assert code_of(unknown) is Unreadable.TRANSFER_SYNTAX


def test_another_objects_geometry_is_refused() -> None:
    geometry, _ = decode(build(bytes(70), grey()))
    with pytest.raises(UsageError):
        list(frames(build(bytes(70), grey(7, 5)), geometry))


def test_surplus_bytes_are_noted() -> None:
    instance = build(bytes(90), grey())
    geometry, _ = decode(instance)
    assert pixel_notes(instance, geometry) == (Note.EXCESS_BYTES,)


def test_limits_hold_for_a_single_frame() -> None:
    instance = build(bytes(70), grey())
    tight = Instance(instance.dataset, instance.transfer_syntax, Limits(frame_bytes=69), ())
    with pytest.raises(UnreadableError, match="limit of 69"):
        pixel_geometry(tight)


RLE_CASES = [(8, 1), (16, 1), (32, 1), (8, 3), (16, 3)]


@pytest.mark.parametrize(("allocated", "samples"), RLE_CASES)
def test_rle_frames_hash_as_native_ones(allocated: int, samples: int) -> None:
    shape = (2, 5, 7) if samples == 1 else (2, 5, 7, 3)
    want = random_samples(allocated, signed=False, shape=shape).astype(f"<u{allocated // 8}")
    values = grey(allocated=allocated, stored=allocated, samples=samples, frames=2, planar=1,
                  photometric="RGB" if samples == 3 else "MONOCHROME2")  # fmt: skip
    packed = fragments(*(encode_rle(frame) for frame in want))
    geometry, found = decode(build(packed, values, syntax=RLE, vr="OB", undefined=True))
    np.testing.assert_array_equal(np.stack(found), want)
    native = build(want.tobytes(), {**values, "planar": 0})
    plain, samples_of = decode(native)
    assert hash_image(found, geometry).root == hash_image(samples_of, plain).root


@given(st.binary(min_size=1, max_size=400))
def test_packbits_is_undone(row: bytes) -> None:
    packed = pack_bits(np.frombuffer(row, np.uint8))
    assert unpack_bits(packed, len(row)) == row
    assert len(packed) <= len(row) + len(row) // 128 + 1


@settings(max_examples=60)
@given(st.binary(max_size=300), st.integers(1, 40))
def test_rle_never_gives_more_than_asked(stored: bytes, pixels: int) -> None:
    header = struct.pack("<16L", 1, 64, *[0] * 14)
    try:
        found = decode_rle(header + stored, pixels=pixels, samples=1, sample_bytes=1)
    except UnreadableError:
        return
    assert found.shape == (pixels, 1)


@pytest.mark.parametrize(
    "header",
    [b"", struct.pack("<16L", 2, 64, 70, *[0] * 13), struct.pack("<16L", 1, 60, *[0] * 14),
     struct.pack("<16L", 16, *[64] * 15), struct.pack("<16L", 1, 1 << 31, *[0] * 14)],
)  # fmt: skip
def test_rle_headers_that_lie_are_refused(header: bytes) -> None:
    with pytest.raises(UnreadableError):
        decode_rle(header + b"\x85\0", pixels=5, samples=1, sample_bytes=1)


@pytest.mark.parametrize("allocated", [1, 8, 16])
def test_deflated_and_plain_frames_in_fragments(allocated: int) -> None:
    want = random_samples(allocated, signed=False, shape=(2, 5, 7))
    plain = []
    for frame in want:
        cells = frame.reshape(-1).astype(f"<u{max(1, allocated // 8)}")
        plain.append(
            np.packbits(cells, bitorder="little").tobytes() if allocated == 1 else cells.tobytes()
        )
    values = grey(allocated=allocated, stored=allocated, frames=2)
    deflated = [zlib.compress(frame, wbits=-15) for frame in plain]
    for syntax, parts in ((ENCAPSULATED, plain), (DEFLATED_FRAME, deflated)):
        instance = build(fragments(*parts), values, syntax=syntax, vr="OB", undefined=True)
        np.testing.assert_array_equal(np.stack(decode(instance)[1]), want)
    bomb = zlib.compress(bytes(10_000_000), wbits=-15)
    instance = build(fragments(bomb, bomb), values, syntax=DEFLATED_FRAME, vr="OB", undefined=True)
    assert code_of(instance) is Unreadable.CODESTREAM


def table(*offsets: int) -> bytes:
    return struct.pack(f"<{len(offsets)}L", *offsets)


def plain_fragments(
    *parts: bytes, basic: bytes = b"", extra: bytes = b"", count: int = 2
) -> Instance:
    values = grey(1, 2, allocated=8, stored=8, frames=count)
    packed = fragments(*parts, table=basic)
    return build(packed, values, syntax=ENCAPSULATED, vr="OB", undefined=True, extra=extra)


def test_fragments_are_joined_by_the_offset_table() -> None:
    split = plain_fragments(b"ab", b"", b"cd", basic=table(0, 18))
    assert [frame.tobytes() for frame in decode(split)[1]] == [b"ab", b"cd"]
    whole = plain_fragments(b"ab", b"cd", basic=table(0, 10))
    assert [frame.tobytes() for frame in decode(whole)[1]] == [b"ab", b"cd"]
    offsets, lengths = struct.pack("<2Q", 0, 18), struct.pack("<2Q", 10, 2)
    extended = b"".join(
        struct.pack("<HH2sHL", 0x7FE0, number, b"OV", 0, 16) + value
        for number, value in ((1, offsets), (2, lengths))
    )
    split = plain_fragments(b"ab", b"", b"cd", extra=extended)
    assert [frame.tobytes() for frame in decode(split)[1]] == [b"ab", b"cd"]


@pytest.mark.parametrize(
    "instance",
    [
        plain_fragments(b"ab"),
        plain_fragments(b"ab", b"cd", b"ef"),
        plain_fragments(b"ab", b"cd", basic=table(10, 0)),  # a viewer would swap the frames
        plain_fragments(b"ab", b"cd", basic=table(0, 0)),
        plain_fragments(b"ab", b"cd", basic=table(0, 11)),
        plain_fragments(b"ab", b"cd", basic=table(0)),
        plain_fragments(b"ab", b"cd", basic=b"\0\0"),
        plain_fragments(b"ab", b"cd", b"ef", basic=table(10, 20)),
    ],
)
def test_offset_tables_that_lie_are_refused(instance: Instance) -> None:
    assert code_of(instance) is Unreadable.FRAGMENTS


def test_padding_is_not_part_of_a_compressed_frame() -> None:
    assert without_padding(b"x\xff\xd9\0") == b"x\xff\xd9"
    assert without_padding(b"x\xff\xd9\0\0\0") == b"x\xff\xd9"
    assert without_padding(b"x\xff\xd9") == b"x\xff\xd9"
    assert without_padding(b"x\0\0") == b"x\0\0"  # no end marker: the zeros may be data
    found = compressed_frames(plain_fragments(b"a\xff\xd9", b"b\xff\xd9"))
    assert found == (b"a\xff\xd9", b"b\xff\xd9")
    with pytest.raises(UnreadableError):
        compressed_frames(build(bytes(70), grey()))


def test_bits_stored_may_grow_without_touching_tiles() -> None:
    want = random_samples(12, signed=True, shape=(70, 130))
    pixels = want.astype("<i2").tobytes()
    trees = []
    for stored in (12, 16):
        geometry, found = decode(build(pixels, grey(70, 130, stored=stored, signed=1)))
        trees.append(hash_image(found, geometry))
    assert trees[0].tiles == trees[1].tiles
    assert trees[0].root != trees[1].root


def test_every_encoding_of_the_same_samples_has_the_same_root() -> None:
    want = random_samples(12, signed=False, shape=(2, 70, 66)).astype("<u2")
    values = grey(70, 66, stored=12, frames=2)
    wide = {**values, "allocated": 32}
    rle = fragments(*(encode_rle(frame) for frame in want))
    files = [
        build(want.tobytes(), values),
        build(want.tobytes(), values, syntax=IMPLICIT),
        build(want.astype(">u2").tobytes(), values, syntax=BIG),
        build(want.astype("<u4").tobytes(), wide),
        build((want | 0xF000).astype("<u2").tobytes(), values),
        build(rle, values, syntax=RLE, vr="OB", undefined=True),
    ]
    roots = set()
    for instance, _ in product(files, (0,)):
        geometry, found = decode(instance)
        roots.add(hash_image(found, geometry).root)
    assert len(roots) == 1


@settings(max_examples=150)
@given(data=st.data())
def test_packing_undoes_unpacking(data: st.DataObject) -> None:
    bits = data.draw(st.integers(1, 32))
    samples = data.draw(st.sampled_from([1, 3]))
    little = data.draw(st.booleans())
    layout = NativeLayout(
        rows=data.draw(st.integers(1, 5)),
        columns=data.draw(st.integers(1, 5)),
        samples=samples,
        bits=bits,
        little=little,
        words=bits <= 8 and not little and data.draw(st.booleans()),
        planar=samples == 3 and data.draw(st.booleans()),
        halved_chroma=False,
        floating=False,
    )
    shape = (layout.rows, layout.columns, samples)[: 2 if samples == 1 else 3]
    size = 1 if bits <= 8 else 2 if bits <= 16 else 4
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    cells = [rng.integers(0, 1 << bits, shape).astype(f"<u{size}") for _ in range(3)]
    packed = pack_frames(cells, layout)
    for index, want in enumerate(cells):
        np.testing.assert_array_equal(native_frame(packed, index, layout), want)
