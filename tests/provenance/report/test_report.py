"""The report: one file that fetches nothing, runs nothing, and lets no DICOM text become HTML."""

import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from provenance.demo.result import (
    BIT_EXACT,
    AttributeChange,
    CaseResult,
    DemoResult,
    LogFacts,
    Panel,
    SealedImage,
)
from provenance.findings import Code
from provenance.judging.verdict import Check, Outcome, Status, Verdict, Word
from provenance.pictures.png import png_bytes
from provenance.report import render_report, write_report
from provenance.report.markup import Markup, element, joined
from provenance.report.signs import word_badge
from provenance.trace import Trace, TracedEvent
from watermark import Quality

HOSTILE = "<script>alert('1')</script>\"&"
VOID = {"br", "meta"}


class Page(HTMLParser):
    """Collects elements, and fails on tags that do not close in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def _verdict(word: Word) -> Verdict:
    return Verdict(
        word=word,
        integrity=Outcome.REFUTED,
        trust=Outcome.PROVEN,
        custody=Outcome.UNKNOWN,
        checks=(
            Check("seal", Status.PASS, Code.SEAL_FOUND, f"found {HOSTILE}"),
            Check("pixels", Status.FAIL, Code.PIXELS_DIFFER, "one differs"),
            Check("mark", Status.SKIP, Code.MARK_NOT_SOUGHT, "not sought"),
            Check("receipt", Status.WARN, Code.RECEIPT_BAD, "odd"),
        ),
        seal_id=bytes(12),
        signer=HOSTILE,
        sealed_at=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
        log_index=7,
    )


def _case(number: int, word: str, **fields: object) -> CaseResult:
    case = CaseResult(
        number=number,
        image="chest",
        title=f"case {HOSTILE}",
        what=f"something was done: {HOSTILE}",
        expected=word,
        got=word,
        verdict=None if word == BIT_EXACT else _verdict(Word(word)),
        file=Path("cases/x.dcm"),
        asked="the site",
        seconds=0.5,
        panels=(Panel("chest", "as sealed", "sealed"), Panel("chest", HOSTILE, HOSTILE)),
        magnified=(),
        changes=(),
        remark="",
    )
    return replace(case, **fields)  # type: ignore[arg-type]


@pytest.fixture
def result(tmp_path: Path) -> DemoResult:
    """A result with every verdict, and hostile words wherever a file can put some."""
    cases = [_case(n, word) for n, word in enumerate([*Word, BIT_EXACT], start=1)]
    change = AttributeChange("PatientName", "changed", "administrative", HOSTILE, HOSTILE)
    cases[1] = replace(cases[1], changes=(change,) * 9)
    cases[2] = replace(cases[2], magnified=(Panel("chest", "near", "near"),) * 3)
    cases[3] = replace(cases[3], panels=cases[3].panels[:1])
    picture = png_bytes(np.zeros((3, 5), np.uint8))
    image = SealedImage(
        name="chest",
        shows=HOSTILE,
        source=Path("a"),
        path=Path("b"),
        size="5 x 3",
        bits=12,
        syntax=HOSTILE,
        seal_id=bytes(12),
        log_index=5,
        quality=Quality(56.4, 0.9991, 9, 0.5, 0.9, 12.0),
        unmarked=None,
        seconds=1.0,
        panels=cases[0].panels,
    )
    event = TracedEvent(5, "sealed", datetime(2026, 3, 4, tzinfo=UTC), "device", HOSTILE, True)
    return DemoResult(
        folder=tmp_path,
        started_at=datetime(2026, 3, 4, tzinfo=UTC),
        took=timedelta(seconds=12.6),
        images=(image, replace(image, quality=None, unmarked=HOSTILE)),
        cases=tuple(cases),
        chain=Trace(bytes(12), "seal id", (event, replace(event, event="viewed"))),
        log=LogFacts("origin", 9, bytes(32), f"origin\n9\n{HOSTILE}\n", True, ()),
        pictures={"chest": picture},
    )


@pytest.fixture
def page(result: DemoResult) -> Page:
    return Page(render_report(result))


def test_nothing_is_fetched_and_nothing_runs(page: Page) -> None:
    names = {name for name, _ in page.elements}
    assert not names & {"script", "link", "iframe", "object", "embed", "form", "base"}
    for name, attributes in page.elements:
        for key, value in attributes.items():
            assert not key.startswith("on"), key
            assert key != "style"
            if key in ("href", "src"):
                assert (value or "").startswith(("#", "data:image/png;base64,")), (name, value)


def test_the_policy_allows_the_page_s_own_style_and_pictures(result: DemoResult) -> None:
    text = render_report(result)
    (policy,) = (m.get("content") for m in Page(text).all("meta") if "http-equiv" in m)
    assert policy is not None
    style = re.search("<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "img-src data:" in policy
    assert "unsafe" not in policy
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_every_reference_leads_somewhere(page: Page) -> None:
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        href = attributes.get("href") or ""
        if href.startswith("#"):
            assert href[1:] in ids, href


def test_each_picture_is_stored_once(result: DemoResult) -> None:
    encoded = base64.b64encode(result.pictures["chest"]).decode()
    assert render_report(result).count(encoded) == 1


def test_no_text_becomes_markup(page: Page) -> None:
    assert page.text.count(HOSTILE) > 20
    assert not page.all("script")


def test_every_picture_has_words(page: Page) -> None:
    assert page.all("html")[0]["lang"] == "en"
    shown = [a for a in page.all("svg") if a.get("role") == "img"]
    assert len(shown) > 20
    assert all(a.get("aria-label") for a in shown)
    assert all(a.get("aria-hidden") == "true" for a in page.all("svg") if a not in shown)


def test_verdicts_differ_in_word_shape_and_colour() -> None:
    shapes = set()
    for word in Word:
        badge = Page(str(word_badge(word)))
        assert word in badge.text
        shapes.add(badge.all("use")[0]["href"])
    assert len(shapes) == len(Word)


def test_each_case_says_all_it_must(page: Page, result: DemoResult) -> None:
    for case in result.cases:
        assert any(a.get("id") == f"case-{case.number}" for a in page.all("article"))
    for words in ("integrity: refuted", "trust: proven", "custody: unknown", "FAIL", "PX101"):
        assert words in page.text
    assert "and 3 more attributes" in page.text
    assert "PSNR 56.4 dB, SSIM 0.9991" in page.text
    assert "9 of 4095 grey levels" in page.text
    assert "13 s" in page.text
    assert "Every forgery was found." in page.text


def test_a_case_that_went_wrong_is_not_hidden(result: DemoResult) -> None:
    wrong = replace(result.cases[0], got=Word.ALTERED, verdict=_verdict(Word.ALTERED))
    failed = replace(result, cases=(wrong, *result.cases[1:]))
    assert not failed.ok
    text = Page(render_report(failed)).text
    assert "Not every case came out as it must." in text
    assert "must be AUTHENTIC" in text
    assert "Every forgery was found." not in text


def test_a_failed_audit_is_not_hidden(result: DemoResult) -> None:
    log = replace(result.log, audit_ok=False, audit_findings=("entry 3 is gone",))
    failed = replace(result, log=log)
    assert not failed.ok
    text = Page(render_report(failed)).text
    assert "entry 3 is gone" in text
    assert "audit failed" in text


def test_a_gap_in_the_chain_is_not_hidden(result: DemoResult) -> None:
    chain = replace(
        result.chain, events=(result.chain.events[0], replace(result.chain.events[1], linked=False))
    )
    text = Page(render_report(replace(result, chain=chain))).text
    assert "NOT COMPLETE" in text
    assert "DOES NOT NAME ITS PREDECESSOR" in text


def test_it_is_written_beside_the_cases(result: DemoResult) -> None:
    write_report(result)
    assert result.report == result.folder / "report.html"
    assert result.report.read_text(encoding="utf-8") == render_report(result)


def test_no_cases_is_not_success(result: DemoResult) -> None:
    assert not replace(result, cases=()).ok


class TestMarkup:
    def test_text_is_escaped_and_markup_is_not(self) -> None:
        inner = element("b", "<&>", class_="x", aria_label='"')
        assert inner == '<b class="x" aria-label="&quot;">&lt;&amp;&gt;</b>'
        assert joined(inner, "<") == inner + "&lt;"
        assert Markup.of(inner) is inner

    def test_absent_attributes_and_void_elements(self) -> None:
        assert element("br") == "<br>"
        assert element("a", href=None) == "<a></a>"
