"""Appends: one at a time, in batches, with the signatures checked by two more processes."""

import time
from collections.abc import Callable

from benchmarks.ledger.limits import Processor, beside, quantile
from benchmarks.ledger.plan import Plan
from benchmarks.ledger.rows import Row
from benchmarks.ledger.sealing import NOW, Sealer, make_log, opened
from ledger import Log, Submission, Verifiers

BATCHES = (1, 4, 16, 64, 256)
WORKERS = 2
_OF_A_TURN = 1_024


def single(plan: Plan) -> list[Row]:
    """One durable event through the public API: SQLite, synchronous FULL, every check."""
    path = plan.fresh("single")
    make_log(path)
    times: list[float] = []
    with opened(path) as log:
        sealer = Sealer(log)
        _append(log, [sealer.seal() for _ in range(50)])

        def turn() -> float:
            ready = [sealer.seal() for _ in range(plan.singles // plan.turns)]
            took = []
            for submissions in ready:
                start = time.perf_counter()
                log.append(submissions, at=NOW)
                took.append(time.perf_counter() - start)
            times.extend(took)
            return len(took) / sum(took)

        found = beside(plan.limits.f, turn, turns=plan.turns)
    p50, p99 = 1e3 * quantile(times, 0.5), 1e3 * quantile(times, 0.99)
    words = f"p50 {p50:.2f} ms; fdatasync alone has p99 {plan.limits.f_p99():.1f} ms"
    return [
        Row(
            "one durable event, every check",
            f"{found.rate:,.0f}/s",
            found.ratio,
            "F",
            0.30,
            f"F {found.limit:,.0f}/s beside it",
        ),
        Row("its time, p99", f"{p99:.1f} ms", p99, "ms", 10, words),
    ]


def batches(plan: Plan) -> list[Row]:
    """Batches of signed statements, every signature and rule checked."""
    rows = []
    with Verifiers(WORKERS) as verifiers:
        for helpers in (None, verifiers):
            path = plan.fresh("batches")
            make_log(path)
            with opened(path, verifiers=helpers) as log:
                sealer = Sealer(log)
                for _ in range(4):  # processes start, caches fill
                    log.append(sealer.seal(64), at=NOW)
                for size in BATCHES:
                    rows.append(_batch(plan, log, sealer, size, helped=helpers is not None))
    return rows


def _batch(plan: Plan, log: Log, sealer: Sealer, size: int, *, helped: bool) -> Row:
    processor = Processor()
    count = max(1, _OF_A_TURN // size if size >= 16 else _OF_A_TURN // 8)

    def turn() -> float:
        ready = [sealer.seal(size) for _ in range(count)]
        start = time.perf_counter()
        processor.measure(lambda: _append(log, ready), size * count)
        return size * count / (time.perf_counter() - start)

    found = beside(plan.limits.v, turn, turns=plan.turns)
    who = f"{WORKERS} workers" if helped else "one process"
    return Row(
        f"batches of {size}, {who}",
        f"{found.rate:,.0f} entries/s",
        found.ratio,
        "V",
        (0.75 if helped else 0.5) if size >= 64 else None,
        f"V {found.limit:,.0f}/s" + ("" if helped else f"; {processor.of_v()}"),
        [(who, size, found.ratio)],
    )


def _append(log: Log, ready: list[list[Submission]]) -> None:
    for submissions in ready:
        log.append(submissions, at=NOW)


SECTIONS: dict[str, Callable[[Plan], list[Row]]] = {
    "One event at a time": single,
    "Batches": batches,
}
