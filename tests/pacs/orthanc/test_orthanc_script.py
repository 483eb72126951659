"""What the Orthanc script makes of bytes: bodies of STOW-RS, and answers of who it asks."""

import importlib.util
import json
import shutil
import socket
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.pacs.dimse.statuses import REFUSED

SCRIPTS = Path(__file__).resolve().parents[3] / "plugins" / "orthanc"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


statuses = load("radseal_statuses")
stow, service = load("radseal_stow"), load("radseal_service")
door = load("radseal_socket")
KIND = 'multipart/related; type="application/dicom"; boundary="edge"'


def body(*files: bytes, head: bytes = b"Content-Type: application/dicom") -> bytes:
    parts = [b"--edge\r\n" + head + b"\r\n\r\n" + each + b"\r\n" for each in files]
    return b"".join(parts) + b"--edge--\r\n"


@given(st.lists(st.binary(max_size=200).filter(lambda each: b"edge" not in each), min_size=1))
def test_parts_are_what_was_put_in(files: list[bytes]) -> None:
    assert stow.parts(KIND, body(*files)) == files


@given(st.text(max_size=80), st.binary(max_size=300))
def test_any_other_body_is_malformed(kind: str, content: bytes) -> None:
    for each in (kind, KIND):
        try:
            stow.parts(each, content)
        except stow.MalformedError:
            continue


@given(st.binary(max_size=40), st.integers(0, 120))
def test_a_body_that_is_cut_off_is_malformed(content: bytes, cut: int) -> None:
    whole = body(b"first", content)
    if cut < len(whole) - len(b"--\r\n"):
        with pytest.raises(stow.MalformedError):
            stow.parts(KIND, whole[:cut])


def test_other_kinds_of_parts_and_too_many_are_malformed() -> None:
    with pytest.raises(stow.MalformedError, match="not application/dicom"):
        stow.parts(KIND, body(b"x", head=b"Content-Type: text/plain"))
    with pytest.raises(stow.MalformedError, match="more than"):
        stow.parts(KIND, body(*[b""] * (stow.MAX_PARTS + 1)))


@pytest.mark.parametrize(
    ("statuses", "http"),
    [
        ((0, 0), 200),
        ((0, 0xB000), 202),
        ((0, 0xC0A1), 202),
        ((0xC0A1, 0x0111), 409),
        ((0xC0A1, 0xA700), 503),
        ((), 400),
    ],
)
def test_the_status_of_a_request_says_the_least_of_its_instances(
    statuses: tuple[int, ...], http: int
) -> None:
    outcomes = [stow.Outcome(each, "1.2", f"1.2.{n}") for n, each in enumerate(statuses)]
    status, said = stow.answer(outcomes)
    assert status == http
    listed = json.loads(said)
    items = [*listed["00081199"].get("Value", []), *listed.get("00081198", {}).get("Value", [])]
    assert len(items) == len(statuses)


def test_what_cannot_be_read_is_among_the_others() -> None:
    status, said = stow.answer([stow.Outcome(0xC000)])
    assert status == 409
    assert json.loads(said)["0008119A"]["Value"] == [{"00081197": {"vr": "US", "Value": [0xC000]}}]


@pytest.fixture
def answering() -> Iterator[list[bytes]]:
    """A server that sends what is in the list, whatever it is asked; its place comes first."""
    said: list[bytes] = []
    folder = Path(tempfile.mkdtemp(prefix="radseal-"))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "door"))
        listener.listen()

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(message(b'{"hello": "radseal"}'))
                    asked = b""
                    while b'"go"' not in asked:
                        if not (piece := connection.recv(65536)):
                            break
                        asked += piece
                    else:
                        key = json.loads(asked[12 : 12 + asked[3]])["key"]
                        connection.sendall(said[0].replace(KEY, key.encode()))

        Thread(target=run, daemon=True).start()
        said.append(str(folder / "door").encode())
        yield said
        listener.shutdown(socket.SHUT_RDWR)
    shutil.rmtree(folder)


def message(head: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">IQ", len(head), len(body)) + head + body


@pytest.fixture
def asked(answering: list[bytes]) -> Iterator[Any]:
    """The script's client of that server."""
    made = door.ServiceDoor(answering[0].decode(), "token", 60.0)
    yield made
    made.forget()


KEY = b"0" * 16
GOOD = (
    b'{"action": "accept", "verdict": "AUTHENTIC", "report": {}, "name": "a", "number": null,'
    b' "key": "0000000000000000"}'
)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00" * 100,
        b"HTTP/1.1 200 OK\r\n\r\n",
        message(GOOD)[:-1],
        message(GOOD, b"x"),
        struct.pack(">IQ", 1 << 31, 0) + GOOD,
        message(b'{"problem": "disk", "detail": "the disk is full"}'),
        message(b"no JSON"),
        message(b"\xff\xfe"),
        message(b"[]"),
        message(b"{}"),
        message(GOOD.replace(b"accept", b"welcome")),
        message(GOOD.replace(b'"AUTHENTIC"', b"1")),
        message(GOOD.replace(b"{}", b"null")),
        message(GOOD.replace(b'"a"', b"null")),
        message(GOOD.replace(KEY, b"1" * 16)),
    ],
)
def test_no_other_answer_lets_anything_in(
    answering: list[bytes], asked: Any, answer: bytes
) -> None:
    answering[0] = answer
    with pytest.raises(service.NotAskedError):
        asked.ingest(b"DICM", calling_ae="CT7")


def test_a_whole_answer_is_taken(answering: list[bytes], asked: Any) -> None:
    answering[0] = message(GOOD)
    for _ in range(3):  # the server closes each connection, and is asked again
        assert asked.ingest(b"DICM", calling_ae="CT7", address="")["action"] == "accept"
        assert asked.ingest(b"DICM", calling_ae="CT7")["sender"] == {"calling_ae": "CT7"}


def test_where_nobody_listens_there_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(service.NotAskedError, match="no way"):
        door.ServiceDoor(str(tmp_path / "none"), "token", 60.0).ask(b"DICM")


def test_refusals_have_the_codes_of_the_gateway_and_of_the_page() -> None:
    assert {word.value: code for word, code in REFUSED.items()} == statuses.REFUSED_FOR
    page = (SCRIPTS.parents[1] / "docs" / "orthanc.md").read_text(encoding="utf-8")
    for word, code in statuses.REFUSED_FOR.items():
        assert f"{code:04X} {word}" in " ".join(page.split())
    for code in (statuses.QUARANTINED, statuses.DUPLICATE, statuses.TRY_AGAIN):
        assert f"| {code:04X} " in page
