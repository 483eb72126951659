"""36 things that happen to images, done by real tools: each gets the verdict it must."""

import shutil
import warnings
from pathlib import Path

import pytest

from benchmarks.workflow.bench import Bench
from benchmarks.workflow.matrix import CASES, ROWS, WAITING, cases_of
from benchmarks.workflow.page import PAGE, page
from benchmarks.workflow.row import Case
from benchmarks.workflow.tools import ToolMissingError
from provenance import Outcome

# One worker takes a third of them, so that the images are sealed few times.
GROUPS = 3


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=pytest.mark.xdist_group(f"workflow {number % GROUPS}"))
        for number, case in enumerate(CASES)
    ],
    ids=lambda case: f"{case.name}, {case.tool}",
)
def test_case(case: Case, bench: Bench) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, about what its own test files hold
        try:
            made = bench.make(case)
        except ToolMissingError as error:
            pytest.skip(str(error))
        seen = bench.see(case, made)
    assert seen.word == case.word, seen
    assert set(case.codes) <= seen.codes, seen
    if case.regions:
        assert seen.regions
    if case.proven:
        assert seen.answers == {Outcome.PROVEN}


def test_every_row_is_there() -> None:
    assert [row.number for row in ROWS] == list(range(1, 37))
    for row in ROWS:
        assert cases_of(row) or row.waits, row
        assert bool(row.pending) == bool(row.needs)
    assert {row.needs for row in ROWS if row.needs} == set(WAITING)


def test_a_word_that_is_not_the_rows_is_explained() -> None:
    for row in ROWS:
        for case in cases_of(row):
            assert case.word in row.words or case.why, case.name


def test_names_are_unique() -> None:
    names = [f"{case.name}, {case.tool}" for case in CASES]
    assert len(set(names)) == len(names)


def test_the_page_says_what_is_tested() -> None:
    """`python -m benchmarks.workflow --page` writes it."""
    checkout = Path(__file__).resolve().parents[2]
    assert (checkout / PAGE).read_text(encoding="utf-8") == page()


def test_tools_that_are_missing_are_named() -> None:
    """Where one is not installed its rows are skipped, and this test is skipped saying so."""
    programs = ("dcmconv", "gdcmconv", "Orthanc", "openssl")
    missing = [p for p in programs if shutil.which(p, path=f"{_path()}:/usr/sbin") is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}; rows of the matrix were skipped")


def _path() -> str:
    import os

    return os.environ.get("PATH", "")
