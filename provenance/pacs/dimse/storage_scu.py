"""An association with an archive, kept open: C-STORE of files as they are (PS3.4, B)."""

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from provenance.errors import MalformedError
from provenance.pacs.arrivals import Instance
from provenance.pacs.dimse.command_set import (
    MAX_COMMAND,
    Command,
    Element,
    read_command,
    write_command,
)
from provenance.pacs.dimse.line import MAX_PDU, Line, LineError, Pdu, data_pdus, fragments, pdu
from provenance.pacs.dimse.negotiation import (
    Agreed,
    Context,
    read_answer,
    read_rejection,
    request_pdu,
)
from provenance.pacs.gateway.configuration import Archive

MAX_WANTED = 120  # contexts of one association
CONNECT_SECONDS = 10.0
IDLE_SECONDS = 60.0
ANSWER_SECONDS = 300.0  # an archive may take its time over a large object
_BATCH = 1 << 18  # bytes handed to the system at once
_HAS_DATASET, _MEDIUM = 0x0000, 0x0000
_WARNINGS = (0x0107, 0x0116)


class NotStoredError(Exception):
    """The archive has answered, and does not have the object; ``status`` if that was the answer."""

    def __init__(self, says: str, status: int | None = None) -> None:
        super().__init__(says)
        self.status = status


class UnreachableError(Exception):
    """The archive has not answered: what it has is not known.

    ``over_object`` if an association stood, and it ended while the object was on its way.
    """

    def __init__(self, says: str, *, over_object: bool = False) -> None:
        super().__init__(says)
        self.over_object = over_object


@dataclass(frozen=True, slots=True)
class Stored:
    """The archive has the object; a ``status`` other than 0 is its warning."""

    status: int


