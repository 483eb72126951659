"""When a statement was made: between two checkpoints, whatever the signer's clock says."""

from datetime import timedelta
from typing import Any

import pytest

from ledger import FIRST, Event, Head, Submission, TimeFinding, sign_statement

DAY = timedelta(days=1)


def seal(site: Any, *, claimed: timedelta, seen: Head | None, later: timedelta) -> Any:
    """Seal at a claimed time, log it ``later``, and return its bracket; now is when it began."""
    start = site.now
    statement = sign_statement(
        event=Event.SEALED,
        object_id=site.new_object(),
        object_link=FIRST,
        actor_link=site.log.actor_link(site.device.kid),
        claimed_at=start + claimed,
        head_seen=seen,
        body={},
        signer=site.device,
    )
    site.now = start + later
    (entry,) = site.log.append([Submission(statement)], at=site.now)
    site.log.checkpoint()
    (bracket,) = site.log.brackets([entry])
    assert bracket.index == entry.index
    return bracket


@pytest.fixture
def seen(site: Any) -> Head:
    head = site.log.head()
    return Head(head.size, head.root)


def test_seven_days_offline_is_honest(site: Any, seen: Head) -> None:
    bracket = seal(site, claimed=1 * DAY, seen=seen, later=7 * DAY)
    assert (bracket.finding, bracket.width, bracket.delay) == (None, 7 * DAY, 6 * DAY)
    assert (bracket.head_size, bracket.covered_size) == (3, 4)
    assert bracket.words() == (
        "claimed 6.0 days before it was logged, last head seen 3 entries, 7.0 days earlier"
    )


def test_dated_back(site: Any, seen: Head) -> None:
    bracket = seal(site, claimed=-3 * DAY, seen=seen, later=DAY)
    assert bracket.finding is TimeFinding.LATE
    assert bracket.words() == (
        "claimed 4.0 days before it was logged, last head seen 3 entries, "
        "which was 3.0 days after that time"
    )


def test_dated_forward(site: Any, seen: Head) -> None:
    bracket = seal(site, claimed=30 * DAY, seen=seen, later=DAY)
    assert bracket.finding is TimeFinding.FUTURE
    assert "claimed 29 days after it was logged" in bracket.words()


@pytest.mark.parametrize("seconds", [-59, 0, 59])
def test_a_minute_is_nothing(site: Any, seen: Head, seconds: int) -> None:
    claimed = timedelta(seconds=seconds)
    assert seal(site, claimed=claimed, seen=seen, later=timedelta()).finding is None


@pytest.mark.parametrize("head", [Head(3, bytes(32)), Head(4, bytes(32)), Head(10**9, bytes(32))])
def test_a_head_the_log_never_had_is_logged_and_flagged(site: Any, head: Head) -> None:
    bracket = seal(site, claimed=timedelta(), seen=head, later=timedelta())
    assert bracket.finding is TimeFinding.HEAD_UNKNOWN
    assert (bracket.not_before, bracket.width) == (None, None)
    assert "never had" in bracket.words()


def test_a_head_that_covers_the_statement_itself_is_none(site: Any) -> None:
    """Nobody can have seen it: the root of a later tree, named in an earlier entry."""
    first = seal(site, claimed=timedelta(), seen=None, later=timedelta())
    assert (first.finding, first.head_size, first.not_before) == (None, None, None)
    assert first.words() == "claimed 0 seconds before it was logged, no head seen"
    head = site.log.head()
    bracket = seal(site, claimed=timedelta(), seen=Head(head.size, head.root), later=timedelta())
    assert bracket.finding is None
    assert bracket.head_size == bracket.index


def test_what_no_checkpoint_covers_yet(site: Any, seen: Head) -> None:
    site.log.checkpoint()
    site.log._checkpoint_every = None
    _, entry = site.seal()
    (bracket,) = site.log.brackets([entry])
    assert (bracket.not_after, bracket.delay, bracket.finding) == (None, None, None)
    assert bracket.words().startswith("not under a checkpoint yet")
