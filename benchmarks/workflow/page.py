"""docs/workflow-matrix.md, written from the rows, the cases and the last whole run."""

import json
from collections import Counter
from pathlib import Path

from benchmarks.workflow.matrix import CASES, ROWS, cases_of
from benchmarks.workflow.row import Case, Row
from benchmarks.workflow.subjects import SUBJECTS

PAGE = "docs/workflow-matrix.md"
RESULTS = Path(__file__).with_name("results.json")
COLUMNS = {
    "files": "files",
    "sealed": "sealed",
    "steps": "steps",
    "authentic": "AUTHENTIC",
    "alarms": "else",
    "refused": "refused by the tool",
    "changed": "changed by the tool",
    "undecodable": "no decoder",
}
_KNOWN = """
*Changed by the tool* are 18 steps of two files with a segmented palette: GDCM puts a plain one in
its place whenever it rewrites the pixels, in which 14,773 of 196,608 entries are not what PS3.3
C.7.9.2.2 makes of the segments (no pixel of these two files uses one of them). The verdict is
ALTERED. A tool that expanded the palette rightly would get the same word, since the seal holds a
hash of the segmented one.
"""
_HEAD = """\
# The workflow matrix

What hospitals and attackers do to images, and what radseal says of it. This page is written from
the cases of `benchmarks/workflow/` (`python -m benchmarks.workflow --page`); a test holds that
it is. Each case is a test (`tests/workflow/test_matrix.py`): an image is sealed, a real tool does
what it does, and the verdict must be the one named, with the findings named. The ledger is asked,
and the site's mark is looked for.

[verdicts.md](verdicts.md) explains the words, `radseal explain CODE` the findings.

## Rows
*must be* is what the row asks for; *got* counts the cases by verdict. A word that the row does not
name is explained below, at its case.

| # | what happens | must be | got | pending |
| ---: | --- | --- | --- | --- |
"""


def page() -> str:
    """Return the whole page."""
    rows = "".join(_row(row) for row in ROWS)
    pending = sum(1 for row in ROWS if row.waits)
    whole = len(ROWS) - pending
    counted = (
        f"\n{len(CASES)} cases. {whole} of {len(ROWS)} rows are whole"
        + (f", {pending} wait for what the last column says" if pending else "")
        + ".\n\n"
    )
    images = "## Images\n| name | what it is |\n| --- | --- |\n" + "".join(
        f"| {name} | {subject.what} |\n" for name, subject in SUBJECTS.items()
    )
    cases = "\n## Cases\n" + "".join(_section(row) for row in ROWS)
    return _HEAD + rows + counted + images + _sweep() + cases


def _row(row: Row) -> str:
    words = " or ".join(row.words)
    counts = Counter(case.word for case in cases_of(row))
    got = ", ".join(f"{count} {word}" for word, count in counts.items()) or "-"
    pending = row.pending if row.waits else ""
    return f"| {row.number} | {row.operation} | {words} | {got} | {pending} |\n"


def _section(row: Row) -> str:
    cases = cases_of(row)
    if not cases:
        return f"\n### {row.number}. {row.operation}\nPending: {row.pending}.\n"
    note = f"{row.note}\n\n" if row.note else ""
    lines = [f"\n### {row.number}. {row.operation}\n{note}"]
    lines.append("| what | tool | images | verdict | findings |\n| --- | --- | --- | --- | --- |\n")
    told: dict[tuple[str, ...], list[str]] = {}
    for case in cases:
        told.setdefault(_line(case), []).append(case.subject)
    for (what, tool, word, findings), subjects in told.items():
        lines.append(f"| {what} | {tool} | {'; '.join(subjects)} | {word} | {findings} |\n")
    reasons: dict[str, list[str]] = {}
    for case in cases:
        if case.why:
            reasons.setdefault(f"{case.word}: {case.why}", []).append(case.what)
    for why, named in reasons.items():
        lines.append(f"\n*{', '.join(dict.fromkeys(named))}*: {why}.\n")
    return "".join(lines)


def _line(case: Case) -> tuple[str, ...]:
    findings = list(case.codes)
    findings += ["regions"] if case.regions else []
    findings += ["all three answers proven"] if case.proven else []
    return case.what, case.tool, case.word, ", ".join(findings)


def _sweep() -> str:
    """Return what the last whole run over all test files counted."""
    if not RESULTS.exists():
        return ""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    lines = [
        "\n## No false alarm\n"
        "Rows 1 to 8 and 30 over every file: sealed, then each lossless step that a tool takes,\n"
        "each result judged (`python -m benchmarks.workflow`). What a tool refuses counts apart,\n"
        "and so is what the tool itself changed, by the word of pydicom's decoders. Of what was\n"
        "sealed as its lossy frames, only steps that keep these are taken. *No decoder*: JPEG\n"
        "2000 of 32 bits, which GDCM writes and OpenJPEG refuses (UNREADABLE). An object without\n"
        "UIDs is not given to GDCM, which gives it some.\n\n"
        f"| files of | {' | '.join(COLUMNS.values())} |\n| --- |{' ---: |' * len(COLUMNS)}\n"
    ]
    for name, found in results.items():
        shown = {**found, "files": _some(found["files"], found["of"])}
        lines.append(f"| {name} | {' | '.join(str(shown[each]) for each in COLUMNS)} |\n")
    lines.append(_KNOWN)
    return "".join(lines)


def _some(done: int, all_of_them: int) -> str:
    return str(done) if done == all_of_them else f"{done} of {all_of_them}, the smallest"
