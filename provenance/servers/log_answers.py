"""The JSON that a log server answers with, as JSON Schema (docs/spec/log-server.md)."""

from collections.abc import Mapping

from ledger import AlarmKind, Role

Schema = Mapping[str, object]

_COUNT = {"type": "integer", "minimum": 0}
_HASH = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_HEX = {"type": "string", "pattern": "^(?:[0-9a-f]{2})+$"}
_OBJECT_ID = {"type": "string", "pattern": "^[0-9a-f]{24}$"}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _of(name: str, **properties: Schema) -> Schema:
    fields = {"schema": {"const": f"radseal/{name}/1"}, **properties}
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


ENTRIES = _of(
    "log-entries",
    entries={
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"index": _COUNT, "leaf_hash": _HASH},
            "required": ["index", "leaf_hash"],
            "additionalProperties": False,
        },
    },
    receipt=_or_null({"type": "string"}),
)
LINK = _of("log-link", seq=_COUNT, previous=_or_null(_HASH))
OBJECTS = _of("log-objects", objects={"type": "array", "items": _OBJECT_ID})
KEY = _of(
    "log-key",
    role={"enum": [str(role) for role in Role]},
    spki=_HEX,
    certificate=_or_null(_HEX),
    added=_COUNT,
    revoked=_or_null(_COUNT),
)
_TIME = {"type": "string", "format": "date-time"}
ALARMS = _of(
    "log-alarms",
    open=_COUNT,
    alarms={
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "kind": {"enum": [str(kind) for kind in AlarmKind]},
                "open": {"type": "boolean"},
                "key": _HASH,
                "role": {"enum": [str(role) for role in Role]},
                "actor": {"type": "string"},
                "numbers": {
                    "type": "array",
                    "items": {"type": "array", "items": _COUNT, "minItems": 2, "maxItems": 2},
                },
                "raised_at": _TIME,
                "raised_size": _COUNT,
                "closed_by": _or_null(_COUNT),
                "logged_instead": _or_null(_COUNT),
                "last_heard": _or_null(_TIME),
                "leaf_hash": _or_null(_HASH),
                "evidence": _or_null(_HEX),
            },
            "additionalProperties": False,
        },
    },
)
HEALTH = _of(
    "log-health",
    origin={"type": "string"},
    size=_COUNT,
    published=_COUNT,
    waiting=_COUNT,
    accepts={"type": "boolean"},
    without_quorum_since=_or_null(_TIME),
)
