"""Batches over HTTP: a log server in a process of its own, statements signed beforehand."""

import http.client
import json
import shutil
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from benchmarks.ledger.limits import beside
from benchmarks.ledger.plan import Plan
from benchmarks.ledger.rows import Row
from benchmarks.ledger.sealing import Sealer
from benchmarks.ledger.servers import processor_seconds, server
from ledger import Role, encode_submissions
from provenance.keys.signers import load_signer
from provenance.site.site import Site

_SIZE, _OF_A_TURN = 64, 16


def registered(plan: Plan) -> list[Row]:
    """One client, one connection, one batch after the other."""
    return [_registered(plan, jobs) for jobs in (1, 2)]


def _registered(plan: Plan, jobs: int) -> Row:
    folder = plan.path("site").with_suffix("")
    shutil.rmtree(folder, ignore_errors=True)
    site = Site.init(folder, name="benchmark")
    signer = load_signer(folder / "keys" / f"{Role.DEVICE}.key.pem")
    with site.reading_log() as log:
        sealer = Sealer(log, signer)
    processor: list[float] = []
    with server("log", "serve", "--site", str(folder), "--jobs", str(jobs)) as (process, url):
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        _post(connection, encode_submissions(sealer.seal(_SIZE)))  # what starts late is there

        def turn() -> float:
            bodies = [encode_submissions(sealer.seal(_SIZE)) for _ in range(_OF_A_TURN)]
            before = processor_seconds([process.pid])
            start = time.perf_counter()
            for body in bodies:
                _post(connection, body)
            took = time.perf_counter() - start
            after = processor_seconds([process.pid])
            if before is not None and after is not None:
                processor.append((after - before) / (_SIZE * _OF_A_TURN))
            return _SIZE * _OF_A_TURN / took

        found = beside(plan.limits.v, turn, turns=plan.turns)
        connection.close()
    words = f"V {found.limit:,.0f}/s"
    if processor:
        own = 1e6 * sum(processor) / len(processor)
        words += f"; {own:.0f} us of the server's processor time an entry"
    who = "one process" if jobs == 1 else f"{jobs} workers"
    what = f"batches of {_SIZE} over HTTP, {who}"
    return Row(what, f"{found.rate:,.0f} entries/s", found.ratio, "V", note=words)


def _post(connection: http.client.HTTPConnection, body: bytes) -> None:
    connection.request("POST", "/submissions", body)
    with connection.getresponse() as response:
        answer = json.loads(response.read())
    if response.status != 200 or len(answer["entries"]) != _SIZE:
        raise SystemExit(f"a batch was refused: {answer}")


SECTIONS: dict[str, Callable[[Plan], list[Row]]] = {"Registration over HTTP": registered}
