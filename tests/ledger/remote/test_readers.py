"""Signed questions: who may ask, once, of one server, for one thing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    BusyError,
    Event,
    ForbiddenError,
    LedgerError,
    MalformedError,
    Nonces,
    NotSignedError,
    Readers,
    ReadRequest,
    Role,
    UsageError,
    VerificationKey,
    key_revoked_body,
    parse_read_request,
    parse_statement,
    sign_read_request,
)
from ledger.remote.read_request import encode_authorization, parse_authorization

PATH = "/annex/" + "0" * 24


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def readers(site: Any, clock: Clock) -> Readers:
    return Readers(site.log, Nonces(clock, most_used=3))


@pytest.fixture
def ask(site: Any, readers: Readers) -> Callable[..., Any]:
    """Ask for a nonce, sign with it, and ask again; anything may be other than it should be."""

    def asked(signer: Any = site.gateway, *, path: str = PATH, **other: Any) -> Any:
        fields = {"origin": site.log.origin, "path": PATH, "nonce": nonce(readers), **other}
        signed = sign_read_request(signer=signer, **fields)
        return readers.admit(encode_authorization(signed), path=path)

    return asked


def nonce(readers: Readers, header: str | None = None) -> bytes:
    with pytest.raises(NotSignedError) as refused:
        readers.admit(header, path=PATH)
    return refused.value.nonce


@pytest.mark.parametrize("role", list(Role))
def test_which_roles_read(site: Any, ask: Callable[..., Any], role: Role) -> None:
    signer = site.signer(f"reader {role}")
    site.add_key(signer, role)
    if role in (Role.GATEWAY, Role.ARCHIVIST, Role.AUDITOR):
        assert ask(signer).kid == signer.kid
    else:
        with pytest.raises(ForbiddenError):
            ask(signer)


def test_both_algorithms(site: Any, ask: Callable[..., Any]) -> None:
    assert ask().role is Role.GATEWAY
    with pytest.raises(ForbiddenError):
        ask(site.device)  # ESP256: it verifies, and has another role


def test_a_revoked_key_reads_nothing_more(site: Any, ask: Callable[..., Any]) -> None:
    assert ask()
    body = key_revoked_body(site.gateway.kid, reason="lost")
    site.append(site.statement(Event.KEY_REVOKED, site.archivist, body=body))
    with pytest.raises(ForbiddenError):
        ask()


def test_a_question_counts_once(site: Any, readers: Readers) -> None:
    given_nonce = nonce(readers)
    header = encode_authorization(
        sign_read_request(origin=site.log.origin, path=PATH, nonce=given_nonce, signer=site.gateway)
    )
    assert readers.admit(header, path=PATH)
    assert nonce(readers, header) != given_nonce, "replayed"


def test_a_question_counts_here_and_now(
    site: Any, readers: Readers, ask: Callable[..., Any], clock: Clock, spare_signer: Any
) -> None:
    for other in (
        {"origin": "other.example"},
        {"path": "/annex/" + "1" * 24},
        {"nonce": bytes(32)},
        {"nonce": Nonces(clock).issue()},
        {"signer": spare_signer},
    ):
        with pytest.raises(NotSignedError):
            ask(**other)
    old = nonce(readers)
    clock.now += 59
    assert ask(nonce=old)
    old = nonce(readers)
    clock.now += 61
    with pytest.raises(NotSignedError, match="too old"):
        ask(nonce=old)


def test_the_server_remembers_so_many_and_no_more(
    site: Any, readers: Readers, ask: Callable[..., Any], clock: Clock, spare_signer: Any
) -> None:
    for _ in range(9):  # strangers make it remember nothing
        with pytest.raises(NotSignedError):
            ask(spare_signer)
    for _ in range(3):
        ask()
    with pytest.raises(BusyError):
        ask()
    clock.now += 61
    assert ask()


def test_one_bit_of_a_question(site: Any, readers: Readers) -> None:
    signed = sign_read_request(
        origin=site.log.origin, path=PATH, nonce=nonce(readers), signer=site.gateway
    )
    for at in range(len(signed)):
        changed = signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]
        nonce(readers, encode_authorization(changed))
    for text in ("", "Basic eA", "Radseal", "Radseal ", "Radseal =", "Radseal eA==", "Radseal eB"):
        nonce(readers, text)
    nonce(readers, "Radseal " + "A" * 4000)
    nonce(readers, encode_authorization(signed).replace("Radseal", "radseal"))
    assert readers.admit(encode_authorization(signed), path=PATH)


def test_statements_and_questions_are_never_each_other(site: Any) -> None:
    statement = site.statement(Event.VIEWED, site.gateway)
    question = sign_read_request(
        origin=site.log.origin, path=PATH, nonce=bytes(32), signer=site.gateway
    )
    with pytest.raises(MalformedError):
        parse_read_request(statement)
    with pytest.raises(MalformedError):
        parse_statement(question)
    asked = parse_read_request(question)
    assert (asked.origin, asked.path, asked.nonce) == (site.log.origin, PATH, bytes(32))
    with pytest.raises(UsageError):
        sign_read_request(origin="x", path=PATH, nonce=b"short", signer=site.gateway)


@given(st.binary(max_size=300) | st.text(max_size=60).map(str.encode))
def test_arbitrary_bytes_raise_only_our_errors(data: bytes) -> None:
    for parse in (parse_read_request, lambda d: parse_authorization(d.decode("latin-1"))):
        try:
            parse(data)
        except LedgerError:
            continue
    assert parse_authorization(encode_authorization(data)) == data


VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors/log-server/read-requests.json").read_text("utf-8")
)


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vector(case: Any) -> None:
    def read() -> ReadRequest:
        return parse_read_request(parse_authorization(case["header"]))

    if case["expect"] == "malformed":
        with pytest.raises(MalformedError):
            read()
        return
    asked = read()
    asked.verify(VerificationKey.from_spki(bytes.fromhex(VECTORS["spki"])))
    found = {"origin": asked.origin, "path": asked.path}
    assert {**found, "kid": asked.kid.hex(), "nonce": asked.nonce.hex()} == case["expect"]
