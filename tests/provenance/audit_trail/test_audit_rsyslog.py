"""Audit messages into a real rsyslog over TLS: whole, at least once, and never in the clear."""

import logging
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from audit_facts import CT_STORAGE, REPORTER, STUDY, example, parsed
from cryptography.hazmat.primitives import serialization
from rsyslog_receiver import (
    COLLECTOR,
    GATEWAY,
    Certificates,
    Rsyslog,
    rsyslog_missing,
    wait_for,
)

from benchmarks.ports import free_port
from provenance.audit_trail import AuditTrail, Collector, Fact, Instances, What, audit_message
from provenance.audit_trail.collector import Connection, connect
from provenance.errors import UsageError

pytestmark = pytest.mark.skipif(bool(rsyslog_missing()), reason=rsyslog_missing())


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("audit") / "certificates")


@pytest.fixture
def rsyslog(tmp_path: Path, certificates: Certificates) -> Iterator[Rsyslog]:
    receiver = Rsyslog(tmp_path / "rsyslog", certificates)
    yield receiver
    receiver.stop()


@pytest.fixture
def collector(rsyslog: Rsyslog, certificates: Certificates) -> Collector:
    return collector_at(rsyslog.port, certificates)


def collector_at(port: int, certificates: Certificates) -> Collector:
    return Collector(
        "127.0.0.1",
        certificates.ca,
        port=port,
        certificate=certificates.certificate(GATEWAY),
        key=certificates.key(GATEWAY),
        server_name=COLLECTOR,
    )


@pytest.fixture
def open_trail(tmp_path: Path) -> Iterator[Callable[..., AuditTrail]]:
    opened: list[AuditTrail] = []

    def make(collector: Collector, **options: int) -> AuditTrail:
        trail = AuditTrail(
            tmp_path / "audit.sqlite", collector=collector, reporter=REPORTER, **options
        )
        opened.append(trail)
        return trail

    yield make
    for trail in opened:
        trail.close(0)


def numbered(number: int) -> Fact:
    return replace(example(What.RECEIVED), words=f"number {number:05}.")


def numbers(receiver: Rsyslog) -> set[int]:
    return {int(each) for line in receiver.lines() for each in re.findall(r"number (\d+)\.", line)}


def messages(receiver: Rsyslog) -> list[bytes]:
    """The XML of each line, without header and byte order mark."""
    found = []
    for line in receiver.lines():
        header, _, xml = line.partition("\ufeff")
        assert re.fullmatch(
            r"<8[2-5]>1 \S+ gateway\.example radseal 4242 DICOM\+RFC3881 - ", header
        )
        found.append(xml.encode())
    return found


@pytest.mark.parametrize("what", [What.STARTED, What.VERIFIED, What.ALTERED])
def test_a_message_arrives(
    what: What, rsyslog: Rsyslog, collector: Collector, open_trail: Callable[..., AuditTrail]
) -> None:
    rsyslog.start()
    trail = open_trail(collector)
    trail.tell(example(what))
    wait_for(rsyslog.lines, "the message does not arrive")
    (found,) = messages(rsyslog)
    parsed(found)
    assert found == audit_message(example(what), REPORTER)
    wait_for(lambda: trail.state().octets == 0, "it is not settled")
    assert trail.state().trouble == ""


def test_40_kilobytes_arrive_whole(
    rsyslog: Rsyslog, collector: Collector, open_trail: Callable[..., AuditTrail]
) -> None:
    rsyslog.start()
    uids = tuple(f"1.2.3.{number}".ljust(64, "1") for number in range(500))
    study = replace(STUDY, instances=(Instances(CT_STORAGE, 500, uids),))
    fact = replace(example(What.RECEIVED), studies=(study,), words="Größe 中文")
    expected = audit_message(fact, REPORTER)
    assert 40_000 < len(expected) < 60_000
    trail = open_trail(collector)
    trail.tell(fact)
    trail.tell(example(What.STOPPED))
    wait_for(lambda: len(rsyslog.lines()) == 2, "they do not arrive")
    assert messages(rsyslog) == [expected, audit_message(example(What.STOPPED), REPORTER)]


