"""The door: a plugin on this machine asks about objects over a Unix socket (docs/service.md).

Each process that judges listens at it. An object is judged by the process that reads it, from
memory: between its last byte and the verdict there is no file, no HTTP and no other process.
"""

import hmac
import logging
import re
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from threading import BoundedSemaphore, Thread

from provenance.pacs.arrivals import Kept, Route, Sender
from provenance.pacs.intake import Weighed
from provenance.pacs.service.answers import ingested_fields
from provenance.pacs.service.bookkeeper import Bookkeeper
from provenance.pacs.service.desk import Desk, Workplace
from provenance.pacs.service.failures import Cause, NotJudgedError, told_failures
from provenance.pacs.service.frames import FrameError, expect_frames, read_frame, write_frame
from provenance.pacs.service.taken import tell_taken
from provenance.pacs.spool.spool import LetIn, Spool
from provenance.servers.body_file import require_room
from provenance.servers.http_server import BodyError

CONNECTIONS = 32
HELLO_SECONDS = 10.0
MAX_NAMES = 1000
NAME = re.compile(r"[0-9a-f]{32}\.dcm")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Doorway:
    """Where it is, who may come in, and how much they may bring.

    ``senders`` are patterns of what may be said about a sender; ``service`` hears of each object.
    """

    listener: socket.socket
    token: bytes
    object_bytes: int
    free_bytes: int
    senders: Mapping[str, str]
    service: Connection


class Door:
    """Answers in one process, a thread for each connection."""

    def __init__(self, place: Workplace, doorway: Doorway) -> None:
        self._place = place
        self._doorway = doorway
        self._books = Bookkeeper.of(place.spool)
        self._room = BoundedSemaphore(CONNECTIONS)

    def start(self) -> None:
        """Begin to answer."""
        Thread(target=self._listen, name="radseal-door", daemon=True).start()

    def close(self) -> None:
        """Write down what was let in; who is not answered by then sends again."""
        self._books.close()

    def _listen(self) -> None:
        while True:
            with self._room:
                pass  # not more at once than there is room for: they wait with the kernel
            connection, _ = self._doorway.listener.accept()
            Thread(target=self._guest, args=(connection,), daemon=True).start()

    def _guest(self, connection: socket.socket) -> None:
        with self._room, connection:
            try:
                expect_frames(connection)
                _Guest(connection, self._place, self._doorway, self._books).serve()
            except FrameError as error:
                _logger.warning("a connection of the door ends: %s", error)
            except Exception:
                _logger.exception("a connection of the door fails")


class _Guest:
    """Who is at the other end of one connection."""

    def __init__(
        self,
        connection: socket.socket,
        place: Workplace,
        doorway: Doorway,
        books: Bookkeeper,
    ) -> None:
        self._connection = connection
        self._place = place
        self._doorway = doorway
        self._books = books
        self._most = doorway.object_bytes
        self._desk: Desk | None = None
        self._taken: tuple[Kept, float] | None = None

    def serve(self) -> None:
        hello = read_frame(self._connection, most=0, wait=HELLO_SECONDS)
        if hello is None:
            return
        token = hello[0].get("token")
        given = token.encode() if isinstance(token, str) else b""
        if not hmac.compare_digest(given, self._doorway.token):
            self._say({"problem": "token", "detail": "that is not the token of the service"})
            return
        self._say({"hello": "radseal", "object_bytes": self._most})
        try:
            while (frame := read_frame(self._connection, most=self._most)) is not None:
                try:
                    with told_failures():
                        answer = self._answer(*frame)
                except NotJudgedError as error:
                    answer = {"problem": error.cause.value, "detail": error.words}
                try:
                    self._say({**answer, "key": frame[0].get("key")})
                finally:  # what was taken counts, whether or not its bringer hears it
                    self._count()
        finally:
            if self._desk is not None:
                self._desk.close()

    def _say(self, answer: Mapping[str, object]) -> None:
        write_frame(self._connection, answer)

    def _answer(self, head: Mapping[str, object], content: bytes) -> Mapping[str, object]:
        match head.get("ask"):
            case "ingest":
                return self._ingest(head, content)
            case "numbers":
                return {"numbers": self._numbers(_names(head))}
            case _:
                raise FrameError("a question that is not known")

    def _numbers(self, names: Sequence[str]) -> Mapping[str, int]:
        with Spool.open(self._place.spool) as spool:  # those who ask this bring nothing: no desk
            return spool.numbers(names)

    def _opened(self) -> Desk:
        if self._desk is None:
            self._desk = Desk.open(self._place)
        return self._desk

    def _ingest(self, head: Mapping[str, object], content: bytes) -> Mapping[str, object]:
        sender = self._sender(head)
        began = time.monotonic()
        weighed = self._weigh(content, sender)
        concluded = self._opened().conclude(content, weighed)
        if isinstance(concluded, LetIn):
            self._books.put(concluded)
        kept = concluded.made if isinstance(concluded, LetIn) else concluded
        self._taken = kept, time.monotonic() - began
        return _answer_fields(concluded)

    def _weigh(self, content: bytes, sender: Sender) -> Weighed:
        """Judge an object while its bringer finds out whether it came from that sender."""
        try:
            with told_failures():
                self._require_room(len(content))
                return self._opened().weigh(content, sender)
        finally:
            self._wait_for_go()

    def _wait_for_go(self) -> None:
        said = read_frame(self._connection, most=0)
        if said is None or said[0].get("ask") != "go":
            raise FrameError("it is asked about otherwise, or not any more")

    def _sender(self, head: Mapping[str, object]) -> Sender:
        known: dict[str, str] = {}
        for name, value in head.items():
            if name in ("ask", "key"):
                continue
            pattern = self._doorway.senders.get(name)
            if pattern is None or not isinstance(value, str) or not re.fullmatch(pattern, value):
                raise FrameError("a word about the sender is not of its form")
            known[name] = value
        return Sender(
            Route.ORTHANC,
            datetime.now(UTC),
            known.get("calling_ae"),
            known.get("called_ae"),
            known.get("address"),
        )

    def _require_room(self, size: int) -> None:
        try:
            require_room(self._place.spool, size, self._doorway.free_bytes)
        except BodyError as error:
            raise NotJudgedError(Cause.DISK, str(error)) from error

    def _count(self) -> None:
        """Tell of an object, once its bringer is answered; a log line has nothing of its header."""
        if self._taken is None:
            return
        (kept, seconds), self._taken = self._taken, None
        fields = {
            "route": kept.sender.route.value,
            "verdict": kept.judged.word.value,
            "action": kept.judged.action.value,
            "state": kept.state.value,
            "bytes": kept.size,
            "seconds": round(seconds, 4),
        }
        _logger.info("taken", extra={"fields": fields})
        tell_taken(self._doorway.service, kept, seconds)


def _names(head: Mapping[str, object]) -> list[str]:
    names = head.get("names")
    if not isinstance(names, list) or not 0 < len(names) <= MAX_NAMES:
        raise FrameError("names are a list")
    if not all(isinstance(each, str) and NAME.fullmatch(each) for each in names):
        raise FrameError("a name is not of its form")
    return names


def _answer_fields(concluded: Kept | LetIn) -> dict[str, object]:
    if isinstance(concluded, LetIn):
        return {**ingested_fields(concluded.made), "number": None, "name": concluded.name}
    return {**ingested_fields(concluded), "name": None}
