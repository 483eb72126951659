"""The answers of `radseal scan` as JSON values: `radseal/scan/1`, `radseal/scan-report/1`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provenance.scan.job import Job
from provenance.scan.results import Counts, Row
from provenance.scan.run import Ran


@dataclass(frozen=True, slots=True)
class Workers:
    """What a run worked with, and how long (seconds of the wall clock)."""

    engine: str
    seconds: float


def scan_fields(
    job: Job, counts: Counts, skipped: Mapping[str, int], ran: Ran, workers: Workers
) -> dict[str, object]:
    """Return the answer of one run."""
    rate = ran.objects / workers.seconds if workers.seconds > 0 else 0.0
    return {
        "job": job_fields(job, counts),
        "summary": summary_fields(counts, skipped),
        "run": {
            "engine": workers.engine,
            "stopped": ran.stopped,
            "objects": ran.objects,
            "chunks": ran.chunks,
            "seconds": round(workers.seconds, 3),
            "objects_per_second": round(rate, 3),
            "workers_seconds": round(ran.busy, 3),
            "workers_died": ran.deaths,
        },
    }


def report_fields(
    job: Job, counts: Counts, skipped: Mapping[str, int], page: Sequence[Row], following: int | None
) -> dict[str, object]:
    """Return what is known of a job, with one page of its objects; ``following`` asks for more."""
    return {
        "job": job_fields(job, counts),
        "summary": summary_fields(counts, skipped),
        "objects": [row_fields(row) for row in page],
        "next_after": following,
    }


def job_fields(job: Job, counts: Counts) -> dict[str, object]:
    """Return which job it is."""
    return {
        "id": job.id,
        "place": job.database.place,
        "source": job.source,
        "listed": counts.listed,
        "done": counts.done,
    }


def summary_fields(counts: Counts, skipped: Mapping[str, int]) -> dict[str, object]:
    """Return counts."""
    return {
        "objects": counts.objects,
        "waiting": counts.waiting,
        "by_verdict": {word.value: n for word, n in counts.by_verdict},
        "by_action": {action.value: n for action, n in counts.by_action},
        "not_judged_by_content": counts.apart,
        "skipped": {why: skipped.get(why, 0) for why in ("hidden", "special", "repeated")},
    }


def row_fields(row: Row) -> dict[str, object]:
    """Return the result of one object."""
    return {
        "number": row.number,
        "uri": row.uri,
        "sop_instance_uid": row.sop_instance_uid,
        "verdict": row.verdict,
        "exit_code": row.exit_code,
        "seal_id": row.seal_id,
        "codes": row.codes.split() if row.codes else [],
        "why": row.why,
        "set_apart": row.apart,
        "action": row.action,
        "rule": row.rule,
    }
