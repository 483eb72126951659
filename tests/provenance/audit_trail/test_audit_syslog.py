"""Syslog headers and frames: RFC 5424 and RFC 5425, read back by a reader of the tests' own."""

import re
from datetime import UTC, datetime

import pytest
from audit_facts import AT, FACTS, REPORTER
from hypothesis import given
from hypothesis import strategies as st

from provenance.audit_trail import Fact, Outcome, audit_message
from provenance.audit_trail.syslog import Origin, frame, syslog_message

ORIGIN = Origin("gateway.example", "radseal", "4242")
HEADER = re.compile(
    rb"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}(?:Z|[+-]\d\d:\d\d)) "
    rb"([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) - \xef\xbb\xbf(.*)",
    re.DOTALL,
)


def test_header() -> None:
    message = syslog_message(b"<AuditMessage/>", at=AT, outcome=Outcome.SUCCESS, origin=ORIGIN)
    assert message == (
        b"<85>1 2026-03-04T05:06:07.890000+00:00 gateway.example radseal 4242 DICOM+RFC3881 - "
        b"\xef\xbb\xbf<AuditMessage/>"
    )


@pytest.mark.parametrize(
    ("outcome", "priority"),
    [
        (Outcome.SUCCESS, b"85"),
        (Outcome.MINOR, b"84"),
        (Outcome.SERIOUS, b"83"),
        (Outcome.MAJOR, b"82"),
    ],
)
def test_priority_is_authpriv_and_how_grave_it_is(outcome: Outcome, priority: bytes) -> None:
    message = syslog_message(b"", at=AT, outcome=outcome, origin=ORIGIN)
    assert message.startswith(b"<" + priority + b">1 ")


@given(
    st.builds(Origin, st.text(max_size=400), st.text(max_size=400), st.text(max_size=400)),
    st.datetimes(timezones=st.just(UTC)),
    st.sampled_from(Outcome),
    st.binary(max_size=100),
)
def test_any_header_is_one(origin: Origin, at: datetime, outcome: Outcome, body: bytes) -> None:
    found = HEADER.fullmatch(syslog_message(body, at=at, outcome=outcome, origin=origin))
    assert found is not None
    assert datetime.fromisoformat(found[2].decode()) == at
    assert found[6] == b"DICOM+RFC3881"
    assert found[7] == body


def split(stream: bytes) -> list[bytes]:
    """Read frames as a receiver does."""
    messages = []
    while stream:
        count, _, rest = stream.partition(b" ")
        assert re.fullmatch(rb"[1-9][0-9]*", count)
        messages.append(rest[: int(count)])
        assert len(messages[-1]) == int(count)
        stream = rest[int(count) :]
    return messages


@given(st.lists(st.binary(min_size=1, max_size=300)))
def test_frames_are_counted_in_octets(messages: list[bytes]) -> None:
    assert split(b"".join(map(frame, messages))) == messages


@given(st.lists(FACTS, max_size=3))
def test_facts_arrive_as_they_were_framed(facts: list[Fact]) -> None:
    messages = [
        syslog_message(
            audit_message(each, REPORTER), at=each.at, outcome=each.outcome, origin=ORIGIN
        )
        for each in facts
    ]
    assert split(b"".join(map(frame, messages))) == messages
