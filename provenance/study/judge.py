"""Compare what is there with the manifest, and find the word for a study: pure functions.

docs/verdicts.md says the rules in words. Reads no file, no ledger, no clock.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from provenance.findings import Code
from provenance.judging.verdict import Status, Word
from provenance.study.closings import Closings
from provenance.study.compare import compare, report
from provenance.study.key_references import references_of
from provenance.study.manifest import Manifest
from provenance.study.present import Present
from provenance.study.verdict import (
    ClosingReport,
    Finding,
    InstanceReport,
    State,
    StudyVerdict,
    StudyWord,
    gravest_of,
)

FINE = (Word.AUTHENTIC, Word.CORRECTED)
_MEDDLED = frozenset({Word.ALTERED, Word.STRIPPED})
_DIFFER = frozenset(
    {
        Code.STUDY_EXTRA,
        Code.STUDY_REPEATED,
        Code.STUDY_SWAPPED,
        Code.STUDY_REPLACED,
        Code.CLOSING_BROKEN,
        Code.KEY_OBJECT_DIFFERS,
    }
)
_OF_STATE = {
    State.MISSING: Code.STUDY_MISSING,
    State.EXTRA: Code.STUDY_EXTRA,
    State.REPEATED: Code.STUDY_REPEATED,
    State.SWAPPED: Code.STUDY_SWAPPED,
    State.REPLACED: Code.STUDY_REPLACED,
    State.ADDED_LATER: Code.STUDY_ADDED_LATER,
}
_WORDS = {
    State.MISSING: "listed, and not here",
    State.EXTRA: "not in the manifest",
    State.REPEATED: "here twice",
    State.SWAPPED: "in the place of another",
    State.REPLACED: "not what was listed under its UID",
    State.ADDED_LATER: "added after the study was closed; none is an image",
}
SHOWN = 4


@dataclass(frozen=True, slots=True)
class StudyEvidence:
    """Everything that `judge_study` may look at.

    ``roots`` are the object roots of instances without a seal of their own, by path, computed as
    the manifest asks; ``unreachable`` says why the ledger that was asked could not be read.
    """

    study_uid: str
    present: tuple[Present, ...]
    closings: Closings
    roots: Mapping[Path, bytes | None] = field(default_factory=dict)
    unreachable: str | None = None


def judge_study(evidence: StudyEvidence) -> StudyVerdict:
    """Judge every instance, then the study."""
    closings = evidence.closings
    closing = closings.closing
    findings = list(closings.findings)
    if evidence.unreachable is not None:
        findings.append(Finding(Status.SKIP, Code.STUDY_LEDGER_UNREACHABLE, evidence.unreachable))
    if closing is None:
        reports = [report(each, State.NOT_COMPARED) for each in evidence.present]
        if not closings.closed and evidence.unreachable is None:
            detail = "no closing of this study was found"
            findings.append(Finding(Status.FAIL, Code.STUDY_NOT_CLOSED, detail))
    else:
        findings += _of_closing(closings, evidence.study_uid)
        findings += _key_objects(evidence.present, closing.manifest, closings.leaf_hash)
        reports = compare(
            evidence.present,
            closing.manifest,
            roots=evidence.roots,
            leaf_hash=closings.leaf_hash,
        )
        findings += _grouped(reports)
        findings += _listed_unsealed(closing.manifest)
    counted = [each.word for each in reports if each.word is not None and not _added_in_peace(each)]
    worst = gravest_of(counted)
    findings += _of_instances(reports)
    return StudyVerdict(
        word=_word(evidence, findings, worst),
        study_uid=evidence.study_uid,
        findings=tuple(findings),
        instances=tuple(sorted(reports, key=_by_uid)),
        closing=_closing_report(closings),
        worst=worst,
    )


def _word(evidence: StudyEvidence, findings: Sequence[Finding], worst: Word | None) -> StudyWord:
    failed = {f.code for f in findings if f.status is Status.FAIL}
    closings = evidence.closings
    if failed & _DIFFER or worst in _MEDDLED:
        return StudyWord.DIFFERS
    if Code.STUDY_MISSING in failed:
        return StudyWord.INCOMPLETE
    if Code.CLOSING_NOT_LOGGED in failed:
        return StudyWord.UNTRUSTED
    if closings.closing is None:
        if Code.CLOSER_UNTRUSTED in failed:
            return StudyWord.UNTRUSTED
        kept_away = closings.closed or evidence.unreachable is not None
        return StudyWord.NOT_CHECKED if kept_away else StudyWord.NOT_CLOSED
    if worst is not None and worst not in (*FINE, Word.NOT_CHECKED):
        return StudyWord.UNPROVEN
    if worst is None or worst is Word.NOT_CHECKED:
        return StudyWord.NOT_CHECKED
    if closings.log_index is None or evidence.unreachable is not None:
        return StudyWord.NOT_CHECKED
    return StudyWord.COMPLETE


def _grouped(reports: Sequence[InstanceReport]) -> list[Finding]:
    """Say once of each state what it means and which instances are in it."""
    found: list[Finding] = []
    for state, code in _OF_STATE.items():
        uids = tuple(sorted({each.instance_uid for each in reports if each.state is state}))
        if uids:
            status = Status.WARN if state is State.ADDED_LATER else Status.FAIL
            found.append(Finding(status, code, f"{len(uids)} {_WORDS[state]}", uids))
    as_listed = Counter(each.instance_uid for each in reports if each.state is State.AS_LISTED)
    twice = tuple(sorted(uid for uid, files in as_listed.items() if files > 1))
    if twice:
        detail = f"{len(twice)} here in several files, all of them as listed"
        found.append(Finding(Status.WARN, Code.STUDY_REPEATED, detail, twice))
    if as_listed and not any(f.status is Status.FAIL for f in found):
        detail = f"{len(as_listed)} listed, all of them here, and no other image"
        found.append(Finding(Status.PASS, Code.STUDY_AS_LISTED, detail))
    return found


def _of_instances(reports: Sequence[InstanceReport]) -> list[Finding]:
    """Say which instances' own verdicts keep the study from being better."""
    bad = [each for each in reports if each.word is not None and each.word not in FINE]
    found: list[Finding] = []
    for word in Word:
        here = tuple(each.instance_uid for each in bad if each.word is word)
        if here:
            counts = any(each.word is word and not _added_in_peace(each) for each in bad)
            status = Status.FAIL if counts else Status.WARN
            found.append(Finding(status, Code.STUDY_INSTANCE, f"{len(here)} {word.value}", here))
    return found


