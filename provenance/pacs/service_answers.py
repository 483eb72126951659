"""What the service says of objects, as JSON values and their schemas."""

from collections.abc import Mapping

from provenance.judging.verdict import Word
from provenance.pacs.arrivals import Kept, State
from provenance.policy.terms import Action

_STRING_OR_NULL = {"type": ["string", "null"]}
VERDICT: Mapping[str, object] = {
    "type": "object",
    "description": "an object of docs/verify-json.md, and its decision",
    "properties": {
        "verdict": {"enum": [word.value for word in Word]},
        "decision": {
            "type": "object",
            "properties": {"action": {"enum": [action.value for action in Action]}},
            "required": ["action", "rule", "reasons"],
        },
    },
    "required": ["verdict", "decision", "checks"],
}
INGESTED: Mapping[str, object] = {
    "type": "object",
    "properties": {
        "number": {"type": "integer", "minimum": 1},
        "action": {"enum": [action.value for action in Action]},
        "verdict": {"enum": [word.value for word in Word]},
        "state": {"enum": [state.value for state in State]},
        "reasons": {"type": "array", "items": {"type": "string"}},
        "seal_id": _STRING_OR_NULL,
        "report": {"type": "object"},
    },
    "required": ["number", "action", "verdict", "state", "reasons", "seal_id", "report"],
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
