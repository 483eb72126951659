"""`radseal trace` puts into words what a PACS said, and whether persons have signed it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from ledger import Event, NotFoundError, Role, encode_cbor, parse_statement
from provenance.cli.custody_words import custody_lines
from provenance.cli.root import cli
from provenance.errors import MalformedError
from provenance.pacs.custody.events import Decided, Witnessed, read_custody_body
from provenance.pacs.custody.told import read_custody
from provenance.pacs.custody.writer import CustodyWriter
from provenance.pacs.quarantine.consents import Consent, Matter, Step, consent
from provenance.pacs.quarantine.persons import find_person
from provenance.pacs.quarantine.quarantine import Quarantine
from provenance.schema import schema_text
from provenance.schema.trace import custody_fields
from provenance.site.actor_keys import revoke_key

schemas = pytest.importorskip("jsonschema_rs", reason="jsonschema-rs is not installed")
# later than any site that a run of all tests makes
NOW = datetime.now(UTC) + timedelta(hours=6)


@pytest.fixture
def kept(door: Any, sealed: bytes) -> Any:
    """A sealed object in quarantine."""
    number = door.take(sealed).number
    with door.spool.writing():
        door.spool._database.execute("update object set state = 'quarantined'")
        door.spool._database.execute("delete from delivery")
    return door.spool.object(number)


def log_all(door: Any) -> None:
    with door.site.device(Role.GATEWAY) as gateway:
        writer = CustodyWriter(door.spool.custody, gateway)
        while writer.write():
            pass


def traced(door: Any, kept: Any, *words: str) -> Result:
    place = ["trace", kept.judged.seal_id.hex(), "--site", str(door.site.folder)]
    return CliRunner().invoke(cli, [*place, *words], catch_exceptions=False)


def decide(door: Any, number: int) -> None:
    log, trust = door.intake.judge.verifier.records.log, door.site.trust

    def find(kid: bytes, at: datetime) -> Any:
        return find_person(kid, log=log, trust=trust, at=at)

    quarantine = Quarantine(door.spool, log.origin, find)
    one, two = door.site.signer(Role.OPERATOR), door.site.signer(Role.ARCHIVIST)
    quarantine.propose(number, to_archives=False, reason="private", signer=one, at=NOW)
    quarantine.withdraw(number, signer=one, at=NOW)
    quarantine.propose(number, to_archives=True, reason="private", signer=one, at=NOW)
    quarantine.confirm(number, signer=two, at=NOW, archives=("pacs",))
    door.spool.deliveries.delivered(number, "pacs", at=NOW)


def test_the_whole_story(door: Any, kept: Any) -> None:
    decide(door, kept.number)
    log_all(door)
    result = traced(door, kept)
    assert result.exit_code == 0, result.output
    for line in (
        "came by dimse",
        "AUTHENTIC: accept, by the policy",
        "its rejection is proposed",
        "its rejection is withdrawn",
        "its release is proposed",
        "proposed by operator site operator, key ",
        "to the archives, by two persons",
        "confirmed by archivist site archivist, key ",
        "to pacs",
    ):
        assert line in result.output
    assert "private" not in result.output
    assert "FAIL" not in result.output
    found = json.loads(traced(door, kept, "--json").stdout)
    schemas.validate(json.loads(schema_text("trace-1")), found)
    released = found["objects"][0]["events"][-2]["custody"]
    assert [each["step"] for each in released["persons"]] == ["proposed", "confirmed"]
    assert all(each["problem"] is None for each in released["persons"])


def test_a_release_that_no_person_signed_says_so(door: Any, kept: Any) -> None:
    door.spool.release(kept.number, archives=("pacs",), at=NOW)
    log_all(door)
    assert "no person has signed it" in traced(door, kept).output


def tell(door: Any, kept: Any, decided: Decided) -> None:
    event = kept.witnessed.released(to_archives=True, at=NOW, decided=decided)
    with door.spool.writing():
        door.spool.custody.put(kept.number, [event])
    log_all(door)


def matter(door: Any, kept: Any, **other: Any) -> Matter:
    origin = door.intake.judge.verifier.records.log.origin
    return replace(Matter(origin, kept.witnessed.meant, True, bytes(32)), **other)


@pytest.mark.parametrize(
    "other",
    [
        {"origin": "elsewhere.invalid/log"},
        {"file": bytes(32)},
        {"to_archives": False},
        {"reason": b"\1" * 32},
    ],
)
def test_signatures_about_something_else(door: Any, kept: Any, other: dict[str, Any]) -> None:
    """A gateway that was taken over has signatures of other decisions, and no person's key."""
    one, two = door.site.signer(Role.OPERATOR), door.site.signer(Role.ARCHIVIST)
    about = matter(door, kept, **other)
    first = consent(about, Step.PROPOSED, signer=one, at=NOW)
    second = consent(about, Step.CONFIRMED, signer=two, at=NOW, follows=first)
    tell(door, kept, Decided(Step.CONFIRMED, True, (first, second), bytes(32)))
    result = traced(door, kept)
    assert result.exit_code == 12
    assert result.output.count("FAIL: the signature does not hold") == 2


