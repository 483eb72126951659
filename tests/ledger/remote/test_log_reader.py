"""What a verifier asks of a log behind a server: entries are proven, bytes are judged."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    HISTORY_PAGE,
    BusyError,
    Entry,
    Event,
    LedgerError,
    LogReader,
    MalformedError,
    NotFoundError,
    Problem,
    ProofError,
    TrustedLogs,
    UnreachableError,
    encode_history,
    encode_key,
    encode_objects,
    encode_problem,
    hash_leaf,
    parse_history,
    parse_key,
    parse_objects,
)


class Answered(LogReader):
    """Asks a function instead of a server."""

    say: Callable[[str], tuple[int, bytes]]

    def _exchange(self, method: str, path: str, *_: Any) -> tuple[int, bytes]:
        return self.say(path)


@pytest.fixture
def reader(site: Any) -> Answered:
    made = Answered(
        "http://log.example",
        TrustedLogs.from_vkeys(site.keys.vkeys),
        signer=site.gateway,
        pause=lambda _: None,
    )

    def honest(path: str) -> tuple[int, bytes]:
        _, kind, name, *rest = path.split("/")
        match kind:
            case "history":
                page = site.log.history(bytes.fromhex(name), int(rest[0]), count=HISTORY_PAGE)
                return 200, encode_history(page)
            case "receipt":
                return 200, site.log.prove(int(name))
            case "key":
                return 200, encode_key(site.log.key(bytes.fromhex(name)))
        raise AssertionError(path)

    made.say = honest
    return made


def test_a_history_page_by_page(site: Any, reader: Answered, monkeypatch: Any) -> None:
    monkeypatch.setattr("ledger.remote.log_reader.HISTORY_PAGE", 2)
    monkeypatch.setitem(globals(), "HISTORY_PAGE", 2)
    object_id, entry = site.seal()
    entries = [entry]
    for count in range(5):
        assert reader.events(object_id) == tuple(entries), count
        entries += site.append(site.statement(Event.INGESTED, site.gateway, object_id))
    assert reader.events(bytes(12)) == ()


def test_an_entry_that_is_not_in_the_log(site: Any, reader: Answered) -> None:
    object_id, entry = site.seal()
    other_id, other = site.seal()
    invented = site.statement(Event.INGESTED, site.gateway, object_id)
    honest = reader.say
    for lie, error in (
        ([Entry(entry.index, invented, b"")], ProofError),
        ([entry, Entry(other.index, invented, b"")], ProofError),
        ([Entry(other.index, entry.statement, b"")], ProofError),
        ([other], UnreachableError),
        ([Entry(entry.index, b"no statement", b"")], UnreachableError),
    ):
        body = encode_history(lie)
        reader.say = lambda path, body=body: (
            (200, body) if path.startswith("/history") else honest(path)
        )
        with pytest.raises(error):
            reader.events(object_id)
    assert other_id != object_id


def test_what_is_not_published_is_not_told(site: Any, reader: Answered) -> None:
    object_id, _ = site.seal()
    honest, asked = reader.say, []

    def unpublished(path: str) -> tuple[int, bytes]:
        asked.append(path)
        if path.startswith("/receipt"):
            return 503, encode_problem(Problem(503, "not-published", "later"), title="")
        return honest(path)

    reader.say = unpublished
    with pytest.raises(BusyError):
        reader.events(object_id)
    assert len(asked) == 1 + 5


def test_keys(site: Any, reader: Answered, spare_signer: Any) -> None:
    for signer in (site.archivist, site.device, site.gateway):
        assert reader.key(signer.kid) == site.log.key(signer.kid)
    reader.say = lambda _: (200, encode_key(site.log.key(site.device.kid)))
    with pytest.raises(UnreachableError, match="another key"):
        reader.key(site.gateway.kid)
    reader.say = lambda _: (404, encode_problem(Problem(404, "not-found", "no"), title=""))
    with pytest.raises(NotFoundError):
        reader.key(spare_signer.kid)


def test_a_server_that_asks_for_signatures_for_ever(reader: Answered) -> None:
    asked = []

    def challenge(path: str) -> tuple[int, bytes]:
        asked.append(path)
        problem = Problem(401, "not-signed", "again", nonce=bytes(32))
        return 401, encode_problem(problem, title="")

    reader.say = challenge
    with pytest.raises(LedgerError):
        reader.annex(bytes(12))
    assert len(asked) == 4
    reader.say = lambda _: (401, b'{"type": "urn:radseal:problem:not-signed", "detail": ""}')
    with pytest.raises(UnreachableError):
        reader.find(bytes(32))


@given(st.binary(max_size=80) | st.text(max_size=40).map(str.encode))
def test_arbitrary_bytes_are_an_answer_or_malformed(data: bytes) -> None:
    for parse in (parse_history, parse_key, parse_objects):
        try:
            parse(data)
        except MalformedError:
            continue


@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), st.binary(max_size=40)), max_size=5))
def test_what_is_encoded_is_read(listed: list[tuple[int, bytes]]) -> None:
    entries = [Entry(index, each, hash_leaf(each)) for index, each in listed]
    body = encode_history(entries)
    assert parse_history(body) == entries
    if body:
        with pytest.raises(MalformedError):
            parse_history(body[:-1])
    objects = tuple(each.ljust(12, b"\0")[:12] for _, each in listed)
    assert parse_objects(encode_objects(objects)) == objects
