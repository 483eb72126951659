"""The log as it runs: a process on loopback, written to and read over HTTP, stopped, and killed."""

import asyncio
import http.client
import json
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    FIRST,
    Event,
    Link,
    Log,
    LogClient,
    Role,
    Sequencer,
    Signer,
    Submission,
    TrustedLogs,
    encode_submissions,
    hash_leaf,
    key_added_body,
    key_revoked_body,
    merkle_root,
    open_checkpoint,
    open_receipt,
    parse_statement,
    sign_statement,
)
from provenance import Site
from provenance.keys.signers import load_signer
from provenance.servers.log_server import Waits, make_app

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def signer_of(site: Site, role: Role) -> Signer:
    return load_signer(site.folder / "keys" / f"{role}.key.pem")


def statement(
    event: Event,
    signer: Signer,
    object_id: bytes | None,
    *,
    actor: Link = FIRST,
    link: Link = FIRST,
    body: dict[int, object] | None = None,
) -> bytes:
    return sign_statement(
        event=event,
        object_id=object_id,
        object_link=None if object_id is None else link,
        actor_link=actor,
        claimed_at=NOON,
        head_seen=None,
        body=body or {},
        signer=signer,
    )


def seals(signer: Signer, count: int, *, actor: Link = FIRST) -> list[bytes]:
    """Seals of new objects, chained to each other."""
    made = []
    for _ in range(count):
        made.append(statement(Event.SEALED, signer, random.randbytes(12), actor=actor))
        actor = actor.next(hash_leaf(made[-1]))
    return made


def framed(statements: Sequence[bytes]) -> bytes:
    return encode_submissions([Submission(each) for each in statements])


def post(server: Any, body: bytes, path: str = "/statements") -> tuple[int, Any]:
    status, kind, answer = server.ask("POST", path, body)
    problem = status != 200
    assert kind == ("application/problem+json" if problem else "application/json")
    fields = json.loads(answer)
    assert not problem or fields["status"] == status
    return status, fields


def refused(server: Any, body: bytes, path: str = "/statements") -> tuple[int, str]:
    status, fields = post(server, body, path)
    return status, fields["type"].removeprefix("urn:radseal:problem:")


def trusted(site: Site) -> TrustedLogs:
    return site.trust.logs


def client_of(site: Site, server: Any) -> LogClient:
    return LogClient(server.url, trusted(site))


@pytest.fixture
def here(tmp_path: Path) -> Site:
    return Site.init(tmp_path / "site", name="here")


@pytest.fixture
def server(here: Site, log_server: Callable[[Path], Any]) -> Any:
    return log_server(here.folder)


def test_two_processes_check_the_signatures(here: Site, log_server: Callable[..., Any]) -> None:
    server = log_server(here.folder, "127.0.0.1:0", "--jobs", "2")
    made = seals(signer_of(here, Role.DEVICE), 40)
    forged = [*made[:30], made[30][:-1] + bytes([made[30][-1] ^ 1]), *made[31:]]
    assert refused(server, framed(forged), "/submissions") == (403, "refused")
    status, fields = post(server, framed(made), "/submissions")
    assert (status, [each["index"] for each in fields["entries"]]) == (200, list(range(5, 45)))
    assert server.stop() == 0
    with here.records().log as log:
        assert log.audit(jobs=2).ok


def test_one_statement_and_a_batch(here: Site, server: Any) -> None:
    device = signer_of(here, Role.DEVICE)
    made = seals(device, 7)
    status, fields = post(server, made[0])
    assert (status, fields["schema"]) == (200, "radseal/log-entries/1")
    assert fields["entries"] == [{"index": 5, "leaf_hash": hash_leaf(made[0]).hex()}]
    status, fields = post(server, framed(made[1:]), "/submissions")
    assert [each["index"] for each in fields["entries"]] == list(range(6, 12))
    client = client_of(here, server)
    entries = client.register([Submission(each) for each in made])
    assert [each.index for each in entries] == list(range(5, 12)), "the same again"
    receipts = [client.receipt(each) for each in entries]
    assert open_receipt(made[3], receipts[3], logs=trusted(here)).index == 8
    status, fields = post(server, made[0])
    assert open_receipt(made[0], fields["receipt"].encode(), logs=trusted(here)).index == 5
    health = json.loads(server.ask("GET", "/health")[2])
    assert (health["size"], health["published"], health["accepts"]) == (12, 12, True)
    assert server.stop() == 0
    with here.records().log as log:
        assert log.audit().ok


