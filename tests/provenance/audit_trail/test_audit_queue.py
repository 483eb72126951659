"""The queue of audit messages: nothing is lost that it took, and it never grows past its bound."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provenance.audit_trail.queue import AuditQueue
from provenance.errors import UsageError

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.sqlite"


@pytest.fixture
def opened(path: Path) -> Iterator[Callable[..., AuditQueue]]:
    queues = []

    def open_queue(capacity: int = 1_000_000) -> AuditQueue:
        queues.append(AuditQueue(path, capacity=capacity))
        return queues[-1]

    yield open_queue
    for queue in queues:
        queue.close()


def waiting(queue: AuditQueue) -> list[bytes]:
    return [each.message for each in queue.first(10_000)]


def test_first_in_first_out(opened: Callable[..., AuditQueue]) -> None:
    queue = opened()
    for message in (b"one", b"two", b"three"):
        assert queue.put(message)
    assert waiting(queue) == [b"one", b"two", b"three"]
    first, *_ = queue.first(1)
    queue.mark_sent([first.number])
    assert waiting(queue) == [b"two", b"three"]
    assert queue.fill().waiting == 2


def test_what_was_sent_waits_again_until_it_is_settled(opened: Callable[..., AuditQueue]) -> None:
    queue = opened()
    queue.put(b"one")
    queue.put(b"two")
    queue.mark_sent([each.number for each in queue.first(2)])
    assert waiting(queue) == []
    assert queue.recall() == 2
    assert waiting(queue) == [b"one", b"two"]
    queue.mark_sent([queue.first(1)[0].number])
    queue.settle()
    assert queue.recall() == 0
    assert waiting(queue) == [b"two"]
    assert queue.fill().octets == 3


def test_a_full_queue_takes_no_more(opened: Callable[..., AuditQueue]) -> None:
    queue = opened(capacity=100)
    assert queue.put(b"x" * 60)
    assert not queue.fill().near_full
    assert queue.put(b"x" * 30)
    assert queue.fill().near_full
    assert not queue.put(b"x" * 11)
    assert queue.put(b"x" * 10)
    assert queue.fill().octets == 100


def test_it_is_all_there_again(opened: Callable[..., AuditQueue]) -> None:
    queue = opened()
    queue.put(b"sent, and not settled")
    queue.put(b"waits")
    queue.mark_sent([queue.first(1)[0].number])
    queue.add_lost(3)
    queue.close()
    again = opened()
    assert waiting(again) == [b"sent, and not settled", b"waits"]
    assert again.fill().lost == 3
    assert again.fill().waiting == 2


def test_survives_kill(path: Path, opened: Callable[..., AuditQueue]) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\n"
        "from provenance.audit_trail.queue import AuditQueue\n"
        "queue = AuditQueue(Path(sys.argv[1]), capacity=10**6)\n"
        "for number in range(200):\n    assert queue.put(b'%d' % number)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], cwd=CHECKOUT, check=False)
    assert done.returncode == -9
    assert waiting(opened()) == [b"%d" % number for number in range(200)]


def test_only_one_process_has_it(path: Path, opened: Callable[..., AuditQueue]) -> None:
    opened().put(b"mine")
    with pytest.raises(UsageError, match="another process may hold it"):
        AuditQueue(path, capacity=100)


@pytest.mark.parametrize("content", [b"no database at all, whatever it says" * 100])
def test_what_is_no_queue_is_not_opened(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(UsageError, match="cannot be used"):
        AuditQueue(path, capacity=100)
    assert path.read_bytes() == content


def test_another_format_is_not_opened(path: Path) -> None:
    file = sqlite3.connect(path)
    file.execute("PRAGMA user_version=7")
    file.close()
    with pytest.raises(UsageError, match="format 7"):
        AuditQueue(path, capacity=100)


def test_nobody_else_may_read_it(path: Path, opened: Callable[..., AuditQueue]) -> None:
    opened().put(b"a message")
    files = list(path.parent.iterdir())
    assert len(files) > 1
    assert all(each.stat().st_mode & 0o077 == 0 for each in files)


def test_many_threads(opened: Callable[..., AuditQueue]) -> None:
    queue = opened()

    def fill(name: int) -> None:
        for number in range(100):
            assert queue.put(b"%d %d" % (name, number))

    threads = [threading.Thread(target=fill, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = waiting(queue)
    assert len(set(found)) == len(found) == queue.fill().waiting == 800
    for name in range(8):
        mine = [each for each in found if each.startswith(b"%d " % name)]
        assert mine == [b"%d %d" % (name, number) for number in range(100)]
