"""The door: who may come in, what is kept and when, and what the other side may send."""

import itertools
import json
import os
import select
import shutil
import socket
import sqlite3
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import Algorithm
from provenance import Site, seal
from provenance.judging.verdict import Word
from provenance.pacs import intake
from provenance.pacs.arrivals import Instance, Judged, Kept, Route, Sender, State
from provenance.pacs.service.bookkeeper import Bookkeeper
from provenance.pacs.service.desk import Desk, Workplace
from provenance.pacs.service.failures import NotJudgedError
from provenance.pacs.spool.spool import LetIn, Spool
from provenance.policy.terms import Action

pytest.importorskip("starlette", reason="radseal[server] is not installed")

from provenance.pacs.service.door import Door, Doorway
from provenance.pacs.service.health import Tally
from provenance.pacs.service.taken import hear_taken, tell_taken

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "plugins" / "orthanc"))
from radseal_service import NotAskedError  # type: ignore[import-not-found]
from radseal_socket import BrokenError, ServiceDoor  # type: ignore[import-not-found]

TOKEN = b"t" * 40
MOST = 1 << 20
POLICY = """version = 1
[defaults]
depth = "ledger"
[defaults.actions]
authentic = "accept"
unsealed = "tag"
altered = "quarantine"
[[rules]]
name = "by its title"
match = {calling_ae = ["UNKNOWN"]}
[rules.actions]
unsealed = "refuse"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    folder = tmp_path_factory.mktemp("door")
    Site.init(folder / "site", algorithm=Algorithm.ED25519)
    (folder / "policy.toml").write_text(POLICY)
    Spool.open(folder / "spool").close()
    return Workplace(folder / "site", folder / "policy.toml", folder / "spool")


@contextmanager
def open_door(place: Workplace) -> Iterator[tuple[str, Tally]]:
    """A door that answers, where it is, and what it has told once it is closed."""
    folder = Path(tempfile.mkdtemp(prefix="radseal-"))
    heard, told = Pipe(duplex=False)
    tally = Tally()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "door"))
        listener.listen()
        senders = {"calling_ae": "[A-Z0-9]{1,16}", "address": "[0-9.]{1,20}"}
        door = Door(place, Doorway(listener, TOKEN, MOST, 0, senders, told))
        door.start()
        try:
            yield str(folder / "door"), tally
        finally:
            door.close()
    told.close()
    hear_taken(heard, tally.took)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def at(place: Workplace) -> Iterator[str]:
    with open_door(place) as (path, _):
        yield path


@pytest.fixture
def asking(at: str) -> Iterator[Any]:
    """The plugin's client of it."""
    made = ServiceDoor(at, TOKEN.decode(), 60.0)
    yield made
    made.forget()


@pytest.fixture
def make(place: Workplace, make_dicom: Callable[..., bytes]) -> Callable[[str], bytes]:
    chance = np.random.default_rng()

    def made(kind: str) -> bytes:
        pixels = chance.integers(0, 4096, (64, 80)).astype(np.uint16)
        plain = make_dicom(pixels)
        if kind == "unsealed":
            return plain
        with Site.open(place.site).device() as device:
            sealed = seal(plain, device=device, profile="none").to_bytes()
        bad = bytearray(sealed)
        bad[sealed.index(pixels.tobytes()) + 40] ^= 1
        return sealed if kind == "sealed" else bytes(bad)

    return made


def books_of(place: Workplace, names: list[str]) -> dict[str, int]:
    with Spool.open(place.spool) as spool:
        return spool.numbers(names)


def count(place: Workplace) -> int:
    with Spool.open(place.spool) as spool:
        return sum(spool.counts().values())


def number_of(asking: Any, name: str) -> int:
    """Wait until an object is written down, and return its number."""
    until = time.monotonic() + 60
    while not (numbers := asking.numbers([name])):
        assert time.monotonic() < until
        time.sleep(0.05)
    return int(numbers[name])


@pytest.mark.parametrize(("kind", "action"), [("sealed", "accept"), ("unsealed", "tag")])
def test_what_is_let_in_is_written_down_after_its_answer(
    place: Workplace, asking: Any, make: Callable[[str], bytes], kind: str, action: str
) -> None:
    content = make(kind)
    answer = asking.ingest(content, calling_ae="CT7")
    assert (answer["action"], answer["number"]) == (action, None)
    number = number_of(asking, answer["name"])
    with Spool.open(place.spool) as spool:
        kept = spool.object(number)
        told = [each for each in spool.custody.untold(limit=1000) if each.seal_id is not None]
    assert (kept.state, kept.sender.calling_ae, kept.size) == (State.DELIVERED, "CT7", len(content))
    assert kept.judged.verdict == answer["report"]
    if kind == "sealed":
        assert [each.event.value for each in told][-2:] == ["ingested", "verified"]
        assert told[-1].seal_id is not None
        assert told[-1].seal_id.hex() == answer["seal_id"]