def test_a_stale_head_is_answered_with_the_current_one(here: Site, server: Any) -> None:
    device, gateway = signer_of(here, Role.DEVICE), signer_of(here, Role.GATEWAY)
    (seal,) = seals(device, 1)
    assert post(server, seal)[0] == 200
    object_id = parse_statement(seal).object_id
    assert object_id is not None
    current = {"seq": 1, "previous": hash_leaf(seal).hex()}
    status, fields = post(server, statement(Event.INGESTED, gateway, object_id))
    assert (status, fields["type"]) == (409, "urn:radseal:problem:stale-link")
    assert (fields["chain"], fields["link"]) == ("object", current)
    asked = json.loads(server.ask("GET", f"/link/object/{object_id.hex()}")[2])
    assert asked == {"schema": "radseal/log-link/1", **current}
    status, fields = post(server, seals(device, 1)[0])
    assert (status, fields["chain"], fields["link"]) == (409, "actor", current)
    kid = device.kid.hex()
    assert json.loads(server.ask("GET", f"/link/actor/{kid}")[2])["seq"] == 1
    good = statement(Event.INGESTED, gateway, object_id, link=Link(1, hash_leaf(seal)))
    assert post(server, good)[0] == 200


def test_who_may_not_write(here: Site, stranger: Site, server: Any) -> None:
    device, archivist = signer_of(here, Role.DEVICE), signer_of(here, Role.ARCHIVIST)
    (seal,) = seals(device, 1)
    forged = seal[:-1] + bytes([seal[-1] ^ 1])
    assert refused(server, forged) == (403, "refused")
    assert refused(server, seals(signer_of(stranger, Role.DEVICE), 1)[0]) == (403, "refused")
    role = statement(Event.DEIDENTIFIED, device, random.randbytes(12))
    assert refused(server, role) == (403, "refused")
    assert post(server, seal)[0] == 200
    with here.records().log as log:
        link = log.actor_link(archivist.kid)
    revoked = statement(
        Event.KEY_REVOKED,
        archivist,
        None,
        actor=link,
        body=key_revoked_body(device.kid, reason="lost"),
    )
    assert post(server, revoked)[0] == 200
    (late,) = seals(device, 1, actor=Link(1, hash_leaf(seal)))
    assert refused(server, late) == (403, "refused")
    assert post(server, seal)[1]["entries"][0]["index"] == 5, "what is in the log stays answered"
    assert refused(server, framed([late]), "/submissions") == (403, "refused")
    with here.records().log as log:
        assert log.size == 7


def test_a_key_and_its_first_statement_in_one_request(
    here: Site, stranger: Site, server: Any
) -> None:
    archivist, new = signer_of(here, Role.ARCHIVIST), signer_of(stranger, Role.DEVICE)
    with here.records().log as log:
        link = log.actor_link(archivist.kid)
    added = statement(
        Event.KEY_ADDED,
        archivist,
        None,
        actor=link,
        body=key_added_body(new.spki, role=Role.DEVICE),
    )
    (seal,) = seals(new, 1)
    forged = seal[:-1] + bytes([seal[-1] ^ 1])
    assert refused(server, framed([added, forged]), "/submissions") == (403, "refused")
    assert refused(server, framed([seal, added]), "/submissions") == (403, "refused")
    assert post(server, framed([added, seal]), "/submissions")[0] == 200


