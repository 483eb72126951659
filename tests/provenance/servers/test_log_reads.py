"""Annexes and pseudonyms over HTTP: for signed questions of keys that may, and nobody else."""

import json
import random
import socket
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from ledger import (
    Event,
    ForbiddenError,
    LogReader,
    NotSignedError,
    Role,
    Signer,
    Submission,
    key_revoked_body,
    sign_read_request,
    sign_statement,
)
from ledger.remote.read_request import encode_authorization
from provenance import Site
from provenance.keys.signers import load_signer

PSEUDONYM = bytes(range(32))
MISSING = "f" * 24


def signer_of(site: Site, role: Role) -> Signer:
    return load_signer(site.folder / "keys" / f"{role}.key.pem")


def statement(site: Site, event: Event, role: Role, object_id: bytes | None, **more: Any) -> bytes:
    with site.records().log as log:
        signer = signer_of(site, role)
        return sign_statement(
            event=event,
            object_id=object_id,
            object_link=None if object_id is None else log.object_link(object_id),
            actor_link=log.actor_link(signer.kid),
            claimed_at=begun(site),
            head_seen=None,
            body=more,
            signer=signer,
        )


def begun(site: Site) -> datetime:
    return site.certificate(Role.DEVICE).not_valid_before_utc


@pytest.fixture
def here(tmp_path: Path) -> Site:
    return Site.init(tmp_path / "site", name="here")


@pytest.fixture
def server(here: Site, log_server: Callable[[Path], Any]) -> Any:
    return log_server(here.folder)


def client(site: Site, server: Any, role: Role = Role.GATEWAY) -> LogReader:
    return LogReader(server.url, site.trust.logs, signer=signer_of(site, role))


def seal(site: Site, server: Any, annex: bytes | None = b"annex of it") -> bytes:
    object_id = random.randbytes(12)
    made = statement(site, Event.SEALED, Role.DEVICE, object_id)
    submission = Submission(made, annex=annex, pseudonyms=(PSEUDONYM,))
    client(site, server).register([submission])
    return object_id


def get(server: Any, path: str, header: str | None = None) -> tuple[int, Any, dict[str, str]]:
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        connection.request("GET", path, headers={} if header is None else {"Authorization": header})
        with connection.getresponse() as response:
            body, headers = response.read(), dict(response.headers.items())
    assert headers["cache-control"] == "no-store"
    return response.status, body, headers


def signed(site: Site, server: Any, asked: str, role: Role = Role.GATEWAY, **other: Any) -> str:
    """The header of a question, with a fresh nonce unless another one is given."""
    fields = {"origin": site.origin, "path": asked, **other}
    if "nonce" not in fields:
        fields["nonce"] = bytes.fromhex(json.loads(get(server, asked)[1])["nonce"])
    return encode_authorization(sign_read_request(signer=signer_of(site, role), **fields))


def test_whoever_may_reads(here: Site, server: Any) -> None:
    first, second = seal(here, server), seal(here, server, None)
    for role in (Role.GATEWAY, Role.ARCHIVIST, Role.AUDITOR):
        asked = client(here, server, role)
        assert asked.annex(first) == b"annex of it"
        assert asked.annex(second) is None
        assert asked.annex(bytes(12)) is None
        assert asked.find(PSEUDONYM) == (first, second)
        assert asked.find(bytes(32)) == ()


@pytest.mark.parametrize("what", ["annex", "objects"])
def test_nobody_else_learns_whether_it_exists(
    here: Site, stranger: Site, server: Any, what: str
) -> None:
    """The same answer, but for its nonce, for what is there and for what is not."""
    object_id = seal(here, server)
    there, missing = {
        "annex": (f"/annex/{object_id.hex()}", f"/annex/{MISSING}"),
        "objects": (f"/objects/{PSEUDONYM.hex()}", f"/objects/{'f' * 64}"),
    }[what]

    def answers(ask: Callable[[str], str | None]) -> set[tuple[int, str, str]]:
        found = set()
        for path in (there, missing):
            status, body, _ = get(server, path, ask(path))
            fields = json.loads(body)
            found.add((status, fields["type"], fields["detail"]))
        return found

    other = {"annex": f"/annex/{'0' * 24}", "objects": f"/objects/{'0' * 64}"}[what]
    for status, ask in (
        (401, lambda _: None),
        (401, lambda _: "Basic eDp4"),
        (401, lambda path: signed(here, server, path, origin=stranger.origin)),
        (401, lambda path: signed(here, server, path, path=other)),
        (401, lambda path: signed(here, server, path, nonce=bytes(32))),
        (401, lambda path: signed(stranger, server, path, origin=here.origin)),
        (401, lambda path: signed(here, server, path)[:-4] + "AAAA"),
        (403, lambda path: signed(here, server, path, Role.DEVICE)),
        (403, lambda path: signed(here, server, path, Role.OPERATOR)),
    ):
        (only,) = answers(ask)
        assert only[0] == status
    for role in (Role.DEVICE, Role.OPERATOR):
        with pytest.raises(ForbiddenError):
            client(here, server, role).annex(object_id)
    with pytest.raises(NotSignedError):
        LogReader(server.url, here.trust.logs, signer=signer_of(stranger, Role.GATEWAY)).annex(
            object_id
        )