def test_what_was_asked_is_counted(place: Workplace, make: Callable[[str], bytes]) -> None:
    with open_door(place) as (path, tally):
        asking = ServiceDoor(path, TOKEN.decode(), 60.0)
        name = asking.ingest(make("sealed"), calling_ae="CT7")["name"]
        asking.ingest(make("altered"), calling_ae="CT7")
        number_of(asking, name)  # on the same connection: what came before it is counted
        asking.forget()
    assert tally.judged == sum(tally.objects.values()) == 2


def test_what_is_not_let_in_is_kept_before_its_answer(
    place: Workplace, asking: Any, make: Callable[[str], bytes]
) -> None:
    for content, sender, action in (
        (make("altered"), "CT7", "quarantine"),
        (make("unsealed"), "UNKNOWN", "refuse"),
    ):
        answer = asking.ingest(content, calling_ae=sender)
        assert (answer["action"], answer["name"]) == (action, None)
        with Spool.open(place.spool) as spool:
            assert spool.object(answer["number"]).judged.action == action
            if action == "quarantine":
                assert spool.content(answer["number"]) == content
    again = make("altered")
    numbers = [asking.ingest(again, calling_ae="CT7")["number"] for _ in range(2)]
    assert numbers[0] == numbers[1]


def test_of_what_is_not_asked_to_the_end_nothing_is_kept(
    place: Workplace, asking: Any, make: Callable[[str], bytes]
) -> None:
    before = count(place)
    asking.ask(make("altered"), calling_ae="CT7").drop()
    asking.ask(make("unsealed"), calling_ae="UNKNOWN").drop()
    number_of(asking, asking.ingest(make("unsealed"), calling_ae="CT7")["name"])
    assert count(place) == before + 1


def test_a_defect_of_the_verifier_lets_nothing_in_and_loses_nothing(
    place: Workplace,
    asking: Any,
    make: Callable[[str], bytes],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise RuntimeError("broken")

    content = make("sealed")
    monkeypatch.setattr(intake, "examine", broken)
    answer = asking.ingest(content, calling_ae="CT7")
    assert (answer["verdict"], answer["action"]) == ("UNREADABLE", "quarantine")
    assert "verification failed" in caplog.text
    with Spool.open(place.spool) as spool:
        assert spool.content(answer["number"]) == content


@pytest.mark.parametrize("kind", ["altered", "unsealed"])
def test_what_cannot_be_kept_is_not_answered_and_leaves_no_file(
    place: Workplace,
    asking: Any,
    make: Callable[[str], bytes],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    def full(*_: object) -> int:
        raise sqlite3.OperationalError("database or disk is full")

    def files() -> set[Path]:
        return {*(place.spool / "incoming").iterdir(), *(place.spool / "objects").iterdir()}

    before, content = files(), make(kind)
    with monkeypatch.context() as patched:
        patched.setattr("provenance.pacs.spool.spool.insert_object", full)
        with pytest.raises(NotAskedError, match="took nothing"):
            asking.ingest(content, calling_ae="UNKNOWN")
    assert files() == before
    assert asking.ingest(content, calling_ae="UNKNOWN")["action"] in ("quarantine", "refuse")


def test_what_is_told_of_an_object_is_one_short_line_whatever_it_says() -> None:
    long = "\N{FACE WITH MONOCLE}" * 5000
    at = datetime.now(UTC)
    sender = Sender(Route.ORTHANC, at, "A" * 16, "B" * 16, "f" * 45)
    judged = Judged(Word.ALTERED, Action.QUARANTINE, long, (long,), {"x": long})
    kept = Kept(
        7, sender, Instance(long, long, long, "1.2.3"), judged, State.QUARANTINED, 1 << 40,
        b"", b"",
    )  # fmt: skip
    heard, told = Pipe(duplex=False)
    tell_taken(told, kept, 0.5)
    told.close()
    line = os.read(heard.fileno(), 1 << 20)
    assert len(line) <= select.PIPE_BUF
    heard, told = Pipe(duplex=False)
    os.write(told.fileno(), b"no line\n{}\n" + line)
    told.close()
    found: list[tuple[Kept, float]] = []
    hear_taken(heard, lambda *each: found.append(each))
    ((other, seconds),) = found
    assert seconds == 0.5
    assert other.sender == sender
    assert other.instance.study == "1.2.3"
    assert (other.judged.word, other.judged.action, other.state, other.size) == (
        Word.ALTERED, Action.QUARANTINE, State.QUARANTINED, 1 << 40,
    )  # fmt: skip


def test_what_is_no_dicom_gets_a_verdict(asking: Any) -> None:
    answer = asking.ingest(b"this is no DICOM", calling_ae="CT7")
    assert (answer["verdict"], answer["action"]) == ("UNREADABLE", "quarantine")


def test_a_policy_that_breaks_lets_nothing_in_and_the_door_stays(
    place: Workplace, asking: Any, make: Callable[[str], bytes]
) -> None:
    before, content = count(place), make("unsealed")
    place.policy.write_text("this is no policy")
    with pytest.raises(NotAskedError, match="took nothing"):
        asking.ingest(content, calling_ae="CT7")
    place.policy.write_text(POLICY)
    assert count(place) == before
    let_in = asking.ingest(content, calling_ae="CT7")
    assert let_in["action"] == "tag"
    number_of(asking, let_in["name"])


@pytest.mark.parametrize("token", ["", "t" * 39, "t" * 41, "ü"])
def test_who_has_another_token_stays_outside(at: str, token: str) -> None:
    with pytest.raises(NotAskedError, match="token"):
        ServiceDoor(at, token, 60.0).ask(b"DICM")


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ({"ask": "ingest", "calling_ae": "not of its form"}, b"x"),
        ({"ask": "ingest", "calling_ae": 7}, b"x"),
        ({"ask": "ingest", "route": "dimse"}, b"x"),
        ({"ask": "numbers", "names": []}, b""),
        ({"ask": "numbers", "names": ["../../etc/passwd"]}, b""),
        ({"ask": "numbers", "names": ["0" * 32 + ".dcm"] * 1001}, b""),
        ({"ask": "numbers", "names": [1]}, b""),
        ({"ask": "all"}, b""),
        ({"ask": {}}, b""),
        ({}, b""),
        ({"ask": "ingest"}, b"x" * (MOST + 1)),
    ],
    ids=itertools.count(),
)
def test_any_other_question_ends_the_connection(
    place: Workplace, asking: Any, head: dict[str, object], body: bytes
) -> None:
    before = count(place)
    connection, _ = asking.connection()
    with suppress(OSError):  # it may be closed before all is sent
        connection.send(head, body)
    with pytest.raises((OSError, BrokenError)):
        connection.receive()
    connection.close()
    assert count(place) == before