def test_bodies_that_are_none(here: Site, server: Any) -> None:
    (seal,) = seals(signer_of(here, Role.DEVICE), 1)
    for body in (b"", b"hello", seal[:-1], seal + b"x"):
        assert refused(server, body) == (400, "malformed")
    for body in (b"", framed([seal])[:-1], framed([seal]) + b"\x00", b"\xff" * 40):
        assert refused(server, body, "/submissions") == (400, "malformed")
    aside = encode_submissions([Submission(seal, annex=b"x", pseudonyms=(bytes(32),))])
    wrong = aside.replace(seal, b"").replace(len(seal).to_bytes(2, "big"), b"\x00\x00", 1)
    assert refused(server, wrong, "/submissions") == (400, "malformed")
    assert refused(server, bytes(65_536)) == (413, "too-large")
    assert refused(server, framed([seal]) * 257, "/submissions") == (413, "too-large")
    assert server.ask("GET", "/statements")[0] == 405
    assert server.ask("POST", "/checkpoint", b"")[0] == 405
    for path in (
        "/",
        "/tile/0/1",
        "/tile/../site.json",
        "/receipt/x",
        "/receipt/01",
        "/receipt/99",
    ):
        assert server.ask("GET", path)[:2] == (404, "application/problem+json"), path
    for path in ("/link/object/00", f"/link/actor/{'0' * 24}", f"/link/x/{'0' * 24}"):
        assert server.ask("GET", path)[0] == 404, path
    assert post(server, aside, "/submissions")[0] == 200
    with here.records().log as log:
        object_id = parse_statement(seal).object_id
        assert object_id is not None
        assert log.annex(object_id) == b"x"
        assert log.find(bytes(32)) == (object_id,)


def test_long_slow_and_broken_requests(here: Site, server: Any) -> None:
    def line() -> socket.socket:
        return socket.create_connection(("127.0.0.1", server.port), timeout=30)

    with line() as slow, line() as headless, line() as broken, line() as noise, line() as endless:
        headless.sendall(b"POST /statements HTT")
        slow.sendall(b"POST /statements HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nold")
        broken.sendall(b"POST /submissions HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nold")
        broken.close()
        noise.sendall(bytes(range(256)) * 8)
        assert noise.recv(4096).startswith(b"HTTP/1.1 400")
        endless.sendall(b"POST /statements HTTP/1.1\r\nHost: x\r\n")
        endless.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(9):
            endless.sendall(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
        assert endless.recv(4096).startswith(b"HTTP/1.1 413")
        huge = b"POST /submissions HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
        with line() as greedy:
            greedy.sendall(huge)
            assert greedy.recv(4096).startswith(b"HTTP/1.1 413")
        assert post(server, seals(signer_of(here, Role.DEVICE), 1)[0])[0] == 200
        assert slow.recv(4096).startswith(b"HTTP/1.1 408")
        assert headless.recv(4096) == b"", "closed"


def test_tiles_are_those_of_an_export(here: Site, server: Any, tmp_path: Path) -> None:
    client = client_of(here, server)
    made = seals(signer_of(here, Role.DEVICE), 400)
    for at in range(0, 400, 200):
        entries = client.register([Submission(each) for each in made[at : at + 200]])
    client.receipt(entries[-1])
    with here.records().log as log:
        log.export(tmp_path / "out")
    files = [each for each in (tmp_path / "out").rglob("*") if each.is_file()]
    assert len(files) == 6
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    for each in files:
        path = str(each.relative_to(tmp_path / "out"))
        connection.request("GET", f"/{path}")
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, each.read_bytes()), path
        kind, cache = response.headers["content-type"], response.headers["cache-control"]
        if path == "checkpoint":
            assert (kind, cache) == ("text/plain; charset=utf-8", "no-cache")
        else:
            assert kind == "application/octet-stream"
            assert cache == "public, max-age=31536000, immutable"
    connection.close()
    assert open_checkpoint(client.checkpoint(), trusted(here)).size == 405


