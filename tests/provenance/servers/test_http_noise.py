"""Bytes that are no HTTP, or no end of it: servers answer or hang up, and keep nothing open."""

import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.responses import Response

from ledger import LogKeys
from provenance import Site
from provenance.servers import http_server
from provenance.servers.witness_folder import WitnessFolder

MUTATIONS = 150  # of good requests, by chance with a fixed seed
HALF_OPEN = 40

GOOD = [
    b"GET /checkpoint HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"POST /statements HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    b"POST /submissions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n0\r\n\r\n",
    b"GET /annex/000000000000000000000000 HTTP/1.1\r\nHost: x\r\nAuthorization: Radseal AA\r\n\r\n",
]


def post(more: bytes, path: bytes = b"/statements") -> bytes:
    return b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + more


def chunked(body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked\r\n\r\n" + body)


BAD = {
    "nothing": b"",
    "a line": b"\r\n" * 50,
    "no version": b"GET /checkpoint\r\n\r\n",
    "another version": b"GET /checkpoint HTTP/7.9\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(64),
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(190),
    "method": b"\x00\xff\xfe /checkpoint HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT": b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "absolute": b"GET http://[::/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL": b"GET /%00%ff%c0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "dots": b"GET /../../keys/log.keys HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": b"GET /checkpoint HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /checkpoint HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "no colon": b"GET /checkpoint HTTP/1.1\r\nHost x\r\n\r\n",
    "folded": b"GET /checkpoint HTTP/1.1\r\nHost: x\r\n y\r\n\tz\r\n\r\n",
    "bare line feeds": b"GET /checkpoint HTTP/1.1\nHost: x\n\n",
    "long path": b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "long header": b"GET /live HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 60_000 + b"\r\n\r\n",
    "many headers": b"GET /live HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 9000 + b"\r\n",
    "a long authorization": b"GET /annex/" + b"0" * 24 + b" HTTP/1.1\r\nHost: x\r\n"
    b"Authorization: Radseal " + b"A" * 9000 + b"\r\n\r\n",
    "authorization that is no text": b"GET /annex/" + b"0" * 24 + b" HTTP/1.1\r\nHost: x\r\n"
    b"Authorization: Radseal \xff\xfe\xe9\r\n\r\n",
    "negative length": post(b"Content-Length: -1\r\n\r\nabc"),
    "no length": post(b"Content-Length: abc\r\n\r\nabc"),
    "two lengths": post(b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    "huge length": post(b"Content-Length: 99999999999999999999\r\n\r\nabc"),
    "length and chunks": post(
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        b"GET /live HTTP/1.1\r\n\r\n"
    ),
    "another encoding": post(b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    "chunk of no size": chunked(b"zz\r\nabc\r\n0\r\n\r\n"),
    "chunk of negative size": chunked(b"-3\r\nabc\r\n0\r\n\r\n"),
    "chunk of a huge size": chunked(b"ffffffffffffffffffffff\r\nabc\r\n"),
    "chunk that is longer": chunked(b"1\r\nabcdef\r\n0\r\n\r\n"),
    "chunk extensions": chunked(b"3;" + b"x=y;" * 9000 + b"\r\nabc\r\n0\r\n\r\n"),
    "trailers": chunked(b"0\r\n" + b"X: y\r\n" * 9000),
    "body cut": post(b"Content-Length: 100\r\n\r\nabc"),
    "a body for GET": b"GET /live HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde",
    "expect": post(b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"),
    "upgrade": b"GET /live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    "pipelined": b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n" * 60,
}


@pytest.fixture
def log(tmp_path: Path, log_server: Callable[[Path], Any]) -> Any:
    return log_server(Site.init(tmp_path / "site", name="here").folder)


@pytest.fixture
def witness(tmp_path: Path, witness_server: Callable[[Path], Any]) -> Any:
    WitnessFolder.make(tmp_path / "w", name="w.example", logs=LogKeys.generate("log.example").vkeys)
    return witness_server(tmp_path / "w")


@pytest.mark.parametrize("which", ["log", "witness"])
def test_noise_is_answered_or_hung_up_on(request: pytest.FixtureRequest, which: str) -> None:
    server = request.getfixturevalue(which)
    assert server.ask("GET", "/health")[0] == 200
    descriptors, threads = held(server)
    open_ended = [connected(server) for _ in range(HALF_OPEN)]
    for number, line in enumerate(open_ended):  # no head, half of one, half of a body
        line.sendall((b"", b"GET /chec", post(b"Content-Length: 9\r\n\r\nabc"))[number % 3])
    chance = random.Random(4)
    seen: Counter[int] = Counter()
    for noise in [*BAD.values(), *(mutated(chance) for _ in range(MUTATIONS))]:
        found = statuses(said(server, noise))
        assert not [status for status in found if status >= 500], noise
        seen.update(found)
    assert seen[200] > 50
    assert seen[400] > 50
    assert seen[404]
    assert seen[405]
    assert server.ask("GET", "/live")[0] == 200
    for line in open_ended:
        line.close()
    until = time.monotonic() + 20
    while held(server)[0] > descriptors and time.monotonic() < until:
        time.sleep(0.05)
    after, more = held(server)
    assert after <= descriptors
    assert more - threads <= 40, "the pool for answers has at most forty"
    assert server.ask("GET", "/health")[0] == 200
    assert server.stop() == 0


def connected(server: Any) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=15)


def said(server: Any, noise: bytes) -> bytes:
    """What the server says until it hangs up, which it does."""
    answer = b""
    with connected(server) as line:
        try:
            line.sendall(noise)
            answer += received(line, 0.1)
            line.shutdown(socket.SHUT_WR)
            answer += received(line, 15)
        except OSError:  # it has hung up before all was sent
            pass
    return answer


def received(line: socket.socket, seconds: float) -> bytes:
    """What comes until the end, or until nothing more comes for that long."""
    answer = b""
    line.settimeout(seconds)
    try:
        while part := line.recv(1 << 16):
            answer += part
    except TimeoutError:
        assert seconds < 1, "it does not hang up"
    except ConnectionError:
        pass
    return answer


def statuses(answer: bytes) -> list[int]:
    parts = answer.split(b"HTTP/1.1 ")
    assert parts[0] == b""
    return [int(each[:3]) for each in parts[1:]]


def mutated(chance: random.Random) -> bytes:
    noise = bytearray(chance.choice(GOOD))
    for _ in range(chance.choice([1, 1, 2, 5])):
        at = chance.randrange(len(noise))
        match chance.randrange(4):
            case 0:
                noise[at] ^= 1 << chance.randrange(8)
            case 1:
                del noise[at : at + chance.randrange(1, 9)]
            case 2:
                noise[at:at] = chance.randbytes(chance.randrange(1, 9))
            case _:
                noise += noise[at:]
        noise = noise or bytearray(b"x")
    return bytes(noise)


def held(server: Any) -> tuple[int, int]:
    """How many descriptors and threads the server has."""
    process = Path(f"/proc/{server.process.pid}")
    if not process.is_dir():
        pytest.skip("there is no /proc here")
    return len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))


def test_whoever_takes_nothing_of_an_answer_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "READ_SECONDS", 0.2)

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await Response(bytes(64 << 20))(scope, receive, send)

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(endless, http=http_server._Protocol, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        taken = 0
        with socket.create_connection(listener.getsockname(), timeout=15) as line:
            line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(1)
            try:
                while part := line.recv(1 << 20):
                    taken += len(part)
            except ConnectionError:
                pass
        assert taken < 64 << 20
    finally:
        server.should_exit = True
        thread.join(15)
        listener.close()
    assert not thread.is_alive()
