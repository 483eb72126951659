"""The bytes of registration: what is written is read, everything else is refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    Chain,
    LedgerError,
    Link,
    MalformedError,
    Problem,
    Registered,
    Submission,
    UsageError,
    encode_link,
    encode_problem,
    encode_submissions,
    parse_link,
    parse_problem,
    parse_registered,
    parse_submissions,
)
from ledger.remote.registration import MAX_SUBMISSIONS, TooLargeError

VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors/log-server/submissions.json").read_text(encoding="utf-8")
)["cases"]
assert VECTORS
HASHES = st.binary(min_size=32, max_size=32)
SUBMISSIONS = st.builds(
    Submission,
    st.binary(max_size=300),
    annex=st.none() | st.binary(max_size=300),
    pseudonyms=st.lists(HASHES, max_size=3).map(tuple),
)
LINKS = st.just(Link(0, None)) | st.builds(Link, st.integers(1, 2**63 - 1), HASHES)


@given(st.lists(SUBMISSIONS, min_size=1, max_size=4))
def test_what_is_sent_arrives(submissions: list[Submission]) -> None:
    body = encode_submissions(submissions)
    assert parse_submissions(body) == submissions
    with pytest.raises(MalformedError):
        parse_submissions(body[:-1])


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_request_or_malformed(body: bytes) -> None:
    try:
        submissions = parse_submissions(body)
    except MalformedError:
        return
    assert encode_submissions(submissions) == body


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_vector(case: dict[str, Any]) -> None:
    body = bytes.fromhex(case["body"])
    if isinstance(case["expect"], str):
        assert case["name"].endswith("_fail")
        with pytest.raises(MalformedError) as caught:
            parse_submissions(body)
        assert isinstance(caught.value, TooLargeError) is (case["expect"] == "too-large")
        return
    submissions = [
        Submission(
            bytes.fromhex(each["statement"]),
            annex=None if each["annex"] is None else bytes.fromhex(each["annex"]),
            pseudonyms=tuple(map(bytes.fromhex, each["pseudonyms"])),
        )
        for each in case["expect"]
    ]
    assert parse_submissions(body) == submissions
    assert encode_submissions(submissions) == body


def test_too_many_submissions() -> None:
    one = encode_submissions([Submission(b"abc")])
    assert len(parse_submissions(one * MAX_SUBMISSIONS)) == MAX_SUBMISSIONS
    with pytest.raises(TooLargeError):
        parse_submissions(one * (MAX_SUBMISSIONS + 1))
    with pytest.raises(UsageError):
        encode_submissions([Submission(b"abc")] * (MAX_SUBMISSIONS + 1))
    with pytest.raises(UsageError):
        encode_submissions([])


@given(st.lists(st.tuples(st.integers(0, 2**63 - 1), HASHES), max_size=3), st.none() | st.just("é"))
def test_answers_about_entries(entries: list[tuple[int, bytes]], receipt: str | None) -> None:
    answer = Registered(tuple(entries), None if receipt is None else receipt.encode())
    assert parse_registered(bytes(answer)) == answer


@given(LINKS)
def test_links(link: Link) -> None:
    assert parse_link(encode_link(link)) == link


@given(st.sampled_from(Chain), LINKS, st.text(max_size=20).filter(str.isprintable))
def test_problems(chain: Chain, link: Link, words: str) -> None:
    for problem in (
        Problem(409, "stale-link", words, chain, link),
        Problem(503, "busy", words),
    ):
        body = encode_problem(problem, title="Conflict")
        assert parse_problem(problem.status, body) == problem
        assert json.loads(body)["status"] == problem.status
    assert parse_problem(409, body).chain is None
    with pytest.raises(MalformedError):
        parse_problem(409, body).conflict()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
NAMED = st.fixed_dictionaries(
    {},
    optional={
        "schema": st.sampled_from(["radseal/log-entries/1", "radseal/log-link/1"]) | JSON,
        "entries": JSON | st.lists(st.fixed_dictionaries({"index": JSON, "leaf_hash": JSON})),
        "receipt": JSON,
        "seq": JSON,
        "previous": JSON | st.just("0" * 64),
        "type": JSON | st.just("urn:radseal:problem:stale-link"),
        "detail": JSON | st.just("words"),
        "chain": JSON | st.just("object"),
        "link": JSON | st.fixed_dictionaries({"seq": JSON, "previous": JSON}),
    },
)


@given(st.binary(max_size=40) | NAMED.map(lambda value: json.dumps(value).encode()))
def test_any_answer_is_read_or_malformed(body: bytes) -> None:
    for parse in (parse_registered, parse_link, lambda data: parse_problem(409, data)):
        try:
            parse(body)
        except MalformedError:
            continue
        except LedgerError as error:
            raise AssertionError from error


def test_deep_and_surrogate_json() -> None:
    for body in (
        b"[" * 100_000,
        b'{"schema":"radseal/log-entries/1","entries":[],"receipt":"\\ud800"}',
    ):
        with pytest.raises(MalformedError):
            parse_registered(body)