def test_concurrent_writers_make_no_gap_and_no_fork(here: Site, server: Any) -> None:
    """Each has a key of its own; some send every statement twice, from two threads at once."""
    roles = (Role.DEVICE, Role.OPERATOR, Role.GATEWAY, Role.AUDITOR)
    events = (Event.SEALED, Event.ATTESTED, Event.INGESTED, Event.VIEWED)
    answers: dict[bytes, set[int]] = {}
    lock = threading.Lock()

    def write(signer: Signer, event: Event) -> None:
        actor = FIRST
        for _ in range(25):
            made = statement(event, signer, random.randbytes(12), actor=actor)
            actor = actor.next(hash_leaf(made))
            twice = [threading.Thread(target=send, args=(made,)) for _ in range(2)]
            for each in twice:
                each.start()
            for each in twice:
                each.join()

    def send(made: bytes) -> None:
        status, fields = post(server, made)
        assert status == 200
        with lock:
            answers.setdefault(made, set()).add(fields["entries"][0]["index"])

    writers = [
        threading.Thread(target=write, args=(signer_of(here, role), event))
        for role, event in zip(roles, events, strict=True)
    ]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert server.stop() == 0
    assert all(len(indices) == 1 for indices in answers.values())
    assert sorted(index for (index,) in answers.values()) == list(range(5, 105))
    with here.records().log as log:
        assert log.size == 105
        assert log.audit().ok
        assert all(log.entry(index).statement == made for made, (index,) in answers.items())


def test_killed_in_the_middle_of_batches_it_loses_nothing_acknowledged(
    here: Site, log_server: Callable[[Path], Any]
) -> None:
    chance = random.Random(5)
    device = signer_of(here, Role.DEVICE)
    acknowledged: dict[int, bytes] = {}
    actor, pending = FIRST, []
    roots: list[tuple[int, bytes]] = []
    for _ in range(6):
        server = log_server(here.folder)
        killer = threading.Timer(chance.uniform(0.05, 0.4), server.stop, (signal.SIGKILL,))
        killer.start()
        try:
            while True:
                pending = pending or seals(device, chance.choice([1, 8, 40]), actor=actor)
                status, fields = post(server, framed(pending), "/submissions")
                assert status == 200
                for entry, made in zip(fields["entries"], pending, strict=True):
                    acknowledged[entry["index"]] = made
                actor = Link(actor.seq + len(pending), hash_leaf(pending[-1]))
                pending = []  # else: the same again after the next start
                head = open_checkpoint(server.ask("GET", "/checkpoint")[2], trusted(here))
                roots.append((head.size, head.root))
        except (OSError, http.client.HTTPException):
            killer.join()
    server = log_server(here.folder)
    if pending:
        assert post(server, framed(pending), "/submissions")[0] == 200
    assert server.stop() == 0
    assert sorted(acknowledged) == list(range(5, 5 + len(acknowledged)))
    with here.records().log as log:
        assert log.audit().ok
        assert log.size >= 5 + len(acknowledged)
        assert all(log.entry(index).statement == made for index, made in acknowledged.items())
        assert log.head().size == log.size
        for size, root in dict(roots).items():
            leaves = [each.leaf_hash for each in log.entries(0, size)]
            assert merkle_root(leaves) == root


def test_erased_over_http_is_erased(here: Site, server: Any) -> None:
    device, archivist = signer_of(here, Role.DEVICE), signer_of(here, Role.ARCHIVIST)
    made = seals(device, 3)
    pseudonym = random.randbytes(32)
    aside = [Submission(each, annex=b"name", pseudonyms=(pseudonym,)) for each in made]
    assert post(server, encode_submissions(aside), "/submissions")[0] == 200
    object_id = parse_statement(made[1]).object_id
    assert object_id is not None
    with here.records().log as log:
        link = log.actor_link(archivist.kid)
    erased = statement(
        Event.ERASED, archivist, object_id, actor=link, link=Link(1, hash_leaf(made[1]))
    )
    (other,) = seals(device, 1, actor=Link(3, hash_leaf(made[2])))
    sender = threading.Thread(target=post, args=(server, other))
    sender.start()
    assert post(server, erased)[0] == 200
    assert post(server, erased)[0] == 200
    sender.join()
    again = encode_submissions(
        [
            Submission(
                statement(
                    Event.VIEWED,
                    signer_of(here, Role.OPERATOR),
                    object_id,
                    link=Link(2, hash_leaf(erased)),
                ),
                annex=b"name",
            )
        ]
    )
    assert refused(server, again, "/submissions") == (403, "refused")
    assert server.stop() == 0
    with here.records().log as log:
        assert log.audit().ok
        assert log.annex(object_id) is None
        assert object_id not in log.find(pseudonym)
        assert len(log.find(pseudonym)) == 2


