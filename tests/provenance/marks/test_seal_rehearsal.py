"""What sealing says of a mark that will not survive: before anything is signed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import watermark
from provenance import Site, seal
from provenance.cli.root import cli
from provenance.errors import SealError


def grainy(rows: int = 640, columns: int = 520) -> np.ndarray:
    chance = np.random.default_rng(5)
    y, x = np.mgrid[0:rows, 0:columns]
    image = 2000 + 600 * np.sin(x / 90) * np.cos(y / 70) + chance.normal(0, 30, (rows, columns))
    return np.clip(image, 0, 4095).astype(np.uint16)


def run(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(w) for w in words], env={"RADSEAL_SITE": None})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    assert run("init", tmp_path / "site", "--name", "north").exit_code == 0
    return tmp_path


@pytest.fixture
def weak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        watermark, "rehearse", lambda marked, *, key: watermark.Rehearsal(2.0, 0.61, read=False)
    )


def sealed(place: Path, data: bytes, *words: str) -> tuple[dict[str, Any], str]:
    (place / "in.dcm").write_bytes(data)
    command = ("seal", place / "in.dcm", "-o", place / "out", "--site", place / "site", "--force")
    told, shown = run(*command, *words, "--json"), run(*command, *words)
    assert told.exit_code == shown.exit_code
    (one,) = json.loads(told.stdout)["objects"]
    return one, shown.stdout


def test_margin_is_told(place: Path, make_dicom: Callable[..., bytes]) -> None:
    one, shown = sealed(place, make_dicom(grainy()))
    assert one["mark"]["read_jpeg_50"] is True
    assert one["mark"]["margin"] > one["mark"]["margin_jpeg_50"] > 1
    assert one["mark"]["warning"] is None
    assert "warning" not in shown


@pytest.mark.usefixtures("weak")
def test_weak_mark_is_warned_about(place: Path, make_dicom: Callable[..., bytes]) -> None:
    one, shown = sealed(place, make_dicom(grainy()))
    assert one["result"] == "sealed"
    assert one["mark"]["read_jpeg_50"] is False
    assert one["mark"]["margin_jpeg_50"] == 0.61
    assert "expected margin 0.61" in one["mark"]["warning"]
    for words in ("warning: the mark is weak", "why: ", "do:  "):
        assert words in shown
    assert run("verify", place / "out", "--site", place / "site").exit_code == 0


@pytest.mark.parametrize("kind", ["flat", "small", "saturated"])
def test_no_room(kind: str, site: Site, make_dicom: Callable[..., bytes]) -> None:
    image = {
        "flat": np.full((640, 520), 900, np.uint16),
        "small": grainy(40, 40),
        "saturated": np.where(grainy() > 1000, 4095, 0).astype(np.uint16),
    }[kind]
    with site.device() as device:
        found = seal(make_dicom(image), device=device)
        assert found.mark is None
        assert found.rehearsal is None
        assert found.weak is None
        assert found.unmarked is not None
        assert "cannot carry the mark" in found.unmarked
        with pytest.raises(SealError, match="cannot carry the mark") as caught:
            seal(make_dicom(image), device=device, profile="radiograph")
        assert caught.value.code == "SE103"
        assert seal(make_dicom(image), device=device, profile="none").mark is None
