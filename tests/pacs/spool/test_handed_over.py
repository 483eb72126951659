"""What was released where no forwarder sends it: it waits, is fetched, and then it is delivered."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from provenance.errors import UsageError
from provenance.pacs.arrivals import State

WORDS = json.dumps({"person": "on duty", "reason": "the sender was asked"}).encode()
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


@pytest.mark.parametrize("named", [(), ("elsewhere",)])
def test_it_waits_until_somebody_has_brought_it(
    door: Any, unsealed: bytes, named: tuple[str, ...]
) -> None:
    spool, kept = door.spool, door.take(unsealed, "SEALS")
    assert spool.deliveries.unclaimed(()) == 0
    spool.release(kept.number, archives=named, at=NOON)
    assert (spool.deliveries.unclaimed(()), spool.deliveries.unclaimed(("archive",))) == (1, 1)
    assert spool.content(kept.number) == unsealed
    state = spool.deliveries.handed_over(kept.number, "pacs", forwarded_to=(), at=LATER)
    assert state is spool.object(kept.number).state is State.DELIVERED
    assert not spool.path(kept.number).exists()
    assert (
        spool.deliveries.unclaimed(()),
        spool.deliveries.failing(),
        spool.deliveries.oldest_waiting("elsewhere"),
    ) == (
        0,
        {},
        None,
    )
    with pytest.raises(UsageError, match="released and waits"):
        spool.deliveries.handed_over(kept.number, "pacs", forwarded_to=(), at=LATER)


def test_what_forwarders_do_is_theirs(door: Any, unsealed: bytes) -> None:
    spool, kept = door.spool, door.take(unsealed, "SEALS")
    spool.release(kept.number, archives=("archive", "typo"), at=NOON)
    assert (
        spool.deliveries.unclaimed(("archive",)),
        spool.deliveries.unclaimed(("archive", "typo")),
    ) == (1, 0)
    with pytest.raises(UsageError, match="nobody brings it there"):
        spool.deliveries.handed_over(kept.number, "archive", forwarded_to=("archive",), at=LATER)
    state = spool.deliveries.handed_over(kept.number, "pacs", forwarded_to=("archive",), at=LATER)
    assert state is State.FORWARDING
    assert spool.content(kept.number) == unsealed
    (due,) = spool.deliveries.due("archive", now=LATER)
    assert due.number == kept.number
    assert spool.deliveries.due("typo", now=LATER) == []
    assert spool.deliveries.delivered(kept.number, "archive", at=LATER) is State.DELIVERED


def test_nothing_else_can_be_handed_over(door: Any, unsealed: bytes, sealed: bytes) -> None:
    """Else a name that is wrong would take the last copy of what waits for an archive."""
    for kept in (door.take(sealed), door.take(unsealed, "SEALS")):
        with pytest.raises(UsageError, match="released and waits"):
            door.spool.deliveries.handed_over(kept.number, "pacs", forwarded_to=(), at=LATER)
        assert door.spool.path(kept.number).is_file()


def test_over_http_it_is_logged_and_counted(
    run_service: Callable[..., Any], unsealed: bytes, wait_until: Any
) -> None:
    running = run_service()
    number = running.ingest(unsealed, "SEALS").json()["number"]
    place = f"/objects/{number}"
    (running.spool / "persons").write_text("1\n")
    has_it = b'{"archive": "pacs"}'
    assert running.ask("POST", f"{place}/delivered", has_it).status_code == 409
    assert running.ask("POST", f"{place}/release", WORDS).json()["state"] == "forwarding"
    wait_until(lambda: running.metric("radseal_spool_unclaimed") == 1, "it is not counted")
    assert running.ask("GET", f"{place}/file").content == unsealed
    again = running.ingest(unsealed, "SEALS").json()
    assert (again["number"], again["action"], again["state"]) == (number, "accept", "forwarding")
    for body in (
        b"",
        b"[]",
        b'{"archive": ""}',
        b'{"archive": "a b"}',
        b'{"archive": "a", "b": 1}',
    ):
        assert running.ask("POST", f"{place}/delivered", body).status_code == 400
    assert running.ask("POST", "/objects/77/delivered", has_it).status_code == 404
    done = running.ask("POST", f"{place}/delivered", has_it)
    assert (done.status_code, done.json()["state"]) == (200, "delivered")
    assert running.ask("GET", f"{place}/file").status_code == 404
    wait_until(lambda: running.metric("radseal_spool_unclaimed") == 0, "it is counted still")
    wait_until(lambda: running.metric("radseal_custody_waiting") == 0, "custody is not written")
    assert running.metric("radseal_custody_refused") == 0
