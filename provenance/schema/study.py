"""The answer about studies as JSON values: `radseal/study-verify/1` (docs/command.md).

Pure functions of verdicts. Fields may be added, none may change its meaning.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from provenance.explanations import EXPLANATIONS
from provenance.explanations.studies import study_explanation
from provenance.schema.verify import Coverage
from provenance.study.present import Present
from provenance.study.verdict import ClosingReport, Finding, InstanceReport, StudyVerdict


def studies_answer(
    verdicts: Sequence[StudyVerdict], strays: Sequence[Present], coverage: Coverage
) -> dict[str, object]:
    """Return the fields of one run: every study, what belongs to none, what was left out."""
    return {
        "studies": [_study(verdict) for verdict in verdicts],
        "others": [_other(each) for each in strays],
        "summary": {
            "studies": len(verdicts),
            "missing": list(coverage.missing),
            "skipped": {
                "hidden": coverage.hidden,
                "special": coverage.special,
                "repeated": coverage.repeated,
            },
        },
    }


def _study(verdict: StudyVerdict) -> dict[str, object]:
    words = study_explanation(verdict.word.value)
    return {
        "study_instance_uid": verdict.study_uid,
        "verdict": verdict.word.value,
        "exit_code": verdict.exit_code,
        "why": words.why,
        "do": words.do,
        "does_not_mean": words.not_meant,
        "closing": None if verdict.closing is None else _closing(verdict.closing),
        "findings": [_finding(each) for each in verdict.findings],
        "instances": [_instance(each) for each in verdict.instances],
    }


def _closing(closing: ClosingReport) -> dict[str, object]:
    moment = closing.closed_at.astimezone(UTC)
    return {
        "source": closing.source,
        "signer": closing.signer,
        "closed_at": _moment(moment),
        "study_object": closing.study_object.hex(),
        "instances": closing.instances,
        "log_index": closing.log_index,
    }


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "code": finding.code.value,
        "status": finding.status.value,
        "detail": finding.detail,
        "instances": list(finding.instances),
        "do": EXPLANATIONS[finding.code].do,
    }


def _instance(report: InstanceReport) -> dict[str, object]:
    return {
        "sop_instance_uid": report.instance_uid,
        "state": report.state.value,
        "path": None if report.path is None else _path(report.path),
        "verdict": None if report.word is None else report.word.value,
        "reasons": list(report.reasons),
    }


def _other(present: Present) -> dict[str, object]:
    return {
        "path": _path(present.path),
        "verdict": present.word.value,
        "reasons": list(present.reasons),
    }


def _path(path: Path) -> str:
    return str(path).encode("utf-8", "backslashreplace").decode()


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
