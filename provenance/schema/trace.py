"""The chain of custody of an object as JSON values: `radseal/trace/1`. Pure functions."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ledger import Bracket
    from provenance.pacs.custody.told import Custody
    from provenance.trace import Trace

SCHEMA = "radseal/trace/1"
GAP = 12  # the exit code for a chain that is not complete, or a person who is not proven


def trace_fields(subject: str, traces: "Sequence[Trace]") -> dict[str, object]:
    """Return what is known of the objects that ``subject`` names."""
    return {"subject": subject, "objects": [_object(each) for each in traces]}


def trace_exit_code(traces: "Sequence[Trace]") -> int:
    """Return 0 if every chain is complete, and every person in it proven."""
    return 0 if all(each.complete and not each.unproven for each in traces) else GAP


def bracket_fields(bracket: "Bracket") -> dict[str, object]:
    """Return the bracket of a claimed time; spans in seconds."""
    width, delay = bracket.width, bracket.delay
    return {
        "head_seen": bracket.head_size,
        "head_known": bracket.head_known if bracket.head_size is not None else None,
        "not_before": _moment(bracket.not_before),
        "not_after": _moment(bracket.not_after),
        "checkpoint": bracket.covered_size,
        "width_seconds": None if width is None else int(width.total_seconds()),
        "delay_seconds": None if delay is None else int(delay.total_seconds()),
        "finding": None if bracket.finding is None else str(bracket.finding),
    }


def custody_fields(custody: "Custody") -> dict[str, object]:
    """Return what a PACS said: `custody` of an event."""
    return {
        "problem": custody.problem,
        "route": custody.route,
        "verdict": custody.verdict,
        "action": custody.action,
        "as_decided_before": custody.as_decided_before,
        "place": custody.place,
        "to_archives": custody.to_archives,
        "step": None if custody.step is None else custody.step.value,
        "persons": [
            {
                "key": each.kid.hex(),
                "name": each.name,
                "role": each.role,
                "step": each.step.value,
                "at": _moment(each.at),
                "problem": each.problem,
            }
            for each in custody.persons
        ],
    }


def _object(found: "Trace") -> dict[str, object]:
    return {
        "seal_id": found.seal_id.hex(),
        "found_by": found.found_by,
        "complete": found.complete,
        "events": [
            {
                "index": e.index,
                "event": e.event,
                "claimed_at": _moment(e.claimed_at),
                "role": e.role,
                "actor": e.actor,
                "linked": e.linked,
                "order": e.order,
                "kind": e.kind,
                "parents": [parent.hex() for parent in e.parents],
                "bracket": None if e.bracket is None else bracket_fields(e.bracket),
                "custody": None if e.custody is None else custody_fields(e.custody),
            }
            for e in found.events
        ],
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