def test_what_waits_counts_against_the_bound_until_it_is_logged(
    here: Site, monkeypatch: Any
) -> None:
    monkeypatch.setattr("provenance.servers.log_server.MAX_ON_THE_WAY", 1000)
    (made,) = seals(signer_of(here, Role.DEVICE), 1)
    aside = encode_submissions([Submission(made, annex=bytes(300))])
    with here.writing_log() as log, here.reading_log() as reader:
        held = Held(log)
        sequencer = Sequencer(held, lambda: NOON)  # type: ignore[arg-type]
        app = make_app(reader, sequencer, waits=Waits(answer=0.1))
        try:
            for words in ("wait to be logged", "bytes are on their way"):
                status, _, body = call(app, "POST", "/submissions", aside)
                assert status == 503
                assert words in json.loads(body)["detail"]
        finally:
            held.go.set()
            sequencer.close()


def test_a_signal_right_after_it_listens_stops_it_in_order(
    here: Site, log_server: Callable[[Path], Any]
) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
        assert log_server(here.folder).stop(number) == 0


def test_stopping_answers_what_has_begun(here: Site, server: Any) -> None:
    body = framed(seals(signer_of(here, Role.DEVICE), 200))
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.putrequest("POST", "/submissions")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    connection.send(body[:1000])
    time.sleep(0.5)
    codes: list[int] = []
    stopping = threading.Thread(target=lambda: codes.append(server.stop()))
    stopping.start()
    time.sleep(0.5)
    with pytest.raises(ConnectionError):
        server.ask("GET", "/health")
    connection.send(body[1000:])
    with connection.getresponse() as response:
        assert response.status == 200
        assert len(json.loads(response.read())["entries"]) == 200
    connection.close()
    stopping.join()
    assert codes == [0]
    with here.records().log as log:
        assert log.size == 205
        assert log.head().size == 205, "what was logged is published"


def call(
    app: Any, method: str, path: str, *chunks: bytes, headers: Sequence[tuple[bytes, bytes]] = ()
) -> tuple[int, dict[bytes, bytes], bytes]:
    """One request to the application, without a server."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": list(headers),
        "query_string": b"",
    }
    answers: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        answers.append(message)

    asyncio.run(app(scope, receive, send))
    body = b"".join(each.get("body", b"") for each in answers[1:])
    return answers[0]["status"], dict(answers[0]["headers"]), body


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Any]]:
    site = Site.init(tmp_path_factory.mktemp("log") / "site", name="inside")
    with site.writing_log() as log, site.reading_log() as reader:
        sequencer = Sequencer(log, lambda: datetime.now(UTC))
        yield site, make_app(reader, sequencer)
        sequencer.close()


PATHS = [
    *("/statements", "/submissions", "/checkpoint", "/health", "/", "/receipt/0", "/receipt/4"),
    *("/tile/0/000.p/5", "/tile/entries/000.p/1", "/tile/9/000", "/link/object/" + "0" * 24),
    "/link/actor/" + "0" * 64,
]


@given(st.data())
def test_no_request_makes_it_fail(inside: tuple[Site, Any], data: st.DataObject) -> None:
    site, app = inside
    method = data.draw(st.sampled_from(["GET", "POST", "HEAD", "PUT", "BREW"]))
    path = data.draw(
        st.sampled_from(PATHS)
        | st.text(max_size=20).map("/{}".format)
        | st.tuples(st.sampled_from(PATHS), st.text(max_size=8)).map("".join)
    )
    single = seals(signer_of(site, Role.DEVICE), 1)[0]
    good = data.draw(st.sampled_from([single, framed([single, single])]))
    place = data.draw(st.integers(0, len(good)))
    noise = data.draw(st.binary(max_size=20))
    length = data.draw(st.sampled_from([b"5", b"x", b"-1", b"999999999999", b""]))
    for chunks in ((noise, good), (good[:place] + noise, good[place:]), (good,)):
        status, headers, body = call(
            app, method, path, *chunks, headers=[(b"content-length", length)]
        )
        assert status < 500, body
        if status != 200 and method != "HEAD":
            assert headers[b"content-type"] == b"application/problem+json"
            assert json.loads(body)["status"] == status


class Held:
    """A log whose appends wait for a word."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.go, self.entered = threading.Event(), threading.Event()

    def append_received(self, arrivals: Any, *, at: datetime) -> Any:
        self.entered.set()
        assert self.go.wait(10)
        return self._log.append_received(arrivals, at=at)

    def checkpoint(self) -> bytes:
        return self._log.checkpoint()


