"""One case of the report: pictures side by side, what was done, what was found, what it means."""

from provenance.demo.result import BIT_EXACT, AttributeChange, CaseResult, Panel
from provenance.explanations import EXPLANATIONS
from provenance.findings import Code
from provenance.judging.verdict import Check, Status, Verdict, Word
from provenance.report.markup import Markup, element, joined
from provenance.report.signs import outcome_sign, status_sign, tone, word_badge, word_sign

_CHANGES_SHOWN = 6
_EXACT = (
    "Mark and seal were taken out; every sample is the one that the device recorded. Only who "
    "holds the site's mark key can do that."
)


def case_card(case: CaseResult) -> Markup:
    """Return everything about one case."""
    right = "as it must be" if case.ok else f"must be {case.expected}"
    return element(
        "article",
        element(
            "header",
            element("h3", element("span", f"{case.number:02}", class_="number"), case.title),
            element("span", right, class_="asit" if case.ok else "asit no"),
            word_badge(case.got),
        ),
        element("p", _done(case), class_="done"),
        _panels(case),
        _magnified(case.magnified),
        _finding(case),
        _changes(case.changes),
        element("p", _meaning(case), class_="meaning"),
        class_="case",
        id=f"case-{case.number}",
        aria_label=f"Case {case.number}: {case.title}, {case.got}",
    )


def figure(panel: Panel, *, magnified: bool = False) -> Markup:
    """Return one picture with its caption; the picture itself is stored once on the page."""
    return element(
        "figure",
        element(
            "div",
            element(
                "svg",
                element("use", href=f"#picture-{panel.picture}"),
                role="img",
                aria_label=panel.alt,
            ),
            class_="frame magnified" if magnified else "frame",
        ),
        element("figcaption", panel.caption),
    )


def _done(case: CaseResult) -> Markup:
    words = case.what[0].upper() + case.what[1:] + "."
    return joined(element("strong", "Done: "), words, f" {case.remark}" if case.remark else "")


def _panels(case: CaseResult) -> Markup:
    figures = [figure(panel) for panel in case.panels]
    if len(figures) < 2:
        figures.append(
            _words(
                "as received", "Nothing to show", "The file cannot be decoded.", "mute", case.got
            )
        )
    if len(figures) < 3:
        figures.append(_answer(case))
    return element("div", *figures, class_="panels")


def _answer(case: CaseResult) -> Markup:
    """Return the third panel where no place in the picture can be pointed at."""
    if case.verdict is None:
        return _words("compared, sample by sample", BIT_EXACT, "Nothing differs.", "good", case.got)
    big, small = case.got, EXPLANATIONS[case.got].says
    if any(check.code is Code.MOVED_SEAL for check in case.verdict.checks):
        small = EXPLANATIONS[Code.MOVED_SEAL].says
    elif case.changes and case.got in (Word.ALTERED, Word.HEADER_CHANGED, Word.CORRECTED):
        first = case.changes[0]
        big, small = first.keyword, f"{first.was} \N{RIGHTWARDS ARROW} {first.now}"
    return _words("found by verification", big, small, tone(case.got), case.got)


def _words(caption: str, big: str, small: str, colour: str, word: str) -> Markup:
    return element(
        "figure",
        element(
            "div",
            word_sign(word),
            element("p", big, class_="big"),
            element("p", small),
            class_=f"frame words {colour}",
        ),
        element("figcaption", caption),
    )


def _magnified(panels: tuple[Panel, ...]) -> Markup:
    if not panels:
        return Markup("")
    return element("div", *(figure(panel, magnified=True) for panel in panels), class_="panels")


def _finding(case: CaseResult) -> Markup:
    verdict = case.verdict
    if verdict is None:
        return Markup("")
    return element(
        "div",
        element(
            "div",
            element("h4", "What was checked"),
            element("ul", *(_check(check) for check in verdict.checks), class_="checks"),
        ),
        element(
            "div",
            element("h4", "The three answers"),
            element("ul", *_answers(verdict), class_="answers"),
            element("h4", "The seal"),
            _facts(case, verdict),
        ),
        class_="finding",
    )


def _check(check: Check) -> Markup:
    mark, colour = status_sign(check.status)
    status = "FAIL" if check.status is Status.FAIL else check.status.value
    return element(
        "li",
        element("span", mark, class_=colour),
        element("span", status, " ", check.id, class_=f"status {colour}"),
        element("span", check.code.value, class_="code soft", title=EXPLANATIONS[check.code].says),
        element("span", check.detail, class_="detail"),
    )


def _answers(verdict: Verdict) -> tuple[Markup, ...]:
    answers = (
        ("integrity", verdict.integrity),
        ("trust", verdict.trust),
        ("custody", verdict.custody),
    )
    return tuple(
        element("li", outcome_sign(outcome), f"{name}: {outcome.value}", class_=outcome.value)
        for name, outcome in answers
    )


def _facts(case: CaseResult, verdict: Verdict) -> Markup:
    sealed_at = f"{verdict.sealed_at:%Y-%m-%d %H:%M:%S} UTC" if verdict.sealed_at else None
    facts = (
        ("seal id", verdict.seal_id.hex() if verdict.seal_id else None),
        ("signer", verdict.signer),
        ("sealed", sealed_at),
        ("log entry", None if verdict.log_index is None else str(verdict.log_index)),
        ("asked", case.asked),
        ("took", f"{case.seconds:.2f} s"),
    )
    return element(
        "dl",
        *(
            joined(element("dt", name), element("dd", value))
            for name, value in facts
            if value is not None
        ),
        class_="facts",
    )


def _changes(changes: tuple[AttributeChange, ...]) -> Markup:
    if not changes:
        return Markup("")
    rows = [
        element(
            "tr",
            element("th", change.keyword, scope="row"),
            element("td", change.kind, class_="whole"),
            element("td", change.severity, class_="whole"),
            element("td", change.was, class_="code"),
            element("td", change.now, class_="code"),
        )
        for change in changes[:_CHANGES_SHOWN]
    ]
    if len(changes) > _CHANGES_SHOWN:
        more = f"and {len(changes) - _CHANGES_SHOWN} more attributes"
        rows.append(element("tr", element("td", more, colspan="5", class_="soft")))
    head = element(
        "tr",
        *(
            element("th", name, scope="col")
            for name in ("attribute", "what", "weight", "sealed", "now")
        ),
    )
    table = element("table", element("thead", head), element("tbody", *rows))
    return element("div", table, class_="sheet changes")


def _meaning(case: CaseResult) -> Markup:
    if case.verdict is None:
        return Markup.of(_EXACT)
    explanation = EXPLANATIONS[case.got]
    if case.got == Word.AUTHENTIC:
        return Markup.of(explanation.not_meant)
    return joined(element("strong", "What to do: "), explanation.do, " ", explanation.not_meant)
