"""An auditor's copy follows a log over HTTP: an honest one, a broken one, a lying one."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    LedgerError,
    LogKeys,
    Monitor,
    NotFoundError,
    SignatureError,
    StoreError,
    TileFolder,
    TileServer,
    TrustedLogs,
    UnreachableError,
    UsageError,
    hash_leaf,
    merkle_root,
)

KEYS = LogKeys.from_seeds("log.example", ed25519_seed=bytes(32), mldsa44_seed=bytes(32))
LOGS = TrustedLogs.from_vkeys(KEYS.vkeys)
ENTRIES = [b"entry %d" % number for number in range(900)]


def note(entries: list[bytes], keys: LogKeys = KEYS) -> bytes:
    root = merkle_root(map(hash_leaf, entries))
    return keys.sign_checkpoint(size=len(entries), root=root, timestamp=1)


def bundles(entries: list[bytes]) -> dict[str, bytes]:
    """The files of a log that a monitor reads."""
    files = {"/checkpoint": note(entries)}
    for at in range(0, len(entries), 256):
        part = entries[at : at + 256]
        name = f"/tile/entries/{at // 256:03}" + (f".p/{len(part)}" if len(part) < 256 else "")
        files[name] = b"".join(len(each).to_bytes(2, "big") + each for each in part)
    return files


@dataclass
class Web:
    """A server that shows these files; ``says`` may answer in their place."""

    files: dict[str, bytes] = field(default_factory=dict)
    says: Callable[[BaseHTTPRequestHandler], bool] = lambda _: False
    asked: list[str] = field(default_factory=list)
    url: str = ""


def listen(handler: Any) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            if made.says(self):
                return
            body = made.files.get(self.path)
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None: ...

    for url in listen(Handler):
        made.url = url
        yield made


def follow(web: Web, copy: Path, **more: Any) -> Any:
    server = TileServer(web.url, seconds=1, pause=lambda _: None)
    return Monitor(copy, logs=LOGS).follow(server, **more)


def test_a_plain_file_server_over_an_export(site: Any, tmp_path: Path) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    logs = TrustedLogs.from_vkeys(site.keys.vkeys)
    before = 0
    for number, count in enumerate((0, 60, 300)):
        site.append(*site.seals(count)) if count else None
        site.log.checkpoint()
        site.log.export(tmp_path / f"{number}")
        for url in listen(partial(Quiet, directory=str(tmp_path / f"{number}"))):
            server = TileServer(f"{url}/")
            followed = Monitor(tmp_path / "copy", logs=logs).follow(server)
            assert (followed.alarm, followed.before) == (None, before)
            assert followed.root == site.log.head().root
            tiles = server.tile_reader(followed.size)
            assert tiles(0, 0) == TileFolder(tmp_path / "copy").tile_reader(followed.size)(0, 0)
            before = followed.size
    entries = [entry.statement for entry in site.log.entries()]
    assert list(TileFolder(tmp_path / "copy").statements(0, before)) == entries


def test_progress_and_what_was_copied_before_a_break(web: Web, tmp_path: Path) -> None:
    web.files = bundles(ENTRIES)
    third = web.files.pop("/tile/entries/002")
    with pytest.raises(StoreError, match="has no tile/entries/002"):
        follow(web, tmp_path)
    web.files["/tile/entries/002"] = third
    web.asked.clear()
    heard: list[tuple[int, int]] = []
    followed = follow(web, tmp_path, progress=lambda *each: heard.append(each))
    assert (followed.alarm, followed.before, followed.size) == (None, 0, 900)
    assert web.asked == ["/checkpoint", "/tile/entries/002", "/tile/entries/003.p/132"]
    assert heard == [(256, 900), (512, 900), (768, 900), (900, 900)]
    assert list(TileFolder(tmp_path).statements(0, 900)) == ENTRIES


def test_a_false_future_that_was_cut_off_spoils_nothing(web: Web, tmp_path: Path) -> None:
    web.files = bundles(ENTRIES[:100])
    assert follow(web, tmp_path).alarm is None
    web.files = bundles([*ENTRIES[:100], *(b"other" for _ in range(800))])
    del web.files["/tile/entries/003.p/132"]
    with pytest.raises(StoreError):
        follow(web, tmp_path)
    web.files = bundles(ENTRIES)
    followed = follow(web, tmp_path)
    assert (followed.alarm, followed.before, followed.size) == (None, 100, 900)
    assert list(TileFolder(tmp_path).statements(0, 900)) == ENTRIES


def test_a_server_that_shows_other_entries_than_it_signed(web: Web, tmp_path: Path) -> None:
    web.files = bundles(ENTRIES[:300])
    assert follow(web, tmp_path / "new").alarm is None
    web.files = bundles([b"x", *ENTRIES[1:300]])
    assert follow(web, tmp_path / "new").alarm is not None
    web.files |= {"/checkpoint": note(ENTRIES[:300])}
    found = follow(web, tmp_path / "other")
    assert found.alarm == "the log does not show the entries it has signed"
    assert len(list((tmp_path / "other/alarms").iterdir())) == 1


@pytest.mark.parametrize("status", [301, 400, 403, 500, 503])
def test_any_other_status_is_unreachable(web: Web, tmp_path: Path, status: int) -> None:
    def says(handler: BaseHTTPRequestHandler) -> bool:
        handler.send_response(status)
        handler.send_header("Location", "/elsewhere")
        handler.end_headers()
        return True

    web.says = says
    with pytest.raises(UnreachableError, match=str(status)):
        follow(web, tmp_path)
    assert web.asked == ["/checkpoint"] * (8 if status >= 500 else 1)


def test_it_asks_again_where_nothing_was_said(web: Web, tmp_path: Path) -> None:
    web.files = bundles(ENTRIES[:300])

    def says(handler: BaseHTTPRequestHandler) -> bool:  # every second question is not answered
        return len(web.asked) % 2 == 1

    web.says = says
    assert follow(web, tmp_path).alarm is None


@pytest.mark.parametrize("path", ["/checkpoint", "/tile/entries/000"])
@pytest.mark.parametrize("how", ["endless", "dripping", "garbage", "no HTTP", "cut", "nothing"])
def test_hostile_answers_end(web: Web, tmp_path: Path, path: str, how: str) -> None:
    web.files = bundles(ENTRIES[:300])
    over = threading.Event()

    def says(handler: BaseHTTPRequestHandler) -> bool:
        if handler.path != path:
            return False
        try:
            if how == "no HTTP":
                handler.wfile.write(b"\x00\xff" * 400)
                return True
            handler.send_response(200)
            if how == "cut":
                handler.send_header("Content-Length", "10000")
            handler.end_headers()
            if how == "garbage":
                handler.wfile.write(b"\xff\xfe" * 100)
            while how == "endless":
                handler.wfile.write(bytes(1 << 16))
            while how == "dripping" and not over.wait(0.1):
                handler.wfile.write(b"\x00")
        except OSError:
            pass
        return True

    web.says = says
    server = TileServer(web.url, seconds=0.3, pause=lambda _: None)
    with pytest.raises((UnreachableError, StoreError)):
        Monitor(tmp_path, logs=LOGS).follow(server)
    over.set()
    assert not (tmp_path / "checkpoint").exists()


def test_strangers_and_nothing_at_all(web: Web, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        follow(web, tmp_path)
    web.files = bundles(ENTRIES[:3])
    web.files["/checkpoint"] = note(ENTRIES[:3], LogKeys.generate("log.example"))
    with pytest.raises(SignatureError):
        follow(web, tmp_path)
    with pytest.raises(UsageError):
        TileServer("log.example")


@given(st.binary(max_size=80), st.sampled_from([200, 404, 418]))
def test_arbitrary_answers_raise_only_our_errors(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, status: int
) -> None:
    class Said(TileServer):
        def _read(self, name: str, most: int) -> bytes:
            if name == "checkpoint":
                return note(ENTRIES[:3]) if status == 200 else body
            return body

    copy = tmp_path_factory.getbasetemp() / "said"
    try:
        Monitor(copy, logs=LOGS).follow(Said("http://log.example"))
    except LedgerError:
        return
