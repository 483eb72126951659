"""What is forwarded over several associations arrives once, and is noted for many at once."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from gateway_world import CT, EXPLICIT, Storescp, archive, dataset_bytes

from benchmarks.ports import free_port
from provenance.errors import EvidenceError
from provenance.judging.verdict import Word
from provenance.pacs.arrivals import Instance, Judged, Route, Sender, State
from provenance.pacs.dimse.forwarder import Forwarder
from provenance.pacs.dimse.lanes import Lanes
from provenance.pacs.dimse.storage_scu import StorageScu, UnreachableError
from provenance.pacs.gateway.configuration import Archive
from provenance.pacs.spool.deliveries import Delivery
from provenance.pacs.spool.spool import Spool
from provenance.policy.terms import Action

__all__ = ["archive"]

COUNT = 10


class Sent:
    """Hears of what was sent."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def add(self, instance: Instance) -> None:
        self.names.append(instance.sop_instance)

    def end(self, at: datetime) -> None:
        """Nothing is to be told."""


@pytest.fixture
def spool(tmp_path: Path, make_dicom: Callable[..., bytes]) -> Iterator[Spool]:
    """A spool with some objects for the archive."""
    with Spool.open(tmp_path / "spool") as made:
        for number in range(COUNT):
            name = f"1.2.3.{number}"
            path = made.incoming()
            pixels = np.full((64, 64), number, np.uint16)
            path.write_bytes(make_dicom(pixels, SOPInstanceUID=name, SOPClassUID=CT))
            made.keep(
                path,
                sender=Sender(Route.DIMSE, datetime.now(UTC)),
                instance=Instance(CT, name, EXPLICIT),
                judged=Judged(Word.UNSEALED, Action.ACCEPT, None, (), {}),
                archives=("archive",),
                policy=bytes(32),
            )
        yield made


def lanes_to(port: int, count: int) -> Lanes:
    to = Archive("archive", "ARCHIVE", "127.0.0.1", port)
    return Lanes([StorageScu(to, "RADSEAL") for _ in range(count)])


def forwarder(spool: Spool, lanes: Lanes, sent: Sent) -> Forwarder:
    """Return one that stops once it has nothing to do for a while."""
    waits: list[timedelta] = []
    return Forwarder(
        "archive",
        spool,
        lanes,
        clock=lambda: datetime.now(UTC),
        wait=waits.append,
        stopping=lambda: len(waits) > 1,
        sent=sent,
    )


@pytest.mark.parametrize("count", [1, 3])
def test_all_arrive_once_and_are_noted_together(
    spool: Spool, archive: Storescp, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    wanted = {
        dataset_bytes(spool.path(each.number).read_bytes()) for each in spool.objects(limit=COUNT)
    }
    noted: list[int] = []
    note = spool.deliveries.all_delivered

    def counted(to: str, sent: dict[int, datetime]) -> dict[int, State]:
        noted.append(len(sent))
        return note(to, sent)

    monkeypatch.setattr("provenance.pacs.dimse.forwarder.NOTE_AFTER", timedelta(hours=1))
    monkeypatch.setattr(spool.deliveries, "all_delivered", counted)
    sent = Sent()
    forwarder(spool, lanes_to(archive.port, count), sent).run()
    assert noted == [COUNT]
    assert spool.counts()[State.DELIVERED] == COUNT
    assert sorted(sent.names) == sorted(f"1.2.3.{number}" for number in range(COUNT))
    received = archive.datasets()
    assert len(received) == COUNT
    assert set(received) == wanted
    assert list((spool.folder / "objects").iterdir()) == []
    assert len(spool.custody.untold(limit=100)) == 3 * COUNT


def test_what_was_sent_and_not_noted_is_sent_once_more(
    spool: Spool, archive: Storescp, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """The end of the process."""

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched, closing(lanes_to(archive.port, 2)) as lanes:
        patched.setattr(spool.deliveries, "all_delivered", killed)
        with pytest.raises(Killed):
            forwarder(spool, lanes, Sent()).run()
    assert spool.counts()[State.FORWARDING] == COUNT
    assert len(list((spool.folder / "objects").iterdir())) == COUNT
    sent = Sent()
    forwarder(spool, lanes_to(archive.port, 2), sent).run()
    assert spool.counts()[State.DELIVERED] == COUNT
    assert len(sent.names) == COUNT


def test_nothing_more_begins_where_the_archive_does_not_answer(spool: Spool) -> None:
    due = spool.deliveries.due("archive", now=datetime.now(UTC))
    assert len(due) == COUNT
    with closing(lanes_to(free_port(), 2)) as lanes:
        told = list(lanes.send(due, stopping=lambda: False))
    assert 1 <= len(told) <= 2
    for delivery, outcome in told:
        assert delivery in due[:2]
        with pytest.raises(UnreachableError):
            outcome()


def test_those_beyond_the_first_are_let_go_of(spool: Spool, archive: Storescp) -> None:
    with closing(lanes_to(archive.port, 3)) as lanes:
        for _, outcome in lanes.send(
            spool.deliveries.due("archive", now=datetime.now(UTC)), stopping=lambda: False
        ):
            outcome()
        assert lanes.is_wide
        lanes.narrow()
        assert lanes.is_open
        assert not lanes.is_wide


def test_a_file_that_is_not_the_one_that_persons_released_is_not_sent(
    spool: Spool, archive: Storescp
) -> None:
    (first, *_) = spool.deliveries.due("archive", now=datetime.now(UTC))
    other = Delivery(first.number, first.path, first.instance, 0, released=bytes(32))
    with closing(lanes_to(archive.port, 1)) as lanes:
        ((_, outcome),) = lanes.send([other], stopping=lambda: False)
        with pytest.raises(EvidenceError, match="not the one that was released"):
            outcome()
    assert archive.datasets() == []
