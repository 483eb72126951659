"""The client of a log server: asks again, and believes nothing that is not proven."""

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    FIRST,
    BusyError,
    Chain,
    ConflictError,
    Entry,
    LedgerError,
    Link,
    LogClient,
    LogKeys,
    MalformedError,
    NotFoundError,
    OverloadedError,
    Problem,
    ProofError,
    RefusedError,
    Registered,
    StoreError,
    Submission,
    TrustedLogs,
    UnknownLogError,
    UnreachableError,
    UsageError,
    encode_link,
    encode_problem,
    hash_leaf,
    parse_submissions,
)


@dataclass
class Stub:
    """A server that says what it is told to, one answer after the other, the last for ever."""

    answers: list[tuple[int, bytes] | None] = field(default_factory=list)
    asked: list[tuple[str, str, bytes]] = field(default_factory=list)
    url: str = ""

    def next(self) -> tuple[int, bytes] | None:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            made.asked.append((self.command, self.path, body))
            answer = made.next()
            if answer is None:
                return  # the line is cut
            self.send_response(answer[0])
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(answer[1])

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(site: Any, stub: Stub, pauses: list[float]) -> LogClient:
    trusted = TrustedLogs.from_vkeys(site.keys.vkeys)
    return LogClient(stub.url, trusted, seconds=5, pause=pauses.append)


def problem(status: int, kind: str, **more: Any) -> tuple[int, bytes]:
    return status, encode_problem(Problem(status, kind, "words", **more), title="title")


def registered(*entries: Entry) -> tuple[int, bytes]:
    return 200, bytes(Registered.of(entries))


def test_it_sends_the_same_bytes_until_it_has_an_answer(
    site: Any, stub: Stub, client: LogClient, pauses: list[float]
) -> None:
    object_id, entry = site.seal()
    stub.answers = [None, problem(503, "busy"), problem(429, "too-many"), (503, b"Service"), None]
    stub.answers.append(registered(entry))
    assert client.register([Submission(entry.statement, annex=b"x")]) == [entry]
    assert len({body for _, _, body in stub.asked}) == 1
    assert parse_submissions(stub.asked[0][2])[0].annex == b"x"
    assert pauses == pytest.approx([0.2, 0.4, 0.8, 1.6, 2.0])
    assert object_id


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, UnreachableError),
        (problem(503, "busy"), BusyError),
        (problem(503, "failed"), StoreError),
        (problem(429, "too-many"), OverloadedError),
        ((503, b"Service Unavailable"), BusyError),
        ((503, b"[]"), BusyError),
    ],
)
def test_it_gives_up_in_the_end(
    site: Any, stub: Stub, client: LogClient, answer: Any, error: type[Exception]
) -> None:
    stub.answers = [answer]
    with pytest.raises(error):
        client.register([Submission(b"statement")])
    assert len(stub.asked) == 8


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem(400, "malformed"), MalformedError),
        (problem(413, "too-large"), MalformedError),
        (problem(403, "refused"), RefusedError),
        (problem(404, "not-found"), NotFoundError),
        (problem(409, "stale-link"), UnreachableError),  # names no link
        ((500, b"trace"), UnreachableError),
        ((302, b""), UnreachableError),
        ((200, b""), UnreachableError),
        ((200, b"x" * ((1 << 20) + 1)), UnreachableError),
    ],
)
def test_what_is_final_is_asked_once(
    stub: Stub, client: LogClient, answer: Any, error: type[Exception]
) -> None:
    stub.answers = [answer]
    with pytest.raises(error):
        client.register([Submission(b"statement")])
    assert len(stub.asked) == 1


def test_a_stale_link_carries_the_current_one(stub: Stub, client: LogClient) -> None:
    stub.answers = [problem(409, "stale-link", chain=Chain.OBJECT, link=Link(2, bytes(32)))]
    with pytest.raises(ConflictError) as caught:
        client.register([Submission(b"statement")])
    assert (caught.value.current, caught.value.chain) == (Link(2, bytes(32)), Chain.OBJECT)