def test_a_confirmation_of_another_proposal(door: Any, kept: Any) -> None:
    one, two = door.site.signer(Role.OPERATOR), door.site.signer(Role.ARCHIVIST)
    about = matter(door, kept)
    first = consent(about, Step.PROPOSED, signer=one, at=NOW)
    later = consent(about, Step.PROPOSED, signer=one, at=NOW + timedelta(days=1))
    second = consent(about, Step.CONFIRMED, signer=two, at=NOW, follows=first)
    tell(door, kept, Decided(Step.CONFIRMED, True, (later, second), bytes(32)))
    result = traced(door, kept)
    assert result.exit_code == 12
    assert result.output.count("FAIL") == 1


def test_two_proposals_are_no_confirmation(door: Any, kept: Any) -> None:
    one, two = door.site.signer(Role.OPERATOR), door.site.signer(Role.ARCHIVIST)
    about = matter(door, kept)
    both = tuple(consent(about, Step.PROPOSED, signer=each, at=NOW) for each in (one, two))
    tell(door, kept, Decided(Step.CONFIRMED, True, both, bytes(32)))
    assert traced(door, kept).exit_code == 12


@pytest.mark.parametrize("role", [Role.GATEWAY, Role.DEVICE])
def test_a_role_that_does_not_decide(door: Any, kept: Any, role: Role) -> None:
    about = matter(door, kept)
    alone = consent(about, Step.ALONE, signer=door.site.signer(role), at=NOW)
    tell(door, kept, Decided(Step.ALONE, True, (alone,), bytes(32)))
    result = traced(door, kept)
    assert result.exit_code == 12
    assert "who does not decide" in result.output


def test_a_key_that_was_revoked_before(door: Any, kept: Any) -> None:
    signer = door.site.signer(Role.OPERATOR)
    revoke_key(door.site, signer.kid, reason="left", at=NOW)
    alone = consent(matter(door, kept), Step.ALONE, signer=signer, at=NOW)
    tell(door, kept, Decided(Step.ALONE, True, (alone,), bytes(32)))
    assert "the key was revoked by entry" in traced(door, kept).output


def test_a_key_that_nobody_knows(door: Any, kept: Any) -> None:
    alone = Consent(b"\7" * 32, NOW, bytes(64))
    tell(door, kept, Decided(Step.ALONE, True, (alone,), bytes(32)))
    assert "the key is not in the log" in traced(door, kept).output


def test_the_log_is_asked_for_verdicts(door: Any, kept: Any) -> None:
    log_all(door)
    words = ["log", "query", "--verdict", "AUTHENTIC", "--site", str(door.site.folder), "--json"]
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    (entry,) = json.loads(result.stdout)["entries"]
    assert (entry["event"], entry["verdict"]) == ("verified", "AUTHENTIC")


