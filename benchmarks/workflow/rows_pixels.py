"""Rows 21 to 24: samples that were changed, where, and frames out of order."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.workflow.edits import Samples, forge, on_samples
from benchmarks.workflow.row import Act, Case
from provenance.findings import Code
from provenance.judging.verdict import Word

if TYPE_CHECKING:
    from benchmarks.workflow.bench import Bench

X = Word.ALTERED
DIFFER = (Code.PIXELS_DIFFER,)
LETTERS = (0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001)  # an A of 5 x 7


def each(change: Callable[[Samples], Samples]) -> Act:
    """Return the act of changing every frame."""
    return on_samples(lambda frames: [change(frame) for frame in frames])


def noise(frame: Samples) -> Samples:
    """Add a grey level here and there."""
    chance = np.random.default_rng(3)
    step = chance.integers(0, 2, frame.shape).astype(frame.dtype)
    noisy: Samples = np.where(frame > frame.max() // 2, frame - step, frame + step)
    return noisy


def smoothed(frame: Samples) -> Samples:
    """Take the mean with the neighbour below."""
    wide = frame.astype(np.int32)
    return ((wide + np.roll(wide, 1, axis=0)) // 2).astype(frame.dtype)


def shuttered(frame: Samples) -> Samples:
    """Blank what lies outside a rectangle."""
    rows, columns = frame.shape[:2]
    kept = np.zeros_like(frame)
    inside = np.s_[rows // 16 : -rows // 16, columns // 16 : -columns // 16]
    kept[inside] = frame[inside]
    return kept


def padded(frame: Samples) -> Samples:
    """Write a padding value outside a circle, as scanners do."""
    rows, columns = frame.shape[:2]
    y, x = np.mgrid[0:rows, 0:columns]
    outside = np.hypot(y / rows - 0.5, x / columns - 0.5) > 0.5
    return np.where(outside, frame.min(), frame)


def with_text(frame: Samples) -> Samples:
    """Burn a letter in."""
    written = frame.copy()
    for row, bits in enumerate(LETTERS):
        for column in range(5):
            if bits >> (4 - column) & 1:
                written[8 + 3 * row : 11 + 3 * row, 8 + 3 * column : 11 + 3 * column] = frame.max()
    return written


def boxed(frame: Samples) -> Samples:
    """Black out a box."""
    written = frame.copy()
    written[: frame.shape[0] // 8, : frame.shape[1] // 2] = 0
    return written


def swapped(frames: list[Samples]) -> list[Samples]:
    """Swap two frames."""
    return [frames[1], frames[0], *frames[2:]]


def repeated(frames: list[Samples]) -> list[Samples]:
    """Put a frame in the place of the next one."""
    return [frames[0], frames[0], *frames[2:]]


def without_last_frame(bench: "Bench", sealed: Path) -> Path:
    """Drop the last frame."""
    import pydicom

    dataset = pydicom.dcmread(sealed)
    frames = int(dataset.NumberOfFrames)
    stored = dataset.PixelData
    dataset.NumberOfFrames = frames - 1
    dataset.PixelData = stored[: len(stored) * (frames - 1) // frames]
    made = sealed.with_name("shorter.dcm")
    dataset.save_as(made)
    return made


def slices_swapped(bench: "Bench", sealed: Path) -> Path:
    """Give a slice the samples of another slice of its series; both are sealed."""
    import pydicom

    other = shutil.copyfile(bench.sealed("DX, fresh", bench.work_folder()), sealed.parent / "o.dcm")
    dataset, donor = pydicom.dcmread(sealed), pydicom.dcmread(other)
    changed = donor.pixel_array[::-1].copy()
    dataset.PixelData = changed.tobytes()
    made = sealed.with_name("swapped.dcm")
    dataset.save_as(made)
    return made


CASES = [
    *(
        Case(21, what, tool, subject, act, X, DIFFER, regions=True)
        for subject in ("DX", "CT", "leg", "US", "frames")
        for what, tool, act in (
            ("one sample by one grey level", "radseal tamper", forge("pixel")),
            ("a nodule", "radseal tamper", forge("lesion")),
            ("a spot painted over", "radseal tamper", forge("erase")),
            ("noise of one grey level", "numpy", each(noise)),
            ("smoothed", "numpy", each(smoothed)),
        )
    ),
    Case(22, "two frames swapped", "numpy", "frames", on_samples(swapped), X, DIFFER, regions=True),
    Case(22, "a frame repeated", "numpy", "frames", on_samples(repeated), X, DIFFER, regions=True),
    Case(
        22, "the last frame removed", "pydicom", "frames", without_last_frame, X,
        (Code.GEOMETRY_DIFFERS,), regions=True,
    ),
    Case(
        22, "the samples of another slice", "pydicom", "DX", slices_swapped, X, DIFFER, regions=True
    ),
    *(
        Case(23, what, "numpy", subject, each(change), X, DIFFER, regions=True)
        for subject in ("DX", "CT", "leg")
        for what, change in (("shutter", shuttered), ("padding outside a circle", padded))
    ),
    *(
        Case(24, what, "numpy", subject, each(change), X, DIFFER, regions=True)
        for subject in ("DX", "CT", "US", "leg")
        for what, change in (("a letter burned in", with_text), ("a black box", boxed))
    ),
]  # fmt: skip
