"""The JSON that a log server answers with, as JSON Schema (docs/spec/log-server.md)."""

from collections.abc import Mapping

from ledger import Role

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
HEALTH = _of(
    "log-health",
    origin={"type": "string"},
    size=_COUNT,
    published=_COUNT,
    waiting=_COUNT,
    accepts={"type": "boolean"},
    without_quorum_since=_or_null({"type": "string", "format": "date-time"}),
)
