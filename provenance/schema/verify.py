"""The answer of verification as JSON values: `radseal/verify/1` (docs/verify-json.md).

Pure functions of verdicts. What version 1 says, it says for good: fields may be added, none may
change its meaning.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ledger import ExistenceProof
from provenance.deidentification.declared import Declared
from provenance.dicom.attributes import Change
from provenance.explanations import EXPLANATIONS, Explanation
from provenance.findings import Code
from provenance.image_tree import Region
from provenance.judging.evidence import Descent, ParentSeen, SecondSigner
from provenance.judging.verdict import NOTHING_MATCHED, Check, Verdict, Word, gravest
from provenance.policy.decide import Decision
from provenance.policy.terms import ACTION_EXIT_CODES, Action
from provenance.ps315.examine import DigitalSignature
from provenance.ps315.timestamps import SignatureTimestamp
from provenance.schema.policy import decision_fields

SCHEMA = "radseal/verify/1"
_SILENT = Explanation("", "", "", "")


@dataclass(frozen=True, slots=True)
class Judged:
    """One object with its verdict; ``path`` and the picture drawn of it are already text."""

    path: str
    verdict: Verdict
    sop_instance_uid: str | None = None
    overlay: str | None = None
    decision: Decision | None = None

    @property
    def exit_code(self) -> int:
        """The exit code that this object alone gives: by the policy, where there is one."""
        if self.decision is None:
            return self.verdict.exit_code
        return ACTION_EXIT_CODES[self.decision.action]


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was looked at beside the objects: named but absent, or left out, and why."""

    missing: tuple[str, ...] = ()
    hidden: int = 0
    special: int = 0
    repeated: int = 0


def explanation(code: str) -> Explanation:
    """Return the words for a code or a verdict; silent ones for a code that has none."""
    return EXPLANATIONS.get(code, _SILENT)


def overall_exit_code(words: frozenset[Word], *, missing: bool) -> int:
    """Return the exit code of a run; a named input that does not exist is never success."""
    code = gravest(words)
    return NOTHING_MATCHED if code == 0 and missing else code


def run_exit_code(judged: Sequence[Judged], *, missing: bool, by_policy: bool) -> int:
    """Return the exit code of a run: of the gravest verdict, or of the strictest action.

    With a policy, an object without a decision counts as kept apart.
    """
    if not by_policy or not judged:
        return overall_exit_code(frozenset(j.verdict.word for j in judged), missing=missing)
    actions = [j.decision.action if j.decision else Action.QUARANTINE for j in judged]
    action = Action.strictest(actions)
    return NOTHING_MATCHED if action.lets_in and missing else ACTION_EXIT_CODES[action]


def verify_answer(
    judged: Sequence[Judged],
    coverage: Coverage,
    *,
    version: str,
    checked_at: datetime,
    by_policy: bool = False,
) -> dict[str, object]:
    """Return the one JSON object of a run of verification."""
    counts = Counter(j.verdict.word for j in judged)
    missing = bool(coverage.missing)
    summary: dict[str, object] = {
        "objects": len(judged),
        "by_verdict": {word.value: counts[word] for word in Word if counts[word]},
        "missing": list(coverage.missing),
        "skipped": {
            "hidden": coverage.hidden,
            "special": coverage.special,
            "repeated": coverage.repeated,
        },
    }
    if by_policy:
        actions = Counter(j.decision.action for j in judged if j.decision is not None)
        summary["by_action"] = {each.value: actions[each] for each in Action if actions[each]}
    answer: dict[str, object] = {
        "schema": SCHEMA,
        "exit_code": run_exit_code(judged, missing=missing, by_policy=by_policy),
        "tool": {"name": "radseal", "version": version},
        "checked_at": _moment(checked_at),
        "summary": summary,
        "objects": [object_answer(j) for j in judged],
    }
    if len(judged) == 1 and not coverage.missing:
        answer["verdict"] = judged[0].verdict.word.value
    return answer


