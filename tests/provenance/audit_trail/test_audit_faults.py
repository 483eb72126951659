"""The audit trail on a bad line, with a full disk, and killed: nothing that was kept is lost."""

import random
import re
import socket
import struct
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from audit_facts import REPORTER, example, parsed
from rsyslog_receiver import (
    COLLECTOR,
    GATEWAY,
    Certificates,
    Rsyslog,
    rsyslog_missing,
    wait_for,
)

from benchmarks.ports import free_port
from provenance.audit_trail import AuditTrail, Collector, Fact, What, audit_message
from provenance.audit_trail.queue import AuditQueue

CHECKOUT = Path(__file__).resolve().parents[3]
with_rsyslog = pytest.mark.skipif(bool(rsyslog_missing()), reason=rsyslog_missing())

# A process of its own that tells NUMBERs and then waits for a word on standard input.
TELLER = """
    import sys
    sys.path.insert(0, HERE)
    from dataclasses import replace
    from pathlib import Path
    from audit_facts import REPORTER, example
    from provenance.audit_trail import AuditTrail, Collector, What
    queue, port, ca, certificate, key, name, first, last = sys.argv[1:]
    collector = Collector(
        "127.0.0.1", Path(ca), int(port), Path(certificate), Path(key), server_name=name
    )
    trail = AuditTrail(Path(queue), collector=collector, reporter=REPORTER)
    for number in range(int(first), int(last)):
        trail.tell(replace(example(What.RECEIVED), words=f"number {number:05}."))
        print(number, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("audit") / "certificates")


@pytest.fixture
def rsyslog(tmp_path: Path, certificates: Certificates) -> Iterator[Rsyslog]:
    receiver = Rsyslog(tmp_path / "rsyslog", certificates)
    receiver.start()
    yield receiver
    receiver.stop()


def collector_at(port: int, certificates: Certificates) -> Collector:
    return Collector(
        "127.0.0.1",
        certificates.ca,
        port,
        certificates.certificate(GATEWAY),
        certificates.key(GATEWAY),
        server_name=COLLECTOR,
    )


def program(text: str) -> str:
    return f"HERE = {str(Path(__file__).parents[1])!r}\n{textwrap.dedent(text)}"


def whole(receiver: Rsyslog) -> set[int]:
    """The numbers of the messages that are there from the first octet to the last."""
    found = set()
    for line in receiver.lines():
        match = re.search(r"number (\d+)\..*</AuditMessage>$", line)
        if line.startswith("<85>1 ") and match is not None:
            parsed(line.partition("\ufeff")[2].encode())
            found.add(int(match[1]))
    return found


@with_rsyslog
def test_killed_at_any_moment(tmp_path: Path, rsyslog: Rsyslog, certificates: Certificates) -> None:
    """Three processes are killed while they tell and send; the fourth sends what is left."""
    chance = random.Random(6)
    told: list[int] = []
    for _ in range(3):
        first = told[-1] + 1 if told else 0
        words = (
            tmp_path / "queue", rsyslog.port, certificates.ca, certificates.certificate(GATEWAY),
            certificates.key(GATEWAY), COLLECTOR, first, first + 100_000,
        )  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-c", program(TELLER), *map(str, words)],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdin is not None
        for _ in range(chance.randint(50, 400)):
            told.append(int(process.stdout.readline()))
        process.kill()
        told += [int(line) for line in process.stdout if line.endswith("\n")]
        process.wait()
        process.stdin.close()
        process.stdout.close()
    trail = AuditTrail(
        tmp_path / "queue", collector=collector_at(rsyslog.port, certificates), reporter=REPORTER
    )
    try:
        wait_for(lambda: trail.state().octets == 0, "it is not settled")
        wait_for(lambda: whole(rsyslog) >= set(told), "some are lost")
    finally:
        trail.close(0)


class BadLine:
    """A proxy that cuts each of its first lines after some octets, in one of two ways."""

    def __init__(self, port: int, cuts: list[int]) -> None:
        self._there = port
        self._cuts = cuts
        self.cut = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(90)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._server.accept()
                self._carry(here, self._cuts.pop(0) if self._cuts else None)

    def _carry(self, here: socket.socket, octets: int | None) -> None:
        with here, socket.create_connection(("127.0.0.1", self._there)) as there:
            back = threading.Thread(target=_copy, args=(there, here))
            back.start()
            left = octets if octets is not None else 10**12
            while left > 0:
                some = here.recv(min(4_096, left))
                left -= len(some)
                if not some:
                    break
                there.sendall(some)
            if octets is not None:
                self.cut += 1
                if self.cut % 2:
                    here.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    here.close()
                there.shutdown(socket.SHUT_RDWR)
            else:
                there.shutdown(socket.SHUT_WR)
            back.join(90)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while some := source.recv(4_096):
            target.sendall(some)
        target.shutdown(socket.SHUT_WR)


@with_rsyslog
def test_a_line_that_is_cut(tmp_path: Path, rsyslog: Rsyslog, certificates: Certificates) -> None:
    """In the handshake, in the middle of a frame, by a reset or by an end: it is all sent again."""
    chance = random.Random(54)
    line = BadLine(rsyslog.port, [1, 700, *(chance.randint(5_000, 60_000) for _ in range(2))])
    trail = AuditTrail(
        tmp_path / "queue", collector=collector_at(line.port, certificates), reporter=REPORTER
    )
    try:
        for number in range(200):
            trail.tell(_numbered(number))
        wait_for(lambda: trail.state().octets == 0, "it is not settled")
        wait_for(lambda: whole(rsyslog) == set(range(200)), "some are lost")
        assert line.cut == 4
    finally:
        trail.close(0)
        line.close()


def _numbered(number: int) -> Fact:
    return replace(example(What.RECEIVED), words=f"number {number:05}.")


FULL_DISK = """
    import resource, signal, sys
    sys.path.insert(0, HERE)
    from pathlib import Path
    from audit_facts import REPORTER, example
    from provenance.audit_trail import AuditTrail, Collector, What
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    collector = Collector("127.0.0.1", Path(sys.argv[2]), int(sys.argv[3]))
    trail = AuditTrail(Path(sys.argv[1]), collector=collector, reporter=REPORTER)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    for _ in range(500):
        trail.tell(example(What.RECEIVED))
    full = trail.state()
    assert full.lost > 100, full
    assert full.lost + full.waiting == 500, full
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    trail.tell(example(What.STOPPED))
    after = trail.state()
    assert after.lost == 0, after
    assert after.waiting == full.waiting + 2, after
    trail.close(0)
    print(full.lost)
"""


def test_a_full_disk(tmp_path: Path, certificates: Certificates) -> None:
    """Files cannot grow: telling goes on, what is lost is counted, and told when there is room."""
    words = (tmp_path / "queue", certificates.ca, free_port())
    done = subprocess.run(
        [sys.executable, "-c", program(FULL_DISK), *map(str, words)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    queue = AuditQueue(tmp_path / "queue", capacity=10**9)
    messages = [each.message for each in queue.first(1_000)]
    queue.close()
    assert messages[-1].endswith(audit_message(example(What.STOPPED), REPORTER))
    assert b'"110133"' in messages[-2]
    assert f"{int(done.stdout)} audit messages before".encode() in messages[-2]


def test_telling_a_closed_trail_raises_nothing(tmp_path: Path, certificates: Certificates) -> None:
    trail = AuditTrail(
        tmp_path / "queue", collector=collector_at(free_port(), certificates), reporter=REPORTER
    )
    trail.close(0)
    trail.tell(example(What.STOPPED))
    assert trail.state().lost == 1