def test_back_pressure_is_429_or_503_and_the_share_comes_back(here: Site) -> None:
    device, gateway = signer_of(here, Role.DEVICE), signer_of(here, Role.GATEWAY)
    made = seals(device, 3)
    other = statement(Event.INGESTED, gateway, random.randbytes(12))
    with here.writing_log() as log, here.reading_log() as reader:
        held = Held(log)
        sequencer = Sequencer(held, lambda: NOON, max_waiting=2, max_waiting_of_one=2)  # type: ignore[arg-type]
        app = make_app(reader, sequencer, waits=Waits(answer=0.2))
        try:
            # in hand, then two that wait: none is answered in time, all are logged later
            for each in made[:2]:
                status, headers, body = call(app, "POST", "/statements", each)
                assert (status, headers[b"retry-after"]) == (503, b"1")
                assert json.loads(body)["type"].endswith(":busy")
                assert held.entered.wait(10)
            assert call(app, "POST", "/statements", made[2])[0] == 429
            assert call(app, "POST", "/statements", other)[0] == 503
            assert call(app, "POST", "/statements", other)[0] == 503
            assert sequencer.waiting == 2
            held.go.set()
            while sequencer.waiting:
                time.sleep(0.01)
            answers = [call(app, "POST", "/statements", each) for each in [*made, other]]
            assert [answer[0] for answer in answers] == [200] * 4
            indices = {json.loads(answer[2])["entries"][0]["index"] for answer in answers}
            assert indices == {5, 6, 7, 8}
        finally:
            held.go.set()
            sequencer.close()
        status, _, body = call(app, "POST", "/statements", made[0])
        assert (status, json.loads(body)["type"]) == (503, "urn:radseal:problem:busy")
        assert call(app, "GET", "/health")[0] == 503


def test_bodies_on_their_way_are_bounded_together(here: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr("provenance.servers.log_server.MAX_ON_THE_WAY", 2000)
    made = seals(signer_of(here, Role.DEVICE), 2)
    with here.writing_log() as log, here.reading_log() as reader:
        sequencer = Sequencer(log, lambda: NOON)
        app = make_app(reader, sequencer)
        for _ in range(3):  # what a refused body had taken is given back
            status, _, body = call(app, "POST", "/submissions", bytes(1500), bytes(1500))
            assert (status, json.loads(body)["type"]) == (503, "urn:radseal:problem:busy")
        for each in made:
            assert call(app, "POST", "/statements", each)[0] == 200
        sequencer.close()


def test_answers_on_their_way_are_bounded_together(here: Site, monkeypatch: Any) -> None:
    monkeypatch.setattr("provenance.servers.log_server.MAX_ON_THE_WAY_OUT", 200)
    with here.writing_log() as log, here.reading_log() as reader:
        sequencer = Sequencer(log, lambda: NOON)
        app = make_app(reader, sequencer)
        for _ in range(3):  # what was taken, or never sent, is given back
            status, _, body = call(app, "GET", "/tile/0/000.p/4")
            assert (status, len(body)) == (200, 128)
            status, _, body = call(app, "GET", "/tile/entries/000.p/4")
            assert (status, json.loads(body)["type"]) == (503, "urn:radseal:problem:busy")
        sequencer.close()


def test_a_damaged_log_is_503_not_500(here: Site, server: Any) -> None:
    ledger = here.folder / "ledger.sqlite"
    for suffix in ("", "-wal", "-shm"):
        Path(f"{ledger}{suffix}").write_bytes(b"damage" * 1000)
    status, kind, body = server.ask("GET", "/checkpoint")
    assert (status, kind) == (503, "application/problem+json")
    assert json.loads(body)["detail"] == "the log cannot answer now"
    assert refused(server, seals(signer_of(here, Role.DEVICE), 1)[0])[0] == 503
