"""The line to a collector, against receivers of the tests' own: what rsyslog does not show."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from audit_facts import REPORTER, example
from rsyslog_receiver import COLLECTOR, GATEWAY, Certificates, wait_for

from provenance.audit_trail import AuditTrail, Collector, What, audit_message
from provenance.audit_trail.collector import connect


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("audit") / "certificates")


@contextmanager
def receiver(
    certificates: Certificates,
    version: ssl.TLSVersion,
    answer: Callable[[ssl.SSLSocket], None],
) -> Iterator[Collector]:
    """One line is taken with mutual TLS of one version, and given to ``answer``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(certificates.certificate(COLLECTOR), certificates.key(COLLECTOR))
    context.load_verify_locations(certificates.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(90)

        def serve() -> None:
            plain, _ = server.accept()
            plain.settimeout(90)
            with context.wrap_socket(plain, server_side=True) as line:
                answer(line)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Collector(
                "127.0.0.1",
                certificates.ca,
                server.getsockname()[1],
                certificates.certificate(GATEWAY),
                certificates.key(GATEWAY),
                server_name=COLLECTOR,
            )
        finally:
            thread.join(90)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_receiver_that_takes_leave(
    version: ssl.TLSVersion, certificates: Certificates, tmp_path: Path
) -> None:
    """With close_notify on either side: the frames are whole, and settled."""
    heard = bytearray()

    def read_all(line: ssl.SSLSocket) -> None:
        while some := line.recv(65_536):
            heard.extend(some)
        line.unwrap()

    with receiver(certificates, version, read_all) as collector:
        trail = AuditTrail(tmp_path / "queue", collector=collector, reporter=REPORTER)
        trail.tell(example(What.SENDING))
        trail.tell(example(What.SENT))
        wait_for(lambda: trail.state().octets == 0, "it is not settled")
        trail.close()
    expected = [audit_message(example(what), REPORTER) for what in (What.SENDING, What.SENT)]
    for xml in expected:
        count, _, rest = bytes(heard).partition(b" ")
        message = rest[: int(count)]
        assert message.endswith(b"\xef\xbb\xbf" + xml)
        heard = bytearray(rest[int(count) :])
    assert not heard


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_receiver_that_talks_is_none(version: ssl.TLSVersion, certificates: Certificates) -> None:
    done = threading.Event()

    def talk(line: ssl.SSLSocket) -> None:
        line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        done.wait(90)

    with receiver(certificates, version, talk) as collector:
        line = connect(collector)
        assert line.protocol == version.name.replace("_", ".")

        def refused() -> bool:
            try:
                line.send(b"1 x")
            except ConnectionResetError as error:
                return "which no syslog receiver does" in str(error)
            return False

        wait_for(refused, "it may talk")
        done.set()
        line.abort()


def test_a_host_that_is_none(certificates: Certificates, tmp_path: Path) -> None:
    """Names that no resolver takes are trouble like any other, not the end of the thread."""
    collector = Collector("..", certificates.ca)
    trail = AuditTrail(tmp_path / "queue", collector=collector, reporter=REPORTER)
    trail.tell(example(What.STARTED))
    wait_for(lambda: trail.state().trouble, "nothing is noticed")
    assert trail.state().waiting == 1
    trail.close(0)
