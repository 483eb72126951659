"""A TCP connection that carries whole PDUs (PS3.8, 9.3), in bounded size and time.

pynetdicom codes and decodes what is negotiated; its reactor is not used (docs/adr): it polls, and
neither the length of a PDU nor the time of a half-sent one has a bound there.
"""

import select
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import IntEnum

MAX_PDU = 131_072  # what we announce (PS3.8, D.1)
MOST = 1 << 20  # what we take: a request with 128 contexts, or the PDU of a peer that counts badly
_HEAD = struct.Struct(">BxL")
_PDV = struct.Struct(">LBB")
_SLICE_SECONDS = 0.5


class Pdu(IntEnum):
    """The types of PDUs (PS3.8, table 9-11 and following)."""

    ASSOCIATE_RQ = 1
    ASSOCIATE_AC = 2
    ASSOCIATE_RJ = 3
    DATA = 4
    RELEASE_RQ = 5
    RELEASE_RP = 6
    ABORT = 7


_KINDS = frozenset(Pdu)


class LineError(Exception):
    """The connection is of no use any more: closed, too slow, or not DICOM."""


class Stopped(LineError):  # noqa: N818 - nobody's error
    """We were asked to stop while nothing was under way."""


class Line:
    """One connection. ``idle`` seconds without a byte, or for one PDU, end it."""

    def __init__(self, connection: socket.socket, *, idle: float) -> None:
        self._socket = connection
        self._idle = idle
        self._body = bytearray(MAX_PDU)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def receive(
        self, *, until: Callable[[], bool] | None = None, within: float | None = None
    ) -> tuple[Pdu, memoryview]:
        """Return the next PDU, its type and its variable field; good until the next call.

        Its first byte is waited for ``within`` seconds, or the idle time. ``until``: raises Stopped
        once that is true and nothing has arrived. LineError for all else.
        """
        self._wait(until, self._idle if within is None else within)
        deadline = time.monotonic() + self._idle
        head = bytearray(_HEAD.size)
        self._read(memoryview(head), deadline)
        kind, length = _HEAD.unpack(head)
        if kind not in _KINDS or length > MOST:
            self.abort()
            raise LineError(f"a PDU of type {kind} and {length} bytes")
        if length > len(self._body):
            self._body = bytearray(length)
        body = memoryview(self._body)[:length]
        self._read(body, deadline)
        return Pdu(kind), body

    def send(self, data: bytes | memoryview) -> None:
        """Send bytes of whole PDUs."""
        try:
            self._socket.settimeout(self._idle)
            self._socket.sendall(data)
        except OSError as error:
            raise LineError(f"sending failed: {_words(error)}") from error

    def quiet(self) -> bool:
        """Whether the peer has said nothing, not even that it is gone."""
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return False
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def abort(self) -> None:
        """Tell the peer that this ends here (A-ABORT of the user), if it still hears."""
        with suppress(LineError):
            self.send(pdu(Pdu.ABORT, b"\0\0\0\0"))

    def close(self) -> None:
        """Let go of the connection."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _wait(self, until: Callable[[], bool] | None, within: float) -> None:
        deadline = time.monotonic() + within
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise LineError("the peer said nothing for too long")
            if poll.poll(min(left, _SLICE_SECONDS) * 1000):
                return
            if until is not None and until():
                raise Stopped("asked to stop")

    def _read(self, into: memoryview, deadline: float) -> None:
        filled = 0
        while filled < len(into):
            left = deadline - time.monotonic()
            if left <= 0:
                raise LineError("a PDU did not arrive in time")
            try:
                self._socket.settimeout(left)
                count = self._socket.recv_into(into[filled:])
            except OSError as error:
                raise LineError(f"receiving failed: {_words(error)}") from error
            if count == 0:
                raise LineError("the peer has closed the connection")
            filled += count


def pdu(kind: Pdu, body: bytes) -> bytes:
    """Return a PDU."""
    return _HEAD.pack(kind, len(body)) + body


def data_pdus(
    context: int, parts: Iterable[tuple[bytes | memoryview, bool]], *, command: bool
) -> bytes:
    """Return P-DATA-TF PDUs of one fragment each; of each part, whether it is the last."""
    pieces: list[bytes | memoryview] = []
    for part, last in parts:
        control = (1 if command else 0) | (2 if last else 0)
        pieces.append(_HEAD.pack(Pdu.DATA, len(part) + _PDV.size))
        pieces.append(_PDV.pack(len(part) + 2, context, control))
        pieces.append(part)
    return b"".join(pieces)


def fragments(body: memoryview) -> Iterable[tuple[int, int, memoryview]]:
    """Yield context, message control header and data of each PDV; LineError if it is malformed."""
    at = 0
    while at < len(body):
        if len(body) - at < _PDV.size:
            raise LineError("half a PDV")
        length, context, control = _PDV.unpack_from(body, at)
        end = at + 4 + length
        if length < 2 or end > len(body):
            raise LineError("a PDV whose length is wrong")
        yield context, control, body[at + _PDV.size : end]
        at = end


def _words(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
