"""JSON arrays as archives send them: bounded, and nothing else."""

import json

from provenance.errors import MalformedError


def json_array(body: bytes, limit: int) -> list[object]:
    """Return an array of at most ``limit`` values; MalformedError for anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedError("an answer that is no JSON") from error
    if not isinstance(found, list):
        raise MalformedError("an answer that is no JSON array")
    if len(found) > limit:
        raise MalformedError(f"an answer of {len(found)} values, where {limit} were asked for")
    return found
