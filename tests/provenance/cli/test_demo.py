"""The demonstration as a newcomer runs it: all of it, once."""

import importlib.metadata
import re
from pathlib import Path

import numpy as np
import pytest

from provenance import UsageError, Word
from provenance.demo import DemoResult, run_demo
from provenance.demo.cases import CASES
from provenance.demo.images import IMAGES, find_images
from provenance.demo.result import BIT_EXACT
from provenance.forgeries.tamper import KINDS
from provenance.pictures.picture_file import read_picture


@pytest.fixture(scope="module")
def spoken() -> list[str]:
    return []


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, spoken: list[str]) -> DemoResult:
    return run_demo(tmp_path_factory.mktemp("demo") / "out", say=spoken.append)


def test_every_case_comes_out_as_it_must(result: DemoResult) -> None:
    assert [(c.number, c.got) for c in result.cases] == [
        (number, case.expected) for number, case in enumerate(CASES, start=1)
    ]
    assert result.ok


def test_the_cases_cover_all_kinds_and_verdicts() -> None:
    slugs = {case.slug for case in CASES}
    assert set(KINDS) <= slugs
    # NOT CHECKED needs something out of reach, and everything here is at hand
    assert {str(w) for w in Word} - {case.expected for case in CASES} == {Word.NOT_CHECKED}
    assert BIT_EXACT in {case.expected for case in CASES}


def test_local_forgeries_are_located(result: DemoResult) -> None:
    located = [c for c in result.cases if c.magnified]
    assert {c.image for c in located} >= {"chest", "leg", "head", "perfusion"}
    for case in located:
        assert case.verdict is not None
        area = sum(region.w * region.h for region in case.verdict.regions)
        assert 0 < area <= 4 * 192 * 192, case.title
        assert [p.caption for p in case.panels][-1] == "located by verification"


def test_the_pixel_forgery_is_found_in_one_tile(result: DemoResult) -> None:
    (case,) = (c for c in result.cases if c.title == "One sample, one grey level")
    assert case.verdict is not None
    (region,) = case.verdict.regions
    assert (region.w, region.h) == (64, 64)


def test_header_forgeries_show_both_values(result: DemoResult) -> None:
    (case,) = (c for c in result.cases if c.title == "Left and right swapped")
    (change,) = case.changes
    assert (change.keyword, change.was, change.now) == ("Laterality", "R", "L")


def test_radiographs_are_marked_gently_and_the_rest_is_not(result: DemoResult) -> None:
    for image in result.images:
        if image.name in ("chest", "leg"):
            assert image.quality is not None
            assert image.quality.psnr_db > 50
            assert image.quality.mark_to_noise_median < 1
        else:
            assert image.unmarked


def test_the_chain_of_custody_is_complete(result: DemoResult) -> None:
    events = [event.event for event in result.chain.events]
    assert events == ["sealed", "attested", "sent", "verified", "ingested", "viewed"]
    assert result.chain.complete


def test_the_ledger_passes_its_audit(result: DemoResult) -> None:
    # genesis and four more keys, five seals, five events, one correction
    assert (result.log.size, result.log.audit_ok) == (16, True)
    assert result.log.checkpoint.splitlines()[1] == "16"


def test_pictures_are_files_and_in_the_report(result: DemoResult) -> None:
    pictures = result.folder / "pictures"
    for name, png in result.pictures.items():
        assert (pictures / f"{name}.png").read_bytes() == png
    page = result.report.read_text(encoding="utf-8")
    assert len(page) < 8_000_000
    for case in result.cases:
        for panel in (*case.panels, *case.magnified):
            assert f'id="picture-{panel.picture}"' in page


def test_the_poster_is_fit_for_the_readme(result: DemoResult) -> None:
    path = result.folder / "pictures" / "poster.png"
    assert path.stat().st_size < 300_000
    poster = np.asarray(read_picture(path))
    assert poster.shape[1] == 3 * 330 + 2 * 8


def test_every_case_is_said_as_it_goes(result: DemoResult, spoken: list[str]) -> None:
    lines = [line for line in spoken if line.startswith("  ok")]
    assert len(lines) == len(CASES)
    assert any(re.search(r"ALTERED +chest +a nodule added: x \d+ y \d+, \d+ x", s) for s in lines)
    assert spoken[-1] == f"report: {result.report}"
    assert not any(line.startswith("  NO") for line in spoken)


def test_it_replaces_itself_and_nothing_else(
    result: DemoResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = result.folder / "mine.txt"
    mine.write_text("keep")
    old = result.folder / "cases" / "old.dcm"
    old.write_bytes(b"")
    monkeypatch.setattr("provenance.demo.run.CASES", CASES[2:3])
    again = run_demo(result.folder, say=lambda _: None)
    assert [c.got for c in again.cases] == [Word.AUTHENTIC]
    assert mine.read_text() == "keep"
    assert not old.exists()


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    with pytest.raises(UsageError, match="something else than an earlier demonstration"):
        run_demo(tmp_path, say=lambda _: None)
    assert (tmp_path / "site").is_dir()


class TestImages:
    def test_all_are_there(self) -> None:
        found = find_images()
        assert list(found) == [image.name for image in IMAGES]
        assert all(path.is_file() for path in found.values())

    def test_without_the_images(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(name: str) -> None:
            raise importlib.metadata.PackageNotFoundError(name)

        monkeypatch.setattr("provenance.demo.images.distribution", missing)
        with pytest.raises(UsageError, match=r"pip install 'radseal\[demo\]'"):
            find_images()

    def test_without_the_codecs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("provenance.demo.images.have_imagecodecs", lambda: False)
        with pytest.raises(UsageError, match="codecs are not installed"):
            find_images()

    def test_an_image_that_is_missing_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Path, "is_file", lambda self: self.name != "RG1_UNCR.dcm")
        with pytest.raises(UsageError, match=r"lacks RG1_UNCR\.dcm"):
            find_images()
