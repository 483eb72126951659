"""Audits, storage, and the history of one image in a big log."""

from collections.abc import Callable
from statistics import median

from benchmarks.ledger.limits import Processor, beside, quantile, timed
from benchmarks.ledger.plan import Plan
from benchmarks.ledger.proofs import child
from benchmarks.ledger.rows import Row
from benchmarks.ledger.sealing import NOW, Sealer, make_log, opened
from benchmarks.ledger.synthetic import ASKED, HISTORY, statement_log
from ledger.storage.sqlite import SqliteDatabase

_UNSIGNED = "statements signed by nobody"


def rehash(plan: Plan) -> list[Row]:
    """Every statement hashed again, tiles and head compared."""
    path = plan.path(f"statements-{plan.entries}")
    statement_log(path, plan.entries)
    rows = []
    with opened(path, writable=False) as log:
        for jobs, bar in ((1, 0.25), (2, 0.40)):

            def turn(jobs: int = jobs) -> float:
                seconds = timed(lambda: _require(log.rehash(jobs=jobs).ok))
                return plan.entries / seconds

            found = beside(plan.limits.s, turn, turns=plan.turns)
            who = "one process" if jobs == 1 else "two processes"
            words = f"S {found.limit:,.0f}/s; {_UNSIGNED}"
            measured = f"{found.rate:,.0f} entries/s"
            rows.append(Row(f"re-hash, {who}", measured, found.ratio, "S", bar, words))
    peak = child("rehash", path)["megabytes"]
    what = f"memory: re-hash {plan.entries:,}"
    rows.append(Row(what, f"{peak:.0f} MB", peak, "MB", 200, "whole process"))
    return rows


def audit(plan: Plan) -> list[Row]:
    """Everything checked: signatures, links, roles, index, tiles, checkpoints."""
    path = plan.path(f"signed-{plan.signed}")
    if not path.exists():
        _sign(plan)
    rows = []
    with opened(path, writable=False) as log:
        for jobs in (1, 2):
            processor = Processor()

            def turn(jobs: int = jobs, processor: Processor = processor) -> float:
                def work() -> None:
                    _require(log.audit(jobs=jobs).ok)

                return log.size / timed(lambda: processor.measure(work, log.size))

            found = beside(plan.limits.v, turn, turns=plan.turns)
            who = "one process" if jobs == 1 else "two more processes"
            words = f"V {found.limit:,.0f}/s; {log.size:,} entries"
            if jobs == 1:
                words += f"; {processor.of_v()}"
            measured = f"{found.rate:,.0f} entries/s"
            bar = 0.8 if jobs == 1 else None
            rows.append(
                Row(f"audit with signatures, {who}", measured, found.ratio, "V", bar, words)
            )
    return rows


def _sign(plan: Plan) -> None:
    made = plan.fresh("signing")
    make_log(made)
    with opened(made) as log:
        sealer = Sealer(log)
        while log.size < plan.signed:
            log.append(sealer.seal(256), at=NOW)
    made.rename(plan.path(f"signed-{plan.signed}"))


def storage(plan: Plan) -> list[Row]:
    """Bytes of the whole file beside those of the statements, and of the tiles."""
    path = plan.path(f"signed-{plan.signed}")
    if not path.exists():
        _sign(plan)
    database = SqliteDatabase.open(path, writable=False)
    with database.read() as connection:
        count, signed = connection.exec_driver_sql(
            "SELECT count(*), sum(length(encoded)) FROM radseal_statement"
        ).one()
        tiles = connection.exec_driver_sql("SELECT sum(length(hashes)) FROM radseal_tile")
        hashes = tiles.scalar_one()
    database.close()
    entry, whole = signed / count, path.stat().st_size / count
    over = whole - entry
    words = f"entry {entry:.0f} B, file {whole:.0f} B an entry, one checkpoint in 256"
    return [
        Row("SQLite, over the entry", f"{over:.0f} B", over, "B", 300, words),
        Row("tiles, an entry", f"{hashes / count:.2f} B", hashes / count, "B", 33),
    ]


def custody(plan: Plan) -> list[Row]:
    """The history of an image with 100 events that are spread over a big log."""
    path = plan.path(f"statements-{plan.entries}")
    statement_log(path, plan.entries)
    with opened(path, writable=False) as log:
        found = log.events(ASKED)
        _require(len(found) == HISTORY)
        times = [1e3 * timed(lambda: log.events(ASKED)) for _ in range(500)]

        def prove() -> None:
            log.prove_each([entry.index for entry in log.events(ASKED)])

        proven = [1e3 * timed(prove) for _ in range(20)]
    p99, slow = quantile(times, 0.99), quantile(proven, 0.99)
    what = f"history of {HISTORY} events among {plan.entries:,} entries"
    return [
        Row(
            f"{what}, p99", f"{p99:.2f} ms", p99, "ms", 10,
            f"p50 {median(times):.2f} ms; {_UNSIGNED}",
        ),
        Row(
            f"{what}, with {HISTORY} proofs, p99", f"{slow:.0f} ms", slow, "ms", 200,
            f"p50 {median(proven):.0f} ms",
        ),
    ]  # fmt: skip


def _require(condition: bool) -> None:
    if not condition:
        raise SystemExit("a log that was just made is not in order: nothing was measured")


SECTIONS: dict[str, Callable[[Plan], list[Row]]] = {
    "Audit: hashes": rehash,
    "Audit: signatures": audit,
    "Storage": storage,
    "Custody": custody,
}