@pytest.mark.parametrize("kill", [False, True])
def test_a_receiver_that_stops_and_starts_again(
    kill: bool, rsyslog: Rsyslog, collector: Collector, open_trail: Callable[..., AuditTrail]
) -> None:
    rsyslog.start()
    trail = open_trail(collector)
    for number in range(100):
        trail.tell(numbered(number))
        if number == 50:
            wait_for(lambda: numbers(rsyslog), "nothing arrives")
            rsyslog.stop(kill=kill)
    wait_for(lambda: trail.state().trouble, "it does not notice")
    assert trail.state().waiting >= 49
    rsyslog.start()
    for number in range(100, 110):
        trail.tell(numbered(number))
    wait_for(lambda: numbers(rsyslog) == set(range(110)), "some are lost")
    wait_for(lambda: trail.state().octets == 0, "they are not settled")
    assert trail.state().lost == 0
    for found in messages(rsyslog):
        parsed(found)


def test_more_than_a_window(
    rsyslog: Rsyslog, collector: Collector, open_trail: Callable[..., AuditTrail]
) -> None:
    rsyslog.start()
    trail = open_trail(collector)
    for number in range(2_500):
        trail.tell(numbered(number))
    wait_for(lambda: trail.state().octets == 0, "they are not settled")
    wait_for(lambda: numbers(rsyslog) == set(range(2_500)), "some are lost")
    assert len(rsyslog.lines()) == 2_500


def test_closing_sends_what_waits(
    rsyslog: Rsyslog, collector: Collector, open_trail: Callable[..., AuditTrail]
) -> None:
    rsyslog.start()
    trail = open_trail(collector)
    for number in range(200):
        trail.tell(numbered(number))
    trail.close(60)
    wait_for(lambda: numbers(rsyslog) == set(range(200)), "some are lost")
    assert len(rsyslog.lines()) == 200


def test_another_authority_is_refused(
    tmp_path: Path,
    rsyslog: Rsyslog,
    collector: Collector,
    open_trail: Callable[..., AuditTrail],
) -> None:
    rsyslog.start()
    other = Certificates(tmp_path / "other")
    trail = open_trail(replace(collector, ca=other.ca))
    trail.tell(example(What.STARTED))
    wait_for(lambda: "CERTIFICATE_VERIFY_FAILED" in trail.state().trouble, "it is not refused")
    assert trail.state().waiting == 1
    assert rsyslog.lines() == []


def test_another_name_is_refused(
    rsyslog: Rsyslog, collector: Collector, open_trail: Callable[..., AuditTrail]
) -> None:
    rsyslog.start()
    trail = open_trail(replace(collector, server_name="other.audit.example"))
    trail.tell(example(What.STARTED))
    wait_for(lambda: "other.audit.example" in trail.state().trouble, "it is not refused")
    assert trail.state().waiting == 1
    assert rsyslog.lines() == []


def test_a_receiver_that_does_not_let_us_in(
    rsyslog: Rsyslog, collector: Collector, open_trail: Callable[..., AuditTrail]
) -> None:
    """In TLS 1.3 a client without certificate may have sent before it hears of it: all waits."""
    rsyslog.start()
    trail = open_trail(replace(collector, certificate=None, key=None))
    trail.tell(example(What.STARTED))
    wait_for(lambda: trail.state().trouble, "nothing is noticed")
    wait_for(lambda: trail.state().waiting == 1, "it does not wait again")
    assert trail.state().octets > 0
    assert rsyslog.lines() == []
    trail.close(0)
    let_in = open_trail(collector)
    wait_for(rsyslog.lines, "it is not sent afterwards")
    wait_for(lambda: let_in.state().octets == 0, "it is not settled")


def test_never_in_the_clear(
    certificates: Certificates, open_trail: Callable[..., AuditTrail]
) -> None:
    """Whoever listens without TLS gets a ClientHello and not one octet of a message."""
    heard = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(90)
        trail = open_trail(collector_at(server.getsockname()[1], certificates))
        trail.tell(example(What.RECEIVED))
        line, _ = server.accept()
        with line:
            line.settimeout(90)
            heard += line.recv(65_536)
            line.sendall(b"220 no TLS here\r\n")
            while some := _received(line):
                heard += some
    wait_for(lambda: trail.state().trouble, "nothing is noticed")
    assert heard[:2] == b"\x16\x03"
    for secret in (b"AuditMessage", b"P-1", b"Doe", b"1.2.3.4", b"RFC3881"):
        assert secret not in heard
    assert trail.state().waiting == 1