@dataclass
class StorageScu:
    """Sends objects to one archive; opens the association when it is needed."""

    archive: Archive
    title: str
    tls: ssl.SSLContext | None = None
    _line: Line | None = None
    _agreed: Agreed = field(default_factory=lambda: Agreed({}, 0))
    _wanted: tuple[Context, ...] = ()
    _message: int = 0
    _fresh: bool = False

    @property
    def is_open(self) -> bool:
        """Whether an association is held."""
        return self._line is not None

    def store(self, path: Path, instance: Instance, *, also: Sequence[Instance] = ()) -> Stored:
        """Send one file. NotStoredError or UnreachableError if it was not stored, or perhaps.

        ``also``: what will be sent next, so that one association carries it all. An association
        that an archive has closed meanwhile is opened once more.
        """
        self._prepare(instance, also)
        again = not self._fresh
        try:
            return self._store(path, instance)
        except UnreachableError:
            if not again:
                raise
            self._prepare(instance, also)
            return self._store(path, instance)

    def close(self) -> None:
        """Release the association."""
        line, self._line = self._line, None
        if line is None:
            return
        with suppress(LineError):
            line.send(pdu(Pdu.RELEASE_RQ, bytes(4)))
            line.receive()
        line.close()

    def _prepare(self, instance: Instance, also: Sequence[Instance]) -> None:
        if self._line is not None and (
            not self._line.quiet() or _context_of(instance) not in self._wanted
        ):
            self.close()
        if self._line is None:
            wanted = map(_context_of, (instance, *also))
            self._wanted = tuple(dict.fromkeys((*wanted, *self._wanted)))[:MAX_WANTED]
            self._open()

    def _open(self) -> None:
        archive = self.archive
        try:
            connection = socket.create_connection((archive.host, archive.port), CONNECT_SECONDS)
        except OSError as error:
            raise UnreachableError(f"no connection: {error}") from error
        try:
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_hostname=archive.host)
            line = Line(connection, idle=IDLE_SECONDS)
            line.send(request_pdu(self.title, archive.ae_title, self._wanted))
            kind, body = line.receive()
            answer = pdu(kind, bytes(body))
            if kind is Pdu.ASSOCIATE_RJ:
                raise UnreachableError(read_rejection(answer))
            if kind is not Pdu.ASSOCIATE_AC:
                raise UnreachableError("the association was aborted")
            self._agreed = read_answer(answer, self._wanted)
        except (OSError, LineError, MalformedError) as error:
            connection.close()
            raise UnreachableError(f"no association: {error}") from error
        except UnreachableError:
            connection.close()
            raise
        self._line, self._fresh = line, True

    def _store(self, path: Path, instance: Instance) -> Stored:
        context = self._context(instance)
        line = self._line
        assert line is not None
        self._message = self._message % 0xFFFF + 1
        command = write_command(
            {
                Element.SOP_CLASS: instance.sop_class,
                Element.COMMAND: Command.C_STORE_RQ,
                Element.MESSAGE_ID: self._message,
                Element.PRIORITY: _MEDIUM,
                Element.DATASET_TYPE: _HAS_DATASET,
                Element.SOP_INSTANCE: instance.sop_instance,
            }
        )
        try:
            with path.open("rb") as file:
                begin_dataset(file)
                self._send(line, context, command, file)
            status = self._answer(line)
        except (LineError, MalformedError) as error:
            line.abort()
            line.close()
            self._line = None
            raise UnreachableError(str(error), over_object=True) from error
        except BaseException:  # half a message: the association is of no use
            line.abort()
            line.close()
            self._line = None
            raise
        self._fresh = False
        if status == 0 or 0xB000 <= status <= 0xBFFF or status in _WARNINGS:
            return Stored(status)
        raise NotStoredError(f"status {status:04X}", status)

    def _context(self, instance: Instance) -> int:
        wanted = _context_of(instance)
        for number, context in self._agreed.contexts.items():
            if context == wanted:
                return number
        raise NotStoredError(
            f"it takes no {wanted.abstract} in the transfer syntax {wanted.transfer}"
        )

    def _send(self, line: Line, context: int, command: bytes, file: BinaryIO) -> None:
        most = (min(self._agreed.most, MAX_PDU) if self._agreed.most else MAX_PDU) - 6
        if most < 8:
            raise LineError("the archive takes no PDU of any use")
        parts = [command[at : at + most] for at in range(0, len(command), most)]
        held = data_pdus(context, [(part, part is parts[-1]) for part in parts], command=True)
        for batch in _batches(file, most):
            line.send(held + data_pdus(context, batch, command=False))
            held = b""

    def _answer(self, line: Line) -> int:
        collected = bytearray()
        while True:
            kind, body = line.receive(within=ANSWER_SECONDS)
            if kind is not Pdu.DATA:
                raise LineError(f"the archive answers with {kind.name}")
            for _, control, data in fragments(body):
                if not control & 1:
                    raise LineError("the archive answers with a data set")
                collected += data
                if len(collected) > MAX_COMMAND:
                    raise LineError("the archive answers without an end")
                if control & 2:
                    said = read_command(bytes(collected))
                    if (
                        said.number(Element.COMMAND) != Command.C_STORE_RSP
                        or said.number(Element.ANSWERED_ID) != self._message
                    ):
                        raise LineError("the archive answers something else")
                    return said.number(Element.STATUS)


def _context_of(instance: Instance) -> Context:
    return Context(instance.sop_class, instance.transfer_syntax)


def begin_dataset(file: BinaryIO) -> None:
    """Move to the first byte behind the file meta information (PS3.10, 7.1)."""
    head = file.read(144)
    length = head[140:144]
    if head[128:140] != b"DICM\2\0\0\0UL\4\0" or len(length) != 4:
        raise NotStoredError("the file in the spool is no Part 10 file with a group length")
    file.seek(144 + int.from_bytes(length, "little"))


def _batches(file: BinaryIO, most: int) -> Iterator[list[tuple[memoryview, bool]]]:
    """Yield the fragments of the data set, some at a time, the last one marked."""
    size = max(1, _BATCH // most) * most
    block = file.read(size)
    while True:
        following = file.read(size)
        view = memoryview(block)
        cuts = range(0, len(view), most) if view else range(1)
        yield [(view[at : at + most], not following and at + most >= len(view)) for at in cuts]
        if not following:
            return
        block = following
