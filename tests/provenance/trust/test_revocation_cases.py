"""Every row of the table in docs/revocation.md: time, revocation, lists and evidence of time.

`python tests/provenance/trust/test_revocation_cases.py` writes the table of that page anew.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).resolve().parents[3])]

from revocation_world import World, read_cases, world_maker

PAGE = Path(__file__).resolve().parents[3] / "docs" / "revocation.md"
BEGIN, END = "<!-- the table of cases: begin -->\n", "<!-- the table of cases: end -->"
TABLE = read_cases()


@pytest.fixture(scope="module")
def make_world(
    tmp_path_factory: pytest.TempPathFactory,
    make_time_authority: Callable[..., Any],
    make_dicom: Callable[..., bytes],
) -> Callable[[str], World]:
    pixels = np.random.default_rng(3).integers(0, 4096, (64, 64), dtype=np.uint16)
    return world_maker(tmp_path_factory.mktemp("worlds"), make_time_authority, make_dicom(pixels))


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case["name"])
def test_case(case: Mapping[str, Any], make_world: Callable[[str], World]) -> None:
    verdict = make_world(case["name"]).play(case)
    codes = {check.code.value: check.detail for check in verdict.checks}
    assert (verdict.word.value, case["code"] in codes) == (case["word"], True), codes


def test_the_cases_are_many_and_differ() -> None:
    assert len(TABLE) > 60
    assert len({case["name"] for case in TABLE}) == len(TABLE)
    assert {case["word"] for case in TABLE} == {"AUTHENTIC", "UNTRUSTED"}


def test_the_page_shows_the_cases() -> None:
    assert table_of(PAGE.read_text(encoding="utf-8")) == rows()


def table_of(page: str) -> str:
    return page.partition(BEGIN)[2].partition(END)[0]


def rows() -> str:
    """Return the table as the page has it."""
    lines = [
        "| case | evidence of time | asked | verdict | code |",
        "| --- | --- | --- | --- | --- |",
    ]
    for case in TABLE:
        proofs = ", ".join(case.get("proofs", ())) or "none"
        asked = case.get("ask", "ledger")
        cells = (case["says"], proofs, asked, case["word"], case["code"])
        lines.append(f"| {' | '.join(cells)} |")
    return "".join(f"{line}\n" for line in lines)


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(text.replace(BEGIN + table_of(text), BEGIN + rows()), encoding="utf-8")
