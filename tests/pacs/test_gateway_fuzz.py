"""Associations gone wrong, many of them: the gateway stays alive, and nothing of them stays.

RADSEAL_FUZZED_ASSOCIATIONS says how many: 200, or 1,000 and more in the long form.
"""

import os
import random
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from gateway_world import (
    CT,
    EXPLICIT,
    SECONDS,
    World,
    archive,
    closed,
    connected,
    eventually,
    files,
    gateway_site,
    half_an_object,
    nothing_incoming,
    strict,
)

from provenance.pacs.dimse.negotiation import Context, request_pdu

__all__ = ["archive", "files", "gateway_site", "strict"]

FUZZED = int(os.environ.get("RADSEAL_FUZZED_ASSOCIATIONS", "200"))


def test_fuzzed_associations_leave_it_alive(strict: World, files: dict[str, Path]) -> None:
    assert strict.process is not None
    chance = random.Random(6)
    assert strict.send(files["sealed"]).returncode == 0
    before = resources(strict.process.pid)
    for _ in range(FUZZED):
        with connected(strict, established=False) as line:
            line.settimeout(SECONDS)
            try:
                for data in fuzzed(chance):
                    line.sendall(data)
                if chance.random() < 0.3:
                    line.shutdown(socket.SHUT_WR)
                    closed(line)
            except OSError:
                pass
    eventually("nothing leaks", lambda: leaks_nothing(strict, before))
    nothing_incoming(strict)
    assert strict.send(files["sealed"]).returncode == 0
    assert "a connection failed" not in strict.log.read_text()
    assert strict.process.poll() is None


def resources(pid: int) -> tuple[int, int]:
    """Return how many threads and descriptors a process has."""
    folder = Path(f"/proc/{pid}")
    return len(list((folder / "task").iterdir())), len(list((folder / "fd").iterdir()))


def leaks_nothing(world: World, before: tuple[int, int]) -> bool:
    assert world.process is not None
    now = resources(world.process.pid)
    # SQLite closes descriptors late, as long as another connection has locks (a few, no more)
    return now[0] <= before[0] + 1 and now[1] <= before[1] + 24


def fuzzed(chance: random.Random) -> Iterator[bytes]:
    """Yield pieces of an association gone wrong."""
    request = bytearray(request_pdu("FUZZ", "RADSEAL", [Context(CT, EXPLICIT)]))
    kind = chance.randrange(6)
    if kind == 0:
        yield chance.randbytes(chance.randrange(300))
        return
    if kind == 1:
        for _ in range(chance.randrange(1, 6)):
            request[chance.randrange(len(request))] = chance.randrange(256)
        yield bytes(request)
        return
    yield bytes(request)
    if kind == 2:
        body = chance.randbytes(chance.randrange(200))
        yield struct.pack(">BBL", chance.randrange(9), 0, len(body)) + body
    elif kind == 3:
        body = chance.randbytes(chance.randrange(2, 200))
        control = chance.randrange(4)
        pdv = struct.pack(">LBB", len(body) + 2, 1, control) + body
        yield struct.pack(">BBL", 4, 0, len(pdv)) + pdv
    elif kind == 4:
        data = bytearray(half_an_object())
        for _ in range(chance.randrange(1, 8)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        yield bytes(data)
    else:
        yield half_an_object()
        yield struct.pack(">BBL", 7, 0, 4) + bytes(4)
