"""`radseal watermark quality`: the figures, for people and for programs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import watermark
from provenance.cli.root import cli

Make = Callable[..., bytes]


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(w) for w in words], env={"RADSEAL_SITE": None})


def answer(*words: object) -> dict[str, Any]:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    assert (found["schema"], found["exit_code"]) == ("radseal/watermark-quality/1", 0)
    return found


@pytest.fixture(scope="module")
def pixels() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:700, 0:600]
    smooth = 2000 + 600 * np.sin(x / 91) * np.cos(y / 83)
    before = np.rint(smooth + rng.normal(0, 20, smooth.shape)).astype(np.uint16)
    after = np.rint(before + rng.normal(0, 20, smooth.shape)).astype(np.uint16)
    return before, after


@pytest.fixture(scope="module")
def files(
    pixels: tuple[np.ndarray, np.ndarray], make_dicom: Make, tmp_path_factory: Any
) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("quality")
    paths = folder / "original.dcm", folder / "marked.dcm"
    for path, image in zip(paths, pixels, strict=True):
        path.write_bytes(make_dicom(image))
    return paths


def test_the_figures_are_those_of_the_library(
    files: tuple[Path, Path], pixels: tuple[np.ndarray, np.ndarray]
) -> None:
    found = answer("watermark", "quality", *files)
    wanted = watermark.measure(*pixels, bits_stored=12, margin=0)
    for name in ("psnr_db", "ssim", "max_change", "mark_to_noise_median", "mark_to_noise_p99"):
        assert found[name] == pytest.approx(getattr(wanted, name))
    assert (found["original"], found["marked"]) == tuple(map(str, files))
    assert found["bits_stored"] == 12
    assert [lesion["diameter"] for lesion in found["observer"]] == [6, 12, 24]
    for lesion in found["observer"]:
        assert lesion["patches"] > 100
        assert lesion["contrast"] > 0
        change = lesion["adapted"]
        assert change["low"] < change["difference"] < change["high"]
        assert change["difference"] == pytest.approx(change["area"] - lesion["area_unmarked"])
    assert found["observer"][0]["adapted"]["high"] < 0
    assert answer("watermark", "quality", *files) == found


def test_the_same_for_people(files: tuple[Path, Path]) -> None:
    result = run("watermark", "quality", *files)
    assert result.exit_code == 0, result.output
    for words in ("PSNR", "SSIM", "mark to noise", "lesion of 24/1024", "does not mean"):
        assert words in result.stdout


def test_an_image_against_itself(files: tuple[Path, Path]) -> None:
    found = answer("watermark", "quality", files[0], files[0])
    assert found["psnr_db"] is None
    assert (found["ssim"], found["max_change"]) == (1, 0)
    assert {lesion["adapted"]["difference"] for lesion in found["observer"]} == {0}
    assert "nothing changed" in run("watermark", "quality", files[0], files[0]).stdout


def test_pictures(pixels: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    paths = tmp_path / "a.png", tmp_path / "b.png"
    for path, image in zip(paths, pixels, strict=True):
        path.write_bytes(imagecodecs.png_encode((image >> 4).astype(np.uint8)))
    found = answer("watermark", "quality", *paths)
    assert found["bits_stored"] == 8
    assert found["observer"]


def test_what_cannot_be_compared(
    files: tuple[Path, Path], make_dicom: Make, tmp_path: Path
) -> None:
    other, tiny, flat = (tmp_path / name for name in ("other.dcm", "tiny.dcm", "flat.dcm"))
    other.write_bytes(make_dicom(np.full((700, 599), 7, np.uint16)))
    tiny.write_bytes(make_dicom(np.full((9, 9), 7, np.uint16)))
    flat.write_bytes(make_dicom(np.full((300, 300), 7, np.uint16)))
    result = run("watermark", "quality", files[0], other)
    assert result.exit_code == 2
    assert "differ in size" in result.stderr
    assert run("watermark", "quality", tiny, tiny).exit_code == 2
    found = answer("watermark", "quality", flat, flat)
    assert found["observer"] == []
    assert "too little" in run("watermark", "quality", flat, flat).stdout
