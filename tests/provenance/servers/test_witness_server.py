"""The witness as it runs: a process on loopback, asked over HTTP, stopped, and killed."""

import asyncio
import http.client
import json
import random
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    AddCheckpoint,
    Cosigner,
    LogKeys,
    TrustedLogs,
    hash_leaf,
    merkle_root,
    open_checkpoint,
    origin_hash,
    parse_add_checkpoint,
    parse_note,
)
from provenance.cli import main  # noqa: F401 - the command is there
from provenance.cli.root import cli
from provenance.errors import UsageError
from provenance.servers import witness_folder
from provenance.servers.witness_folder import WitnessFolder
from provenance.servers.witness_server import make_app

LOG = LogKeys.from_seeds("log.example/1", ed25519_seed=bytes(32), mldsa44_seed=bytes(32))


def request(size: int, *, old: int = 0, fork: str = "", keys: LogKeys = LOG) -> bytes:
    """A tree of power-of-two growth, so that a proof has one hash."""
    leaves = [hash_leaf(f"{n}{fork}".encode()) for n in range(size)]
    path = () if old in (0, size) else (merkle_root(leaves[old:]),)
    note = keys.sign_checkpoint(size=size, root=merkle_root(leaves), timestamp=1)
    return bytes(AddCheckpoint(old, path, note))


@pytest.fixture
def start(tmp_path: Path, witness_server: Callable[[Path], Any]) -> Callable[[], Any]:
    WitnessFolder.make(tmp_path / "w", name="w.example", logs=LOG.vkeys)
    return lambda: witness_server(tmp_path / "w")


def test_it_cosigns_and_answers_monitors(start: Callable[[], Any]) -> None:
    server = start()
    monitored = f"/{origin_hash('log.example/1')}/checkpoint"
    assert server.ask("GET", monitored)[0] == 404
    status, kind, body = server.add(request(2))
    assert (status, kind) == (200, "text/plain; charset=utf-8")
    assert body.decode().count("— w.example ") == 2
    assert server.add(request(4, old=2))[0] == 200
    assert server.add(request(4))[:3] == (409, "text/x.tlog.size", b"4\n")
    assert server.add(request(8, old=4, fork="x"))[0] == 422
    assert server.add(request(4, old=4, fork="x"))[0] == 409
    assert server.add(request(2, keys=LogKeys.generate("other.example")))[0] == 404
    assert server.add(request(8, old=4, keys=LogKeys.generate("log.example/1")))[0] == 403
    assert server.add(b"hello")[0] == 400
    status, _, note = server.ask("GET", monitored)
    assert status == 200
    assert open_checkpoint(note, TrustedLogs.from_vkeys(LOG.vkeys)).size == 4
    assert server.ask("GET", "/add-checkpoint")[0] == 405
    assert server.ask("GET", "/../witness.keys")[0] == 404
    assert server.stop() == 0


def test_it_is_the_same_after_kill_9(start: Callable[[], Any]) -> None:
    size = 0
    for _ in range(4):
        server = start()
        assert size == 0 or server.add(request(2 * size))[:3] == (
            409,
            "text/x.tlog.size",
            f"{size}\n".encode(),
        )
        new = 2 * size or 1
        assert server.add(request(new, old=size))[0] == 200
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        size = new
    server = start()
    assert server.add(request(size, old=size, fork="x"))[0] == 409
    assert server.add(request(size, old=size))[0] == 200


