"""What an archive refuses for good: tried some times, then held with an alarm, and never lost."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from gateway_world import World, eventually, files, gateway_site, running
from moody_archive import Moody, moody

from provenance import Site
from provenance.cli.root import cli
from provenance.pacs.arrivals import Instance, Kept, State
from provenance.pacs.dimse.forwarder import Forwarder
from provenance.pacs.dimse.lanes import Lanes
from provenance.pacs.dimse.refusals import MOST_TRIES, Refusal, refusal
from provenance.pacs.dimse.storage_scu import StorageScu
from provenance.pacs.gateway.configuration import Archive
from provenance.pacs.spool.spool import Spool

__all__ = ["files", "gateway_site", "moody"]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Told:
    """Hears of what was sent."""

    def __init__(self) -> None:
        self.objects: list[Instance] = []

    def add(self, instance: Instance) -> None:
        self.objects.append(instance)

    def end(self, at: datetime) -> None:
        pass


def forward(door: Any, archive: Moody, *, hours: int) -> Told:
    """Forward in a time of our own: every wait is over at once, until so many hours have passed."""
    now, told = [NOON], Told()

    def wait(most: timedelta) -> None:
        now[0] += most

    scu = StorageScu(Archive("archive", "ARCHIVE", "127.0.0.1", archive.port), "RADSEAL")
    Forwarder(
        "archive",
        door.spool,
        Lanes([scu]),
        clock=lambda: now[0],
        wait=wait,
        stopping=lambda: now[0] > NOON + timedelta(hours=hours),
        sent=told,
    ).run()
    return told


@pytest.mark.parametrize(
    ("status", "becomes"),
    [
        (0xA700, Refusal.PASSING),
        (0xA7FF, Refusal.PASSING),
        (0x0110, Refusal.PASSING),
        (0x0213, Refusal.PASSING),
        (0xA900, Refusal.LASTING),
        (0xC000, Refusal.LASTING),
        (0xCFFF, Refusal.LASTING),
        (0x0122, Refusal.LASTING),
        (0x0124, Refusal.LASTING),
        (None, Refusal.LASTING),
        (0x0111, Refusal.DUPLICATE),
    ],
)
def test_what_a_failure_means(status: int | None, becomes: Refusal) -> None:
    assert refusal(status) is becomes


@pytest.mark.parametrize("status", [0xA900, 0xC123, 0x0122])
def test_what_lasts_is_tried_some_times_and_then_held(
    door: Any,
    sealed: bytes,
    unsealed: bytes,
    moody: Callable[..., Moody],
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    kept = door.take(sealed)
    archive = moody(*[status] * MOST_TRIES)
    told = forward(door, archive, hours=24)
    assert archive.asked == MOST_TRIES
    assert told.objects == []
    assert door.spool.held.counts() == {"archive": 1}
    assert [r.levelno for r in caplog.records if "held" in r.message] == [logging.CRITICAL]
    assert door.spool.object(kept.number).state is State.FORWARDING
    assert door.spool.content(kept.number) == sealed
    other = door.take(unsealed)
    assert forward(door, archive, hours=1).objects != []  # the next start: it takes both now
    assert {door.spool.object(each.number).state for each in (kept, other)} == {State.DELIVERED}
    assert door.spool.held.counts() == {}


def test_what_is_held_is_tried_once_at_each_start(
    door: Any, sealed: bytes, moody: Callable[..., Moody]
) -> None:
    door.take(sealed)
    archive = moody(*[0xC000] * 100)
    forward(door, archive, hours=24)
    forward(door, archive, hours=24)
    assert archive.asked == MOST_TRIES + 1
    assert door.spool.held.counts() == {"archive": 1}


def test_want_of_room_is_tried_for_ever(
    door: Any, sealed: bytes, moody: Callable[..., Moody]
) -> None:
    kept = door.take(sealed)
    archive = moody(*[0xA700] * 30, 0x0110)
    forward(door, archive, hours=48)
    assert archive.asked == 32
    assert door.spool.object(kept.number).state is State.DELIVERED


def test_an_archive_that_breaks_off_over_one_object_gets_the_others(
    door: Any, sealed: bytes, unsealed: bytes, moody: Callable[..., Moody]
) -> None:
    first, second = door.take(sealed), door.take(unsealed)
    archive = moody(None, None, None, 0, None)
    told = forward(door, archive, hours=24)
    got = [each.sop_instance for each in told.objects]
    assert got == [second.instance.sop_instance, first.instance.sop_instance]
    assert archive.asked == 6
    assert door.spool.held.counts() == {}


def test_a_duplicate_that_the_archive_had_from_here_is_delivered(
    door: Any, sealed: bytes, moody: Callable[..., Moody]
) -> None:
    first = door.take(sealed)
    archive = moody(0, 0x0111)
    forward(door, archive, hours=1)
    again = door.take(sealed)
    assert again.number != first.number
    assert len(forward(door, archive, hours=1).objects) == 1
    assert archive.asked == 2
    assert door.spool.object(again.number).state is State.DELIVERED


def test_a_duplicate_that_may_be_another_object_is_held(
    door: Any, sealed: bytes, moody: Callable[..., Moody]
) -> None:
    """An archive with another object under the UID would else be believed to have ours."""
    kept = door.take(sealed)
    archive = moody(0x0111)
    forward(door, archive, hours=24)
    assert archive.asked == 1
    assert door.spool.held.counts() == {"archive": 1}
    assert door.spool.content(kept.number) == sealed


def test_other_bytes_under_the_same_uid_are_no_proof(
    door: Any, unsealed: bytes, moody: Callable[..., Moody]
) -> None:
    archive = moody(0, 0x0111)
    door.take(unsealed)
    forward(door, archive, hours=1)
    other = door.take(unsealed[:-2] + b"\x55\x05")
    forward(door, archive, hours=1)
    assert door.spool.object(other.number).state is State.FORWARDING
    assert door.spool.held.counts() == {"archive": 1}


def test_another_archive_that_had_it_is_no_proof_either(
    door: Any, sealed: bytes, moody: Callable[..., Moody]
) -> None:
    kept = door.take(sealed)
    door.spool.deliveries.delivered(kept.number, "archive", at=NOON)
    with door.spool.writing():
        door.spool.deliveries.put(kept.number, ["second"], NOON)
    assert door.spool.held.has_had(kept.number, "archive") == kept.number
    assert door.spool.held.has_had(kept.number, "second") is None


def test_a_released_file_that_changed_is_held_and_not_sent(
    door: Any, unsealed: bytes, moody: Callable[..., Moody]
) -> None:
    kept: Kept = door.take(unsealed, "SEALS")
    assert kept.state is State.QUARANTINED
    door.spool.release(kept.number, archives=["archive"], at=NOON)
    path = door.spool.path(kept.number)
    path.write_bytes(path.read_bytes() + b"\0\0")
    archive = moody()
    forward(door, archive, hours=24)
    assert archive.asked == 0
    assert door.spool.held.counts() == {"archive": 1}


def test_a_gateway_says_what_it_holds(
    tmp_path: Path, gateway_site: Site, moody: Callable[..., Moody], files: dict[str, Path]
) -> None:
    archive = moody(0x0111)
    with running(World(tmp_path, gateway_site, [("a", "ARCHIVE", archive.port)])) as made:
        assert made.send(files["sealed"], files["unsealed"]).returncode == 0
        made.delivered(1)
        eventually("it is told", lambda: "a delivery is held" in made.log.read_text())
    with Spool.open(made.spool) as spool:
        assert spool.held.counts() == {"a": 1}
    listed = _run("quarantine", "list", "--state", "held", "--spool", made.spool, "--json")
    (held,) = json.loads(listed)["objects"]
    shown = json.loads(_run("quarantine", "show", held["number"], "--spool", made.spool, "--json"))
    (delivery,) = shown["deliveries"]
    assert delivery["archive"] == "a"
    assert delivery["held"] is True
    assert delivery["error"] == "status 0111"
    words = _run("quarantine", "show", held["number"], "--spool", made.spool)
    assert "a: held after 1 try: status 0111" in words


def _run(*words: Any) -> str:
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output