@given(st.binary(max_size=300), st.booleans())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_anything_else_does_no_harm(
    place: Workplace, at: str, asking: Any, content: bytes, known: bool
) -> None:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(60)
        raw.connect(at)
        head = json.dumps({"token": TOKEN.decode()}).encode()
        try:
            if known:
                raw.sendall(struct.pack(">IQ", len(head), 0) + head)
                raw.recv(1000)
            raw.sendall(content)
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(1000):
                pass
        except ConnectionError:
            pass
    assert asking.numbers(["0" * 32 + ".dcm"]) == {}


def test_while_the_disk_fails_nothing_more_is_let_in_and_nothing_is_forgotten(
    place: Workplace, make: Callable[[str], bytes]
) -> None:
    broken = [True]

    class Failing(Spool):
        def write_down(self, let_in: Any) -> None:
            if broken[0]:
                raise sqlite3.OperationalError("disk I/O error")
            super().write_down(let_in)

    desk = Desk.open(place)

    def weighed() -> LetIn:
        content = make("unsealed")
        sender = Sender(Route.ORTHANC, datetime.now(UTC), "CT7")
        made = desk.conclude(content, desk.weigh(content, sender))
        assert isinstance(made, LetIn)
        return made

    books = Bookkeeper(lambda: Failing.open(place.spool))
    first = weighed()
    books.put(first)
    refused = None
    until = time.monotonic() + 60
    while refused is None:
        assert time.monotonic() < until
        try:
            books.put(each := weighed())
        except NotJudgedError:
            refused = each
        time.sleep(0.05)
    assert books_of(place, [first.name]) == {}
    broken[0] = False
    while not books_of(place, [first.name]):
        assert time.monotonic() < until
        time.sleep(0.1)
    books.put(refused)
    books.close()
    assert set(books_of(place, [first.name, refused.name])) == {first.name, refused.name}
    desk.close()


def test_written_down_twice_it_is_there_once(
    place: Workplace, make: Callable[[str], bytes]
) -> None:
    desk = Desk.open(place)
    content = make("sealed")
    made = desk.conclude(content, desk.weigh(content, Sender(Route.ORTHANC, datetime.now(UTC))))
    assert isinstance(made, LetIn)
    before = count(place)
    with Spool.open(place.spool) as spool:
        events = spool.custody.state().waiting
        for _ in range(2):
            spool.write_down([made])
        assert spool.custody.state().waiting == events + 2
    assert count(place) == before + 1
    desk.close()
