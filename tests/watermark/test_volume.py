"""One id over the frames of a volume."""

import hashlib
import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest

from watermark import (
    ArgumentError,
    CapacityError,
    MalformedError,
    RestoreError,
    detect,
    polar,
    restore,
)
from watermark import payload as framing
from watermark.canvas import to_canvas
from watermark.evidence import WEIGHTS, terms
from watermark.frame_groups import PERIOD, group_of, group_pattern, signs_key
from watermark.frame_sum import FrameSum
from watermark.grid import Geometry
from watermark.pattern import pattern
from watermark.restore_data import UNMARKED
from watermark.threshold import THRESHOLD
from watermark.volume import MarkedVolume, VolumeEmbedder, embed_volume
from watermark.volume_data import VolumeData, parse_volume
from watermark.volume_reading import detect_frame, detect_volume, frame_margins
from watermark.volume_restore import restore_volume

Pixels = npt.NDArray[np.integer]
Maker = Callable[..., Pixels]
VECTOR = Path(__file__).parents[1] / "vectors" / "mark" / "volume.json"
FRAMES = 16


def loop(count: int = FRAMES, side: int = 384, *, noise: float = 0.005) -> Iterator[Pixels]:
    """Still anatomy under fresh noise, 12 bits: the hardest case for adding frames up."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    body = 0.5 + 0.2 * np.cos(4 * x + 1) * np.cos(5 * y) + 0.1 * np.exp(-9 * (x * x + y * y))
    for number in range(count):
        grain = np.random.default_rng(number).normal(0, noise, body.shape)
        yield np.clip(np.rint((body + grain) * 4095), 0, 4095).astype(np.uint16)


def jpeg(frame: Pixels, level: int) -> Pixels:
    shown = (frame // 16).astype(np.uint8)
    return np.asarray(imagecodecs.jpeg_decode(imagecodecs.jpeg_encode(shown, level=level)))


def marked_of(
    frames: Iterator[Pixels] | list[Pixels], payload: bytes, key: bytes, **how: object
) -> tuple[list[Pixels], MarkedVolume]:
    kept: list[Pixels] = []
    options = {"bits_stored": 12, "profile": "cross-section", **how}
    volume = embed_volume(frames, payload, key=key, keep=kept.append, **options)  # type: ignore[arg-type]
    return kept, volume


@pytest.fixture(scope="module")
def made(key: bytes, payload: bytes) -> tuple[list[Pixels], MarkedVolume]:
    return marked_of(loop(), payload, key)


def test_groups_come_in_runs() -> None:
    assert [group_of(n) for n in range(18)] == [*[0] * 4, *[1] * 4, *[2] * 4, *[3] * 4, 0, 0]


def test_group_0_is_an_image_of_its_own(key: bytes, payload: bytes) -> None:
    canvas = (1024, 832)
    assert signs_key(key, 0) == key
    plain = pattern(payload, key=key, canvas=canvas)
    np.testing.assert_array_equal(group_pattern(payload, key=key, group=0, canvas=canvas), plain)
    other = group_pattern(payload, key=key, group=1, canvas=canvas)
    alike = np.corrcoef(plain.ravel(), other.ravel())[0, 1]
    assert 0 < alike < 0.3  # the pilots are the same, the chips are not


def test_patterns_are_those_of_the_spec() -> None:
    case = json.loads(VECTOR.read_text())
    key, payload = bytes.fromhex(case["key"]), bytes.fromhex(case["payload"])
    for group in case["groups"]:
        assert signs_key(key, group["group"]).hex() == group["signs_key"]
        wave = group_pattern(payload, key=key, group=group["group"], canvas=(1024, 1024))
        digest = hashlib.sha256(wave.astype("<i2").tobytes()).hexdigest()
        assert digest == group["pattern_sha256"]
    data = bytes.fromhex(case["restore_data"])
    parsed = parse_volume(data)
    assert parsed.encode() == data
    assert (*parsed.shape, len(parsed.frames)) == tuple(case["rows_columns_frames"])


class TestRestoring:
    def test_exact_to_the_bit(self, made: tuple[list[Pixels], MarkedVolume], key: bytes) -> None:
        frames, volume = made
        found = list(restore_volume(frames, volume.restore_data, key=key))
        for before, marked, after in zip(loop(), frames, found, strict=True):
            assert (before != marked).any()
            np.testing.assert_array_equal(before, after)
            assert before.dtype == after.dtype

    def test_group_0_restores_as_an_image(
        self, made: tuple[list[Pixels], MarkedVolume], key: bytes
    ) -> None:
        frames, volume = made
        own = parse_volume(volume.restore_data).frames[0]
        np.testing.assert_array_equal(restore(frames[0], own, key=key), next(loop()))

    @pytest.mark.parametrize("change", ["pixel", "order", "fewer", "more", "key"])
    def test_what_does_not_belong_is_refused(
        self, made: tuple[list[Pixels], MarkedVolume], key: bytes, change: str
    ) -> None:
        frames, volume = list(made[0]), made[1]
        if change == "pixel":
            frames[2] = frames[2].copy()
            frames[2][100, 100] ^= 1
        elif change == "order":
            frames[3], frames[4] = frames[4], frames[3]
        elif change == "fewer":
            frames.pop()
        elif change == "more":
            frames.append(frames[0])
        other = bytes(32) if change == "key" else key
        with pytest.raises(RestoreError):
            list(restore_volume(frames, volume.restore_data, key=other))


class TestContainer:
    def test_every_cut_and_every_addition_is_refused(self) -> None:
        data = VolumeData((100, 64), bytes(12), (UNMARKED, UNMARKED * 3, UNMARKED)).encode()
        assert parse_volume(data).frames[1] == UNMARKED * 3
        for size in range(len(data)):
            with pytest.raises(MalformedError):
                parse_volume(data[:size])
        with pytest.raises(MalformedError):
            parse_volume(data + b"\0")

    @pytest.mark.parametrize(
        ("at", "value"),
        [(0, b"rsm"), (3, b"\2"), (4, bytes(4)), (8, bytes(4)), (12, bytes(4)),
         (4, b"\0\1\0\0"), (12, b"\0\1\0\0"), (12, b"\xff\xff\xff\xff"), (28, b"\0\0\0\3"),
         (28, b"\x7f\xff\xff\xff")],
    )  # fmt: skip
    def test_what_is_out_of_range_is_refused(self, at: int, value: bytes) -> None:
        data = bytearray(VolumeData((100, 64), bytes(12), (UNMARKED,)).encode())
        data[at : at + len(value)] = value
        with pytest.raises(MalformedError):
            parse_volume(bytes(data))

    def test_a_frame_of_another_volume_is_refused(
        self, made: tuple[list[Pixels], MarkedVolume], key: bytes
    ) -> None:
        frames, volume = made
        parsed = parse_volume(volume.restore_data)
        other = VolumeData(parsed.shape, bytes(12), parsed.frames).encode()
        with pytest.raises(MalformedError):
            list(restore_volume(frames, other, key=key))


class TestReading:
    def test_the_first_frame_is_enough_when_it_carries(
        self, made: tuple[list[Pixels], MarkedVolume], key: bytes, payload: bytes
    ) -> None:
        frames, volume = made
        taken: list[int] = []
        found = detect_volume((taken.append(0) or f for f in frames), key=key)
        assert found is not None
        assert found.reading.payload == payload
        assert (found.frames, found.first, len(taken)) == (1, 0, 1)
        assert volume.margin > max(volume.margins)

    def test_frames_add_up_where_none_carries(
        self, made: tuple[list[Pixels], MarkedVolume], key: bytes, payload: bytes
    ) -> None:
        copies = [jpeg(frame, 50) for frame in made[0]]
        assert max(frame_margins(copies, payload, key=key)) < 1
        found = detect_volume(copies, key=key)
        assert found is not None
        assert found.reading.payload == payload
        assert found.frames > 1
        assert detect_volume(copies, key=bytes(32)) is None

    def test_a_copy_without_its_first_frames(
        self, made: tuple[list[Pixels], MarkedVolume], key: bytes, payload: bytes
    ) -> None:
        copies = [jpeg(frame, 50) for frame in made[0]][3:]
        found = detect_volume(copies, key=key)
        assert found is not None
        assert found.reading.payload == payload

    @pytest.mark.parametrize("number", [0, 5, 9, 15])
    def test_any_single_frame_reads_by_itself(
        self, made: tuple[list[Pixels], MarkedVolume], key: bytes, payload: bytes, number: int
    ) -> None:
        shown = (made[0][number] // 16).astype(np.uint8)
        found = detect_frame(shown, key=key)
        assert found is not None
        assert found.payload == payload
        assert found.attempts <= 16
        assert (detect(shown, key=key) is not None) == (group_of(number) == 0)
        (margin,) = frame_margins([shown], payload, key=key)
        assert margin >= 1

    def test_a_slab_of_frames_reads(
        self, made: tuple[list[Pixels], MarkedVolume], key: bytes, payload: bytes
    ) -> None:
        slab = np.mean(made[0][4:8], axis=0).astype(np.uint16)
        found = detect_frame(slab, key=key)
        assert found is not None
        assert found.payload == payload

    def test_unmarked_frames_say_nothing(self, key: bytes) -> None:
        assert detect_volume(loop(5), key=key) is None
        assert detect_frame(next(loop(1)), key=key) is None
        assert detect_volume([], key=key) is None
        assert detect_volume([np.zeros((8, 8), np.uint8)], key=key) is None


def test_still_unmarked_anatomy_stays_below_the_threshold(key: bytes, payload: bytes) -> None:
    """A hundred equal frames are one image: their sum must not score a hundred times as much."""
    image = next(loop(1, noise=0.02))
    geometry = Geometry.of(image.shape)
    found = terms(to_canvas(image, geometry))
    one, many = FrameSum(), FrameSum()
    one.add(found)
    for _ in range(4):
        many.add(found)
    word = polar.encode(framing.frame(payload, key=key))[np.newaxis]
    scores = [s.gathered(key=key).weighed(WEIGHTS[0]).scores(word)[0] for s in (one, many)]
    assert scores[0] == pytest.approx(scores[1], rel=1e-4)
    rng = np.random.default_rng(5)
    words = rng.integers(0, 2, (4000, polar.LENGTH)).astype(np.uint8)
    for _ in range(PERIOD * 4 - 4):
        many.add(found)
    chance = many.gathered(key=key).weighed(WEIGHTS[0]).scores(words)
    assert chance.max() < 30 < THRESHOLD  # squares of 4000 normal numbers
    assert chance.mean() == pytest.approx(1, abs=0.15)


class TestFlatFrames:
    def test_others_carry(self, key: bytes, payload: bytes) -> None:
        frames = list(loop(6))
        frames[1] = np.full_like(frames[1], 7)
        frames[4] = np.zeros_like(frames[4])
        kept, volume = marked_of(frames, payload, key)
        assert [m == 0 for m in volume.margins] == [False, True, False, False, True, False]
        np.testing.assert_array_equal(kept[1], frames[1])
        assert parse_volume(volume.restore_data).frames[4] == UNMARKED
        found = detect_volume(kept, key=key)
        assert found is not None
        assert found.reading.payload == payload
        again = restore_volume(kept, volume.restore_data, key=key)
        assert all((a == b).all() for a, b in zip(again, frames, strict=True))

    def test_a_volume_of_them_is_refused(self, key: bytes, payload: bytes) -> None:
        with pytest.raises(CapacityError):
            marked_of([np.zeros((200, 200), np.uint16)] * 3, payload, key)

    def test_frames_that_do_not_carry_alone_do_together(self, key: bytes, payload: bytes) -> None:
        """Each would be refused by itself (``embed``), and its mark stays in all the same."""
        weak = [_island(number) for number in range(48)]
        _, volume = marked_of(weak, payload, key)
        assert 0 < max(volume.margins) < 1.5 <= volume.margin

    def test_no_mark_if_none_is_wanted(self, key: bytes, payload: bytes) -> None:
        frames = list(loop(3))
        kept, volume = marked_of(frames, payload, key, profile="none")
        assert volume.margin == 0
        again = list(restore_volume(kept, volume.restore_data, key=key))
        assert all((a == b).all() for a, b in zip(again, frames, strict=True))


def _island(number: int) -> Pixels:
    """A small noisy patch on black ground."""
    frame = np.zeros((320, 320), np.uint16)
    rng = np.random.default_rng(number)
    frame[140:188, 140:188] = 1500 + rng.normal(0, 20, (48, 48))
    return frame


def test_frames_are_of_one_kind(key: bytes, payload: bytes) -> None:
    embedder = VolumeEmbedder(payload, key=key, bits_stored=12, profile="radiograph")
    with pytest.raises(ArgumentError):
        embedder.finish()
    embedder.add(next(loop(1)))
    for other in (next(loop(1, side=320)), next(loop(1)).astype(np.int32)):
        with pytest.raises(ArgumentError):
            embedder.add(other)
    with pytest.raises(ArgumentError):
        detect_volume([next(loop(1)), next(loop(1, side=320))], key=bytes(32))
    with pytest.raises(CapacityError):
        VolumeEmbedder(payload, key=key, bits_stored=8, profile="radiograph").add(
            np.zeros((12, 12), np.uint8)
        )


def test_memory_does_not_grow_with_the_frames(key: bytes, payload: bytes) -> None:
    def marked(count: int) -> tuple[VolumeEmbedder, Iterator[Pixels]]:
        embedder = VolumeEmbedder(payload, key=key, bits_stored=12, profile="cross-section")
        return embedder, (embedder.add(frame) for frame in loop(count, side=512))

    def peak(count: int) -> int:
        tracemalloc.start()
        embedder, frames = marked(count)
        assert detect_volume((frame * 0 for frame in frames), key=key) is None  # takes them all
        data = embedder.finish().restore_data
        for _ in restore_volume(marked(count)[1], data, key=key):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    few, many = peak(PERIOD + 1), peak(2 * PERIOD)
    assert many < few + (1 << 19)  # one frame
