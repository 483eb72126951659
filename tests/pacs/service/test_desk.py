"""The desk of a process that judges: it lets go of what it opened, and reads an object once."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from provenance.errors import UsageError
from provenance.pacs.arrivals import Kept, Route, Sender, State
from provenance.pacs.service.desk import NOBODY, Desk, Workplace
from provenance.verifying import examination

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SENDER = Sender(Route.REST, AT, "CT7")


@pytest.fixture
def place(door: Any, tmp_path: Path) -> Workplace:
    return Workplace(door.site.folder, tmp_path / "policy.toml", tmp_path / "desk")


def opened(folder: Path) -> list[str]:
    """Return which files of a folder this process holds open."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(each.readlink()))
        except FileNotFoundError:
            continue
    return [each for each in found if each.startswith(str(folder))]


def test_a_desk_that_cannot_be_opened_holds_nothing(place: Workplace) -> None:
    Desk.open(place).close()
    before = opened(place.site) + opened(place.spool)
    place.policy.write_text("nonsense")
    for _ in range(3):
        with pytest.raises(UsageError):
            Desk.open(place)
    assert opened(place.site) + opened(place.spool) == before


def test_an_object_is_read_once(
    place: Workplace, sealed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from provenance.dicom import read
    from provenance.pacs.service import desk as module

    count = 0

    def counted(*what: Any, **more: Any) -> Any:
        nonlocal count
        count += 1
        return read.read_instance(*what, **more)

    monkeypatch.setattr(module, "read_instance", counted)
    monkeypatch.setattr(examination, "read_instance", counted)
    desk = Desk.open(place)
    for number, take in enumerate((desk.take, lambda *a: desk.store(*a, None)), 1):
        path = place.spool / "incoming" / f"{number}.dcm"
        path.write_bytes(sealed)
        kept = take(path, SENDER, ("archive",))
        assert isinstance(kept, Kept)
        assert (kept.state, count) == (State.FORWARDING, number)
        assert kept.judged.word.value == "AUTHENTIC"
    path = place.spool / "incoming" / "3.dcm"
    path.write_bytes(b"no image")
    assert desk.store(path, SENDER, (), None) == NOBODY
    assert desk.take(path, SENDER, ()).judged.word.value == "UNREADABLE"
    desk.close()