def test_killed_at_any_moment_it_never_signs_two_roots(start: Callable[[], Any]) -> None:
    """Two views of one log race for the witness while it is killed again and again."""
    chance = random.Random(7)
    signed: list[bytes] = []
    lock = threading.Lock()
    size = 1
    for _ in range(8):
        server = start()
        stop = threading.Event()

        def race(fork: str, server: Any = server, stop: threading.Event = stop) -> None:
            nonlocal size
            while not stop.is_set():
                at = size
                for old in (at // 2, at, 0):
                    body = request(at, old=old, fork=fork)
                    try:
                        status = server.add(body)[0]
                    except (OSError, http.client.HTTPException):
                        return
                    if status == 200:
                        with lock:
                            signed.append(parse_note(parse_add_checkpoint(body).checkpoint).text)
                            size = min(max(size, 2 * at), 256)

        racers = [threading.Thread(target=race, args=(fork,)) for fork in ("", "x")]
        for racer in racers:
            racer.start()
        time.sleep(chance.uniform(0.02, 0.3))
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
        stop.set()
        for racer in racers:
            racer.join()
    roots: dict[bytes, set[bytes]] = {}
    for text in signed:
        _, at, root, _ = text.split(b"\n")
        roots.setdefault(at, set()).add(root)
    assert len(roots) > 1
    assert all(len(found) == 1 for found in roots.values())


def test_long_slow_and_broken_requests(start: Callable[[], Any]) -> None:
    server = start()
    assert server.add(b"x" * ((1 << 16) + 1))[0] == 413
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as slow:
        head = b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nold"
        slow.sendall(head)
        began = time.monotonic()
        assert slow.recv(4096).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - began < 15
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as broken:
        broken.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nold")
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as noise:
        noise.sendall(bytes(range(256)) * 8)
        assert noise.recv(4096).startswith(b"HTTP/1.1 400")
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as endless:
        endless.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\n")
        endless.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(9):
            endless.sendall(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
        assert endless.recv(4096).startswith(b"HTTP/1.1 413")
    assert server.add(request(2))[0] == 200


def test_a_lost_memory_is_503_not_500(start: Callable[[], Any]) -> None:
    server = start()
    assert server.add(request(2))[0] == 200
    for suffix in ("", "-wal", "-shm"):
        Path(f"{server.folder / 'witness.db'}{suffix}").write_bytes(b"damage" * 1000)
    status, _, body = server.add(request(4, old=2))
    assert (status, body) == (503, b"the witness cannot answer now\n")


def test_without_a_memory_no_keys_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(witness_folder, "create_witness", full)
        with pytest.raises(OSError, match="No space"):
            WitnessFolder.make(tmp_path / "w", name="w.example", logs=[])
    assert list((tmp_path / "w").iterdir()) == []
    WitnessFolder.make(tmp_path / "w", name="w.example", logs=[])


def test_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    both = "\n".join(LOG.vkeys)
    words = ["witness", "init", str(folder), "--name", "w.example", "--log", both, "--json"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    opened = WitnessFolder.open(folder)
    assert list(opened.cosigner.vkeys) == answer["vkeys"]
    assert opened.logs == LOG.vkeys
    assert stat.S_IMODE((folder / "witness.keys").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / "witness.db").stat().st_mode) == 0o600
    assert Cosigner.from_bytes((folder / "witness.keys").read_bytes()) == opened.cosigner
    assert CliRunner().invoke(cli, words).exit_code == 2, "there is one already"
    with pytest.raises(UsageError):
        WitnessFolder.make(tmp_path / "v", name="v.example", logs=["no key"])
    with pytest.raises(UsageError, match="never count"):
        WitnessFolder.make(tmp_path / "v", name="log.example/1", logs=LOG.vkeys)
    assert not (tmp_path / "v").exists()
    (folder / "logs").write_text("# none\n")
    assert WitnessFolder.open(folder).logs == ()


def call(app: Any, method: str, path: str, *chunks: bytes) -> int:
    """One request to the application, without a server."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request", "body": b"", "more_body": False})
    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
    answers: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        answers.append(message)

    asyncio.run(app(scope, receive, send))
    status: int = answers[0]["status"]
    return status


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("witness")
    memory = WitnessFolder.make(folder / "w", name="w.example", logs=LOG.vkeys).witness()
    yield make_app(memory, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    memory.close()


@given(st.data())
def test_no_request_makes_it_fail(app: Any, data: st.DataObject) -> None:
    method = data.draw(st.sampled_from(["GET", "POST", "HEAD", "PUT", "BREW"]))
    paths = ["/add-checkpoint", f"/{origin_hash('log.example/1')}/checkpoint", "/", "/a/b/c"]
    path = data.draw(st.sampled_from(paths) | st.text(max_size=20).map("/{}".format))
    good = request(4)
    place = data.draw(st.integers(0, len(good)))
    noise = data.draw(st.binary(max_size=20))
    assert call(app, method, path, noise, good) < 500
    assert call(app, method, path, good[:place] + noise, good[place:]) < 500


@pytest.mark.parametrize("place", ["127.0.0.1", ":80", "127.0.0.1:x", "127.0.0.1:65536"])
def test_a_place_to_listen(tmp_path: Path, place: str) -> None:
    words = ["witness", "serve", "--dir", str(tmp_path), "--listen", place]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 2
    assert "not a place to listen" in result.output