def _received(line: socket.socket) -> bytes:
    try:
        return line.recv(65_536)
    except ConnectionResetError:
        return b""


def test_no_receiver_at_all(
    rsyslog: Rsyslog,
    collector: Collector,
    open_trail: Callable[..., AuditTrail],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nobody is held up, the queue stays bounded, the alarm is logged once, the loss is told."""
    size = len(audit_message(numbered(0), REPORTER))
    with caplog.at_level(logging.ERROR, logger="provenance.audit_trail"):
        trail = open_trail(collector, capacity=(size + 200) * 100)
        for number in range(1_000):
            trail.tell(numbered(number))
    state = trail.state()
    assert state.near_full
    assert state.octets <= state.capacity
    assert state.lost + state.waiting == 1_000
    assert state.lost > 800
    assert sum("nearly full" in each.message for each in caplog.records) == 1
    wait_for(lambda: "refused" in trail.state().trouble, "nothing is noticed")
    trail.close(1)

    rsyslog.start()
    again = open_trail(collector)
    wait_for(lambda: len(numbers(rsyslog)) == state.waiting, "what was kept does not arrive")
    assert again.state().lost == state.lost
    again.tell(numbered(5_000))
    wait_for(lambda: 5_000 in numbers(rsyslog), "nothing is told any more")
    told = [each for each in messages(rsyslog) if b'"110133"' in each]
    assert len(told) == 1
    assert f"{state.lost} audit messages before this one".encode() in told[0]
    assert again.state().lost == 0


def test_a_receiver_that_stands_still(
    certificates: Certificates, open_trail: Callable[..., AuditTrail]
) -> None:
    """It takes the line and reads nothing: telling goes on, and closing has an end."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate(COLLECTOR), certificates.key(COLLECTOR))
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def stand_still() -> None:
            line, _ = server.accept()
            with context.wrap_socket(line, server_side=True):
                done.wait(90)

        thread = threading.Thread(target=stand_still)
        thread.start()
        try:
            trail = open_trail(collector_at(port, certificates))
            for number in range(2_000):
                trail.tell(numbered(number))
            trail.close(1)
        finally:
            done.set()
            thread.join(90)
    again = open_trail(collector_at(free_port(), certificates))
    assert again.state().waiting == 2_000


@pytest.mark.parametrize("before", [True, False])
def test_a_receiver_that_closes_has_not_read(
    before: bool, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It closes before a message has come, or leaves it unread: the line did not end well."""
    monkeypatch.setattr(Connection, "_require_peer", lambda _: None)  # it comes too early to see
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.certificate(COLLECTOR), certificates.key(COLLECTOR))
    sent = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def close_early() -> None:
            line, _ = server.accept()
            with context.wrap_socket(line, server_side=True):
                assert before or sent.wait(90)

        thread = threading.Thread(target=close_early)
        thread.start()
        line = connect(collector_at(server.getsockname()[1], certificates))
        if before:
            thread.join(90)
        with pytest.raises(OSError, match=r".+"):  # noqa: PT012
            line.send(b"message" * 100)
            sent.set()
            thread.join(90)
            line.end()
        sent.set()
        thread.join(90)
        line.abort()


def _encrypted(key: Path) -> bytes:
    return serialization.load_pem_private_key(key.read_bytes(), None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"nobody types it"),
    )


def test_files_that_cannot_be_used_are_told_at_once(
    tmp_path: Path, certificates: Certificates
) -> None:
    good = collector_at(6514, certificates)
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("no certificate")
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_bytes(_encrypted(certificates.key(GATEWAY)))
    for faulty in (
        replace(good, key=encrypted),
        replace(good, ca=tmp_path / "missing.pem"),
        replace(good, ca=nothing),
        replace(good, certificate=nothing),
        replace(good, key=certificates.key(COLLECTOR)),
    ):
        with pytest.raises(UsageError):
            AuditTrail(tmp_path / "queue", collector=faulty, reporter=REPORTER)
    assert not (tmp_path / "queue").exists()
