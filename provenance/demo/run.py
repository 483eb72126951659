"""Run the demonstration: set the stage, play every case, write the report."""

import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydicom.multival import MultiValue

from provenance.demo.cases import CASES, Case, same_pixels
from provenance.demo.gallery import View, poster
from provenance.demo.result import (
    BIT_EXACT,
    AttributeChange,
    CaseResult,
    DemoResult,
    Panel,
)
from provenance.demo.stage import Say, Stage
from provenance.dicom.read import Instance, read_instance
from provenance.errors import UnreadableError, UsageError
from provenance.findings import Code
from provenance.judging.verdict import Verdict
from provenance.report import write_report
from provenance.verifying.examination import Examination, examine
from provenance.verifying.verifier import Verifier

_MARKER = "radseal-demo.txt"
_OURS = ("site", "stranger", "sealed", "cases", "pictures")
_TRACED = "chest"
_POSTER, _POSTER_SIDE = "poster", 330  # the first forgery on one picture, for the README
_LONGEST_VALUE = 60


def run_demo(out: Path, *, say: Say) -> DemoResult:
    """Seal, forge and verify real images in the folder ``out``; ``say`` hears each line.

    Raises UsageError when the images are not installed, or when ``out`` holds something else
    than an earlier demonstration.
    """
    started_at, started = datetime.now(UTC), time.perf_counter()
    _clear(out)
    stage = Stage(out, say=say)
    say(f"sealing real images from {stage.sources[_TRACED].parent.name} of pydicom-data")
    stage.seal_all()
    chain = stage.live(_TRACED)
    say("")
    say("cases")
    cases = tuple(_play(stage, number, case) for number, case in enumerate(CASES, start=1))
    log = stage.log_facts()
    result = DemoResult(
        folder=out,
        started_at=started_at,
        took=timedelta(seconds=time.perf_counter() - started),
        images=tuple(stage.images.values()),
        cases=cases,
        chain=chain,
        log=log,
        pictures={k: v for k, v in stage.gallery.pictures.items() if k != _POSTER},
    )
    write_report(result)
    _sum_up(result, say)
    return result


def _clear(out: Path) -> None:
    """Make the folder, or empty it of an earlier demonstration and of nothing else."""
    marker = out / _MARKER
    if out.exists() and any(out.iterdir()) and not marker.is_file():
        raise UsageError(f"{out} holds something else than an earlier demonstration")
    out.mkdir(parents=True, exist_ok=True)
    for name in _OURS:
        shutil.rmtree(out / name, ignore_errors=True)
    marker.write_text(
        "Made by radseal demo, which replaces it when it runs again. The keys are throw-away keys,"
        "\nand the files in cases/ are forgeries that do not say so: keep them out of archives.\n",
        encoding="utf-8",
    )


def _play(stage: Stage, number: int, case: Case) -> CaseResult:
    name = f"{number:02}-{case.image}-{case.slug}"
    path = stage.folder / "cases" / f"{name}{case.suffix}"
    what = case.make(stage, case.image, path)
    started = time.perf_counter()
    verdict: Verdict | None = None
    examination: Examination | None = None
    if case.expected == BIT_EXACT:
        exact = same_pixels(path, stage.sources[case.image])
        got = BIT_EXACT if exact else "NOT BIT-EXACT"
    else:
        examination = _examined(stage, case, path)
        verdict = examination.verdict
        got = verdict.word
    seconds = time.perf_counter() - started
    view = stage.views[case.image]
    instance = _read(path)
    panels, magnified = _pictures(stage, name, view, instance, verdict)
    if case.suffix != ".dcm" and examination is not None:
        panels += stage.gallery.picture(name, path, examination)
    result = CaseResult(
        number=number,
        image=case.image,
        title=case.title,
        what=what,
        expected=case.expected,
        got=got,
        verdict=verdict,
        file=path.relative_to(stage.folder),
        asked="the file and a trust folder"
        if case.offline
        else "the site: trust, ledger, mark key",
        seconds=seconds,
        panels=panels,
        magnified=magnified,
        changes=_changes(stage, case, instance, verdict),
        remark=case.remark,
    )
    sign = "ok" if result.ok else "NO"
    stage.say(
        f"  {sign} {number:>2}  {got:<15} {case.image:<10} {case.title.lower()}{_where(verdict)}"
    )
    return result


def _examined(stage: Stage, case: Case, path: Path) -> Examination:
    trust = stage.site.trust
    if case.offline:
        return examine(path, Verifier(trust))
    records = stage.site.records()
    with records.log:
        return examine(path, Verifier(trust, records, stage.site.mark_key))


def _read(path: Path) -> Instance | None:
    try:
        return read_instance(path)
    except UnreadableError:
        return None


def _pictures(
    stage: Stage, name: str, view: View, instance: Instance | None, verdict: Verdict | None
) -> tuple[tuple[Panel, ...], tuple[Panel, ...]]:
    gallery = stage.gallery
    before = "as sealed" if view.name in stage.images else "as it is elsewhere"
    panels = [Panel(view.name, before, f"the image {before}")]
    if instance is None:
        return tuple(panels), ()
    same = view.same_frame(instance)
    panels.append(gallery.received(name, view, instance, same))
    if same is None or verdict is None or not verdict.regions:
        return tuple(panels), ()
    located = gallery.located(name, view, same, verdict.regions)
    if located is not None:
        panels.append(located)
    if _POSTER not in gallery.pictures:
        gallery.add(_POSTER, poster(view, same, verdict.regions, side=_POSTER_SIDE))
    return tuple(panels), gallery.magnified(name, view, same)


def _changes(
    stage: Stage, case: Case, instance: Instance | None, verdict: Verdict | None
) -> tuple[AttributeChange, ...]:
    if instance is None or verdict is None or case.image not in stage.images:
        return ()
    sealed = read_instance(stage.images[case.image].path)
    return tuple(
        AttributeChange(
            keyword=change.keyword,
            kind=str(change.kind),
            severity=str(change.severity),
            was=_value(sealed, change.tag),
            now=_value(instance, change.tag),
        )
        for change in verdict.changes
    )


def _value(instance: Instance, tag: int) -> str:
    if tag not in instance.dataset:
        return "absent"
    element = instance.dataset[tag]
    if element.VR == "SQ":
        return f"{len(element.value)} item(s)"
    value = element.value
    values = value if isinstance(value, MultiValue) else [value]
    words = ", ".join(map(str, values)) or "empty"
    return words if len(words) <= _LONGEST_VALUE else words[:_LONGEST_VALUE] + "..."


def _where(verdict: Verdict | None) -> str:
    if verdict is None or not verdict.regions:
        return ""
    if any(check.code is Code.GEOMETRY_DIFFERS for check in verdict.checks):
        return ""
    first = verdict.regions[0]
    more = f" and {len(verdict.regions) - 1} more" if len(verdict.regions) > 1 else ""
    frame = f"frame {first.frame}, " if first.frame else ""
    return f": {frame}x {first.x} y {first.y}, {first.w} x {first.h}{more}"


def _sum_up(result: DemoResult, say: Say) -> None:
    right = sum(case.ok for case in result.cases)
    say("")
    say(
        f"{right} of {len(result.cases)} cases came out as they must, "
        f"in {result.took.total_seconds():.0f} s"
    )
    if not result.log.audit_ok:
        say("the ledger did not pass its audit: " + "; ".join(result.log.audit_findings[:3]))
    say(f"report: {result.report}")
