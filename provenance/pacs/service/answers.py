"""What the service says of objects, as JSON values and their schemas."""

from collections.abc import Mapping
from datetime import UTC, datetime

from provenance.judging.verdict import Word
from provenance.pacs.arrivals import Kept, Route, State
from provenance.policy.terms import Action

_STRING_OR_NULL = {"type": ["string", "null"]}
_STRINGS = {"type": "array", "items": {"type": "string"}}
_NUMBER = {"type": "integer", "minimum": 0}
_NUMBER_OR_NULL = {"type": ["integer", "null"], "minimum": 0}
_WORD = {"enum": [word.value for word in Word]}
_ACTION = {"enum": [action.value for action in Action]}
_STATE = {"enum": [state.value for state in State]}


def _exactly(**properties: object) -> Mapping[str, object]:
    return {"type": "object", "properties": properties, "required": list(properties)}


VERDICT = _exactly(
    verdict=_WORD,
    decision=_exactly(action=_ACTION, rule=_STRING_OR_NULL, reasons=_STRINGS),
    checks={"type": "array"},
)
INGESTED = _exactly(
    number={"type": "integer", "minimum": 1},
    action=_ACTION,
    verdict=_WORD,
    state=_STATE,
    reasons=_STRINGS,
    seal_id=_STRING_OR_NULL,
    report={"type": "object"},
)
_KEPT = {
    "number": {"type": "integer", "minimum": 1},
    "state": _STATE,
    "at": {"type": "string"},
    "route": {"enum": [route.value for route in Route]},
    "calling_ae": _STRING_OR_NULL,
    "called_ae": _STRING_OR_NULL,
    "address": _STRING_OR_NULL,
    "sop_class_uid": {"type": "string"},
    "sop_instance_uid": {"type": "string"},
    "transfer_syntax_uid": {"type": "string"},
    "study_instance_uid": {"type": "string"},
    "size": _NUMBER,
    "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "sealed_here": {"type": "boolean"},
    "action": _ACTION,
    "verdict": _WORD,
    "rule": _STRING_OR_NULL,
    "reasons": _STRINGS,
    "seal_id": _STRING_OR_NULL,
}
_STEP = _exactly(
    at={"type": "string"},
    person={"type": "string"},
    act={"type": "string"},
    reason={"type": "string"},
)
OBJECTS = _exactly(objects={"type": "array", "items": _exactly(**_KEPT)}, next=_NUMBER_OR_NULL)
OBJECT = _exactly(**_KEPT, report={"type": "object"}, steps={"type": "array", "items": _STEP})
VERDICTS = _exactly(
    sop_instance_uid={"type": "string"},
    objects={"type": "array", "items": _exactly(**_KEPT, report={"type": "object"})},
)
TRACE = _exactly(
    schema={"const": "radseal/trace/1"},
    exit_code={"type": "integer"},
    tool={"type": "object"},
    subject={"type": "string"},
    objects={"type": "array"},
)
HEALTH = _exactly(
    schema={"const": "radseal/service-health/1"},
    state={"enum": ["ready", "degraded", "failing"]},
    takes={"type": "boolean"},
    troubles={
        "type": "array",
        "items": _exactly(what={"type": "string"}, words={"type": "string"}),
    },
    spool={"type": "object", "additionalProperties": _NUMBER},
    custody_waiting=_NUMBER_OR_NULL,
    custody_refused=_NUMBER_OR_NULL,
    free_bytes=_NUMBER,
)
_SEQUENCE = _exactly(vr={"const": "SQ"}, Value={"type": "array", "items": {"type": "object"}})
STORED: Mapping[str, object] = {
    "type": "object",
    "properties": dict.fromkeys(("00081198", "00081199", "0008119A"), _SEQUENCE),
    "additionalProperties": False,
}
METADATA: Mapping[str, object] = {"type": "array", "items": {"type": "object"}}
_LINE = {"type": "string", "minLength": 1, "maxLength": 500, "pattern": "^[!-~]([ -~]*[!-~])?$"}
ARCHIVE = "[A-Za-z0-9._-]{1,64}"
ARCHIVE_NAMED: Mapping[str, object] = {
    **_exactly(archive={"type": "string", "pattern": f"^{ARCHIVE}$"}),
    "additionalProperties": False,
}
WORDS: Mapping[str, object] = {
    **_exactly(person=_LINE, reason=_LINE),
    "additionalProperties": False,
}


def ingested_fields(kept: Kept) -> dict[str, object]:
    """Return what became of an object, for whoever brought it."""
    judged = kept.judged
    return {
        "number": kept.number,
        "action": judged.action.value,
        "verdict": judged.word.value,
        "state": kept.state.value,
        "reasons": list(judged.reasons),
        "seal_id": None if judged.seal_id is None else judged.seal_id.hex(),
        "report": dict(judged.verdict),
    }


def kept_fields(kept: Kept) -> dict[str, object]:
    """Return all that the spool knows of an object, but the verdict's details."""
    sender, instance, judged = kept.sender, kept.instance, kept.judged
    return {
        "number": kept.number,
        "state": kept.state.value,
        "at": moment_text(sender.at),
        "route": sender.route.value,
        "calling_ae": sender.calling_ae,
        "called_ae": sender.called_ae,
        "address": sender.address,
        "sop_class_uid": instance.sop_class,
        "sop_instance_uid": instance.sop_instance,
        "transfer_syntax_uid": instance.transfer_syntax,
        "study_instance_uid": instance.study,
        "size": kept.size,
        "sha256": kept.sha256.hex(),
        "sealed_here": kept.sealed_here,
        "action": judged.action.value,
        "verdict": judged.word.value,
        "rule": judged.rule,
        "reasons": list(judged.reasons),
        "seal_id": None if judged.seal_id is None else judged.seal_id.hex(),
    }


def moment_text(at: datetime) -> str:
    """Return a moment as RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