def _listed_unsealed(manifest: Manifest) -> list[Finding]:
    uids = tuple(e.instance_uid for e in manifest.instances if e.word is Word.UNSEALED)
    if not uids:
        return []
    detail = f"{len(uids)} had no seal when the study was closed"
    return [Finding(Status.WARN, Code.STUDY_LISTED_UNSEALED, detail, uids)]


def _of_closing(closings: Closings, study_uid: str) -> list[Finding]:
    closing = closings.closing
    assert closing is not None
    when = f"{closing.statement.claimed_at:%Y-%m-%d %H:%M:%SZ}"
    where = "" if closings.log_index is None else f", entry {closings.log_index}"
    detail = f"closed by {closing.signer}, {when} by its own clock{where}; from {closings.source}"
    found = [Finding(Status.PASS, Code.CLOSED, detail)]
    if closing.manifest.study_uid != study_uid:
        detail = f"closed as study {closing.manifest.study_uid}, from which it was moved since"
        found.append(Finding(Status.WARN, Code.STUDY_MOVED, detail))
    if closings.log_index is None:
        detail = "nothing shows that the closing was logged"
        found.append(Finding(Status.SKIP, Code.CLOSING_NOT_LOGGED, detail))
    return found


def _key_objects(
    present: Iterable[Present], manifest: Manifest, leaf_hash: bytes | None
) -> list[Finding]:
    """Check that Key Objects of this very closing refer to what their manifest lists."""
    found: list[Finding] = []
    for each in present:
        carried = each.carried
        if carried is None:
            continue
        if carried.problem is not None:
            detail = f"{each.path.name}: {carried.problem}"
            found.append(Finding(Status.FAIL, Code.CLOSING_BROKEN, detail, (each.instance_uid,)))
        elif carried.leaf_hash == leaf_hash and carried.references != references_of(manifest):
            detail = f"{each.path.name}: it refers to other instances than its manifest lists"
            found.append(
                Finding(Status.FAIL, Code.KEY_OBJECT_DIFFERS, detail, (each.instance_uid,))
            )
    return found


def _added_in_peace(each: InstanceReport) -> bool:
    """Whether its own verdict leaves that of the study alone: legal, and nobody meddled."""
    return each.state in (State.ADDED_LATER, State.KEY_OBJECT) and each.word in (
        *FINE, Word.UNSEALED, Word.NOT_CHECKED, Word.DERIVED
    )  # fmt: skip


def _closing_report(closings: Closings) -> ClosingReport | None:
    closing = closings.closing
    if closing is None:
        return None
    return ClosingReport(
        source=closings.source,
        signer=closing.signer,
        closed_at=closing.statement.claimed_at,
        study_object=closing.object_id,
        instances=len(closing.manifest.instances),
        log_index=closings.log_index,
    )


def _by_uid(each: InstanceReport) -> tuple[str, str]:
    return each.instance_uid, str(each.path or "")
