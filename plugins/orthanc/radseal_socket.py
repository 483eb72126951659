# Copyright the radseal contributors
# SPDX-License-Identifier: Apache-2.0 OR AGPL-3.0-or-later
"""What the plugin asks at the door of `radseal serve`, over a Unix socket. No Orthanc here."""

import json
import queue
import secrets
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from radseal_service import ACTIONS, NotAskedError, TooLargeError

SIZES = struct.Struct(">IQ")
MAX_ANSWER = 1 << 24
IDLE_CONNECTIONS = 16


class BrokenError(Exception):
    """A connection that was kept is of no more use."""


class Connection:
    """A connection to the door: one question after the other."""

    def __init__(self, path: str, token: str, timeout: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            # not settimeout: then each piece would be a call of its own
            limit = struct.pack("ll", int(timeout), int(timeout % 1 * 1e6))
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            self._socket.connect(path)
            self.send({"token": token})
            hello = self.receive()
            if "hello" not in hello:
                raise BrokenError("the token is not that of the service")
            most = hello.get("object_bytes")
            self.most = most if isinstance(most, int) else None  # a service that does not say it
        except (OSError, BrokenError):
            self.close()
            raise

    def send(self, head: Mapping[str, object], body: bytes = b"") -> None:
        """Send a message."""
        encoded = json.dumps(head).encode()
        self._socket.sendall(SIZES.pack(len(encoded), len(body)) + encoded)
        if body:
            self._socket.sendall(body)

    def receive(self) -> dict[str, Any]:
        """Return the head of the next message; OSError, BrokenError."""
        size, none = SIZES.unpack(self._exactly(SIZES.size))
        if none or size > MAX_ANSWER:
            raise BrokenError("an answer of another form")
        try:
            answer = json.loads(self._exactly(size))
        except ValueError as error:
            raise BrokenError("an answer that is no JSON") from error
        if not isinstance(answer, dict):
            raise BrokenError("an answer that is no JSON object")
        return answer

    def _exactly(self, size: int) -> bytes:
        found = self._socket.recv(size, socket.MSG_WAITALL)
        if len(found) != size:
            raise BrokenError("the service went away")
        return found

    def close(self) -> None:
        """Close it: what was asked is not to be answered."""
        self._socket.close()


class Asked:
    """A question about an object that is being judged. Nothing is kept before ``answer``."""

    def __init__(self, door: "ServiceDoor", content: bytes, sender: Mapping[str, str]) -> None:
        self.content = content
        self.sender = {name: value for name, value in sender.items() if value}
        self._door = door
        self._key = secrets.token_hex(8)
        self._connection, self._kept = door.connection()
        self._require_small()
        try:
            self._send()
        except (OSError, BrokenError) as error:
            self._again(error)

    def answer(self) -> dict[str, Any]:
        """Return what becomes of the object, and who brought it; NotAskedError if not known."""
        try:
            try:
                answer = self._go()
            except (OSError, BrokenError) as error:
                self._again(error)
                answer = self._go()
        except (OSError, BrokenError) as error:
            raise self._given_up(error) from error
        except BaseException:
            self.drop()
            raise
        self._door.keep(self._connection)
        return {**checked(answer), "sender": self.sender}

    def drop(self) -> None:
        """Ask no more: nothing of it is kept."""
        self._connection.close()

    def _send(self) -> None:
        question = {"ask": "ingest", "key": self._key, **self.sender}
        self._connection.send(question, self.content)

    def _go(self) -> dict[str, Any]:
        self._connection.send({"ask": "go"})
        answer = self._connection.receive()
        if answer.get("key") != self._key:
            raise BrokenError("an answer to another question")
        return answer

    def _again(self, error: Exception) -> None:
        """Ask once more from anew: the service was started again, and nothing was kept."""
        self._connection.close()
        if not self._kept or isinstance(error, (TimeoutError, BlockingIOError)):
            raise self._given_up(error) from error
        self._door.forget()
        self._connection, self._kept = self._door.connection()
        self._require_small()
        try:
            self._send()
        except (OSError, BrokenError) as other:
            raise self._given_up(other) from other

    def _require_small(self) -> None:
        """Return only if the service takes an object of this size; TooLargeError."""
        most = self._connection.most
        if most is not None and len(self.content) > most:
            self._door.keep(self._connection)
            raise TooLargeError(f"it has {len(self.content)} bytes, and {most} may come")

    def _given_up(self, error: Exception) -> NotAskedError:
        self._connection.close()
        return NotAskedError(f"no answer from the service: {error!r}")


class ServiceDoor:
    """The door of `radseal serve`. Many threads may use it; connections are kept."""

    def __init__(self, path: str, token: str, timeout: float) -> None:
        self._path = path
        self._token = token
        self._timeout = timeout
        self._idle: queue.LifoQueue[Connection] = queue.LifoQueue(IDLE_CONNECTIONS)

    def ask(self, content: bytes, **sender: str) -> Asked:
        """Begin to ask about an object; NotAskedError."""
        return Asked(self, content, sender)

    def ingest(self, content: bytes, **sender: str) -> dict[str, Any]:
        """Return what becomes of an object that came; NotAskedError if that is not known."""
        return self.ask(content, **sender).answer()

    def numbers(self, names: Sequence[str]) -> dict[str, int]:
        """Return the numbers of those that the service has written down; NotAskedError."""
        connection, kept = self.connection()
        try:
            connection.send({"ask": "numbers", "names": list(names)})
            answer = connection.receive()
        except (OSError, BrokenError) as error:
            connection.close()
            self.forget()
            if kept and not isinstance(error, (TimeoutError, BlockingIOError)):
                return self.numbers(names)
            raise NotAskedError(f"no answer from the service: {error!r}") from error
        self.keep(connection)
        numbers = answer.get("numbers")
        if not isinstance(numbers, dict):
            raise NotAskedError(f"an answer without numbers: {answer.get('detail', '')}")
        return numbers

    def connection(self) -> tuple[Connection, bool]:
        """Return a connection, and whether it was kept; NotAskedError."""
        try:
            return self._idle.get_nowait(), True
        except queue.Empty:
            pass
        try:
            return Connection(self._path, self._token, self._timeout), False
        except (OSError, BrokenError) as error:
            raise NotAskedError(f"there is no way to the service: {error!r}") from error

    def keep(self, connection: Connection) -> None:
        """Take a connection back."""
        try:
            self._idle.put_nowait(connection)
        except queue.Full:
            connection.close()

    def forget(self) -> None:
        """Close the connections that nobody uses just now."""
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return


def checked(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer that says what to do, whole; NotAskedError for any other."""
    if "problem" in answer:
        raise NotAskedError(f"the service took nothing: {answer.get('detail', '')}")
    whole = isinstance(answer.get("verdict"), str) and isinstance(answer.get("report"), dict)
    named = isinstance(answer.get("name"), str) or isinstance(answer.get("number"), int)
    if not whole or not named or answer.get("action") not in ACTIONS:
        raise NotAskedError("an answer without action, verdict, report or name")
    return answer
