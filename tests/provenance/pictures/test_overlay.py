"""Pictures of where an object differs, and the command that writes them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from provenance.cli.root import cli
from provenance.forgeries.tamper import tamper
from provenance.image_tree import Region, Witness
from provenance.pictures.heatmap import hatch
from provenance.pictures.overlay import LONGEST, draw_overlay
from provenance.pictures.picture_file import read_picture
from provenance.verifying.examination import examine
from provenance.verifying.verifier import Verifier

if TYPE_CHECKING:
    from conftest import Original

Encode = Callable[..., bytes]
AMBER = [255, 176, 0]


def covered(shown: np.ndarray) -> np.ndarray:
    """Put a black box where something was."""
    forged = shown.copy()
    forged[300:520, 300:560] = 0
    return forged


def run(original: "Original", *words: object) -> Result:
    arguments = [str(w) for w in (*words, "--site", original.site.folder)]
    return CliRunner().invoke(cli, arguments, env={"RADSEAL_SITE": None})


def answer(original: "Original", *words: object, code: int) -> dict[str, Any]:
    result = run(original, *words, "--json")
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def incoming(chest: "Original", encode: Encode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as files arrive: a picture, an altered one, a retouched object, the sealed one."""
    folder = tmp_path_factory.mktemp("overlay") / "incoming"
    (folder / "deep").mkdir(parents=True)
    (folder / "shot.png").write_bytes(encode(chest.shown, "PNG"))
    (folder / "deep" / "box.jpg").write_bytes(encode(covered(chest.shown), "JPEG", quality=85))
    tamper("lesion", chest.path).write(folder / "lesion.dcm")
    (folder / "sealed.dcm").write_bytes(chest.path.read_bytes())
    return folder


def test_a_picture_for_each_object_with_regions(
    chest: "Original", incoming: Path, tmp_path: Path
) -> None:
    where = tmp_path / "where"
    found = answer(chest, "verify", incoming, "--overlay", where, code=10)
    by_name = {Path(o["path"]).name: o for o in found["objects"]}
    assert {k: o["verdict"] for k, o in by_name.items()} == {
        "shot.png": "DERIVED",
        "box.jpg": "ALTERED",
        "lesion.dcm": "ALTERED",
        "sealed.dcm": "AUTHENTIC",
    }
    drawn = sorted(str(p.relative_to(where)) for p in where.rglob("*") if p.is_file())
    assert drawn == ["deep/box.jpg.png", "lesion.dcm.png"]
    assert by_name["box.jpg"]["overlay"] == str(where / "deep" / "box.jpg.png")
    assert "overlay" not in by_name["shot.png"]
    assert {r["evidence"] for r in by_name["lesion.dcm"]["regions"]} == {"tiles"}
    assert {r["evidence"] for r in by_name["box.jpg"]["regions"]} <= {"presence", "thumbnail"}
    picture = np.asarray(read_picture(where / "deep" / "box.jpg.png"))
    assert picture.shape == (1024, 896, 3)
    rows, columns = np.nonzero((picture == AMBER).all(axis=2))
    assert 150 < rows.min() < 420
    assert 400 < rows.max() < 680
    assert 150 < columns.min() < 430


def test_in_words(chest: "Original", incoming: Path, tmp_path: Path) -> None:
    path = incoming / "deep" / "box.jpg"
    shown = run(chest, "verify", path, "--overlay", tmp_path / "where").stdout
    assert shown.startswith("ALTERED")
    assert f"  drawn: {tmp_path / 'where' / 'box.jpg.png'}" in shown
    assert "px, by " in shown


def test_a_folder_in_use_is_refused(chest: "Original", incoming: Path, tmp_path: Path) -> None:
    (tmp_path / "old.png").write_bytes(b"")
    result = run(chest, "verify", incoming, "--overlay", tmp_path)
    assert result.exit_code == 2
    assert "not empty" in result.stderr
    result = run(chest, "verify", incoming, "--overlay", incoming / "where")
    assert result.exit_code == 2
    assert not (incoming / "where").exists()


def test_nothing_to_draw(chest: "Original", incoming: Path) -> None:
    records = chest.site.records()
    with records.log:
        verifier = Verifier(chest.site.trust, records, chest.site.mark_key)
        path = incoming / "shot.png"
        assert draw_overlay(path, examine(path, verifier)) is None


def test_of_another_image_all_is_outlined(
    chest: "Original", encode: Encode, tmp_path: Path
) -> None:
    """And a picture that is larger than anyone needs is drawn smaller."""
    levels = np.full((2048, 1792), 90, np.uint8)
    path = tmp_path / "forged.png"
    path.write_bytes(encode(levels, "PNG"))
    region = Region(0, 0, 0, 1792, 2048, Witness.THUMBNAIL)
    records = chest.site.records()
    with records.log:
        found = examine(path, Verifier(chest.site.trust, records, chest.site.mark_key))
    drawn = draw_overlay(path, replace(found, verdict=replace(found.verdict, regions=(region,))))
    assert drawn is not None
    assert max(drawn.shape) == LONGEST
    assert (drawn[0, 700] == AMBER).all()


def test_deep_pictures_are_shown_by_their_own_range(
    chest: "Original", encode: Encode, tmp_path: Path
) -> None:
    forged = chest.samples.copy()
    forged[300:520, 300:560] = 1
    path = tmp_path / "deep.tif"
    path.write_bytes(encode(forged, "TIFF"))
    records = chest.site.records()
    with records.log:
        found = examine(path, Verifier(chest.site.trust, records, chest.site.mark_key))
    drawn = draw_overlay(path, found)
    assert drawn is not None
    assert 20 < drawn[850:1000, 100:800].mean() < 115  # dimmed, neither black nor white


def test_hatching_stays_in_its_area() -> None:
    area = np.zeros((120, 200), np.bool_)
    area[:, :60] = True
    drawn = hatch(np.zeros((120, 200), np.uint8), area)
    assert drawn[:, :60].any()
    assert not drawn[:, 60:].any()


def test_watermark_read_says_how_it_lies(chest: "Original", encode: Encode, tmp_path: Path) -> None:
    path = tmp_path / "turned.png"
    path.write_bytes(encode(255 - chest.shown, "PNG"))
    found = answer(chest, "watermark", "read", path, code=0)
    assert found["inverted"] is True
    assert found["attempts"] >= 1
    assert len(found["placement"]) == 9
    assert found["lens"] is None
    assert found["view"] == {
        "scale": pytest.approx(1.0),
        "degrees_clockwise": 0.0,
        "mirrored": False,
        "shown": pytest.approx(1.0),
    }
    shown = run(chest, "watermark", "read", path).stdout
    assert "view: scale 1.00, all of it is shown" in shown
    assert "the grey scale is inverted" in shown
    found = answer(chest, "watermark", "read", chest.path, code=0)
    assert found["inverted"] is False


def test_trace_of_a_picture(chest: "Original", encode: Encode, tmp_path: Path) -> None:
    path = tmp_path / "shot.png"
    path.write_bytes(encode(chest.shown, "PNG"))
    (found,) = answer(chest, "trace", path, code=0)["objects"]
    assert found["complete"]
    path.write_bytes(encode(np.zeros((64, 64), np.uint8), "PNG"))
    assert run(chest, "trace", path).exit_code == 16
