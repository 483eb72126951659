"""The tables of the conformance statement are those of the code.

After a meant change: python tests/pacs/test_conformance_statement.py
"""

import re
from pathlib import Path
from typing import Any, cast

from provenance.judging.verdict import Word
from provenance.pacs.dimse.conformance import tables
from provenance.pacs.dimse.statuses import REFUSED, comment_text, refused
from provenance.pacs.service.conformance import web_tables
from provenance.pacs.service.endpoints import stow_endpoints, wado_endpoints
from provenance.pacs.service.service import Service
from provenance.pacs.service.stow import Stow
from provenance.pacs.service.wado import Wado

PAGE = Path(__file__).resolve().parents[2] / "docs/conformance-statement.md"


def filled(text: str) -> str:
    """Return the page with its tables as they are now."""
    service = Service(cast(Any, None), cast(Any, None), cast(Any, None))
    web = [*stow_endpoints(service, Stow(service)), *wado_endpoints(service, Wado(service, ()))]
    for name, table in {**tables(), **web_tables(web)}.items():
        mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text, count = mark.subn(lambda found, made=table: found[1] + made + found[2], text)
        assert count == 1, name
    return text


def test_the_page_is_what_the_code_does() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert filled(text) == text


def test_each_verdict_that_is_refused_has_a_status_of_its_own() -> None:
    assert set(REFUSED) == set(Word)
    assert len(set(REFUSED.values())) == len(REFUSED)
    assert all(0xC000 <= code <= 0xCFFF for code in REFUSED.values())


def test_a_comment_is_a_long_string() -> None:
    said = comment_text(refused(Word.HEADER_CHANGED, 'a\\b "ä" ' * 20).comment)
    assert len(said) == 64
    assert said.isascii()
    assert "\\" not in said


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