def object_answer(judged: Judged) -> dict[str, object]:
    """Return the JSON values of one object."""
    verdict = judged.verdict
    words = explanation(verdict.word)
    answer: dict[str, object] = {
        "path": judged.path,
        "sop_instance_uid": judged.sop_instance_uid,
        "verdict": verdict.word.value,
        "exit_code": judged.exit_code,
        "integrity": verdict.integrity.value,
        "trust": verdict.trust.value,
        "custody": verdict.custody.value,
        "why": words.why,
        "do": words.do,
        "does_not_mean": words.not_meant,
        "seal_id": verdict.seal_id.hex() if verdict.seal_id else None,
        "signer": verdict.signer,
        "second_signature": _second(verdict.second) if verdict.second else None,
        "sealed_at": _moment(verdict.sealed_at) if verdict.sealed_at else None,
        "log_index": verdict.log_index,
        "checks": [_check(c) for c in verdict.checks],
        "regions": [_region(r) for r in verdict.regions],
        "changes": [_change(c, c.tag in verdict.documented) for c in verdict.changes],
        "notes": [str(n) for n in verdict.notes],
    }
    if verdict.times:
        answer["times"] = [_time(t) for t in verdict.times]
    if verdict.signed_by is not None:
        answer["signed_by"] = {
            "certificate": verdict.signed_by.certificate.hex(),
            "key": verdict.signed_by.key.hex(),
            "role": verdict.signed_by.role,
        }
    if verdict.depth is not None:
        answer["depth"] = verdict.depth.value
    if judged.decision is not None:
        answer["policy"] = decision_fields(judged.decision)
    if verdict.birth is not None:
        answer["birth"] = verdict.birth.value
    if verdict.descent is not None:
        answer["derivation"] = _derivation(verdict.descent)
        answer["parents"] = [_parent(p) for p in verdict.descent.parents]
    if verdict.declared is not None:
        answer["deidentification"] = _declared(verdict.declared)
    if verdict.signatures:
        answer["signatures"] = [_signature(s) for s in verdict.signatures]
    if judged.overlay is not None:
        answer["overlay"] = judged.overlay
    return answer


_SECOND_STATES = {
    Code.SECOND_MISSING: "missing",
    Code.SECOND_BROKEN: "broken",
    Code.SECOND_UNTRUSTED: "untrusted",
    Code.SECOND_DEMANDED: "absent",
}


def _second(second: SecondSigner) -> dict[str, object]:
    return {
        "state": _SECOND_STATES[second.problem.code] if second.problem else "trusted",
        "demanded": second.demanded,
        "algorithm": "ML-DSA-65" if second.kid else None,
        "key": second.kid.hex() if second.kid else None,
        "signer": second.signer,
        "authority": second.authority,
    }


def _check(check: Check) -> dict[str, object]:
    words = explanation(check.code)
    return {
        "id": check.id,
        "status": check.status.value,
        "code": check.code.value,
        "detail": check.detail,
        "why": words.why,
        "do": words.do,
    }


def _time(proof: ExistenceProof) -> dict[str, object]:
    return {
        "source": proof.source.value,
        "existed_by": _moment(proof.moment),
        "checkpoint": proof.size,
        "by": proof.by,
        "counts_against_the_log": proof.source.counts_against_the_log,
    }


def _region(region: Region) -> dict[str, object]:
    return {
        "frame": region.frame,
        "x": region.x,
        "y": region.y,
        "w": region.w,
        "h": region.h,
        "evidence": region.witness.value,
    }


def _change(change: Change, documented: bool) -> dict[str, object]:
    return {
        "tag": _tag(change.tag),
        "keyword": change.keyword,
        "group": str(change.group),
        "severity": str(change.severity),
        "kind": str(change.kind),
        "documented": documented,
    }


def _declared(declared: Declared) -> dict[str, object]:
    return {
        "kept": [_tag(tag) for tag in declared.kept],
        "changed": [_tag(tag) for tag in declared.changed],
        "redacted": [
            {"frame": r.frame, "x": r.x, "y": r.y, "w": r.w, "h": r.h} for r in declared.redacted
        ],
    }


def _tag(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _derivation(descent: Descent) -> dict[str, object]:
    return {
        "kind": descent.kind,
        "compared": descent.compared,
        "frames": descent.frames,
        "equal": descent.equal,
        "in_part": descent.in_part,
        "tiles": descent.tiles,
        "regions": [_region(r) for r in descent.regions],
    }


def _parent(parent: ParentSeen) -> dict[str, object]:
    return {
        "seal_id": parent.object_id.hex(),
        "leaf_hash": parent.leaf_hash.hex(),
        "birth": parent.event.value,
        "signer": parent.signer,
        "signed_at": _moment(parent.signed_at),
        "trusted": parent.trust is None,
        "same_patient": parent.same_patient,
        "log_index": parent.log_index,
        "problems": [
            {"code": said.code.value, "detail": said.detail}
            for said in (parent.trust, parent.ledger)
            if said is not None
        ],
    }


def _signature(signature: DigitalSignature) -> dict[str, object]:
    return {
        "place": signature.place,
        "state": signature.state.value,
        "reason": signature.reason,
        "uid": signature.uid,
        "signer": signature.signer,
        "signed_at": _moment(signature.signed_at) if signature.signed_at else None,
        "algorithm": signature.algorithm,
        "key": signature.key,
        "profiles": [profile.value for profile in signature.profiles],
        "lacking": list(signature.lacking),
        "weaknesses": list(signature.weaknesses),
        "unsigned": [{"group": u.group, "keywords": list(u.keywords)} for u in signature.unsigned],
        "timestamp": _timestamp(signature.timestamp) if signature.timestamp else None,
    }


def _timestamp(found: SignatureTimestamp) -> dict[str, object]:
    return {
        "state": found.state.value,
        "reason": found.reason,
        "time": _moment(found.time) if found.time else None,
        "accuracy_seconds": found.accuracy.total_seconds(),
        "tsa": found.tsa,
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
