"""Connections that fall silent, vanish or dawdle, at every place: each ends, and nothing leaks."""

import signal
import socket
import struct
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gateway_faults.streams import Stream
from benchmarks.gateway_faults.world import (
    POLICY,
    Door,
    Images,
    Resources,
    Sending,
    eventually,
)
from benchmarks.ports import free_port
from ledger import Algorithm
from provenance import Site

_IDLE, _OBJECT, _ASSOCIATIONS = 2, 5, 32
_AT_ONCE = 16  # that have begun an object: ten bad ones, and a few honest
_LIMITS = (
    f"free_disk_bytes = 0\nidle_seconds = {_IDLE}\nobject_seconds = {_OBJECT}\n"
    f"associations = {_ASSOCIATIONS}"
)
_TCP_REPAIR = 19


@dataclass(frozen=True, slots=True)
class Lines:
    """What came of it."""

    silent: int
    vanished: int
    reset: int
    slow: int
    left_open: int
    turned_away: int
    honest: int
    stored: int
    half: bool
    before: Resources
    after: Resources

    @property
    def ok(self) -> bool:
        return (
            self.stored == self.honest
            and not (self.left_open or self.half)
            and self.turned_away > 0
            and self.after.within(self.before, at_once=_AT_ONCE)
        )

    def words(self) -> str:
        return (
            f"{self.silent} connections fell silent, {self.vanished} vanished without a FIN, "
            f"{self.reset} were reset, {self.slow} sent a byte a second: {self.left_open} were "
            f"left open; {self.turned_away} beyond the limit were turned away; {self.stored} of "
            f"{self.honest} honest objects meanwhile stored; threads {self.before.threads} before, "
            f"{self.after.threads} after, descriptors {self.before.descriptors} before, "
            f"{self.after.descriptors} after; {'something' if self.half else 'nothing'} half was "
            "left"
        )


def places(stream: Stream) -> list[bytes]:
    """Return what a peer has said before it falls silent, at each place that differs."""
    request, command, first = stream.request, stream.command, stream.data[0]
    return [
        b"",
        request[:3],
        request[: len(request) // 2],
        request,
        request + command[:8],
        request + command[: len(command) // 2],
        request + command,
        request + command + first[:3],
        request + command + first[: len(first) // 2],
        request + command + first,
    ]


def run(folder: Path, *, rounds: int) -> Lines:
    """Let connections go wrong in so many rounds, with honest objects in between."""
    site = Site.init(folder / "site", algorithm=Algorithm.ED25519)
    images = Images.make(6 + rounds * 6, site, folder / "images")
    stream, honest = Stream.of(images.sealed[0]), list(images.sealed[1 : rounds * 4 + 2])
    policy = POLICY.replace('"ledger"', '"seal"')
    door = Door(folder / "gateway", site, free_port(), limits=_LIMITS, policy=policy)
    door.start()
    silent = vanished = reset = slow = open_ = away = stored = 0
    try:
        stored += _store(door, honest[:1])
        before = Resources.at_rest(door.pid)
        for number in range(rounds):
            some = honest[1 + number * 4 : 5 + number * 4]
            with ExitStack() as stack:
                held = []
                for said in places(stream):
                    held.append(stack.enter_context(_connected(door)))
                    held[-1].sendall(said)
                    vanished += _vanished(door, said)
                    _reset(door, said)
                silent, reset = silent + len(held), reset + len(held)
                stored += _store(door, some[:2])
                open_ += sum(not _ends(line) for line in held)
            left, count = _slow(door, stream)
            open_, slow = open_ + left, slow + count
            away += _turned_away(door, stream)
            stored += _store(door, some[2:])
        with suppress(RuntimeError):  # what leaks is told
            eventually(
                "nothing leaks",
                lambda: Resources.of(door.pid).within(before, at_once=_AT_ONCE),
                seconds=60,
            )
        after, half = Resources.of(door.pid), not door.nothing_half()
    finally:
        door.end(signal.SIGTERM)
    return Lines(
        silent,
        vanished,
        reset,
        slow,
        open_,
        away,
        1 + rounds * 4,
        stored,
        half,
        before,
        after,
    )


def _connected(door: Door) -> socket.socket:
    return socket.create_connection(("127.0.0.1", door.port), 60)


def _vanished(door: Door, said: bytes) -> int:
    """Connect, speak, and be gone without a FIN or RST, as if a cable was cut; 1 if that can be."""
    with _connected(door) as line:
        line.sendall(said)
        with suppress(OSError):  # who may not, closes in the usual way
            line.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
            return 1
    return 0


def _reset(door: Door, said: bytes) -> None:
    with _connected(door) as line:
        line.sendall(said)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _ends(line: socket.socket) -> bool:
    """Whether the gateway closes the connection."""
    line.settimeout(_IDLE + _OBJECT + 60)
    try:
        while line.recv(65_536):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


def _slow(door: Door, stream: Stream) -> tuple[int, int]:
    """Send a byte a second at four places; return how many were let, and how many there were."""
    one = [b"\4\0\0\0\0\7\0\0\0\3\1\0x"] * 120  # a whole PDU each second, with one byte
    request, command = stream.request, stream.command
    cases: list[tuple[bytes, list[bytes]]] = [
        (b"", _bytes(request)),
        (request, _bytes(command)),
        (request + command, _bytes(stream.data[0])),
        (request + command, one),
    ]
    let: list[bool] = []

    def drip(said: bytes, pieces: list[bytes]) -> None:
        with _connected(door) as line:
            try:
                line.sendall(said)
                for piece in pieces:
                    line.sendall(piece)
                    time.sleep(1)
            except OSError:
                return
            let.append(True)

    threads = [threading.Thread(target=drip, args=case) for case in cases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(let), len(cases)


def _bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(120)]


def _turned_away(door: Door, stream: Stream) -> int:
    """Open as many associations as there may be, and three more; return how many were rejected."""
    with ExitStack() as stack:
        for _ in range(_ASSOCIATIONS):
            line = stack.enter_context(_connected(door))
            line.sendall(stream.request)
        rejected = 0
        for _ in range(3):
            line = stack.enter_context(_connected(door))
            line.sendall(stream.request)
            rejected += line.recv(1) == b"\3"
        return rejected


def _store(door: Door, paths: list[Path]) -> int:
    """Store by storescu; return how many were."""
    left = list(paths)

    def stored() -> bool:
        nonlocal left
        sending = Sending(left, door.port)
        list(sending)
        left = [path for path, answer in sending.answers.items() if answer != "Success"]
        return not left

    with suppress(RuntimeError):  # what is left is told
        eventually("they are stored", stored, seconds=30)
    return len(paths) - len(left)