def test_bodies_of_no_custody_event_are_shown_as_such(door: Any, kept: Any) -> None:
    log_all(door)
    bodies: list[dict[int, object]] = [{}, {3: 1}, {1: "ALTERED"}, {3: 2, 2: bytes(32)}]
    with door.site.device(Role.GATEWAY) as gateway:
        for body in bodies:
            gateway.record(Event.RELEASED, object_id=kept.judged.seal_id, body=body, at=NOW)
    result = traced(door, kept)
    assert result.exit_code == 0
    assert result.output.count("its body is none that can be read here") == len(bodies)


SIGNED = Consent(b"\1" * 32, NOW.replace(microsecond=0), bytes(64))
ABOUT = Witnessed(None, bytes(16), bytes(32))


def body_of(*persons: Consent, step: Step = Step.CONFIRMED) -> dict[int, object]:
    made = ABOUT.released(to_archives=True, at=NOW, decided=Decided(step, True, persons, bytes(32)))
    return dict(made.body)


def test_persons_in_a_body() -> None:
    other = replace(SIGNED, kid=b"\2" * 32)
    good = body_of(SIGNED, other)
    assert read_custody_body(Event.RELEASED, encode_cbor(good)) == good
    bad: list[dict[int, object]] = [
        body_of(SIGNED),
        body_of(SIGNED, SIGNED),
        body_of(SIGNED, other, replace(SIGNED, kid=b"\3" * 32)),
        body_of(SIGNED, other, step=Step.ALONE),
        body_of(SIGNED, step=Step.PROPOSED),
        body_of(SIGNED, other, step=Step.WITHDRAWN),
        body_of(),
        {**good, 10: [b"x", b"y"]},
        {**good, 10: [[b"\1" * 32, -1, bytes(64)], other.fields]},
        {**good, 10: [[b"\1" * 32, True, bytes(64)], other.fields]},
        {**good, 10: [[b"\1" * 32, 1, bytes(63)], other.fields]},
        {**good, 11: bytes(31)},
        {**good, 4: [1]},
        {**good, 6: {}},
        {**good, 9: "decided"},
        *({k: v for k, v in good.items() if k != key} for key in (8, 9, 10, 11)),
    ]
    for body in bad:
        with pytest.raises(MalformedError):
            read_custody_body(Event.RELEASED, encode_cbor(body))


class _NoKeys:
    origin = "x"

    def key(self, kid: bytes) -> Any:
        raise NotFoundError(kid.hex())


_PERSON = st.tuples(st.binary(min_size=32, max_size=32), st.integers(0, 2**48), st.just(bytes(64)))
_BODIES = st.dictionaries(
    st.integers(1, 13),
    st.one_of(
        st.integers(0, 3),
        st.booleans(),
        st.just(bytes(32)),
        st.sampled_from(["ALTERED", "accept", "dimse", "proposed", "confirmed", "alone", "x"]),
        st.lists(_PERSON.map(list), max_size=3),
    ),
)


@given(body=_BODIES, event=st.sampled_from(list(Event)))
def test_whatever_a_body_holds_trace_says_something(
    make_statement: Callable[..., Any], body: dict[int, object], event: Event
) -> None:
    said = make_statement()._replace(event=event, body={**body, 3: 1, 2: bytes(32)})
    told = read_custody(said, 9, Role.GATEWAY, _NoKeys())  # type: ignore[arg-type]
    if told is not None:
        lines = list(custody_lines(event.value, told))
        assert all(line.isprintable() for line in lines)
        json.dumps(custody_fields(told))


@pytest.fixture(scope="module")
def make_statement(site: Any) -> Callable[..., Any]:
    with site.public_log() as log:
        statement = next(iter(log.entries())).statement
    return lambda: parse_statement(statement)
