"""Processes that judge for the door: each answers what it was asked, and none is missed."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest
from gateway_world import World, archive, eventually, files, gateway_site, world

from provenance.judging.verdict import Word
from provenance.pacs.arrivals import Route, Sender, State
from provenance.pacs.gateway.children import judge_job
from provenance.pacs.gateway.configuration import Configuration, Listen
from provenance.pacs.gateway.judges import Judges, NotJudgedError

__all__ = ["archive", "files", "gateway_site", "world"]

SENDER = Sender(Route.DIMSE, datetime(2026, 3, 1, 12, tzinfo=UTC), "CT7", "RADSEAL", "127.0.0.1")


def nothing() -> None:
    """What else there is to do."""


@pytest.fixture
def judges(door: Any, tmp_path: Path) -> Iterator[Judges]:
    policy = tmp_path / "policy.toml"
    listen = Listen("RADSEAL", "127.0.0.1", 0)
    configuration = Configuration(door.site.folder, policy, tmp_path / "spool", listen, ())
    with closing(Judges(judge_job(configuration, policy.read_bytes()), 2)) as made:
        yield made


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_it_thinks_what_would_be_thought_here(
    judges: Judges, door: Any, sealed: bytes, unsealed: bytes, tmp_path: Path
) -> None:
    did = []
    for content, word in ((sealed, Word.AUTHENTIC), (unsealed, Word.UNSEALED)):
        path = written(tmp_path, "object.dcm", content)
        found = judges(path, SENDER, lambda: did.append(1))
        here = door.intake.judge(path, SENDER)
        assert found == here
        assert found.judged.word is word
    assert did == [1, 1]


def test_a_process_that_was_killed_is_replaced(
    judges: Judges, sealed: bytes, tmp_path: Path
) -> None:
    path = written(tmp_path, "object.dcm", sealed)
    assert judges(path, SENDER, nothing).judged.word is Word.AUTHENTIC
    for process in psutil.Process().children():
        if "gateway.child" in " ".join(process.cmdline()):
            process.kill()
    did: list[int] = []
    assert judges(path, SENDER, lambda: did.append(1)).judged.word is Word.AUTHENTIC
    assert did == [1]


def test_one_that_ends_over_every_object_gives_no_opinion(
    sealed: bytes, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "object.dcm", sealed)
    with closing(Judges(b"no job\n", 1)) as made, pytest.raises(NotJudgedError):
        made(path, SENDER, nothing)
    assert "Error" in capfd.readouterr().err


def test_an_answer_that_nobody_waits_for_is_not_given_to_another(
    judges: Judges, sealed: bytes, unsealed: bytes, tmp_path: Path
) -> None:
    def fails() -> None:
        raise OSError("the disk fails")

    with pytest.raises(OSError, match="the disk fails"):
        judges(written(tmp_path, "one.dcm", sealed), SENDER, fails)
    found = judges(written(tmp_path, "two.dcm", unsealed), SENDER, nothing)
    assert found.judged.word is Word.UNSEALED


def test_many_at_once_each_get_their_own(
    judges: Judges, sealed: bytes, unsealed: bytes, tmp_path: Path
) -> None:
    wrong = []

    def ask(number: int) -> None:
        content, word = ((sealed, Word.AUTHENTIC), (unsealed, Word.UNSEALED))[number % 2]
        path = written(tmp_path, f"{number}.dcm", content)
        for _ in range(5):
            if judges(path, SENDER, nothing).judged.word is not word:
                wrong.append(number)

    threads = [Thread(target=ask, args=(number,)) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not wrong


def test_a_gateway_whose_judges_are_killed_takes_all(
    world: World, files: dict[str, Path], make_dicom: Callable[..., bytes]
) -> None:
    assert world.send(files["sealed"]).returncode == 0
    assert world.process is not None
    children = psutil.Process(world.process.pid).children()
    assert len(children) >= 3
    for process in children:
        process.kill()
    assert world.send(files["unsealed"]).returncode == 0
    eventually("both are delivered", lambda: world.counts()[State.DELIVERED] == 2)