def test_an_answer_for_other_statements(site: Any, stub: Stub, client: LogClient) -> None:
    entry, other = site.append(*site.seals(2))
    for answer in ([], [other], [entry, other], [other, entry]):
        stub.answers = [registered(*answer)]
        with pytest.raises(UnreachableError):
            client.register([Submission(entry.statement)])


def test_receipts_are_verified(site: Any, stub: Stub, client: LogClient) -> None:
    entry, other = site.append(*site.seals(2))
    good = site.log.prove(entry.index)
    stub.answers = [problem(503, "not-published"), (200, good)]
    assert client.receipt(entry) == good
    strange = LogKeys.generate("other.example")
    foreign = (
        good.split(b"\n\n")[0]
        + b"\n\n"
        + strange.sign_checkpoint(size=5, root=bytes(32), timestamp=1)
    )
    thief = LogKeys.generate(site.keys.origin)
    forged = (
        good.split(b"\n\n")[0]
        + b"\n\n"
        + thief.sign_checkpoint(size=5, root=bytes(32), timestamp=1)
    )
    for answer, error in (
        (site.log.prove(other.index), ProofError),
        (foreign, UnknownLogError),
        (forged, ProofError),
        (good.replace(b"index 3", b"index 2"), ProofError),
        (b"nothing", MalformedError),
    ):
        stub.answers = [(200, answer)]
        with pytest.raises(error):
            client.receipt(entry)
    moved = Entry(other.index, entry.statement, entry.leaf_hash)
    stub.answers = [(200, good)]
    with pytest.raises(ProofError):
        client.receipt(moved)


def test_checkpoints_are_verified(site: Any, stub: Stub, client: LogClient) -> None:
    note = site.log.checkpoint()
    stub.answers = [(200, note)]
    assert client.checkpoint() == note
    assert client.head().size == site.log.size
    stub.answers = [(200, LogKeys.generate(client.origin).sign_checkpoint(
        size=9, root=bytes(32), timestamp=1))]  # fmt: skip
    for ask in (client.checkpoint, client.head):
        with pytest.raises(ProofError):
            ask()


def test_links(stub: Stub, client: LogClient) -> None:
    stub.answers = [(200, encode_link(FIRST))]
    assert client.object_link(bytes(12)) == FIRST
    assert client.actor_link(bytes(32)) == FIRST
    assert [path for _, path, _ in stub.asked] == [
        f"/link/object/{'0' * 24}",
        f"/link/actor/{'0' * 64}",
    ]
    stub.answers = [(200, json.dumps({"schema": "radseal/log-link/2"}).encode())]
    with pytest.raises(UnreachableError):
        client.object_link(bytes(12))


def test_it_takes_the_keys_of_one_log(site: Any) -> None:
    both = TrustedLogs.from_vkeys([*site.keys.vkeys, *LogKeys.generate("other.example").vkeys])
    for logs in (both, TrustedLogs()):
        with pytest.raises(UsageError):
            LogClient("http://127.0.0.1:1", logs)


@pytest.mark.parametrize(
    "url",
    ["", "log.example", "ftp://log.example", "http://", "http://[", "http://a:x", "http://a?b"],
)
def test_addresses_that_are_none(site: Any, url: str) -> None:
    with pytest.raises(UsageError):
        LogClient(url, TrustedLogs.from_vkeys(site.keys.vkeys))


@given(st.binary(max_size=60), st.sampled_from([200, 400, 403, 404, 409, 413, 429, 500, 503]))
def test_arbitrary_answers_raise_only_our_errors(body: bytes, status: int) -> None:
    class Client(LogClient):
        def _exchange(self, *_: object) -> tuple[int, bytes]:
            return status, body

    keys = LogKeys.from_seeds("log.example", ed25519_seed=bytes(32), mldsa44_seed=bytes(32))
    made = Client("http://log", TrustedLogs.from_vkeys(keys.vkeys), pause=lambda _: None)
    entry = Entry(0, b"x", hash_leaf(b"x"))
    questions: list[Callable[[], object]] = [
        lambda: made.register([Submission(b"x")]),
        lambda: made.receipt(entry),
        made.head,
        lambda: made.object_link(bytes(12)),
    ]
    for question in questions:
        with pytest.raises(LedgerError):
            question()