def test_a_question_that_was_seen_is_of_no_use(here: Site, server: Any, log_server: Any) -> None:
    path = f"/annex/{seal(here, server).hex()}"
    status, body, headers = get(server, path)
    assert status == 401
    assert headers["www-authenticate"] == f'Radseal nonce="{json.loads(body)["nonce"]}"'
    header = signed(here, server, path)
    assert get(server, path, header)[0] == 200
    assert get(server, path, header)[0] == 401, "replayed"
    unused = signed(here, server, path)
    assert get(server, f"/annex/{MISSING}", unused)[0] == 401, "for another object"
    assert server.stop() == 0
    again = log_server(here.folder)
    assert get(again, path, unused)[0] == 401, "for another run"
    assert client(here, again).annex(bytes.fromhex(path[-24:])) == b"annex of it"


def test_a_revoked_key_reads_nothing_more(here: Site, server: Any) -> None:
    object_id = seal(here, server)
    gateway = client(here, server)
    assert gateway.annex(object_id) is not None
    kid = signer_of(here, Role.GATEWAY).kid
    with here.records().log as log:
        link = log.actor_link(signer_of(here, Role.ARCHIVIST).kid)
    archivist = signer_of(here, Role.ARCHIVIST)
    revoked = sign_statement(
        event=Event.KEY_REVOKED,
        object_id=None,
        object_link=None,
        actor_link=link,
        claimed_at=begun(here),
        head_seen=None,
        body=key_revoked_body(kid, reason="lost"),
        signer=archivist,
    )
    gateway.register([Submission(revoked)])
    with pytest.raises(ForbiddenError):
        gateway.annex(object_id)
    with pytest.raises(ForbiddenError):
        gateway.find(PSEUDONYM)


def test_what_was_erased_is_410_for_those_who_may(here: Site, server: Any) -> None:
    object_id, other = seal(here, server), seal(here, server)
    made = statement(here, Event.ERASED, Role.ARCHIVIST, object_id)
    asked = client(here, server)
    asked.register([Submission(made)])
    path = f"/annex/{object_id.hex()}"
    status, body, _ = get(server, path, signed(here, server, path))
    assert (status, json.loads(body)["type"]) == (410, "urn:radseal:problem:erased")
    assert get(server, path)[0] == 401
    missing = f"/annex/{MISSING}"
    assert get(server, missing, signed(here, server, missing))[0] == 404
    assert asked.annex(object_id) is None
    assert asked.find(PSEUDONYM) == (other,)


def test_lines_say_who_read_and_no_statement(
    here: Site, log_server: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    server = log_server(here.folder)
    object_id = seal(here, server, b"a name that must not be told")
    assert client(here, server).annex(object_id) is not None
    assert client(here, server).find(PSEUDONYM) == (object_id,)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        line.sendall(b"no HTTP\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 400")
    assert server.stop() == 0
    said = capfd.readouterr().err
    lines = [json.loads(line) for line in said.splitlines()]
    reads = [line for line in lines if line["says"] == "read"]
    kid = signer_of(here, Role.GATEWAY).kid.hex()
    assert [(r["kid"], r["role"], r["object"]) for r in reads] == [
        (kid, "gateway", object_id.hex()),
        (kid, "gateway", None),
    ]
    answered = [(line["endpoint"], line["status"]) for line in lines if line["says"] == "request"]
    assert answered == [
        ("submissions", 200),
        *[("annex", 401), ("annex", 200), ("objects", 401), ("objects", 200)],
    ]
    for secret in (PSEUDONYM.hex(), "must not be told"):
        assert secret not in said


def test_counters_and_health(here: Site, server: Any) -> None:
    seal(here, server)
    assert server.ask("GET", "/nowhere")[0] == 404
    assert server.ask("GET", "/live") == (200, "text/plain; charset=utf-8", b"live\n")
    status, kind, body = server.ask("GET", "/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    values = dict(
        line.rsplit(" ", 1) for line in body.decode().splitlines() if not line.startswith("#")
    )
    assert values["radseal_log_entries"] == "6"
    assert values["radseal_log_accepts"] == "1"
    assert values["radseal_log_without_quorum_time_seconds"] == "0"
    assert float(values["radseal_log_checkpoint_time_seconds"]) > 1.7e9
    assert values['radseal_http_requests_total{endpoint="submissions",status="200"}'] == "1"
    assert values['radseal_http_requests_total{endpoint="none",status="404"}'] == "1"
    health = json.loads(server.ask("GET", "/health")[2])
    assert health["without_quorum_since"] is None


def test_a_client_never_asks_for_ever(here: Site, server: Any) -> None:
    """Nonces that are never good: the server was restarted behind a proxy, say."""
    asked = client(here, server)
    object_id = seal(here, server)
    real = asked._exchange
    count = 0

    def elsewhere(*words: Any) -> tuple[int, bytes]:
        nonlocal count
        count += 1
        status, body = real(*words)
        if status == 401:
            fields = json.loads(body)
            body = json.dumps({**fields, "nonce": "0" * 64}).encode()
        return status, body

    asked._exchange = elsewhere  # type: ignore[method-assign]
    with pytest.raises(NotSignedError):
        asked.annex(object_id)
    assert count == 4
