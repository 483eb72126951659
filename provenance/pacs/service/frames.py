"""Messages of the door: a head that is a JSON object, and a body of bytes (docs/service.md)."""

import json
import select
import socket
import struct
from collections.abc import Mapping

_SIZES = struct.Struct(">IQ")
MAX_HEAD = 1 << 17
SECONDS = 30
"""How long a message that has begun may stand still."""


class FrameError(Exception):
    """The other side broke off, or what it sent is no message: the connection is of no more use."""


def expect_frames(connection: socket.socket) -> None:
    """Make a connection one that waits ``SECONDS`` for the rest of a message, and no longer."""
    limit = struct.pack("ll", SECONDS, 0)
    # not settimeout: recv would return with every piece, instead of once
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def read_frame(
    connection: socket.socket, *, most: int, wait: float | None = None
) -> tuple[Mapping[str, object], bytes] | None:
    """Return the next message, None if there is none and the other side has closed; FrameError.

    ``most`` is how many bytes its body may have; ``wait`` how many seconds it may begin later.
    """
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    if not waiting.poll(None if wait is None else wait * 1000):
        raise FrameError("no message came")
    first = _read(connection, _SIZES.size, may_end=True)
    if not first:
        return None
    head_size, body_size = _SIZES.unpack(first)
    if head_size > MAX_HEAD or body_size > most:
        raise FrameError("a message larger than one may be")
    try:
        head = json.loads(_read(connection, head_size))
    except (ValueError, RecursionError) as error:
        raise FrameError("a head that is no JSON") from error
    if not isinstance(head, dict):
        raise FrameError("a head that is no JSON object")
    return head, _read(connection, body_size)


def write_frame(connection: socket.socket, head: Mapping[str, object], body: bytes = b"") -> None:
    """Send a message; FrameError if the other side does not take it."""
    encoded = json.dumps(head).encode()
    try:
        connection.sendall(_SIZES.pack(len(encoded), len(body)) + encoded)
        if body:
            connection.sendall(body)
    except OSError as error:
        raise FrameError("the other side does not listen") from error


def _read(connection: socket.socket, size: int, *, may_end: bool = False) -> bytes:
    try:
        found = connection.recv(size, socket.MSG_WAITALL) if size else b""
    except (OSError, MemoryError) as error:
        raise FrameError("a message was cut off") from error
    if len(found) != size and (found or not may_end):
        raise FrameError("a message was cut off")
    return found
